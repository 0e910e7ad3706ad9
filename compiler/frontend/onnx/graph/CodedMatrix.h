// Matrices that a graph makes numbers of by DequantizeLinear, or multiplies as the integers they are.
#pragma once

#include "compiler/frontend/onnx/graph/PackedWeight.h"

#include <string_view>
#include <unordered_map>

namespace weft::frontend::onnx {

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

/// y = x · w, x being rounded to 8 bits first and scaled by what its numbers are: the nodes that ONNX Runtime's
/// quantize_dynamic makes of a MatMul, of which `node` is the last one. None: it is another node.
struct DynamicProduct {
  std::string x;
  CodedMatrix w;
};
std::optional<DynamicProduct> dynamicProduct(const Node &node, const FindMaker &maker);

/// Such a matrix as a weight, one row for each of its own rows or, `transposed`, columns. None: it is computed, not in
/// a file, or of no ApartFormat (runtime/weights/BlockFormat.h).
std::optional<WeightInfo> codedWeight(const CodedMatrix &matrix, bool transposed, const FindInitializer &find);

/// Products of a graph that may be made with their inputs rounded to 8 bits: dynamicProduct(), and MatMulNBits with
/// accuracy_level 4.
int64_t roundedProducts(const Graph &graph);

/// All weights that `node` may stand for.
std::vector<WeightInfo> codedWeights(const Node &node, const FindInitializer &find, const FindMaker &maker);

} // namespace weft::frontend::onnx
