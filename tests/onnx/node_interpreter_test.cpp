// ONNX's node tests through the importer and the graph interpreter: what the importer says the ops mean.
//
//   onnx_node_interpreter_test FOLDER [PART OF A NAME]
//
// Prints each test that fails, why, and the count. Each test runs in a process of its own, so that one that crashes
// counts as one.
#include "compiler/frontend/onnx/graph/Import.h"
#include "compiler/graph/TensorInterpreter.h"
#include "tests/onnx/NodeTest.h"

#include "mlir/IR/MLIRContext.h"

#include <fmt/format.h>

#include <algorithm>
#include <sys/wait.h>
#include <unistd.h>

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

/// The same in a child process; what it prints before it ends is the reason.
std::string runApart(const fs::path &folder) {
  int ends[2];
  if (pipe(ends) != 0)
    return "no pipe";
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    std::string reason = runTest(folder);
    [[maybe_unused]] auto written = write(ends[1], reason.data(), reason.size());
    _exit(0);
  }
  close(ends[1]);
  std::string reason;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;)
    reason.append(buffer, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status))
    return fmt::format("ended by signal {}", WTERMSIG(status));
  return reason;
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2)
    return 2;
  std::vector<fs::path> folders;
  for (const auto &entry : fs::directory_iterator(argv[1]))
    if (argc < 3 || entry.path().filename().string().find(argv[2]) != std::string::npos)
      folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  size_t passed = 0;
  for (const fs::path &folder : folders) {
    std::string reason = runApart(folder);
    passed += reason.empty();
    if (!reason.empty())
      fmt::print("FAIL {}: {}\n", folder.filename().string(), reason);
  }
  fmt::print("{} of {} node tests pass in the graph interpreter\n", passed, folders.size());
  return passed == folders.size() ? 0 : 1;
}
