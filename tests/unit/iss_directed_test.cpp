// Edge cases of the instruction set that random streams cannot show, because qemu differs from the specification there,
// or because they trap. What is expected is from the RISC-V unprivileged specification 20240411.
#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"
#include "tests/iss/KnownDifferences.h"
#include "tests/iss/Simulator.h"
#include "tests/iss/VectorShape.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>

using namespace weft;
using namespace weft::isstest;
using hw::rvv::OpClass;

namespace {
constexpr uint64_t codeBase = 0x1000, dataBase = 0x8000;
constexpr unsigned vlen = 256;

hw::Isa everything() {
  hw::Isa isa = isaOfStreams(vlen);
  isa.zfbfmin = isa.zvfbfmin = isa.zvfbfwma = true;
  return isa;
}

/// A machine whose integer registers all point into its data, and whose other registers hold a pattern.
class Guest {
public:
  Guest() : machine(everything()), code(4096), data(8192, std::byte{0x5a}) {
    machine.memory().add({codeBase, code, iss::Memory::Read | iss::Memory::Write | iss::Memory::Execute});
    machine.memory().add({dataBase, data, iss::Memory::Read | iss::Memory::Write});
    iss::Hart &hart = machine.hart();
    hart.x.fill(dataBase + 4096);
    hart.x[0] = 0;
    for (size_t i = 0; i < hart.v.size(); ++i)
      hart.v[i] = std::byte(i * 37 + 11);
  }
  /// Exactly these instructions, unless one traps.
  iss::Outcome run(const std::vector<uint32_t> &words) {
    size_t offset = 0;
    for (uint32_t word : words) {
      std::memcpy(code.data() + offset, &word, lengthOf(word));
      offset += lengthOf(word);
    }
    machine.flushCode();
    machine.hart().pc = codeBase;
    return machine.run({.maxInstructions = words.size()});
  }
  iss::Machine machine;
  std::vector<std::byte> code, data;
};

uint32_t vsetivli(unsigned vl, uint64_t vtype) { return iType(0xc0007057, 0, vl, static_cast<int32_t>(vtype)); }

struct Encoded {
  const Row *row;
  VectorSetting setting;
  bool masked;
  uint32_t word;
};

/// Each vector instruction but vset* at each setting at which it is legal, masked and not.
std::vector<Encoded> everyVectorInstruction() {
  Random random(3);
  std::vector<Encoded> all;
  for (const Row &row : rows()) {
    if (!hw::rvv::isVector(row.cls) || row.cls == OpClass::VSet)
      continue;
    // Of the bfloat16 instructions only settings of 16 bits are legal.
    const bool bfloat16 = row.extension == "Zvfbfmin" || row.extension == "Zvfbfwma";
    for (const VectorSetting &setting : legalSettings()) {
      const std::optional<VectorShape> shape = shapeOf(row, setting);
      if (!shape || (bfloat16 && setting.sewLog2 != 4))
        continue;
      for (const bool masked : {false, true}) {
        if (shape->masking != Masking::Maybe && masked != (shape->masking == Masking::Always))
          continue;
        const std::optional<VectorRegisters> registers = pickRegisters(random, *shape, masked);
        if (!registers)
          continue;
        uint32_t word = row.match | registers->vd << 7;
        if (!(row.mask & 0xf8000))
          word |= (shape->vs1.used ? registers->vs1 : 10) << 15;
        if (shape->vs2.used)
          word |= registers->vs2 << 20;
        else if (!(row.mask & 0x1f00000))
          word |= 11 << 20; // a stride
        if (shape->masking == Masking::Maybe)
          word |= uint32_t{!masked} << 25;
        all.push_back({&row, setting, masked, word});
      }
    }
  }
  return all;
}

bool ignoresLength(const Row &row) {
  return row.cls == OpClass::VMoveWhole || row.cls == OpClass::VLoadWhole || row.cls == OpClass::VStoreWhole;
}

void checkNothingChanges(const Encoded &encoded, unsigned vl, unsigned vstart) {
  Guest guest;
  guest.machine.hart().x[11] = 16;
  const auto registers = guest.machine.hart().v;
  const auto memory = guest.data;
  const iss::Outcome outcome =
      guest.run({vsetivli(vl, encoded.setting.vtype(false, false)), csrrwi(0, csr::vstart, vstart), encoded.word});
  INFO(iss::disassemble(iss::decode(encoded.word, everything()), 0)
       << " at SEW " << (1 << encoded.setting.sewLog2) << ", LMUL 2^" << encoded.setting.lmulLog2 << ": "
       << iss::describe(outcome));
  const iss::Hart &hart = guest.machine.hart();
  if (outcome.stop != iss::Stop::Limit || hart.v != registers || guest.data != memory || hart.vector.vstart != 0 ||
      hart.vector.vxsat || hart.fflags != 0) {
    CHECK(outcome.stop == iss::Stop::Limit);
    CHECK(hart.v == registers);
    CHECK(guest.data == memory);
    CHECK(hart.vector.vstart == 0);
    CHECK_FALSE(hart.vector.vxsat);
    CHECK(hart.fflags == 0);
  }
}

void checkIllegal(const std::vector<uint32_t> &before, uint32_t word) {
  Guest guest;
  std::vector<uint32_t> words = before;
  words.push_back(word);
  const iss::Outcome outcome = guest.run(words);
  CAPTURE(word, iss::describe(outcome));
  CHECK(outcome.stop == iss::Stop::Trapped);
  CHECK(outcome.trap.cause == iss::Cause::IllegalInstruction);
  CHECK(outcome.trap.value == word);
  CHECK(outcome.word == word);
  CHECK(outcome.pc == codeBase + 4 * before.size());
  CHECK(outcome.instructions == before.size());
}

constexpr uint64_t e8m1 = 0, e16m1 = 8, e32m1 = 16, e32m2 = 17, e64m1 = 24;
} // namespace

