#include "compiler/frontend/onnx/graph/CodedMatrix.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::frontend::onnx {
namespace {

using Format = runtime::ApartFormat;

/// Codes with one scale a row, or one for all, are cut into blocks of so many on cores.
constexpr uint32_t sharedLength = 32;

int64_t numberOf(const Node &node, const std::string &name, int64_t otherwise) {
  auto found = node.attributes.find(name);
  return found == node.attributes.end() || found->second.kind != Attribute::Kind::Int ? otherwise
                                                                                      : found->second.number;
}

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

std::optional<Format::Scale> scaleOf(ElementType type) {
  switch (type) {
  case ElementType::Float:
    return Format::Scale::F32;
  case ElementType::Float16:
    return Format::Scale::F16;
  case ElementType::BFloat16:
    return Format::Scale::BF16;
  default:
    return std::nullopt;
  }
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
  return CodedMatrix{node.inputs[0], node.inputs[1], inputOf(node, 2), numberOf(node, "axis", 1),
                     numberOf(node, "block_size", 0)};
}

std::optional<DynamicProduct> dynamicProduct(const Node &node, const FindMaker &maker) {
  auto madeBy = [&](const std::string &value, const char *op) -> const Node * {
    const Node *made = value.empty() ? nullptr : maker(value);
    return made && made->op == op && made->domain.empty() ? made : nullptr;
  };
  if (node.op != "Mul" || node.inputs.size() != 2)
    return std::nullopt;
  for (size_t i : {0, 1}) {
    const Node *cast = madeBy(node.inputs[i], "Cast"), *scales = madeBy(node.inputs[1 - i], "Mul");
    const Node *product = cast && cast->inputs.size() == 1 ? madeBy(cast->inputs[0], "MatMulInteger") : nullptr;
    const Node *rounded =
        product && product->inputs.size() >= 3 ? madeBy(product->inputs[0], "DynamicQuantizeLinear") : nullptr;
    if (!rounded || rounded->inputs.size() != 1 || rounded->outputs.size() != 3 || !scales ||
        scales->inputs.size() != 2 || product->inputs[0] != rounded->outputs[0] ||
        product->inputs[2] != rounded->outputs[2])
      continue;
    for (size_t j : {0, 1})
      if (scales->inputs[j] == rounded->outputs[1])
        return DynamicProduct{rounded->inputs[0], {product->inputs[1], scales->inputs[1 - j], inputOf(*product, 3)}};
  }
  return std::nullopt;
}

int64_t roundedProducts(const Graph &graph) {
  constexpr int64_t inIntegers = 4; // accuracy_level
  const Makers makers(graph);
  return std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node &node) {
    return (node.op == "MatMulNBits" && numberOf(node, "accuracy_level", 0) == inIntegers) ||
           dynamicProduct(node, std::ref(makers));
  });
}

std::optional<WeightInfo> codedWeight(const CodedMatrix &matrix, bool transposed, const FindInitializer &find) {
  const TensorData *codes = find(matrix.codes), *scales = find(matrix.scales);
  const TensorData *zeros = matrix.zeros.empty() ? nullptr : find(matrix.zeros);
  if (!codes || !scales || (!matrix.zeros.empty() && !zeros) || !codes->range || codes->shape.size() != 2 ||
      std::any_of(codes->shape.begin(), codes->shape.end(), [](int64_t size) { return size < 1 || size > INT32_MAX; }))
    return std::nullopt;
  const std::optional<uint32_t> bits = codeBits(codes->type);
  const std::optional<Format::Scale> scale = scaleOf(scales->type);
  const std::optional<Format::Share> share = shareOf(matrix, *codes, *scales, transposed);
  if (!bits || !scale || !share || matrix.block < 0 || matrix.block > 256 ||
      (zeros && (zeros->type != codes->type || zeros->elements() != scales->elements())))
    return std::nullopt;
  const bool isSigned = isSignedCode(codes->type);
  // Symmetric codes are often given zero points, of which each is 0.
  if (zeros && isSigned && !zeros->range &&
      std::all_of(zeros->bytes.begin(), zeros->bytes.end(), [](std::byte byte) { return byte == std::byte{0}; }))
    zeros = nullptr;
  const Format format{*bits,
                      matrix.block ? static_cast<uint32_t>(matrix.block) : sharedLength,
                      *scale,
                      zeros != nullptr,
                      transposed ? Format::Order::Columns : Format::Order::Rows,
                      *share,
                      isSigned};
  if (!format.isKnown())
    return std::nullopt;
  const auto rows = static_cast<uint64_t>(codes->shape[transposed ? 1 : 0]),
             length = static_cast<uint64_t>(codes->shape[transposed ? 0 : 1]);
  // The same tensors may be another matrix elsewhere.
  WeightInfo info{.name = fmt::format("{} with {}{}, {} x {} of {}", codes->weight, matrix.scales,
                                      zeros ? " and " + matrix.zeros : "", rows, length, nameOf(format)),
                  .type = WeightType::F32,
                  .shape = {rows, length},
                  .file = codes->range->file,
                  .offset = codes->range->offset};
  info.apart = {format, placeOf(*scales), zeros ? placeOf(*zeros) : ApartPlaces::Place{}};
  return info;
}

std::vector<WeightInfo> codedWeights(const Node &node, const FindInitializer &find, const FindMaker &maker) {
  std::vector<WeightInfo> result;
  auto add = [&](const CodedMatrix &matrix, bool transposed) {
    if (std::optional<WeightInfo> weight = codedWeight(matrix, transposed, find))
      result.push_back(std::move(*weight));
  };
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
