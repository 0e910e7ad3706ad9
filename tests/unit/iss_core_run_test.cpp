// Programs on the machine: traps, calls of the simulator, privilege, limits, code that changes. Each runs on the fast
// path and on the observed one; both must leave the same state.
#include "sim/iss/Csr.h"
#include "sim/iss/Machine.h"
#include "tests/unit/iss_assembler.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

using namespace weft;
using namespace weft::iss;

namespace {

constexpr uint64_t base = 0x80000000, bytes = 1 << 16;

const test::RiscvTools &tools() {
  static const test::RiscvTools instance;
  return instance;
}

struct Counter : Observer {
  uint64_t count = 0;
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &) override { ++count; }
};

/// A machine with one range of memory, and a program at its beginning.
struct Board {
  std::vector<std::byte> ram = std::vector<std::byte>(bytes);
  Machine machine{hw::Isa{}};
  std::string output;
  Outcome outcome;

  explicit Board(const std::string &program) {
    std::vector<std::byte> code = tools().assemble(program);
    REQUIRE(code.size() <= bytes);
    std::copy(code.begin(), code.end(), ram.begin());
    machine.memory().add({base, ram, Memory::Read | Memory::Write | Memory::Execute});
    machine.output = [this](int, std::string_view text) { output += text; };
    machine.hart().pc = base;
  }

  uint64_t x(unsigned i) { return machine.hart().x[i]; }
};

/// Counts many at a time.
struct BatchCounter : Counter {
  bool wantsEach() const override { return false; }
  void retiredMany(std::span<const hw::rvv::Retired> many) override { count += many.size(); }
};

/// The program's end after a run on all paths, which must agree.
struct Both {
  Board fast, observed, recorded;
  Counter counter;
  BatchCounter batches;

  explicit Both(const std::string &program, uint64_t limit = 100'000)
      : fast(program), observed(program), recorded(program) {
    RunOptions options;
    options.maxInstructions = limit;
    fast.outcome = fast.machine.run(options);
    options.observer = &counter;
    observed.outcome = observed.machine.run(options);
    options.observer = &batches;
    recorded.outcome = recorded.machine.run(options);
    CHECK(counter.count == observed.outcome.instructions);
    CHECK(batches.count == recorded.outcome.instructions);
    compare(observed);
    compare(recorded);
  }

  void compare(Board &other) {
    const Outcome &a = fast.outcome, &b = other.outcome;
    CHECK(a.stop == b.stop);
    CHECK(a.exitCode == b.exitCode);
    CHECK(a.instructions == b.instructions);
    CHECK(a.pc == b.pc);
    CHECK(a.word == b.word);
    CHECK(fast.machine.hart().pc == other.machine.hart().pc);
    CHECK(fast.machine.hart().x == other.machine.hart().x);
    CHECK(fast.machine.hart().privileged.retired == other.machine.hart().privileged.retired);
    CHECK(fast.ram == other.ram);
    CHECK(fast.output == other.output);
  }
  Outcome &outcome() { return fast.outcome; }
  uint64_t x(unsigned i) { return fast.x(i); }
};

const std::string exitWith = "\n li a7, 93\n ecall\n";

} // namespace

TEST_CASE("A program ends by an exit call with its code") {
  Both run("li a0, 42" + exitWith);
  CHECK(run.outcome().stop == Stop::Exited);
  CHECK(run.outcome().exitCode == 42);
  CHECK(run.outcome().instructions == 3);
  CHECK(describe(run.outcome()).empty());
}

TEST_CASE("write reaches the host, and its errors come back as Linux numbers them") {
  Both run(R"(
    li a0, 1
    lla a1, text
    li a2, 6
    li a7, 64
    ecall
    mv s0, a0
    li a0, 7
    ecall
    mv s1, a0
    li a0, 2
    li a1, 64
    ecall
    mv s2, a0
    li a0, 0
    li a7, 94
    ecall
    text: .ascii "hello\n"
  )");
  CHECK(run.fast.output == "hello\n");
  CHECK(run.x(8) == 6);
  CHECK(static_cast<int64_t>(run.x(9)) == -9);
  CHECK(static_cast<int64_t>(run.x(18)) == -14);
  CHECK(run.outcome().stop == Stop::Exited);
}

