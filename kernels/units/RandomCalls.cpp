#include "kernels/units/RandomCalls.h"

#include <algorithm>
#include <array>
#include <cstring>

using namespace weft::units;

namespace {

constexpr uint32_t batch = 8; // registers of vs2, and elements of vd, of a batched instruction

constexpr std::array<std::string_view, 6> byteClasses = {"zero", "one", "minus one", "most", "least", "random"};
constexpr std::array<uint8_t, 5> byteValues = {0, 1, 0xff, 0x7f, 0x80};

constexpr std::array<std::string_view, 6> wordClasses = {"zero", "one", "minus one", "most", "least", "random"};
constexpr std::array<uint32_t, 5> wordValues = {0, 1, 0xffffffff, 0x7fffffff, 0x80000000};

constexpr std::array<std::string_view, 9> floatClasses = {
    "zero", "subnormal", "smallest normal", "near one", "large", "largest", "infinity", "quiet NaN", "signalling NaN"};
constexpr std::array<std::string_view, 10> floatClassesAndRandom = [] {
  std::array<std::string_view, 10> out{};
  std::copy(floatClasses.begin(), floatClasses.end(), out.begin());
  out.back() = "random";
  return out;
}();

uint8_t drawByte(size_t cls, std::mt19937_64 &random) {
  return cls < byteValues.size() ? byteValues[cls] : static_cast<uint8_t>(random());
}

/// Sign, 8 bits of exponent, and so many of fraction.
uint32_t drawFloat(unsigned fractionBits, size_t cls, std::mt19937_64 &random) {
  const uint32_t fractionMask = (1u << fractionBits) - 1, quiet = 1u << (fractionBits - 1);
  const auto bits = static_cast<uint32_t>(random());
  const uint32_t sign = (bits & 1) << (fractionBits + 8), fraction = (bits >> 1) & fractionMask;
  auto number = [&](uint32_t exponent, uint32_t withFraction) {
    return sign | exponent << fractionBits | withFraction;
  };
  constexpr uint32_t bias = 127, special = 255;
  switch (cls) {
  case 0: // zero
    return sign;
  case 1: // subnormal
    return number(0, std::max(1u, fraction));
  case 2: // smallest normal
    return number(1 + static_cast<uint32_t>(random() % 3), fraction);
  case 3: // near one
    return number(bias - 8 + static_cast<uint32_t>(random() % 16), fraction);
  case 4: // large
    return number(bias + 40 + static_cast<uint32_t>(random() % 80), fraction);
  case 5: // largest
    return number(special - 1, fractionMask);
  case 6: // infinity
    return number(special, 0);
  case 7: // quiet NaN
    return number(special, fraction | quiet);
  case 8: // signalling NaN
    return number(special, std::max(1u, fraction & (quiet - 1)));
  default:
    return static_cast<uint32_t>(random()) >> (23 - fractionBits);
  }
}

} // namespace

std::span<const std::string_view> weft::units::classesOf(ElementType type) {
  switch (type) {
  case ElementType::None:
    return {};
  case ElementType::F32:
  case ElementType::Bf16:
    return floatClassesAndRandom;
  case ElementType::I32:
    return wordClasses;
  default:
    return byteClasses;
  }
}

uint32_t weft::units::drawElement(ElementType type, size_t cls, std::mt19937_64 &random) {
  constexpr unsigned f32Fraction = 23, bf16Fraction = 7;
  switch (type) {
  case ElementType::None:
    return 0;
  case ElementType::F32:
    return drawFloat(f32Fraction, cls, random);
  case ElementType::Bf16:
    return drawFloat(bf16Fraction, cls, random);
  case ElementType::I32:
    return cls < wordValues.size() ? wordValues[cls] : static_cast<uint32_t>(random());
  case ElementType::S8:
  case ElementType::U8:
    return drawByte(cls, random);
  case ElementType::S8x4:
  case ElementType::U8x4:
    break;
  }
  uint32_t word = 0;
  for (unsigned i = 0; i < 4; ++i)
    word |= uint32_t{drawByte(cls, random)} << (8 * i);
  return word;
}

