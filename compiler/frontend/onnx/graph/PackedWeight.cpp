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

bool isGiven(const Node &node, size_t input) { return input < node.inputs.size() && !node.inputs[input].empty(); }

bool hasBytes(const TensorData &tensor, uint64_t bytes) { return tensor.range && tensor.range->bytes == bytes; }

ApartPlaces::Place placeOf(const TensorData &tensor) { return {tensor.range->file, tensor.range->offset}; }

} // namespace

std::optional<WeightInfo> packedWeight(const Node &node, const PackedParts &parts) {
  const auto [codes, scales, zeros] = parts;
  const bool hasZeros = isGiven(node, 3);
  if (node.op != "MatMulNBits" || node.domain != microsoftDomain || isGiven(node, 4) || !codes || !scales ||
      (hasZeros && (!zeros || zeros->type != ElementType::UInt8)) || codes->type != ElementType::UInt8)
    return std::nullopt;
  const std::optional<runtime::ApartFormat::Scale> scale = scaleOf(scales->type);
  const int64_t columns = numberOf(node, "K", 0), rows = numberOf(node, "N", 0), bits = numberOf(node, "bits", 4),
                length = numberOf(node, "block_size", 0);
  if (!scale || columns < 1 || rows < 1 || columns > INT32_MAX || rows > INT32_MAX || bits < 1 || bits > 8 ||
      length < 1 || length > 256)
    return std::nullopt;
  const runtime::ApartFormat format{static_cast<uint32_t>(bits), static_cast<uint32_t>(length), *scale, hasZeros};
  const auto inner = static_cast<uint64_t>(columns), outer = static_cast<uint64_t>(rows);
  if (!format.isKnown() || !hasBytes(*codes, outer * format.codeBytes(inner)) ||
      !hasBytes(*scales, outer * format.scaleBytes(inner)) ||
      (hasZeros && !hasBytes(*zeros, outer * format.zeroBytes(inner))))
    return std::nullopt;
  WeightInfo info{.name = fmt::format("{} with {}", codes->weight, scales->weight),
                  .type = WeightType::F32,
                  .shape = {outer, inner},
                  .file = codes->range->file,
                  .offset = codes->range->offset};
  if (hasZeros)
    info.name += fmt::format(" and {}", zeros->weight);
  info.apart = {format, placeOf(*scales), hasZeros ? placeOf(*zeros) : ApartPlaces::Place{}};
  return info;
}

} // namespace weft::frontend::onnx
