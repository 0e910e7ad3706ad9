// The golden models of unit dot against the drafts' text, computed another way: in long double, whose 64-bit
// significand holds every product, aligned product and sum of up to 4096 of them exactly.
#include "kernels/units/Binary32.h"
#include "kernels/units/Dot.h"

#include <catch2/catch.hpp>

#include <array>
#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace weft;

namespace {

static_assert(std::numeric_limits<long double>::digits >= 64);

float toFloat(uint32_t bits) { return std::bit_cast<float>(bits); }
long double halfValue(uint16_t bits) { return toFloat(uint32_t(bits) << 16); }

/// Round to odd to binary32 of value + error, where error is less than half of value's last bit (or zero). Adds OF.
uint32_t roundOdd(long double value, long double error, uint8_t &flags) {
  if (value == 0)
    return 0;
  const uint32_t sign = std::signbit(value) ? 0x80000000 : 0;
  const long double magnitude = std::abs(value);
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - 24, -149));
  long double cut = std::floor(magnitude / unit);
  const bool exact = cut * unit == magnitude;
  if (exact && error != 0 && std::signbit(error) != std::signbit(value))
    cut -= 1; // the exact value lies just below
  if ((!exact || error != 0) && std::fmod(cut, 2.0L) == 0)
    cut += 1;
  if (cut * unit >= 0x1p128L) {
    flags |= 4;
    return sign | 0x7f800000;
  }
  return sign | std::bit_cast<uint32_t>(float(cut * unit));
}

uint32_t referenceExponent(uint16_t half) { return std::max(half >> 7 & 0xff, 1); }

uint32_t referenceDot(const std::vector<uint16_t> &a, const std::vector<uint16_t> &b, uint32_t n, uint8_t &flags) {
  bool nan = false, positive = false, negative = false;
  int largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const long double product = halfValue(a[i]) * halfValue(b[i]);
    const auto signalling = [](uint16_t half) { return std::isnan(halfValue(half)) && !(half & 0x40); };
    if (signalling(a[i]) || signalling(b[i]))
      flags |= 16;
    if (std::isnan(product)) {
      nan = true;
      if (!std::isnan(halfValue(a[i])) && !std::isnan(halfValue(b[i])))
        flags |= 16; // infinity times zero
    } else if (std::isinf(product)) {
      (product < 0 ? negative : positive) = true;
    } else if (product != 0) {
      largest = std::max<int>(largest, int(referenceExponent(a[i]) + referenceExponent(b[i])));
    }
  }
  if (positive && negative) {
    nan = true;
    flags |= 16;
  }
  if (nan)
    return 0x7fc00000;
  if (positive || negative)
    return positive ? 0x7f800000 : 0xff800000;
  // A product of two significands in [1, 2) has 2 integer bits above the largest reference exponent's own weight, and
  // q - 2 + g bits stay below that weight ("there are q-2+g fractional bits in the max product").
  const int guard = int(std::ceil(std::log2(double(n))));
  const long double unit = std::ldexp(1.0L, largest - 254 - (24 - 1 + guard));
  long double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const long double steps = std::abs(halfValue(a[i]) * halfValue(b[i])) / unit;
    long double cut = std::floor(steps);
    if (cut != steps && std::fmod(cut, 2.0L) == 0)
      cut += 1;
    sum += std::signbit(halfValue(a[i])) != std::signbit(halfValue(b[i])) ? -cut : cut;
  }
  return roundOdd(sum * unit, 0, flags);
}

uint32_t referenceAdd(uint32_t left, uint32_t right, uint8_t &flags) {
  const long double a = toFloat(left), b = toFloat(right);
  if (units::isSignalling(left) || units::isSignalling(right))
    flags |= 16;
  if (std::isnan(a + b)) {
    if (!std::isnan(a) && !std::isnan(b))
      flags |= 16;
    return 0x7fc00000;
  }
  if (std::isinf(a + b))
    return a + b > 0 ? 0x7f800000 : 0xff800000;
  const long double sum = a + b, part = sum - a, error = (a - (sum - part)) + (b - part); // Knuth's two-sum
  return roundOdd(sum, error, flags);
}

struct Batch {
  uint32_t vlenBits;
  std::vector<uint8_t> vs2, vs1, vd, mask;
  units::VectorCall call;

  Batch(uint32_t vlenBits, uint32_t sewBits)
      : vlenBits(vlenBits), vs2(vlenBits), vs1(vlenBits / 8), vd(std::max(vlenBits / 8, 32u)), mask(vlenBits / 8) {
    call.vlenBits = vlenBits;
    call.sewBits = sewBits;
    call.vs2 = reinterpret_cast<const std::byte *>(vs2.data());
    call.vs1 = reinterpret_cast<const std::byte *>(vs1.data());
    call.vd = reinterpret_cast<std::byte *>(vd.data());
  }
  template <typename T> T at(const std::vector<uint8_t> &bytes, size_t index) const {
    T value;
    std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
    return value;
  }
};

using Random = std::mt19937_64;

void fill(std::vector<uint8_t> &bytes, Random &random) {
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
}

