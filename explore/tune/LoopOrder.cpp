#include "explore/tune/LoopOrder.h"

#include "runtime/package/CoreCode.h"
#include "sim/iss/Decode.h"
#include "sim/iss/KernelMachine.h"

#include <algorithm>
#include <map>
#include <numeric>

namespace weft::explore {

using hw::rvv::OpClass;
using hw::rvv::Retired;

bool mayPass(const LoopInstruction &first, const LoopInstruction &second) {
  if (first.isBarrier || second.isBarrier)
    return false;
  const bool scalars = (first.writes & (second.reads | second.writes)) == 0 && (first.reads & second.writes) == 0;
  const bool vectors = (first.vectorWrites & (second.vectorReads | second.vectorWrites)) == 0 &&
                       (first.vectorReads & second.vectorWrites) == 0;
  const bool memory = !(first.stores && (second.loads || second.stores)) && !(first.loads && second.stores);
  const bool length =
      !(first.setsVector && (second.isVector || second.setsVector)) && !(second.setsVector && first.isVector);
  return scalars && vectors && memory && length;
}

namespace {

bool isLoad(OpClass cls) {
  return cls == OpClass::Load || cls == OpClass::VLoad || cls == OpClass::VLoadMask || cls == OpClass::VLoadWhole ||
         cls == OpClass::VLoadStrided || cls == OpClass::VLoadIndexed;
}
bool isStore(OpClass cls) {
  return cls == OpClass::Store || cls == OpClass::VStore || cls == OpClass::VStoreMask || cls == OpClass::VStoreWhole ||
         cls == OpClass::VStoreStrided || cls == OpClass::VStoreIndexed;
}
/// Jumps, and what looks at or changes more than registers and memory.
bool isBarrier(OpClass cls) {
  switch (cls) {
  case OpClass::Branch:
  case OpClass::Jump:
  case OpClass::Atomic:
  case OpClass::Csr:
  case OpClass::Fence:
  case OpClass::System:
  case OpClass::VLoadFaultFirst: // sets vl
  case OpClass::Custom:
  case OpClass::VCustom:
    return true;
  default:
    return false;
  }
}

uint32_t maskOf(hw::rvv::RegisterGroup group) {
  uint32_t mask = 0;
  for (unsigned i = 0; i < group.count; ++i)
    mask |= 1u << ((group.first + i) & 31);
  return mask;
}

uint64_t maskOf(uint8_t scalar) {
  return scalar == hw::rvv::noRegister || scalar == 0 ? 0 : uint64_t{1} << (scalar & 63);
}

class Watch final : public iss::Observer {
public:
  void retired(uint64_t pc, const iss::Op &op, const iss::Hart &, const Retired &what) override {
    Seen &seen = all[pc];
    ++seen.times;
    LoopInstruction &touched = seen.touched;
    for (uint8_t scalar : what.scalarReads)
      touched.reads |= maskOf(scalar);
    touched.writes |= maskOf(what.scalarWrite);
    for (hw::rvv::RegisterGroup group : what.vectorReads)
      touched.vectorReads |= maskOf(group);
    touched.vectorWrites |= maskOf(what.vectorWrite);
    if (what.masked)
      touched.vectorReads |= 1;
    if (what.keepsOld)
      touched.vectorReads |= maskOf(what.vectorWrite);
    touched.setsVector = what.cls == OpClass::VSet;
    touched.isVector = hw::rvv::isVector(what.cls) && !touched.setsVector;
    touched.loads = isLoad(what.cls);
    touched.stores = isStore(what.cls);
    touched.isBarrier = isBarrier(what.cls) || op.opcode == iss::Opcode::AUIPC;
    touched.bytes = op.bytes;
    if (what.taken)
      seen.jumps = true;
    if (jumped)
      seen.isTarget = true;
    jumped = what.taken;
  }

  struct Seen {
    LoopInstruction touched;
    uint64_t times = 0;
    bool jumps = false, isTarget = false; // as far as it happened in this call
  };
  std::map<uint64_t, Seen> all; // by pc
  bool jumped = true;
};

/// Stretches of instructions that follow each other in memory, run equally often, and are entered at the first alone.
std::optional<HotLoop> hottest(const Watch &watch, const runtime::CoreCode &code, const runtime::CodeSymbol &function) {
  std::optional<HotLoop> best;
  uint64_t bestWork = 0;
  auto at = watch.all.lower_bound(function.address);
  const uint64_t end = function.address + function.bytes;
  while (at != watch.all.end() && at->first < end) {
    HotLoop loop;
    loop.times = at->second.times;
    const uint64_t begin = at->first;
    uint64_t next = begin;
    for (; at != watch.all.end() && at->first == next && next < end; ++at) {
      const Watch::Seen &seen = at->second;
      if (seen.times != loop.times || (next != begin && seen.isTarget))
        break;
      const bool isEnd = seen.touched.isBarrier && (seen.jumps || seen.touched.writes == 0);
      if (isEnd && next != begin) { // the loop's own branch stays behind the stretch
        ++at;
        break;
      }
      next += seen.touched.bytes;
      loop.instructions.push_back(seen.touched);
    }
    const uint64_t work = loop.times * loop.instructions.size();
    if (loop.instructions.size() >= 2 && loop.times > 1 && work > bestWork) {
      bestWork = work;
      loop.stretch.bytes = uint32_t(next - begin);
      loop.stretch.digest = codegen::digestOfCode(code.bytes.data() + (begin - code.address), loop.stretch.bytes);
      loop.stretch.order.resize(loop.instructions.size());
      std::iota(loop.stretch.order.begin(), loop.stretch.order.end(), 0u);
      best = std::move(loop);
    }
  }
  return best;
}

} // namespace

Result<std::optional<HotLoop>> findHotLoop(const pkg::KernelObjectT &object, const std::string &kernel,
                                           const hw::Hardware &hardware, KernelCall &call) {
  auto code = runtime::readCoreCode(object);
  if (!code)
    return code.takeError();
  auto machine = iss::KernelMachine::create(std::as_bytes(std::span(object.image)), {kernel}, hardware);
  if (!machine)
    return machine.takeError();
  Watch watch;
  auto ran = machine->call(0, call.sram(), call.operands(), call.scalars(), &watch);
  if (!ran)
    return ran.takeError();
  for (const runtime::CodeSymbol &symbol : code->symbols)
    if (symbol.name == kernel + ".body")
      return hottest(watch, *code, symbol);
  return std::optional<HotLoop>();
}

} // namespace weft::explore
