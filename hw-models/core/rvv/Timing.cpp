// The pipeline: a scalar core that issues, a queue, pipes that start vector instructions, and registers that say when
// their rows can be read or overwritten. Times are cycles from reset; an instruction that starts at S and has n rows
// starts its last one at S + n - 1, and a row's result can be used a latency later.
#include "hw-models/core/rvv/Timing.h"

#include "hw-models/core/rvv/Costs.h"
#include "hw-models/core/rvv/Pipes.h"

#include <algorithm>
#include <bit>
#include <vector>

using namespace weft::hw;
using namespace weft::hw::rvv;

namespace {

/// Of one vector register: when its first and last row are there, and when they were last read.
struct VectorRegister {
  uint64_t firstReady = 0, lastReady = 0;
  uint64_t firstRead = 0, lastRead = 0; // one past the cycle
};

struct ScalarRegister {
  uint64_t ready = 0;
  bool fromVector = false;
};

/// The earliest cycle so far, and why not earlier.
struct Earliest {
  uint64_t cycle;
  Stall cause = Stall::ScalarOperand;

  void atLeast(uint64_t other, Stall why) {
    if (other > cycle) {
      cycle = other;
      cause = why;
    }
  }
};

/// Of two causes the one that counts.
Earliest later(const Earliest &a, const Earliest &b) { return b.cycle > a.cycle ? b : a; }

uint64_t lessOrZero(uint64_t value, uint64_t less) { return value > less ? value - less : 0; }

/// When register `index` of a group begins, in cycles from the start, if the group takes `cycles`. Groups of segments
/// alone have a number of registers that is no power of two.
uint64_t shareOf(uint64_t cycles, uint64_t index, uint64_t count) {
  return std::has_single_bit(count) ? (cycles * index) >> std::countr_zero(count) : cycles * index / count;
}

/// When the last row of register `index` is started.
uint64_t lastOf(uint64_t cycles, uint64_t index, uint64_t count) {
  uint64_t rounding = count - 1;
  uint64_t end = std::has_single_bit(count) ? (cycles * (index + 1) + rounding) >> std::countr_zero(count)
                                            : (cycles * (index + 1) + rounding) / count;
  return std::max<uint64_t>(1, end) - 1;
}

class PipelineTiming final : public Timing {
public:
  explicit PipelineTiming(const Hardware &hardware)
      : costs(hardware.parallelism.core), vlenBits(hardware.parallelism.core.vlenBits),
        dlenBits(hardware.parallelism.core.dlenBits), rvv(hardware.parallelism.core.rvv),
        isRenamed(rvv.scalar.window > 0), outLatency(rvv.dispatch.roundTrip / 2),
        backLatency(rvv.dispatch.roundTrip - outLatency),
        floatPipes(static_cast<uint64_t>(std::popcount(costs.unitMap().pipesOf(Unit::Float)))),
        starts(rvv.dispatch.queue), window(rvv.scalar.window), pipes(costs.pipeCount(), isRenamed, rvv.dispatch.queue) {
  }

  void retire(const Retired &op) override {
    bool toVector = costs.traits(op.cls).shape != Shape::None;
    Issue issue = issueScalar(op, toVector);
    if (op.cls == OpClass::VSet)
      nextVector = issue.execute + rvv.dispatch.vsetCycles;
    uint64_t complete = toVector ? startVector(op, issue.execute) : finishScalar(op, issue);
    done = std::max(done, complete);
    if (isRenamed) { // instructions leave in order
      lastLeft = std::max(lastLeft, complete);
      window[oldestInFlight] = lastLeft;
      oldestInFlight = oldestInFlight + 1 == window.size() ? 0 : oldestInFlight + 1;
    }
  }

  uint64_t cycles() const override { return done; }
  std::array<uint64_t, stallCount> stalls() const override { return stallCycles; }
  VectorUse vectorUse() const override {
    VectorUse out = use;
    out.fpuBusyCycles /= std::max<uint64_t>(1, floatPipes);
    return out;
  }