/// bf16 numbers of one kind a batch, so that sums cancel, overflow, underflow and mix specials.
uint16_t half(Random &random, uint32_t kind) {
  const auto sign = uint16_t((random() & 1) << 15), mantissa = uint16_t(random() & 0x7f);
  const auto near = [&](uint32_t exponent, uint32_t spread) {
    return uint16_t(sign | ((exponent + random() % spread) << 7) | mantissa);
  };
  switch (kind) {
  case 0:
    return near(120, 16);
  case 1:
    return uint16_t(random()); // any bits
  case 2:
    return near(0, 3); // subnormal and next to it
  case 3:
    return near(186, 8); // products about 2^128
  case 4:
    return near(56, 16); // products about 2^-136
  case 5:
    return random() % 4 ? near(127, 2) : uint16_t(random() & 0x8000); // zeros among ones
  case 6:
    return random() % 8 ? near(100, 60) : uint16_t(sign | 0x7f80); // infinities
  default:
    return random() % 8 ? uint16_t(0x3f80 | sign) : uint16_t(sign | 0x7f80 | mantissa); // NaNs of both sorts
  }
}

void checkBulk(Random &random, uint32_t vlenBits, uint32_t kind) {
  Batch batch(vlenBits, 16);
  const uint32_t n = vlenBits / 16;
  for (uint32_t i = 0; i < vlenBits / 2; ++i) {
    const uint16_t value = half(random, kind);
    std::memcpy(&batch.vs2[2 * i], &value, 2);
  }
  for (uint32_t i = 0; i < n; ++i) {
    const uint16_t value = half(random, kind == 2 ? random() % 3 : kind);
    std::memcpy(&batch.vs1[2 * i], &value, 2);
  }
  fill(batch.mask, random);
  const uint32_t groups = std::max(1u, vlenBits / 256);
  batch.call.vl = uint32_t(random() % (n + 1));
  batch.call.alternate = true;
  batch.call.immediate = uint32_t(random() % std::min(groups, 8u));
  if (random() & 1)
    batch.call.mask = reinterpret_cast<const std::byte *>(batch.mask.data());
  for (uint32_t i = 0; i < batch.vd.size() / 4; ++i) {
    uint32_t value = uint32_t(half(random, kind)) << 16 | uint32_t(random() & 0xffff);
    if (kind == 3) // the accumulator near overflow
      value = uint32_t(random() & 0x807fffff) | uint32_t(252 + random() % 3) << 23;
    std::memcpy(&batch.vd[4 * i], &value, 4);
  }
  const Batch before = batch;
  const uint8_t flags = units::vfwbdota(batch.call);
  uint8_t expectedFlags = 0;
  for (uint32_t i = 0; i < batch.vd.size() / 4; ++i) {
    const uint32_t row = i - 8 * batch.call.immediate;
    uint32_t expected = before.at<uint32_t>(before.vd, i);
    if (row < 8 && batch.call.vl && (!batch.call.mask || (batch.mask[i / 8] >> i % 8 & 1))) {
      std::vector<uint16_t> a, b;
      for (uint32_t k = 0; k < batch.call.vl; ++k) {
        a.push_back(before.at<uint16_t>(before.vs2, row * n + k));
        b.push_back(before.at<uint16_t>(before.vs1, k));
      }
      expected = referenceAdd(expected, referenceDot(a, b, n, expectedFlags), expectedFlags);
    }
    INFO("VLEN " << vlenBits << " kind " << kind << " vl " << batch.call.vl << " element " << i);
    REQUIRE(batch.at<uint32_t>(batch.vd, i) == expected);
  }
  REQUIRE(flags == expectedFlags);
}

} // namespace

TEST_CASE("vfwbdota is bulk normalisation, then a sum rounded to odd", "[units]") {
  Random random(20);
  for (const uint32_t vlenBits : {64u, 128u, 256u, 512u, 1024u, 4096u})
    for (uint32_t kind = 0; kind < 8; ++kind)
      for (uint32_t round = 0; round < 102400 / vlenBits; ++round)
        checkBulk(random, vlenBits, kind);
}

