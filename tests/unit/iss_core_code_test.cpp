// Programs on the machine: code that changes, memory that is rebound, and instructions at their edges.
#include "tests/unit/iss_core_run.h"

#include <cstring>
#include <random>

using namespace weft;
using namespace weft::iss;

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
