#include "tests/iss/Values.h"

#include <algorithm>
#include <cstring>

namespace weft::isstest {

namespace {
enum class Kind { Bits, Integer, Moderate, Special, Any };

struct FloatLayout {
  unsigned bits, mantissaBits;
  uint64_t bias() const { return (uint64_t{1} << (bits - mantissaBits - 2)) - 1; }
  uint64_t infinity() const { return (bias() * 2 + 1) << mantissaBits; }
};

FloatLayout layoutOf(unsigned bytes) {
  if (bytes == 2)
    return {16, 10};
  return bytes == 4 ? FloatLayout{32, 23} : FloatLayout{64, 52};
}

uint64_t truncated(uint64_t value, unsigned bytes) {
  return bytes == 8 ? value : value & ((uint64_t{1} << 8 * bytes) - 1);
}

uint64_t integerValue(Random &random, unsigned bytes) {
  const uint64_t top = uint64_t{1} << (8 * bytes - 1);
  switch (random.below(8)) {
  case 0:
    return 0;
  case 1:
    return ~uint64_t{0};
  case 2:
    return top;
  case 3:
    return top - 1;
  case 4:
    return top + 1;
  case 5:
    return uint64_t{1} << random.below(8 * bytes);
  default:
    return static_cast<uint64_t>(random.between(-20, 20));
  }
}

/// Of magnitude around one, often with few significant bits so that ties and exact results occur.
uint64_t moderateFloat(Random &random, unsigned bytes) {
  const FloatLayout layout = layoutOf(bytes);
  const uint64_t exponent = layout.bias() + random.between(-6, 12);
  uint64_t mantissa = random.next() & ((uint64_t{1} << layout.mantissaBits) - 1);
  if (random.percent(50)) // keep the top few bits
    mantissa &= ~uint64_t{0} << (layout.mantissaBits - random.below(6));
  return random.below(2) << (layout.bits - 1) | exponent << layout.mantissaBits |
         (mantissa & ((uint64_t{1} << layout.mantissaBits) - 1));
}

uint64_t specialFloat(Random &random, unsigned bytes) {
  const FloatLayout layout = layoutOf(bytes);
  const uint64_t one = uint64_t{1} << layout.mantissaBits, quiet = one >> 1, infinity = layout.infinity();
  const uint64_t noise = random.next() & (quiet - 1);
  const uint64_t values[] = {
      0,
      infinity,
      infinity | quiet,
      infinity | quiet | noise,
      infinity | 1,         // signalling NaN
      infinity | noise | 1, // signalling NaN with payload
      1,
      noise, // subnormal
      one - 1,
      one,
      one | noise,                                                              // around the smallest normal
      infinity - 1,                                                             // largest finite
      (layout.bias() + 1 + random.below(layout.bias())) << layout.mantissaBits, // a power of two: limits of integers
      ((layout.bias() + random.below(66)) << layout.mantissaBits) - 1,          // and just below them
      (random.below(2 * layout.bias()) << layout.mantissaBits) | noise,         // any exponent
  };
  return random.below(2) << (layout.bits - 1) | values[random.below(std::size(values))];
}

uint64_t valueOf(Random &random, Kind kind, unsigned bytes) {
  if (kind == Kind::Any)
    kind = static_cast<Kind>(random.below(4));
  if (bytes == 1 && kind != Kind::Bits)
    kind = Kind::Integer;
  switch (kind) {
  case Kind::Integer:
    return truncated(integerValue(random, bytes), bytes);
  case Kind::Moderate:
    return moderateFloat(random, bytes);
  case Kind::Special:
    return truncated(specialFloat(random, bytes), bytes);
  default:
    return truncated(random.next(), bytes);
  }
}
} // namespace

uint64_t randomValue(Random &random, unsigned bytes) { return valueOf(random, Kind::Any, bytes); }

uint64_t randomFloatRegister(Random &random, unsigned bytes) {
  if (random.percent(12))
    bytes = random.pick({2, 4, 8});
  const uint64_t value =
      valueOf(random, random.pick({Kind::Moderate, Kind::Moderate, Kind::Moderate, Kind::Any}), bytes);
  if (bytes == 8)
    return value;
  const uint64_t boxed = value | ~uint64_t{0} << 8 * bytes;
  return random.percent(95) ? boxed : boxed ^ uint64_t { 1 } << random.between(8 * bytes, 63);
}

uint64_t randomIntegerRegister(Random &random) {
  const unsigned bytes = random.pick({1, 2, 4, 8});
  const uint64_t value = randomValue(random, bytes);
  const unsigned shift = 64 - 8 * bytes;
  return random.percent(50) ? static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift) : value;
}

void fill(Random &random, std::span<std::byte> bytes) {
  const unsigned width = random.pick({1, 2, 2, 4, 4, 4, 8, 8});
  const Kind kind = random.pick(
      {Kind::Bits, Kind::Integer, Kind::Moderate, Kind::Moderate, Kind::Moderate, Kind::Special, Kind::Any});
  for (size_t offset = 0; offset < bytes.size(); offset += width) {
    const bool odd = kind == Kind::Moderate && random.percent(5);
    const uint64_t value = valueOf(random, odd ? Kind::Any : kind, width);
    std::memcpy(bytes.data() + offset, &value, std::min<size_t>(width, bytes.size() - offset));
  }
}

} // namespace weft::isstest
