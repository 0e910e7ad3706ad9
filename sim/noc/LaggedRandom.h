// D. E. Knuth's random numbers: x[n] = x[n - 100] - x[n - 37] modulo 2^30, and for fractions the sum modulo 1. The
// Art of Computer Programming, volume 2, section 3.6 (9th printing) and exercise 3.6-15. BookSim draws its packets from
// these two, so that with them our packets are its packets.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace weft::noc {

/// Of one ring of values: `combine(a, b)` is the recurrence, `ring` the values' type.
template <typename Ring> class LaggedRandom {
public:
  using Value = typename Ring::Value;

  explicit LaggedRandom(uint32_t seed) {
    // The state is a power of z, a polynomial modulo the recurrence's trinomial, times a start that is not zero: the
    // seed's bits, and then 69 zeros, choose the power, so that the streams of two seeds are far apart.
    std::array<Value, 2 * longLag> work{};
    Value start = Ring::first(seed);
    for (size_t i = 0; i < longLag; ++i, start = Ring::rotate(start))
      work[i] = start;
    work[1] = Ring::odd(work[1]);
    for (uint32_t bits = seed & 0x3fffffff, zeros = 69; zeros > 0;) {
      square(work);
      if (bits & 1)
        shift(work);
      if (bits != 0)
        bits >>= 1;
      else
        --zeros;
    }
    for (size_t i = 0; i < longLag; ++i)
      state[(i + longLag - shortLag) % longLag] = work[i];
    std::array<Value, 2 * longLag - 1> unused;
    for (int i = 0; i < 10; ++i)
      fill(unused);
    used = longLag;
  }

  /// Only the first 100 of each 1009 numbers are used, as the exercise recommends.
  Value next() {
    if (used == longLag) {
      fill(batch);
      used = 0;
    }
    return batch[used++];
  }

private:
  static constexpr size_t longLag = 100, shortLag = 37;

  /// The next numbers, and the state after them.
  void fill(std::span<Value> out) {
    size_t count = out.size();
    auto number = [&](size_t n) { return n < count ? out[n] : overflow[n - count]; };
    for (size_t n = 0; n < count + longLag; ++n) {
      Value value = n < longLag ? state[n] : Ring::combine(number(n - longLag), number(n - shortLag));
      (n < count ? out[n] : overflow[n - count]) = value;
    }
    state = overflow;
  }

  /// z becomes z^2, modulo the trinomial.
  static void square(std::array<Value, 2 * longLag> &work) {
    for (size_t i = longLag; i-- > 1;)
      work[2 * i] = work[i], work[2 * i - 1] = 0;
    for (size_t i = 2 * longLag - 2; i >= longLag; --i) {
      work[i - (longLag - shortLag)] = Ring::combine(work[i - (longLag - shortLag)], work[i]);
      work[i - longLag] = Ring::combine(work[i - longLag], work[i]);
    }
  }
  /// Times z.
  static void shift(std::array<Value, 2 * longLag> &work) {
    for (size_t i = longLag; i > 0; --i)
      work[i] = work[i - 1];
    work[0] = work[longLag];
    work[shortLag] = Ring::combine(work[shortLag], work[longLag]);
  }

  std::array<Value, longLag> state, overflow;
  std::array<Value, 1009> batch;
  size_t used = longLag;
};

/// Whole numbers from 0 to 2^30 - 1.
struct Integers {
  using Value = uint32_t;
  static constexpr uint32_t mask = (1u << 30) - 1;
  static Value first(uint32_t seed) { return (seed + 2) & (mask - 1); }
  static Value rotate(Value value) { return 2 * value > mask ? 2 * value - (mask - 1) : 2 * value; }
  static Value odd(Value value) { return value + 1; }
  static Value combine(Value a, Value b) { return (a - b) & mask; }
};

/// Fractions from 0 up to 1, in steps of 2^-52.
struct Fractions {
  using Value = double;
  static constexpr double step = 0x1p-52;
  static Value first(uint32_t seed) { return 2 * step * ((seed & 0x3fffffff) + 2); }
  static Value rotate(Value value) { return 2 * value >= 1 ? 2 * value - (1 - 2 * step) : 2 * value; }
  static Value odd(Value value) { return value + step; }
  static Value combine(Value a, Value b) { return a + b >= 1 ? a + b - 1 : a + b; }
};

} // namespace weft::noc
