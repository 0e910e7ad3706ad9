#include "tests/e2e/Tensors.h"

#include "dialects/xf/XfDialect.h"
#include "tools/LoadedEngine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <cmath>
#include <cstring>
#include <fstream>

#include <unistd.h>

namespace weft::test {

std::vector<Bytes> runProgram(const runtime::Package &package, const std::vector<Bytes> &inputs, bool simulate) {
  tools::DeviceOptions deviceOptions;
  deviceOptions.costCache = "none";
  deviceOptions.simulateKernels = simulate;
  auto device = take(tools::makeLoadedEngine(package, deviceOptions));
  runtime::Launch launch{"main", 1, {}};
  REQUIRE(package.programs.at(0)->inputs.size() == inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    launch.inputs.emplace_back();
    launch.inputs.back().name = package.programs[0]->inputs[i]->name;
    launch.inputs.back().bytes = inputs[i];
  }
  std::vector<Bytes> results;
  for (runtime::LaunchOutput &output : take(device->run(launch)).outputs)
    results.push_back(std::move(output.bytes));
  return results;
}

TensorCase::TensorCase(const std::string &text) {
  static int count = 0;
  path = std::filesystem::temp_directory_path() /
         ("weft-tensors-" + std::to_string(getpid()) + "-" + std::to_string(count++) + ".mlir");
  std::ofstream(path) << text;
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::index::IndexDialect,
                      mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                      mlir::tensor::TensorDialect, xf::XfDialect>();
  module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  REQUIRE(module);
  mlir::DialectRegistry registry;
  mlir::func::registerInlinerExtension(registry);
  context.appendDialectRegistry(registry);
  mlir::PassManager calls(&context);
  calls.addPass(mlir::createInlinerPass({}, [](mlir::OpPassManager &) {}));
  REQUIRE(mlir::succeeded(calls.run(*module)));
  oracle.emplace(take(graph::TensorInterpreter::create(*module)));
}

TensorCase::~TensorCase() { std::filesystem::remove(path); }

std::vector<Bytes> TensorCase::interpret(const std::vector<Bytes> &inputs) const {
  std::vector<std::span<const std::byte>> spans(inputs.begin(), inputs.end());
  return take(oracle->run(spans));
}

std::vector<Bytes> TensorCase::run(MeshSize mesh, const std::vector<Bytes> &inputs, const std::string &hardware,
                                   bool simulate) {
  compiler::CompileOptions options;
  options.model = path;
  options.hardware = take(hw::load(hardware, {{"parallelism.mesh", "[8, 8]"}, {"memory.sram_kib", "512"}}));
  options.meshWidth = mesh.width;
  options.meshHeight = mesh.height;
  compilation = take(compiler::compile(options));
  return runProgram(*compilation.package, inputs, simulate);
}

template <typename T> static void fill(Bytes &bytes, std::mt19937 &random, bool wild) {
  std::uniform_real_distribution<double> number(-2, 2);
  for (size_t at = 0; at + sizeof(T) <= bytes.size(); at += sizeof(T)) {
    T value;
    if constexpr (std::is_floating_point_v<T>) {
      value = T(number(random));
      if (wild && random() % 8 == 0)
        value = random() % 2 ? T(INFINITY) : T(NAN);
    } else {
      value = T(random() % 8);
    }
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
}

/// Numbers of f16 around zero.
static void fillShort(Bytes &bytes, std::mt19937 &random) {
  for (size_t at = 0; at + 2 <= bytes.size(); at += 2) {
    const uint16_t value = ((random() % 2) << 15) | (random() % 0x4000); // below 2
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
}

std::vector<Bytes> randomInputs(const std::vector<graph::TensorSpec> &specs, std::mt19937 &random, bool wild) {
  std::vector<Bytes> inputs;
  for (const graph::TensorSpec &spec : specs) {
    Bytes bytes(spec.bytes());
    if (spec.dtype == "float32")
      fill<float>(bytes, random, wild);
    else if (spec.dtype == "float64")
      fill<double>(bytes, random, wild);
    else if (spec.dtype == "int64")
      fill<int64_t>(bytes, random, wild);
    else if (spec.dtype == "int32")
      fill<int32_t>(bytes, random, wild);
    else if (spec.dtype == "int8")
      fill<int8_t>(bytes, random, wild);
    else if (spec.dtype == "float16")
      fillShort(bytes, random);
    else if (spec.dtype == "bool")
      for (std::byte &byte : bytes)
        byte = std::byte(random() % 2);
    else
      FAIL("inputs of type " << spec.dtype << " are not made");
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

template <typename T> static void compare(const Bytes &seen, const Bytes &expected, double rtol, double atol) {
  for (size_t at = 0; at + sizeof(T) <= expected.size(); at += sizeof(T)) {
    T a, b;
    std::memcpy(&a, seen.data() + at, sizeof a);
    std::memcpy(&b, expected.data() + at, sizeof b);
    if (std::isnan(double(b)) ? std::isnan(double(a)) : a == b)
      continue;
    INFO("element " << at / sizeof(T) << ": " << double(a) << " instead of " << double(b));
    REQUIRE(std::abs(double(a) - double(b)) <= rtol * std::abs(double(b)) + atol);
  }
}

void checkClose(const Bytes &seen, const Bytes &expected, const std::string &dtype, double rtol, double atol) {
  REQUIRE(seen.size() == expected.size());
  if (dtype == "float32")
    compare<float>(seen, expected, rtol, atol);
  else if (dtype == "float64")
    compare<double>(seen, expected, rtol, atol);
  else if (dtype == "float16")
    compare<_Float16>(seen, expected, rtol, atol);
  else
    CHECK(seen == expected);
}

} // namespace weft::test
