#include "sim/iss/Machine.h"
#include "sim/iss/Csr.h"
#include "sim/iss/Float.h"
#include "sim/iss/MachineImpl.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

using namespace weft;
using namespace weft::iss;

namespace {

constexpr unsigned ra = 1, sp = 2, gp = 3, a0 = 10;

} // namespace

Machine::Machine(const hw::Isa &isa) : impl(std::make_unique<Impl>(isa)) {}
Machine::~Machine() = default;
Machine::Machine(Machine &&) noexcept = default;
Machine &Machine::operator=(Machine &&) noexcept = default;

Memory &Machine::memory() { return impl->memory; }
Hart &Machine::hart() { return impl->hart; }
void Machine::flushCode() { impl->flush(); }

Result<void> Machine::load(const Elf &elf, const std::string &name) {
  for (const Segment &segment : elf.segments) {
    // Read-only memory, too, is filled by loading.
    const Memory::Range *home = nullptr;
    for (const Memory::Range &range : impl->memory.all())
      if (uint64_t offset = segment.address - range.base;
          segment.memoryBytes <= range.bytes.size() && offset <= range.bytes.size() - segment.memoryBytes)
        home = &range;
    if (!home)
      return userError(fmt::format("{}: the segment at {:#x} ({} bytes) lies outside memory; link the program where "
                                   "memory is",
                                   name, segment.address, segment.memoryBytes));
    std::byte *to = home->bytes.data() + (segment.address - home->base);
    std::copy(segment.contents.begin(), segment.contents.end(), to);
    std::fill(to + segment.contents.size(), to + segment.memoryBytes, std::byte{0});
  }
  auto symbol = [&](const char *text) {
    auto found = elf.symbols.find(text);
    return found == elf.symbols.end() ? 0 : found->second;
  };
  impl->host.tohost = symbol("tohost");
  impl->host.fromhost = symbol("fromhost");
  impl->globalPointer = symbol("__global_pointer$");
  impl->hart.pc = elf.entry;
  impl->flush();
  return success();
}

Outcome Machine::run(const RunOptions &options) {
  impl->output = &output;
  impl->calling = false;
  return impl->run(options);
}

Outcome Machine::call(uint64_t function, std::span<const uint64_t> arguments, uint64_t stackTop,
                      const RunOptions &options) {
  Hart &hart = impl->hart;
  hart.x[ra] = Impl::returnAddress;
  hart.x[sp] = stackTop;
  if (impl->globalPointer)
    hart.x[gp] = impl->globalPointer;
  for (size_t i = 0; i < std::min<size_t>(arguments.size(), 8); ++i)
    hart.x[a0 + i] = arguments[i];
  hart.pc = function & ~uint64_t{1};
  impl->output = &output;
  impl->calling = true;
  return impl->run(options);
}

Outcome Machine::resume(const RunOptions &options) { return impl->run(options); }

void Machine::Impl::flush() {
  ops.clear();
  blocks.clear();
  fast.linkFrom = nullptr;
  fast.targets.fill({});
  decoded.clear();
  memory.unwatchAll();
  memory.takeTouched();
  if (host.tohost)
    memory.watch(host.tohost, sizeof(uint64_t));
  hart.forgetDecoded = false;
}

Outcome Machine::Impl::run(const RunOptions &options) {
  stepsLeft = options.maxInstructions;
  uint64_t before = hart.privileged.retired;
  hart.privileged.elapsed.reset();
  const bool records = options.observer && !options.observer->wantsEach();
  Outcome outcome = records                               ? runRecorded(*options.observer)
                    : options.observer || !WEFT_FAST_PATH ? runObserved(options.observer)
                                                          : runFast();
  outcome.instructions = hart.privileged.retired - before;
  if (outcome.stop == Stop::Limit)
    outcome.trapped = options.maxInstructions - outcome.instructions;
  return outcome;
}

