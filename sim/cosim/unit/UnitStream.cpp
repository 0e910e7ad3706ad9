#include "sim/cosim/unit/UnitStream.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace weft::cosim {

using units::ElementType;
using units::Format;
using units::isFloat;

namespace {

/// How one operand's elements come about: now and then special, else numbers about one size. units::RandomCalls draws
/// each class as often as the others, which is right for a simulator that works element by element. In an adder tree
/// and a normaliser such operands drown one another: what is to be met there are sums of numbers about one size, and
/// few special values among them. The classes that count as met are the same.
struct Mood {
  uint32_t specialPercent;
  uint32_t exponent, spread; // biased, of normal numbers
  bool anyBits;
};

Mood moodOf(Random &random) {
  constexpr uint32_t specials[] = {0, 0, 3, 20, 100};
  constexpr uint32_t exponents[] = {122, 122, 127, 60, 188, 1, 252};
  constexpr uint32_t spreads[] = {2, 12, 40};
  return {specials[random() % 5], exponents[random() % 7], spreads[random() % 3], random() % 4 == 0};
}

uint32_t byteOf(const Mood &mood, Random &random) {
  constexpr uint32_t special[] = {0, 0x80, 0x7f, 0xff};
  return uint32_t(random() % 100 < mood.specialPercent + 10 ? special[random() % 4] : random() & 0xff);
}

uint32_t floatOf(const Mood &mood, uint32_t mantissaBits, Random &random) {
  const uint32_t sign = uint32_t(random() & 1) << (mantissaBits + 8),
                 mantissa = uint32_t(random()) & ((1u << mantissaBits) - 1);
  const auto make = [&](uint32_t exponent, uint32_t fraction) { return sign | exponent << mantissaBits | fraction; };
  const uint32_t quiet = 1u << (mantissaBits - 1);
  if (random() % 100 < mood.specialPercent) {
    switch (random() % 6) {
    case 0:
      return make(0, 0);
    case 1:
      return make(0, std::max(mantissa, 1u));
    case 2:
      return make(254, mantissa);
    case 3:
      return make(255, 0);
    case 4:
      return make(255, mantissa | quiet);
    default:
      return make(255, std::max(mantissa & ~quiet, 1u));
    }
  }
  if (mood.anyBits)
    return uint32_t(random()) & ((1u << (mantissaBits + 9)) - 1);
  return make(std::min<uint32_t>(mood.exponent + uint32_t(random() % mood.spread), 254), mantissa);
}

void fill(std::vector<std::byte> &bytes, ElementType type, const Mood &mood, Random &random) {
  const auto put = [&](size_t at, uint32_t value, size_t size) { std::memcpy(bytes.data() + at, &value, size); };
  const size_t size = type == ElementType::Bf16 ? 2 : type == ElementType::F32 || type == ElementType::I32 ? 4 : 1;
  for (size_t at = 0; at + size <= bytes.size(); at += size) {
    if (isFloat(type))
      put(at, floatOf(mood, type == ElementType::F32 ? 23 : 7, random), size);
    else if (type == ElementType::I32)
      put(at, random() % 8 ? uint32_t(random()) : random() & 1 ? ~0u : 0, size);
    else
      put(at, byteOf(mood, random), size);
  }
}

void setAt(std::vector<std::byte> &bytes, size_t index, uint32_t value, uint32_t bits) {
  std::memcpy(bytes.data() + index * bits / 8, &value, bits / 8);
}
uint32_t getAt(const std::vector<std::byte> &bytes, size_t index, uint32_t bits) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + index * bits / 8, bits / 8);
  return value;
}

/// Products of one sign, one exponent and nearly the largest significand: their sum is as large as sums of a row get.
/// Now and then one is so small that it reaches the sum's last bits only.
void placeCarries(UnitInstruction &out, uint32_t bits, uint32_t mantissaBits, Random &random) {
  const uint32_t one = ((1u << (bits - mantissaBits - 2)) - 1) << mantissaBits; // 1.0
  for (std::vector<std::byte> *operand : {&out.vs2, &out.vs1})
    for (size_t i = 0; i < operand->size() * 8 / bits; ++i)
      setAt(*operand, i, one | 7u << (mantissaBits - 3) | uint32_t(random() & ((1u << (mantissaBits - 3)) - 1)), bits);
  constexpr uint32_t smaller = 20; // powers of two
  if (random() & 1)
    setAt(out.vs1, random() % std::max(1u, out.vl), one - (smaller << mantissaBits), bits);
}

