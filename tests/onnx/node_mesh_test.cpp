// ONNX's node tests through the whole chain: compiled for a mesh of 3x2 cores and run on it.
//
//   onnx_node_mesh_test FOLDER [PART OF A NAME]
#include "compiler/pipeline/Compile.h"
#include "tests/onnx/NodeRunner.h"
#include "tools/LoadedEngine.h"

#include <fmt/format.h>

using namespace weft;
namespace fs = std::filesystem;

namespace {

Result<compiler::Compilation> compileFor(const fs::path &model, const std::map<std::string, int64_t> &dims) {
  auto hardware = hw::load("rvv-mesh-16", {{"memory.sram_kib", "1024"}});
  if (!hardware)
    return hardware.takeError();
  compiler::CompileOptions options;
  options.model = model;
  options.hardware = std::move(*hardware);
  options.dims = dims;
  options.meshWidth = 3;
  options.meshHeight = 2;
  if (const char *directory = getenv("WEFT_DUMP"))
    options.dumpDirectory = directory;
  return compiler::compile(options);
}

std::string runSet(const runtime::Package &package, runtime::Device &device, const test::DataSet &set) {
  const pkg::ProgramT &program = *package.programs.front();
  if (program.inputs.size() != set.inputs.size())
    return fmt::format("{} inputs instead of {}", program.inputs.size(), set.inputs.size());
  runtime::Launch launch{"main", 1, {}};
  for (size_t i = 0; i < set.inputs.size(); ++i) {
    launch.inputs.emplace_back();
    launch.inputs.back().name = program.inputs[i]->name;
    launch.inputs.back().bytes = set.inputs[i].bytes;
  }
  auto result = device.run(launch);
  if (!result)
    return result.error().message;
  if (result->outputs.size() != set.outputs.size())
    return fmt::format("{} outputs instead of {}", result->outputs.size(), set.outputs.size());
  for (size_t i = 0; i < set.outputs.size(); ++i)
    if (std::string wrong = test::difference(result->outputs[i].bytes, set.outputs[i]); !wrong.empty())
      return fmt::format("output {}: {}", i, wrong);
  return {};
}

std::string runTest(const fs::path &folder) {
  Result<test::NodeTest> test = test::readNodeTest(folder);
  if (!test)
    return test.error().message;
  auto compilation = compileFor(folder / "model.onnx", test->dims);
  if (!compilation)
    return compilation.error().message;
  const bool scatters = folder.filename().string().find("scatter") != std::string::npos;
  for (const compiler::OpPlacement &op : compilation->placements)
    if (scatters && op.how.starts_with("no rule"))
      return fmt::format("{} of node {} runs on every core: {}", op.op, op.name, op.how);
  tools::DeviceOptions options;
  options.costCache = "none"; // tests leave the user's own cache alone
  options.simulateKernels = getenv("WEFT_ISS") != nullptr;
  auto device = tools::makeLoadedEngine(*compilation->package, options);
  if (!device)
    return device.error().message;
  for (const test::DataSet &set : test->sets)
    if (std::string wrong = runSet(*compilation->package, **device, set); !wrong.empty())
      return wrong;
  return {};
}

} // namespace

int main(int argc, char **argv) { return test::runNodeTests(argc, argv, "on a mesh of 3x2 cores", runTest); }
