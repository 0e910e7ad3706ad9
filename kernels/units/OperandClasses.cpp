#include "kernels/units/OperandClasses.h"

#include <algorithm>
#include <iterator>

using namespace weft::units;

namespace {

constexpr std::string_view byteClasses[] = {"zero", "least", "most", "ones", "other"};
constexpr uint32_t byteValues[] = {0, 0x80, 0x7f, 0xff}; // of all but the last
constexpr std::string_view wordClasses[] = {"zero", "ones", "other"};
constexpr std::string_view floatClasses[] = {"zero",     "negative zero", "subnormal", "normal",        "huge",
                                             "infinity", "-infinity",     "quiet NaN", "signalling NaN"};
constexpr uint32_t hugeExponent = 254, specialExponent = 255; // biased; huge: the largest of numbers

constexpr uint32_t fractionBitsOf(ElementType type) { return type == ElementType::F32 ? 23 : 7; }

uint32_t byteClassOf(uint32_t byte) {
  return static_cast<uint32_t>(std::find(std::begin(byteValues), std::end(byteValues), byte) - std::begin(byteValues));
}

uint32_t floatClassOf(uint32_t fractionBits, uint32_t element) {
  const uint32_t exponent = element >> fractionBits & 255, fraction = element & ((1u << fractionBits) - 1);
  const uint32_t negative = element >> (fractionBits + 8) & 1;
  if (exponent == specialExponent && fraction)
    return fraction >> (fractionBits - 1) ? 7 : 8;
  if (exponent == specialExponent)
    return 5 + negative;
  if (exponent == 0)
    return fraction ? 2 : negative;
  return exponent == hugeExponent ? 4 : 3;
}

uint32_t drawByte(size_t cls, std::mt19937_64 &random) {
  if (cls < std::size(byteValues))
    return byteValues[cls];
  uint32_t byte = 1;
  if (random() % 4)
    do
      byte = random() & 0xff;
    while (byteClassOf(byte) != cls);
  return byte;
}

uint32_t drawWord(size_t cls, std::mt19937_64 &random) {
  constexpr uint32_t edges[] = {1, 0x7fffffff, 0x80000000};
  if (cls < 2)
    return cls ? ~uint32_t{0} : 0;
  if (random() % 2)
    return edges[random() % 3];
  return 1 + static_cast<uint32_t>(random() % 0xfffffffe);
}

/// Of normal numbers: the smallest ones, those near one, large ones and any.
uint32_t drawExponent(std::mt19937_64 &random) {
  constexpr uint32_t bias = 127;
  switch (random() % 4) {
  case 0:
    return 1 + static_cast<uint32_t>(random() % 3);
  case 1:
    return bias - 8 + static_cast<uint32_t>(random() % 16);
  case 2:
    return bias + 40 + static_cast<uint32_t>(random() % 80);
  default:
    return 1 + static_cast<uint32_t>(random() % (hugeExponent - 1));
  }
}

/// Sign, 8 bits of exponent, and so many of fraction.
uint32_t drawFloat(uint32_t fractionBits, size_t cls, std::mt19937_64 &random) {
  const uint32_t fractionMask = (1u << fractionBits) - 1, quiet = 1u << (fractionBits - 1);
  const auto bits = static_cast<uint32_t>(random());
  const uint32_t negative = 1u << (fractionBits + 8), sign = bits & 1 ? negative : 0,
                 fraction = bits >> 1 & fractionMask;
  const auto number = [&](uint32_t exponent, uint32_t withFraction) { return exponent << fractionBits | withFraction; };
  switch (cls) {
  case 0:
    return 0;
  case 1:
    return negative;
  case 2:
    return sign | std::max(1u, fraction);
  case 3:
    return sign | number(drawExponent(random), fraction);
  case 4:
    return sign | number(hugeExponent, random() % 2 ? fraction : fractionMask);
  case 5:
    return number(specialExponent, 0);
  case 6:
    return negative | number(specialExponent, 0);
  case 7:
    return sign | number(specialExponent, fraction | quiet);
  default:
    return sign | number(specialExponent, std::max(1u, fraction & ~quiet));
  }
}

} // namespace

std::span<const std::string_view> weft::units::classesOf(ElementType type) {
  if (type == ElementType::None)
    return {};
  if (isFloat(type))
    return floatClasses;
  if (areBytes(type))
    return byteClasses;
  return wordClasses;
}

uint32_t weft::units::classOf(ElementType type, uint32_t element) {
  if (areBytes(type))
    return byteClassOf(element & 0xff);
  if (!isFloat(type))
    return element == 0 ? 0 : element == ~uint32_t{0} ? 1 : 2;
  return floatClassOf(fractionBitsOf(type), element);
}

uint32_t weft::units::drawElement(ElementType type, size_t cls, std::mt19937_64 &random) {
  if (type == ElementType::None)
    return 0;
  if (isFloat(type))
    return drawFloat(fractionBitsOf(type), cls, random);
  if (!areBytes(type))
    return drawWord(cls, random);
  uint32_t word = 0;
  for (uint32_t at = 0; at < bitsOf(type); at += 8)
    word |= drawByte(cls, random) << at;
  return word;
}
