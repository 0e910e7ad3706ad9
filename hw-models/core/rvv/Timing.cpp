// The pipeline: scalar issue in order, a queue, sequencers that start vector instructions, and registers that say when
// their rows can be read or overwritten. Times are cycles from reset; an instruction that starts at S and keeps its
// sequencer for n cycles starts its last row at S + n - 1, and a row's result can be used a latency later.
#include "hw-models/core/rvv/Timing.h"

#include "hw-models/core/rvv/Costs.h"

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

class InOrderTiming final : public Timing {
public:
  explicit InOrderTiming(const Hardware &hardware)
      : costs(hardware.parallelism.core), rvv(hardware.parallelism.core.rvv), starts(rvv.dispatch.queue) {}

  void retire(const Retired &op) override {
    uint64_t issue = issueScalar(op);
    if (op.cls == OpClass::VSet)
      nextVector = issue + rvv.dispatch.vsetCycles;
    if (costs.traits(op.cls).shape != Shape::None)
      startVector(op, issue);
    else
      finishScalar(op, issue);
  }

  uint64_t cycles() const override { return done; }
  std::array<uint64_t, stallCount> stalls() const override { return stallCycles; }
  VectorUse vectorUse() const override { return use; }

  void reset() override {
    lastIssue = slots = nextIssue = nextVector = done = vectorDone = lastStart = lastResult = 0;
    oldest = 0;
    anyStarted = false;
    divideFree = floatDivideFree = 0;
    std::fill(starts.begin(), starts.end(), 0);
    scalars = {};
    vectors = {};
    sequencerFree = {};
    stallCycles = {};
    use = {};
  }

private:
  uint64_t issueScalar(const Retired &op);
  void finishScalar(const Retired &op, uint64_t issue);
  void startVector(const Retired &op, uint64_t issue);
  uint64_t hazards(const Retired &op, const ClassTraits &traits, uint64_t occupancy) const;
  void occupy(const Retired &op, const ClassTraits &traits, const Cost &cost, uint64_t start);
  uint64_t readable(RegisterGroup group, uint64_t occupancy, bool whole) const;

  Costs costs;
  RvvTiming rvv;
  uint64_t lastIssue = 0, slots = 0; // of the youngest instruction: its cycle, and how many issued in that
  uint64_t nextIssue = 0;            // after a taken branch
  uint64_t nextVector = 0;           // after vset and loads that set vl
  uint64_t done = 0, vectorDone = 0;
  uint64_t divideFree = 0, floatDivideFree = 0;
  std::vector<uint64_t> starts; // ring: of the last vector instructions, as many as the queue holds
  size_t oldest = 0;
  bool anyStarted = false;
  uint64_t lastStart = 0, lastResult = 0;
  std::array<ScalarRegister, 64> scalars{};
  std::array<VectorRegister, 32> vectors{};
  std::array<uint64_t, sequencerCount> sequencerFree{};
  std::array<uint64_t, stallCount> stallCycles{};
  VectorUse use;
};

uint64_t InOrderTiming::issueScalar(const Retired &op) {
  uint64_t slot = slots < rvv.scalar.issueWidth ? lastIssue : lastIssue + 1;
  Earliest at{slot};
  at.atLeast(nextIssue, Stall::Branch);
  for (uint8_t read : op.scalarReads)
    if (read != noRegister)
      at.atLeast(scalars[read].ready, scalars[read].fromVector ? Stall::VectorResult : Stall::ScalarOperand);
  // A result that is still on its way from the vector unit must not arrive after a younger one.
  if (op.scalarWrite != noRegister && scalars[op.scalarWrite].fromVector)
    at.atLeast(scalars[op.scalarWrite].ready, Stall::VectorResult);
  if (op.cls == OpClass::Divide)
    at.atLeast(divideFree, Stall::Divider);
  if (op.cls == OpClass::FpDivide || op.cls == OpClass::FpSqrt)
    at.atLeast(floatDivideFree, Stall::Divider);
  if (op.cls == OpClass::Fence)
    at.atLeast(vectorDone, Stall::Memory);
  if (costs.traits(op.cls).shape != Shape::None) {
    at.atLeast(nextVector, Stall::VectorResult);
    // The oldest has left the queue when this one arrives.
    at.atLeast(lessOrZero(starts[oldest], rvv.dispatch.latency), Stall::QueueFull);
  }
  if (at.cycle > slot)
    stallCycles[static_cast<size_t>(at.cause)] += at.cycle - slot;
  slots = at.cycle == lastIssue ? slots + 1 : 1;
  lastIssue = at.cycle;
  done = std::max(done, at.cycle + 1);
  return at.cycle;
}

void InOrderTiming::finishScalar(const Retired &op, uint64_t issue) {
  uint64_t latency = 1;
  switch (op.cls) {
  case OpClass::Multiply:
    latency = rvv.scalar.multiplyLatency;
    break;
  case OpClass::Divide:
    latency = rvv.scalar.divideCycles;
    divideFree = issue + latency;
    break;
  case OpClass::Load:
  case OpClass::Atomic:
    latency = rvv.scalar.loadLatency;
    break;
  case OpClass::FpAdd:
  case OpClass::FpMultiply:
  case OpClass::FpFma:
  case OpClass::FpCompare:
  case OpClass::FpConvert:
    latency = rvv.scalar.floatLatency;
    break;
  case OpClass::FpDivide:
  case OpClass::FpSqrt:
    latency = rvv.scalar.floatDivideCycles;
    floatDivideFree = issue + latency;
    break;
  default:
    break;
  }
  if (op.taken)
    nextIssue = issue + 1 + rvv.scalar.branchCycles;
  if (op.scalarWrite != noRegister && op.scalarWrite != 0)
    scalars[op.scalarWrite] = {issue + latency, false};
  done = std::max(done, issue + latency);
}

