#include "compiler/frontend/onnx/graph/PackedWeight.h"

#include "compiler/frontend/onnx/graph/Registry.h"

#include <fmt/format.h>

namespace weft::frontend::onnx {
namespace {

int64_t numberOf(const Node &node, const std::string &name, int64_t otherwise) {
  auto found = node.attributes.find(name);
  return found == node.attributes.end() || found->second.kind != Attribute::Kind::Int ? otherwise
                                                                                      : found->second.number;
}

std::optional<runtime::ApartFormat::Scale> scaleOf(ElementType type) {
  switch (type) {
  case ElementType::Float:
    return runtime::ApartFormat::Scale::F32;
  case ElementType::Float16:
    return runtime::ApartFormat::Scale::F16;
  case ElementType::BFloat16:
    return runtime::ApartFormat::Scale::BF16;
  default:
    return std::nullopt;
  }
}

bool hasBytes(const TensorData &tensor, uint64_t bytes) { return tensor.range && tensor.range->bytes == bytes; }

ApartPlaces::Place placeOf(const TensorData &tensor) { return {tensor.range->file, tensor.range->offset}; }

/// A matrix of codes, and where a node has it.
struct Matrix {
  std::string codes, scales, zeros; // no zeros: an empty name
  int64_t rows = 0, columns = 0, bits = 0, length = 0;
};

std::optional<Matrix> matrixOf(const Node &node, const FindInitializer &find) {
  auto input = [&](size_t i) { return i < node.inputs.size() ? node.inputs[i] : std::string(); };
  auto number = [&](const char *name, int64_t otherwise) { return numberOf(node, name, otherwise); };
  if (node.domain != microsoftDomain)
    return std::nullopt;
  if (node.op == "MatMulNBits" && input(4).empty())
    return Matrix{
        input(1), input(2), input(3), number("N", 0), number("K", 0), number("bits", 4), number("block_size", 0)};
  const TensorData *table = node.op == "GatherBlockQuantized" ? find(input(0)) : nullptr;
  const int64_t bits = number("bits", 4), quantised = number("quantize_axis", 1);
  if (!table || table->shape.size() != 2 || number("gather_axis", 0) != 0 || (quantised != 1 && quantised != -1) ||
      bits < 1 || bits > 8)
    return std::nullopt;
  return Matrix{
      input(0), input(2), input(3), table->shape[0], table->shape[1] * (8 / bits), bits, number("block_size", 128)};
}

} // namespace

std::optional<WeightInfo> packedWeight(const Node &node, const FindInitializer &find) {
  const std::optional<Matrix> matrix = matrixOf(node, find);
  if (!matrix)
    return std::nullopt;
  const TensorData *codes = find(matrix->codes), *scales = find(matrix->scales);
  const bool hasZeros = !matrix->zeros.empty();
  const TensorData *zeros = hasZeros ? find(matrix->zeros) : nullptr;
  if (!codes || !scales || codes->type != ElementType::UInt8 ||
      (hasZeros && (!zeros || zeros->type != ElementType::UInt8)))
    return std::nullopt;
  const std::optional<runtime::ApartFormat::Scale> scale = scaleOf(scales->type);
  const auto [bits, length, rows, columns] = std::tuple(matrix->bits, matrix->length, matrix->rows, matrix->columns);
  if (!scale || columns < 1 || rows < 1 || columns > INT32_MAX || rows > INT32_MAX || bits < 1 || bits > 8 ||
      length < 1 || length > 256)
    return std::nullopt;
  const runtime::ApartFormat format{static_cast<uint32_t>(bits), static_cast<uint32_t>(length), *scale, hasZeros};
  const auto inner = static_cast<uint64_t>(columns), outer = static_cast<uint64_t>(rows);
  if (!format.isKnown() || !hasBytes(*codes, format.codeBytes(outer, inner)) ||
      !hasBytes(*scales, format.scaleBytes(outer, inner)) ||
      (hasZeros && !hasBytes(*zeros, format.zeroBytes(outer, inner))))
    return std::nullopt;
  // The same tensors may be another matrix elsewhere.
  WeightInfo info{.name = fmt::format("{} with {}{}, {} x {} of {}", codes->weight, scales->weight,
                                      hasZeros ? " and " + zeros->weight : "", rows, columns, nameOf(format)),
                  .type = WeightType::F32,
                  .shape = {outer, inner},
                  .file = codes->range->file,
                  .offset = codes->range->offset};
  info.apart = {format, placeOf(*scales), hasZeros ? placeOf(*zeros) : ApartPlaces::Place{}};
  return info;
}

} // namespace weft::frontend::onnx
