// The guest's physical memory: a few ranges backed by the host's. Nothing is copied to make a core's SRAM visible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weft::iss {

class Memory {
public:
  enum Access : uint8_t { Read = 1, Write = 2, Execute = 4 };

  struct Range {
    uint64_t base = 0;
    std::span<std::byte> bytes;
    uint8_t access = Read | Write;
  };

  /// Adds a range; ranges do not overlap. Returns its index.
  size_t add(Range range);
  /// Lets range `index` show other bytes of the same size.
  void rebind(size_t index, std::byte *bytes) { ranges[index].bytes = {bytes, ranges[index].bytes.size()}; }

  /// Host address of guest bytes [address, address + size), which lie in one range that allows `access`; else null.
  /// Never wraps round. `size` may be 0.
  std::byte *find(uint64_t address, uint64_t size, Access access) const {
    const Range &likely = ranges[last];
    if (uint64_t offset = address - likely.base;
        size <= likely.bytes.size() && offset <= likely.bytes.size() - size && (likely.access & access))
      return likely.bytes.data() + offset;
    return findSlow(address, size, access);
  }
  std::span<const Range> all() const { return ranges; }

private:
  std::byte *findSlow(uint64_t address, uint64_t size, Access access) const;

  std::vector<Range> ranges{Range{}}; // the first is empty, so that `last` always names one
  mutable size_t last = 0;
};

} // namespace weft::iss
