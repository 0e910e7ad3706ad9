// What has been decoded, and which bytes of the guest's memory it came from.
#pragma once

#include "sim/iss/Hart.h"

#include <bitset>
#include <unordered_map>
#include <vector>

namespace weft::iss {

/// Fetches and decodes the instruction at `pc`, as the hart's state allows (mstatus.FS, VS). False: a fetch fault,
/// which hart.trap then holds.
bool fetch(Hart &hart, uint64_t pc, Op &op);

/// Marks the bytes that instructions were decoded from, and has memory watch them.
class DecodedBytes {
public:
  void add(Memory &memory, uint64_t pc, unsigned bytes);
  bool overlaps(Memory::Interval written) const;
  void clear() { granules.clear(); }

private:
  using Slots = std::bitset<Memory::granuleBytes / 2>; // instructions begin at even addresses
  std::unordered_map<uint64_t, Slots> granules;
};

/// Single instructions by pc, for the path that goes one by one.
class OpCache {
public:
  /// Null after a fetch fault.
  const Op *find(Hart &hart, DecodedBytes &decoded, uint64_t pc) {
    if (entries.empty())
      entries.resize(size);
    Entry &entry = entries[(pc / 2) % size];
    return entry.pc == pc ? &entry.op : fill(hart, decoded, pc, entry);
  }
  void clear() { entries.clear(); }

private:
  static constexpr size_t size = 4096;
  struct Entry {
    uint64_t pc = 1; // odd: none
    Op op;
  };
  static const Op *fill(Hart &hart, DecodedBytes &decoded, uint64_t pc, Entry &entry);

  std::vector<Entry> entries;
};

} // namespace weft::iss
