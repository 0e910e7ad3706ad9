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
  void rebind(size_t index, std::byte *bytes);

  /// Host address of guest bytes [address, address + size), which lie in one range that allows `access`; else null.
  /// Never wraps round. `size` may be 0. With Write the caller does write them, all or some.
  std::byte *find(uint64_t address, uint64_t size, Access access) const {
    const Window &likely = access == Write ? writeWindow : readWindow;
    if (uint64_t offset = address - likely.base;
        access != Execute && size <= likely.size && offset <= likely.size - size && likely.host)
      return likely.host + offset;
    return findSlow(address, size, access);
  }
  std::span<const Range> all() const { return ranges; }

  /// Notes writes to and near these bytes from now on: decoded code and `tohost` are of interest.
  void watch(uint64_t address, uint64_t size);
  void unwatchAll();
  /// Whether watched bytes were written since the last takeTouched(). Bytes near them may be included.
  bool touched() const { return touchedEnd != 0; }
  struct Interval {
    uint64_t begin = 0, end = 0;
  };
  Interval takeTouched() {
    Interval interval{touchedBegin, touchedEnd};
    touchedBegin = ~uint64_t{0};
    touchedEnd = 0;
    return interval;
  }

  /// A piece of one range, the last that was of use: accesses within need no search. That of writes holds nothing
  /// watched.
  struct Window {
    Window() = default;
    Window(uint64_t base, uint64_t size, std::byte *host)
        : base(base), size(size), scalarEnd(size < sizeof(uint64_t) ? 0 : size - sizeof(uint64_t) + 1), host(host) {}
    uint64_t base = 0, size = 0;
    uint64_t scalarEnd = 0; // at offsets below, a scalar of any size lies within
    std::byte *host = nullptr;
  };
  const Window &lastRead() const { return readWindow; }
  const Window &lastWritten() const { return writeWindow; }

  static constexpr uint64_t granuleBytes = 256; // of watching

private:
  std::byte *findSlow(uint64_t address, uint64_t size, Access access) const;
  const Range *rangeOf(uint64_t address, uint64_t size, Access access) const;
  Window unwatchedPart(const Range &range, uint64_t address) const;
  void forgetWindows();

  std::vector<Range> ranges;
  std::vector<uint64_t> watchedGranules; // sorted numbers
  mutable Window readWindow, writeWindow;
  mutable uint64_t touchedBegin = ~uint64_t{0}, touchedEnd = 0;
};

} // namespace weft::iss
