#include "compiler/frontend/onnx/graph/CodedMatrix.h"

#include "compiler/frontend/onnx/graph/Registry.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::frontend::onnx {
namespace {

using Format = runtime::ApartFormat;

/// Codes with one scale a row, or one for all, are cut into blocks of so many on cores.
constexpr uint32_t sharedLength = 32;

std::string inputOf(const Node &node, size_t i) { return i < node.inputs.size() ? node.inputs[i] : std::string(); }

bool isSignedCode(ElementType type) { return type == ElementType::Int8 || type == ElementType::Int4; }

std::optional<uint32_t> codeBits(ElementType type) {
  switch (type) {
  case ElementType::Int8:
  case ElementType::UInt8:
    return 8;
  case ElementType::Int4:
  case ElementType::UInt4:
    return 4;
  default:
    return std::nullopt;
  }
}

/// The bytes of a tensor as a file would have them.
std::vector<std::byte> packedBytes(const TensorData &tensor) {
  if (codeBits(tensor.type) != 4)
    return tensor.bytes;
  std::vector<std::byte> packed((tensor.bytes.size() + 1) / 2);
  for (size_t i = 0; i < tensor.bytes.size(); ++i)
    packed[i / 2] |= (tensor.bytes[i] & std::byte{15}) << (i % 2 * 4);
  return packed;
}

ApartPlaces::Place placeOf(const TensorData &tensor) {
  if (tensor.range)
    return {tensor.range->file, tensor.range->offset};
  return {0, 0, packedBytes(tensor)};
}

bool hasBytes(const TensorData &tensor, uint64_t bytes) {
  return (tensor.range ? tensor.range->bytes : packedBytes(tensor).size()) == bytes;
}

/// What a weight is made of. Zero points may not be given.
struct Parts {
  const TensorData *codes = nullptr, *scales = nullptr, *zeros = nullptr;
  Format::Scale scale = Format::Scale::F32;
};

Result<Parts> partsOf(const std::string &codes, const std::string &scales, const std::string &zeros,
                      const FindInitializer &find) {
  Parts parts;
  for (const auto &[what, name, part] : {std::tuple("codes", codes, &parts.codes),
                                         {"scales", scales, &parts.scales},
                                         {"zero points", zeros, &parts.zeros}})
    if (!name.empty() && !(*part = find(name)))
      return userError(fmt::format("its {} '{}' are computed by another node, not stored in the file", what, name));
  if (!parts.codes || !parts.scales)
    return userError("it has no codes and scales");
  if (!parts.codes->range)
    return userError(fmt::format("its codes '{}' are not stored as raw bytes", codes));
  switch (parts.scales->type) {
  case ElementType::Float:
    return parts;
  case ElementType::Float16:
    parts.scale = Format::Scale::F16;
    return parts;
  case ElementType::BFloat16:
    parts.scale = Format::Scale::BF16;
    return parts;
  default:
    return userError(fmt::format("its scales '{}' are of {}, not of float32, float16 or bfloat16", scales,
                                 nameOf(parts.scales->type)));
  }
}

Result<void> checkLength(int64_t length) {
  Format format;
  format.length = static_cast<uint32_t>(std::clamp<int64_t>(length, 0, INT32_MAX));
  return format.isKnown()
             ? success()
             : userError(fmt::format("cores know blocks of 16, 32, 64, 128 or 256 weights, not of {}", length));
}

/// `rows` x `length` numbers. The same tensors may be another matrix elsewhere, which has another name.
WeightInfo weightOf(const Parts &parts, const Format &format, uint64_t rows, uint64_t length) {
  auto named = [](const TensorData &part) { return part.weight.empty() ? part.name : part.weight; };
  WeightInfo info{.name = fmt::format("{} with {}{}, {} x {} of {}", parts.codes->weight, named(*parts.scales),
                                      parts.zeros ? " and " + named(*parts.zeros) : "", rows, length, nameOf(format)),
                  .type = WeightType::F32,
                  .shape = {rows, length},
                  .file = parts.codes->range->file,
                  .offset = parts.codes->range->offset};
  info.apart = {format, placeOf(*parts.scales), parts.zeros ? placeOf(*parts.zeros) : ApartPlaces::Place{}};
  return info;
}

/// Who shares a scale; none: no weight's rows do.
std::optional<Format::Share> shareOf(const CodedMatrix &matrix, const TensorData &codes, const TensorData &scales,
                                     bool transposed) {
  const size_t outer = transposed ? 1 : 0, inner = 1 - outer;
  if (scales.elements() == 1 && matrix.block == 0)
    return Format::Share::Matrix;
  const int64_t axis = matrix.axis < 0 ? matrix.axis + 2 : matrix.axis;
  if (axis != static_cast<int64_t>(matrix.block == 0 ? outer : inner))
    return std::nullopt;
  if (matrix.block == 0)
    return scales.elements() == codes.shape[outer] ? std::optional(Format::Share::Row) : std::nullopt;
  std::vector<int64_t> blocks = codes.shape;
  blocks[inner] = (blocks[inner] + matrix.block - 1) / matrix.block;
  return scales.shape == blocks ? std::optional(Format::Share::Block) : std::nullopt;
}

/// Symmetric codes are often given zero points, of which each is 0.
bool areNothing(const TensorData &zeros) {
  return isSignedCode(zeros.type) && !zeros.range &&
         std::all_of(zeros.bytes.begin(), zeros.bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

/// A matrix of codes in bytes, each row of which begins with a new one.
struct PackedMatrix {
  std::string codes, scales, zeros; // no zeros: an empty name
  int64_t rows = 0, columns = 0, bits = 0, length = 0;
};

Result<WeightInfo> packedWeight(const PackedMatrix &matrix, const FindInitializer &find) {
  Result<Parts> parts = partsOf(matrix.codes, matrix.scales, matrix.zeros, find);
  if (!parts)
    return parts.takeError();
  for (const auto &[what, part] : {std::pair("codes", parts->codes), {"zero points", parts->zeros}})
    if (part && part->type != ElementType::UInt8)
      return userError(
          fmt::format("its {} '{}' are of {}, not of bytes (uint8)", what, part->name, nameOf(part->type)));
  if (Result<void> checked = checkLength(matrix.length); !checked)
    return checked.takeError();
  const auto [bits, length, rows, columns] = std::tuple(matrix.bits, matrix.length, matrix.rows, matrix.columns);
  const Format format{static_cast<uint32_t>(std::clamp<int64_t>(bits, 0, INT32_MAX)), static_cast<uint32_t>(length),
                      parts->scale, parts->zeros != nullptr};
  if (!format.isKnown())
    return userError(fmt::format("cores know no codes of {} bits", bits));
  if (columns < 1 || rows < 1 || columns > INT32_MAX || rows > INT32_MAX)
    return userError(fmt::format("it is {} x {} numbers", rows, columns));
  const auto inner = static_cast<uint64_t>(columns), outer = static_cast<uint64_t>(rows);
  if (!hasBytes(*parts->codes, format.codeBytes(outer, inner)) ||
      !hasBytes(*parts->scales, format.scaleBytes(outer, inner)) ||
      (parts->zeros && !hasBytes(*parts->zeros, format.zeroBytes(outer, inner))))
    return userError("its codes, scales and zero points are not those of one matrix");
  return weightOf(*parts, format, outer, inner);
}

} // namespace

Makers::Makers(const Graph &graph) {
  for (const Node &node : graph.nodes)
    for (const std::string &output : node.outputs)
      makers.emplace(output, &node);
}

const Node *Makers::operator()(const std::string &value) const {
  auto found = makers.find(value);
  return found == makers.end() ? nullptr : found->second;
}

std::optional<CodedMatrix> dequantisedBy(const Node &node) {
  if (node.op != "DequantizeLinear" || node.inputs.size() < 2)
    return std::nullopt;
  return CodedMatrix{node.inputs[0], node.inputs[1], inputOf(node, 2), node.number("axis", 1),
                     node.number("block_size", 0)};
}

/// A node DynamicQuantizeLinear that makes codes and their zero points of what they are; null: there is none, or the
/// zero point is not used.
static const Node *roundedBy(const std::string &codes, const std::string &zeros, const FindMaker &maker) {
  const Node *made = codes.empty() ? nullptr : maker(codes);
  const bool fits = made && made->op == "DynamicQuantizeLinear" && made->domain.empty() && made->inputs.size() == 1 &&
                    made->outputs.size() == 3 && made->outputs[0] == codes && !zeros.empty() &&
                    made->outputs[2] == zeros;
  return fits ? made : nullptr;
}

/// Mul(Cast(MatMulInteger(x, w)), Mul(scale of x, scale of w))
static std::optional<DynamicProduct> dynamicChain(const Node &node, const FindMaker &maker) {
  auto madeBy = [&](const std::string &value, const char *op) -> const Node * {
    const Node *made = value.empty() ? nullptr : maker(value);
    return made && made->op == op && made->domain.empty() ? made : nullptr;
  };
  if (node.inputs.size() != 2)
    return std::nullopt;
  for (size_t i : {0, 1}) {
    const Node *cast = madeBy(node.inputs[i], "Cast"), *scales = madeBy(node.inputs[1 - i], "Mul");
    const Node *product = cast && cast->inputs.size() == 1 ? madeBy(cast->inputs[0], "MatMulInteger") : nullptr;
    const Node *rounded = product ? roundedBy(inputOf(*product, 0), inputOf(*product, 2), maker) : nullptr;
    if (!rounded || !scales || scales->inputs.size() != 2)
      continue;
    for (size_t j : {0, 1})
      if (scales->inputs[j] == rounded->outputs[1])
        return DynamicProduct{
            rounded->inputs[0], {product->inputs[1], scales->inputs[1 - j], inputOf(*product, 3)}, {}, product};
  }
  return std::nullopt;
}

std::optional<DynamicProduct> dynamicProduct(const Node &node, const FindMaker &maker) {
  auto input = [&](size_t i) { return inputOf(node, i); };
  if (node.op == "Mul" && node.domain.empty())
    return dynamicChain(node, maker);
  if (node.domain != microsoftDomain)
    return std::nullopt;
  if (node.op == "DynamicQuantizeMatMul")
    return DynamicProduct{input(0), {input(1), input(2), input(3)}, input(4), &node};
  if (node.op == "MatMulIntegerToFloat")
    if (const Node *rounded = roundedBy(input(0), input(4), maker); rounded && input(2) == rounded->outputs[1])
      return DynamicProduct{rounded->inputs[0], {input(1), input(3), input(5)}, input(6), &node};
  if (node.op == "QAttention")
    if (const Node *rounded = roundedBy(input(0), input(6), maker); rounded && input(3) == rounded->outputs[1])
      return DynamicProduct{rounded->inputs[0], {input(1), input(4), input(7)}, input(2), &node};
  return std::nullopt;
}

int64_t roundedProducts(const Graph &graph) {
  constexpr int64_t inIntegers = 4; // accuracy_level
  const Makers makers(graph);
  return std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node &node) {
    return (node.op == "MatMulNBits" && node.number("accuracy_level", 0) == inIntegers) ||
           dynamicProduct(node, std::ref(makers));
  });
}

