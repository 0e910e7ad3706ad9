// How fast the instruction-set simulator runs scalar code, in million instructions a second on one host core. The goal
// is three times the reference simulator's 476.
#include "hw-models/Hardware.h"
#include "sim/iss/TimingObserver.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

namespace weft::iss {
namespace {

constexpr uint64_t codeBase = 0x10000, dataBase = 0x20000, stackTop = 0x30000;

// uint32_t mixed(long n, uint32_t *words): a generator of random numbers that reads and writes memory; 14 instructions
// a turn, of which the random number is a chain of six.
const std::vector<uint16_t> mixed = {
    0x4601,         //     li a2, 0
    0x4685,         //     li a3, 1
    0x7713, 0x3fc5, // 1:  andi a4, a0, 1020
    0x972e,         //     add a4, a4, a1
    0x431c,         //     lw a5, 0(a4)
    0x963e,         //     add a2, a2, a5
    0x9813, 0x00d6, //     slli a6, a3, 13
    0xc6b3, 0x0106, //     xor a3, a3, a6
    0xd893, 0x0076, //     srli a7, a3, 7
    0xc6b3, 0x0116, //     xor a3, a3, a7
    0x9293, 0x0116, //     slli t0, a3, 17
    0xc6b3, 0x0056, //     xor a3, a3, t0
    0x87b3, 0x40c6, //     sub a5, a3, a2
    0xc31c,         //     sw a5, 0(a4)
    0x157d,         //     addi a0, a0, -1
    0xf979,         //     bnez a0, 1b
    0x8532,         //     mv a0, a2
    0x8082,         //     ret
};
const std::vector<uint16_t> tight = {
    0x157d, // 1:  addi a0, a0, -1
    0xfd7d, //     bnez a0, 1b
    0x8082, //     ret
};
/// uint64_t sum(long n, const uint64_t *pair)
const std::vector<uint16_t> sum = {
    0x4601, //     li a2, 0
    0x6194, // 1:  ld a3, 0(a1)
    0x6598, //     ld a4, 8(a1)
    0x9636, //     add a2, a2, a3
    0x8e39, //     xor a2, a2, a4
    0x157d, //     addi a0, a0, -1
    0xf97d, //     bnez a0, 1b
    0x8532, //     mv a0, a2
    0x8082, //     ret
};

class Nothing : public Observer {
public:
  void retired(uint64_t, const Op &, const Hart &, const hw::rvv::Retired &) override {}
};

/// Hands what retires to the timing model of a core.
class Timed {
public:
  Timed() : timing(hw::rvv::makeTiming(*hw::load("rvv-lab"))), observer(*timing) {}
  std::unique_ptr<hw::rvv::Timing> timing;
  TimingObserver observer;
};

void run(benchmark::State &state, const std::vector<uint16_t> &program, Observer *observer) {
  std::vector<std::byte> code(4096), data(stackTop - dataBase);
  std::memcpy(code.data(), program.data(), program.size() * sizeof(uint16_t));
  Machine machine{hw::Isa{}};
  machine.memory().add({codeBase, code, Memory::Read | Memory::Execute});
  machine.memory().add({dataBase, data});
  uint64_t instructions = 0;
  for (auto _ : state) {
    const uint64_t arguments[] = {observer ? uint64_t{100'000} : uint64_t{1'000'000}, dataBase};
    RunOptions options;
    options.observer = observer;
    Outcome outcome = machine.call(codeBase, arguments, stackTop, options);
    if (outcome.stop != Stop::Returned)
      state.SkipWithError(describe(outcome).c_str());
    instructions += outcome.instructions;
  }
  state.counters["instructions_per_second"] =
      benchmark::Counter(static_cast<double>(instructions), benchmark::Counter::kIsRate);
}

/// The loop `mixed` in C++, for what this host does with it; instructions are those of the guest.
void mixedLoopOnHost(benchmark::State &state) {
  std::vector<uint32_t> words(256);
  constexpr uint64_t turns = 1'000'000, perTurn = 14;
  uint64_t instructions = 0;
  for (auto _ : state) {
    uint32_t sum = 0;
    uint64_t random = 1;
    for (uint64_t n = turns; n != 0; --n) {
      uint32_t &word = words[(n & 1020) / 4];
      sum += word;
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      word = static_cast<uint32_t>(random) - sum;
    }
    benchmark::DoNotOptimize(sum);
    benchmark::ClobberMemory();
    instructions += turns * perTurn;
  }
  state.counters["instructions_per_second"] =
      benchmark::Counter(static_cast<double>(instructions), benchmark::Counter::kIsRate);
}

void mixedLoop(benchmark::State &state) { run(state, mixed, nullptr); }
void tightLoop(benchmark::State &state) { run(state, tight, nullptr); }
void sumLoop(benchmark::State &state) { run(state, sum, nullptr); }
void mixedLoopObserved(benchmark::State &state) {
  Nothing nothing;
  run(state, mixed, &nothing);
}
void mixedLoopTimed(benchmark::State &state) {
  Timed timed;
  run(state, mixed, &timed.observer);
}
BENCHMARK(mixedLoop);
BENCHMARK(mixedLoopOnHost);
BENCHMARK(tightLoop);
BENCHMARK(sumLoop);
BENCHMARK(mixedLoopObserved);
BENCHMARK(mixedLoopTimed);

} // namespace
} // namespace weft::iss
