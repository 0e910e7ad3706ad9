// How fast vector instructions run that are not floating point, at VLEN 256: int8 multiply-accumulates, memory, and
// what an instruction costs when its vector is short.
#include "sim/iss/Machine.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

namespace weft::iss {
namespace {

constexpr uint64_t codeBase = 0x10000, dataBase = 0x20000, stackTop = 0x30000;

// Each is a loop of a0 turns with data at a1. A turn of the first is a row of an int8 matrix product with int32 sums.
const std::vector<uint32_t> matmul = {
    0x0c0072d7, //     vsetvli t0, zero, e8, m1, ta, ma
    0x02058407, // 1:  vle8.v v8, (a1)
    0x00058303, //     lb t1, 0(a1)
    0xee836857, //     vwmul.vx v16, v8, t1
    0x0c9072d7, //     vsetvli t0, zero, e16, m2, ta, ma
    0xd7882c57, //     vwadd.wv v24, v24, v16
    0x0c0072d7, //     vsetvli t0, zero, e8, m1, ta, ma
    0xfff50513, //     addi a0, a0, -1
    0xfe0512e3, //     bnez a0, 1b
    0x00008067, //     ret
};
// A turn is four rows of an int8 matrix product, as the kernels compute it: B is widened once.
const std::vector<uint32_t> matmulRows = {
    0x0c9072d7, //     vsetvli t0, zero, e16, m2, ta, ma
    0x02058207, // 1:  vle8.v v4, (a1)
    0x4a43a457, //     vsext.vf2 v8, v4
    0x00058303, //     lb t1, 0(a1)
    0x00158383, //     lb t2, 1(a1)
    0x00258e03, //     lb t3, 2(a1)
    0x00358e83, //     lb t4, 3(a1)
    0xf6836857, //     vwmacc.vx v16, t1, v8
    0xf683ea57, //     vwmacc.vx v20, t2, v8
    0xf68e6c57, //     vwmacc.vx v24, t3, v8
    0xf68eee57, //     vwmacc.vx v28, t4, v8
    0xfff50513, //     addi a0, a0, -1
    0xfc051ae3, //     bnez a0, 1b
    0x00008067, //     ret
};
const std::vector<uint32_t> accumulate = {
    0x0ca072d7, //     vsetvli t0, zero, e16, m4, ta, ma
    0x00059303, // 1:  lh t1, 0(a1)
    0xf6836857, //     vwmacc.vx v16, t1, v8
    0xf6836c57, //     vwmacc.vx v24, t1, v8
    0xfff50513, //     addi a0, a0, -1
    0xfe0518e3, //     bnez a0, 1b
    0x00008067, //     ret
};
const std::vector<uint32_t> copy = {
    0x0c3072d7, //     vsetvli t0, zero, e8, m8, ta, ma
    0x40058613, //     addi a2, a1, 1024
    0x02058407, // 1:  vle8.v v8, (a1)
    0x02060427, //     vse8.v v8, (a2)
    0xfff50513, //     addi a0, a0, -1
    0xfe051ae3, //     bnez a0, 1b
    0x00008067, //     ret
};
const std::vector<uint32_t> shortVectors = {
    0x0c0072d7, //     vsetvli t0, zero, e8, m1, ta, ma
    0x02950457, // 1:  vadd.vv v8, v9, v10
    0x02c685d7, //     vadd.vv v11, v12, v13
    0x02f80757, //     vadd.vv v14, v15, v16
    0x032988d7, //     vadd.vv v17, v18, v19
    0xfff50513, //     addi a0, a0, -1
    0xfe0516e3, //     bnez a0, 1b
    0x00008067, //     ret
};
const std::vector<uint32_t> masked = {
    0x0c0072d7, //     vsetvli t0, zero, e8, m1, ta, ma
    0x6611b057, //     vmsne.vi v0, v1, 3
    0x00950457, // 1:  vadd.vv v8, v9, v10, v0.t
    0x00c685d7, //     vadd.vv v11, v12, v13, v0.t
    0x00f80757, //     vadd.vv v14, v15, v16, v0.t
    0x012988d7, //     vadd.vv v17, v18, v19, v0.t
    0xfff50513, //     addi a0, a0, -1
    0xfe0516e3, //     bnez a0, 1b
    0x00008067, //     ret
};
const std::vector<uint32_t> gathered = {
    0x0d2072d7, //     vsetvli t0, zero, e32, m4, ta, ma
    0x5208a457, //     vid.v v8
    0x96813457, //     vsll.vi v8, v8, 2
    0x0685e807, // 1:  vluxei32.v v16, (a1), v8
    0xfff50513, //     addi a0, a0, -1
    0xfe051ce3, //     bnez a0, 1b
    0x00008067, //     ret
};
const std::vector<uint32_t> segments = {
    0x0d1072d7, //     vsetvli t0, zero, e32, m2, ta, ma
    0x6205e807, // 1:  vlseg4e32.v v16, (a1)
    0xfff50513, //     addi a0, a0, -1
    0xfe051ce3, //     bnez a0, 1b
    0x00008067, //     ret
};

/// A turn of the loop does `perTurn` of what `unit` names.
void run(benchmark::State &state, const std::vector<uint32_t> &program, const char *unit, double perTurn) {
  std::vector<std::byte> code(4096), data(stackTop - dataBase);
  std::memcpy(code.data(), program.data(), program.size() * sizeof(uint32_t));
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = static_cast<std::byte>(i * 31);
  Machine machine{hw::Isa{}};
  machine.memory().add({codeBase, code, Memory::Read | Memory::Execute});
  machine.memory().add({dataBase, data});
  constexpr uint64_t turns = 100'000;
  uint64_t instructions = 0;
  double done = 0;
  for (auto _ : state) {
    const uint64_t arguments[] = {turns, dataBase};
    Outcome outcome = machine.call(codeBase, arguments, stackTop);
    if (outcome.stop != Stop::Returned)
      state.SkipWithError(describe(outcome).c_str());
    instructions += outcome.instructions;
    done += turns * perTurn;
  }
  state.counters["instructions_per_second"] =
      benchmark::Counter(static_cast<double>(instructions), benchmark::Counter::kIsRate);
  state.counters[unit] = benchmark::Counter(done, benchmark::Counter::kIsRate);
}

void int8Product(benchmark::State &state) { run(state, matmul, "macs_per_second", 32); }
void int8Rows(benchmark::State &state) { run(state, matmulRows, "macs_per_second", 4 * 32); }
void int16Accumulate(benchmark::State &state) { run(state, accumulate, "macs_per_second", 2 * 64); }
void copyBytes(benchmark::State &state) { run(state, copy, "bytes_per_second", 2 * 256); }
void shortAdd(benchmark::State &state) { run(state, shortVectors, "vectors_per_second", 4); }
void shortMaskedAdd(benchmark::State &state) { run(state, masked, "vectors_per_second", 4); }
void indexedLoad(benchmark::State &state) { run(state, gathered, "elements_per_second", 32); }
void segmentLoad(benchmark::State &state) { run(state, segments, "elements_per_second", 4 * 16); }
BENCHMARK(int8Product);
BENCHMARK(int8Rows);
BENCHMARK(int16Accumulate);
BENCHMARK(copyBytes);
BENCHMARK(shortAdd);
BENCHMARK(shortMaskedAdd);
BENCHMARK(indexedLoad);
BENCHMARK(segmentLoad);

} // namespace
} // namespace weft::iss