TEST_CASE("no vector instruction changes anything while vl is 0") {
  const std::vector<Encoded> all = everyVectorInstruction();
  CHECK(all.size() > 8000);
  for (const Encoded &encoded : all)
    if (!ignoresLength(*encoded.row))
      checkNothingChanges(encoded, 0, 0);
}

TEST_CASE("no vector instruction changes anything while vstart is not below vl, and each resets vstart") {
  for (const Encoded &encoded : everyVectorInstruction())
    if (!ignoresLength(*encoded.row) && largestStart(*encoded.row) > 0 && encoded.setting.vlmax(vlen) >= 4) {
      checkNothingChanges(encoded, 4, 4);
      checkNothingChanges(encoded, 4, 9);
      checkNothingChanges(encoded, 0, 1);
    }
}

TEST_CASE("scalar results of masks do not depend on elements while vl is 0") {
  Guest guest;
  const uint32_t vcpop = 0x40082057 | 1 << 25 | 5 << 7 | 8 << 20, vfirst = 0x4008a057 | 1 << 25 | 6 << 7 | 8 << 20;
  REQUIRE(guest.run({vsetivli(0, e8m1), vcpop, vfirst}).stop == iss::Stop::Limit);
  CHECK(guest.machine.hart().x[5] == 0);            // vcpop.m
  CHECK(guest.machine.hart().x[6] == ~uint64_t{0}); // vfirst.m
}

TEST_CASE("vstart skips elements before it") {
  Guest guest;
  const auto before = guest.machine.hart().v;
  // vadd.vi v8, v9, 1 on 32-bit elements 2 and 3 of 4
  REQUIRE(guest.run({vsetivli(4, e32m1), csrrwi(0, csr::vstart, 2), 0x0290b457}).stop == iss::Stop::Limit);
  const auto element = [](const auto &v, unsigned reg, unsigned i) {
    uint32_t value = 0;
    std::memcpy(&value, v.data() + reg * vlen / 8 + 4 * i, 4);
    return value;
  };
  const auto &after = guest.machine.hart().v;
  for (unsigned i = 0; i < vlen / 32; ++i)
    CHECK(element(after, 8, i) == (i == 2 || i == 3 ? element(before, 9, i) + 1 : element(before, 8, i)));
  CHECK(guest.machine.hart().vector.vstart == 0);
}

