// Why a node that is a layer's op by itself has not become one.
#include "compiler/frontend/onnx/raise/Raise.h"

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

bool isFusedAttention(const Node &node) {
  return node.op == "Attention" || node.op == "MultiHeadAttention" || node.op == "GroupQueryAttention" ||
         node.op == "QAttention";
}

/// What a node of attention has that no layer's attention has.
std::string whyNotAttention(NodeBuilder &n) {
  const Node &node = n.node;
  const bool isStandard = node.domain.empty();
  struct Part {
    const char *op;
    bool standard;
    size_t input;
    const char *what;
  };
  const Part parts[] = {
      {"Attention", true, 6, "lengths of the keys that are no padding"},
      {"GroupQueryAttention", false, 10, "a bias of its scores"},
      {"GroupQueryAttention", false, 11, "a score for no key (a sink)"},
  };
  for (const Part &part : parts)
    if (node.op == part.op && isStandard == part.standard && part.input < node.inputs.size() &&
        !node.inputs[part.input].empty())
      return fmt::format("its input '{}' is {}", node.inputs[part.input], part.what);
  if (node.outputs.size() > 3 && !node.outputs[3].empty())
    return fmt::format("it gives its scores as '{}'", node.outputs[3]);
  if (node.op == "GroupQueryAttention" && n.number("smooth_softmax", 0) == 1)
    return "its softmax is a smooth one (smooth_softmax)";
  if (node.op == "MultiHeadAttention" && (node.inputs.size() < 3 || node.inputs[1].empty() || node.inputs[2].empty()))
    return "its queries, keys and values are packed in one input";
  return "its operands are not queries, keys and values of the tokens, caches and a mask";
}

} // namespace

void Raiser::noteUnknown(NodeBuilder &n) {
  if (isFusedAttention(n.node))
    unknown = fmt::format("node '{}' ({}) is attention in a form that is not known: {}", n.node.name, n.node.op,
                          whyNotAttention(n));
}

/// As quantize_dynamic writes it unless it is told that only constants are weights.
void Raiser::noteUnstored(const Node &node) {
  const auto [maker, output] = p.maker(node.inputs[1]);
  if (maker && maker->op == "DynamicQuantizeLinear" && !p.isWeight(node.inputs[1]))
    unknown = fmt::format("node '{}' (MatMulInteger) rounds both of its inputs to 8 bits, and the second, '{}', is no "
                          "stored weight; quantise with MatMulConstBOnly=True",
                          node.name, node.inputs[1]);
}

} // namespace weft::frontend::onnx
