#include "sim/iss/Memory.h"

#include <algorithm>

using namespace weft::iss;

size_t Memory::add(Range range) {
  ranges.push_back(range);
  return ranges.size() - 1;
}

void Memory::rebind(size_t index, std::byte *bytes) {
  ranges[index].bytes = {bytes, ranges[index].bytes.size()};
  forgetWindows();
}

void Memory::watch(uint64_t address, uint64_t size) {
  if (size == 0)
    return;
  for (uint64_t granule = address / granuleBytes; granule <= (address + size - 1) / granuleBytes; ++granule) {
    auto at = std::lower_bound(watchedGranules.begin(), watchedGranules.end(), granule);
    if (at == watchedGranules.end() || *at != granule)
      watchedGranules.insert(at, granule);
  }
  forgetWindows();
}

void Memory::unwatchAll() {
  watchedGranules.clear();
  forgetWindows();
}

void Memory::forgetWindows() { readWindow = writeWindow = {}; }

const Memory::Range *Memory::rangeOf(uint64_t address, uint64_t size, Access access) const {
  for (const Range &range : ranges)
    if (uint64_t offset = address - range.base; size <= range.bytes.size() && offset <= range.bytes.size() - size)
      if (range.access & access)
        return &range;
  return nullptr;
}

/// The part of `range` round `address` that holds no watched granule.
Memory::Window Memory::unwatchedPart(const Range &range, uint64_t address) const {
  uint64_t begin = range.base, end = range.base + range.bytes.size(); // `end` is 0 for a range up to 2^64
  auto next = std::lower_bound(watchedGranules.begin(), watchedGranules.end(), address / granuleBytes);
  if (next != watchedGranules.end() && *next * granuleBytes < end - 1)
    end = std::max(begin, *next * granuleBytes);
  if (next != watchedGranules.begin())
    begin = std::max(begin, (*(next - 1) + 1) * granuleBytes);
  return Window(begin, end - begin, range.bytes.data() + (begin - range.base));
}

std::byte *Memory::findSlow(uint64_t address, uint64_t size, Access access) const {
  const Range *range = rangeOf(address, size, access);
  if (!range)
    return nullptr;
  std::byte *host = range->bytes.data() + (address - range->base);
  if (size == 0)
    return host;
  if (access == Read) {
    readWindow = Window(range->base, range->bytes.size(), range->bytes.data());
    return host;
  }
  if (access != Write)
    return host;
  auto watched = std::lower_bound(watchedGranules.begin(), watchedGranules.end(), address / granuleBytes);
  if (watched != watchedGranules.end() && *watched <= (address + size - 1) / granuleBytes) {
    touchedBegin = std::min(touchedBegin, address);
    touchedEnd = std::max(touchedEnd, address + size);
    return host;
  }
  writeWindow = unwatchedPart(*range, address);
  return host;
}