  void reset() override {
    lastIssue = slots = nextIssue = nextVector = done = vectorDone = lastStart = nextResult = lastLeft = 0;
    oldest = oldestInFlight = startsInCycle = 0;
    divideFree = floatDivideFree = 0;
    std::fill(starts.begin(), starts.end(), 0);
    std::fill(window.begin(), window.end(), 0);
    pipes.reset();
    scalars = {};
    vectors = {};
    stallCycles = {};
    use = {};
  }

private:
  /// When an instruction leaves the front end, and when its scalar operands are there.
  struct Issue {
    uint64_t cycle, execute;
  };
  Issue issueScalar(const Retired &op, bool toVector);
  Earliest operandsReady(const Retired &op, bool toVector, uint64_t from) const;
  uint64_t finishScalar(const Retired &op, const Issue &issue);
  uint64_t readable(RegisterGroup group, uint64_t occupancy, bool whole) const;
  uint64_t hazards(const Retired &op, const ClassTraits &traits, uint64_t occupancy) const;
  uint64_t startVector(const Retired &op, uint64_t issue);
  uint64_t occupy(const Retired &op, const ClassTraits &traits, const Cost &cost, uint64_t start);
  void write(const Retired &op, const ClassTraits &traits, uint64_t serial, uint64_t start);
  void countUse(const ClassTraits &traits, uint64_t occupancy);

  uint64_t unitLatency(const Retired &op) const { return op.unitLatency(vlenBits, dlenBits); }