TEST_CASE("An unknown system call is named") {
  Both run("li a7, 1234\n ecall");
  CHECK(run.outcome().stop == Stop::Trapped);
  CHECK(describe(run.outcome()).find("number 1234") != std::string::npos);
}

TEST_CASE("Traps without a handler stop with address, word and text") {
  struct Case {
    const char *program;
    Cause cause;
    uint64_t pc, value;
    const char *message;
  };
  const Case cases[] = {
      {"nop\n nop\n .4byte 0xffffffff", Cause::IllegalInstruction, base + 4, 0xffffffff,
       "illegal instruction at 0x80000004: 0xffffffff (.word 0xffffffff); the simulator knows no such instruction: it "
       "is "
       "data, reserved, or of an extension beyond RV64GCV with half precision and bfloat16"},
      {".2byte 0", Cause::IllegalInstruction, base, 0,
       "illegal instruction at 0x80000000: 0x0000 (.half 0x0000); memory is zero there: the "
       "program jumped to what is no code, or ran past its end"},
      {"li a0, 16\n ld a1, 8(a0)", Cause::LoadFault, base + 2, 24,
       "load outside readable memory at 0x80000002, address 0x18: 0x650c (ld a1, 8(a0))"},
      {"li a0, -4\n sw a1, 0(a0)", Cause::StoreFault, base + 2, ~uint64_t{3},
       "store outside writable memory at 0x80000002, address 0xfffffffffffffffc: 0xc10c (sw a1, 0(a0))"},
      {"li a0, 64\n jr a0", Cause::FetchFault, 64, 64, "instruction fetch outside executable memory at 0x40"},
      {"ebreak", Cause::Breakpoint, base, base, "breakpoint at 0x80000000: 0x9002 (ebreak)"},
      {"csrr a0, 0x7a0", Cause::IllegalInstruction, base, 0x7a002573,
       "illegal instruction at 0x80000000: 0x7a002573 (csrrs a0, 1952, zero); the simulator has no control "
       "register 0x7a0"},
      {"csrw cycle, a0", Cause::IllegalInstruction, base, 0xc0051073,
       "illegal instruction at 0x80000000: 0xc0051073 (csrrw zero, cycle, a0); the control register cycle "
       "(0xc00) is read-only"},
      {"auipc a0, 0\n addi a0, a0, 1\n lr.w a1, (a0)", Cause::LoadMisaligned, base + 6, base + 1,
       "misaligned atomic load at 0x80000006, address 0x80000001: 0x100525af (lr.w a1, (a0))"},
      {"auipc a0, 0\n addi a0, a0, 4\n amoadd.d a1, a2, (a0)", Cause::StoreMisaligned, base + 6, base + 4,
       "misaligned atomic store at 0x80000006, address 0x80000004: 0x00c535af (amoadd.d a1, a2, (a0))"},
  };
  for (const Case &c : cases) {
    INFO(c.program);
    Both run(c.program);
    CHECK(run.outcome().stop == Stop::Trapped);
    CHECK(run.outcome().trap.cause == c.cause);
    CHECK(run.outcome().pc == c.pc);
    CHECK(run.outcome().trap.value == c.value);
    CHECK(describe(run.outcome()) == c.message);
  }
}