TEST_CASE("instructions that cannot start in the middle trap with their address and word") {
  for (const Encoded &encoded : everyVectorInstruction())
    if (largestStart(*encoded.row) == 0 && encoded.setting == VectorSetting{5, 0})
      checkIllegal({vsetivli(4, encoded.setting.vtype(false, false)), csrrwi(0, csr::vstart, 1)}, encoded.word);
}

TEST_CASE("vector instructions that depend on vtype trap while vill is set") {
  for (const Encoded &encoded : everyVectorInstruction()) {
    const bool depends = encoded.row->cls != OpClass::VLoadWhole && encoded.row->cls != OpClass::VStoreWhole;
    if (depends && encoded.setting == VectorSetting{5, 0})
      checkIllegal({vsetivli(4, 4)}, encoded.word);
  }
}

TEST_CASE("reserved register groups trap with their address and word") {
  const auto [name, vtype, word] = GENERATE(table<std::string, uint64_t, uint32_t>({
      {"vadd.vv v1, v2, v4: LMUL 2 and an odd register", e32m2, 0x022200d7},
      {"vadd.vv v0, v2, v4, v0.t: writes its mask", e32m1, 0x00220057},
      {"vwadd.vv v2, v2, v6: overlaps the low half", e32m1, 0xc6232157},
      {"vwadd.vv v3, v6, v7: odd destination of two registers", e32m1, 0xc663a1d7},
      {"vnsrl.wi v3, v2, 0: overlaps the high half", e32m1, 0xb22031d7},
      {"vslideup.vi v2, v2, 1", e32m1, 0x3a20b157},
      {"vslide1up.vx v2, v2, a0", e32m1, 0x3a256157},
      {"vrgather.vv v2, v2, v4", e32m1, 0x32220157},
      {"vrgather.vv v4, v2, v4", e32m1, 0x32220257},
      {"vcompress.vm v2, v2, v4", e32m1, 0x5e222157},
      {"viota.m v2, v2", e32m1, 0x52282157},
      {"vmsbf.m v2, v2", e32m1, 0x5220a157},
      {"vmsbf.m v0, v2, v0.t", e32m1, 0x5020a057},
      {"vzext.vf2 v2, v2: overlaps the low half", e32m2, 0x4a232157},
      {"vzext.vf8 of 32-bit elements", e32m1, 0x4a212157},
      {"vwadd.vv of 64-bit elements", e64m1, 0xc6232157},
      {"vfadd.vv of 8-bit elements", e8m1, 0x02221157},
      {"vle64.v with EMUL 16", 0x0b, 0x02057407}, // e16, m8: EMUL would be 32
      {"vlseg5e32.v with LMUL 2: ten registers", e32m2, 0x82056407},
      {"vlseg2e32.v v31: beyond v31", e32m1, 0x22056f87},
      {"vluxseg2ei32.v v4, (a0), v4", e32m1, 0x26456207},
      {"vadc.vvm v0, v2, v4, v0", e32m1, 0x40220057},
      {"vmv2r.v v1, v2", e32m1, 0x9e20b0d7},
      {"vl2re32.v v1", e32m1, 0x22856087},
  }));
  INFO(name);
  checkIllegal({vsetivli(4, vtype)}, word);
}

TEST_CASE("words that are no instruction trap with their address and word") {
  for (const uint32_t word : {0xffffffffu, 0x0000006bu, 0x40002033u})
    checkIllegal({addi(5, 0, 1), addi(6, 0, 2)}, word);
  checkIllegal({}, csrrw(5, 0x123, 0));      // there is no such CSR
  checkIllegal({}, csrrw(5, csr::vlenb, 6)); // read-only
  checkIllegal({}, csrrwi(5, csr::vl, 3));   // read-only
}

TEST_CASE("reserved rounding modes trap, static ones and the dynamic one") {
  const uint32_t faddS = rType(0x53, 1, 2, 3), vfaddVV = 0x02221157;
  for (const uint32_t mode : {5u, 6u})
    checkIllegal({}, faddS | mode << 12);
  for (const unsigned mode : {5u, 6u, 7u}) {
    checkIllegal({csrrwi(0, csr::frm, mode)}, faddS | 7 << 12);
    checkIllegal({csrrwi(0, csr::frm, mode), vsetivli(2, e32m1)}, vfaddVV);
    Guest guest; // a static mode does not ask the dynamic one
    CHECK(guest.run({csrrwi(0, csr::frm, mode), faddS}).stop == iss::Stop::Limit);
  }
}

