// Events that come a fixed number of cycles after they are caused. All delays of a network are such, so that a ring
// of a few lists does what sim/mesh/Calendar.h needs a heap for.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::noc {

class DelayLine {
public:
  explicit DelayLine(uint32_t most) : lists(std::bit_ceil(size_t{most} + 1)) {}

  /// `delay` is 1 to `most`.
  void add(uint64_t now, uint32_t delay, uint32_t event) {
    lists[(now + delay) & (lists.size() - 1)].push_back(event);
    ++events;
  }
  /// Calls `handle` with each event of the cycle. It may add events.
  template <typename Handle> void take(uint64_t now, Handle handle) {
    std::vector<uint32_t> &due = lists[now & (lists.size() - 1)];
    for (uint32_t event : due)
      handle(event);
    events -= due.size();
    due.clear();
  }
  bool empty() const { return events == 0; }

private:
  std::vector<std::vector<uint32_t>> lists;
  size_t events = 0;
};

} // namespace weft::noc
