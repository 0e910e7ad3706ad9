// Reductions, masks, extensions and permutations, against one element after the other.
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

#include <functional>
#include <map>
#include <random>

using namespace weft::iss;
using namespace weft::iss::test;

namespace {

uint64_t truncate(uint64_t value, unsigned width) { return width == 64 ? value : value & ((uint64_t{1} << width) - 1); }
int64_t signExtend(uint64_t value, unsigned width) {
  return static_cast<int64_t>(value << (64 - width)) >> (64 - width);
}

/// Guest `guest` with random registers, type and vl, and `expected` to note in what must come of it.
struct Trial {
  std::mt19937_64 random;
  Guest guest, expected;
  unsigned sew = 8;
  int lmul = 0;
  uint64_t vlmax = 0, vl = 0, vstart = 0;
  bool unmasked = true;

  Trial(uint32_t vlen, unsigned sew, int lmul, uint64_t seed, bool resumes)
      : random(seed), guest(vlen), expected(vlen), sew(sew), lmul(lmul) {
    const unsigned density = static_cast<unsigned>(random() % 4);
    for (std::byte &byte : guest.hart.v) // sparse, half and dense masks
      byte = static_cast<std::byte>(density == 0   ? random() & random() & random() & random()
                                    : density == 1 ? random() | random() | random()
                                                   : random());
    vlmax = guest.configure(sew, lmul, ~uint64_t{0});
    vl = guest.configure(sew, lmul, random() % 3 ? random() % (vlmax + 1) : vlmax);
    vstart = resumes && random() % 3 == 0 ? random() % vlmax : 0;
    guest.hart.vector.vstart = vstart;
    unmasked = random() % 2;
    guest.hart.x[5] = random() >> random() % 64;
    expected.hart.v = guest.hart.v;
  }
  bool active(uint64_t i) const { return unmasked || guest.bit(0, i); }

  void check(std::string_view name, const Operands &operands) {
    INFO(name << " vlen " << guest.hart.isa.vlenBits << " sew " << sew << " lmul 2^" << lmul << " vl " << vl
              << " vstart " << vstart << (unmasked ? "" : " masked") << " x5 " << guest.hart.x[5]);
    REQUIRE(guest.run(name, operands));
    REQUIRE(guest.hart.v == expected.hart.v);
    REQUIRE(guest.hart.vector.vstart == 0);
  }
};

void forEachTrial(bool resumes, const std::function<void(Trial &)> &visit) {
  uint64_t seed = 0;
  for (uint32_t vlen : {128u, 256u, 1024u})
    for (unsigned sew : {8u, 16u, 32u, 64u})
      for (int lmul = -3; lmul <= 3; ++lmul)
        if (lmul >= 0 || sew <= 64u >> -lmul)
          for (int repeat = 0; repeat < 6; ++repeat) {
            Trial trial(vlen, sew, lmul, ++seed, resumes);
            visit(trial);
          }
}

} // namespace