/// What single elements rarely meet by chance: in each row (eight of batched forms) one product of two special values
/// among plain ones, or products that cancel in pairs, all of them or all but for a last bit.
void placeSpecials(UnitInstruction &out, const units::Form &form, Random &random) {
  const uint32_t bits = bitsOf(form.vs2), mantissaBits = bits == 32 ? 23 : 7, sign = 1u << (bits - 1);
  const Mood special = {100, 127, 2, false};
  if (out.vs1.empty()) { // a scalar: now and then the same as an element, so that the difference is nothing or little
    if (random() & 1)
      setAt(out.vs2, random() % (out.vs2.size() * 8 / bits),
            (uint32_t(out.scalar) & (sign | (sign - 1))) ^ uint32_t(random() & 1), bits);
    return;
  }
  if (random() % 8 == 0) {
    placeCarries(out, bits, mantissaBits, random);
    return;
  }
  const uint32_t rowElements = out.vlenBits / bits;
  const uint32_t at = uint32_t(random() % std::max(1u, out.vl));
  const bool cancels = random() & 1;
  for (uint32_t row = 0; row < (out.isBatched() ? 8 : 1); ++row) {
    if (!cancels) {
      setAt(out.vs2, row * rowElements + at, floatOf(special, mantissaBits, random), bits);
      continue;
    }
    for (uint32_t i = 0; i + 1 < rowElements; i += 2)
      setAt(out.vs2, row * rowElements + i + 1, getAt(out.vs2, row * rowElements + i, bits) ^ sign, bits);
    if (random() & 1)
      setAt(out.vs2, row * rowElements + at, getAt(out.vs2, row * rowElements + at, bits) ^ 1, bits);
  }
  if (!cancels)
    setAt(out.vs1, at, floatOf(special, mantissaBits, random), bits);
  else
    for (uint32_t i = 0; i + 1 < rowElements; i += 2)
      setAt(out.vs1, i + 1, getAt(out.vs1, i, bits), bits);
}

bool maskBit(const UnitInstruction &instruction, uint32_t element) {
  return !instruction.masked || (uint32_t(instruction.mask[element / 8]) >> element % 8 & 1);
}

uint32_t randomVl(uint32_t most, Random &random) {
  switch (random() % 8) {
  case 0:
    return 0;
  case 1:
    return 1;
  case 2:
  case 3:
    return most;
  default:
    return uint32_t(random() % (most + 1));
  }
}

/// The word with its register numbers and immediates drawn at random.
uint32_t wordOf(const units::Instruction &instruction, bool masked, uint32_t batch, Random &random) {
  uint32_t free = ~instruction.mask & ~units::maskBit;
  uint32_t word = instruction.match | (uint32_t(random()) & free);
  if (instruction.format == Format::Batched)
    word = (word & ~(7u << 20)) | batch << 20;
  if (instruction.mayBeMasked())
    word = (word & ~units::maskBit) | (masked ? 0 : units::maskBit);
  return word;
}

} // namespace

uint32_t UnitInstruction::vtype() const {
  const uint32_t lmul = lmulEighths >= 8 ? uint32_t(std::countr_zero(lmulEighths)) - 3
                                         : 8 - (3 - uint32_t(std::countr_zero(lmulEighths)));
  return uint32_t(std::countr_zero(sewBits) - 3) << 3 | lmul | uint32_t(alternate) << 8;
}

uint32_t UnitInstruction::bitsOfDestination() const { return bitsOf(formOf(*instruction, sewBits, alternate)->vd); }

units::VectorCall UnitInstruction::call() {
  units::VectorCall call;
  call.vlenBits = vlenBits;
  call.sewBits = sewBits;
  call.lmulEighths = lmulEighths;
  call.vl = vl;
  call.alternate = alternate;
  // A zero-extended immediate stands where vs1's number does.
  call.immediate = instruction->format == Format::VectorImmediate ? word >> 15 & 31 : batch;
  call.scalar = scalar;
  call.vs2 = vs2.data();
  call.vs1 = vs1.empty() ? nullptr : vs1.data();
  call.mask = masked ? mask.data() : nullptr;
  call.vd = vd.data();
  return call;
}

