// The nodes that decoders of all exporters are made of: stored tensors, and moves of heads.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "tests/onnx/DecoderExport.h"

#include <map>
#include <string>
#include <vector>

namespace weft::test {

struct Values {
  std::vector<float> numbers;
  std::vector<uint64_t> shape;
};

/// The transpose.
Values turned(const Values &matrix);

class ExportGraph {
public:
  ExportGraph(const StoredValues &values, const ExportOptions &options, int64_t opset)
      : values(values), options(options), g(opset) {}

protected:
  using ElementType = frontend::onnx::ElementType;
  using WeightRef = frontend::WeightRef;

  std::string tensor(const Values &given, const std::string &name = "", bool alwaysFloat = false);
  std::string truths(const std::vector<bool> &given, const std::vector<int64_t> &shape);
  std::string real(double number) { return tensor({{float(number)}, {}}); }
  Values valuesOf(const WeightRef &ref);
  std::string weight(const WeightRef &ref);
  std::string add(const std::string &a, const std::string &b) { return g.node("Add", {a, b}); }
  std::string transpose(const std::string &x, const std::vector<int64_t> &order);
  std::string castTo(const std::string &x, ElementType type);
  std::string wide(const std::string &x);
  std::string narrow(const std::string &x) { return options.type == ElementType::Float ? x : castTo(x, options.type); }
  void rename(const std::string &name, const std::string &to);
  std::string input(const std::string &name, ElementType type,
                    const std::vector<std::pair<std::string, int64_t>> &dims);
  std::string sizeOf(const std::string &x, int64_t dim); // of rank 1
  std::string scalar(const std::string &x) { return g.node("Squeeze", {x}); }
  std::string slice(const std::string &x, int64_t from, int64_t to, int64_t step = 1);
  std::string repeat(const std::string &x, int64_t kv, int64_t times, int64_t size);
  /// [batch, heads, rows, columns] as [batch * heads, rows, columns].
  std::string mergeHeads(const std::string &x, int64_t heads);
  std::string apart(const std::string &x, int64_t heads);
  Values transposed(const WeightRef &ref);
  Values stacked(const std::vector<WeightRef> &parts);     // out x in
  std::string packed(const std::vector<WeightRef> &parts); // in x out
  bool isDynamic() const {
    return options.bits != 0 &&
           (options.codes == ExportOptions::Codes::Dynamic || options.codes == ExportOptions::Codes::DynamicFused);
  }
  /// Tensors [in, out] and [out] of m [out, in], whose numbers become those of the codes.
  struct SignedCodes {
    std::string codes, scales, zeros;
  };
  SignedCodes signedCodes(Values &m);
  std::vector<std::string> rounded(const std::string &x) { return g.nodes("DynamicQuantizeLinear", {x}, 3); }
  /// x · mᵀ, m being numbers, or codes as the options say.
  std::string product(const std::string &x, Values m);
  /// Rows of a table in codes, by ids.
  std::string packedRows(const WeightRef &ref, const std::string &ids);
  std::string packedBias(const std::vector<WeightRef> &parts);

  const StoredValues &values;
  const ExportOptions &options;
  GraphMaker g;

private:
  std::string bytes(const std::vector<int64_t> &shape, const std::vector<uint8_t> &values,
                    ElementType type = ElementType::UInt8);
  std::string dequantised(const Values &m);
  std::string dynamicProduct(const std::string &x, Values m);

  size_t count = 0;
  std::map<std::string, std::string> weights;
};

} // namespace weft::test
