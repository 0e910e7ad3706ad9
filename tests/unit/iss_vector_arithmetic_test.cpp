// Every element-wise integer instruction on random and extreme values, for all SEW and LMUL, against what the
// specification says of one element, computed in 128 bits.
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <optional>
#include <random>

using namespace weft::iss;
using namespace weft::iss::test;

namespace {

using Integer = __int128;
using Natural = unsigned __int128;

/// What one element sees.
struct Element {
  unsigned sew;
  Integer b = 0, a = 0, d = 0; // vs2, vs1 (or x or immediate) and the destination before, extended as the rule says
  bool carry = false;
  unsigned vxrm = 0;
  bool saturated = false;

  /// roundoff_signed and roundoff_unsigned of the specification.
  Integer roundoff(Integer value, unsigned shift) const {
    if (shift == 0)
      return value;
    const bool half = (value >> (shift - 1)) & 1, odd = (value >> shift) & 1;
    const bool below = shift > 1 && (value & ((Integer{1} << (shift - 1)) - 1)) != 0;
    const bool increments[] = {half, half && (below || odd), false, !odd && (half || below)};
    return (value >> shift) + increments[vxrm];
  }
  Integer clip(Integer value, bool isSigned) {
    const Integer high = (Integer{1} << (isSigned ? sew - 1 : sew)) - 1, low = isSigned ? -high - 1 : 0;
    saturated = value > high || value < low;
    return value > high ? high : value < low ? low : value;
  }
};

struct Rule {
  std::string forms;               // of "vxiu": .vv, .vx, .vi signed, .vi unsigned; w for .w* instead of .v*
  int destination = 1, second = 1; // times SEW; destination 0: a mask
  bool signedSecond = false, signedFirst = false;
  Integer (*apply)(Element &) = nullptr;
};

Integer divide(Element &e) {
  return e.a == 0 ? Integer{-1} : e.b / e.a; // the overflow wraps when it is stored
}
Integer remainder(Element &e) { return e.a == 0 ? e.b : e.b % e.a; }
Integer multiplyHigh(Element &e) { return (e.b * e.a) >> e.sew; }

const std::map<std::string, Rule> &rules() {
  constexpr bool S = true, U = false;
  static const std::map<std::string, Rule> all = {
      {"vadd", {"vxi", 1, 1, U, U, [](Element &e) { return e.b + e.a; }}},
      {"vsub", {"vx", 1, 1, U, U, [](Element &e) { return e.b - e.a; }}},
      {"vrsub", {"xi", 1, 1, U, U, [](Element &e) { return e.a - e.b; }}},
      {"vminu", {"vx", 1, 1, U, U, [](Element &e) { return std::min(e.a, e.b); }}},
      {"vmin", {"vx", 1, 1, S, S, [](Element &e) { return std::min(e.a, e.b); }}},
      {"vmaxu", {"vx", 1, 1, U, U, [](Element &e) { return std::max(e.a, e.b); }}},
      {"vmax", {"vx", 1, 1, S, S, [](Element &e) { return std::max(e.a, e.b); }}},
      {"vand", {"vxi", 1, 1, U, U, [](Element &e) { return e.b & e.a; }}},
      {"vor", {"vxi", 1, 1, U, U, [](Element &e) { return e.b | e.a; }}},
      {"vxor", {"vxi", 1, 1, U, U, [](Element &e) { return e.b ^ e.a; }}},
      {"vsll", {"vxu", 1, 1, U, U, [](Element &e) { return e.b << (e.a % e.sew); }}},
      {"vsrl", {"vxu", 1, 1, U, U, [](Element &e) { return e.b >> (e.a % e.sew); }}},
      {"vsra", {"vxu", 1, 1, S, U, [](Element &e) { return e.b >> (e.a % e.sew); }}},
      {"vmul", {"vx", 1, 1, S, S, [](Element &e) { return e.b * e.a; }}},
      {"vmulh", {"vx", 1, 1, S, S, multiplyHigh}},
      {"vmulhsu", {"vx", 1, 1, S, U, multiplyHigh}},
      {"vmulhu", {"vx", 1, 1, U, U, [](Element &e) { return Integer((Natural(e.b) * Natural(e.a)) >> e.sew); }}},
      {"vdivu", {"vx", 1, 1, U, U, divide}},
      {"vdiv", {"vx", 1, 1, S, S, divide}},
      {"vremu", {"vx", 1, 1, U, U, remainder}},
      {"vrem", {"vx", 1, 1, S, S, remainder}},
      {"vmacc", {"vx", 1, 1, S, S, [](Element &e) { return e.a * e.b + e.d; }}},
      {"vnmsac", {"vx", 1, 1, S, S, [](Element &e) { return -(e.a * e.b) + e.d; }}},
      {"vmadd", {"vx", 1, 1, S, S, [](Element &e) { return e.a * e.d + e.b; }}},
      {"vnmsub", {"vx", 1, 1, S, S, [](Element &e) { return -(e.a * e.d) + e.b; }}},
      // fixed point
      {"vsaddu", {"vxi", 1, 1, U, U, [](Element &e) { return e.clip(e.b + e.a, false); }}},
      {"vsadd", {"vxi", 1, 1, S, S, [](Element &e) { return e.clip(e.b + e.a, true); }}},
      {"vssubu", {"vx", 1, 1, U, U, [](Element &e) { return e.clip(e.b - e.a, false); }}},
      {"vssub", {"vx", 1, 1, S, S, [](Element &e) { return e.clip(e.b - e.a, true); }}},
      {"vaaddu", {"vx", 1, 1, U, U, [](Element &e) { return e.roundoff(e.b + e.a, 1); }}},
      {"vaadd", {"vx", 1, 1, S, S, [](Element &e) { return e.roundoff(e.b + e.a, 1); }}},
      {"vasubu", {"vx", 1, 1, U, U, [](Element &e) { return e.roundoff(e.b - e.a, 1); }}},
      {"vasub", {"vx", 1, 1, S, S, [](Element &e) { return e.roundoff(e.b - e.a, 1); }}},
      {"vsmul", {"vx", 1, 1, S, S, [](Element &e) { return e.clip(e.roundoff(e.b * e.a, e.sew - 1), true); }}},
      {"vssrl", {"vxu", 1, 1, U, U, [](Element &e) { return e.roundoff(e.b, unsigned(e.a % e.sew)); }}},
      {"vssra", {"vxu", 1, 1, S, U, [](Element &e) { return e.roundoff(e.b, unsigned(e.a % e.sew)); }}},
      // masks
      {"vmseq", {"vxi", 0, 1, U, U, [](Element &e) { return Integer(e.b == e.a); }}},
      {"vmsne", {"vxi", 0, 1, U, U, [](Element &e) { return Integer(e.b != e.a); }}},
      {"vmsltu", {"vx", 0, 1, U, U, [](Element &e) { return Integer(e.b < e.a); }}},
      {"vmslt", {"vx", 0, 1, S, S, [](Element &e) { return Integer(e.b < e.a); }}},
      {"vmsleu", {"vxi", 0, 1, U, U, [](Element &e) { return Integer(e.b <= e.a); }}},
      {"vmsle", {"vxi", 0, 1, S, S, [](Element &e) { return Integer(e.b <= e.a); }}},
      {"vmsgtu", {"xi", 0, 1, U, U, [](Element &e) { return Integer(e.b > e.a); }}},
      {"vmsgt", {"xi", 0, 1, S, S, [](Element &e) { return Integer(e.b > e.a); }}},
      // widening
      {"vwaddu", {"vx", 2, 1, U, U, [](Element &e) { return e.b + e.a; }}},
      {"vwadd", {"vx", 2, 1, S, S, [](Element &e) { return e.b + e.a; }}},
      {"vwsubu", {"vx", 2, 1, U, U, [](Element &e) { return e.b - e.a; }}},
      {"vwsub", {"vx", 2, 1, S, S, [](Element &e) { return e.b - e.a; }}},
      {"vwaddu.w", {"vx", 2, 2, U, U, [](Element &e) { return e.b + e.a; }}},
      {"vwadd.w", {"vx", 2, 2, S, S, [](Element &e) { return e.b + e.a; }}},
      {"vwsubu.w", {"vx", 2, 2, U, U, [](Element &e) { return e.b - e.a; }}},
      {"vwsub.w", {"vx", 2, 2, S, S, [](Element &e) { return e.b - e.a; }}},
      {"vwmulu", {"vx", 2, 1, U, U, [](Element &e) { return e.b * e.a; }}},
      {"vwmul", {"vx", 2, 1, S, S, [](Element &e) { return e.b * e.a; }}},
      {"vwmulsu", {"vx", 2, 1, S, U, [](Element &e) { return e.b * e.a; }}},
      {"vwmaccu", {"vx", 2, 1, U, U, [](Element &e) { return e.b * e.a + e.d; }}},
      {"vwmacc", {"vx", 2, 1, S, S, [](Element &e) { return e.b * e.a + e.d; }}},
      {"vwmaccsu", {"vx", 2, 1, U, S, [](Element &e) { return e.b * e.a + e.d; }}},
      {"vwmaccus", {"x", 2, 1, S, U, [](Element &e) { return e.b * e.a + e.d; }}},
      // narrowing
      {"vnsrl.w", {"vxu", 1, 2, U, U, [](Element &e) { return e.b >> (e.a % (2 * e.sew)); }}},
      {"vnsra.w", {"vxu", 1, 2, S, U, [](Element &e) { return e.b >> (e.a % (2 * e.sew)); }}},
      {"vnclipu.w",
       {"vxu", 1, 2, U, U, [](Element &e) { return e.clip(e.roundoff(e.b, unsigned(e.a % (2 * e.sew))), false); }}},
      {"vnclip.w",
       {"vxu", 1, 2, S, U, [](Element &e) { return e.clip(e.roundoff(e.b, unsigned(e.a % (2 * e.sew))), true); }}},
      // v0 is an operand
      {"vadc", {"vxi", 1, 1, U, U, [](Element &e) { return e.b + e.a + e.carry; }}},
      {"vsbc", {"vx", 1, 1, U, U, [](Element &e) { return e.b - e.a - e.carry; }}},
      {"vmerge", {"vxi", 1, 1, U, U, [](Element &e) { return e.carry ? e.a : e.b; }}},
      {"vmadc", {"vxi", 0, 1, U, U, [](Element &e) { return (e.b + e.a + e.carry) >> e.sew; }}},
      {"vmsbc", {"vx", 0, 1, U, U, [](Element &e) { return Integer(e.b - e.a - e.carry < 0); }}},
  };
  return all;
}

Integer extend(uint64_t bits, unsigned width, bool isSigned) {
  const Integer value = width == 64 ? Integer(bits) : Integer(bits & ((uint64_t{1} << width) - 1));
  return isSigned && (value >> (width - 1)) & 1 ? value - (Integer{1} << width) : value;
}

class Case {
public:
  Case(const std::string &name, const Rule &rule, char form, uint32_t vlen, unsigned sew, int lmulLog2, uint64_t seed)
      : rule(rule), form(form), sew(sew), lmulLog2(lmulLog2), random(seed), guest(vlen), expected(vlen) {
    usesCarry = name == "vadc" || name == "vsbc" || name == "vmerge";
    accumulates = name.starts_with("vwmac"); // reads its destination, with another width than vs2
    const bool out = name == "vmadc" || name == "vmsbc";
    const bool masked = random() % 2;
    usesCarry |= out && masked;
    const bool wide = name.ends_with(".w");
    mnemonic = wide ? name : name + ".v";
    mnemonic += form == 'u' ? 'i' : form;
    if (usesCarry)
      mnemonic += 'm';
    unmasked = usesCarry || out || !masked;
  }

