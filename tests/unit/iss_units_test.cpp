// Custom units' instructions in the simulator: decoding, legality, results, a co-simulation beside them.
#include "kernels/units/RandomCalls.h"
#include "sim/iss/Decode.h"
#include "sim/iss/Machine.h"
#include "sim/iss/Units.h"
#include "tests/unit/iss_assembler.h"
#include "tests/unit/iss_vector_guest.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <functional>

using namespace weft;
using namespace weft::iss;
using Catch::Matchers::Contains;

namespace {

constexpr uint64_t alternateBit = 1 << 8;

const units::Instruction &instructionNamed(std::string_view name) {
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &each : unit.instructions)
      if (each.name == name)
        return each;
  throw std::invalid_argument("no instruction " + std::string(name));
}

/// A hart with all units.
struct UnitGuest : iss::test::Guest {
  explicit UnitGuest(uint32_t vlenBits) : Guest(vlenBits) { hart.isa.units = ~uint32_t{0}; }

  uint64_t configureAlternate(unsigned sew, int lmulLog2, uint64_t length, bool alternate) {
    hart.x[30] = length;
    hart.x[31] = typeOf(sew, lmulLog2) | (alternate ? alternateBit : 0);
    run("vsetvl", {29, 30, 31});
    return hart.vector.vl;
  }
  void set(unsigned first, const std::vector<std::byte> &bytes) {
    std::copy(bytes.begin(), bytes.end(), hart.vectorRegister(first));
  }
};

/// Registers for a call: groups of eight below each other, so that any LMUL is aligned, and v0 is the mask's.
struct Places {
  unsigned vd = 8, vs2 = 16, vs1 = 24;
};

uint32_t encode(const units::Instruction &instruction, const units::RandomCall &call, const Places &places) {
  uint32_t third = instruction.format == units::Format::VectorImmediate ? call.call.immediate
                   : call.vs1Registers != 0                             ? places.vs1
                                                                        : 10u; // a0 or fa0
  uint32_t second = places.vs2 | (instruction.format == units::Format::Batched ? call.call.immediate : 0);
  uint32_t fields = places.vd << 7 | third << 15 | second << 20 | uint32_t{call.call.mask == nullptr} << 25;
  return instruction.match | (fields & ~instruction.mask);
}

void place(UnitGuest &guest, const units::RandomCall &call, const Places &places) {
  guest.set(places.vs2, call.vs2);
  guest.set(places.vs1, call.vs1);
  guest.set(places.vd, call.vd);
  guest.set(0, call.mask);
  guest.hart.x[10] = call.call.scalar;
  uint32_t bits = bitsOf(call.form->third);
  guest.hart.f[10] = call.call.scalar | (bits < 64 ? ~uint64_t{0} << bits : 0);
  guest.hart.fflags = 0;
}

/// Elements that no instruction may change: beyond vl, and those that the mask leaves out.
void checkUntouched(const units::Instruction &instruction, const units::RandomCall &call,
                    const std::vector<std::byte> &before) {
  const size_t bytes = bitsOf(call.form->vd) / 8;
  const bool isBatched = instruction.format == units::Format::Batched;
  const size_t begin = isBatched ? call.call.immediate * 8 : 0, end = isBatched ? begin + 8 : call.call.vl;
  for (size_t i = 0; i < before.size() / bytes; ++i) {
    bool isActive =
        i >= begin && i < end && (!call.call.mask || (static_cast<uint8_t>(call.mask[i / 8]) >> (i % 8) & 1));
    if (!isActive)
      CHECK(std::memcmp(call.vd.data() + i * bytes, before.data() + i * bytes, bytes) == 0);
  }
}

} // namespace

