#include "explore/workloads/ProgramRun.h"

#include "explore/Evaluate.h"

#include "compiler/algorithms/Algorithms.h"
#include "compiler/algorithms/Choice.h"
#include "sim/maxplus/Evaluators.h"

namespace weft::explore {

static sim::Evaluator evaluatorFor(const algorithms::Request &request) {
  const bool isLarge = uint64_t{request.width} * request.height > sim::mostCoresByWords;
  return isLarge ? sim::Evaluator::MaxPlus : sim::Evaluator::Auto;
}

Result<algorithms::Generated> generateRepeated(algorithms::Request request, const hw::Hardware &hardware) {
  auto settings = request.settings.all();
  settings.try_emplace("repeats", std::to_string(algorithms::defaultRepeats(request.kind)));
  request.settings = algorithms::Settings(std::move(settings));
  return algorithms::generate(request, hardware);
}

Result<ProgramRun> timeProgram(algorithms::Generated generated, const algorithms::Request &request,
                               const hw::Hardware &hardware, const hw::CoreModel &core) {
  sim::MeshEngineOptions options;
  options.timingOnly = true;
  options.coreModel = &core;
  auto device = sim::makeTimingEngine(generated.package, hardware, options, evaluatorFor(request));
  if (!device)
    return device.takeError();
  const pkg::ProgramT &program = *generated.package.programs[0];
  auto result = (*device)->run({.program = program.name, .tokensInCache = 1, .inputs = {}});
  if (!result)
    return result.takeError();
  const uint32_t repeats = generated.facts.repeats;
  return ProgramRun{std::move(generated.facts), runtime::repetitionOf(result->report, program, repeats),
                    static_cast<double>(result->report.counters.wordHops) / repeats};
}

static Result<ProgramRun> runOne(const algorithms::Request &request, const hw::Hardware &hardware,
                                 const hw::CoreModel &core) {
  auto generated = generateRepeated(request, hardware);
  if (!generated)
    return generated.takeError();
  return timeProgram(*std::move(generated), request, hardware, core);
}

Result<ProgramRun> runProgram(const algorithms::Request &request, const hw::Hardware &hardware,
                              const hw::CoreModel &core) {
  if (request.algorithm != "auto" || algorithms::candidates(request.kind).empty())
    return runOne(request, hardware, core);
  std::optional<ProgramRun> best;
  auto compared = algorithms::compareCandidates(request, [&](const algorithms::Request &each) -> Result<double> {
    auto run = runOne(each, hardware, core);
    if (!run)
      return run.takeError();
    const double cycles = run->times.cycles;
    if (!best || cycles < best->times.cycles)
      best = *std::move(run);
    return cycles;
  });
  if (!compared)
    return compared.takeError();
  return *std::move(best);
}

std::string reasonKindOf(const std::string &message) {
  for (const auto &[word, kind] : {std::pair<const char *, const char *>{"colour", "colours"},
                                   {"SRAM", "sram"},
                                   {"larger than", "mesh"},
                                   {"may want a link", tooSlow}})
    if (message.find(word) != std::string::npos)
      return kind;
  return "program";
}

} // namespace weft::explore
