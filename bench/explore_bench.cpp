// What a search adds to each point, whatever the evaluation itself costs: making the point from its ordinal, and
// keeping its row.
#include "explore/run/Run.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <filesystem>
#include <unistd.h>

using namespace weft;
using namespace weft::explore;

namespace {

/// Costs nothing.
class Nothing : public Evaluator {
public:
  bool offers(Fidelity fidelity) const override { return fidelity == Fidelity::Analytic; }
  std::string version(Fidelity) const override { return "1"; }
  double errorBound(Fidelity) const override { return 0; }
  std::vector<std::string> metricNames() const override { return {"cycles", "joules", "seconds", "watts"}; }
  std::vector<std::string> choiceNames() const override { return {"groups"}; }
  Result<void> check(const Workload &) const override { return success(); }
  std::map<std::string, double> figures(const hw::Hardware &) const override { return {}; }
  Result<Outcome> evaluate(const Point &point, Fidelity) const override {
    Outcome out;
    const double cycles = point.hardware.latency.hop * 1000.0 + point.hardware.latency.ramp;
    out.metrics = {{"cycles", cycles}, {"joules", cycles / 7}, {"seconds", cycles / 1.1e9}, {"watts", 15000}};
    return out;
  }
};

Space spaceOf(const Nothing &evaluator) {
  auto space = parseSpace(R"(name: bench
base: wse2
workloads: [{name: w, kernel: gemv, shape: [64, 64]}]
axes: {latency.hop: {range: [1, 40]}, latency.ramp: {range: [1, 25]}, memory.sram_kib: {range: [16, 65]}, choice.groups: [4, 8]}
constraints: ["latency.hop * latency.ramp <= 2000", "watts <= 20000"]
objectives: {cycles: min, joules: min}
method: {kind: grid}
)",
                          "bench.yaml", vocabularyOf(evaluator));
  if (!space)
    std::abort();
  return *std::move(space);
}

void makePoints(benchmark::State &state) {
  const Nothing evaluator;
  const Space space = spaceOf(evaluator);
  const Points points(space, evaluator);
  uint64_t ordinal = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(points.at(ordinal++ % points.count()).digest(Fidelity::Analytic, "1"));
  state.counters["points"] = benchmark::Counter(double(ordinal), benchmark::Counter::kIsRate);
}
BENCHMARK(makePoints);

/// A whole sweep on one thread: points, rows, transactions. 100 000 points an iteration.
void sweepAndKeep(benchmark::State &state) {
  const Nothing evaluator;
  const Space space = spaceOf(evaluator);
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("weft-explore-bench-{}.db", ::getpid())).string();
  uint64_t points = 0;
  for (auto _ : state) {
    std::filesystem::remove(path);
    auto store = Store::create(path, {"bench", space.text, space.digest(), "0", "1", "1"});
    auto counts = store ? sweep(space, evaluator, *store, {.jobs = 1}) : Result<SweepCounts>(store.error());
    if (!counts)
      return state.SkipWithError(counts.error().message.c_str());
    points += counts->computed;
  }
  std::filesystem::remove(path);
  state.counters["points"] = benchmark::Counter(double(points), benchmark::Counter::kIsRate);
}
BENCHMARK(sweepAndKeep)->Unit(benchmark::kMillisecond)->UseRealTime();

} // namespace