namespace weft::test {

void checkRandomCalls(std::string_view name) {
  const units::Instruction &instruction = instructionNamed(name);
  size_t changed = 0;
  for (uint32_t vlen : {128u, 256u, 512u, 1024u}) {
    units::RandomCalls calls(instruction, vlen, vlen);
    for (int i = 0; i < 300; ++i) {
      units::RandomCall call = calls.next();
      // Every other time the destination is a source, where that is legal.
      Places places;
      if (i % 2 && instruction.format != units::Format::Batched) {
        places.vd = places.vs2;
        call.vd = call.vs2;
        call.call.vd = call.vd.data();
      }
      UnitGuest guest(vlen);
      REQUIRE(guest.configureAlternate(call.form->sewBits, call.lmulLog2, call.call.vl, call.form->alternate) ==
              call.call.vl);
      place(guest, call, places);
      std::vector<std::byte> before = call.vd;
      uint32_t word = ::encode(instruction, call, places);
      INFO(fmt::format("VLEN {}, call {}: {}", vlen, i, disassemble(decode(word, guest.hart.isa), 0)));
      REQUIRE(guest.runWord(word));
      std::vector<std::byte> sourceBefore = call.vs2;
      uint8_t flags = instruction.golden(call.call);
      CHECK(sourceBefore == call.vs2);
      CHECK(std::memcmp(guest.hart.vectorRegister(places.vd), call.vd.data(), call.vd.size()) == 0);
      if (places.vd != places.vs2)
        CHECK(std::memcmp(guest.hart.vectorRegister(places.vs2), call.vs2.data(), call.vs2.size()) == 0);
      CHECK(guest.hart.fflags == flags);
      CHECK((flags & ~instruction.flags) == 0);
      checkUntouched(instruction, call, before);
      changed += before != call.vd;
    }
  }
  CHECK(changed > 300);
}

} // namespace weft::test

#include "kernels/units/UnitTests.inc"

TEST_CASE("units' encodings are nobody else's, and those of the coprocessor interface are LLVM's") {
  weft::test::RiscvTools standard, withVcix("+xsfvcp");
  hw::Isa none, all;
  all.units = ~uint32_t{0};
  std::mt19937 random(5);
  size_t vcix = 0;
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &each : unit.instructions)
      for (int i = 0; i < 500; ++i) {
        uint32_t word = (static_cast<uint32_t>(random()) & ~each.mask) | each.match;
        INFO(fmt::format("{} {:#010x}", each.name, word));
        CHECK(standard.disassemble(word, 0).text.empty());
        CHECK(decode(word, none).opcode == Opcode::Illegal);
        Op op = decode(word, all);
        CHECK(nameOf(op.opcode) == each.name);
        hw::Isa one;
        one.units = 1u << (&unit - units::all().data());
        CHECK(decode(word, one).opcode == op.opcode);
        std::optional<units::Vcix> interface = each.vcix();
        CHECK(interface.has_value() == ((word & 0x7f) == 0x5b));
        if (!interface)
          continue;
        ++vcix;
        std::string form(interface->intrinsic.substr(std::string_view("llvm.riscv.").size()));
        std::string third =
            each.format == units::Format::Vector ? "0" : disassemble(op, 0).substr(disassemble(op, 0).rfind(' ') + 1);
        CHECK(withVcix.disassemble(word, 0).text ==
              fmt::format("{} {}, v{}, v{}, {}", form, interface->opcode, op.rd, op.rs2, third));
      }
  CHECK(vcix == 1000);
}

TEST_CASE("unit instructions read as text") {
  hw::Isa isa;
  isa.units = ~uint32_t{0};
  auto text = [&](uint32_t word) { return disassemble(decode(word, isa), 0); };
  CHECK(text(0xb2c42457) == "vqdot.vv v8, v12, v8");
  CHECK(text(0xb0c42457) == "vqdot.vv v8, v12, v8, v0.t");
  CHECK(text(0xb2c56457) == "vqdot.vx v8, v12, a0");
  CHECK(text(0xb32c1477) == "vfwbdota.vv v8, v16, v24, 2");
  CHECK(text(0xb92c0477) == "vqwbdotau.vv v8, v16, v24, 2, v0.t");
  CHECK(text(0x2480345b) == "wf.vexp.v v8, v8");
  CHECK(text(0x2c85545b) == "wf.vexpsub.vf v8, v8, fa0");
  CHECK(text(0x0030050b) == "mesh.get a0, 3");
  CHECK(text(0x0045100b) == "mesh.put 4, a0");
}

