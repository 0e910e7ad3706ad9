#include "explore/tune/CoreSubject.h"

#include "explore/tune/RandomCalls.h"
#include "hw-models/core/rvv/Timing.h"
#include "sim/iss/KernelMachine.h"
#include "sim/iss/TimingObserver.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <mutex>

namespace weft::explore {

std::string coreKey(const hw::Hardware &hardware) { return fmt::format("{:016x}", hw::coreDigest(hardware)); }
std::string coreToolKey() {
  return fmt::format("weft {} codegen {} timing {}", WEFT_VERSION, codegen::codegenVersion, hw::rvv::timingVersion);
}

kernels::TuningSpace coreSpace(const std::string &kernel, const hw::Hardware &hardware) {
  return kernels::tuningSpace(kernels::parseSymbol(kernel),
                              {.registerBytes = hw::isaOf(hardware.parallelism.core).vlenBytes()});
}

Result<kernels::Tuning> tuningOf(const Choices &choices) {
  std::string text;
  for (const auto &[name, value] : choices)
    if (name != "schedule")
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return kernels::parseTuning(text);
}

Choices choicesOf(const kernels::Tuning &tuning) {
  Choices choices;
  for (const auto &[name, value] : tuning)
    choices[name] = std::to_string(value);
  return choices;
}

namespace {

using codegen::TrialCode;
using codegen::TrialKernel;

constexpr double mostSlower = 1.03; // with few rows in use

class CoreSubject final : public Subject {
public:
  CoreSubject(TrialKernel given, hw::Hardware on, KernelCompiler made)
      : whole{std::move(given), {}}, hardware(std::move(on)), compiler(std::move(made)) {
    shrinkSram();
    whole.rows = int64_t(kernels::parseSymbol(whole.kernel.name).of("r"));
    space = coreSpace(whole.kernel.name, hardware);
    for (const kernels::Knob &knob : space.knobs) {
      Choice choice{knob.name, knob.meaning, {}};
      for (int64_t value : knob.values)
        choice.values.push_back(value ? std::to_string(value) : ""); // 0: as if nothing were said
      axes.push_back(std::move(choice));
    }
    addShortRun();
  }

  std::string title() const override { return whole.kernel.name + " on " + hardware.name; }
  std::string identity() const override {
    return nlohmann::json{{"kernel", whole.kernel.name},
                          {"shape", ""},
                          {"core", coreKey(hardware)},
                          {"source", whole.kernel.sourceDigest},
                          {"tool", coreToolKey()}}
        .dump();
  }
  const std::vector<Choice> &choices() const override { return axes; }
  bool allows(const Choices &choices) const override {
    auto tuning = tuningOf(choices);
    return tuning && space.allows(*tuning);
  }
  unsigned rungs() const override { return brief ? 2 : 1; }
  std::vector<double> features(const Choices &choices) const override;
  Result<Outcome> evaluate(const Choices &choices, unsigned rung) const override;
  Result<Verdict> verify(const Choices &choices) const override;
  Result<std::vector<Choices>> reordered(const Choices &choices) const override;

private:
  /// A kernel and the rows that it is timed with.
  struct Run {
    TrialKernel kernel;
    int64_t rows = 1;
  };

  void shrinkSram();
  void addShortRun();
  bool hasRows() const { return whole.kernel.described->probe->rows_scalar >= 0; }
  Result<Outcome> timed(const Run &run, const TrialCode &code) const;
  Result<double> defaultCycles(int64_t rows) const;
  Result<TrialCode> make(const Run &run, const Choices &choices) const;
  std::vector<int64_t> scalarsOf(const Run &run) const;

  Run whole;
  std::optional<Run> brief;
  hw::Hardware hardware;
  KernelCompiler compiler;
  kernels::TuningSpace space;
  std::vector<Choice> axes;