Expected expectedOf(UnitInstruction instruction) {
  const uint32_t flags = instruction.instruction->golden(instruction.call());
  return {std::move(instruction.vd), flags};
}

std::vector<OperandBeat> operandBeats(const UnitInstruction &instruction, uint32_t dlenBits) {
  const uint32_t beatBytes = dlenBits / 8, registerBytes = instruction.vlenBits / 8;
  const uint32_t rowBeats = (instruction.vl * instruction.sewBits + dlenBits - 1) / dlenBits;
  const uint32_t elementBytes = instruction.bitsOfDestination() / 8, beatElements = beatBytes / elementBytes;
  std::vector<OperandBeat> beats;
  for (uint32_t row = 0; row < (instruction.isBatched() ? 8 : 1); ++row) {
    for (uint32_t i = 0; i < rowBeats; ++i) {
      OperandBeat beat;
      beat.vs2Offset = row * registerBytes + i * beatBytes;
      beat.vs1Offset = i * beatBytes;
      beat.vdOffset = instruction.isBatched() ? (instruction.batch * 8 + row) * elementBytes / beatBytes * beatBytes
                                              : i * beatBytes;
      for (uint32_t e = 0; e < beatElements; ++e)
        beat.mask |= uint64_t(maskBit(instruction, beat.vdOffset / elementBytes + e)) << e;
      beats.push_back(beat);
    }
  }
  return beats;
}

std::vector<ResultBeat> resultBeats(const UnitInstruction &instruction, uint32_t dlenBits) {
  const uint32_t elementBytes = instruction.bitsOfDestination() / 8, beatBytes = dlenBits / 8;
  const uint32_t rowBeats = (instruction.vl * instruction.sewBits + dlenBits - 1) / dlenBits;
  const uint32_t first = instruction.isBatched() ? instruction.batch * 8 : 0;
  const uint32_t end = !instruction.vl ? first : instruction.isBatched() ? first + 8 : instruction.vl;
  std::vector<ResultBeat> beats;
  for (uint32_t element = first; element < end; ++element) {
    const uint32_t offset = element * elementBytes / beatBytes * beatBytes;
    if (beats.empty() || beats.back().vdOffset != offset)
      beats.push_back({offset, 0, 0});
    if (maskBit(instruction, element))
      beats.back().enable |= ((uint64_t(1) << elementBytes) - 1) << (element * elementBytes - offset);
    beats.back().lastOperandBeat =
        instruction.isBatched() ? (element - first + 1) * rowBeats - 1 : uint32_t(beats.size()) - 1;
  }
  return beats;
}

UnitInstruction randomInstruction(const units::Instruction &instruction, const units::Form &form, uint32_t vlenBits,
                                  Random &random) {
  UnitInstruction out;
  out.instruction = &instruction;
  out.vlenBits = vlenBits;
  out.sewBits = form.sewBits;
  out.alternate = form.alternate;
  do
    out.lmulEighths = 1u << random() % 7;
  while (!(instruction.lmuls >> std::countr_zero(out.lmulEighths) & 1));
  const uint32_t registerBytes = vlenBits / 8,
                 groupBytes = std::max(registerBytes * out.lmulEighths / 8, registerBytes);
  out.vl = randomVl(vlenBits * out.lmulEighths / 8 / out.sewBits, random);
  if (instruction.format == Format::Batched) {
    out.batch = uint32_t(random() % std::max(1u, vlenBits / 256));
    out.vs2.resize(8 * registerBytes);
    out.vs1.resize(registerBytes);
    out.vd.resize(std::max(registerBytes, 32u));
  } else {
    out.vs2.resize(groupBytes);
    out.vs1.resize(instruction.format == Format::VectorVector ? groupBytes : 0);
    out.vd.resize(groupBytes);
  }
  const Mood mood = moodOf(random), other = random() & 1 ? mood : moodOf(random);
  fill(out.vs2, form.vs2, mood, random);
  fill(out.vs1, form.third, other, random);
  fill(out.vd, form.vd, random() & 1 ? mood : moodOf(random), random);
  std::vector<std::byte> scalar(8);
  fill(scalar, form.third, other, random);
  std::memcpy(&out.scalar, scalar.data(), 8);
  if (isFloat(form.third) && random() % 4 == 0)
    placeSpecials(out, form, random);
  out.masked = instruction.mayBeMasked() && random() % 2;
  out.mask.resize(registerBytes);
  const uint64_t kind = random() % 4; // all, none or some bits
  for (std::byte &byte : out.mask)
    byte = std::byte(kind == 0 ? 0 : kind == 1 ? 0xff : random() & 0xff);
  out.word = wordOf(instruction, out.masked, out.batch, random);
  return out;
}