TEST_CASE("integer reductions") {
  struct Reduction {
    bool widens, isSigned;
    uint64_t (*apply)(uint64_t, uint64_t);
  };
  const auto lower = [](uint64_t a, uint64_t b) { return int64_t(a) < int64_t(b) ? a : b; };
  const auto higher = [](uint64_t a, uint64_t b) { return int64_t(a) > int64_t(b) ? a : b; };
  const std::map<std::string, Reduction> reductions = {
      {"vredsum.vs", {false, false, [](uint64_t a, uint64_t b) { return a + b; }}},
      {"vredand.vs", {false, false, [](uint64_t a, uint64_t b) { return a & b; }}},
      {"vredor.vs", {false, false, [](uint64_t a, uint64_t b) { return a | b; }}},
      {"vredxor.vs", {false, false, [](uint64_t a, uint64_t b) { return a ^ b; }}},
      {"vredminu.vs", {false, false, [](uint64_t a, uint64_t b) { return std::min(a, b); }}},
      {"vredmaxu.vs", {false, false, [](uint64_t a, uint64_t b) { return std::max(a, b); }}},
      {"vredmin.vs", {false, true, lower}},
      {"vredmax.vs", {false, true, higher}},
      {"vwredsumu.vs", {true, false, [](uint64_t a, uint64_t b) { return a + b; }}},
      {"vwredsum.vs", {true, true, [](uint64_t a, uint64_t b) { return a + b; }}},
  };
  for (const auto &[name, reduction] : reductions)
    forEachTrial(false, [&, &name = name, &reduction = reduction](Trial &trial) {
      if (reduction.widens && trial.sew == 64)
        return;
      const unsigned width = trial.sew << reduction.widens;
      auto extend = [&](uint64_t value, unsigned bits) {
        return reduction.isSigned ? static_cast<uint64_t>(signExtend(value, bits)) : value;
      };
      // The scalar and the result may lie anywhere, over v0 and the source too.
      const unsigned vds[] = {9, 16, 24, 0, 17}, vd = vds[trial.random() % 5];
      uint64_t result = extend(trial.guest.element(24, width, 0), width);
      for (uint64_t i = 0; i < trial.vl; ++i)
        if (trial.active(i))
          result = reduction.apply(result, extend(trial.guest.element(16, trial.sew, i), trial.sew));
      if (trial.vl != 0)
        trial.expected.setElement(vd, width, 0, result);
      trial.check(name, {vd, 24, 16, trial.unmasked});
    });
}

TEST_CASE("extensions") {
  for (unsigned factor : {2u, 4u, 8u})
    for (bool isSigned : {false, true})
      forEachTrial(true, [&](Trial &trial) {
        const unsigned from = trial.sew / factor;
        if (from < 8 || trial.lmul - __builtin_ctz(factor) < -3)
          return;
        // Over the highest part of the destination if the source has whole registers.
        const unsigned count = trial.lmul <= 0 ? 1 : 1u << trial.lmul;
        const bool over = count >= factor && trial.random() % 2;
        const unsigned vs2 = over ? 8 + count - count / factor : 16;
        for (uint64_t i = trial.vstart; i < trial.vl; ++i)
          if (trial.active(i)) {
            const uint64_t value = trial.guest.element(vs2, from, i);
            trial.expected.setElement(8, trial.sew, i,
                                      isSigned ? static_cast<uint64_t>(signExtend(value, from)) : value);
          }
        trial.check((isSigned ? "vsext.vf" : "vzext.vf") + std::to_string(factor), {8, 0, vs2, trial.unmasked});
      });
}

TEST_CASE("mask logic writes bits vstart to vl") {
  const std::map<std::string, bool (*)(bool, bool)> operations = {
      {"vmand.mm", [](bool b, bool a) { return b && a; }},   {"vmnand.mm", [](bool b, bool a) { return !(b && a); }},
      {"vmandn.mm", [](bool b, bool a) { return b && !a; }}, {"vmxor.mm", [](bool b, bool a) { return b != a; }},
      {"vmor.mm", [](bool b, bool a) { return b || a; }},    {"vmnor.mm", [](bool b, bool a) { return !(b || a); }},
      {"vmorn.mm", [](bool b, bool a) { return b || !a; }},  {"vmxnor.mm", [](bool b, bool a) { return b == a; }},
  };
  for (const auto &[name, apply] : operations)
    forEachTrial(true, [&, &name = name, &apply = apply](Trial &trial) {
      const unsigned vds[] = {7, 3, 5, 0}, vd = vds[trial.random() % 4];
      for (uint64_t i = trial.vstart; i < trial.vl; ++i)
        trial.expected.setBit(vd, i, apply(trial.guest.bit(5, i), trial.guest.bit(3, i)));
      trial.check(name, {vd, 3, 5});
    });
}

