// What custom units save: instructions and cycles of kernels with and without them, from the instruction-set simulator
// under the timing model of rvv-lab's core. Each row compares one kernel with its unit to the same kernel without it,
// and products to that of f32 numbers.
#include "core_cost.h"

#include "compiler/codegen/HostKernels.h"
#include "compiler/codegen/Passes.h"
#include "kernels/TileKernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <benchmark/benchmark.h>

using namespace weft;
using bench::Cost;

namespace {

using Build = std::string (*)(mlir::ModuleOp);

/// One call on the core with `units`.
Result<Cost> costOf(Build build, const char *units, int64_t rows) {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  const std::string name = build(*module);
  if (llvm::StringRef(units).contains("exp"))
    for (auto function : module->getOps<mlir::func::FuncOp>())
      function->setAttr(codegen::unitsAttribute, mlir::Builder(&context).getStrArrayAttr({"exp"}));
  const auto described = codegen::describeKernels(*module);
  std::vector<int64_t> scalars = described.front()->probe->scalars;
  scalars[size_t(described.front()->probe->rows_scalar)] = rows;
  return bench::costOnCore(*module, name, units, described.front()->operand_bytes, scalars);
}

/// The kernel `with` on a core with units, against `without` on one that has none and, if given, `wide`.
void compare(benchmark::State &state, Build with, Build without, Build wide, int64_t rows) {
  Result<Cost> fast = costOf(with, "[dot, exp]", rows), plain = costOf(without, "[]", rows);
  Result<Cost> reference = wide ? costOf(wide, "[]", rows) : plain;
  for (auto _ : state)
    benchmark::DoNotOptimize(fast);
  for (const Result<Cost> *each : {&fast, &plain, &reference})
    if (!*each)
      return state.SkipWithError(each->error().message.c_str());
  state.counters["instructions"] = fast->instructions;
  state.counters["instructions_without"] = plain->instructions;
  state.counters["cycles"] = fast->cycles;
  state.counters["cycles_without"] = plain->cycles;
  state.counters["speedup"] = plain->cycles / fast->cycles;
  if (wide)
    state.counters["speedup_over_f32"] = reference->cycles / fast->cycles;
}

template <int64_t m, int64_t k, int64_t n, kernels::ByteOrder order> std::string quantised(mlir::ModuleOp module) {
  return kernels::buildGemmQuantised(module, m, k, n, order).name;
}
template <int64_t m, int64_t k, int64_t n> std::string f32(mlir::ModuleOp module) {
  return kernels::buildGemm(module, m, k, n, kernels::Element::F32).name;
}
template <int64_t m, int64_t n> std::string softmax(mlir::ModuleOp module) {
  return kernels::buildSoftmax(module, m, n).name;
}
template <int64_t m, int64_t n> std::string expSum(mlir::ModuleOp module) {
  return kernels::buildExpSum(module, {.rows = m, .n = n, .extent = n}).name;
}
template <int64_t m, int64_t n> std::string silu(mlir::ModuleOp module) {
  return kernels::buildActivation(module, m, n, kernels::Activation::Silu).name;
}

template <int64_t m, int64_t k, int64_t n> void compareProducts(benchmark::State &state) {
  compare(state, quantised<m, k, n, kernels::ByteOrder::Words>, quantised<m, k, n, kernels::ByteOrder::Rows>,
          f32<m, k, n>, m);
}
template <Build build, int64_t m> void compareKernels(benchmark::State &state) {
  compare(state, build, build, nullptr, m);
}

void gemm(benchmark::State &state) { compareProducts<56, 256, 256>(state); }
void gemmOfATile(benchmark::State &state) { compareProducts<8, 32, 96>(state); }
void gemv(benchmark::State &state) { compareProducts<1, 1024, 256>(state); }
void softmaxRows(benchmark::State &state) { compareKernels<softmax<16, 256>, 16>(state); }
void exponentials(benchmark::State &state) { compareKernels<expSum<16, 256>, 16>(state); }
void siluRows(benchmark::State &state) { compareKernels<silu<16, 256>, 16>(state); }

BENCHMARK(gemm)->Name("dot_gemm_56x256x256")->Iterations(1);
BENCHMARK(gemmOfATile)->Name("dot_gemm_8x32x96")->Iterations(1);
BENCHMARK(gemv)->Name("dot_gemv_1024x256")->Iterations(1);
BENCHMARK(softmaxRows)->Name("exp_softmax_16x256")->Iterations(1);
BENCHMARK(exponentials)->Name("exp_exp_sum_16x256")->Iterations(1);
BENCHMARK(siluRows)->Name("exp_silu_16x256")->Iterations(1);

} // namespace