TEST_CASE("what a description does not allow is an illegal instruction") {
  struct Case {
    std::string_view why, name;
    unsigned sew;
    int lmul;
    bool alternate;
    iss::test::Operands operands;
    bool isLegal;
  };
  const Case cases[] = {
      {"as described", "vqdot.vv", 32, 1, false, {8, 12, 10}, true},
      {"SEW", "vqdot.vv", 16, 1, false, {8, 12, 10}, false},
      {"altfmt", "vqdot.vv", 32, 1, true, {8, 12, 10}, false},
      {"vd not aligned", "vqdot.vv", 32, 1, false, {9, 12, 10}, false},
      {"vs2 not aligned", "vqdot.vv", 32, 1, false, {8, 12, 11}, false},
      {"vs1 not aligned", "vqdot.vv", 32, 1, false, {8, 13, 10}, false},
      {"rs1 is no group", "vqdot.vx", 32, 1, false, {8, 13, 10}, true},
      {"vd is vs2", "vqdot.vv", 32, 1, false, {8, 12, 8}, true},
      {"masked, and vd is v0", "vqdot.vv", 32, 0, false, {0, 12, 10, false}, false},
      {"masked, and vs2 is v0", "vqdot.vv", 32, 0, false, {8, 12, 0, false}, false},
      {"masked, and vs1 is v0", "vqdot.vv", 32, 0, false, {8, 0, 10, false}, false},
      {"not masked, and vd is v0", "vqdot.vv", 32, 0, false, {0, 12, 10}, true},
      {"LMUL", "vfwbdota.vv", 16, 1, true, {8, 24, 16}, false},
      {"batched as described", "vfwbdota.vv", 16, 0, true, {8, 24, 16}, true},
      {"altfmt is missing", "vfwbdota.vv", 16, 0, false, {8, 24, 16}, false},
      {"ci beyond vd", "vfwbdota.vv", 16, 0, true, {8, 24, 17}, false},
      {"vd in vs2", "vfwbdota.vv", 16, 0, true, {20, 24, 16}, false},
      {"vd in vs1", "vfwbdota.vv", 16, 0, true, {24, 24, 16}, false},
      {"vs1 in vs2", "vfwbdota.vv", 16, 0, true, {8, 18, 16}, true},
      {"both signs", "vqwbdotau.vv", 8, 0, true, {8, 24, 16}, true},
      {"both signs", "vqwbdotau.vv", 8, 0, false, {8, 24, 16}, true},
      {"f32", "wf.vexp.v", 32, 3, false, {8, 0, 16}, true},
      {"bf16", "wf.vexp.v", 16, -2, false, {8, 0, 16}, true},
      {"no f64", "wf.vexp.v", 64, 0, false, {8, 0, 16}, false},
      {"no bytes", "wf.vexp.v", 8, 0, false, {8, 0, 16}, false},
  };
  for (const Case &each : cases) {
    UnitGuest guest(256);
    guest.configureAlternate(each.sew, each.lmul, 1000, each.alternate);
    INFO(each.name << ": " << each.why);
    CHECK(guest.isIllegal(each.name, each.operands) == !each.isLegal);
    if (!each.isLegal)
      continue;
    guest.hart.vector.vstart = 1;
    CHECK(guest.isIllegal(each.name, each.operands));
    guest.hart.vector.vstart = 0;
    guest.hart.vector.illegal = true;
    CHECK(guest.isIllegal(each.name, each.operands));
  }
  // A group of two registers at VLEN 128.
  UnitGuest small(128);
  small.configureAlternate(16, 0, 8, true);
  CHECK(small.isIllegal("vfwbdota.vv", {9, 24, 16}));
  CHECK_FALSE(small.isIllegal("vfwbdota.vv", {10, 24, 16}));
  UnitGuest large(1024);
  large.configureAlternate(16, 0, 8, true);
  CHECK_FALSE(large.isIllegal("vfwbdota.vv", {9, 24, 16 + 3}));
  CHECK(large.isIllegal("vfwbdota.vv", {9, 24, 16 + 4}));
  // Flags belong to a unit that may be off.
  large.hart.privileged.floatEnabled = false;
  CHECK(large.isIllegal("vfwbdota.vv", {9, 24, 16}));
}

TEST_CASE("altfmt is reserved without a unit that asks for it") {
  for (std::string_view unit : {"dot", "exp", "mesh-port", ""}) {
    UnitGuest guest(256);
    guest.hart.isa.units = unit.empty() ? 0 : 1u << (units::find(unit) - units::all().data());
    guest.configureAlternate(16, 0, 4, true);
    CHECK(guest.hart.vector.illegal == (unit != "dot"));
    CHECK((guest.hart.vector.vtype >> 63 & 1) == (unit != "dot"));
  }
}

