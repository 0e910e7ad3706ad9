#include "sim/maxplus/Evaluators.h"

#include "sim/maxplus/MaxPlusEngine.h"

#include <fmt/format.h>

#include <map>

namespace weft::sim {
namespace {

class TimingEngine : public runtime::Device {
public:
  TimingEngine(const runtime::Package &package, hw::Hardware hardware, MeshEngineOptions options, Evaluator evaluator)
      : package(package), hardware(std::move(hardware)), options(std::move(options)), evaluator(evaluator) {}

  Result<void> prepare() {
    // Few cores: words are worth watching one by one.
    const bool few = uint64_t{package.mesh_width} * package.mesh_height <= 1024;
    const bool watched = options.trace || (options.explain && few);
    if (evaluator == Evaluator::Event || (evaluator == Evaluator::Auto && watched)) {
      why = evaluator == Evaluator::Event ? "asked for" : options.trace ? "words are traced" : "words are watched";
      return useEvents();
    }
    auto made = makeMaxPlusEngine(package, hardware, options);
    if (made) {
      maxPlus = std::move(*made);
      return success();
    }
    if (evaluator == Evaluator::MaxPlus)
      return made.takeError();
    why = made.error().message;
    return useEvents();
  }

  Result<void> load(const runtime::Package &) override {
    return internalError("a timing engine keeps to the package that it was made for");
  }
  Result<void> reset() override { return success(); }

  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override {
    auto result = runWithOne(launch);
    byProgram[launch.program] = {name, why};
    return result;
  }

  Result<std::vector<std::byte>> readSram(uint32_t, uint32_t, uint32_t, uint32_t) override {
    return userError("an engine for timing only has no SRAM to read");
  }
  runtime::KernelFacts kernelFacts() const override {
    runtime::KernelFacts facts;
    facts.evaluator = name;
    facts.evaluatorWhy = why;
    if (byProgram.size() < 2)
      return facts;
    facts.evaluatorWhy.clear();
    for (const auto &[program, ran] : byProgram) {
      facts.evaluator = ran.name == byProgram.begin()->second.name ? ran.name : "both";
      facts.evaluatorWhy +=
          fmt::format("{}{} by {} ({})", facts.evaluatorWhy.empty() ? "" : "; ", program, ran.name, ran.why);
    }
    return facts;
  }

private:
  Result<runtime::LaunchResult> runWithOne(const runtime::Launch &launch) {
    if (maxPlus) {
      auto result = maxPlus->run(launch);
      name = "maxplus";
      if (result || evaluator == Evaluator::MaxPlus) {
        why = evaluator == Evaluator::MaxPlus ? "asked for" : "no flows contend";
        return result;
      }
      why = result.error().message;
      if (auto ready = useEvents(); !ready)
        return ready.takeError();
    }
    name = "event";
    return events->run(launch);
  }

  Result<void> useEvents() {
    if (events)
      return success();
    auto made = makeMeshEngine(package, hardware, options);
    if (!made)
      return made.takeError();
    events = std::move(*made);
    return success();
  }

  const runtime::Package &package;
  const hw::Hardware hardware;
  const MeshEngineOptions options;
  const Evaluator evaluator;
  std::unique_ptr<runtime::Device> maxPlus, events;
  std::string name = "event", why; // of the last launch
  struct Ran {
    std::string name, why;
  };
  std::map<std::string, Ran> byProgram;
};

} // namespace

Result<Evaluator> parseEvaluator(const std::string &name) {
  if (name == "auto")
    return Evaluator::Auto;
  if (name == "event")
    return Evaluator::Event;
  if (name == "maxplus")
    return Evaluator::MaxPlus;
  return Error{fmt::format("--evaluator is auto, event or maxplus, not '{}'", name), Fault::Usage};
}

Result<std::unique_ptr<runtime::Device>> makeTimingEngine(const runtime::Package &package, const hw::Hardware &hardware,
                                                          const MeshEngineOptions &options, Evaluator evaluator) {
  auto engine = std::make_unique<TimingEngine>(package, hardware, options, evaluator);
  if (auto ok = engine->prepare(); !ok)
    return ok.takeError();
  return std::unique_ptr<runtime::Device>(std::move(engine));
}

} // namespace weft::sim
