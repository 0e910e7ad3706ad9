// One of ONNX's backend node tests: a model, and data sets of inputs with the outputs that they must give.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace weft::test {

struct DataSet {
  std::vector<frontend::onnx::TensorData> inputs, outputs; // those of sequences one after the other
};

struct NodeTest {
  std::string name;
  frontend::onnx::Model model;
  std::map<std::string, int64_t> dims; // lengths of sequences
  std::vector<DataSet> sets;
};

/// `folder` holds model.onnx and test_data_set_*.
Result<NodeTest> readNodeTest(const std::filesystem::path &folder);

/// What differs between `bytes` and `expected`; empty: nothing that counts. Floats may be off by rtol 1e-3 and atol
/// 1e-7, as in ONNX's own backend test; NaN is NaN. Codes of small floats, bools and integers are equal.
std::string difference(const std::vector<std::byte> &bytes, const frontend::onnx::TensorData &expected);

} // namespace weft::test
