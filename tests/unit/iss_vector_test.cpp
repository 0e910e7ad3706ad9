// vset*, vill, vstart, vl = 0 and which encodings are illegal.
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

using namespace weft::iss;
using namespace weft::iss::test;

namespace {

constexpr uint64_t vill = uint64_t{1} << 63;

void fill(Guest &guest) {
  for (size_t i = 0; i < guest.hart.v.size(); ++i)
    guest.hart.v[i] = static_cast<std::byte>(i * 37 + i / 256);
}

/// Runs vsetvli with `type` as it stands in the immediate.
void setType(Guest &guest, unsigned rd, unsigned rs1, uint64_t type) {
  guest.runWord(encode("vsetvli", {rd, rs1, 0, false}) | static_cast<uint32_t>(type) << 20);
}

} // namespace

TEST_CASE("vsetvl gives VLMAX = VLEN * LMUL / SEW and rejects reserved types") {
  for (uint32_t vlen : {128u, 256u, 512u, 1024u}) {
    Guest guest(vlen);
    for (uint64_t type = 0; type < 512; ++type) {
      const unsigned lmul = type & 7, sew = 8u << ((type >> 3) & 7);
      // Eighths of LMUL; fractions need SEW <= LMUL * ELEN.
      const unsigned eighths[] = {8, 16, 32, 64, 0, 1, 2, 4};
      const bool legal = type < 256 && sew <= 64 && lmul != 4 && (eighths[lmul] >= 8 || sew * 8 <= 64 * eighths[lmul]);
      guest.hart.x[1] = type;
      REQUIRE(guest.run("vsetvl", {2, 0, 1, false}));
      INFO("vlen " << vlen << " vtype " << type);
      REQUIRE(guest.hart.vector.illegal == !legal);
      REQUIRE(guest.hart.x[2] == (legal ? uint64_t{vlen} * eighths[lmul] / 8 / sew : 0));
      REQUIRE(guest.hart.vector.vl == guest.hart.x[2]);
      REQUIRE(guest.hart.vector.vtype == (legal ? type : vill));
      if (!legal)
        continue;
      REQUIRE(guest.hart.vector.sewBits == sew);
      REQUIRE((lmul < 4 ? 8u << guest.hart.vector.lmulLog2 : 8u >> -guest.hart.vector.lmulLog2) == eighths[lmul]);
      REQUIRE(guest.hart.vector.vlmax == guest.hart.x[2]);
      REQUIRE(guest.hart.vector.tailAgnostic == ((type >> 6) & 1));
      REQUIRE(guest.hart.vector.maskAgnostic == ((type >> 7) & 1));
    }
    for (unsigned reserved = 8; reserved < 64; ++reserved) {
      guest.hart.x[1] = uint64_t{1} << reserved;
      guest.run("vsetvl", {2, 0, 1, false});
      REQUIRE(guest.hart.vector.illegal);
    }
  }
}

TEST_CASE("the application's vector length") {
  Guest guest(256);
  guest.hart.x[5] = 7;
  setType(guest, 1, 5, Guest::typeOf(32, 0));
  CHECK(guest.hart.x[1] == 7);
  guest.hart.x[5] = ~uint64_t{0};
  setType(guest, 1, 5, Guest::typeOf(32, 0));
  CHECK(guest.hart.x[1] == 8);
  guest.hart.x[5] = 0;
  setType(guest, 1, 5, Guest::typeOf(32, 0));
  CHECK(guest.hart.x[1] == 0);
  setType(guest, 1, 0, Guest::typeOf(32, 1)); // x0: VLMAX
  CHECK(guest.hart.x[1] == 16);
  guest.hart.x[5] = 5;
  setType(guest, 0, 5, Guest::typeOf(32, 1)); // no destination
  CHECK(guest.hart.x[0] == 0);
  CHECK(guest.hart.vector.vl == 5);
  setType(guest, 0, 0, Guest::typeOf(16, 0)); // both x0: vl stays
  CHECK(guest.hart.vector.vl == 5);
  CHECK(guest.hart.vector.sewBits == 16);
  guest.hart.vector.vstart = 3;
  guest.runWord(encode("vsetivli", {1, 31, 0, false}) | static_cast<uint32_t>(Guest::typeOf(8, 0)) << 20);
  CHECK(guest.hart.x[1] == 31);
  CHECK(guest.hart.vector.vstart == 0);
  guest.runWord(encode("vsetivli", {1, 31, 0, false}) | static_cast<uint32_t>(Guest::typeOf(64, 0)) << 20);
  CHECK(guest.hart.x[1] == 4);
}