  Costs costs;
  const uint32_t vlenBits, dlenBits;
  RvvTiming rvv;
  bool isRenamed; // out of order: no register waits for who read or wrote it before
  uint64_t outLatency, backLatency, floatPipes;
  uint64_t lastIssue = 0, slots = 0, nextIssue = 0, nextVector = 0;
  uint64_t done = 0, vectorDone = 0, lastStart = 0, nextResult = 0, lastLeft = 0;
  uint64_t divideFree = 0, floatDivideFree = 0, startsInCycle = 0;
  std::vector<uint64_t> starts; // of the youngest vector instructions, as many as the queue has entries
  size_t oldest = 0;
  std::vector<uint64_t> window; // when the youngest instructions leave, as many as can be in flight
  size_t oldestInFlight = 0;
  Pipes pipes;
  std::array<ScalarRegister, 64> scalars{};
  std::array<VectorRegister, 32> vectors{};
  std::array<uint64_t, stallCount> stallCycles{};
  VectorUse use;
};

/// When what the instruction waits for outside the vector unit is there, not before `from`.
Earliest PipelineTiming::operandsReady(const Retired &op, bool toVector, uint64_t from) const {
  Earliest at{from};
  for (uint8_t read : op.scalarReads)
    if (read != noRegister)
      at.atLeast(scalars[read].ready, scalars[read].fromVector ? Stall::VectorResult : Stall::ScalarOperand);
  // A result that is still on its way from the vector unit must not arrive after a younger one.
  if (!isRenamed && op.scalarWrite != noRegister && scalars[op.scalarWrite].fromVector)
    at.atLeast(scalars[op.scalarWrite].ready, Stall::VectorResult);
  if (op.cls == OpClass::Divide)
    at.atLeast(divideFree, Stall::Divider);
  if (op.cls == OpClass::FpDivide || op.cls == OpClass::FpSqrt)
    at.atLeast(floatDivideFree, Stall::Divider);
  if (toVector)
    at.atLeast(nextVector, Stall::VectorResult);
  return at;
}

PipelineTiming::Issue PipelineTiming::issueScalar(const Retired &op, bool toVector) {
  uint64_t slot = slots < rvv.scalar.issueWidth ? lastIssue : lastIssue + 1;
  Earliest at{slot};
  at.atLeast(nextIssue, Stall::Branch);
  if (isRenamed)
    at.atLeast(window[oldestInFlight], Stall::WindowFull);
  else
    at = later(at, operandsReady(op, toVector, slot));
  if (op.cls == OpClass::Fence)
    at.atLeast(vectorDone, Stall::Memory);
  if (toVector) // the oldest has left the queue when this one arrives
    at.atLeast(lessOrZero(starts[oldest], outLatency), Stall::QueueFull);
  if (at.cycle > slot)
    stallCycles[static_cast<size_t>(at.cause)] += at.cycle - slot;
  slots = at.cycle == lastIssue ? slots + 1 : 1;
  lastIssue = at.cycle;
  return {at.cycle, isRenamed ? operandsReady(op, toVector, at.cycle).cycle : at.cycle};
}

/// Returns when the instruction has completed.
uint64_t PipelineTiming::finishScalar(const Retired &op, const Issue &issue) {
  uint64_t latency = 1;
  switch (op.cls) {
  case OpClass::Divide:
    latency = rvv.scalar.divideCycles;
    divideFree = issue.execute + latency;
    break;
  case OpClass::Load:
  case OpClass::Atomic:
    latency = rvv.scalar.loadLatency;
    break;
  case OpClass::Multiply:
  case OpClass::FpAdd:
  case OpClass::FpMultiply:
  case OpClass::FpFma:
  case OpClass::FpCompare:
  case OpClass::FpConvert:
    latency = rvv.scalar.arithmeticLatency;
    break;
  case OpClass::FpDivide:
  case OpClass::FpSqrt:
    latency = rvv.scalar.divideCycles;
    floatDivideFree = issue.execute + latency;
    break;
  case OpClass::Custom:
    latency = unitLatency(op);
    break;
  default:
    break;
  }
  if (op.taken)
    nextIssue = issue.cycle + 1 + rvv.scalar.branchCycles;
  if (op.scalarWrite != noRegister && op.scalarWrite != 0)
    scalars[op.scalarWrite] = {issue.execute + latency, false};
  return issue.execute + latency;
}

/// The earliest start at which an instruction of `occupancy` cycles finds each row of `group` when it comes to it.
uint64_t PipelineTiming::readable(RegisterGroup group, uint64_t occupancy, bool whole) const {
  uint64_t start = 0;
  for (uint64_t k = 0; k < group.count; ++k) {
    const VectorRegister &each = vectors[(group.first + k) % 32];
    if (whole) {
      start = std::max(start, each.lastReady);
      continue;
    }
    uint64_t first = shareOf(occupancy, k, group.count), last = lastOf(occupancy, k, group.count);
    start = std::max({start, lessOrZero(each.firstReady, first), lessOrZero(each.lastReady, last)});
  }
  return start;
}

/// The earliest start at which no register is read too early or overwritten too early.
uint64_t PipelineTiming::hazards(const Retired &op, const ClassTraits &traits, uint64_t occupancy) const {
  bool whole = !rvv.chaining || traits.readsWhole;
  uint64_t start = op.masked ? vectors[0].lastReady : 0;
  for (const RegisterGroup &read : op.vectorReads)
    start = std::max(start, readable(read, occupancy, whole));
  RegisterGroup write = op.vectorWrite;
  bool readsOld = isRenamed ? op.keepsOld : traits.readsOld; // a new register gets what is not written
  if (readsOld || (rvv.dispatch.overwriteWaits && !isRenamed))
    start = std::max(start, readable(write, occupancy, traits.readsOld || !rvv.chaining));
  if (isRenamed)
    return start;
  for (uint64_t k = 0; k < write.count; ++k) {
    const VectorRegister &each = vectors[(write.first + k) % 32];
    // Rows are written a latency after they start, compact results at the end.
    uint64_t first = traits.isCompact ? occupancy - 1 : shareOf(occupancy, k, write.count);
    uint64_t last = lastOf(occupancy, k, write.count);
    start = std::max(
        {start, lessOrZero(each.firstRead, first + traits.latency), lessOrZero(each.lastRead, last + traits.latency)});
    if (!rvv.dispatch.overwriteWaits) // written in order
      start = std::max(start, lessOrZero(each.lastReady, occupancy - 1 + traits.latency));
  }
  return start;
}

/// Returns when the instruction has completed.
uint64_t PipelineTiming::startVector(const Retired &op, uint64_t issue) {
  ClassTraits custom;
  const bool isCustom = op.cls == OpClass::VCustom;
  if (isCustom) [[unlikely]] {
    custom = costs.traits(op.cls);
    custom.latency = unitLatency(op);
    custom.isCompact = op.unitGathers;
  }
  const ClassTraits &traits = isCustom ? custom : costs.traits(op.cls);
  Cost cost = costs.of(op);
  uint64_t ready = std::max(issue + outLatency, hazards(op, traits, cost.serial));
  bool isInOrder = rvv.dispatch.inOrder && !isRenamed;
  if (isInOrder)
    ready = std::max(ready, startsInCycle < rvv.dispatch.width ? lastStart : lastStart + 1);
  if (traits.returnsScalar)
    ready = std::max(ready, nextResult);
  Pipes::Slot slot = pipes.earliest(costs.pipesFor(op), ready, cost.occupancy);
  pipes.take(slot, cost.occupancy);
  startsInCycle = slot.start > lastStart ? 1 : startsInCycle + 1;
  lastStart = std::max(lastStart, slot.start);
  starts[oldest] = slot.start;
  oldest = oldest + 1 == starts.size() ? 0 : oldest + 1;
  if (traits.returnsScalar)
    nextResult = slot.start + rvv.dispatch.resultInterval;
  countUse(traits, cost.occupancy);
  return occupy(op, traits, cost, slot.start);
}

void PipelineTiming::countUse(const ClassTraits &traits, uint64_t occupancy) {
  (traits.isMemory ? use.memoryBusyCycles : use.busyCycles) += occupancy;
  if (traits.isFpu)
    use.fpuBusyCycles += occupancy;
}

uint64_t PipelineTiming::occupy(const Retired &op, const ClassTraits &traits, const Cost &cost, uint64_t start) {
  auto read = [&](uint8_t index, uint64_t first, uint64_t last) {
    VectorRegister &each = vectors[index % 32];
    each.firstRead = std::max(each.firstRead, start + first + 1);
    each.lastRead = std::max(each.lastRead, start + last + 1);
  };
  for (const RegisterGroup &group : op.vectorReads)
    for (uint64_t k = 0; k < group.count; ++k)
      read(static_cast<uint8_t>(group.first + k),
           traits.readsWhole ? cost.serial - 1 : shareOf(cost.serial, k, group.count),
           traits.readsWhole ? cost.serial - 1 : lastOf(cost.serial, k, group.count));
  if (op.masked)
    read(0, cost.serial - 1, cost.serial - 1);
  write(op, traits, cost.serial, start);
  uint64_t complete = start + cost.serial - 1 + traits.latency;
  if (op.scalarWrite != noRegister && op.scalarWrite != 0) {
    complete = start + cost.serial - 1 + backLatency;
    scalars[op.scalarWrite] = {complete, true};
  }
  if (op.cls == OpClass::VLoadFaultFirst) // vl is known when its last address is
    nextVector = std::max(nextVector, start + cost.occupancy);
  vectorDone = std::max(vectorDone, complete);
  return complete;
}

void PipelineTiming::write(const Retired &op, const ClassTraits &traits, uint64_t serial, uint64_t start) {
  RegisterGroup group = op.vectorWrite;
  uint64_t complete = start + serial - 1 + traits.latency;
  for (uint64_t k = 0; k < group.count; ++k) {
    VectorRegister &each = vectors[(group.first + k) % 32];
    each.lastReady = traits.isCompact ? complete : start + lastOf(serial, k, group.count) + traits.latency;
    each.firstReady = traits.isCompact ? complete : start + shareOf(serial, k, group.count) + traits.latency;
  }
}

} // namespace

std::unique_ptr<Timing> weft::hw::rvv::makeTiming(const Hardware &hardware) {
  return std::make_unique<PipelineTiming>(hardware);
}
