#include "explore/workloads/ModelEvaluator.h"

#include "compiler/algorithms/Algorithm.h"
#include "compiler/algorithms/Algorithms.h"
#include "explore/workloads/Job.h"
#include "hw-models/Area.h"
#include "hw-models/Energy.h"
#include "sim/maxplus/Evaluators.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace weft::explore {
namespace {

using algorithms::Kind;

/// What a program took: of one layer, or of the kernel.
struct Measured {
  ProgramEstimate estimate;
  std::optional<uint64_t> sramBytes; // of a core, where the program says it
};

/// What a repetition adds when several follow each other without a barrier, as a layer follows a layer.
Result<Measured> runProgram(algorithms::Request request, const hw::Hardware &hardware, const hw::CoreModel &core) {
  constexpr uint32_t repeats = 2; // sums bring all cores together: the second repetition is like any later one
  const bool single = request.kind == Kind::Gemm || request.kind == Kind::PrefillLayer;
  auto settings = request.settings.all();
  settings.try_emplace("repeats", std::to_string(single ? 1 : repeats));
  request.settings = algorithms::Settings(std::move(settings));
  auto generated = algorithms::generate(request, hardware);
  if (!generated)
    return generated.takeError();
  sim::MeshEngineOptions options;
  options.timingOnly = true;
  options.coreModel = &core;
  auto device = sim::makeTimingEngine(generated->package, hardware, options, sim::Evaluator::Auto);
  if (!device)
    return device.takeError();
  const pkg::ProgramT &program = *generated->package.programs[0];
  auto result = (*device)->run({.program = program.name, .tokensInCache = 1, .inputs = {}});
  if (!result)
    return result.takeError();
  const double times = generated->facts.repeats;
  const size_t ops = program.ops.size() / generated->facts.repeats;
  Measured measured;
  for (const runtime::OpTime &time : result->report.ops)
    if (times == 1 || time.op >= ops)
      measured.estimate.cycles += static_cast<double>(time.cycles) / std::max(1.0, times - 1);
  measured.estimate.macs = static_cast<double>(generated->facts.macs);
  measured.estimate.wordHops = static_cast<double>(result->report.counters.wordHops) / times;
  measured.sramBytes = generated->facts.bytesPerCore;
  return measured;
}

/// The form's count of SRAM bytes holds for both fidelities: programs do the same work.
ProgramEstimate formOf(const Job &job, const FormContext &on) {
  if (job.request.kind == Kind::DecodeLayer)
    return decodeLayer(on, job.request.shape);
  if (job.request.kind == Kind::PrefillLayer)
    return prefillLayer(on, job.request.shape);
  return kernelForm(on, job.request).value_or(ProgramEstimate{});
}

bool hasForm(const Job &job, const FormContext &on) {
  return job.request.kind >= Kind::DecodeLayer || kernelForm(on, job.request).has_value();
}

/// Of the links that a program uses, how many cross a boundary of dies.
double crossingShare(const hw::DieCrossing &dies, const algorithms::Request &request) {
  const auto share = [](uint32_t n, uint32_t every) { return n > 1 && every ? double((n - 1) / every) / (n - 1) : 0; };
  return dies.cycles ? (share(request.width, dies.columns) + share(request.height, dies.rows)) / 2 : 0;
}

class ModelEvaluator : public Evaluator {
public:
  bool offers(Fidelity fidelity) const override { return fidelity != Fidelity::Compiled; }
  std::string version(Fidelity fidelity) const override {
    return fidelity == Fidelity::Analytic ? "form-1" : "engine-1";
  }
  double errorBound(Fidelity fidelity) const override { return fidelity == Fidelity::Analytic ? analyticError : 0; }
  std::vector<std::string> metricNames() const override;
  std::vector<std::string> choiceNames() const override;
  Result<void> check(const Workload &workload) const override;
  std::map<std::string, double> figures(const hw::Hardware &hardware) const override;
  Result<Outcome> evaluate(const Point &point, Fidelity fidelity) const override;

private:
  /// Largest difference of cycles that tests/unit/explore_models_test.cpp allows; docs/explore.md has the distribution.
  static constexpr double analyticError = 0.03;