Result<WeightInfo> codedWeight(const CodedMatrix &matrix, bool transposed, const FindInitializer &find) {
  Result<Parts> parts = partsOf(matrix.codes, matrix.scales, matrix.zeros, find);
  if (!parts)
    return parts.takeError();
  const TensorData &codes = *parts->codes;
  const std::optional<uint32_t> bits = codeBits(codes.type);
  if (!bits)
    return userError(fmt::format("its codes '{}' are of {}, not of 4 or 8 bits", matrix.codes, nameOf(codes.type)));
  if (codes.shape.size() != 2 ||
      std::any_of(codes.shape.begin(), codes.shape.end(), [](int64_t size) { return size < 1 || size > INT32_MAX; }))
    return userError(fmt::format("its codes '{}' [{}] are no matrix", matrix.codes, fmt::join(codes.shape, ", ")));
  if (matrix.block != 0)
    if (Result<void> checked = checkLength(matrix.block); !checked)
      return checked.takeError();
  const std::optional<Format::Share> share = shareOf(matrix, codes, *parts->scales, transposed);
  if (!share)
    return userError(fmt::format("its scales '{}' are not one for all, one for each {} of its codes '{}' or one for "
                                 "each block along the others",
                                 matrix.scales, transposed ? "column" : "row", matrix.codes));
  if (parts->zeros && (parts->zeros->type != codes.type || parts->zeros->elements() != parts->scales->elements()))
    return userError(
        fmt::format("its zero points '{}' are not of {} and as many as its scales", matrix.zeros, nameOf(codes.type)));
  if (parts->zeros && areNothing(*parts->zeros))
    parts->zeros = nullptr;
  const Format format{*bits,
                      matrix.block ? static_cast<uint32_t>(matrix.block) : sharedLength,
                      parts->scale,
                      parts->zeros != nullptr,
                      transposed ? Format::Order::Columns : Format::Order::Rows,
                      *share,
                      isSignedCode(codes.type)};
  if (!format.isKnown())
    return userError(fmt::format("its codes '{}' are of {} and have no zero point", matrix.codes, nameOf(codes.type)));
  return weightOf(*parts, format, static_cast<uint64_t>(codes.shape[transposed ? 1 : 0]),
                  static_cast<uint64_t>(codes.shape[transposed ? 0 : 1]));
}