TEST_CASE("counts, first elements, viota and vid") {
  forEachTrial(false, [](Trial &trial) {
    uint64_t count = 0, first = ~uint64_t{0};
    std::vector<uint64_t> before;
    for (uint64_t i = 0; i < trial.vl; ++i) {
      before.push_back(count);
      if (trial.active(i) && trial.guest.bit(5, i)) {
        first = std::min(first, i);
        ++count;
      }
    }
    trial.check("vcpop.m", {1, 0, 5, trial.unmasked});
    REQUIRE(trial.guest.hart.x[1] == count);
    trial.check("vfirst.m", {1, 0, 5, trial.unmasked});
    REQUIRE(trial.guest.hart.x[1] == first);
    for (uint64_t i = 0; i < trial.vl; ++i)
      if (trial.active(i))
        trial.expected.setElement(16, trial.sew, i, before[i]);
    trial.check("viota.m", {16, 0, 5, trial.unmasked});
    const std::map<std::string, bool (*)(uint64_t, uint64_t)> sets = {
        {"vmsbf.m", [](uint64_t i, uint64_t first) { return i < first; }},
        {"vmsif.m", [](uint64_t i, uint64_t first) { return i <= first; }},
        {"vmsof.m", [](uint64_t i, uint64_t first) { return i == first; }},
    };
    for (const auto &[name, apply] : sets) {
      for (uint64_t i = 0; i < trial.vl; ++i)
        if (trial.active(i))
          trial.expected.setBit(6, i, apply(i, first));
      trial.check(name, {6, 0, 5, trial.unmasked});
    }
  });
  forEachTrial(true, [](Trial &trial) {
    for (uint64_t i = trial.vstart; i < trial.vl; ++i)
      if (trial.active(i))
        trial.expected.setElement(16, trial.sew, i, i);
    trial.check("vid.v", {16, 0, 0, trial.unmasked});
  });
}

TEST_CASE("slides") {
  forEachTrial(true, [](Trial &trial) {
    const uint64_t offsets[] = {0,
                                1,
                                3,
                                trial.vlmax - 1,
                                trial.vlmax,
                                trial.vlmax + 1,
                                ~uint64_t{0},
                                ~uint64_t{0} - 2,
                                uint64_t{1} << 63,
                                uint64_t{1} << 32};
    const bool immediate = trial.random() % 3 == 0;
    const uint64_t offset = immediate ? trial.random() % 32 : offsets[trial.random() % 10];
    trial.guest.hart.x[5] = offset;
    const unsigned rs1 = immediate ? static_cast<unsigned>(offset) : 5;
    if (trial.random() % 2) {
      for (uint64_t i = trial.vstart; i < trial.vl; ++i)
        if (trial.active(i) && i >= offset) // elements below the offset stay
          trial.expected.setElement(8, trial.sew, i, trial.guest.element(16, trial.sew, i - offset));
      trial.check(immediate ? "vslideup.vi" : "vslideup.vx", {8, rs1, 16, trial.unmasked});
    } else {
      const unsigned vd = trial.random() % 2 ? 8 : 16; // may be the source
      for (uint64_t i = trial.vstart; i < trial.vl; ++i)
        if (trial.active(i)) {
          const bool within = offset < trial.vlmax && i + offset < trial.vlmax;
          trial.expected.setElement(vd, trial.sew, i, within ? trial.guest.element(16, trial.sew, i + offset) : 0);
        }
      trial.check(immediate ? "vslidedown.vi" : "vslidedown.vx", {vd, rs1, 16, trial.unmasked});
    }
  });
  forEachTrial(true, [](Trial &trial) {
    const bool up = trial.random() % 2;
    const unsigned vd = !up && trial.random() % 2 ? 16 : 8;
    for (uint64_t i = trial.vstart; i < trial.vl; ++i)
      if (trial.active(i)) {
        const bool fromScalar = up ? i == 0 : i == trial.vl - 1;
        trial.expected.setElement(vd, trial.sew, i,
                                  fromScalar ? trial.guest.hart.x[5]
                                             : trial.guest.element(16, trial.sew, up ? i - 1 : i + 1));
      }
    trial.check(up ? "vslide1up.vx" : "vslide1down.vx", {vd, 5, 16, trial.unmasked});
  });
}