TEST_CASE("vset keeps vxrm and vxsat") {
  Guest guest(128);
  guest.hart.vector.vxrm = 3;
  guest.hart.vector.vxsat = true;
  guest.configure(16, 1, 4);
  CHECK(guest.hart.vector.vxrm == 3);
  CHECK(guest.hart.vector.vxsat);
}

TEST_CASE("with vill only vset, whole-register loads and stores run") {
  Guest guest(128);
  fill(guest);
  guest.hart.x[5] = Guest::base;
  for (const char *name :
       {"vadd.vv",      "vwadd.vv",  "vnsrl.wv",  "vmseq.vv", "vredsum.vs", "vmand.mm", "vslideup.vx",
        "vrgather.vv",  "vmv.x.s",   "vmv.s.x",   "vmv.v.v",  "vid.v",      "vle8.v",   "vse32.v",
        "vlm.v",        "vsm.v",     "vluxei8.v", "vlse16.v", "vle8ff.v",   "vcpop.m",  "viota.m",
        "vcompress.vm", "vsext.vf2", "vsaddu.vv", "vmv1r.v",  "vmv2r.v"}) {
    INFO(name);
    CHECK(guest.isIllegal(name, {8, 5, 0}));
  }
  const auto before = guest.hart.v;
  CHECK(guest.run("vs4r.v", {4, 5, 0}));
  CHECK(guest.run("vl4re64.v", {12, 5, 0}));
  for (size_t i = 0; i < 64; ++i) {
    CHECK(guest.ram[i] == before[4 * 16 + i]);
    CHECK(guest.hart.v[12 * 16 + i] == before[4 * 16 + i]);
  }
}

TEST_CASE("vl = 0 changes no vector register, and what does not depend on vl still runs") {
  Guest guest(128);
  fill(guest);
  guest.configure(32, 0, 0);
  const auto before = guest.hart.v;
  guest.hart.x[5] = 0x1234;
  for (const char *name :
       {"vadd.vv", "vmv.v.x", "vmv.s.x", "vredsum.vs", "vmseq.vv", "vmand.mm", "vslide1up.vx", "vslide1down.vx",
        "vid.v", "viota.m", "vmsbf.m", "vcompress.vm", "vrgather.vv", "vmadc.vv", "vmerge.vvm"}) {
    INFO(name);
    CHECK(guest.run(name, {8, 5, 16}));
    CHECK(guest.hart.v == before);
  }
  CHECK(guest.run("vmv.x.s", {1, 0, 16}));
  CHECK(guest.hart.x[1] == static_cast<uint64_t>(static_cast<int32_t>(guest.element(16, 32, 0))));
  CHECK(guest.run("vcpop.m", {1, 0, 16}));
  CHECK(guest.hart.x[1] == 0);
  CHECK(guest.run("vfirst.m", {1, 0, 16}));
  CHECK(guest.hart.x[1] == ~uint64_t{0});
}

TEST_CASE("instructions that cannot resume trap unless vstart is 0; others resume and reset it") {
  Guest guest(128);
  for (const char *name : {"vredsum.vs", "vredmaxu.vs", "vwredsum.vs", "vcpop.m", "vfirst.m", "vmsbf.m", "vmsif.m",
                           "vmsof.m", "viota.m", "vcompress.vm"}) {
    INFO(name);
    guest.configure(16, 0, 8);
    guest.hart.vector.vstart = 1;
    CHECK(guest.isIllegal(name, {8, 12, 16}));
    CHECK(guest.hart.vector.vstart == 1);
    guest.hart.vector.vstart = 0;
    CHECK(guest.run(name, {8, 12, 16}));
  }
  fill(guest);
  guest.configure(16, 0, 6);
  const auto before = guest.hart.v;
  guest.hart.vector.vstart = 6; // not below vl
  CHECK(guest.run("vadd.vv", {8, 12, 16}));
  CHECK(guest.run("vmv.s.x", {8, 5, 0}));
  CHECK(guest.hart.vector.vstart == 0);
  guest.hart.vector.vstart = 6;
  CHECK(guest.run("vmv.s.x", {8, 5, 0}));
  CHECK(guest.hart.v != before); // the second vmv.s.x ran with vstart 0
  guest.hart.v = before;
  guest.hart.vector.vstart = 4;
  CHECK(guest.run("vmv2r.v", {8, 0, 16}));
  for (size_t i = 0; i < 32; ++i)
    CHECK(guest.hart.v[8 * 16 + i] == before[(i < 8 ? 8 : 16) * 16 + i]);
}

