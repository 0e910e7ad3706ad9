// Vector floating-point reductions, merge, moves and slides by one: elements, flags, masks, vstart, NaN boxes.
#include "sim/iss/Float.h"
#include "tests/unit/iss_exact_float.h"
#include "tests/unit/iss_float_support.h"
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

#include <memory>

using namespace weft::iss;
using namespace weft::iss::test;

namespace {
constexpr unsigned vd = 8, vs2 = 16, vs1 = 24, fs1 = 5;

exact::Format formatOf(unsigned width) {
  return width == 16 ? exact::half : width == 32 ? exact::single : exact::twice;
}
uint64_t anyOf(unsigned width, std::mt19937_64 &random) {
  return width == 16 ? anyNumber<Half>(random) : width == 32 ? anyNumber<Single>(random) : anyNumber<Double>(random);
}

/// A guest in a random setting, all registers random numbers of its width.
struct Setting {
  Guest guest{256};
  unsigned sew;
  uint64_t vlmax, vl;
  bool unmasked;

  Setting(unsigned sew, std::mt19937_64 &random) : sew(sew), unmasked(random() % 2) {
    weft::hw::Isa &isa = guest.hart.isa;
    isa.zfhmin = isa.zfh = isa.zvfhmin = isa.zvfh = true;
    const int lmul = static_cast<int>(random() % 4);
    vlmax = guest.configure(sew, lmul, ~uint64_t{0});
    vl = guest.configure(sew, lmul, random() % 4 ? random() % (vlmax + 1) : random() % 3);
    for (size_t i = 0; i < 32 * size_t{guest.vlenBytes()} * 8 / sew; ++i)
      guest.setElement(0, sew, i, anyOf(sew, random));
    if (random() % 8 == 0)
      for (size_t i = 0; i < 256; ++i)
        guest.setBit(0, i, false); // nothing is active
    guest.hart.frm = static_cast<uint8_t>(random() % 5);
    guest.hart.f[fs1] = random() % 4 ? ~uint64_t{0} << (sew - 1) << 1 | anyOf(sew, random) : random();
  }
  bool active(size_t i) const { return unmasked || guest.bit(0, i); }
  /// f[fs1] as a number of SEW bits.
  uint64_t scalar() const {
    const uint64_t value = guest.hart.f[fs1];
    const bool boxed = sew == 64 || value >> sew == ~uint64_t{0} >> sew;
    return boxed ? value : formatOf(sew).nan();
  }
  bool run(const std::string &name, Operands operands, bool onHost) {
    operands.unmasked = unmasked;
    const auto environment = onHost ? std::make_unique<FloatEnvironment>(guest.hart) : nullptr;
    return guest.run(name, operands);
  }
};

struct Reduction {
  const char *name;
  bool widens;
  uint64_t (*step)(exact::Arithmetic &r, exact::Format f, uint64_t sum, uint64_t element);
};
const Reduction reductions[] = {
    {"vfredusum.vs", false,
     [](exact::Arithmetic &r, exact::Format f, uint64_t a, uint64_t b) { return r.add(f, a, b); }},
    {"vfredosum.vs", false,
     [](exact::Arithmetic &r, exact::Format f, uint64_t a, uint64_t b) { return r.add(f, a, b); }},
    {"vfredmin.vs", false,
     [](exact::Arithmetic &r, exact::Format f, uint64_t a, uint64_t b) { return r.minimum(f, a, b); }},
    {"vfredmax.vs", false,
     [](exact::Arithmetic &r, exact::Format f, uint64_t a, uint64_t b) { return r.minimum(f, a, b, true); }},
    {"vfwredusum.vs", true,
     [](exact::Arithmetic &r, exact::Format f, uint64_t a, uint64_t b) { return r.add(f, a, b); }},
    {"vfwredosum.vs", true,
     [](exact::Arithmetic &r, exact::Format f, uint64_t a, uint64_t b) { return r.add(f, a, b); }},
};

void compareReduction(const Reduction &reduction, unsigned sew, bool onHost, std::mt19937_64 &random) {
  Setting s(sew, random);
  Guest &guest = s.guest;
  const unsigned wide = sew << reduction.widens;
  const exact::Format f = formatOf(wide);
  if (random() % 4) { // sums that no NaN or infinity decides
    for (size_t i = 0; i < s.vl; ++i)
      guest.setElement(vs2, sew, i,
                       formatOf(sew).one() + random() % formatOf(sew).fraction() +
                           (random() % 2 ? formatOf(sew).sign() : 0));
    guest.setElement(vs1, wide, 0, f.one() + random() % f.fraction());
  }
  auto expected = guest.hart.v;
  exact::Arithmetic r;
  r.mode = static_cast<exact::Mode>(guest.hart.frm);
  uint64_t sum = guest.element(vs1, wide, 0); // as it is, if nothing is active
  for (size_t i = 0; i < s.vl; ++i)
    if (s.active(i)) {
      uint64_t element = guest.element(vs2, sew, i);
      if (reduction.widens)
        element = r.convert(f, formatOf(sew), element);
      sum = reduction.step(r, f, sum, element);
    }
  if (s.vl != 0)
    std::memcpy(expected.data() + vd * guest.vlenBytes(), &sum, wide / 8);
  INFO(reduction.name << " SEW " << sew << ", vl " << s.vl << ", frm " << unsigned{guest.hart.frm}
                      << (s.unmasked ? "" : ", masked"));
  REQUIRE(s.run(reduction.name, {vd, vs1, vs2}, onHost));
  REQUIRE(guest.element(vd, wide, 0) == (s.vl ? sum : guest.element(vd, wide, 0)));
  REQUIRE(guest.hart.v == expected);
  REQUIRE(unsigned{guest.hart.fflags} == unsigned{r.flags});
}
} // namespace

