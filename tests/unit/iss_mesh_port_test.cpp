// mesh.put and mesh.get: two cores that talk through queues.
#include "sim/iss/Machine.h"
#include "sim/iss/Units.h"
#include "tests/unit/iss_assembler.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <deque>

using namespace weft;
using namespace weft::iss;
using Catch::Matchers::Contains;

namespace {

constexpr uint64_t base = 0x10000;
constexpr size_t queueWords = 4;
using Queue = std::deque<uint32_t>;

/// Routes to the neighbour, and those that come from it.
struct Port : MeshPort {
  std::array<Queue, 2> &out, &in;
  Port(std::array<Queue, 2> &out, std::array<Queue, 2> &in) : out(out), in(in) {}
  uint32_t routes() const override { return 2; }
  bool put(uint32_t route, uint32_t word) override {
    if (out[route].size() == queueWords)
      return false;
    out[route].push_back(word);
    return true;
  }
  std::optional<uint32_t> get(uint32_t route) override {
    if (in[route].empty())
      return std::nullopt;
    uint32_t word = in[route].front();
    in[route].pop_front();
    return word;
  }
};

struct Core {
  std::vector<std::byte> ram = std::vector<std::byte>(4096);
  Machine machine;
  Outcome outcome;

  Core(const std::vector<std::byte> &code, MeshPort *port) : machine(meshIsa()) {
    std::copy(code.begin(), code.end(), ram.begin());
    machine.memory().add({base, ram, Memory::Read | Memory::Write | Memory::Execute});
    machine.hart().pc = base;
    machine.hart().meshPort = port;
  }
  static hw::Isa meshIsa() {
    hw::Isa isa;
    isa.units = 1u << (units::find("mesh-port") - units::all().data());
    return isa;
  }
};

std::vector<std::byte> assemble(const std::string &text) { return test::RiscvTools().assemble(text); }

constexpr const char *put0 = ".insn i CUSTOM_0, 1, x0, a1, 0\n", *put1 = ".insn i CUSTOM_0, 1, x0, a1, 1\n",
                     *get0 = ".insn i CUSTOM_0, 0, a1, x0, 0\n", *get1 = ".insn i CUSTOM_0, 0, a1, x0, 1\n";
constexpr const char *exitWithA0 = "li a7, 93\n ecall\n";

/// Puts 1 to 100 on route 0 and gets their sum on route 1.
std::string producer() {
  return std::string("li a1, 0\n li t0, 100\n loop: addi a1, a1, 1\n") + put0 + "addi t0, t0, -1\n bnez t0, loop\n" +
         get1 + "mv a0, a1\n" + exitWithA0;
}
/// Adds what comes on route 0, puts the sum on route 1.
std::string consumer() {
  return std::string("li a2, 0\n li t0, 100\n loop:\n") + get0 +
         "add a2, a2, a1\n addi t0, t0, -1\n bnez t0, loop\n mv a1, a2\n" + put1 + "li a0, 0\n" + exitWithA0;
}

/// Counts an instruction as two cycles.
struct Clock : Observer {
  bool each;
  uint64_t count = 0;
  explicit Clock(bool each) : each(each) {}
  bool wantsEach() const override { return each; }
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &) override { ++count; }
  void retiredMany(std::span<const hw::rvv::Retired> many) override { count += many.size(); }
  std::optional<uint64_t> cycles() const override { return 2 * count; }
};

} // namespace

