// Models of cost for searches: closed forms against the engine, and what is refused.
#include "explore/workloads/ModelEvaluator.h"
#include "explore/workloads/Models.h"
#include "hw-models/Schema.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

using namespace weft;
using namespace weft::explore;

namespace {

std::string config(int hidden, int intermediate, int layers) {
  return fmt::format(R"({{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": {}, "intermediate_size": {}, "num_hidden_layers": {}, "num_attention_heads": 4, "vocab_size": 100,
    "max_position_embeddings": 4096, "rms_norm_eps": 1e-5}})",
                     hidden, intermediate, layers);
}

Workload model(const std::string &phase, uint32_t context, uint32_t side, const std::string &text) {
  Workload workload;
  workload.name = "w";
  workload.modelPath = "config.json";
  workload.modelText = text;
  workload.phase = phase;
  workload.context = context;
  workload.meshWidth = workload.meshHeight = side;
  return workload;
}

hw::Hardware preset(const std::string &name, const std::vector<hw::Override> &overrides = {}) {
  auto machine = hw::load(name, overrides);
  if (!machine)
    FAIL(machine.error().message);
  return *machine;
}

Outcome outcomeOf(const Evaluator &evaluator, const Point &point, Fidelity fidelity) {
  auto outcome = evaluator.evaluate(point, fidelity);
  if (!outcome)
    FAIL(outcome.error().message);
  return *outcome;
}

struct Errors {
  std::vector<double> values; // relative, of cycles
  double mean() const {
    double sum = 0;
    for (double value : values)
      sum += value;
    return sum / double(values.size());
  }
  double worst() const { return *std::max_element(values.begin(), values.end()); }
};

class Random {
public:
  explicit Random(unsigned seed) : bits(seed) {}
  int operator()(int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(bits); }
  /// Evenly in its logarithm.
  int wide(int lo, int hi) {
    return int(std::lround(std::exp(std::uniform_real_distribution<double>(std::log(lo), std::log(hi))(bits))));
  }

  std::mt19937 bits;
};

std::vector<hw::Override> randomMachine(Random &random, const std::string &preset) {
  auto text = [&](int lo, int hi) { return std::to_string(random(lo, hi)); };
  auto real = [&](double lo, double hi) {
    return fmt::format("{:.4f}",
                       std::exp(std::uniform_real_distribution<double>(std::log(lo), std::log(hi))(random.bits)));
  };
  std::vector<hw::Override> machine = {{"latency.hop", text(1, 4)},
                                       {"latency.ramp", text(1, 6)},
                                       {"latency.transfer_issue", text(1, 20)},
                                       {"latency.stream_stage", text(1, 12)},
                                       {"latency.stream_startup", text(1, 20)},
                                       {"latency.die_crossing.columns", random(0, 1) ? text(5, 40) : "0"},
                                       {"latency.die_crossing.rows", random(0, 1) ? text(5, 40) : "0"},
                                       {"latency.die_crossing.cycles", text(1, 20)},
                                       {"routing.link_bytes", random(0, 1) ? "4" : "8"},
                                       {"routing.queue_words", text(4, 16)},
                                       {"memory.sram_kib", "65536"}};
  const std::vector<hw::Override> engine = {{"parallelism.core.macs_per_cycle_f16", real(1, 64)},
                                            {"parallelism.core.alu_per_cycle", real(1, 64)},
                                            {"parallelism.core.special_per_cycle", real(0.01, 4)},
                                            {"parallelism.core.load_bytes_per_cycle", real(16, 256)},
                                            {"parallelism.core.store_bytes_per_cycle", real(8, 128)},
                                            {"parallelism.core.vector_issue", text(0, 5)},
                                            {"parallelism.core.descriptor", text(0, 60)},
                                            {"parallelism.core.task_activation", text(0, 20)}};
  const std::vector<hw::Override> vector = {{"parallelism.core.vlen", "512"},
                                            {"parallelism.core.dlen", random(0, 1) ? "128" : "512"},
                                            {"routing.ramp_words", text(1, 2)},
                                            {"parallelism.mesh", "[128, 128]"}};
  const auto &more = preset == "wse2" ? engine : vector;
  machine.insert(machine.end(), more.begin(), more.end());
  return machine;
}