TEST_CASE("An instruction that the core refuses says why, and what to do") {
  struct Case {
    const char *program, *reason;
  };
  const Case cases[] = {
      {".4byte 0x0420f0d3", "; it needs zfh, which the core (rv64gcv_zvl256b) lacks: build the program without it"},
      {"vsetivli x0, 4, e16, m1, ta, ma\n vfadd.vv v8, v9, v10", "; it needs zvfh, which the core (rv64gcv_zvl256b)"},
      {"vadd.vv v8, v9, v10", "; vtype is not set"},
      {"vsetivli x0, 4, e8, m2, ta, ma\n vadd.vv v9, v10, v12", "; it is reserved while SEW is 8, LMUL 2 and vstart 0"},
      {"li a0, 0x600\n csrc mstatus, a0\n vsetivli x0, 4, e8, m1, ta, ma", "; the vector unit is off: set mstatus.VS"},
      {"li a0, 0x600\n csrc mstatus, a0\n csrr a0, vl", "vl (0xc20) belongs to a unit that is off"},
      {"lui a0, 6\n csrc mstatus, a0\n fadd.s fa0, fa0, fa0", "; the floating-point unit is off: set mstatus.FS"},
      {"lui a0, 6\n csrc mstatus, a0\n vsetivli x0, 4, e32, m1, ta, ma\n vfadd.vv v8, v9, v10",
       "; the floating-point unit is off"},
      {"fsrmi 5\n fadd.s fa0, fa0, fa0", "; its rounding mode is none; frm holds 5"},
      {"fsrmi 6\n vsetivli x0, 4, e32, m1, ta, ma\n vfadd.vv v8, v9, v10", "; frm holds 6, which is no rounding mode"},
  };
  for (const Case &c : cases) {
    INFO(c.program);
    Both run(c.program);
    CHECK(run.outcome().trap.cause == Cause::IllegalInstruction);
    INFO(describe(run.outcome()));
    CHECK(describe(run.outcome()).find(c.reason) != std::string::npos);
  }
}

TEST_CASE("The limit counts instructions that trap, and the message says how many did") {
  Both run(R"(
    lla a0, handler
    csrw mtvec, a0
    again: .4byte 0xffffffff
    .balign 4
    handler: j again
  )",
           1003);
  CHECK(run.outcome().stop == Stop::Limit);
  CHECK(run.outcome().trapped == 500);
  CHECK(describe(run.outcome()).find("still running after 1003 instructions (503 retired, 500 trapped), at 0x") == 0);
}

TEST_CASE("An instruction cut off by the end of memory is a fetch fault at the missing half") {
  Board board("nop");
  board.ram[bytes - 2] = std::byte{0x13}; // the first half of an addi
  board.machine.hart().pc = base + bytes - 2;
  Outcome outcome = board.machine.run();
  CHECK(outcome.stop == Stop::Trapped);
  CHECK(outcome.trap.cause == Cause::FetchFault);
  CHECK(outcome.trap.value == base + bytes);
}

TEST_CASE("Endless loops end by the limit, exactly counted") {
  for (uint64_t limit : {0, 1, 2, 3, 63, 64, 65, 1000, 4097}) {
    INFO(limit);
    Both self("j .", limit);
    CHECK(self.outcome().stop == Stop::Limit);
    CHECK(self.outcome().instructions == limit);
    Both counting("1: addi a0, a0, 1\n addi a1, a1, 1\n addi a2, a2, 1\n bnez a0, 1b", limit);
    CHECK(counting.outcome().instructions == limit);
    CHECK(counting.x(10) == (limit + 3) / 4);
    CHECK(counting.x(11) == (limit + 2) / 4);
    CHECK(counting.x(12) == (limit + 1) / 4);
  }
  Both message("j .", 5);
  CHECK(describe(message.outcome()) == "still running after 5 instructions, at 0x80000000");
}

TEST_CASE("A handler that traps itself ends by the limit") {
  Both run("lla a0, 1f\n csrw mtvec, a0\n .balign 4\n 1: .4byte 0\n", 1000);
  CHECK(run.outcome().stop == Stop::Limit);
  CHECK(run.outcome().instructions < 10);
}

