// Weights of few bits whose codes, scales and zero points are tensors of their own, and the nodes that have them.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weft::frontend::onnx {

/// The initializer of a name; null: there is none.
using FindInitializer = std::function<const TensorData *(const std::string &name)>;

/// The node that has a value among its outputs; null: there is none.
using FindMaker = std::function<const Node *(const std::string &value)>;

/// Those of a graph, which outlives it.
class Makers {
public:
  explicit Makers(const Graph &graph);
  const Node *operator()(const std::string &value) const;

private:
  std::unordered_map<std::string_view, const Node *> makers;
};

/// Codes [rows, columns] and what they are scaled by, as DequantizeLinear takes them.
struct CodedMatrix {
  std::string codes, scales, zeros; // no zeros: an empty name
  int64_t axis = 1, block = 0;
};
/// What a node DequantizeLinear makes numbers of, whatever it is.
std::optional<CodedMatrix> dequantisedBy(const Node &node);

/// y = x · w + bias, x being rounded to 8 bits first and scaled by what its numbers are: the nodes that ONNX Runtime's
/// quantize_dynamic makes of a MatMul, of which `node` is the last one, or what its optimiser makes of them; in
/// QAttention y is queries, keys and values. None: it is another node.
struct DynamicProduct {
  std::string x;
  CodedMatrix w;
  std::string bias = {};         // empty: none
  const Node *product = nullptr; // which multiplies
};
std::optional<DynamicProduct> dynamicProduct(const Node &node, const FindMaker &maker);

/// Such a matrix as a weight, one row for each of its own rows or, `transposed`, columns. Error::User says why it is
/// none, in words about the node that has it: it is computed, or of no ApartFormat (runtime/weights/BlockFormat.h).
Result<WeightInfo> codedWeight(const CodedMatrix &matrix, bool transposed, const FindInitializer &find);

/// The matrix that a node com.microsoft.MatMulNBits multiplies by, N rows of K numbers, or that GatherBlockQuantized
/// takes rows of. Error::User says why there is none: as before, or it is another node, or its attributes and tensors
/// do not go together.
Result<WeightInfo> packedWeight(const Node &node, const FindInitializer &find);

/// All weights that `node` may stand for.
std::vector<WeightInfo> codedWeights(const Node &node, const FindInitializer &find, const FindMaker &maker);

/// Products of a graph that may be made with their inputs rounded to 8 bits: dynamicProduct(), and MatMulNBits with
/// accuracy_level 4.
int64_t roundedProducts(const Graph &graph);

} // namespace weft::frontend::onnx
