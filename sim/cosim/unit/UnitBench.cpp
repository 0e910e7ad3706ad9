#include "sim/cosim/unit/UnitBench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::cosim {

namespace {

constexpr uint64_t mostIdleCycles = 2000; // more without any handshake is a deadlock: stalls are random
constexpr uint32_t resetCycles = 3;

/// After the last completion, in which nothing more may come: more than the longest pipeline and the queues behind it.
uint32_t quietCyclesOf(const units::Unit *unit, const UnitVariant &variant) {
  uint32_t latency = 0;
  for (size_t i = 0; unit && i < unit->pipelines.size(); ++i)
    latency = std::max(latency, unit->pipelines[i].latency(variant.vlenBits, variant.dlenBits));
  return latency + 30;
}

uint32_t parameterOf(const units::Unit *unit, std::string_view name, uint32_t otherwise) {
  for (size_t i = 0; unit && i < unit->parameters.size(); ++i)
    if (unit->parameters[i].name == name)
      return unit->parameters[i].fallback;
  return otherwise;
}

/// Bits of an instruction's number that are used.
uint32_t idMaskOf(const units::Unit *unit) { return (1u << parameterOf(unit, "id_width", 4)) - 1; }

/// Whether the instructions in a unit still have numbers of their own when every third number is left out.
bool canLeaveOutIds(const units::Unit *unit) {
  const uint32_t held = parameterOf(unit, "queue", 4);
  return held + held / 3 + 1 <= idMaskOf(unit);
}

BeatData slice(const std::vector<std::byte> &bytes, uint32_t offset, uint32_t count, Random &random) {
  BeatData data;
  for (uint32_t &word : data) // what lies beyond a register group is anything
    word = uint32_t(random());
  if (offset < bytes.size())
    std::memcpy(data.data(), bytes.data() + offset, std::min<size_t>(count, bytes.size() - offset));
  return data;
}

std::string hexOf(const std::byte *bytes, size_t count) {
  std::string out;
  for (size_t i = count; i-- > 0;)
    out += fmt::format("{:02x}{}", unsigned(bytes[i]), i && i % 4 == 0 ? "_" : "");
  return out;
}

} // namespace

Stalls stallsOf(uint32_t stallClass, Random &random) {
  const auto some = [&] { return uint32_t(random() % 3 == 0 ? 90 : random() % 60 + 5); };
  Stalls stalls;
  if (stallClass & 1)
    stalls.operands = some();
  if (stallClass & 2) {
    stalls.results = some();
    stalls.completions = some();
  }
  if (stallClass == 3)
    stalls.issue = stalls.commit = some();
  return stalls;
}

UnitBench::UnitBench(UnitModel &model, const UnitVariant &variant, Source source, uint64_t stallSeed, bool stalls,
                     UnitCoverage *coverage)
    : model(model), variant(variant), source(std::move(source)), random(stallSeed), withStalls(stalls),
      coverage(coverage), idMask(idMaskOf(units::find(variant.unit))),
      leavesOutIds(canLeaveOutIds(units::find(variant.unit))),
      quietCyclesAtEnd(quietCyclesOf(units::find(variant.unit), variant)) {
  UnitInputs in;
  in.reset = true;
  for (uint32_t i = 0; i < resetCycles; ++i) {
    model.settle(in);
    model.tick();
  }
}

void UnitBench::mix(uint64_t value) { hash = (hash ^ value) * 0x100000001b3; }

bool UnitBench::fail(const std::string &what, const UnitFlight *flight) {
  wrong = Mismatch{now, what + (flight ? "\n" + describe(flight->instruction) : "")};
  return false;
}

void UnitBench::driveOperands(UnitInputs &in) {
  while (!feeding.empty() && feeding.front().taken == feeding.front().operands.size()) {
    draining.push_back(std::move(feeding.front()));
    feeding.pop_front();
    operandsOffered = false;
  }
  if (feeding.empty()) {
    in.operandValid = quietCycles != 0; // nobody's: the unit has to leave them alone
    return;
  }
  UnitFlight &flight = feeding.front();
  operandsOffered = operandsOffered || !holds(stalls.operands);
  if (!operandsOffered)
    return;
  const OperandBeat &beat = flight.operands[flight.taken];
  const UnitInstruction &instruction = flight.instruction;
  in.operandValid = true;
  in.vs2 = slice(instruction.vs2, beat.vs2Offset, variant.dlenBits / 8, random);
  if (!instruction.vs1.empty())
    in.vs1 = slice(instruction.vs1, beat.vs1Offset, variant.dlenBits / 8, random);
  if (instruction.instruction->readsDestination)
    in.vd = slice(instruction.vd, beat.vdOffset, variant.dlenBits / 8, random);
  if (instruction.masked)
    in.mask = beat.mask;
}