TEST_CASE("Machine and user mode go the way that test programs take them") {
  // As riscv-tests' environment does: a handler, then user mode by mret, then ecall back, then tohost.
  Both run(R"(
    lla t0, handler
    csrw mtvec, t0
    csrwi mstatus, 0
    csrwi medeleg, 0
    csrwi mideleg, 0
    csrwi mie, 0
    csrwi satp, 0
    csrwi pmpcfg0, 0
    csrr a0, mhartid
    lla t0, user
    csrw mepc, t0
    mret
  user:
    li gp, 1             # user mode: FS is off
    .4byte 0x0005f053    # fadd.s: illegal here
    csrr a1, mstatus     # illegal in user mode
    ecall
    .balign 4
  handler:
    csrr s2, mcause
    csrr s3, mepc
    csrr s4, mstatus
    li s5, 8
    addi s1, s1, 1
    beq s2, s5, 1f
    csrr s6, mtval
    addi s3, s3, 4
    csrw mepc, s3
    mret
  1: li a0, 7
    csrw mtvec, zero
    li a7, 93
    ecall
  )");
  INFO(describe(run.outcome()));
  CHECK(run.outcome().stop == Stop::Exited);
  CHECK(run.outcome().exitCode == 7);
  CHECK(run.x(9) == 3);              // traps
  CHECK(run.x(18) == 8);             // user call
  CHECK((run.x(20) >> 11 & 3) == 0); // MPP: from user mode
  CHECK(run.x(22) == 0x300025f3);    // the word of csrr a1, mstatus
  CHECK(run.fast.machine.hart().privileged.mode == Mode::Machine);
}

TEST_CASE("FS and VS switched off make their instructions illegal, and on again legal") {
  Both run(R"(
    lla t0, handler
    csrw mtvec, t0
    li t1, 0x6600
    li s1, 0
    vsetivli a0, 4, e32, m1, ta, ma
    csrc mstatus, t1
    vsetivli a0, 4, e32, m1, ta, ma
    csrr a1, vl
    csrr a1, fcsr
    csrs mstatus, t1
    vsetivli a0, 3, e32, m1, ta, ma
    csrw mtvec, zero
    li a7, 93
    ecall
    .balign 4
  handler:
    addi s1, s1, 1
    csrr t2, mepc
    addi t2, t2, 4
    csrw mepc, t2
    mret
  )");
  INFO(describe(run.outcome()));
  CHECK(run.outcome().stop == Stop::Exited);
  CHECK(run.x(9) == 3);
  CHECK(run.x(10) == 3);
}

TEST_CASE("With an observer that counts cycles the clock reads those of all before it, else instructions") {
  // Two cycles an instruction, told one by one or many at a time.
  struct TwoEach : Counter {
    explicit TwoEach(bool wantsAll) : wantsAll(wantsAll) {}
    bool wantsEach() const override { return wantsAll; }
    void retiredMany(std::span<const hw::rvv::Retired> many) override { count += many.size(); }
    std::optional<uint64_t> cycles() const override { return 2 * count; }
    bool wantsAll;
  };
  const std::string program = R"(
    nop
    rdcycle a0
    rdtime a1
    rdinstret a2
    li t0, 300
    again: addi t0, t0, -1
    bnez t0, again
    rdcycle a3
    li t1, 1000
    csrw mcycle, t1
    nop
    csrr a4, mcycle
    rdinstret a5
  )" + exitWith;
  for (const bool wantsEach : {true, false}) {
    TwoEach observer(wantsEach);
    Board board(program);
    board.outcome = board.machine.run({.observer = &observer});
    CHECK(board.outcome.stop == Stop::Exited);
    CHECK(board.x(11) == 4); // rdtime, after two
    CHECK(board.x(12) == 3);
    CHECK(board.x(13) == 2 * 605);
    CHECK(board.x(14) == 1004); // the write itself and a nop
    CHECK(board.x(15) == 610);
    CHECK(observer.count == board.outcome.instructions);
  }
  Both plain(program);
  CHECK(plain.x(11) == 2);
  CHECK(plain.x(13) == 605);
  CHECK(plain.x(14) == 1001);
}

TEST_CASE("Counters count retired instructions, and can be written") {
  Both run(R"(
    rdinstret a0
    nop
    nop
    rdcycle a1
    li t0, 1000
    csrw minstret, t0
    csrr a2, minstret
    csrr a3, minstret
    rdtime a4
  )" + exitWith);
  CHECK(run.x(11) - 0 == 3);
  CHECK(run.x(12) == 1000);
  CHECK(run.x(13) == 1001);
  CHECK(run.x(14) == 8);
}