  /// Code by kernel and knobs, without a schedule: neighbours in the order of instructions share it.
  mutable std::mutex mutex;
  mutable std::map<std::pair<std::string, kernels::Tuning>, std::shared_ptr<const TrialCode>> kept;
  mutable std::map<int64_t, double> byDefault; // cycles by rows
};

/// To what the operands need: cycles do not depend on it, and filling and comparing the rest takes longer than a call.
void CoreSubject::shrinkSram() {
  constexpr uint64_t page = 4096;
  uint64_t needed = page;
  for (uint32_t bytes : whole.kernel.described->operand_bytes)
    needed += (bytes + 63) / 64 * 64;
  hardware.memory.sramBytes =
      uint32_t(std::min<uint64_t>(hardware.memory.sramBytes, (needed + page - 1) / page * page));
}

/// A sum that is an eighth as long, where the whole has some millions of products.
void CoreSubject::addShortRun() {
  constexpr int64_t worthIt = 2'000'000, parts = 8;
  kernels::KernelShape shape = kernels::parseSymbol(whole.kernel.name);
  const int64_t depth = shape.of("k");
  if (shape.kind != "gemm" || shape.of("r") * depth * shape.of("n") < worthIt || depth % (parts * 8) != 0)
    return;
  shape.extents["k"] = depth / parts;
  if (auto made = compiler.make(shape.symbol()))
    brief = Run{std::move(*made), whole.rows};
}

std::vector<double> CoreSubject::features(const Choices &choices) const {
  auto tuning = tuningOf(choices);
  auto counts = tuning ? kernels::loopCounts(space, *tuning) : std::nullopt;
  if (!counts)
    return {};
  return {counts->vectorLoads, counts->products, counts->scalarLoads,      counts->instructions,
          counts->steps,       counts->tiles,    counts->accumulatorMoves, 1};
}

Result<TrialCode> CoreSubject::make(const Run &run, const Choices &choices) const {
  auto tuning = tuningOf(choices);
  if (!tuning)
    return tuning.takeError();
  const auto key = std::pair(run.kernel.name, *tuning);
  std::shared_ptr<const TrialCode> code;
  {
    std::lock_guard lock(mutex);
    if (auto found = kept.find(key); found != kept.end())
      code = found->second;
  }
  if (!code) {
    auto compiled = compiler.compile(run.kernel, *tuning);
    if (!compiled)
      return compiled;
    code = std::make_shared<const TrialCode>(std::move(*compiled));
    std::lock_guard lock(mutex);
    constexpr size_t most = 64;
    if (kept.size() >= most)
      kept.clear();
    kept[key] = code;
  }
  TrialCode result = *code;
  if (auto text = choices.find("schedule"); text != choices.end()) {
    auto schedule = codegen::parseSchedule(text->second);
    if (!schedule)
      return schedule.takeError();
    if (!codegen::applySchedule(result.object, run.kernel.name, *schedule))
      result.spill = "the order of instructions is one of other code";
  }
  return result;
}

std::vector<int64_t> CoreSubject::scalarsOf(const Run &run) const {
  const pkg::ProbeT &probe = *run.kernel.described->probe;
  std::vector<int64_t> scalars = probe.scalars;
  if (probe.rows_scalar >= 0)
    scalars[size_t(probe.rows_scalar)] = std::max<int64_t>(1, run.rows);
  return scalars;
}

Result<Outcome> CoreSubject::timed(const Run &run, const TrialCode &code) const {
  auto machine = iss::KernelMachine::create(std::as_bytes(std::span(code.object.image)), {run.kernel.name}, hardware);
  if (!machine)
    return machine.takeError();
  KernelCall call(run.kernel, hardware, scalarsOf(run));
  if (!call.fits())
    return Outcome::refused("sram", "the operands do not fit the core's SRAM");
  call.fillProbe();
  auto timing = hw::rvv::makeTiming(hardware);
  iss::TimingObserver observer(*timing);
  auto ran = machine->call(0, call.sram(), call.operands(), call.scalars(), &observer);
  if (!ran)
    return Outcome::refused("trap", ran.error().message);
  Outcome outcome;
  outcome.metrics["cycles"] = double(timing->cycles());
  return outcome;
}

/// Of the kernel as it is without tuning, with so many rows in use.
Result<double> CoreSubject::defaultCycles(int64_t rows) const {
  {
    std::lock_guard lock(mutex);
    if (auto found = byDefault.find(rows); found != byDefault.end())
      return found->second;
  }
  auto code = make(whole, {});
  if (!code)
    return code.takeError();
  auto outcome = timed({whole.kernel, rows}, *code);
  if (!outcome)
    return outcome.takeError();
  const double cycles = outcome->metrics.contains("cycles") ? outcome->metrics["cycles"] : 0;
  std::lock_guard lock(mutex);
  return byDefault[rows] = cycles;
}

/// Cycles count with all rows in use. Launches use fewer, too, and must not pay for it.
Result<Outcome> CoreSubject::evaluate(const Choices &choices, unsigned rung) const {
  const bool isBrief = brief && rung == 0;
  const Run &run = isBrief ? *brief : whole;
  auto code = make(run, choices);
  if (!code)
    return code.takeError();
  if (!code->spill.empty())
    return Outcome::refused("registers", code->spill);
  auto outcome = timed(run, *code);
  if (!outcome || isBrief || choices.empty() || outcome->status != Outcome::Status::Ok || !hasRows())
    return outcome;
  for (int64_t rows : {int64_t{1}, whole.rows / 2}) {
    if (rows < 1 || rows >= whole.rows)
      continue;
    auto before = defaultCycles(rows);
    if (!before)
      return before.takeError();
    auto with = timed({whole.kernel, rows}, *code);
    if (!with)
      return with;
    if (with->metrics["cycles"] > *before * mostSlower) {
      outcome->status = Outcome::Status::Refused;
      outcome->reasonKind = "rows";
      outcome->reason = fmt::format("with {} rows in use it takes {:.0f} cycles, {:.0f} by default", rows,
                                    with->metrics["cycles"], *before);
      return outcome;
    }
  }
  return outcome;
}

/// The same random operands to the kernel as the compiler makes it and to the tuned one: all of SRAM must be equal, bit
/// for bit, with every number of rows that takes another path through the loops; and products are those of real numbers
/// within the roundings of their sums.
Result<Verdict> CoreSubject::verify(const Choices &choices) const {
  auto reference = make(whole, {}), tuned = make(whole, choices);
  if (!reference || !tuned)
    return !reference ? reference.takeError() : tuned.takeError();
  if (!tuned->spill.empty())
    return Verdict{false, tuned->spill};
  const std::string &name = whole.kernel.name;
  auto machineOf = [&](const TrialCode &code) {
    return iss::KernelMachine::create(std::as_bytes(std::span(code.object.image)), {name}, hardware);
  };
  auto first = machineOf(*reference), second = machineOf(*tuned);
  if (!first || !second)
    return !first ? first.takeError() : second.takeError();
  uint64_t seed = 1;
  bool isReal = false;
  for (int64_t rows : rowsToVerify(whole.rows)) {
    std::vector<int64_t> scalars = scalarsOf(whole);
    if (whole.kernel.described->probe->rows_scalar >= 0)
      scalars[size_t(whole.kernel.described->probe->rows_scalar)] = rows;
    KernelCall expected(whole.kernel, hardware, scalars);
    expected.fillRandom(seed++);
    KernelCall got = expected;
    if (auto ran = first->call(0, expected.sram(), expected.operands(), scalars); !ran)
      return ran.takeError();
    if (auto ran = second->call(0, got.sram(), got.operands(), scalars); !ran)
      return Verdict{false, fmt::format("with {} rows: {}", rows, ran.error().message)};
    if (auto difference = got.differenceFrom(expected))
      return Verdict{false, fmt::format("with {} rows: {}", rows, *difference)};
    if (auto checked = got.checkProduct(rows)) {
      if (!checked->isRight)
        return *checked;
      isReal = true;
    }
  }
  return Verdict{true, isReal ? "the untuned kernel, bit for bit, and products in double precision"
                              : "the untuned kernel, bit for bit"};
}

Result<std::vector<Choices>> CoreSubject::reordered(const Choices &choices) const {
  std::vector<Choices> neighbours;
  Choices knobs = choices;
  knobs.erase("schedule");
  auto code = make(whole, knobs);
  if (!code)
    return code.takeError();
  KernelCall call(whole.kernel, hardware, scalarsOf(whole));
  if (!call.fits())
    return neighbours;
  call.fillProbe();
  auto loop = findHotLoop(code->object, whole.kernel.name, hardware, call);
  if (!loop)
    return loop.takeError();
  if (!*loop)
    return neighbours;
  codegen::Schedule current = (*loop)->stretch;
  if (auto text = choices.find("schedule"); text != choices.end()) {
    auto parsed = codegen::parseSchedule(text->second);
    if (!parsed)
      return parsed.takeError();
    if (parsed->digest != current.digest || parsed->order.size() != current.order.size())
      return neighbours;
    current = std::move(*parsed);
  }
  for (size_t i = 0; i + 1 < current.order.size(); ++i) {
    const LoopInstruction &a = (*loop)->instructions[current.order[i]],
                          &b = (*loop)->instructions[current.order[i + 1]];
    if (!mayPass(a, b))
      continue;
    codegen::Schedule swapped = current;
    std::swap(swapped.order[i], swapped.order[i + 1]);
    Choices next = knobs;
    next["schedule"] = codegen::toText(swapped);
    neighbours.push_back(std::move(next));
  }
  return neighbours;
}

} // namespace

Result<std::unique_ptr<Subject>> makeCoreSubject(TrialKernel kernel, hw::Hardware hardware, KernelCompiler compiler) {
  if (hardware.parallelism.core.kind != "rvv")
    return userError(fmt::format("the cores of {} are of kind {} and run no RISC-V code that could be tuned; tune an "
                                 "algorithm on its mesh instead, such as `weft tune gemv`",
                                 hardware.name, hardware.parallelism.core.kind));
  uint64_t bytes = 0;
  for (uint32_t operand : kernel.described->operand_bytes)
    bytes += (operand + 63) / 64 * 64;
  if (bytes > hardware.memory.sramBytes)
    return userError(fmt::format("{}: its operands take {} bytes, a core of {} has {} of SRAM; name a smaller tile, or "
                                 "--set memory.sram_kib={}",
                                 kernel.name, bytes, hardware.name, hardware.memory.sramBytes, (bytes + 1023) / 1024));
  return std::unique_ptr<Subject>(
      std::make_unique<CoreSubject>(std::move(kernel), std::move(hardware), std::move(compiler)));
}

} // namespace weft::explore
