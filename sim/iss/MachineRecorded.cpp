// Instructions by decoded blocks for an observer that wants many at a time: the timing model.
#include "sim/iss/Csr.h"
#include "sim/iss/Float.h"
#include "sim/iss/MachineImpl.h"

#include <array>

using namespace weft;
using namespace weft::iss;

namespace {

/// What retired and has not been handed on.
class Recording {
public:
  Recording(Observer &observer, FloatEnvironment &environment) : observer(observer), environment(environment) {}
  ~Recording() { handOn(); }
  Recording(const Recording &) = delete;
  Recording &operator=(const Recording &) = delete;

  void add(const hw::rvv::Retired &retired, bool taken) {
    buffer[count] = retired;
    buffer[count].taken = taken;
    if (++count == buffer.size())
      handOn();
  }
  std::optional<uint64_t> cycles() {
    handOn();
    return observer.cycles();
  }

private:
  void handOn() {
    FloatEnvironment::Pause pause(environment);
    observer.retiredMany(std::span(buffer).first(count));
    count = 0;
  }

  Observer &observer;
  FloatEnvironment &environment;
  std::array<hw::rvv::Retired, 128> buffer;
  size_t count = 0;
};

/// Blocks that ran lately, by pc: a look-up in the map of all takes longer than most blocks.
struct RecentBlocks {
  static constexpr size_t size = 256;
  std::array<Block *, size> blocks{};

  Block *&slotOf(uint64_t pc) { return blocks[(pc >> 1) % size]; }
};

TimingDescription &descriptionOf(Block &block, size_t index, const Hart &hart) {
  TimingDescription &description = block.timing[index];
  const Op &op = block.ops[index];
  if (!description.holds(hart))
    description = TimingDescription(op, hart);
  description.update(op, hart);
  return description;
}

} // namespace

Outcome Machine::Impl::runRecorded(Observer &observer) {
  Outcome outcome;
  FloatEnvironment environment(hart);
  Recording recording(observer, environment);
  RecentBlocks recent;
  while (stepsLeft > 0) {
    if (calling && hart.pc == returnAddress)
      return stoppedAt(Stop::Returned, hart.pc);
    Block *&block = recent.slotOf(hart.pc);
    if (!block || block->pcs.front() != hart.pc)
      block = blocks.find(hart, decoded, hart.pc);
    if (block && block->timing.empty())
      for (const Op &op : block->ops)
        block->timing.emplace_back(op, hart);
    // Without a block the fetch has trapped, which counts as a step, as any trap does.
    for (size_t i = 0, end = block ? block->ops.size() : 1; i < end && stepsLeft > 0; ++i) {
      --stepsLeft;
      const Op *op = block ? &block->ops[i] : nullptr;
      Step step = Step::GoOn;
      const uint64_t retiredBefore = hart.privileged.retired;
      hart.pc = block ? block->pcs[i] : hart.pc;
      hart.next = op ? hart.pc + op->bytes : hart.pc;
      const TimingDescription *description = op ? &descriptionOf(*block, i, hart) : nullptr;
      if (description &&
          (description->retired.cls == hw::rvv::OpClass::Csr || description->retired.cls == hw::rvv::OpClass::Custom) &&
          readsClock(*op)) [[unlikely]]
        hart.privileged.elapsed = recording.cycles();
      const bool retired = op && op->execute(hart, *op);
      if (retired) [[likely]] {
        hart.x[0] = 0;
        ++hart.privileged.retired;
      } else {
        FloatEnvironment::Pause pause(environment); // output belongs to the host
        step = serveTrap(outcome);
      }
      if (op && hart.privileged.retired != retiredBefore)
        recording.add(description->retired, hart.next != hart.pc + op->bytes);
      if (step == Step::Stopped)
        return outcome;
      if (memory.touched()) {
        FloatEnvironment::Pause pause(environment);
        if (serveTouched(outcome) == Step::Stopped)
          return outcome;
      }
      if (hart.forgetDecoded) {
        flush();
        recent = {};
        break;
      }
      if (!retired)
        break;
    }
    hart.pc = hart.next;
  }
  if (calling && hart.pc == returnAddress)
    return stoppedAt(Stop::Returned, hart.pc);
  return stoppedAt(Stop::Limit, hart.pc);
}