TEST_CASE("altfmt changes nothing for integers and is reserved for floating point") {
  for (bool alternate : {false, true}) {
    UnitGuest guest(256);
    guest.configureAlternate(32, 0, 8, alternate);
    CHECK(guest.isIllegal("vfadd.vv", {8, 9, 10}) == alternate);
    CHECK_FALSE(guest.isIllegal("vadd.vv", {8, 9, 10}));
  }
}

TEST_CASE("a scalar that is not NaN-boxed is a NaN") {
  UnitGuest guest(128);
  guest.configure(32, 0, 4);
  guest.hart.f[10] = 0x3f800000; // one, but not boxed
  REQUIRE(guest.run("wf.vexpsub.vf", {8, 10, 16}));
  CHECK(guest.element(8, 32, 0) == 0x7fc00000);
}

namespace {

/// A program that runs two unit instructions in a loop, as words.
std::vector<uint32_t> loopProgram() {
  return {0x00300293,  // li t0, 3
          0x0d007057,  // vsetvli zero, zero, e32, m1, ta, ma: vl stays, VLMAX after the next
          0xcd047057,  // vsetivli zero, 8, e32, m1, ta, ma
          0xb2c42457,  // loop: vqdot.vv v8, v12, v8
          0x2480345b,  // wf.vexp.v v8, v8
          0xfff28293,  // addi t0, t0, -1
          0xfe029ae3,  // bnez t0, loop
          0x05d00893,  // li a7, 93
          0x00000513,  // li a0, 0
          0x00000073}; // ecall
}

struct Board {
  static constexpr uint64_t base = 0x10000;
  std::vector<std::byte> ram = std::vector<std::byte>(4096);
  Machine machine;

  explicit Board(const std::vector<uint32_t> &words, uint32_t unitSet = ~uint32_t{0}) : machine(isaWith(unitSet)) {
    std::memcpy(ram.data(), words.data(), words.size() * 4);
    machine.memory().add({base, ram, Memory::Read | Memory::Write | Memory::Execute});
    Hart &hart = machine.hart();
    hart.pc = base;
    for (size_t i = 0; i < 32 * hart.isa.vlenBytes(); ++i)
      hart.v[i] = static_cast<std::byte>(i * 37 + 11);
  }
  static hw::Isa isaWith(uint32_t units) {
    hw::Isa isa{.vlenBits = 256};
    isa.units = units;
    return isa;
  }
};

struct Watcher : Observer {
  bool each;
  std::vector<hw::rvv::Retired> seen;
  explicit Watcher(bool each) : each(each) {}
  bool wantsEach() const override { return each; }
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &one) override { seen.push_back(one); }
  void retiredMany(std::span<const hw::rvv::Retired> many) override {
    seen.insert(seen.end(), many.begin(), many.end());
  }
};

/// A second golden model, wrong at the call with number `wrongAt`.
struct Partner : UnitPartner {
  size_t unit;
  uint64_t wrongAt;
  bool fails = false;
  Partner(std::string_view unit, uint64_t wrongAt)
      : unit(static_cast<size_t>(units::find(unit) - units::all().data())), wrongAt(wrongAt) {}
  bool runs(size_t each) const override { return each == unit; }
  std::string replay() const override { return "replay it with this"; }
  Result<uint8_t> execute(size_t, const units::Instruction &instruction, uint32_t,
                          const units::VectorCall &call) override {
    if (fails)
      return userError("the RTL hangs");
    uint8_t flags = instruction.golden(call);
    if (calls == wrongAt)
      call.vd[5] ^= std::byte{1};
    return flags;
  }
};

} // namespace

TEST_CASE("all ways to run a program give unit instructions the same meaning") {
  Board fast(loopProgram());
  Outcome outcome = fast.machine.run();
  INFO(describe(outcome));
  REQUIRE(outcome.stop == Stop::Exited);
  CHECK(outcome.instructions == 18);
  for (bool each : {true, false}) {
    Board other(loopProgram());
    Watcher watcher(each);
    REQUIRE(other.machine.run({.observer = &watcher}).stop == Stop::Exited);
    CHECK(other.machine.hart().v == fast.machine.hart().v);
    auto isUnit = [](const hw::rvv::Retired &one) { return one.cls == hw::rvv::OpClass::VCustom; };
    CHECK(std::count_if(watcher.seen.begin(), watcher.seen.end(), isUnit) == 6);
  }
  std::vector<uint32_t> bulk = {0xcd047057, 0xb32c1477}; // vsetivli zero, 8, e32, …; vfwbdota.vv v8, v16, v24, 2
  outcome = Board(bulk).machine.run();
  CHECK_THAT(describe(outcome), Contains("vfwbdota.vv") && Contains("reserved while SEW is 32, LMUL 1, altfmt 0"));
  Board without(loopProgram(), 0);
  outcome = without.machine.run();
  CHECK(outcome.stop == Stop::Trapped);
  CHECK_THAT(describe(outcome), Contains("vqdot.vv v8, v12, v8") && Contains("it needs xweftdot, which the core"));
}