TEST_CASE("rounding modes of a conversion to integer, ties to maximum magnitude too") {
  struct Line {
    float value;
    int32_t results[5]; // RNE, RTZ, RDN, RUP, RMM
    bool inexact;
  };
  const Line lines[] = {{0.5f, {0, 0, 0, 1, 1}, true},        {1.5f, {2, 1, 1, 2, 2}, true},
                        {2.5f, {2, 2, 2, 3, 3}, true},        {-0.5f, {0, 0, -1, 0, -1}, true},
                        {-2.5f, {-2, -2, -3, -2, -3}, true},  {2.25f, {2, 2, 2, 3, 2}, true},
                        {-2.75f, {-3, -2, -3, -2, -3}, true}, {7.0f, {7, 7, 7, 7, 7}, false}};
  for (const Line &line : lines)
    for (unsigned mode = 0; mode < 5; ++mode)
      for (const bool dynamic : {false, true}) {
        Guest guest;
        uint32_t bits = 0;
        std::memcpy(&bits, &line.value, 4);
        guest.machine.hart().f[1] = ~uint64_t{0} << 32 | bits;
        REQUIRE(guest
                    .run({csrrwi(0, csr::fflags, 0), csrrwi(0, csr::frm, dynamic ? mode : 0),
                          rType(0xc0000053, 5, 1, 0) | (dynamic ? 7u : mode) << 12, csrrs(6, csr::fflags, 0)})
                    .stop == iss::Stop::Limit);
        CAPTURE(line.value, mode, dynamic);
        CHECK(static_cast<int64_t>(guest.machine.hart().x[5]) == line.results[mode]);
        CHECK(guest.machine.hart().x[6] == (line.inexact ? 1 : 0));
      }
}

TEST_CASE("a value that is not NaN-boxed is the canonical NaN for arithmetic, and plain bits for moves") {
  constexpr uint64_t one = 0x3f800000, boxedOne = ~uint64_t{0} << 32 | one,
                     badlyBoxed = uint64_t{0xfffffffe} << 32 | one;
  Guest guest;
  guest.machine.hart().f[1] = badlyBoxed;
  guest.machine.hart().f[2] = boxedOne;
  REQUIRE(guest
              .run({csrrwi(0, csr::fflags, 0), rType(0x53, 3, 1, 2), rType(0x20000053, 4, 1, 2),
                    rType(0xe0000053, 5, 1, 0), rType(0xe0001053, 6, 1, 0), csrrs(7, csr::fflags, 0)})
              .stop == iss::Stop::Limit);
  CHECK(guest.machine.hart().f[3] == 0xffffffff7fc00000); // fadd.s
  CHECK(guest.machine.hart().f[4] == 0xffffffff7fc00000); // fsgnj.s takes the bits of the canonical NaN
  CHECK(guest.machine.hart().x[5] == one);                // fmv.x.w
  CHECK(guest.machine.hart().x[6] == 1 << 9);             // fclass.s: quiet NaN
  CHECK(guest.machine.hart().x[7] == 0);                  // a quiet NaN raises nothing
}