TEST_CASE("Code that a program writes runs after fence.i, and after a store too") {
  // Replaces `addi a0, a0, 1` at 1: by `addi a0, a0, 16`, in a loop that has run it before.
  for (const char *fence : {"fence.i", "nop"}) {
    Both run(std::string(R"(
      li s0, 4
      lla t0, 1f
      li t1, 0x01050513     # addi a0, a0, 16
      .balign 4
    1: .4byte 0x00150513    # addi a0, a0, 1
      addi s0, s0, -1
      li t2, 2
      bne s0, t2, 2f
      sw t1, 0(t0)
    )") + fence +
             R"(
    2: bnez s0, 1b
    )" + exitWith);
    INFO(describe(run.outcome()));
    CHECK(run.x(10) == 2 * 1 + 2 * 16);
  }
}

TEST_CASE("A store into the block that is running takes effect at once") {
  Both run(R"(
    lla t0, 1f
    li t1, 0x00700513       # li a0, 7
    sw t1, 0(t0)
    nop
  1: .4byte 0x00100513       # li a0, 1
  )" + exitWith);
  CHECK(run.outcome().exitCode == 7);
}

TEST_CASE("fence ignores the fields that name registers, also behind a store that takes the long way") {
  Both both("la a4, 0x80001000\n li t5, 3\n slli t5, t5, 1\n sd t5, 0(a4)\n .word 0x4061010f # fence with rd = sp\n"
            "slli t5, t5, 1\n mv a0, t5" +
            exitWith);
  CHECK(both.outcome().exitCode == 12);
}

TEST_CASE("flushCode forgets what was decoded") {
  Board board("li a0, 1" + exitWith);
  CHECK(board.machine.run().exitCode == 1);
  board.ram[0] = std::byte{0x09}; // li a0, 2
  board.machine.hart().pc = base;
  board.machine.flushCode();
  CHECK(board.machine.run().exitCode == 2);
}

TEST_CASE("Misaligned scalar accesses work") {
  Both run(R"(
    auipc s0, 1
    li a0, 0x123456789abcdef0
    sd a0, 1(s0)
    ld a1, 1(s0)
    lw a2, 3(s0)
    lhu a3, 6(s0)
    sh a0, 15(s0)
    lbu a4, 16(s0)
  )" + exitWith);
  CHECK(run.x(11) == 0x123456789abcdef0);
  CHECK(run.x(12) == 0x56789abc);
  CHECK(run.x(13) == 0x3456);
  CHECK(run.x(14) == 0xde);
}

TEST_CASE("call() passes arguments and comes back") {
  Board board("add a0, a0, a1\n sd a0, -8(sp)\n ret");
  const uint64_t arguments[] = {40, 2};
  Outcome outcome = board.machine.call(base, arguments, base + bytes);
  CHECK(outcome.stop == Stop::Returned);
  CHECK(outcome.instructions == 3);
  CHECK(board.x(10) == 42);
  CHECK(board.ram[bytes - 8] == std::byte{42});
  RunOptions options;
  options.maxInstructions = 3; // just enough
  CHECK(board.machine.call(base, arguments, base + bytes, options).stop == Stop::Returned);
  options.maxInstructions = 2;
  CHECK(board.machine.call(base, arguments, base + bytes, options).stop == Stop::Limit);
}

TEST_CASE("A memory range may be rebound between calls") {
  Board board("ld a0, 0(a0)\n ret");
  std::vector<std::byte> one(64, std::byte{1}), two(64, std::byte{2});
  size_t index = board.machine.memory().add({0x1000, one});
  const uint64_t arguments[] = {0x1000};
  board.machine.call(base, arguments, base + bytes);
  CHECK(board.x(10) == 0x0101010101010101);
  board.machine.memory().rebind(index, two.data());
  board.machine.call(base, arguments, base + bytes);
  CHECK(board.x(10) == 0x0202020202020202);
}

