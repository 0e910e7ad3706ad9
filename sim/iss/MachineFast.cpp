// The loop round the fast path: finds blocks, links them, and serves what they stop for.
#include "sim/iss/Float.h"
#include "sim/iss/MachineImpl.h"

#include <algorithm>

using namespace weft::iss;

void Machine::Impl::runBlocks(FastOp *header) {
  // Less than the count of the unresolved block, which must never fit.
  constexpr uint64_t most = uint64_t{1} << 62;
  uint64_t budget = std::min(stepsLeft, most);
  FloatEnvironment environment(hart);
  fast.hart = &hart;
  fast.retiredAndLeft = hart.privileged.retired + budget;
  enterBlock(header, static_cast<int64_t>(budget) - header->header.count, &memory, &fast);
  auto left = static_cast<uint64_t>(fast.left);
  stepsLeft -= budget - left;
  hart.privileged.retired = fast.retiredAndLeft - left;
}

Outcome Machine::Impl::runFast() {
  Outcome outcome;
  fast.linkFrom = nullptr;
  while (stepsLeft > 0) {
    if (calling && hart.pc == returnAddress)
      return stoppedAt(Stop::Returned, hart.pc);
    Block *block = blocks.find(hart, decoded, hart.pc);
    if (block && block->ops.size() > stepsLeft)
      return runObserved(nullptr);
    fast.exit = FastExit::Trap;
    if (block) {
      if (fast.linkFrom)
        (fast.linkTaken ? fast.linkFrom->links.taken : fast.linkFrom->links.notTaken) =
            block->headerFor(fast.linkRecent);
      fast.targets[FastContext::slotOf(hart.pc)] = {hart.pc, block->plainHeader()};
      runBlocks(block->plainHeader());
    }
    if (fast.exit == FastExit::Lookup)
      continue;
    fast.linkFrom = nullptr;
    if (fast.exit == FastExit::Trap) {
      --stepsLeft;
      if (serveTrap(outcome) == Step::Stopped)
        return outcome;
    } else if (memory.touched() && serveTouched(outcome) == Step::Stopped) {
      return outcome;
    }
    hart.pc = hart.next;
    if (hart.forgetDecoded)
      flush();
  }
  if (calling && hart.pc == returnAddress)
    return stoppedAt(Stop::Returned, hart.pc);
  return stoppedAt(Stop::Limit, hart.pc);
}