  void run() {
    for (std::byte &byte : guest.hart.v)
      byte = static_cast<std::byte>(random());
    const uint64_t vlmax = guest.configure(sew, lmulLog2, ~uint64_t{0});
    const uint64_t vl = guest.configure(sew, lmulLog2, random() % 3 ? random() % (vlmax + 1) : vlmax);
    const uint64_t vstart = random() % 4 == 0 ? random() % vlmax : 0;
    chooseRegisters();
    for (size_t i = 0; i < vlmax; ++i) {
      plant(vs2, sew * rule.second, i);
      plant(vs1, sew, i);
    }
    guest.hart.x[5] = extreme(64);
    guest.hart.vector.vstart = vstart;
    guest.hart.vector.vxrm = static_cast<uint8_t>(random() % 4);
    guest.hart.vector.vxsat = random() % 8 == 0;
    immediate = static_cast<unsigned>(random() % 32);
    expected.hart.v = guest.hart.v;
    bool saturated = guest.hart.vector.vxsat;
    for (uint64_t i = vstart; i < vl; ++i)
      if (unmasked || guest.bit(0, i))
        saturated |= expect(i);

    INFO(mnemonic << " vlen " << guest.hart.isa.vlenBits << " sew " << sew << " lmul 2^" << lmulLog2 << " vl " << vl
                  << " vstart " << vstart << " vxrm " << unsigned{guest.hart.vector.vxrm} << " vd " << destination
                  << (unmasked ? "" : " masked"));
    const unsigned rs1 = form == 'v' ? vs1 : form == 'x' ? 5 : immediate;
    REQUIRE(guest.run(mnemonic, {destination, rs1, vs2, unmasked}));
    REQUIRE(guest.hart.v == expected.hart.v);
    REQUIRE(guest.hart.vector.vxsat == saturated);
    REQUIRE(guest.hart.vector.vstart == 0);
    REQUIRE(guest.hart.vector.vl == vl);
  }

private:
  static constexpr unsigned vs1 = 24;