Errors errorsOf(const std::string &phase, int count, unsigned seed, int mostSide) {
  auto evaluator = makeModelEvaluator();
  Random random(seed);
  Errors errors;
  for (int i = 0; i < count; ++i) {
    Point point;
    const std::string base = random(0, 3) ? "wse2" : "rvv-mesh-16";
    point.hardware = preset(base, randomMachine(random, base));
    const int side = random.wide(4, mostSide);
    const Workload workload = model(phase, uint32_t(random.wide(side, 16 * side)), uint32_t(side),
                                    config(8 * random.wide(side, 4 * side), 4 * random.wide(side, 16 * side), 2));
    point.workload = &workload;
    if (phase == "decode" && random(0, 1))
      point.choices["groups"] = std::to_string(random(1, side));
    const Outcome form = outcomeOf(*evaluator, point, Fidelity::Analytic);
    const Outcome engine = outcomeOf(*evaluator, point, Fidelity::Engine);
    INFO(phase << " " << i << ": side " << side << "\n" << point.hardware.yaml);
    REQUIRE(form.status == Outcome::Status::Ok);
    if (engine.status != Outcome::Status::Ok)
      FAIL(engine.reason);
    const double ratio = form.metrics.at("cycles") / engine.metrics.at("cycles");
    errors.values.push_back(std::abs(ratio - 1));
    CHECK(form.metrics.at("macs") == Approx(engine.metrics.at("macs")));
    CHECK(form.metrics.at("hop_bytes") == Approx(engine.metrics.at("hop_bytes")).epsilon(0.02));
  }
  return errors;
}

} // namespace

TEST_CASE("the form of a decode layer is the engine's time on random machines") {
  const Errors errors = errorsOf("decode", 60, 1, 96);
  CHECK(errors.mean() < 0.002);
  CHECK(errors.worst() < 0.03);
}

TEST_CASE("the form of a prefill layer is the engine's time on random machines") {
  const Errors errors = errorsOf("prefill", 20, 2, 16);
  CHECK(errors.mean() < 0.005);
  CHECK(errors.worst() < 0.02);
}

namespace {

/// Llama-3-8B on the wafer.
Workload decode8b(uint32_t side, uint32_t context = 4096) {
  return model("decode", context, side, config(4096, 14336, 32));
}

Outcome both(const Point &point) {
  auto evaluator = makeModelEvaluator();
  const Outcome form = outcomeOf(*evaluator, point, Fidelity::Analytic);
  const Outcome engine = outcomeOf(*evaluator, point, Fidelity::Engine);
  CHECK(form.status == engine.status);
  CHECK(form.reason == engine.reason);
  CHECK(form.reasonKind == engine.reasonKind);
  return engine;
}

} // namespace

TEST_CASE("what cannot work is refused by both fidelities alike, with its reason") {
  Point point;
  Workload workload = decode8b(360);
  point.workload = &workload;
  SECTION("a mesh that the machine has not") {
    point.hardware = preset("wse2", {{"parallelism.mesh", "[300, 300]"}});
    const Outcome outcome = both(point);
    CHECK(outcome.reasonKind == "mesh");
    CHECK(outcome.reason == "a mesh of 360x360 cores is larger than the machine's 300x300");
  }
  SECTION("no square") {
    workload.meshHeight = 180;
    point.hardware = preset("wse2");
    CHECK(both(point).reasonKind == "mesh");
  }
  SECTION("layers that the machine's SRAM does not hold") {
    point.hardware = preset("wse2", {{"memory.sram_kib", "32"}});
    const Outcome outcome = both(point);
    CHECK(outcome.reasonKind == "sram");
    // 36 layers' worth on four squares at 48 KiB, less at 32.
    CHECK_THAT(outcome.reason, Catch::Matchers::Contains("the machine has room for 4"));
  }
  SECTION("a layer that a core's SRAM does not hold") {
    workload = decode8b(60);
    point.hardware = preset("wse2");
    const Outcome outcome = both(point);
    CHECK(outcome.reasonKind == "sram");
    CHECK_THAT(outcome.reason, Catch::Matchers::Contains("are left for buffers"));
  }
  SECTION("too few colours") {
    workload = model("decode", 64, 8, config(64, 128, 2));
    point.hardware = preset("wse2", {{"routing.colors", "9"}});
    CHECK(both(point).reasonKind == "colours");
    point.hardware = preset("wse2", {{"routing.colors", "10"}});
    CHECK(both(point).status == Outcome::Status::Ok);
  }
  SECTION("choices that the mesh does not allow") {
    point.hardware = preset("wse2");
    point.choices = {{"groups", "361"}};
    CHECK(both(point).reasonKind == "choice");
    point.choices = {{"k", "9"}};
    CHECK(both(point).reasonKind == "choice");
  }
}

