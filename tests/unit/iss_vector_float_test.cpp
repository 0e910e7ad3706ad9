// Every vector floating-point instruction against exact arithmetic: all element widths and rounding modes, special
// values and random ones, flags, masks, vstart; with the host's floating-point unit and without.
#include "sim/iss/Decode.h"
#include "sim/iss/Float.h"
#include "tests/unit/iss_float_support.h"
#include "tests/unit/iss_vector_float_rules.h"
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

#include <memory>

using namespace weft::iss;
using namespace weft::iss::test;

namespace {
constexpr unsigned vd = 8, vs2 = 16, vs1 = 24, fs1 = 5;

/// Where there is none of that width, no rule asks for it.
exact::Format formatOf(unsigned width) {
  return width <= 16 ? exact::half : width == 32 ? exact::single : exact::twice;
}
bool isWide(Type type) { return type == Type::WideFloat || type == Type::WideInteger; }
unsigned widthOf(Type type, unsigned sew) { return type == Type::Mask ? 1 : sew << isWide(type); }

bool exists(Type type, unsigned sew) {
  switch (type) {
  case Type::Float:
    return sew >= 16;
  case Type::WideFloat:
  case Type::WideInteger:
    return sew <= 32;
  case Type::BFloat:
    return sew == 16;
  default:
    return true;
  }
}
bool exists(const FloatRule &rule, unsigned sew) {
  return exists(rule.destination, sew) && exists(rule.second, sew) && exists(rule.first, sew) &&
         (sew == 16 || (rule.second != Type::BFloat && rule.destination != Type::BFloat));
}

uint64_t anyOf(Type type, unsigned sew, std::mt19937_64 &random) {
  switch (type) {
  case Type::BFloat:
    return anyNumber<BFloat>(random);
  case Type::Float:
  case Type::WideFloat:
    return widthOf(type, sew) == 16   ? anyNumber<Half>(random)
           : widthOf(type, sew) == 32 ? anyNumber<Single>(random)
                                      : anyNumber<Double>(random);
  default: { // integers of any magnitude, and next to powers of two
    const uint64_t power = uint64_t{1} << random() % 64;
    return random() % 2 ? random() >> random() % 64 : power - 2 + random() % 4;
  }
  }
}

/// Whether the hart computes with the host's floating-point unit.
enum class Unit { Host, Integers };

struct Board {
  Guest guest;
  Rounding rounding;

  Board(unsigned vlen, unsigned sew) : guest(vlen) {
    hw(guest.hart.isa);
    rounding.sew = sew;
    rounding.n = formatOf(sew);
    rounding.w = formatOf(2 * sew);
  }
  static void hw(weft::hw::Isa &isa) {
    isa.zfhmin = isa.zfh = isa.zvfhmin = isa.zvfh = isa.zfbfmin = isa.zvfbfmin = isa.zvfbfwma = true;
  }
  void setMode(unsigned mode) {
    guest.hart.frm = static_cast<uint8_t>(mode);
    rounding.mode = static_cast<exact::Mode>(mode);
    rounding.flags = 0;
    guest.hart.fflags = 0;
  }
  bool run(Unit unit, const std::string &name, const Operands &operands) {
    const auto environment = unit == Unit::Host ? std::make_unique<FloatEnvironment>(guest.hart) : nullptr;
    return guest.run(name, operands);
  }
  /// f[fs1], which now and then is not boxed and so the canonical NaN.
  uint64_t setScalar(Type type, std::mt19937_64 &random) {
    const unsigned width = widthOf(type, rounding.sew);
    const uint64_t value = anyOf(type, rounding.sew, random);
    const bool boxed = width == 64 || random() % 8 != 0;
    guest.hart.f[fs1] = width == 64 ? value : value | (~uint64_t{0} - !boxed) << width;
    return boxed ? value : type == Type::BFloat ? exact::bfloat.nan() : formatOf(width).nan();
  }
};

class Trial {
public:
  Trial(const FloatRule &rule, char form, Board &board, std::mt19937_64 &random)
      : rule(rule), form(form), board(board), random(random), sew(board.rounding.sew),
        name(form ? std::string(rule.name) + form : std::string(rule.name)) {}