void UnitBench::drive(UnitInputs &in) {
  // Ports whose valid is low carry anything.
  in.issueId = uint32_t(random() & idMask);
  in.issueInstruction = uint32_t(random());
  in.issueScalar = random();
  in.issueVl = uint32_t(random()) & (2 * variant.vlenBits - 1);
  in.issueVtype = uint32_t(random() & 0x1ff);
  in.commitId = uint32_t(random() & idMask);
  in.commitKill = random() & 1;
  for (uint32_t i = 0; i < mostBeatWords; ++i) {
    in.vs2[i] = uint32_t(random());
    in.vs1[i] = uint32_t(random());
    in.vd[i] = uint32_t(random());
  }
  const uint32_t maskBits = variant.dlenBits / 8;
  in.mask = random() & (maskBits < 64 ? (uint64_t(1) << maskBits) - 1 : ~uint64_t(0));

  if (untilNewStalls == 0) {
    stallClass = withStalls ? uint32_t(random() % UnitCoverage::stallClasses().size()) : 0;
    stalls = stallsOf(stallClass, random);
    untilNewStalls = uint32_t(random() % 200 + 20);
  }
  --untilNewStalls;

  if (!offered && !sourceIsDry && !holds(stalls.issue)) {
    if (std::optional<UnitInstruction> next = source()) {
      offered.emplace();
      offered->instruction = std::move(*next);
      offered->stallClass = stallClass;
    } else {
      sourceIsDry = true;
    }
  }
  if (offered) {
    const UnitInstruction &instruction = offered->instruction;
    in.issueValid = true;
    in.issueId = nextId;
    in.issueInstruction = instruction.word;
    in.issueScalar = instruction.scalar;
    in.issueVl = instruction.vl;
    in.issueVtype = instruction.vtype() | uint32_t(random() & 3) << 6; // vta and vma are the core's
  }
  driveOperands(in);
  in.resultBeatReady = !holds(stalls.results);
  in.completionReady = !holds(stalls.completions);
}

bool UnitBench::observeIssue(const UnitInputs &in, const UnitOutputs &out) {
  if (!in.issueValid || !out.issueReady)
    return true;
  const bool legal = offered->instruction.instruction != nullptr;
  if (out.issueAccept != legal)
    return fail(legal ? "the unit refuses an instruction of its own" : "the unit accepts a word that it must not",
                &*offered);
  if (coverage)
    coverage->event(legal ? Event::Accepted : Event::Refused);
  if (legal) {
    UnitFlight flight = std::move(*offered);
    flight.id = nextId;
    // Without gaps every place of the unit's queue would see the same few numbers.
    nextId = (nextId + (leavesOutIds && ++acceptedCount % 3 == 0 ? 2 : 1)) & idMask;
    flight.operands = operandBeats(flight.instruction, variant.dlenBits);
    flight.results = resultBeats(flight.instruction, variant.dlenBits);
    flight.expected = expectedOf(flight.instruction);
    flight.actual = flight.instruction.vd;
    flight.times.instruction = flight.instruction.instruction;
    unjudged.push_back(std::move(flight));
  }
  offered.reset();
  return true;
}

bool UnitBench::observeResult(const UnitInputs &in, const UnitOutputs &out) {
  if (!out.resultBeatValid)
    return true;
  // The instruction may still be taking operands.
  UnitFlight *flight = nullptr;
  for (auto *queue : {&draining, &feeding})
    for (UnitFlight &each : *queue)
      if (!flight && each.arrived < each.results.size())
        flight = &each;
  if (!flight)
    return fail("a result beat that nobody waits for");
  if (!flight->offeredNow) {
    flight->times.offered.push_back(now);
    flight->offeredNow = true;
  }
  if (!in.resultBeatReady)
    return true;
  flight->offeredNow = false;
  const ResultBeat &beat = flight->results[flight->arrived++];
  if (out.resultBeatId != flight->id)
    return fail(fmt::format("a result beat of instruction {} instead of {}", out.resultBeatId, flight->id), flight);
  if (out.resultBeatLast != (flight->arrived == flight->results.size()))
    return fail("a result beat that is wrong about being the last", flight);
  if (out.enable != beat.enable)
    return fail(fmt::format("byte enables {:#x} instead of {:#x}, at byte {}", out.enable, beat.enable, beat.vdOffset),
                flight);
  if (flight->taken <= beat.lastOperandBeat)
    return fail("a result before its operands", flight);
  bool equal = true;
  for (uint32_t byte = 0; byte < variant.dlenBits / 8; ++byte) {
    if (!(beat.enable >> byte & 1))
      continue;
    const auto value = std::byte(out.data[byte / 4] >> byte % 4 * 8);
    equal = equal && value == flight->expected.vd[beat.vdOffset + byte];
    flight->actual[beat.vdOffset + byte] = value;
    mix(uint64_t(value));
  }
  if (!equal)
    return fail(fmt::format("another result at byte {} of vd, enables {:#x}:\n  RTL    {}\n  golden {}", beat.vdOffset,
                            beat.enable, hexOf(flight->actual.data() + beat.vdOffset, variant.dlenBits / 8),
                            hexOf(flight->expected.vd.data() + beat.vdOffset, variant.dlenBits / 8)),
                flight);
  return true;
}

