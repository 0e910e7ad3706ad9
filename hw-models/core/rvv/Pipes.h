// When the pipes of the vector unit are taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::hw::rvv {

class Pipes {
public:
  /// Holes that `fillsHoles` may fill are remembered for as many instructions as wait at the same time.
  Pipes(size_t count, bool fillsHoles, size_t remembered)
      : pipes(count), fillsHoles(fillsHoles), remembered(remembered) {}

  struct Slot {
    size_t pipe = 0;
    uint64_t start = 0;
  };
  /// The earliest start from `ready` on in one of `allowed` (a bit each, at least one) for so many cycles; of equals
  /// the last pipe, since machines are described with their least able one last.
  Slot earliest(uint32_t allowed, uint64_t ready, uint64_t cycles) const;
  void take(const Slot &slot, uint64_t cycles);
  void reset();

private:
  struct Hole {
    uint64_t begin, end;
  };
  struct Pipe {
    uint64_t free = 0;
    std::vector<Hole> holes; // before `free`, in order; none unless fillsHoles
  };
  std::vector<Pipe> pipes;
  bool fillsHoles;
  size_t remembered;
};

} // namespace weft::hw::rvv