TEST_CASE("decode of an 8B model on a wafer") {
  Point point;
  const Workload workload = decode8b(360);
  point.workload = &workload;
  point.hardware = preset("wse2");
  point.choices = {{"groups", "18"}};
  auto evaluator = makeModelEvaluator();
  for (Fidelity fidelity : {Fidelity::Engine, Fidelity::Analytic}) {
    auto metrics = outcomeOf(*evaluator, point, fidelity).metrics;
    CHECK(metrics.at("layer_cycles") == 12610); // as `weft kernel decode-layer` has it
    CHECK(metrics.at("cycles") == 32 * 12610);
    CHECK(metrics.at("tokens_per_second") == Approx(1.1e9 / (32 * 12610.0)));
    CHECK(metrics.at("meshes") == 4);
    CHECK(metrics.at("sram_used_bytes") == 8 * (2 * (4 * 12 * 12 + 3 * 12 * 40) + 2 * 2 * 12 * 12) + 160);
    CHECK(metrics.at("macs") == 32 * 360.0 * 360 * (4 * 12 * 12 + 3 * 12 * 40 + 2 * 12 * 12));
    CHECK(metrics.at("joules_per_token") * metrics.at("tokens_per_joule") == Approx(1));
    CHECK(metrics.at("watts") * metrics.at("seconds") == Approx(metrics.at("joules")));
    CHECK(metrics.at("joules.always") + metrics.at("joules.macs") + metrics.at("joules.sram") +
              metrics.at("joules.links") ==
          Approx(metrics.at("joules")));
    CHECK(metrics.at("watts") > metrics.at("power.idle_watts"));
    CHECK(metrics.at("watts") < 25e3);
    const auto names = evaluator->metricNames();
    CHECK(std::is_sorted(names.begin(), names.end()));
    for (const auto &[name, value] : metrics) {
      CHECK(std::binary_search(names.begin(), names.end(), name));
      CHECK(std::isfinite(value));
    }
  }
}

TEST_CASE("a machine without figures has times and no energy") {
  Point point;
  const Workload workload = decode8b(360);
  point.workload = &workload;
  point.hardware = preset("wse3");
  const Outcome outcome = both(point);
  CHECK(outcome.status == Outcome::Status::Ok);
  CHECK(outcome.metrics.count("tokens_per_second"));
  CHECK_FALSE(outcome.metrics.count("joules"));
  CHECK_FALSE(outcome.metrics.count("area.total_mm2"));
}

TEST_CASE("kernels have forms where programs do not depend on more than the form knows") {
  auto evaluator = makeModelEvaluator();
  Point point;
  point.hardware = preset("wse2");
  Workload workload;
  workload.element = "f16";
  workload.meshWidth = workload.meshHeight = 24;
  point.workload = &workload;
  for (const auto &[kernel, algorithm, shape] :
       {std::tuple<const char *, const char *, std::vector<int64_t>>{"gemm", "meshgemm", {192, 192, 192}},
        {"gemv", "ktree", {192, 960}},
        {"allreduce", "ktree", {1, 40}}}) {
    workload.kernel = kernel;
    workload.shape = shape;
    point.choices = {{"algorithm", algorithm}};
    const double form = outcomeOf(*evaluator, point, Fidelity::Analytic).metrics.at("cycles");
    const double engine = outcomeOf(*evaluator, point, Fidelity::Engine).metrics.at("cycles");
    INFO(kernel);
    CHECK(form == Approx(engine).epsilon(0.05));
  }
  point.choices = {{"algorithm", "ring"}};
  CHECK(outcomeOf(*evaluator, point, Fidelity::Analytic).reasonKind == "form");
  CHECK(outcomeOf(*evaluator, point, Fidelity::Engine).status == Outcome::Status::Ok);
}

