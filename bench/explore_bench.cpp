// What a search adds to each point, whatever the evaluation itself costs: making the point from its ordinal, and
// keeping its row. And what the evaluation of an 8B model's decode costs.
#include "explore/run/Run.h"
#include "explore/workloads/ModelEvaluator.h"

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

/// Decode of an 8B model, machine after machine; on 360 x 360 cores a layer.
Space decodeSpace(const Evaluator &evaluator) {
  auto space =
      parseSpace(R"(name: bench
base: wse2
workloads: [{name: w, model: c.json, phase: decode, context: 4096, mesh: [360, 360]}]
axes: {latency.hop: {range: [1, 40]}, latency.ramp: {range: [1, 25]}, choice.groups: [18, 20]}
objectives: {tokens_per_second: max, joules_per_token: min}
method: {kind: grid}
)",
                 "bench.yaml", vocabularyOf(evaluator), [](const std::string &, size_t) -> Result<std::string> {
                   return std::string(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_act": "silu", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "vocab_size": 128256, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5})");
                 });
  if (!space)
    std::abort();
  return *std::move(space);
}

void evaluate8b(benchmark::State &state, Fidelity fidelity) {
  const auto evaluator = makeModelEvaluator();
  const Space space = decodeSpace(*evaluator);
  const Points points(space, *evaluator);
  uint64_t ordinal = 0;
  for (auto _ : state) {
    Candidate candidate = points.at(ordinal++ % points.count());
    auto row = evaluatePoint(points, *evaluator, candidate, fidelity);
    if (!row || row->status != "ok")
      return state.SkipWithError(row ? row->reason.c_str() : row.error().message.c_str());
  }
  state.counters["points"] = benchmark::Counter(double(ordinal), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(evaluate8b, analytic, Fidelity::Analytic);
BENCHMARK_CAPTURE(evaluate8b, engine, Fidelity::Engine)->Unit(benchmark::kMillisecond);

} // namespace
