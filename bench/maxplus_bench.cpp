// How fast the max-plus evaluator is: whole wafers, every core for itself. A core-step is one step of one core, with
// all its transfers, its product and its wait. One host core unless a name says otherwise.
#include "compiler/algorithms/Algorithms.h"
#include "heap.h"
#include "hw-models/CoreModel.h"
#include "sim/maxplus/MaxPlusEngine.h"

#include <benchmark/benchmark.h>

namespace weft {
namespace {

void runKernel(benchmark::State &state, algorithms::Kind kind, const char *algorithm, std::vector<int64_t> shape,
               std::map<std::string, std::string> settings) {
  const auto side = static_cast<uint32_t>(state.range(0));
  // As wide as the largest mesh below: 846,400 cores.
  auto hardware = hw::load("wse3", {{"parallelism.mesh", "[920,920]"}});
  if (!hardware)
    return state.SkipWithError(hardware.error().message.c_str());
  hardware->routing.rampWords = 2;
  for (int64_t &extent : shape)
    extent *= side;
  auto generated = algorithms::generate({.kind = kind,
                                         .algorithm = algorithm,
                                         .width = side,
                                         .height = side,
                                         .shape = shape,
                                         .element = algorithms::Element::F16,
                                         .settings = algorithms::Settings(std::move(settings))},
                                        *hardware);
  if (!generated)
    return state.SkipWithError(generated.error().message.c_str());
  auto core = hw::makeCoreModel(*hardware);
  sim::MeshEngineOptions options;
  options.timingOnly = true;
  options.coreModel = core->get();
  uint64_t cycles = 0;
  const size_t before = bench::heapBytes(); // the program itself, which does not grow with the mesh
  bench::resetPeak();
  for (auto _ : state) {
    auto engine = sim::makeMaxPlusEngine(generated->package, *hardware, options);
    auto result = engine ? (*engine)->run({generated->package.programs[0]->name, 1, {}})
                         : Result<runtime::LaunchResult>(engine.error());
    if (!result)
      return state.SkipWithError(result.error().message.c_str());
    cycles = result->report.cycles;
  }
  const double coreSteps = double(generated->facts.steps) * side * side;
  state.counters["core_steps/s"] =
      benchmark::Counter(coreSteps * double(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["cycles"] = double(cycles);
  state.counters["bytes a core"] = double(bench::peakHeapBytes() - before) / (double(side) * side);
}

void meshGemm(benchmark::State &state) { runKernel(state, algorithms::Kind::Gemm, "meshgemm", {8, 8, 8}, {}); }
BENCHMARK(meshGemm)->Arg(180)->Arg(360)->Arg(720)->Arg(920)->Unit(benchmark::kMillisecond);

void allReduce(benchmark::State &state) {
  runKernel(state, algorithms::Kind::Gemv, "ktree", {8, 8}, {{"groups", "8"}, {"repeats", "4"}});
}
BENCHMARK(allReduce)->Arg(180)->Arg(360)->Arg(720)->Arg(920)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace weft