UnitInstruction randomInstruction(const units::Unit &unit, uint32_t vlenBits, Random &random) {
  const units::Instruction &instruction = unit.instructions[random() % unit.instructions.size()];
  const units::Form &form = instruction.forms[random() % instruction.forms.size()];
  UnitInstruction out = randomInstruction(instruction, form, vlenBits, random);
  const uint64_t dice = random() % 32;
  out.killed = dice < 2;
  if (dice < 2 || dice >= 4)
    return out;
  // Something that the unit must not accept: a wrong bit in the word, or a vtype or ci that is reserved.
  UnitInstruction wrong = out;
  wrong.instruction = nullptr;
  const auto isOneOfThem = [&](const auto &each) { return (wrong.word & each.mask) == each.match; };
  switch (random() % 4) {
  case 0:
    wrong.word ^= 1u << random() % 32;
    if (std::any_of(unit.instructions.begin(), unit.instructions.end(), isOneOfThem))
      return out;
    return wrong;
  case 1:
    wrong.sewBits = 8u << random() % 4;
    return formOf(instruction, wrong.sewBits, wrong.alternate) ? out : wrong;
  case 2:
    wrong.alternate = !wrong.alternate;
    return formOf(instruction, wrong.sewBits, wrong.alternate) ? out : wrong;
  default:
    if (!out.isBatched())
      return out;
    if (random() & 1)
      wrong.lmulEighths = 16;
    else
      wrong.word |= 7u << 20;
    return wrong;
  }
}

std::deque<UnitInstruction> everyBfloat16(const units::Instruction &instruction, uint32_t vlenBits) {
  std::deque<UnitInstruction> out;
  for (uint32_t x = 0; x < 65536;) {
    UnitInstruction &each = out.emplace_back();
    each.instruction = &instruction;
    each.word = instruction.match;
    each.vlenBits = vlenBits;
    each.sewBits = 16;
    each.lmulEighths = 64;
    each.vl = vlenBits * 8 / 16;
    each.vs2.resize(vlenBits);
    each.vd.resize(vlenBits);
    for (uint32_t i = 0; i < each.vl; ++i)
      setAt(each.vs2, i, x++, 16);
  }
  return out;
}

std::string describe(const UnitInstruction &instruction) {
  const auto hex = [](const std::vector<std::byte> &bytes) {
    std::string out;
    for (size_t i = bytes.size(); i-- > 0;)
      out += fmt::format("{:02x}{}", unsigned(bytes[i]), i && i % 4 == 0 ? "_" : "");
    return out;
  };
  if (!instruction.instruction)
    return fmt::format("{:#010x}, vtype {:#x}: not an instruction of the unit", instruction.word, instruction.vtype());
  std::string out = fmt::format("{} ({:#010x}) SEW {} LMUL {}/8 altfmt {} vl {} VLEN {}", instruction.instruction->name,
                                instruction.word, instruction.sewBits, instruction.lmulEighths, instruction.alternate,
                                instruction.vl, instruction.vlenBits);
  if (instruction.isBatched())
    out += fmt::format(" ci {}", instruction.batch);
  out += fmt::format("\n  vs2    {}", hex(instruction.vs2));
  if (!instruction.vs1.empty())
    out += fmt::format("\n  vs1    {}", hex(instruction.vs1));
  else
    out += fmt::format("\n  scalar {:#018x}", instruction.scalar);
  if (instruction.instruction->readsDestination)
    out += fmt::format("\n  vd     {}", hex(instruction.vd));
  if (instruction.masked)
    out += fmt::format("\n  mask   {}", hex(instruction.mask));
  return out;
}

} // namespace weft::cosim
