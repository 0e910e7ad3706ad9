#include "tools/KernelEvaluator.h"

#include "compiler/algorithms/Algorithm.h"
#include "tools/KernelRun.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace weft::tools {

using namespace explore;
using algorithms::Kind;

namespace {

std::optional<Kind> kindOf(const std::string &name) {
  for (const algorithms::Algorithm &each : algorithms::algorithms())
    if (algorithms::nameOf(each.kind) == name)
      return each.kind;
  return std::nullopt;
}

/// What a refusal is counted by: the messages of algorithms say which resource they lack.
std::string reasonKindOf(const std::string &message) {
  for (const auto &[word, kind] :
       {std::pair<const char *, const char *>{"colour", "colours"}, {"SRAM", "sram"}, {"larger than", "mesh"}})
    if (message.find(word) != std::string::npos)
      return kind;
  return "program";
}

class KernelEvaluator : public Evaluator {
public:
  explicit KernelEvaluator(const Tool &tool) : tool(tool) {}

  bool offers(Fidelity fidelity) const override { return fidelity == Fidelity::Engine; }
  std::string version(Fidelity) const override { return "kernel-1"; }
  double errorBound(Fidelity) const override { return 0; }

  std::vector<std::string> metricNames() const override {
    return {"communicate", "compute", "cycles", "seconds", "sram_used_bytes", "steps", "utilisation", "wait"};
  }

  std::vector<std::string> choiceNames() const override {
    std::set<std::string> names{"algorithm"};
    for (const algorithms::Algorithm &each : algorithms::algorithms())
      for (const algorithms::SettingDoc &setting : each.settings)
        names.emplace(setting.key);
    return {names.begin(), names.end()};
  }

  Result<void> check(const Workload &workload) const override {
    if (workload.kernel.empty())
      return userError("models cannot be evaluated here, kernels can");
    const std::optional<Kind> kind = kindOf(workload.kernel);
    if (!kind)
      return userError(fmt::format("no kernel is called '{}'; see `weft kernel --help`", workload.kernel));
    const size_t extents = *kind == Kind::Gemm || *kind == Kind::DecodeLayer || *kind == Kind::PrefillLayer ? 3 : 2;
    if (workload.shape.size() != extents)
      return userError(
          fmt::format("the shape of {} has {} extents, not {}", workload.kernel, extents, workload.shape.size()));
    if (workload.element != "f16" && workload.element != "f32")
      return userError("dtype wants f16 or f32");
    return success();
  }

  std::map<std::string, double> figures(const hw::Hardware &) const override { return {}; }

  Result<Outcome> evaluate(const Point &point, Fidelity) const override {
    const Workload &workload = *point.workload;
    algorithms::Request request;
    request.kind = *kindOf(workload.kernel);
    request.shape = workload.shape;
    request.element = workload.element == "f32" ? algorithms::Element::F32 : algorithms::Element::F16;
    request.width = workload.meshWidth ? workload.meshWidth : point.hardware.parallelism.meshWidth;
    request.height = workload.meshHeight ? workload.meshHeight : point.hardware.parallelism.meshHeight;
    auto settings = point.choices;
    if (auto algorithm = settings.extract("algorithm"))
      request.algorithm = algorithm.mapped();
    request.settings = algorithms::Settings(std::move(settings));
    auto outcome = runKernel(request, point.hardware, tool);
    if (!outcome && outcome.error().fault == Fault::Internal)
      return outcome.takeError();
    if (!outcome)
      return Outcome::refused(reasonKindOf(outcome.error().message), outcome.error().message);
    Outcome out;
    out.metrics = {{"cycles", outcome->cycles},
                   {"seconds", outcome->cycles / (point.hardware.parallelism.clockGhz * 1e9)},
                   {"compute", outcome->compute},
                   {"communicate", outcome->communicate},
                   {"wait", outcome->wait},
                   {"steps", double(outcome->facts.steps)},
                   {"sram_used_bytes", double(outcome->facts.bytesPerCore)},
                   {"utilisation", outcome->cycles > 0 ? outcome->compute / outcome->cycles : 0}};
    return out;
  }

private:
  const Tool &tool;
};

} // namespace

std::unique_ptr<Evaluator> makeKernelEvaluator(const Tool &tool) { return std::make_unique<KernelEvaluator>(tool); }

} // namespace weft::tools
