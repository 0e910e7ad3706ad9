#include "explore/tune/MeshSubject.h"

#include "compiler/algorithms/Algorithm.h"
#include "compiler/algorithms/Algorithms.h"
#include "explore/analytic/Forms.h"
#include "explore/tune/MeshCheck.h"
#include "explore/tune/Tune.h"
#include "explore/workloads/ProgramRun.h"
#include "hw-models/CoreModel.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>

namespace weft::explore {

using algorithms::Kind;
using algorithms::Request;

algorithms::Request requestOf(const Request &base, const Choices &choices) {
  Request request = base;
  std::map<std::string, std::string> settings = base.settings.all();
  for (const auto &[name, value] : choices) {
    if (name == "algorithm") {
      request.algorithm = value;
    } else if (name == "mesh") {
      const size_t times = value.find('x');
      request.width = uint32_t(std::atoll(value.c_str()));
      request.height = times == std::string::npos ? 0 : uint32_t(std::atoll(value.c_str() + times + 1));
    } else {
      settings[name] = value;
    }
  }
  request.settings = algorithms::Settings(std::move(settings));
  return request;
}

namespace {

/// Numbers of groups of a line of n cores that are worth a try: powers of two, three times these, and about the root.
std::vector<std::string> groupCounts(uint32_t n) {
  std::set<uint32_t> counts;
  for (uint32_t power = 2; power <= n / 2; power *= 2) {
    counts.insert(power);
    if (3 * power / 2 <= n / 2)
      counts.insert(3 * power / 2);
  }
  const auto root = uint32_t(std::sqrt(double(n)));
  for (uint32_t count = std::max(2u, root * 3 / 4); count <= std::min(root * 4 / 3, n / 2); ++count)
    counts.insert(count);
  std::vector<std::string> texts{""};
  for (uint32_t count : counts)
    texts.push_back(std::to_string(count));
  return texts;
}

/// The rectangle, and its halves, thirds and quarters along either axis.
std::vector<std::string> rectangles(uint32_t width, uint32_t height) {
  std::vector<std::string> texts{""};
  for (uint32_t across : {1u, 2u, 3u, 4u})
    for (uint32_t down : {1u, 2u, 3u, 4u})
      if (across + down > 2 && width / across >= 2 && height / down >= 2)
        texts.push_back(fmt::format("{}x{}", width / across, height / down));
  return texts;
}

class MeshSubject final : public Subject {
public:
  MeshSubject(Request given, hw::Hardware on, std::unique_ptr<hw::CoreModel> model)
      : base(std::move(given)), hardware(std::move(on)), core(std::move(model)) {
    declare();
  }

  std::string title() const override {
    return fmt::format("{} {} on {}, {}x{} cores", nameOf(base.kind), shapeText(), hardware.name, base.width,
                       base.height);
  }
  std::string identity() const override {
    return nlohmann::json{{"kernel", nameOf(base.kind)},
                          {"shape", fmt::format("{} on {}x{}", shapeText(), base.width, base.height)},
                          {"core", fmt::format("{:016x}", hardware.digest)},
                          {"source", ""},
                          {"tool", fmt::format("weft {} algorithms {}", WEFT_VERSION, meshToolVersion)}}
        .dump();
  }
  const std::vector<Choice> &choices() const override { return axes; }
  bool allows(const Choices &choices) const override;
  std::vector<double> features(const Choices &choices) const override;
  Result<Outcome> evaluate(const Choices &choices, unsigned rung) const override;
  Result<Verdict> verify(const Choices &choices) const override {
    return checkChoices(requestOf(base, choices), hardware);
  }

private:
  std::string shapeText() const {
    return fmt::format("{} {}", fmt::join(base.shape, "x"), base.element == algorithms::Element::F16 ? "f16" : "f32");
  }
  void declare();

