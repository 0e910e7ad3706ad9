#include "sim/maxplus/Evaluators.h"

#include "sim/maxplus/MaxPlusEngine.h"
#include "sim/maxplus/OneLine.h"

#include <fmt/format.h>

#include <chrono>
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
      whyEvents = evaluator == Evaluator::Event ? "asked for"
                  : options.trace               ? "words are traced"
                                                : "words are watched";
      return useEvents();
    }
    auto made = makeMaxPlusEngine(package, hardware, options);
    if (made) {
      maxPlus = std::move(*made);
      return success();
    }
    if (evaluator == Evaluator::MaxPlus)
      return made.takeError();
    whyEvents = made.error().message; // if they are many, run() sees whether one line will do
    return few ? useEvents() : success();
  }

  Result<void> load(const runtime::Package &) override {
    return internalError("a timing engine keeps to the package that it was made for");
  }
  Result<void> reset() override { return success(); }

  Result<runtime::LaunchResult> run(const runtime::Launch &launch) override {
    const auto start = std::chrono::steady_clock::now();
    auto result = runWithOne(launch);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
    facts.evaluatorSeconds = seconds;
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
    const bool mayTakeLine = evaluator == Evaluator::Auto && !options.trace && !events;
    if (options.explain && mayTakeLine) // words tell more than messages, and a line is fast enough
      if (const OneLine one = findOneLine(package, launch.program); one.lines > 1)
        return runOneLine(launch, one, "words are watched");
    std::string refusal = whyEvents;
    if (maxPlus) {
      auto result = maxPlus->run(launch);
      name = "maxplus";
      if (result || evaluator == Evaluator::MaxPlus) {
        why = evaluator == Evaluator::MaxPlus ? "asked for" : "all messages can be followed";
        return result;
      }
      refusal = result.error().message;
    }
    if (!options.explain && mayTakeLine)
      if (const OneLine one = findOneLine(package, launch.program); one.lines > 1)
        return runOneLine(launch, one, refusal);
    name = "event";
    why = refusal;
    if (auto ready = useEvents(); !ready)
      return ready.takeError();
    return events->run(launch);
  }

  Result<runtime::LaunchResult> runOneLine(const runtime::Launch &launch, const OneLine &one,
                                           const std::string &reason) {
    auto engine = makeMeshEngine(*one.package, hardware, options);
    if (!engine)
      return engine.takeError();
    auto result = (*engine)->run(launch);
    if (!result)
      return result;
    countAllLines(result->report, one.lines);
    name = "event";
    why = fmt::format("{}; word by word on one of {} lines, which are alike", reason, one.lines);
    return result;
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
  std::string whyEvents;           // if there is no max-plus engine
  std::string name = "event", why; // of the last launch
  struct Ran {
    std::string name, why;
  };
  std::map<std::string, Ran> byProgram;
  double seconds = 0;
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
