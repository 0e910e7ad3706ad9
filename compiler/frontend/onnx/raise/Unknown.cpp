// Why a node that is a layer's op by itself has not become one.
#include "compiler/frontend/onnx/raise/Raise.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Why the codes of a node are no weight that stays in codes.
std::string whyNotCodes(NodeBuilder &n, Importer &importer) {
  const Node &node = n.node;
  const bool isTable = node.op == "GatherBlockQuantized";
  auto input = [&](size_t i) { return i < node.inputs.size() ? node.inputs[i] : std::string(); };
  if (!isTable && !input(4).empty())
    return "it has a g_idx";
  const std::pair<const char *, size_t> parts[] = {{"codes", isTable ? 0 : 1}, {"scales", 2}, {"zero points", 3}};
  for (auto [what, i] : parts) {
    if (input(i).empty())
      continue;
    const TensorData *stored = importer.initializerOf(importer.model.graph, input(i));
    if (!stored)
      return fmt::format("its {} '{}' are computed by another node, not stored in the file", what, input(i));
    if (i != 2 && stored->type != ElementType::UInt8)
      return fmt::format("its {} '{}' are of {}, not of bytes (uint8)", what, input(i), nameOf(stored->type));
  }
  const int64_t length = n.number("block_size", isTable ? 128 : 0);
  if (length < 16 || length > 256)
    return fmt::format("cores know blocks of 16 to 256 weights, not of {}", length);
  return "its weight is in a form that is not known";
}

} // namespace

void Raiser::noteUnknown(NodeBuilder &n) {
  if (n.node.op == "MatMulNBits" || n.node.op == "GatherBlockQuantized")
    if (!n.packedWeight())
      unknown = fmt::format("node '{}' ({}) cannot keep its weight in codes: {}", n.node.name, n.node.op,
                            whyNotCodes(n, p.importer));
}

} // namespace weft::frontend::onnx
