#include "explore/workloads/ModelEvaluator.h"

#include "compiler/algorithms/Algorithm.h"
#include "explore/workloads/Job.h"
#include "explore/workloads/ProgramRun.h"
#include "explore/workloads/Serving.h"
#include "hw-models/Area.h"
#include "hw-models/Energy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace weft::explore {
namespace {

using algorithms::Kind;

/// The form's count of SRAM bytes holds for both fidelities: programs do the same work.
ProgramEstimate formOf(const Job &job, const FormContext &on) {
  if (job.request.kind == Kind::DecodeLayer)
    return decodeLayer(on, job.request.shape);
  if (job.request.kind == Kind::PrefillLayer)
    return prefillLayer(on, job.request.shape);
  return kernelForm(on, job.request).value_or(ProgramEstimate{});
}

bool hasForm(const Job &job, const FormContext &on) {
  return algorithms::isLayer(job.request.kind) || kernelForm(on, job.request).has_value();
}

/// Of the links that a program uses, how many cross a boundary of dies.
double crossingShare(const hw::DieCrossing &dies, const algorithms::Request &request) {
  const auto share = [](uint32_t n, uint32_t every) { return n > 1 && every ? double((n - 1) / every) / (n - 1) : 0; };
  return dies.cycles ? (share(request.width, dies.columns) + share(request.height, dies.rows)) / 2 : 0;
}

class ModelEvaluator : public Evaluator {
public:
  explicit ModelEvaluator(RunCompiled compiled) : compiled(std::move(compiled)) {}
  bool offers(Fidelity fidelity) const override { return fidelity != Fidelity::Compiled || compiled; }
  std::string version(Fidelity fidelity) const override {
    return fidelity == Fidelity::Analytic ? "form-2" : fidelity == Fidelity::Engine ? "engine-2" : "compiled-1";
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

  Result<Outcome> evaluateCompiled(const Point &point, Job job) const;

  Models models;
  RunCompiled compiled;
};

std::vector<std::string> ModelEvaluator::metricNames() const {
  std::vector<std::string> names = {
      "area.core_mm2", "area.sram_share",  "area.total_mm2",    "colours",          "communicate",
      "compute",       "cycles",           "hop_bytes",         "joules",           "joules.always",
      "joules.links",  "joules.macs",      "joules.sram",       "joules_per_token", "layer_cycles",
      "macs",          "meshes",           "power.idle_watts",  "seconds",          "sram_used_bytes",
      "steps",         "tokens_per_joule", "tokens_per_second", "utilisation",      "wait",
      "watts"};
  for (std::string &name : servingMetrics())
    names.push_back(std::move(name));
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> ModelEvaluator::choiceNames() const {
  std::set<std::string> names{"algorithm", "side"};
  for (const algorithms::Algorithm &each : algorithms::algorithms())
    for (const algorithms::SettingDoc &setting : each.settings)
      names.emplace(setting.key);
  for (std::string &name : servingChoices())
    names.insert(std::move(name));
  return {names.begin(), names.end()};
}

Result<void> ModelEvaluator::check(const Workload &workload) const {
  const std::string &element = workload.element;
  const bool ofModels = workload.kernel.empty() && (element == "bf16" || element == "i8");
  if (!element.empty() && element != "f16" && element != "f32" && !ofModels)
    return userError(workload.kernel.empty() ? "dtype wants f32, f16, bf16 or i8" : "dtype wants f16 or f32");
  if (workload.kernel.empty()) {
    if (auto shape = models.shapeOf(workload); !shape)
      return shape.takeError();
    if (workload.phase == "serve")
      if (auto requests = models.requestsOf(workload); !requests)
        return requests.takeError();
    return success();
  }
  const std::optional<Kind> kind = kindNamed(workload.kernel);
  if (!kind)
    return userError(fmt::format("no kernel is called '{}'; see `weft kernel --help`", workload.kernel));
  const size_t extents = algorithms::extentsOf(*kind);
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

/// What only a program that ran can tell.
void addProgram(const ProgramRun &run, const Job &job, std::map<std::string, double> &metrics) {
  metrics["communicate"] = run.times.communicate * job.layers;
  metrics["compute"] = run.times.compute * job.layers;
  metrics["wait"] = run.times.wait * job.layers;
  metrics["steps"] = static_cast<double>(run.facts.steps) * job.layers;
  metrics["colours"] = run.facts.colors;
  if (!job.isModel())
    metrics["sram_used_bytes"] = run.facts.bytesPerCore;
}

/// Of the whole model, its head included: the launch of the compiler's program.
Result<Outcome> ModelEvaluator::evaluateCompiled(const Point &point, Job job) const {
  const hw::Hardware &hardware = point.hardware;
  if (!job.isModel())
    return Outcome::refused("compiled", "only models can be compiled; the engine has kernels");
  if (!point.choices.empty())
    return Outcome::refused("compiled",
                            fmt::format("the choice {} is the compiler's own", point.choices.begin()->first));
  auto run = compiled(point);
  if (!run && run.error().fault == Fault::Internal)
    return run.takeError();
  if (!run)
    return Outcome::refused(reasonKindOf(run.error().message), run.error().message);
  auto shape = models.shapeOf(*point.workload);
  if (!shape)
    return shape.takeError();
  const double context = point.workload->context, tokens = job.tokens;
  job.layers = 1; // the launch has all of them
  ProgramEstimate whole;
  whole.cycles = run->cycles;
  whole.macs = tokens * shape->macsOfToken(tokens > 1 ? context / 2 : context); // a prompt's tokens see half of it
  whole.sramBytes = 2 * whole.macs; // a weight or a cached value each, in f16; activations are few beside them
  whole.wordHops = run->wordHops;
  Outcome outcome;
  outcome.metrics = figures(hardware);
  outcome.metrics["sram_used_bytes"] = run->sramUsedBytes;
  outcome.metrics["compute"] = run->compute;
  outcome.metrics["communicate"] = run->communicate;
  outcome.metrics["wait"] = run->wait;
  addTimes(hardware, job, whole, outcome.metrics);
  outcome.metrics.erase("layer_cycles");
  addEnergy(hardware, job, whole, whole.cycles, outcome.metrics);
  return outcome;
}

Result<Outcome> ModelEvaluator::evaluate(const Point &point, Fidelity fidelity) const {
  if (point.workload->phase == "serve") {
    if (fidelity != Fidelity::Analytic)
      return Outcome::refused("serve", "requests are served with times of fidelity analytic");
    auto requests = models.requestsOf(*point.workload);
    if (!requests)
      return requests.takeError();
    auto served = evaluateServing(point, models, **requests);
    if (served)
      served->metrics.merge(figures(point.hardware));
    return served;
  }
  auto prepared = prepare(point, models);
  if (!prepared)
    return prepared.takeError();
  const hw::Hardware &hardware = point.hardware;
  Job &job = prepared->job;
  if (fidelity == Fidelity::Compiled)
    return evaluateCompiled(point, job);
  if (const std::string &element = point.workload->element; element == "bf16" || element == "i8")
    return Outcome::refused("dtype", fmt::format("layers' programs have f16 and f32; {} can be compiled", element));
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
                       job.tree,
                       job.batch};
  ProgramEstimate layer = formOf(job, on);
  if (fidelity == Fidelity::Analytic && !hasForm(job, on))
    return refuse("form", fmt::format("{} {} with these settings has no closed form; the engine has it",
                                      algorithms::nameOf(job.request.kind), job.request.algorithm));
  if (fidelity != Fidelity::Analytic) {
    auto run = runProgram(job.request, hardware, **core);
    if (!run && run.error().fault == Fault::Internal)
      return run.takeError();
    if (!run)
      return refuse(reasonKindOf(run.error().message), run.error().message);
    layer.cycles = run->times.cycles;
    layer.macs = static_cast<double>(run->facts.macs);
    layer.wordHops = run->wordHops;
    addProgram(*run, job, outcome.metrics);
  }
  addTimes(hardware, job, layer, outcome.metrics);
  addEnergy(hardware, job, layer, layer.cycles * job.layers, outcome.metrics);
  return outcome;
}

} // namespace

std::unique_ptr<Evaluator> makeModelEvaluator(RunCompiled compiled) {
  return std::make_unique<ModelEvaluator>(std::move(compiled));
}

} // namespace weft::explore