Outcome Machine::Impl::stoppedAt(Stop stop, uint64_t pc) {
  Outcome outcome;
  outcome.stop = stop;
  outcome.exitCode = host.exitCode;
  outcome.pc = pc;
  outcome.trap = hart.trap;
  Trap keep = hart.trap;
  if (Op op; fetch(hart, pc, op))
    outcome.word = op.word;
  hart.trap = keep;
  if (stop == Stop::Trapped || stop == Stop::Waits)
    outcome.why = whyTrapped(outcome.word);
  return outcome;
}

Machine::Impl::Step Machine::Impl::serveTrap(Outcome &outcome) {
  if (hart.trap.cause == Cause::MeshWaits || hart.trap.cause == Cause::UnitDiffers) {
    outcome = stoppedAt(hart.trap.cause == Cause::MeshWaits ? Stop::Waits : Stop::Trapped, hart.pc);
    return Step::Stopped;
  }
  if (hart.privileged.mtvec != 0) {
    enterTrapHandler(hart);
    return Step::GoOn;
  }
  bool isCall = hart.trap.cause == Cause::MachineCall || hart.trap.cause == Cause::UserCall;
  HostCalls::Answer answer = isCall ? host.serveCall(hart, *output) : HostCalls::Answer::Fault;
  if (answer != HostCalls::Answer::Fault)
    ++hart.privileged.retired; // a call that is served has executed
  if (answer == HostCalls::Answer::GoOn) {
    hart.next = hart.pc + 4; // ecall has no compressed form
    return Step::GoOn;
  }
  outcome = stoppedAt(answer == HostCalls::Answer::Exit ? Stop::Exited : Stop::Trapped, hart.pc);
  return Step::Stopped;
}

Machine::Impl::Step Machine::Impl::serveTouched(Outcome &outcome) {
  Memory::Interval written = memory.takeTouched();
  if (decoded.overlaps(written))
    hart.forgetDecoded = true;
  bool mayBeRequest = host.tohost && written.begin < host.tohost + sizeof(uint64_t) && written.end > host.tohost;
  HostCalls::Answer answer = mayBeRequest ? host.serveToHost(hart, *output) : HostCalls::Answer::GoOn;
  if (decoded.overlaps(memory.takeTouched())) // by the answer to a request
    hart.forgetDecoded = true;
  if (answer == HostCalls::Answer::GoOn)
    return Step::GoOn;
  outcome = stoppedAt(answer == HostCalls::Answer::Exit ? Stop::Exited : Stop::Trapped, hart.pc);
  return Step::Stopped;
}

Outcome Machine::Impl::runObserved(Observer *observer) {
  Outcome outcome;
  FloatEnvironment environment(hart);
  for (; stepsLeft > 0; --stepsLeft, hart.pc = hart.next) {
    if (calling && hart.pc == returnAddress)
      return stoppedAt(Stop::Returned, hart.pc);
    const Op *op = ops.find(hart, decoded, hart.pc);
    hw::rvv::Retired retired;
    if (op && observer) {
      retired = describeForTiming(*op, hart);
      if (readsClock(*op))
        hart.privileged.elapsed = observer->cycles();
    }
    hart.next = op ? hart.pc + op->bytes : hart.pc;
    Step step = Step::GoOn;
    uint64_t retiredBefore = hart.privileged.retired;
    if (op && op->execute(hart, *op)) {
      hart.x[0] = 0;
      ++hart.privileged.retired;
    } else {
      FloatEnvironment::Pause pause(environment); // output belongs to the host
      step = serveTrap(outcome);
    }
    if (observer && hart.privileged.retired != retiredBefore) {
      retired.taken = hart.next != hart.pc + op->bytes;
      FloatEnvironment::Pause pause(environment);
      observer->retired(hart.pc, *op, hart, retired);
    }
    if (step == Step::Stopped)
      return outcome;
    if (memory.touched()) {
      FloatEnvironment::Pause pause(environment);
      if (serveTouched(outcome) == Step::Stopped)
        return outcome;
    }
    if (hart.forgetDecoded)
      flush();
  }
  if (calling && hart.pc == returnAddress)
    return stoppedAt(Stop::Returned, hart.pc);
  return stoppedAt(Stop::Limit, hart.pc);
}
