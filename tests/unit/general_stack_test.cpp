// What kernels from tensors take of a core's stack.
#include "general_support.h"

#include "compiler/codegen/CheckFrames.h"
#include "compiler/codegen/CoreKernels.h"
#include "hw-models/Hardware.h"
#include "sim/iss/KernelMachine.h"

using namespace weft;
using namespace weft::test;

/// The largest values of rows of odd lengths: lanes that are 5 apart, in masks and numbers of two widths, more at once
/// than there are registers.
static constexpr const char *largest = R"(
  func.func @f(%x: tensor<2x20x5xf32>) -> tensor<2x20x3xf32> {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %three = arith.constant 3 : index
    %low = arith.constant 0xFF800000 : f32
    %high = arith.constant 0x7F800000 : f32
    %empty = tensor.empty() : tensor<2x20xf32>
    %all = tensor.empty() : tensor<2x20x3xf32>
    %some = tensor.empty() : tensor<2x20x5xf32>
    %above = linalg.fill ins(%high : f32) outs(%empty : tensor<2x20xf32>) -> tensor<2x20xf32>
    %r:2 = scf.for %i = %zero to %three step %one iter_args(%last = %above, %found = %all) -> (tensor<2x20xf32>, tensor<2x20x3xf32>) {
      %left = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %last : tensor<2x20x5xf32>, tensor<2x20xf32>) outs(%some : tensor<2x20x5xf32>) {
      ^bb0(%in: f32, %than: f32, %out: f32):
        %less = arith.cmpf olt, %in, %than : f32
        %kept = arith.select %less, %in, %low : f32
        linalg.yield %kept : f32
      } -> tensor<2x20x5xf32>
      %lows = linalg.fill ins(%low : f32) outs(%empty : tensor<2x20xf32>) -> tensor<2x20xf32>
      %most = linalg.reduce { arith.maximumf } ins(%left : tensor<2x20x5xf32>) outs(%lows : tensor<2x20xf32>) dimensions = [2]
      %wide = tensor.expand_shape %most [[0], [1, 2]] output_shape [2, 20, 1] : tensor<2x20xf32> into tensor<2x20x1xf32>
      %more = tensor.insert_slice %wide into %found[0, 0, %i] [2, 20, 1] [1, 1, 1] : tensor<2x20x1xf32> into tensor<2x20x3xf32>
      scf.yield %most, %more : tensor<2x20xf32>, tensor<2x20x3xf32>
    }
    return %r#1 : tensor<2x20x3xf32>
  })";

static uint64_t needOf(const pkg::KernelObjectT &object, const std::string &kernel, const hw::Isa &isa) {
  auto code = runtime::readCoreCode(object);
  REQUIRE(code);
  auto needs = codegen::stackNeeds(*code, isa);
  REQUIRE(needs);
  REQUIRE(needs->contains(kernel));
  return needs->at(kernel);
}

TEST_CASE("a kernel takes the stack that is said, and no more than there is where smaller tiles help") {
  hw::Hardware hardware = *hw::load("rvv-lab");
  const hw::Isa isa = hw::isaOf(hardware.parallelism.core);
  Suite suite;
  kernels::GeneralKernel general = buildGeneral(suite, largest);
  codegen::CoreTarget target{isa};
  auto free = codegen::compileCoreKernels(*suite, target);
  REQUIRE(free);
  const uint64_t need = needOf(*free, general.name, isa);
  REQUIRE(need > 512);
  target.stackBytes = 512;
  auto confined = codegen::compileCoreKernels(*suite, target);
  REQUIRE(confined);
  REQUIRE(needOf(*confined, general.name, isa) <= 512);

  std::vector<float> results[2];
  auto runWith = [&](const pkg::KernelObjectT &object, uint64_t stackBytes, std::vector<float> *results) {
    hardware.memory.stackBytes = static_cast<uint32_t>(stackBytes);
    auto machine = iss::KernelMachine::create(std::as_bytes(std::span(object.image)), {general.name}, hardware);
    REQUIRE(machine);
    std::vector<std::byte> sram(hardware.memory.sramBytes);
    auto *x = reinterpret_cast<float *>(sram.data());
    for (size_t i = 0; i < 200; ++i)
      x[i] = static_cast<float>((i * 37) % 101);
    const uint32_t operands[] = {0, 1024, 4096};
    Result<uint64_t> called = machine->call(0, sram, operands, {});
    if (called && results)
      results->assign(x + 256, x + 256 + 120);
    return bool(called);
  };
  REQUIRE(runWith(*free, (need + 15) / 16 * 16, &results[0]));
  REQUIRE(!runWith(*free, need / 32 * 16, nullptr)); // the lowest bytes may be there for alignment alone
  REQUIRE(runWith(*confined, 512, &results[1]));
  REQUIRE(results[0] == results[1]);
}