/// The earliest start at which an instruction of `occupancy` cycles finds each row of `group` when it comes to it.
uint64_t InOrderTiming::readable(RegisterGroup group, uint64_t occupancy, bool whole) const {
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

uint64_t InOrderTiming::hazards(const Retired &op, const ClassTraits &traits, uint64_t occupancy) const {
  bool whole = !rvv.chaining || traits.readsWhole;
  uint64_t start = op.masked ? vectors[0].lastReady : 0;
  for (const RegisterGroup &read : op.vectorReads)
    start = std::max(start, readable(read, occupancy, whole));
  RegisterGroup write = op.vectorWrite;
  if (traits.readsOld || rvv.overwriteWaits)
    start = std::max(start, readable(write, occupancy, traits.readsOld || !rvv.chaining));
  for (uint64_t k = 0; k < write.count; ++k) {
    const VectorRegister &each = vectors[(write.first + k) % 32];
    // Rows are written a latency after they start, compact results at the end.
    uint64_t first = traits.isCompact ? occupancy - 1 : shareOf(occupancy, k, write.count);
    uint64_t last = lastOf(occupancy, k, write.count);
    start = std::max(
        {start, lessOrZero(each.firstRead, first + traits.latency), lessOrZero(each.lastRead, last + traits.latency)});
    if (!rvv.overwriteWaits) // written in order
      start = std::max(start, lessOrZero(each.lastReady, occupancy - 1 + traits.latency));
  }
  return start;
}

void InOrderTiming::startVector(const Retired &op, uint64_t issue) {
  const ClassTraits &traits = costs.traits(op.cls);
  Cost cost = costs.of(op);
  uint64_t start =
      std::max({issue + rvv.dispatch.latency, sequencerFree[traits.sequencer], hazards(op, traits, cost.occupancy)});
  if (anyStarted && rvv.dispatch.inOrder)
    start = std::max(start, lastStart + rvv.dispatch.interval);
  if (traits.returnsScalar && lastResult > 0)
    start = std::max(start, lastResult + rvv.dispatch.resultInterval);
  lastStart = std::max(lastStart, start);
  anyStarted = true;
  starts[oldest] = start;
  oldest = oldest + 1 == starts.size() ? 0 : oldest + 1;
  if (traits.returnsScalar)
    lastResult = start;
  occupy(op, traits, cost, start);
}

void InOrderTiming::occupy(const Retired &op, const ClassTraits &traits, const Cost &cost, uint64_t start) {
  sequencerFree[traits.sequencer] = start + cost.occupancy;
  uint64_t complete = start + cost.serial - 1 + traits.latency;
  if (traits.sequencer >= loadSequencer)
    use.memoryBusyCycles += cost.occupancy;
  else
    use.busyCycles += cost.occupancy;
  if (traits.isFpu)
    use.fpuBusyCycles += cost.occupancy;

  auto read = [&](uint8_t index, uint64_t first, uint64_t last) {
    VectorRegister &each = vectors[index % 32];
    each.firstRead = std::max(each.firstRead, start + first + 1);
    each.lastRead = std::max(each.lastRead, start + last + 1);
  };
  for (const RegisterGroup &group : op.vectorReads)
    for (uint64_t k = 0; k < group.count; ++k)
      read(static_cast<uint8_t>(group.first + k),
           traits.readsWhole ? cost.occupancy - 1 : shareOf(cost.occupancy, k, group.count),
           traits.readsWhole ? cost.occupancy - 1 : lastOf(cost.occupancy, k, group.count));
  if (op.masked)
    read(0, cost.occupancy - 1, cost.occupancy - 1);
  RegisterGroup write = op.vectorWrite;
  for (uint64_t k = 0; k < write.count; ++k) {
    VectorRegister &each = vectors[(write.first + k) % 32];
    uint64_t first = shareOf(cost.serial, k, write.count), last = lastOf(cost.serial, k, write.count);
    each.lastReady = traits.isCompact ? complete : start + last + traits.latency;
    each.firstReady = traits.isCompact ? complete : start + first + traits.latency;
  }
  if (op.scalarWrite != noRegister && op.scalarWrite != 0) {
    complete = start + cost.serial - 1 + rvv.dispatch.resultLatency;
    scalars[op.scalarWrite] = {complete, true};
  }
  if (op.cls == OpClass::VLoadFaultFirst) // vl is known when its last address is
    nextVector = std::max(nextVector, start + cost.occupancy);
  vectorDone = std::max(vectorDone, complete);
  done = std::max(done, complete);
}

} // namespace

std::unique_ptr<Timing> weft::hw::rvv::makeTiming(const Hardware &hardware) {
  return std::make_unique<InOrderTiming>(hardware);
}
