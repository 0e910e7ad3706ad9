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
    auto [page, isNew] = pages.try_emplace(at / Memory::pageBytes);
    page->second.set(at % Memory::pageBytes / 2);
    if (isNew)
      memory.watch(at, 2);
  }
}

bool DecodedBytes::overlaps(Memory::Interval written) const {
  for (const auto &[number, slotsOfPage] : pages) {
    uint64_t base = number * Memory::pageBytes;
    if (written.end <= base || written.begin >= base + Memory::pageBytes)
      continue;
    uint64_t first = (std::max(written.begin, base) - base) / 2;
    uint64_t end = (std::min(written.end, base + Memory::pageBytes) - base + 1) / 2;
    for (uint64_t slot = first; slot < end; ++slot)
      if (slotsOfPage.test(slot))
        return true;
  }
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
