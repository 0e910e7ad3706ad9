// A seeded source of random choices with the same sequence on every host (the standard distributions promise none).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace weft::isstest {

class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}

  /// SplitMix64 (Steele, Lea and Flood 2014).
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In [0, bound); bound > 0 and far below 2^64, so that the bias does not matter.
  uint64_t below(uint64_t bound) { return next() % bound; }
  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(below(high - low + 1)); }
  bool percent(unsigned chance) { return below(100) < chance; }
  template <typename T> T pick(std::span<const T> values) { return values[below(values.size())]; }
  template <typename T> T pick(std::initializer_list<T> values) { return values.begin()[below(values.size())]; }

private:
  uint64_t state;
};

} // namespace weft::isstest
