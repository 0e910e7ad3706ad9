// Programs on the machine, each on the fast path and on the observed ones, which must leave the same state.
#pragma once

#include "sim/iss/Csr.h"
#include "sim/iss/Machine.h"
#include "tests/unit/iss_assembler.h"

#include <catch2/catch.hpp>

#include <span>
#include <string>
#include <vector>

namespace weft::iss {

inline constexpr uint64_t base = 0x80000000, bytes = 1 << 16;

inline const test::RiscvTools &tools() {
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

inline const std::string exitWith = "\n li a7, 93\n ecall\n";

} // namespace weft::iss