TEST_CASE("RV64 arithmetic at its edges") {
  struct Case {
    const char *instruction;
    uint64_t a, b, result;
  };
  constexpr uint64_t minimum = uint64_t{1} << 63, ones = ~uint64_t{0}, minimum32 = 0xffffffff80000000;
  const Case cases[] = {
      {"div a0, a1, a2", minimum, ones, minimum},
      {"rem a0, a1, a2", minimum, ones, 0},
      {"div a0, a1, a2", 5, 0, ones},
      {"rem a0, a1, a2", 5, 0, 5},
      {"divu a0, a1, a2", 5, 0, ones},
      {"remu a0, a1, a2", 5, 0, 5},
      {"divw a0, a1, a2", 0x80000000, ones, minimum32},
      {"remw a0, a1, a2", 0x80000000, ones, 0},
      {"divw a0, a1, a2", 7, 0x100000000, ones},
      {"divuw a0, a1, a2", 0xffffffff80000000, 1, minimum32},
      {"remuw a0, a1, a2", 0x80000001, 0, 0xffffffff80000001},
      {"div a0, a1, a2", static_cast<uint64_t>(-7), 2, static_cast<uint64_t>(-3)},
      {"rem a0, a1, a2", static_cast<uint64_t>(-7), 2, static_cast<uint64_t>(-1)},
      {"mulh a0, a1, a2", ones, ones, 0},
      {"mulhu a0, a1, a2", ones, ones, ones - 1},
      {"mulhsu a0, a1, a2", ones, ones, ones},
      {"mulh a0, a1, a2", minimum, minimum, uint64_t{1} << 62},
      {"mulhsu a0, a1, a2", minimum, ones, minimum},
      {"mulw a0, a1, a2", 0x40000000, 2, minimum32},
      {"sllw a0, a1, a2", 1, 63, minimum32},
      {"srlw a0, a1, a2", ones, 33, 0x7fffffff},
      {"sraw a0, a1, a2", 0x80000000, 31, ones},
      {"sll a0, a1, a2", 1, 64 + 5, 32},
      {"sra a0, a1, a2", minimum, 63, ones},
      {"addw a0, a1, a2", 0x7fffffff, 1, minimum32},
      {"subw a0, a1, a2", 0, 1, ones},
      {"sltiu a0, a1, -1", 5, 0, 1},
      {"slti a0, a1, -1", ones, 0, 0},
      {"addiw a0, a1, 0", 0x80000000, 0, minimum32},
      {"srliw a0, a1, 1", 0xffffffff80000000, 0, 0x40000000},
      {"sraiw a0, a1, 31", 0x80000000, 0, ones},
      {"lui a0, 0x80000", 0, 0, minimum32},
  };
  for (const Case &c : cases) {
    INFO(c.instruction);
    Board board(std::string(c.instruction) + "\n ret");
    const uint64_t arguments[] = {0, c.a, c.b};
    CHECK(board.machine.call(base, arguments, base + bytes).stop == Stop::Returned);
    CHECK(board.x(10) == c.result);
  }
}

TEST_CASE("jalr clears bit 0 and may link into its own source") {
  Both run("lla a0, 1f\n jalr a0, 1(a0)\n nop\n 1: mv a1, a0\n" + exitWith);
  CHECK(run.x(11) == base + 12);
  CHECK(run.outcome().stop == Stop::Exited);
  CHECK(run.outcome().instructions == 6);
}

TEST_CASE("Reservations hold for one SC, at one address") {
  Both run(R"(
    auipc s0, 1
    addi s1, s0, 64
    li a0, 5
    sc.w s2, a0, (s0)      # none
    lr.w a1, (s0)
    sc.w s3, a0, (s1)      # elsewhere
    lr.w a1, (s0)
    sc.w s4, a0, (s0)
    sc.w s5, a0, (s0)      # spent
    li a0, -1
    amomaxu.w a2, a0, (s0)
    amomin.w a3, zero, (s0)
    lw a4, 0(s0)
  )" + exitWith);
  CHECK(run.x(18) == 1);
  CHECK(run.x(19) == 1);
  CHECK(run.x(20) == 0);
  CHECK(run.x(21) == 1);
  CHECK(run.x(12) == 5);
  CHECK(run.x(13) == ~uint64_t{0});
  CHECK(run.x(14) == ~uint64_t{0});
}