TEST_CASE("reductions fold their active elements in order into element 0") {
  std::mt19937_64 random(21);
  for (const bool onHost : {true, false})
    for (const Reduction &reduction : reductions)
      for (const unsigned sew : {16u, 32u, 64u})
        if (!reduction.widens || sew < 64)
          for (int repeat = 0; repeat < 300; ++repeat)
            compareReduction(reduction, sew, onHost, random);
}

TEST_CASE("a reduction of nothing keeps a signalling NaN and raises no flag") {
  for (const Reduction &reduction : reductions) {
    Guest guest(128);
    const unsigned wide = 32u << reduction.widens;
    const uint64_t signalling = formatOf(wide).infinity() + 1;
    guest.configure(32, 0, 4);
    guest.setElement(vs1, wide, 0, signalling);
    INFO(reduction.name);
    REQUIRE(guest.run(reduction.name, {vd, vs1, vs2, false})); // v0 is 0
    CHECK(guest.element(vd, wide, 0) == signalling);
    CHECK(guest.hart.fflags == 0);
  }
}

TEST_CASE("merge, moves and slides by one move bits, and scalars from their boxes") {
  std::mt19937_64 random(22);
  const std::string names[] = {"vfmerge.vfm", "vfmv.v.f", "vfslide1up.vf", "vfslide1down.vf", "vfmv.s.f", "vfmv.f.s"};
  for (const std::string &name : names)
    for (const unsigned sew : {16u, 32u, 64u})
      for (int repeat = 0; repeat < 200; ++repeat) {
        Setting s(sew, random);
        Guest &guest = s.guest;
        const bool merges = name == "vfmerge.vfm", up = name == "vfslide1up.vf", down = name == "vfslide1down.vf";
        if (merges)
          s.unmasked = false;
        else if (!up && !down)
          s.unmasked = true;
        const uint64_t vstart = random() % 3 == 0 ? random() % s.vlmax : 0;
        guest.hart.vector.vstart = vstart;
        auto expected = guest.hart.v;
        const uint64_t scalar = s.scalar();
        auto expect = [&](size_t i, uint64_t value) {
          std::memcpy(expected.data() + vd * guest.vlenBytes() + i * sew / 8, &value, sew / 8);
        };
        for (size_t i = vstart; i < s.vl; ++i) {
          const uint64_t before = i > 0 ? guest.element(vs2, sew, i - 1) : scalar;
          const uint64_t after = i + 1 < s.vl ? guest.element(vs2, sew, i + 1) : scalar;
          if (merges)
            expect(i, guest.bit(0, i) ? scalar : guest.element(vs2, sew, i));
          else if (name == "vfmv.v.f")
            expect(i, scalar);
          else if (s.active(i) && (up || down))
            expect(i, up ? before : after);
        }
        if (name == "vfmv.s.f" && vstart < s.vl)
          expect(0, scalar);
        const uint64_t element = guest.element(vs2, sew, 0);
        INFO(name << " SEW " << sew << ", vl " << s.vl << ", vstart " << vstart << (s.unmasked ? "" : ", masked"));
        const bool toScalar = name == "vfmv.f.s";
        REQUIRE(s.run(name, {toScalar ? fs1 : vd, fs1, vs2}, repeat % 2));
        REQUIRE(guest.hart.v == expected);
        REQUIRE(guest.hart.fflags == 0);
        REQUIRE(guest.hart.vector.vstart == 0);
        if (toScalar) // boxed, whatever vl and vstart are
          REQUIRE(guest.hart.f[fs1] == (~uint64_t{0} << (sew - 1) << 1 | element));
      }
}
