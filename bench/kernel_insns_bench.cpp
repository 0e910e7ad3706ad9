// Instructions a multiply-accumulate of the products that models spend their time in, counted by running their machine
// code for a core with 256-bit registers, and with shorter and longer ones; and how busy the timing model finds a
// four-lane core's floating-point unit.
#include "compiler/codegen/CoreKernels.h"
#include "compiler/codegen/HostKernels.h"
#include "hw-models/core/rvv/Timing.h"
#include "kernels/TileKernels.h"
#include "sim/iss/KernelMachine.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <benchmark/benchmark.h>

#include <array>

using namespace weft;

namespace {

enum class Product { F32, F16Weights, F16, BF16, Int8, Q8, Q4 };

struct Shape {
  int64_t m, k, n;
  int64_t macs() const { return m * k * n; }
};

kernels::TileKernel build(mlir::ModuleOp module, Product product, Shape s) {
  switch (product) {
  case Product::F32:
    return kernels::buildGemm(module, s.m, s.k, s.n, kernels::Element::F32);
  case Product::F16Weights:
    return kernels::buildGemm(module, s.m, s.k, s.n, kernels::Element::F16);
  case Product::F16:
    return kernels::buildGemmNarrow(module, s.m, s.k, s.n, kernels::Element::F16);
  case Product::BF16:
    return kernels::buildGemmNarrow(module, s.m, s.k, s.n, kernels::Element::BF16);
  case Product::Int8:
    return kernels::buildGemmInt8(module, s.m, s.k, s.n);
  case Product::Q8:
    return kernels::buildGemmBlocks(module, s.m, s.k, s.n, kernels::BlockFormat::Q8);
  case Product::Q4:
    return kernels::buildGemmBlocks(module, s.m, s.k, s.n, kernels::BlockFormat::Q4);
  }
  return {};
}

/// Hands what retires to the timing model, and counts what its multiply-add unit has to do.
class Clock : public iss::Observer {
public:
  explicit Clock(const hw::Hardware &hardware) : timing(hw::rvv::makeTiming(hardware)) {}
  void retired(uint64_t, const iss::Op &, const iss::Hart &, const hw::rvv::Retired &op) override {
    timing->retire(op);
  }
  std::unique_ptr<hw::rvv::Timing> timing;
};

/// One call of a product on a core; values do not matter and are zero. Instructions, or an error.
Result<uint64_t> run(Product product, Shape shape, const hw::Hardware &hardware, iss::Observer *observer) {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  std::string name = build(*module, product, shape).name;
  auto object = codegen::compileCoreKernels(*module, {hw::isaOf(hardware.parallelism.core)});
  if (!object)
    return object.takeError();
  auto machine = iss::KernelMachine::create(std::as_bytes(std::span(object->image)), {name}, hardware);
  if (!machine)
    return machine.takeError();
  std::vector<std::byte> sram(hardware.memory.sramBytes);
  std::vector<uint32_t> operands;
  uint32_t next = 0;
  auto described = codegen::describeKernels(*module);
  for (uint32_t bytes : described.front()->operand_bytes) {
    operands.push_back(next);
    next += (bytes + 63) / 64 * 64;
  }
  if (next > sram.size())
    return internalError("the product does not fit the core's SRAM");
  return machine->call(0, sram, operands, std::array<int64_t, 1>{shape.m}, observer);
}

void countInstructions(benchmark::State &state, Product product, Shape shape, uint32_t vlenBits = 0) {
  auto hardware = hw::load("rvv-lab"); // 256-bit registers, and room for the operands
  if (hardware && vlenBits != 0)
    hardware->parallelism.core.vlenBits = vlenBits;
  Result<uint64_t> instructions = hardware ? run(product, shape, *hardware, nullptr) : hardware.takeError();
  for (auto _ : state)
    benchmark::DoNotOptimize(instructions);
  if (!instructions)
    return state.SkipWithError(instructions.error().message.c_str());
  state.counters["instructions_per_mac"] = static_cast<double>(*instructions) / static_cast<double>(shape.macs());
}

/// Busy cycles of the floating-point unit, and multiply-accumulates, for each cycle of a call.
void timeOnFourLanes(benchmark::State &state, Product product, Shape shape) {
  auto hardware = hw::load("rvv-4lane");
  if (!hardware)
    return state.SkipWithError(hardware.error().message.c_str());
  Clock clock(*hardware);
  Result<uint64_t> instructions = run(product, shape, *hardware, &clock);
  for (auto _ : state)
    benchmark::DoNotOptimize(instructions);
  if (!instructions)
    return state.SkipWithError(instructions.error().message.c_str());
  double cycles = static_cast<double>(clock.timing->cycles());
  state.counters["fpu_utilisation"] = static_cast<double>(clock.timing->vectorUse().fpuBusyCycles) / cycles;
  state.counters["macs_per_cycle"] = static_cast<double>(shape.macs()) / cycles;
}

constexpr Shape gemm{56, 256, 256}, gemv{1, 1024, 256}, cube{128, 128, 128};
constexpr Shape wide{7, 44, 88}, narrow{5, 100, 36}, row{1, 60, 28}; // of tiles that divide by nothing

BENCHMARK_CAPTURE(countInstructions, gemm_f32, Product::F32, gemm)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemv_f32, Product::F32, gemv)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemv_q8, Product::Q8, gemv)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemv_q4, Product::Q4, gemv)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f16_weights, Product::F16Weights, gemm)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f16, Product::F16, gemm)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_bf16, Product::BF16, gemm)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_int8, Product::Int8, gemm)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemv_f16, Product::F16, gemv)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemv_int8, Product::Int8, gemv)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f32_7x44x88, Product::F32, wide)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f32_5x100x36, Product::F32, narrow)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemv_f32_1x60x28, Product::F32, row)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f16_weights_7x44x88, Product::F16Weights, wide)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f32_vlen128, Product::F32, gemm, 128)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f32_vlen512, Product::F32, gemm, 512)->Iterations(1);
BENCHMARK_CAPTURE(countInstructions, gemm_f32_vlen1024, Product::F32, gemm, 1024)->Iterations(1);
BENCHMARK_CAPTURE(timeOnFourLanes, gemm_f32, Product::F32, cube)->Iterations(1);

} // namespace