TEST_CASE("workloads that no fidelity can read are errors before the search") {
  auto evaluator = makeModelEvaluator();
  Workload workload = decode8b(360);
  CHECK(evaluator->check(workload));
  workload.element = "i8"; // can be compiled
  CHECK(evaluator->check(workload));
  workload.element = "i4";
  CHECK_FALSE(evaluator->check(workload));
  workload = model("decode", 1, 1, "{}");
  CHECK_FALSE(evaluator->check(workload));
  workload = {};
  workload.kernel = "gem";
  CHECK_FALSE(evaluator->check(workload));
  workload.kernel = "gemm";
  workload.shape = {1, 2};
  CHECK_FALSE(evaluator->check(workload));
}

TEST_CASE("sequences of a batch take each step together") {
  auto evaluator = makeModelEvaluator();
  Point point;
  point.hardware = preset("wse2", {{"memory.sram_kib", "1024"}});
  Workload workload = model("decode", 256, 24, config(768, 2304, 2));
  point.workload = &workload;
  std::map<std::string, double> one = outcomeOf(*evaluator, point, Fidelity::Engine).metrics;
  for (uint32_t batch : {2u, 5u, 16u}) {
    workload.batch = batch;
    const Outcome engine = outcomeOf(*evaluator, point, Fidelity::Engine);
    const Outcome form = outcomeOf(*evaluator, point, Fidelity::Analytic);
    INFO(batch << " " << engine.reason);
    REQUIRE(engine.status == Outcome::Status::Ok);
    CHECK(form.metrics.at("cycles") == Approx(engine.metrics.at("cycles")).epsilon(0.03));
    CHECK(engine.metrics.at("macs") == batch * one.at("macs"));
    CHECK(engine.metrics.at("cycles") < batch * one.at("cycles")); // ways and start-ups are shared
    CHECK(engine.metrics.at("cycles") > one.at("cycles"));
    CHECK(engine.metrics.at("tokens_per_second") > one.at("tokens_per_second"));
    CHECK(form.metrics.at("sram_used_bytes") > one.at("sram_used_bytes"));
  }
  workload.phase = "prefill"; // prompts run one after the other
  workload.batch = 1;
  one = outcomeOf(*evaluator, point, Fidelity::Analytic).metrics;
  workload.batch = 3;
  const auto three = outcomeOf(*evaluator, point, Fidelity::Analytic).metrics;
  CHECK(three.at("cycles") == Approx(3 * one.at("cycles")));
  CHECK(three.at("tokens_per_second") == Approx(one.at("tokens_per_second")));
}

TEST_CASE("a model's multiply-accumulates are those of its matrices") {
  const Models models;
  Workload workload = decode8b(360);
  workload.modelText = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": 8, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 100, "max_position_embeddings": 64, "rms_norm_eps": 1e-5})";
  auto shape = models.shapeOf(workload);
  REQUIRE(shape);
  // q and o 8x8, k and v 8x4, three of 8x20; scores and weighted values 8 each for a token; the head.
  CHECK(shape->macsOfToken(10) == 3 * (2 * 64 + 2 * 32 + 3 * 160 + 2 * 8 * 10) + 800);
}

TEST_CASE("only a compiler has the finest fidelity, and it is asked for models alone") {
  CHECK_FALSE(makeModelEvaluator()->offers(Fidelity::Compiled));
  int asked = 0;
  auto evaluator = makeModelEvaluator([&](const Point &point) -> Result<CompiledRun> {
    ++asked;
    if (point.hardware.latency.hop > 1)
      return userError("takes too much SRAM");
    return CompiledRun{1100, 500, 300, 300, 1000, 2000};
  });
  CHECK(evaluator->offers(Fidelity::Compiled));
  Point point;
  Workload workload = model("decode", 64, 8, config(64, 128, 2));
  point.workload = &workload;
  point.hardware = preset("wse2");
  const Outcome outcome = outcomeOf(*evaluator, point, Fidelity::Compiled);
  CHECK(outcome.status == Outcome::Status::Ok);
  CHECK(outcome.metrics.at("tokens_per_second") == Approx(1e6));
  CHECK(outcome.metrics.at("sram_used_bytes") == 2000);
  CHECK(outcome.metrics.at("watts") > 0);
  point.hardware = preset("wse2", {{"latency.hop", "2"}});
  CHECK(outcomeOf(*evaluator, point, Fidelity::Compiled).reasonKind == "sram");
  point.choices = {{"groups", "2"}};
  CHECK(outcomeOf(*evaluator, point, Fidelity::Compiled).reasonKind == "compiled");
  CHECK(asked == 2);
}