bool UnitBench::observeCompletion(const UnitInputs &in, const UnitOutputs &out) {
  while (!draining.empty() && draining.front().arrived == draining.front().results.size()) {
    finishing.push_back(std::move(draining.front()));
    draining.pop_front();
  }
  if (!out.completionValid)
    return true;
  if (finishing.empty())
    return fail("a completion that nobody waits for");
  if (!in.completionReady)
    return true;
  UnitFlight &flight = finishing.front();
  if (out.completionId != flight.id)
    return fail(fmt::format("completion of instruction {} instead of {}", out.completionId, flight.id), &flight);
  if (out.completionFlags != flight.expected.flags)
    return fail(fmt::format("flags {:#x} instead of {:#x}", out.completionFlags, flight.expected.flags), &flight);
  mix(flight.id);
  mix(out.completionFlags);
  ++completedCount;
  if (coverage)
    coverage->completed(flight.instruction, flight.expected, flight.stallClass);
  lastDestination = std::move(flight.actual);
  lastFlags = out.completionFlags;
  if (keepTimes) {
    flight.times.beats = std::move(flight.results);
    times.push_back(std::move(flight.times));
  }
  finishing.pop_front();
  return true;
}

bool UnitBench::observe(const UnitInputs &in, const UnitOutputs &out) {
  if (in.issueValid && !out.issueReady && coverage)
    coverage->event(Event::QueueFull);
  if (!observeIssue(in, out) || !observeResult(in, out))
    return false;
  if (in.operandValid && out.operandReady) {
    if (feeding.empty())
      return fail("operands are taken that belong to no instruction");
    ++feeding.front().taken;
    feeding.front().times.taken.push_back(now);
    operandsOffered = false;
  }
  return observeCompletion(in, out);
}

bool UnitBench::allDone() const {
  return sourceIsDry && !offered && unjudged.empty() && feeding.empty() && draining.empty() && finishing.empty();
}

bool UnitBench::cycle() {
  if (wrong)
    return false;
  UnitInputs in;
  drive(in);
  UnitOutputs out = model.settle(in);
  if (readyWaits) {
    in.resultBeatReady = in.resultBeatReady && out.resultBeatValid;
    in.completionReady = in.completionReady && out.completionValid;
    out = model.settle(in);
  }
  // A verdict may come in the cycle of the issue, or later.
  const bool issuedNow = in.issueValid && out.issueReady && out.issueAccept && offered->instruction.instruction;
  if ((!unjudged.empty() || issuedNow) && !holds(stalls.commit) && !(unjudged.empty() && random() % 2)) {
    const bool same = unjudged.empty();
    in.commitValid = true;
    in.commitId = same ? nextId : unjudged.front().id;
    in.commitKill = same ? offered->instruction.killed : unjudged.front().instruction.killed;
    out = model.settle(in);
    if (coverage)
      coverage->event(in.commitKill ? Event::Killed : same ? Event::CommittedAtOnce : Event::CommittedLater);
  }
  if (!observe(in, out))
    return false;
  if (in.commitValid) {
    if (!unjudged.front().instruction.killed)
      feeding.push_back(std::move(unjudged.front()));
    unjudged.pop_front();
  }
  if (!model.tick())
    return fail("an assertion of the RTL failed (see above)");
  const bool moved = (in.issueValid && out.issueReady) || in.commitValid || (in.operandValid && out.operandReady) ||
                     (out.resultBeatValid && in.resultBeatReady) || (out.completionValid && in.completionReady);
  idleCycles = moved ? 0 : idleCycles + 1;
  ++now;
  if (idleCycles > mostIdleCycles)
    return fail("nothing moves any more", !feeding.empty()    ? &feeding.front()
                                          : !draining.empty() ? &draining.front()
                                                              : nullptr);
  quietCycles = allDone() ? quietCycles + 1 : 0;
  return quietCycles <= quietCyclesAtEnd;
}

} // namespace weft::cosim