TEST_CASE("a co-simulation runs beside the golden model, and a difference ends the program") {
  Board board(loopProgram());
  Partner right("exp", 100);
  board.machine.hart().unitPartner = &right;
  REQUIRE(board.machine.run().stop == Stop::Exited);
  CHECK(right.calls == 3);
  Board alone(loopProgram());
  REQUIRE(alone.machine.run().stop == Stop::Exited);
  CHECK(alone.machine.hart().v == board.machine.hart().v);

  for (bool hasHandler : {false, true}) {
    Board wrong(loopProgram());
    Partner partner("dot", 1);
    wrong.machine.hart().unitPartner = &partner;
    wrong.machine.hart().privileged.mtvec = hasHandler ? Board::base : 0;
    Outcome outcome = wrong.machine.run();
    CHECK(outcome.stop == Stop::Trapped);
    CHECK(partner.calls == 1);
    CHECK(outcome.pc == Board::base + 12);
    CHECK_THAT(describe(outcome), Contains("a unit's result is not that of its golden model") &&
                                      Contains("unit dot, call 1: vqdot.vv v8, v12, v8") && Contains("vs2 ") &&
                                      Contains("golden ") && Contains("other ") && Contains("replay it with this"));
  }
  Board hanging(loopProgram());
  Partner partner("dot", 0);
  partner.fails = true;
  hanging.machine.hart().unitPartner = &partner;
  CHECK_THAT(describe(hanging.machine.run()), Contains("the RTL hangs"));
}

TEST_CASE("the timing model is told what a unit instruction reads, writes and takes") {
  UnitGuest guest(256);
  guest.configure(32, 1, 16);
  auto told = [&](std::string_view name, const iss::test::Operands &operands) {
    return describeForTiming(decode(iss::test::encode(name, operands), guest.hart.isa), guest.hart);
  };
  hw::rvv::Retired dot = told("vqdot.vv", {8, 12, 10});
  const units::Unit &unit = *units::find("dot");
  const units::Pipeline &bytes = unit.pipelines[instructionNamed("vqdot.vv").pipeline];
  CHECK(dot.cls == hw::rvv::OpClass::VCustom);
  CHECK(dot.unit == &unit - units::all().data());
  CHECK(dot.unitLatency == bytes.latency);
  const units::Pipeline &rows = unit.pipelines[instructionNamed("vfwbdota.vv").pipeline];
  CHECK((rows.latency(256, 128) == 7 && rows.latency(256, 256) == 6 && rows.latency(1024, 64) == 21));
  CHECK(dot.unitInterval == bytes.interval);
  CHECK((dot.vectorReads[0].first == 10 && dot.vectorReads[0].count == 2));
  CHECK((dot.vectorReads[1].first == 12 && dot.vectorReads[1].count == 2));
  CHECK((dot.vectorReads[2].first == 8 && dot.vectorReads[2].count == 2));
  CHECK((dot.vectorWrite.first == 8 && dot.vectorWrite.count == 2));
  CHECK(told("vqdot.vx", {8, 12, 10}).scalarReads[0] == 12);
  CHECK(told("wf.vexpsub.vf", {8, 12, 10}).scalarReads[0] == 32 + 12);
  CHECK(told("wf.vexpsub.vf", {8, 12, 10}).vectorReads[2].count == 0);
  guest.configureAlternate(16, 0, 16, true);
  hw::rvv::Retired bulk = told("vfwbdota.vv", {8, 24, 16});
  CHECK((bulk.vectorReads[0].count == 8 && bulk.vectorReads[1].count == 1 && bulk.vectorWrite.count == 1));
  CHECK((bulk.unitGathers && bulk.unitRows == 8));
}
