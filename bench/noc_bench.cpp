// How fast the packet network is, in flit-hops a second on one host core, and that idle cores do not slow it down.
#include "sim/noc/Measure.h"

#include <benchmark/benchmark.h>

namespace weft::noc {
namespace {

void run(benchmark::State &state, Experiment experiment) {
  uint64_t flitHops = 0;
  for (auto _ : state) {
    Result<Measured> measured = measure(experiment);
    if (!measured) {
      state.SkipWithError(measured.error().message.c_str());
      return;
    }
    flitHops += measured->counters.flitHops;
  }
  state.counters["flit_hops/s"] = benchmark::Counter(double(flitHops), benchmark::Counter::kIsRate);
}

/// Arguments: pattern, flits of a packet, thousandths of a flit offered a node and cycle, side of the mesh.
void nocTraffic(benchmark::State &state) {
  Experiment experiment;
  experiment.pattern = static_cast<Pattern>(state.range(0));
  experiment.packetFlits = static_cast<uint32_t>(state.range(1));
  experiment.offered = double(state.range(2)) / 1000;
  experiment.meshSide = static_cast<uint32_t>(state.range(3));
  run(state, experiment);
}
constexpr auto uniform = int(Pattern::Uniform), transpose = int(Pattern::Transpose), neighbor = int(Pattern::Neighbor);
BENCHMARK(nocTraffic)
    ->ArgNames({"pattern", "flits", "load", "mesh"})
    ->Args({uniform, 1, 300, 8})
    ->Args({uniform, 1, 300, 512})
    ->Args({uniform, 4, 250, 8})
    ->Args({transpose, 1, 100, 8})
    ->Args({neighbor, 1, 900, 8})
    ->Unit(benchmark::kMillisecond);

} // namespace
} // namespace weft::noc