TEST_CASE("groups are aligned") {
  Guest guest(256);
  for (int lmul = -3; lmul <= 3; ++lmul) {
    guest.configure(8, lmul, ~uint64_t{0});
    for (unsigned reg = 1; reg < 32; ++reg) {
      const bool aligned = lmul <= 0 || reg % (1u << lmul) == 0;
      INFO("lmul 2^" << lmul << " v" << reg);
      CHECK(guest.isIllegal("vadd.vv", {reg, 8, 16}) == !aligned);
      CHECK(guest.isIllegal("vadd.vv", {8, reg, 16}) == !aligned);
      CHECK(guest.isIllegal("vadd.vv", {8, 16, reg}) == !aligned);
      CHECK(guest.isIllegal("vmv.v.v", {8, reg, 0}) == !aligned);
      CHECK(guest.isIllegal("vle8.v", {reg, 0, 0}) == (!aligned));
      CHECK_FALSE(guest.isIllegal("vredsum.vs", {reg, 1, 16})); // scalars in vector registers are not groups
      CHECK_FALSE(guest.isIllegal("vmv.s.x", {reg, 1, 0}));
      CHECK_FALSE(guest.isIllegal("vmv.x.s", {1, 0, reg}));
    }
    if (lmul == 3)
      CHECK(guest.isIllegal("vwadd.vv", {8, 16, 24})); // EMUL 16
  }
}

TEST_CASE("a masked instruction does not write v0, but a mask or a reduction may") {
  Guest guest(128);
  guest.configure(8, 0, 4);
  guest.hart.x[5] = Guest::base;
  for (const char *name :
       {"vadd.vv", "vwadd.vv", "vnsrl.wv", "vsext.vf2", "vslidedown.vx", "vslideup.vx", "vrgather.vv", "vid.v",
        "viota.m", "vmsbf.m", "vle8.v", "vlse8.v", "vluxei8.v", "vle8ff.v", "vsaddu.vv"}) {
    INFO(name);
    guest.configure(name == std::string_view("vsext.vf2") ? 16 : 8, 0, 4);
    CHECK(guest.isIllegal(name, {0, 5, 16, false}));
    CHECK_FALSE(guest.isIllegal(name, {0, 5, 16, true}));
  }
  guest.configure(8, 0, 4);
  for (const char *name : {"vmerge.vvm", "vadc.vvm", "vsbc.vxm"})
    CHECK(guest.isIllegal(name, {0, 5, 16}));
  for (const char *name : {"vmseq.vv", "vmsltu.vx", "vredsum.vs", "vwredsumu.vs"})
    CHECK_FALSE(guest.isIllegal(name, {0, 5, 16, false}));
  CHECK_FALSE(guest.isIllegal("vmadc.vvm", {0, 5, 16}));
  CHECK(guest.isIllegal("vse8.v", {0, 5, 0, false})); // a store reads it as data
}

