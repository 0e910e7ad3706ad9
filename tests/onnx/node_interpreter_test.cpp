// ONNX's node tests through the importer and the graph interpreter: what the importer says the ops mean.
//
//   onnx_node_interpreter_test FOLDER [PART OF A NAME]
//
// Prints each test that fails, why, and the count. Each test runs in a process of its own, so that one that crashes
// counts as one.
#include "compiler/frontend/onnx/graph/Import.h"
#include "compiler/graph/TensorInterpreter.h"
#include "tests/onnx/NodeRunner.h"

#include "mlir/IR/MLIRContext.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::frontend::onnx;
namespace fs = std::filesystem;

namespace {

std::string runSet(const graph::TensorInterpreter &interpreter, const test::DataSet &set) {
  std::vector<std::span<const std::byte>> inputs;
  for (const TensorData &input : set.inputs)
    inputs.emplace_back(input.bytes);
  Result<std::vector<std::vector<std::byte>>> outputs = interpreter.run(inputs);
  if (!outputs)
    return outputs.error().message;
  if (outputs->size() != set.outputs.size())
    return fmt::format("{} outputs instead of {}", outputs->size(), set.outputs.size());
  for (size_t i = 0; i < outputs->size(); ++i)
    if (std::string wrong = test::difference((*outputs)[i], set.outputs[i]); !wrong.empty())
      return fmt::format("output {}: {}", i, wrong);
  return {};
}

/// Why the test in `folder` fails; empty: it passes.
std::string runTest(const fs::path &folder) {
  Result<test::NodeTest> test = test::readNodeTest(folder);
  if (!test)
    return test.error().message;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = buildGraph(context, test->model, {test->dims});
  if (!module)
    return module.error().message;
  if (getenv("WEFT_PRINT"))
    (*module)->dump();
  Result<graph::TensorInterpreter> interpreter = graph::TensorInterpreter::create(**module);
  if (!interpreter)
    return interpreter.error().message;
  for (const test::DataSet &set : test->sets)
    if (std::string wrong = runSet(*interpreter, set); !wrong.empty())
      return wrong;
  return {};
}

} // namespace

int main(int argc, char **argv) { return test::runNodeTests(argc, argv, "in the graph interpreter", runTest); }