TEST_CASE("bfloat16 conversions round to nearest even and keep what is special") {
  struct Line {
    uint32_t single, bfloat16;
    uint64_t flags;
  };
  const Line lines[] = {{0x3f800000, 0x3f80, 0},  {0x3f808000, 0x3f80, 1}, {0x3f818000, 0x3f82, 1},
                        {0x3f808001, 0x3f81, 1},  {0x7f800000, 0x7f80, 0}, {0xff800000, 0xff80, 0},
                        {0x7f7fffff, 0x7f80, 5},  {0x80000000, 0x8000, 0}, {0x7fc12345, 0x7fc0, 0},
                        {0x7f812345, 0x7fc0, 16}, {0x00010000, 0x0001, 0}, {0x00018000, 0x0002, 3}};
  for (const Line &line : lines) {
    Guest guest;
    guest.machine.hart().f[1] = ~uint64_t{0} << 32 | line.single;
    const uint32_t toBfloat16 = rType(0x44800053, 2, 1, 0);
    REQUIRE(guest.run({csrrwi(0, csr::fflags, 0), toBfloat16, csrrs(5, csr::fflags, 0)}).stop == iss::Stop::Limit);
    CAPTURE(line.single);
    CHECK(guest.machine.hart().f[2] == (~uint64_t{0} << 16 | line.bfloat16));
    CHECK(guest.machine.hart().x[5] == line.flags);

    std::memcpy(guest.machine.hart().vectorRegister(8), &line.single, 4); // vfncvtbf16.f.f.w v4, v8
    REQUIRE(guest
                .run({csrrwi(0, csr::fflags, 0), vsetivli(1, e16m1), rType(0x480e9057 | 1 << 25, 4, 0, 8),
                      csrrs(5, csr::fflags, 0)})
                .stop == iss::Stop::Limit);
    uint16_t narrow = 0;
    std::memcpy(&narrow, guest.machine.hart().vectorRegister(4), 2);
    CHECK(narrow == line.bfloat16);
    CHECK(guest.machine.hart().x[5] == line.flags);
  }
}

namespace {
/// What a timing model is told, each instruction by itself or many at a time.
struct Recorder : iss::Observer {
  explicit Recorder(bool each) : each(each) {}
  bool wantsEach() const override { return each; }
  void retired(uint64_t, const iss::Op &, const iss::Hart &, const hw::rvv::Retired &retired) override {
    all.push_back(retired);
  }
  void retiredMany(std::span<const hw::rvv::Retired> many) override { all.insert(all.end(), many.begin(), many.end()); }
  bool each;
  std::vector<hw::rvv::Retired> all;
};

bool sameGroup(hw::rvv::RegisterGroup a, hw::rvv::RegisterGroup b) { return a.first == b.first && a.count == b.count; }
bool same(const hw::rvv::Retired &a, const hw::rvv::Retired &b) {
  return a.cls == b.cls && std::ranges::equal(a.scalarReads, b.scalarReads) && a.scalarWrite == b.scalarWrite &&
         std::ranges::equal(a.vectorReads, b.vectorReads, sameGroup) && sameGroup(a.vectorWrite, b.vectorWrite) &&
         a.masked == b.masked && a.keepsOld == b.keepsOld && a.taken == b.taken && a.sewBits == b.sewBits &&
         a.sourceBits == b.sourceBits && a.resultBits == b.resultBits && a.lmulEighths == b.lmulEighths &&
         a.vl == b.vl && a.vlmax == b.vlmax && a.address == b.address && a.strideBytes == b.strideBytes &&
         a.elements == b.elements && a.elementBytes == b.elementBytes && a.fields == b.fields;
}
} // namespace

TEST_CASE("a timing model is told the same of many instructions at a time as of each") {
  const Selection selection = select();
  for (const unsigned vlenBits : {128u, 512u}) {
    std::vector<Stream> streams;
    std::vector<const Stream *> pointers;
    for (uint64_t seed = 1; seed <= 100; ++seed)
      streams.push_back(generate(seed, vlenBits, 24, selection));
    for (const Stream &stream : streams)
      pointers.push_back(&stream);
    const Program program = buildProgram(pointers);
    std::vector<hw::rvv::Retired> told[2];
    std::vector<std::byte> output[2];
    for (const bool each : {false, true}) {
      Result<LoadedProgram> loaded = loadInSimulator(program);
      REQUIRE(loaded);
      collectOutput(loaded->machine, output[each]);
      Recorder recorder(each);
      const iss::Outcome outcome = loaded->machine.run({.maxInstructions = 10'000'000, .observer = &recorder});
      REQUIRE(failureOf(outcome, output[each].size(), program) == "");
      CHECK(recorder.all.size() == outcome.instructions);
      told[each] = std::move(recorder.all);
    }
    CHECK(output[0] == output[1]);
    REQUIRE(told[0].size() == told[1].size());
    for (size_t i = 0; i < told[0].size(); ++i) {
      INFO("instruction " << i << ", " << hw::rvv::nameOf(told[1][i].cls));
      if (!same(told[0][i], told[1][i]))
        FAIL("differs");
    }
  }
}