  /// `shortest`: one element, so that flags are its own.
  void run(Unit unit, bool shortest) {
    Guest &guest = board.guest;
    const bool wide = isWide(rule.destination) || isWide(rule.second);
    const int lmul = shortest ? 0 : static_cast<int>(random() % (wide ? 3 : 4));
    const uint64_t vlmax = guest.configure(sew, lmul, ~uint64_t{0});
    const uint64_t vl = guest.configure(sew, lmul, shortest ? 1 : random() % (vlmax + 1));
    const uint64_t vstart = shortest || random() % 4 ? 0 : random() % vlmax;
    unmasked = shortest || random() % 2;
    guest.hart.vector.vstart = vstart;
    board.setMode(random() % 5);
    for (unsigned reg = 0; reg < 32; reg += 8)
      for (size_t byte = 0; byte < 8 * size_t{guest.vlenBytes()}; byte += 8)
        guest.setElement(reg, 64, byte / 8, random());
    for (uint64_t i = 0; i < vl; ++i)
      plant(i);
    const uint64_t scalar = form == 'f' ? board.setScalar(rule.first, random) : 0;

    auto expected = std::make_unique<Guest>(guest.hart.isa.vlenBits);
    expected->hart.v = guest.hart.v;
    for (uint64_t i = vstart; i < vl; ++i)
      if (unmasked || guest.bit(0, i))
        expect(*expected, i, scalar);
    INFO(name << " SEW " << sew << ", LMUL 2^" << lmul << ", vl " << vl << ", vstart " << vstart << ", frm "
              << unsigned{guest.hart.frm} << (unmasked ? "" : ", masked") << ", vs2[0] " << std::hex
              << guest.element(vs2, widthOf(rule.second, sew), 0) << ", vs1[0] " << guest.element(vs1, sew, 0) << ", f "
              << guest.hart.f[fs1] << ", vd[0] " << guest.element(vd, sew << isWide(rule.destination), 0));
    REQUIRE(board.run(unit, name, {vd, form == 'f' ? fs1 : vs1, vs2, unmasked}));
    if (guest.hart.v != expected->hart.v || guest.hart.fflags != board.rounding.flags) {
      for (size_t i = 0; i < vl; ++i)
        REQUIRE(guest.element(vd, sew << isWide(rule.destination), i) ==
                expected->element(vd, sew << isWide(rule.destination), i));
      REQUIRE(guest.hart.v == expected->hart.v);
      REQUIRE(unsigned{guest.hart.fflags} == unsigned{board.rounding.flags});
    }
    REQUIRE(guest.hart.vector.vstart == 0);
  }

private:
  void plant(uint64_t i) {
    Guest &guest = board.guest;
    guest.setElement(vs2, widthOf(rule.second, sew), i, anyOf(rule.second, sew, random));
    if (form == 'v')
      guest.setElement(vs1, widthOf(rule.first, sew), i, anyOf(rule.first, sew, random));
    if (rule.accumulates)
      guest.setElement(vd, widthOf(rule.destination, sew), i, anyOf(rule.destination, sew, random));
  }

  void expect(Guest &expected, uint64_t i, uint64_t scalar) {
    const Guest &guest = board.guest;
    const unsigned width = widthOf(rule.destination, sew);
    const uint64_t old = rule.accumulates ? guest.element(vd, width, i) : 0;
    const uint64_t first = form == 'f' ? scalar : form == 'v' ? guest.element(vs1, widthOf(rule.first, sew), i) : 0;
    const uint64_t result = rule.apply(board.rounding, old, guest.element(vs2, widthOf(rule.second, sew), i), first);
    if (rule.destination == Type::Mask)
      expected.setBit(vd, i, result);
    else
      expected.setElement(vd, width, i, result);
  }

  const FloatRule &rule;
  char form;
  Board &board;
  std::mt19937_64 &random;
  unsigned sew;
  std::string name;
  bool unmasked = true;
};

/// All inputs of 16 bits, or `inputs` for a unary instruction, in long vectors.
void compareUnary(const FloatRule &rule, unsigned sew, std::span<const uint64_t> inputs, unsigned modes = 5) {
  Board board(1024, sew);
  Guest &guest = board.guest;
  const unsigned from = widthOf(rule.second, sew), to = widthOf(rule.destination, sew);
  const size_t most = guest.configure(sew, 2, ~uint64_t{0});
  for (unsigned mode = 0; mode < modes; ++mode)
    for (size_t begin = 0; begin < inputs.size(); begin += most) {
      const auto part = inputs.subspan(begin, std::min(most, inputs.size() - begin));
      guest.configure(sew, 2, part.size());
      board.setMode(mode);
      std::vector<uint64_t> expected;
      for (size_t i = 0; i < part.size(); ++i) {
        guest.setElement(vs2, from, i, part[i]);
        expected.push_back(rule.apply(board.rounding, 0, part[i], 0));
      }
      for (const Unit unit : {Unit::Host, Unit::Integers}) {
        guest.hart.fflags = 0;
        REQUIRE(board.run(unit, std::string(rule.name), {vd, 0, vs2}));
        for (size_t i = 0; i < part.size(); ++i)
          if (guest.element(vd, to, i) != expected[i]) {
            INFO(rule.name << " of " << std::hex << part[i] << ", frm " << mode);
            REQUIRE(guest.element(vd, to, i) == expected[i]);
          }
        INFO(rule.name << " from " << std::hex << part[0] << ", frm " << mode);
        REQUIRE(unsigned{guest.hart.fflags} == unsigned{board.rounding.flags});
      }
    }
}

bool isUnary(const FloatRule &rule) { return rule.first == Type::None; }
} // namespace