  Models models;
};

std::vector<std::string> ModelEvaluator::metricNames() const {
  return {"area.core_mm2",
          "area.sram_share",
          "area.total_mm2",
          "cycles",
          "hop_bytes",
          "joules",
          "joules.always",
          "joules.links",
          "joules.macs",
          "joules.sram",
          "joules_per_token",
          "layer_cycles",
          "macs",
          "meshes",
          "power.idle_watts",
          "seconds",
          "sram_used_bytes",
          "tokens_per_joule",
          "tokens_per_second",
          "utilisation",
          "watts"};
}

std::vector<std::string> ModelEvaluator::choiceNames() const {
  std::set<std::string> names{"algorithm"};
  for (const algorithms::Algorithm &each : algorithms::algorithms())
    for (const algorithms::SettingDoc &setting : each.settings)
      names.emplace(setting.key);
  return {names.begin(), names.end()};
}

Result<void> ModelEvaluator::check(const Workload &workload) const {
  if (!workload.element.empty() && workload.element != "f16" && workload.element != "f32")
    return userError("dtype wants f16 or f32");
  if (workload.kernel.empty()) {
    if (workload.batch != 1)
      return userError(fmt::format("batch {}: a layer's program has one sequence, batch is 1", workload.batch));
    auto shape = models.shapeOf(workload);
    return shape ? success() : Result<void>(shape.takeError());
  }
  const std::optional<Kind> kind = kindNamed(workload.kernel);
  if (!kind)
    return userError(fmt::format("no kernel is called '{}'; see `weft kernel --help`", workload.kernel));
  const size_t extents = *kind == Kind::Gemm || *kind >= Kind::DecodeLayer ? 3 : 2;
  if (workload.shape.size() != extents)
    return userError(
        fmt::format("the shape of {} has {} extents, not {}", workload.kernel, extents, workload.shape.size()));
  return success();
}

std::map<std::string, double> ModelEvaluator::figures(const hw::Hardware &hardware) const {
  std::map<std::string, double> known;
  if (const auto area = hw::areaOf(hardware)) {
    known["area.core_mm2"] = area->core();
    known["area.sram_share"] = area->core() > 0 ? area->sram / area->core() : 0;
    known["area.total_mm2"] = area->total();
  }
  if (const auto watts = hw::idleWatts(hardware))
    known["power.idle_watts"] = *watts;
  return known;
}

void addEnergy(const hw::Hardware &hardware, const Job &job, const ProgramEstimate &layer, double cycles,
               std::map<std::string, double> &metrics) {
  const hw::Parallelism &mesh = hardware.parallelism;
  const double hopBytes = layer.wordHops * job.layers * hardware.routing.linkBytes;
  metrics["hop_bytes"] = hopBytes;
  const auto joules =
      hw::joulesOf(hardware, {.macs = layer.macs * job.layers,
                              .sramBytes = layer.sramBytes * job.layers,
                              .hopBytes = hopBytes,
                              .crossingBytes = hopBytes * crossingShare(hardware.latency.dieCrossing, job.request),
                              .coreCycles = cycles * mesh.meshWidth * mesh.meshHeight});
  if (!joules)
    return;
  metrics["joules"] = joules->total();
  metrics["joules.always"] = joules->always;
  metrics["joules.links"] = joules->links + joules->dieCrossings;
  metrics["joules.macs"] = joules->macs;
  metrics["joules.sram"] = joules->sram;
  if (cycles > 0)
    metrics["watts"] = joules->total() / (cycles / (mesh.clockGhz * 1e9));
  if (job.isModel()) {
    metrics["joules_per_token"] = joules->total() / job.tokens;
    metrics["tokens_per_joule"] = job.tokens / joules->total();
  }
}

void addTimes(const hw::Hardware &hardware, const Job &job, const ProgramEstimate &layer,
              std::map<std::string, double> &metrics) {
  const double cycles = layer.cycles * job.layers, seconds = cycles / (hardware.parallelism.clockGhz * 1e9);
  metrics["cycles"] = cycles;
  metrics["layer_cycles"] = layer.cycles;
  metrics["seconds"] = seconds;
  metrics["macs"] = layer.macs * job.layers;
  const hw::CoreRates rates = hw::ratesOf(hardware);
  const double peak = job.request.element == algorithms::Element::F16 ? rates.macsF16 : rates.macsF32;
  if (cycles > 0) {
    metrics["utilisation"] = layer.macs / (layer.cycles * peak * job.request.width * job.request.height);
    if (job.isModel())
      metrics["tokens_per_second"] = job.tokens / seconds;
  }
}

Result<Outcome> ModelEvaluator::evaluate(const Point &point, Fidelity fidelity) const {
  auto prepared = prepare(point, models);
  if (!prepared)
    return prepared.takeError();
  const hw::Hardware &hardware = point.hardware;
  Job &job = prepared->job;
  Outcome outcome;
  outcome.metrics = figures(hardware);
  if (job.sramBytes)
    outcome.metrics["sram_used_bytes"] = static_cast<double>(job.sramBytes);
  outcome.metrics["meshes"] = static_cast<double>(job.meshes);
  const auto refuse = [&](std::string kind, std::string reason) {
    outcome.status = Outcome::Status::Refused;
    outcome.reasonKind = std::move(kind);
    outcome.reason = std::move(reason);
    return outcome;
  };
  if (prepared->refusal)
    return refuse(prepared->refusal->kind, prepared->refusal->reason);
  auto core = hw::makeCoreModel(hardware);
  if (!core)
    return core.takeError();
  const FormContext on{hardware,
                       **core,
                       job.request.element == algorithms::Element::F16,
                       static_cast<int>(job.request.width),
                       static_cast<int>(job.request.height),
                       job.tree};
  ProgramEstimate layer = formOf(job, on);
  if (fidelity == Fidelity::Analytic && !hasForm(job, on))
    return refuse("form", fmt::format("{} {} with these settings has no closed form; the engine has it",
                                      algorithms::nameOf(job.request.kind), job.request.algorithm));
  if (fidelity != Fidelity::Analytic) {
    auto measured = runProgram(job.request, hardware, **core);
    if (!measured && measured.error().fault == Fault::Internal)
      return measured.takeError();
    if (!measured)
      return refuse("program", measured.error().message);
    measured->estimate.sramBytes = layer.sramBytes;
    layer = measured->estimate;
    if (!job.isModel() && measured->sramBytes)
      outcome.metrics["sram_used_bytes"] = static_cast<double>(*measured->sramBytes);
  }
  addTimes(hardware, job, layer, outcome.metrics);
  addEnergy(hardware, job, layer, layer.cycles * job.layers, outcome.metrics);
  return outcome;
}

} // namespace

std::unique_ptr<Evaluator> makeModelEvaluator() { return std::make_unique<ModelEvaluator>(); }

} // namespace weft::explore