  Request base;
  hw::Hardware hardware;
  std::unique_ptr<hw::CoreModel> core;
  std::vector<Choice> axes;
};

/// What each kind of algorithm leaves open: its settings' values that are worth a try, by the names of SettingDoc.
void MeshSubject::declare() {
  std::vector<std::string> names{""};
  std::set<std::string_view> settings;
  for (const algorithms::Algorithm &each : algorithms::algorithms())
    if (each.kind == base.kind) {
      // A B^T is another product.
      if (each.name != "gemm-t" && each.name != "auto" && each.name != "waferllm")
        names.emplace_back(each.name);
      for (const algorithms::SettingDoc &setting : each.settings)
        settings.insert(setting.key);
    }
  auto add = [&](const char *name, const char *meaning, std::vector<std::string> values) {
    if (values.size() > 1)
      axes.push_back({name, meaning, std::move(values)});
  };
  add("algorithm", "which one", names);
  if (settings.contains("k"))
    add("k", "levels of the tree", {"", "1", "2", "3", "4"});
  if (settings.contains("groups"))
    add("groups", "groups of cores in the tree's first level", groupCounts(base.height));
  if (settings.contains("double_buffer"))
    add("double_buffer", "0: blocks move after the product, not while it runs", {"", "0"});
  if (settings.contains("broadcast"))
    add("broadcast", "how SUMMA's blocks travel", {"", "multicast", "relay"});
  // A sum over fewer cores is another sum; products and layers may lie on a part of the cores.
  if (base.kind == Kind::Gemm || base.kind == Kind::Gemv)
    add("mesh", "the cores that it lies on", rectangles(base.width, base.height));
}

bool MeshSubject::allows(const Choices &choices) const {
  auto of = [&](const char *name) {
    auto found = choices.find(name);
    return found == choices.end() ? std::string() : found->second;
  };
  const std::string algorithm = of("algorithm");
  const bool isTree = isLayer(base.kind) || algorithm == "ktree";
  if ((!of("k").empty() || !of("groups").empty()) && !isTree)
    return false;
  if (of("k") == "1" && !of("groups").empty())
    return false;
  if (!of("double_buffer").empty() && algorithm != "meshgemm" && algorithm != "cannon")
    return false;
  return of("broadcast").empty() || algorithm == "summa";
}

/// The closed form, where there is one.
std::vector<double> MeshSubject::features(const Choices &choices) const {
  const Request request = requestOf(base, choices);
  auto levels = request.settings.number("k", 2, 1, 16), groups = request.settings.number("groups", 0, 1, 65535);
  if (!levels || !groups)
    return {};
  const FormContext on{hardware,
                       *core,
                       base.element == algorithms::Element::F16,
                       int(request.width),
                       int(request.height),
                       {int(*levels), int(*groups)}};
  if (base.kind == Kind::DecodeLayer)
    return {decodeLayer(on, request.shape).cycles, 1};
  auto form = kernelForm(on, request);
  return form ? std::vector<double>{form->cycles, 1} : std::vector<double>();
}

Result<Outcome> MeshSubject::evaluate(const Choices &choices, unsigned) const {
  const Request request = requestOf(base, choices);
  auto generated = generateRepeated(request, hardware);
  if (!generated)
    return generated.error().fault == Fault::Internal ? Result<Outcome>(generated.takeError())
                                                      : Outcome::refused("fit", generated.error().message);
  auto run = timeProgram(*std::move(generated), request, hardware, *core);
  if (!run)
    return run.error().fault == Fault::Internal ? Result<Outcome>(run.takeError())
                                                : Outcome::refused(notEvaluated, run.error().message);
  Outcome outcome;
  outcome.metrics["cycles"] = run->times.cycles;
  return outcome;
}

} // namespace

Result<std::unique_ptr<Subject>> makeMeshSubject(Request request, hw::Hardware hardware) {
  if (auto fits = algorithms::checkRequest(request, hardware); !fits)
    return fits.takeError();
  if (request.kind == Kind::Broadcast || request.kind == Kind::Shift)
    return Error{fmt::format("a {} has nothing to tune", nameOf(request.kind)), Fault::Usage};
  auto core = hw::makeCoreModel(hardware);
  if (!core)
    return core.takeError();
  return std::unique_ptr<Subject>(
      std::make_unique<MeshSubject>(std::move(request), std::move(hardware), std::move(*core)));
}

} // namespace weft::explore
