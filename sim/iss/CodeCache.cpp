#include "sim/iss/CodeCache.h"
#include "sim/iss/Decode.h"

#include <algorithm>
#include <cstring>

using namespace weft::iss;

bool weft::iss::fetch(Hart &hart, uint64_t pc, Op &op) {
  const std::byte *low = hart.memory->find(pc, 2, Memory::Execute);
  if (!low)
    return hart.fail(Cause::FetchFault, pc);
  uint16_t half = 0;
  std::memcpy(&half, low, sizeof half);
  uint32_t word = half;
  if ((half & 3) == 3) {
    const std::byte *high = hart.memory->find(pc + 2, 2, Memory::Execute);
    if (!high)
      return hart.fail(Cause::FetchFault, pc + 2);
    std::memcpy(&half, high, sizeof half);
    word |= uint32_t{half} << 16;
  }
  op = decode(word, hart.isa);
  if (op.opcode == Opcode::Illegal)
    return true;
  Format format = instructionOf(op.opcode).format;
  const Privileged &p = hart.privileged;
  if ((usesFloatRegister(format) && !p.floatEnabled) || (isVector(format) && !p.vectorEnabled)) {
    op.opcode = Opcode::Illegal;
    op.execute = [](Hart &hart, const Op &op) { return hart.illegal(op); };
  }
  return true;
}

void DecodedBytes::add(Memory &memory, uint64_t pc, unsigned bytes) {
  for (uint64_t at = pc; at != pc + bytes; at += 2) {
    auto [granule, isNew] = granules.try_emplace(at / Memory::granuleBytes);
    granule->second.set(at % Memory::granuleBytes / 2);
    if (isNew)
      memory.watch(at, 2);
  }
}

bool DecodedBytes::overlaps(Memory::Interval written) const {
  auto within = [&](uint64_t number, const Slots &slots) {
    uint64_t base = number * Memory::granuleBytes, end = base + Memory::granuleBytes;
    for (uint64_t at = std::max(written.begin & ~uint64_t{1}, base); at < std::min(written.end, end); at += 2)
      if (slots.test((at - base) / 2))
        return true;
    return false;
  };
  if (written.end <= written.begin)
    return false;
  uint64_t first = written.begin / Memory::granuleBytes, last = (written.end - 1) / Memory::granuleBytes;
  if (last - first >= granules.size())
    return std::any_of(granules.begin(), granules.end(),
                       [&](auto &entry) { return within(entry.first, entry.second); });
  for (uint64_t number = first; number <= last; ++number)
    if (auto found = granules.find(number); found != granules.end() && within(number, found->second))
      return true;
  return false;
}

const Op *OpCache::fill(Hart &hart, DecodedBytes &decoded, uint64_t pc, Entry &entry) {
  entry.pc = 1;
  if (!fetch(hart, pc, entry.op))
    return nullptr;
  entry.pc = pc;
  decoded.add(*hart.memory, pc, entry.op.bytes);
  return &entry.op;
}