RandomCalls::RandomCalls(const Instruction &instruction, uint32_t vlenBits, uint64_t seed)
    : instruction(instruction), vlenBits(vlenBits), random(seed) {}

/// One that the instruction allows, and vtype with this SEW: SEW is at most 64 times LMUL.
int RandomCalls::drawLmul(uint32_t sewBits) {
  std::vector<int> allowed;
  for (int log2 = -3; log2 <= 3; ++log2)
    if ((instruction.lmuls >> (log2 + 3) & 1) && (log2 >= 0 || sewBits <= 64u >> -log2))
      allowed.push_back(log2);
  return allowed[below(allowed.size())];
}

std::vector<std::byte> RandomCalls::drawGroup(ElementType type, uint32_t registers, size_t &cls) {
  const size_t classes = classesOf(type).size(), bytes = bitsOf(type) / 8;
  cls = below(2) ? RandomCall::mixed : below(classes);
  std::vector<std::byte> group(size_t{registers} * vlenBits / 8);
  for (size_t at = 0; at < group.size(); at += bytes) {
    uint32_t element = drawElement(type, cls == RandomCall::mixed ? below(classes) : cls, random);
    std::memcpy(group.data() + at, &element, bytes);
  }
  return group;
}

/// None, one, all, or some elements.
void RandomCalls::drawLength(RandomCall &out) {
  uint32_t elements = vlenBits / out.form->sewBits;
  uint32_t most = out.lmulLog2 < 0 ? elements >> -out.lmulLog2 : elements << out.lmulLog2;
  const uint32_t lengths[] = {0,
                              std::min(1u, most),
                              most,
                              most,
                              static_cast<uint32_t>(below(most + 1)),
                              static_cast<uint32_t>(below(most + 1))};
  out.call.vl = lengths[below(std::size(lengths))];
}

RandomCall RandomCalls::next() {
  RandomCall out;
  out.form = &instruction.forms[below(instruction.forms.size())];
  const Form &form = *out.form;
  out.lmulLog2 = drawLmul(form.sewBits);
  drawLength(out);
  const bool isBatched = instruction.format == Format::Batched;
  const uint32_t group = out.lmulLog2 <= 0 ? 1 : 1u << out.lmulLog2;
  out.vdRegisters = isBatched ? std::max(1u, batch * bitsOf(form.vd) / vlenBits) : group;
  out.vs2Registers = isBatched ? batch : group;
  out.vd = drawGroup(form.vd, out.vdRegisters, out.vdClass);
  out.vs2 = drawGroup(form.vs2, out.vs2Registers, out.vs2Class);
  VectorCall &call = out.call;
  if (isBatched || instruction.format == Format::VectorVector) {
    out.vs1Registers = isBatched ? 1 : group;
    out.vs1 = drawGroup(form.third, out.vs1Registers, out.thirdClass);
    call.vs1 = out.vs1.data();
  } else if (form.third != ElementType::None) {
    out.thirdClass = below(classesOf(form.third).size());
    call.scalar = drawElement(form.third, out.thirdClass, random);
    if (instruction.format == Format::VectorScalar) // what lies above 32 bits of an x register does not matter
      call.scalar |= static_cast<uint64_t>(random()) << 32;
  }
  if (instruction.mayBeMasked() && below(2)) {
    out.mask.resize(vlenBits / 8);
    for (std::byte &each : out.mask)
      each = static_cast<std::byte>(random());
    call.mask = out.mask.data();
  }
  if (instruction.format == Format::VectorImmediate)
    call.immediate = static_cast<uint32_t>(below(32));
  if (isBatched)
    call.immediate = static_cast<uint32_t>(below(std::max(1u, vlenBits / (batch * bitsOf(form.vd)))));
  call.vlenBits = vlenBits;
  call.sewBits = form.sewBits;
  call.lmulEighths = 1u << (out.lmulLog2 + 3);
  call.alternate = form.alternate;
  call.vs2 = out.vs2.data();
  call.vd = out.vd.data();
  return out;
}