TEST_CASE("gathers give 0 for an index at VLMAX or above") {
  forEachTrial(true, [](Trial &trial) {
    const int indexLmul16 = trial.lmul + 4 - __builtin_ctz(trial.sew);
    const bool sixteen = indexLmul16 <= 3 && indexLmul16 >= -3 && trial.random() % 2;
    const unsigned width = sixteen ? 16 : trial.sew;
    for (uint64_t i = 0; i < trial.vlmax; ++i) {
      const uint64_t index = trial.random() % 4 ? trial.random() % trial.vlmax : trial.random();
      trial.guest.setElement(24, width, i, index);
      trial.expected.setElement(24, width, i, index);
    }
    for (uint64_t i = trial.vstart; i < trial.vl; ++i)
      if (trial.active(i)) {
        const uint64_t index = trial.guest.element(24, width, i);
        trial.expected.setElement(8, trial.sew, i, index < trial.vlmax ? trial.guest.element(16, trial.sew, index) : 0);
      }
    trial.check(sixteen ? "vrgatherei16.vv" : "vrgather.vv", {8, 24, 16, trial.unmasked});
  });
  forEachTrial(true, [](Trial &trial) {
    const bool immediate = trial.random() % 2;
    const uint64_t index = immediate            ? trial.random() % 32
                           : trial.random() % 2 ? trial.random() % (trial.vlmax + 1)
                                                : trial.random(); // all 64 bits count, whatever SEW is
    trial.guest.hart.x[5] = index;
    for (uint64_t i = trial.vstart; i < trial.vl; ++i)
      if (trial.active(i))
        trial.expected.setElement(8, trial.sew, i, index < trial.vlmax ? trial.guest.element(16, trial.sew, index) : 0);
    trial.check(immediate ? "vrgather.vi" : "vrgather.vx",
                {8, immediate ? static_cast<unsigned>(index) : 5, 16, trial.unmasked});
  });
}

TEST_CASE("compress packs what the mask selects and leaves the rest") {
  forEachTrial(false, [](Trial &trial) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < trial.vl; ++i)
      if (trial.guest.bit(5, i))
        trial.expected.setElement(8, trial.sew, count++, trial.guest.element(16, trial.sew, i));
    trial.check("vcompress.vm", {8, 5, 16});
  });
}

TEST_CASE("moves") {
  forEachTrial(true, [](Trial &trial) {
    for (uint64_t i = trial.vstart; i < trial.vl; ++i)
      trial.expected.setElement(8, trial.sew, i, trial.guest.element(16, trial.sew, i));
    trial.check("vmv.v.v", {8, 16, 0, true});
  });
  forEachTrial(true, [](Trial &trial) {
    const bool immediate = trial.random() % 2;
    for (uint64_t i = trial.vstart; i < trial.vl; ++i)
      trial.expected.setElement(24, trial.sew, i, immediate ? ~uint64_t{0} - 4 : trial.guest.hart.x[5]);
    trial.check(immediate ? "vmv.v.i" : "vmv.v.x", {24, immediate ? 27u : 5u, 0, true}); // 27 is -5
  });
  forEachTrial(true, [](Trial &trial) {
    REQUIRE(trial.guest.run("vmv.x.s", {6, 0, 17, true})); // also with vstart at or above vl
    REQUIRE(trial.guest.hart.x[6] ==
            static_cast<uint64_t>(signExtend(trial.guest.element(17, trial.sew, 0), trial.sew)));
    trial.guest.hart.vector.vstart = trial.vstart;
    if (trial.vstart < trial.vl)
      trial.expected.setElement(17, trial.sew, 0, truncate(trial.guest.hart.x[5], trial.sew));
    trial.check("vmv.s.x", {17, 5, 0, true});
  });
}