TEST_CASE("vfwbdota by hand", "[units]") {
  Batch batch(128, 16); // n = 8: g = 3
  batch.call.alternate = true;
  batch.call.vl = 8;
  const auto run = [&](std::array<uint16_t, 8> row, uint32_t accumulator) {
    for (uint32_t i = 0; i < 8; ++i) {
      std::memcpy(&batch.vs2[2 * i], &row[i], 2);
      const uint16_t one = 0x3f80;
      std::memcpy(&batch.vs1[2 * i], &one, 2);
    }
    std::memcpy(batch.vd.data(), &accumulator, 4);
    const uint8_t flags = units::vfwbdota(batch.call);
    return std::pair(batch.at<uint32_t>(batch.vd, 0), flags);
  };
  using Result = std::pair<uint32_t, uint8_t>;
  CHECK(run({0x3f80, 0x4000, 0x4040}, 0) == Result(0x40c00000, 0)); // 1 + 2 + 3
  CHECK(run({0x3f80, 0xbf80}, 0) == Result(0, 0));                  // a zero is +0
  CHECK(run({0x8000}, 0x80000000) == Result(0, 0));                 // even of negative zeros
  CHECK(run({0x3f80, 0x2f80}, 0) == Result(0x3f800001, 0));         // 1 + 2^-32: odd, not nearest
  CHECK(run({0x3f80, 0xaf80}, 0) == Result(0x3f7fffff, 0));         // 1 - 2^-32
  CHECK(run({0x4b00, 0x4b80, 0x0080}, 0) == Result(0x4bc00001, 0)); // 2^23 + 2^24 + the least
  CHECK(run({0x7f00, 0x7f00}, 0) == Result(0x7f800000, 4));         // overflow to infinity
  CHECK(run({0x7f00}, 0x7f000000) == Result(0x7f800000, 4));        // in the accumulator
  CHECK(run({0x7f80, 0xff80}, 0) == Result(0x7fc00000, 16));
  CHECK(run({0x7f80}, 0xff800000) == Result(0x7fc00000, 16));
  CHECK(run({0x7f80}, 0x3f800000) == Result(0x7f800000, 0));
  CHECK(run({0x7fc0}, 0) == Result(0x7fc00000, 0));
  CHECK(run({0x7f81}, 0) == Result(0x7fc00000, 16));
  CHECK(run({0x0001}, 0) == Result(0x00010000, 0)); // subnormals are numbers
  CHECK(run({0x0001}, 0x00000001) == Result(0x00010001, 0));
}

TEST_CASE("vqdot sums four products of bytes", "[units]") {
  struct Form {
    units::Golden function;
    bool left, right;
  };
  const Form forms[] = {{units::vqdot, true, true},
                        {units::vqdotu, false, false},
                        {units::vqdotsu, true, false},
                        {units::vqdotus, false, true}};
  Random random(21);
  const auto byteOf = [](uint8_t byte, bool isSigned) { return isSigned ? int64_t(int8_t(byte)) : int64_t(byte); };
  for (const Form &form : forms) {
    for (uint32_t round = 0; round < 2000; ++round) {
      Batch batch(256, 32);
      fill(batch.vs2, random);
      fill(batch.vs1, random);
      fill(batch.vd, random);
      fill(batch.mask, random);
      batch.call.vl = uint32_t(random() % 9);
      const bool scalar = random() & 1, masked = random() & 1;
      batch.call.scalar = random();
      if (scalar)
        batch.call.vs1 = nullptr;
      if (masked)
        batch.call.mask = reinterpret_cast<const std::byte *>(batch.mask.data());
      const Batch before = batch;
      REQUIRE(form.function(batch.call) == 0);
      for (uint32_t i = 0; i < 8; ++i) {
        int64_t expected = before.at<uint32_t>(before.vd, i);
        for (uint32_t k = 0; k < 4; ++k)
          expected += byteOf(before.vs2[4 * i + k], form.left) *
                      byteOf(scalar ? uint8_t(batch.call.scalar >> 8 * k) : before.vs1[4 * i + k], form.right);
        const bool active = i < batch.call.vl && (!masked || (before.mask[0] >> i & 1));
        REQUIRE(batch.at<uint32_t>(batch.vd, i) ==
                (active ? uint32_t(uint64_t(expected)) : before.at<uint32_t>(before.vd, i)));
      }
    }
  }
}

TEST_CASE("vqwbdota adds eight dot products of bytes", "[units]") {
  Random random(22);
  for (uint32_t round = 0; round < 4000; ++round) {
    const uint32_t vlenBits = 64u << random() % 5;
    Batch batch(vlenBits, 8);
    fill(batch.vs2, random);
    fill(batch.vs1, random);
    fill(batch.vd, random);
    fill(batch.mask, random);
    const bool leftSigned = random() & 1, masked = random() & 1;
    batch.call.vl = uint32_t(random() % (vlenBits / 8 + 1));
    batch.call.alternate = random() & 1;
    batch.call.immediate = uint32_t(random() % std::max(1u, vlenBits / 256));
    if (masked)
      batch.call.mask = reinterpret_cast<const std::byte *>(batch.mask.data());
    const Batch before = batch;
    REQUIRE((leftSigned ? units::vqwbdotas : units::vqwbdotau)(batch.call) == 0);
    for (uint32_t i = 0; i < batch.vd.size() / 4; ++i) {
      const uint32_t row = i - 8 * batch.call.immediate;
      int64_t expected = before.at<uint32_t>(before.vd, i);
      if (row < 8 && (!masked || (before.mask[i / 8] >> i % 8 & 1))) {
        for (uint32_t k = 0; k < batch.call.vl; ++k) {
          const uint8_t left = before.vs2[size_t(row) * vlenBits / 8 + k], right = before.vs1[k];
          expected += int64_t(leftSigned ? int8_t(left) : int(left)) *
                      int64_t(batch.call.alternate ? int8_t(right) : int(right));
        }
      }
      REQUIRE(batch.at<uint32_t>(batch.vd, i) == uint32_t(uint64_t(expected)));
    }
  }
}