TEST_CASE("two cores talk through the mesh, each waiting for the other") {
  std::array<Queue, 2> there, back;
  Port left(there, back), right(back, there);
  Core one(assemble(producer()), &left), two(assemble(consumer()), &right);
  one.outcome = one.machine.run();
  CHECK(one.outcome.stop == Stop::Waits);
  CHECK(there[0].size() == queueWords);
  CHECK_THAT(describe(one.outcome),
             Contains("waits for the mesh at 0x10008") && Contains("mesh.put 0, a1") && Contains("route 0 is full"));
  two.outcome = two.machine.run();
  CHECK(two.outcome.stop == Stop::Waits);
  CHECK_THAT(describe(two.outcome), Contains("mesh.get a1, 0") && Contains("route 0 has no word"));
  size_t rounds = 0;
  uint64_t instructions = one.outcome.instructions + two.outcome.instructions;
  while (one.outcome.stop == Stop::Waits || two.outcome.stop == Stop::Waits) {
    REQUIRE(++rounds < 200);
    for (Core *core : {&one, &two})
      if (core->outcome.stop == Stop::Waits) {
        core->outcome = core->machine.resume();
        instructions += core->outcome.instructions;
      }
  }
  CHECK(one.outcome.stop == Stop::Exited);
  CHECK(one.outcome.exitCode == 5050);
  CHECK(two.outcome.stop == Stop::Exited);
  // Waiting retires nothing: 3 + 4 * 100 + 4 and 3 + 4 * 100 + 6 instructions, as in a mesh that never blocks.
  CHECK(instructions == (2 + 4 * 100 + 4) + (2 + 4 * 100 + 5));
  CHECK(one.machine.hart().mesh.puts == 100);
  CHECK(one.machine.hart().mesh.gets == 1);
  CHECK(two.machine.hart().mesh.gets == 100);
}

TEST_CASE("a word is sign-extended, and x0 takes one too") {
  std::array<Queue, 2> there, back;
  back[0] = {1, 0x80000000};
  Port port(there, back);
  Core core(
      assemble(std::string(".insn i CUSTOM_0, 0, x0, x0, 0\n") + get0 + "srai a0, a1, 28\n neg a0, a0\n" + exitWithA0),
      &port);
  core.outcome = core.machine.run();
  CHECK(core.outcome.stop == Stop::Exited);
  CHECK(core.outcome.exitCode == 8);
  CHECK(core.machine.hart().x[0] == 0);
}

TEST_CASE("a route that the router does not have is an illegal instruction, and without a mesh a core waits") {
  std::array<Queue, 2> there, back;
  Port port(there, back);
  Core beyond(assemble(".insn i CUSTOM_0, 1, x0, a1, 2\n"), &port);
  CHECK(beyond.machine.run().stop == Stop::Trapped);
  Core alone(assemble(get0), nullptr);
  alone.outcome = alone.machine.run();
  CHECK(alone.outcome.stop == Stop::Waits);
  CHECK_THAT(describe(alone.outcome), Contains("no mesh is connected"));
  Core without(assemble(get0), &port);
  without.machine.hart().isa.units = 0;
  CHECK(without.machine.run().stop == Stop::Trapped);
}

TEST_CASE("the counters of the mesh port stamp words with the clock") {
  std::array<Queue, 2> there, back;
  back[0] = {7};
  for (bool each : {true, false}) {
    there = {};
    back[0] = {7};
    Port port(there, back);
    // Instruction 2 puts, 3 gets; the registers are read afterwards.
    Core core(assemble(std::string("nop\n nop\n") + put0 + get0 +
                       "csrr s0, 0xcc1\n csrr s1, 0xcc2\n csrr s2, 0xcc3\n csrr s3, 0xcc4\n csrr s4, 0xcc0\n" +
                       "li a0, 0\n" + exitWithA0),
              &port);
    Clock clock(each);
    REQUIRE(core.machine.run({.observer = &clock}).stop == Stop::Exited);
    const auto &x = core.machine.hart().x;
    CHECK(x[8] == 1);
    CHECK(x[9] == 1);
    CHECK(x[18] == 4);
    CHECK(x[19] == 6);
    CHECK(x[20] == 16);
  }
  // They have the bits of the description.
  Core late(assemble(std::string("csrr s0, 0xcc1\n csrr s1, 0xcc4\n li a0, 0\n") + exitWithA0), nullptr);
  late.machine.hart().mesh = {.puts = 0x1'80000003, .getCycle = 0x7'00000000};
  REQUIRE(late.machine.run().stop == Stop::Exited);
  CHECK(late.machine.hart().x[8] == 0x80000003);
  CHECK(late.machine.hart().x[9] == 0);
  // Read-only, and not there without the unit.
  Core writes(assemble("csrw 0xcc0, a0\n"), nullptr);
  CHECK(writes.machine.run().stop == Stop::Trapped);
  Core reads(assemble("csrr a0, 0xcc1\n"), nullptr);
  reads.machine.hart().isa.units = 0;
  CHECK(reads.machine.run().stop == Stop::Trapped);
}