TEST_CASE("groups of different widths overlap only where nothing is lost") {
  Guest guest(128);
  guest.configure(16, 1, ~uint64_t{0});
  // Widening from two registers to four: only over the upper half.
  CHECK(guest.isIllegal("vwadd.vv", {8, 16, 8}));
  CHECK_FALSE(guest.isIllegal("vwadd.vv", {8, 16, 10}));
  CHECK(guest.isIllegal("vwadd.vv", {8, 8, 16}));
  CHECK_FALSE(guest.isIllegal("vwadd.vv", {8, 10, 16}));
  CHECK(guest.isIllegal("vwadd.wv", {8, 10, 8})); // the wide source has the narrow one in it
  CHECK_FALSE(guest.isIllegal("vwadd.wv", {8, 12, 8}));
  CHECK(guest.isIllegal("vwadd.wv", {8, 8, 8}));
  CHECK(guest.isIllegal("vwadd.wv", {8, 12, 10}));      // the wide source is a group of four
  CHECK_FALSE(guest.isIllegal("vwadd.vx", {8, 8, 16})); // x8
  CHECK(guest.isIllegal("vwmacc.vv", {8, 8, 16}));
  // Narrowing from four to two: only over the lower half.
  CHECK_FALSE(guest.isIllegal("vnsrl.wv", {8, 16, 8}));
  CHECK(guest.isIllegal("vnsrl.wv", {10, 16, 8}));
  CHECK_FALSE(guest.isIllegal("vnsrl.wv", {16, 16, 8}));
  CHECK(guest.isIllegal("vnclip.wi", {10, 3, 8}));
  // A mask goes over the lowest register of a source.
  CHECK_FALSE(guest.isIllegal("vmseq.vv", {8, 16, 8}));
  CHECK(guest.isIllegal("vmseq.vv", {9, 16, 8}));
  CHECK(guest.isIllegal("vmseq.vv", {17, 16, 8}));
  CHECK(guest.isIllegal("vmadc.vv", {9, 16, 8}));
  // Extension from half and a quarter of two registers.
  CHECK_FALSE(guest.isIllegal("vsext.vf2", {8, 0, 9}));
  CHECK(guest.isIllegal("vsext.vf2", {8, 0, 8}));
  guest.configure(32, 1, ~uint64_t{0});
  CHECK(guest.isIllegal("vsext.vf4", {8, 0, 9}));  // a fraction of a register
  CHECK(guest.isIllegal("vsext.vf8", {8, 0, 16})); // from 4 bits
  guest.configure(64, -3 + 3, ~uint64_t{0});
  CHECK(guest.isIllegal("vwadd.vv", {8, 16, 12})); // to 128 bits
  CHECK(guest.isIllegal("vnsrl.wv", {8, 16, 12}));
  CHECK(guest.isIllegal("vwredsum.vs", {8, 16, 12}));
  guest.configure(8, -1, ~uint64_t{0});
  CHECK(guest.isIllegal("vwadd.vv", {8, 16, 8}));
  CHECK(guest.isIllegal("vzext.vf2", {8, 0, 16})); // from 4 bits
  guest.configure(16, -2, ~uint64_t{0});
  CHECK_FALSE(guest.isIllegal("vzext.vf2", {8, 0, 16})); // LMUL 1/8
}

TEST_CASE("permutations do not overlap their sources, but where they move towards the beginning") {
  Guest guest(128);
  guest.configure(16, 1, ~uint64_t{0});
  for (const char *name :
       {"vslideup.vx", "vslideup.vi", "vslide1up.vx", "vrgather.vv", "vrgather.vx", "vrgatherei16.vv"}) {
    INFO(name);
    CHECK(guest.isIllegal(name, {8, 16, 8}));
    CHECK_FALSE(guest.isIllegal(name, {8, 16, 10}));
  }
  CHECK(guest.isIllegal("vrgather.vv", {8, 8, 16}));
  CHECK(guest.isIllegal("vrgatherei16.vv", {8, 8, 16}));
  CHECK(guest.isIllegal("vcompress.vm", {8, 16, 8}));
  CHECK(guest.isIllegal("vcompress.vm", {8, 9, 16}));
  CHECK(guest.isIllegal("viota.m", {8, 0, 9}));
  CHECK(guest.isIllegal("vmsof.m", {8, 0, 8}));
  CHECK_FALSE(guest.isIllegal("vslidedown.vi", {8, 1, 8}));
  CHECK_FALSE(guest.isIllegal("vslide1down.vx", {8, 1, 8}));
  guest.configure(8, 3, ~uint64_t{0});
  CHECK(guest.isIllegal("vrgatherei16.vv", {8, 16, 24})); // indices of EMUL 16
  guest.configure(8, 2, ~uint64_t{0});
  CHECK_FALSE(guest.isIllegal("vrgatherei16.vv", {8, 16, 24}));
  CHECK(guest.isIllegal("vrgatherei16.vv", {8, 12, 24}));
  CHECK(guest.isIllegal("vrgatherei16.vv", {20, 16, 24})); // the indices are v16 to v23
  guest.configure(64, -0, ~uint64_t{0});
  CHECK_FALSE(guest.isIllegal("vrgatherei16.vv", {8, 9, 10})); // EMUL 1/4
}