  uint64_t extreme(unsigned width) {
    const uint64_t top = uint64_t{1} << (width - 1);
    const uint64_t values[] = {0, 1, ~uint64_t{0}, top, top - 1, top + 1, 2, ~uint64_t{1}};
    return random() % 2 ? values[random() % 8] : random() >> random() % width;
  }
  void plant(unsigned reg, unsigned width, size_t i) { guest.setElement(reg, width, i, extreme(width)); }

  /// Apart from the sources, over one of them as far as the rules allow, or – for a mask – over v0.
  void chooseRegisters() {
    if (random() % 3)
      return;
    if (rule.destination == 0) {
      destination = unmasked && random() % 2 ? vs2 : 0;
    } else if (rule.destination <= rule.second) {
      destination = vs2; // the same registers, or the lowest part of the source
    } else if (lmulLog2 >= 0 && !accumulates) {
      destination = 16; // whose highest part is the source
      vs2 = 16 + (1u << lmulLog2);
    }
  }

  /// Element i, in `expected`. Returns whether it saturates.
  bool expect(uint64_t i) {
    const unsigned width = sew * static_cast<unsigned>(rule.destination), secondWidth = sew * rule.second;
    Element e{sew};
    e.b = extend(guest.element(vs2, secondWidth, i), secondWidth, rule.signedSecond);
    if (form == 'v')
      e.a = extend(guest.element(vs1, sew, i), sew, rule.signedFirst);
    else if (form == 'x')
      e.a = extend(guest.hart.x[5], sew, rule.signedFirst);
    else if (form == 'i') // sign-extended to SEW, then what the operation makes of it
      e.a = extend(static_cast<uint64_t>(extend(immediate, 5, true)), sew, rule.signedFirst);
    else
      e.a = immediate;
    if (width != 0)
      e.d = extend(guest.element(destination, width, i), width, true);
    e.carry = usesCarry && guest.bit(0, i);
    e.vxrm = guest.hart.vector.vxrm;
    const Integer result = rule.apply(e);
    if (rule.destination == 0)
      expected.setBit(destination, i, result != 0);
    else
      expected.setElement(destination, width, i, static_cast<uint64_t>(result));
    return e.saturated;
  }

  const Rule &rule;
  char form;
  unsigned sew;
  int lmulLog2;
  std::mt19937_64 random;
  Guest guest, expected;
  std::string mnemonic;
  bool usesCarry = false, unmasked = true, accumulates = false;
  unsigned immediate = 0, destination = 8, vs2 = 16;
};

} // namespace

TEST_CASE("element-wise integer instructions do what the specification says of each element") {
  uint64_t seed = 1;
  for (const auto &[name, rule] : rules())
    for (char form : rule.forms)
      for (uint32_t vlen : {128u, 256u, 1024u})
        for (unsigned sew : {8u, 16u, 32u, 64u})
          for (int lmul = -3; lmul <= 3; ++lmul) {
            const bool wide = rule.destination == 2 || rule.second == 2;
            if ((lmul < 0 && sew > 64u >> -lmul) || (wide && (sew == 64 || lmul == 3)))
              continue;
            for (int repeat = 0; repeat < 3; ++repeat)
              Case(name, rule, form, vlen, sew, lmul, ++seed).run();
          }
}