Result<WeightInfo> packedWeight(const Node &node, const FindInitializer &find) {
  if (node.op == "MatMulNBits" && node.domain == microsoftDomain) {
    if (!inputOf(node, 4).empty())
      return userError("it has a g_idx");
    return packedWeight(PackedMatrix{inputOf(node, 1), inputOf(node, 2), inputOf(node, 3), node.number("N", 0),
                                     node.number("K", 0), node.number("bits", 4), node.number("block_size", 0)},
                        find);
  }
  if (node.op != "GatherBlockQuantized" || node.domain != microsoftDomain)
    return userError("it is of another op");
  const std::string codes = inputOf(node, 0), scales = inputOf(node, 2), zeros = inputOf(node, 3);
  const TensorData *table = find(codes);
  const int64_t quantised = node.number("quantize_axis", 1), length = node.number("block_size", 128);
  if (node.number("gather_axis", 0) != 0 || (quantised != 1 && quantised != -1))
    return userError("it does not take rows that are quantised along themselves");
  if (table && codeBits(table->type) == 4)
    return codedWeight({codes, scales, zeros, quantised, length}, false, find);
  const int64_t bits = node.number("bits", 4);
  if (table && table->shape.size() != 2)
    return userError(fmt::format("its codes '{}' [{}] are no matrix", codes, fmt::join(table->shape, ", ")));
  return packedWeight(PackedMatrix{codes, scales, zeros, table ? table->shape[0] : 0,
                                   table && bits >= 1 && bits <= 8 ? table->shape[1] * (8 / bits) : 0, bits, length},
                      find);
}

std::vector<WeightInfo> codedWeights(const Node &node, const FindInitializer &find, const FindMaker &maker) {
  std::vector<WeightInfo> result;
  auto addFound = [&](Result<WeightInfo> weight) {
    if (weight)
      result.push_back(*std::move(weight));
  };
  auto add = [&](const CodedMatrix &matrix, bool transposed) { addFound(codedWeight(matrix, transposed, find)); };
  addFound(packedWeight(node, find));
  if (std::optional<CodedMatrix> matrix = dequantisedBy(node)) {
    if (const Node *rows = find(matrix->codes) ? nullptr : maker(matrix->codes);
        rows && rows->op == "Gather" && !rows->inputs.empty())
      matrix->codes = rows->inputs[0];
    add(*matrix, false);
    add(*matrix, true);
  }
  if (std::optional<DynamicProduct> product = dynamicProduct(node, maker))
    add(product->w, true);
  return result;
}

} // namespace weft::frontend::onnx
