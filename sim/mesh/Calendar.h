// What happens when: a wheel of 64 cycles, whose occupancy is one machine word, and a heap for what lies beyond.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace weft::sim {

inline constexpr uint64_t never = ~uint64_t{0};

/// Events of one launch, by cycle. Within a cycle the three kinds are handled in the order of the members of Bucket.
class Calendar {
public:
  /// The events of one cycle: transfers that end, cores that go on, fabric units that decide.
  struct Bucket {
    std::vector<uint32_t> finished, cores, units;
    void clear() {
      finished.clear();
      cores.clear();
      units.clear();
    }
  };

  uint64_t now() const { return current; }
  Bucket &bucket() { return buckets[current % span]; }

  void addFinished(uint64_t cycle, uint32_t transfer) { add(cycle, Kind::Finished, transfer); }
  void addCore(uint64_t cycle, uint32_t core) { add(cycle, Kind::Core, core); }
  void addUnit(uint64_t cycle, uint32_t unit) { add(cycle, Kind::Unit, unit); }

  /// The bucket of the present cycle is done with.
  void retire() {
    bucket().clear();
    occupied &= ~(uint64_t{1} << (current % span));
  }

  /// Moves on to the next cycle that has events; false if there is none.
  bool advance() {
    uint64_t next = never;
    if (occupied)
      next = current + std::countr_zero(std::rotr(occupied, static_cast<int>(current % span)));
    if (!far.empty())
      next = std::min(next, far.front().cycle);
    if (next == never)
      return false;
    current = next;
    while (!far.empty() && far.front().cycle == current) {
      Far event = far.front();
      std::pop_heap(far.begin(), far.end(), later);
      far.pop_back();
      put(event.kind, event.id);
    }
    return true;
  }

private:
  static constexpr uint64_t span = 64;
  enum class Kind : uint8_t { Finished, Core, Unit };
  struct Far {
    uint64_t cycle;
    uint32_t id;
    Kind kind;
  };
  // A total order, so that the order in which the heap gives events back does not depend on its implementation.
  static bool later(const Far &a, const Far &b) {
    return a.cycle != b.cycle ? a.cycle > b.cycle : a.kind != b.kind ? a.kind > b.kind : a.id > b.id;
  }

  void put(Kind kind, uint32_t id) {
    occupied |= uint64_t{1} << (current % span);
    Bucket &target = bucket();
    (kind == Kind::Finished ? target.finished : kind == Kind::Core ? target.cores : target.units).push_back(id);
  }
  void add(uint64_t cycle, Kind kind, uint32_t id) {
    if (cycle - current >= span) [[unlikely]] {
      far.push_back({cycle, id, kind});
      std::push_heap(far.begin(), far.end(), later);
      return;
    }
    occupied |= uint64_t{1} << (cycle % span);
    Bucket &target = buckets[cycle % span];
    (kind == Kind::Finished ? target.finished : kind == Kind::Core ? target.cores : target.units).push_back(id);
  }

  std::array<Bucket, span> buckets;
  std::vector<Far> far;
  uint64_t current = 0;
  uint64_t occupied = 0;
};

} // namespace weft::sim