namespace {

Workload serving() {
  Workload workload = model("serve", 0, 0, config(1024, 2816, 8));
  workload.tracePath = "trace.csv";
  workload.traceText = "TIMESTAMP,ContextTokens,GeneratedTokens\n0,100,5\n0.001,300,9\n0.002,50,3\n";
  return workload;
}

} // namespace

TEST_CASE("a machine serves requests on two regions or in turn") {
  auto evaluator = makeModelEvaluator();
  Point point;
  const Workload workload = serving();
  CHECK(evaluator->check(workload));
  point.workload = &workload;
  point.hardware = preset("wse2", {{"parallelism.mesh", "[200, 120]"}});
  std::map<std::string, std::map<std::string, double>> by;
  for (const char *sharing : {"split", "prompts-first", "alternate"}) {
    point.choices = {{"sharing", sharing}, {"prefill_side", "100"}, {"decode_side", "80"}};
    const Outcome outcome = outcomeOf(*evaluator, point, Fidelity::Analytic);
    INFO(sharing << ": " << outcome.reason);
    REQUIRE(outcome.status == Outcome::Status::Ok);
    by[sharing] = outcome.metrics;
    const auto names = evaluator->metricNames();
    for (const auto &[name, value] : outcome.metrics) {
      INFO(name);
      CHECK(std::binary_search(names.begin(), names.end(), name));
      CHECK(std::isfinite(value));
    }
    CHECK(outcome.metrics.at("rejected_share") == 0);
    CHECK(outcome.metrics.at("tokens_per_second") * outcome.metrics.at("seconds") == Approx(17));
  }
  CHECK(by["split"].at("switching") == 0);
  CHECK(by["alternate"].at("switching") > 0);
  // The decode step is that of a layer on the same square.
  Workload decode = model("decode", 80, 80, config(1024, 2816, 8));
  Point layer = point;
  layer.workload = &decode;
  layer.choices = {};
  const double step = outcomeOf(*evaluator, layer, Fidelity::Analytic).metrics.at("seconds");
  CHECK(by["split"].at("per_token.p50_s") >= step);
  CHECK(by["split"].at("per_token.p50_s") < 2 * step);
  CHECK(outcomeOf(*evaluator, point, Fidelity::Engine).reasonKind == "serve");
}

TEST_CASE("what cannot serve says why") {
  auto evaluator = makeModelEvaluator();
  Point point;
  Workload workload = serving();
  point.workload = &workload;
  point.hardware = preset("wse2", {{"parallelism.mesh", "[200, 120]"}});
  for (const auto &[choices, kind] :
       {std::pair<std::map<std::string, std::string>, const char *>{{{"sharing", "never"}}, "choice"},
        {{{"rate", "0"}}, "choice"},
        {{{"prefill_side", "121"}}, "sram"},
        {{{"decode_side", "9"}}, "sram"}}) {
    point.choices = choices;
    const Outcome outcome = outcomeOf(*evaluator, point, Fidelity::Analytic);
    INFO(choices.begin()->first << " " << outcome.reason);
    CHECK(outcome.status == Outcome::Status::Refused);
    CHECK(outcome.reasonKind == kind);
  }
  Point small = point;
  small.hardware = preset("rvv-mesh-16", {});
  for (const auto &[percent, region] :
       {std::pair{"1", "prompts"}, {"3", "prompts"}, {"97", "answers"}, {"99", "answers"}}) {
    small.choices = {{"prefill_percent", percent}};
    const Outcome outcome = outcomeOf(*evaluator, small, Fidelity::Analytic);
    INFO(percent << " % " << outcome.reason);
    CHECK(outcome.status == Outcome::Status::Refused);
    CHECK_THAT(outcome.reason, Catch::Matchers::EndsWith(std::string("no column for ") + region));
  }
  workload.traceText = "TIMESTAMP,ContextTokens,GeneratedTokens\n0,9999999,5\n";
  point.choices = {};
  CHECK_THAT(outcomeOf(*evaluator, point, Fidelity::Analytic).reason, Catch::Matchers::Contains("no request fits"));
  workload.traceText = "TIMESTAMP,ContextTokens,GeneratedTokens\nsoon,1,5\n";
  CHECK_FALSE(evaluator->check(workload));
}
