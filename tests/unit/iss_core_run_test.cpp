// Programs on the machine: traps, calls of the simulator, privilege, limits.
#include "tests/unit/iss_core_run.h"

#include <cstring>
#include <random>

using namespace weft;
using namespace weft::iss;

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