TEST_CASE("the rules name every vector floating-point instruction but reductions, moves and slides") {
  size_t named = 0;
  for (const FloatRule &rule : floatRules())
    for (const char form : rule.forms.empty() ? std::string(1, 0) : std::string(rule.forms)) {
      const std::string name = form ? std::string(rule.name) + form : std::string(rule.name);
      INFO(name);
      CHECK(findOpcode(name));
      ++named;
    }
  size_t all = 0;
  for (size_t i = 1; i < static_cast<size_t>(Opcode::Count); ++i) {
    const std::string_view name = nameOf(static_cast<Opcode>(i));
    const bool isStandard = instructionOf(static_cast<Opcode>(i)).extension <= Extension::LastStandard;
    const bool isFloat = isStandard && ((name.starts_with("vf") && name != "vfirst.m") || name.starts_with("vmf"));
    all += isFloat && !name.starts_with("vfred") && !name.starts_with("vfwred") && !name.starts_with("vfmv") &&
           !name.starts_with("vfmerge") && !name.starts_with("vfslide");
  }
  CHECK(named == all);
}

TEST_CASE("vector floating-point instructions agree with exact arithmetic") {
  std::mt19937_64 random(11);
  for (const Unit unit : {Unit::Host, Unit::Integers})
    for (const unsigned sew : {8u, 16u, 32u, 64u}) {
      Board small(128, sew), large(512, sew);
      for (const FloatRule &rule : floatRules())
        if (exists(rule, sew))
          for (const char form : rule.forms.empty() ? std::string(1, 0) : std::string(rule.forms)) {
            Trial one(rule, form, small, random), many(rule, form, large, random);
            for (int repeat = 0; repeat < 700; ++repeat)
              one.run(unit, true);
            for (int repeat = 0; repeat < 12; ++repeat)
              many.run(unit, false);
          }
    }
}

TEST_CASE("all 16-bit operands of unary instructions") {
  std::vector<uint64_t> all(0x10000);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = i;
  for (const FloatRule &rule : floatRules())
    for (const unsigned sew : {8u, 16u})
      if (isUnary(rule) && exists(rule, sew) && widthOf(rule.second, sew) == 16)
        compareUnary(rule, sew, all);
}

TEST_CASE("estimates at every entry of their tables and every exponent") {
  for (const FloatRule &rule : floatRules()) {
    if (rule.name != "vfrec7.v" && rule.name != "vfrsqrt7.v")
      continue;
    for (const unsigned sew : {32u, 64u}) {
      const exact::Format f = formatOf(sew);
      std::vector<uint64_t> inputs;
      for (uint64_t exponent = 0; exponent <= f.infinity(); exponent += uint64_t{1} << f.fractionBits) {
        const bool usual = exponent > 5 * (f.fraction() + 1) && exponent + 5 * (f.fraction() + 1) < f.infinity();
        if (sew == 64 && usual && exponent % (37 * (f.fraction() + 1)) != 0)
          continue;
        for (uint64_t entry = 0; entry < 128; ++entry)
          for (const uint64_t low : {uint64_t{0}, f.fraction() >> 7, uint64_t{1}})
            inputs.push_back(exponent | entry << (f.fractionBits - 7) | low);
      }
      for (unsigned i = 0; i < f.fractionBits; ++i) // subnormal numbers of every magnitude
        for (uint64_t entry = 0; entry < 128; ++entry)
          inputs.push_back((entry | 128) << (f.fractionBits - 7) >> (i + 1));
      for (size_t i = 0, end = inputs.size(); i < end; i += 5)
        inputs.push_back(inputs[i] | f.sign());
      compareUnary(rule, sew, inputs);
    }
  }
}

TEST_CASE("vfncvtbf16 at every result, and between and next to the results") {
  std::vector<uint64_t> inputs;
  for (uint64_t high = 0; high < 0x10000; ++high)
    for (const uint64_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      inputs.push_back(high << 16 | low);
  for (const FloatRule &rule : floatRules())
    if (rule.name == "vfncvtbf16.f.f.w")
      compareUnary(rule, 16, inputs);
}
