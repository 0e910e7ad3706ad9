// ONNX's node tests, each as one kernel made from the whole of @main: on the host, and on a core in the simulator,
// which must have the host's bits.
//
//   onnx_node_kernel_test FOLDER [PART OF A NAME]
#include "compiler/codegen/HostKernels.h"
#include "compiler/frontend/onnx/graph/Import.h"
#include "dialects/xf/XfPasses.h"
#include "kernels/General.h"
#include "tests/onnx/NodeRunner.h"
#include "tests/unit/core_replay.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <fmt/format.h>

#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace weft;
using namespace weft::frontend::onnx;
namespace fs = std::filesystem;

namespace {

using Entry = void (*)(void *const *, const int64_t *);

Entry load(const std::vector<uint8_t> &image, const std::string &name) {
  int file = memfd_create("kernels", 0);
  bool written = file >= 0 && write(file, image.data(), image.size()) == static_cast<ssize_t>(image.size());
  void *handle = written ? dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  return handle ? reinterpret_cast<Entry>(dlsym(handle, name.c_str())) : nullptr;
}

test::Real realOf(ElementType type) {
  switch (type) {
  case ElementType::Float:
    return test::Real::F32;
  case ElementType::Double:
    return test::Real::F64;
  case ElementType::Float16:
    return test::Real::F16;
  case ElementType::BFloat16:
    return test::Real::BF16;
  default:
    return test::Real::No;
  }
}

/// Calls the kernel, compares, and notes the call for the core.
std::string runSet(Entry entry, const kernels::GeneralKernel &kernel, const test::DataSet &set,
                   std::vector<test::HostCall> &calls) {
  std::vector<std::vector<uint64_t>> buffers; // aligned to any element
  test::HostCall call{kernel.name, {}, {}};
  auto add = [&](const void *bytes, size_t size, test::Real real, size_t elementBytes) {
    buffers.emplace_back((size + 7) / 8 + 1);
    if (bytes)
      std::memcpy(buffers.back().data(), bytes, size);
    const auto *first = reinterpret_cast<const uint8_t *>(buffers.back().data());
    call.operands.push_back({{first, first + size}, {}, elementBytes, real});
  };
  auto elementBytes = [](const TensorData &data) {
    return data.elements() == 0 ? 8 : std::max<size_t>(1, data.bytes.size() / static_cast<size_t>(data.elements()));
  };
  for (const TensorData &input : set.inputs)
    add(input.bytes.data(), input.bytes.size(), realOf(input.type), elementBytes(input));
  for (const TensorData &output : set.outputs)
    add(nullptr, output.bytes.size(), realOf(output.type), elementBytes(output));
  if (kernel.scratchBytes > 0)
    add(nullptr, static_cast<size_t>(kernel.scratchBytes), test::Real::No, 8);
  std::vector<void *> operands;
  for (std::vector<uint64_t> &buffer : buffers)
    operands.push_back(buffer.data());
  entry(operands.data(), nullptr);
  for (size_t i = 0; i < buffers.size(); ++i) {
    const auto *first = reinterpret_cast<const uint8_t *>(buffers[i].data());
    call.operands[i].after.assign(first, first + call.operands[i].before.size());
  }
  for (size_t i = 0; i < set.outputs.size(); ++i) {
    const std::vector<uint8_t> &after = call.operands[set.inputs.size() + i].after;
    std::vector<std::byte> bytes(after.size());
    if (!bytes.empty())
      std::memcpy(bytes.data(), after.data(), after.size());
    if (std::string wrong = test::difference(bytes, set.outputs[i]); !wrong.empty())
      return fmt::format("output {}: {}", i, wrong);
  }
  calls.push_back(std::move(call));
  return {};
}

std::string runTest(const fs::path &folder) {
  Result<test::NodeTest> test = test::readNodeTest(folder);
  if (!test)
    return test.error().message;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    message = message.empty() ? diagnostic.str() : message;
    return mlir::success();
  });
  auto module = buildGraph(context, test->model, {test->dims});
  if (!module)
    return module.error().message;
  mlir::PassManager decompose(&context);
  decompose.addPass(xf::createDecomposeToLinalgPass());
  if (mlir::failed(decompose.run(**module)))
    return "does not decompose: " + message;
  mlir::OwningOpRef<mlir::ModuleOp> made(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  auto kernel = kernels::buildGeneral(*made, (*module)->lookupSymbol<mlir::func::FuncOp>("main"));
  if (mlir::failed(kernel))
    return "no kernel: " + message;
  auto object = codegen::compileHostKernels(*made, codegen::defaultHostTarget());
  if (!object)
    return object.error().message;
  Entry entry = load(object->image, kernel->name);
  if (!entry)
    return "the kernel cannot be loaded";
  std::vector<test::HostCall> calls;
  for (const test::DataSet &set : test->sets)
    if (std::string wrong = runSet(entry, *kernel, set, calls); !wrong.empty())
      return wrong;
  auto isa = hw::parseIsa("rv64gcv_zvl256b_zfh_zvfh");
  if (!isa)
    return isa.error().message;
  return test::replayOnCore(*made, *isa, test::CoreRunner::Simulator, calls);
}

} // namespace

int main(int argc, char **argv) { return test::runNodeTests(argc, argv, "as one kernel, on host and core", runTest); }
