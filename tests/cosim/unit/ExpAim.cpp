#include "tests/cosim/unit/ExpAim.h"

#include "kernels/units/Exp.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace weft::cosim {

namespace {

constexpr size_t plain = 0, difference = 1; // instructions of the unit
constexpr uint32_t sign = 1u << 31, canonicalNan = 0x7fc00000, infinity = 0x7f800000;

uint32_t bitsOf(float value) { return std::bit_cast<uint32_t>(value); }
float floatOf(uint32_t bits) { return std::bit_cast<float>(bits); }

/// Instructions of `size` bits an element that hold `operands`, LMUL 8; the last one is short.
void add(std::deque<UnitInstruction> &out, size_t which, uint32_t size, uint32_t vlenBits, uint32_t scalar,
         const std::vector<uint32_t> &operands) {
  const units::Instruction &instruction = units::find("exp")->instructions[which];
  const size_t most = vlenBits * 8 / size;
  for (size_t at = 0; at < operands.size(); at += most) {
    UnitInstruction &each = out.emplace_back();
    each.instruction = &instruction;
    each.word = instruction.match;
    each.vlenBits = vlenBits;
    each.sewBits = size;
    each.lmulEighths = 64;
    each.vl = uint32_t(std::min(most, operands.size() - at));
    each.scalar = scalar;
    each.vs2.resize(vlenBits);
    each.vd.resize(vlenBits);
    for (uint32_t i = 0; i < each.vl; ++i)
      std::memcpy(each.vs2.data() + i * size / 8, &operands[at + i], size / 8);
  }
}

/// Both sides of the edge of each row for each power of two of the result, subnormal ones and beyond included.
std::vector<uint32_t> rowEdges(Random &random) {
  std::vector<uint32_t> out;
  for (int edge = -152 * 64; edge <= 129 * 64; ++edge) {
    const uint32_t at = bitsOf(float(edge / 64.0 * std::log(2.0)));
    out.push_back(at + uint32_t(random() % 5) - 2);
  }
  return out;
}

/// Numbers of every exponent: those whose significand is least, greatest, single bits or anything.
std::vector<uint32_t> everyExponent(Random &random) {
  std::vector<uint32_t> out;
  for (uint32_t exponent = 0; exponent < 256; ++exponent)
    for (const uint32_t fraction : {0u, 0x7fffffu, 1u << random() % 23, uint32_t(random()) & 0x7fffff})
      for (const uint32_t s : {0u, sign})
        out.push_back(s | exponent << 23 | fraction);
  return out;
}

/// Numbers near the ends of what has a finite or non-zero result, where the result is rounded in fewer bits.
std::vector<uint32_t> ends(Random &random) {
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < 2000; ++i) {
    out.push_back(bitsOf(-87.0f - float(random() % (1 << 20)) * 0x1.2p-16f)); // to -105
    out.push_back(bitsOf(88.72284f) + uint32_t(random() % 16) - 8);
    out.push_back(bitsOf(-103.972084f) + uint32_t(random() % 16) - 8);
  }
  return out;
}

/// The bfloat16 numbers x whose exp(x - f) is within two binary32 steps of a tie of the result's rounding: there the
/// last bits count. Each comes four times, once in each lane of a beat of 64 bits.
std::vector<uint32_t> besideTies(uint32_t f) {
  std::vector<uint32_t> out;
  for (uint32_t x = 0; x < 65536; ++x) {
    const float y = floatOf(x << 16) - floatOf(f << 16);
    if (!(std::fabs(y) < 88) || std::fabs(y) < 0x1p-10f)
      continue;
    if (std::abs(int(units::expBinary32(bitsOf(y)) & 0xffff) - 0x8000) <= 2)
      out.insert(out.end(), 4, x);
  }
  return out;
}

/// Numbers x for x - f: near f, with one sign or the other, so far from it that their last bits just count or not, ties
/// of the difference's rounding, and special ones.
std::vector<uint32_t> around(uint32_t f, Random &random) {
  std::vector<uint32_t> out = {f, f ^ sign, 0, sign, infinity, infinity | sign, canonicalNan, infinity | 1};
  for (uint32_t i = 0; i < 4; ++i)
    out.push_back((f + uint32_t(random() % 17) - 8) ^ uint32_t(random() & 1) << 31);
  const uint32_t exponent = f >> 23 & 0xff;
  for (uint32_t distance = 0; distance < 30; ++distance)
    for (const uint32_t away : {exponent - distance, exponent + distance})
      if (away < 255)
        out.push_back((uint32_t(random()) & sign) | away << 23 |
                      (random() & 1 ? uint32_t(random()) & 0x7fffff : (uint32_t(random()) & 7) << random() % 23) %
                          0x800000);
  return out;
}

} // namespace

std::deque<UnitInstruction> aimedAtExp(uint32_t vlenBits, uint64_t seed) {
  std::deque<UnitInstruction> out;
  Random random(seed);
  for (const auto &operands : {rowEdges(random), everyExponent(random), ends(random)}) {
    add(out, plain, 32, vlenBits, 0, operands);
    // The same results as bfloat16, in every lane.
    std::vector<uint32_t> halves;
    for (const uint32_t operand : operands)
      halves.push_back(operand >> 16);
    std::shuffle(halves.begin(), halves.end(), random);
    add(out, plain, 16, vlenBits, 0, halves);
  }
  for (uint32_t i = 0; i < 3000; ++i) { // f of x's size, or so small that x - f is rounded
    const uint32_t exponent = i % 2 ? 126 + uint32_t(random() % 8) : 109 + uint32_t(random() % 12);
    const uint32_t f = (uint32_t(random()) & 0x807f) | exponent << 7;
    add(out, difference, 16, vlenBits, f, besideTies(f));
  }
  for (uint32_t i = 0; i < 400; ++i) {
    constexpr uint32_t exponents[] = {120, 126, 130, 133, 134, 1, 0, 254};
    const uint32_t exponent = exponents[random() % 8] + (i % 2 ? uint32_t(random() % 3) : 0);
    const uint32_t f = (uint32_t(random()) & 0x807fffff) | std::min(exponent, 254u) << 23;
    add(out, difference, 32, vlenBits, f, around(f, random));
    std::vector<uint32_t> halves = around(f & 0xffff0000, random);
    for (uint32_t &half : halves)
      half >>= 16;
    add(out, difference, 16, vlenBits, f >> 16, halves);
  }
  return out;
}

} // namespace weft::cosim
