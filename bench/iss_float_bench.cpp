// How fast vector floating point runs at VLEN 256: products of 128 x 128 matrices by vfmacc.vf with LMUL 4, and by
// vfwmacc.vf from half precision. The reference simulator makes 42 to 54 million multiply-accumulates a second; the
// goal is 1,000.
#include "hw-models/Hardware.h"
#include "sim/iss/FloatSoft.h"
#include "sim/iss/TimingObserver.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace weft::iss {
namespace {

constexpr uint64_t codeBase = 0x10000, dataBase = 0x20000, stackTop = 0x90000;
constexpr size_t n = 128;

// Of a0, a1 and a2, row-major: C = A * B in tiles of 4 rows and 32 columns.
const std::vector<uint32_t> multiplySingle = {
    0x02000293, // li t0, 0x20
    0x0d22f057, // vsetvli zero, t0, e32, m4, ta, ma
    0x00400693, // li a3, 0x4
    0x02000713, // li a4, 0x20
    0x00050793, // mv a5, a0
    0x00060813, // mv a6, a2
    0x5e003457, // vmv.v.i v8, 0x0
    0x5e003657, // vmv.v.i v12, 0x0
    0x5e003857, // vmv.v.i v16, 0x0
    0x5e003a57, // vmv.v.i v20, 0x0
    0x00058313, // mv t1, a1
    0x20078393, // addi t2, a5, 0x200
    0x02036207, // vle32.v v4, (t1)
    0x0007a007, // flw ft0, 0x0(a5)
    0x2007a087, // flw ft1, 0x200(a5)
    0x4007a107, // flw ft2, 0x400(a5)
    0x6007a187, // flw ft3, 0x600(a5)
    0xb2405457, // vfmacc.vf v8, ft0, v4
    0xb240d657, // vfmacc.vf v12, ft1, v4
    0xb2415857, // vfmacc.vf v16, ft2, v4
    0xb241da57, // vfmacc.vf v20, ft3, v4
    0x00478793, // addi a5, a5, 0x4
    0x20030313, // addi t1, t1, 0x200
    0xfc779ae3, // bne a5, t2, 0x30
    0x02086427, // vse32.v v8, (a6)
    0x20080e13, // addi t3, a6, 0x200
    0x020e6627, // vse32.v v12, (t3)
    0x40080e13, // addi t3, a6, 0x400
    0x020e6827, // vse32.v v16, (t3)
    0x60080e13, // addi t3, a6, 0x600
    0x020e6a27, // vse32.v v20, (t3)
    0x60078793, // addi a5, a5, 0x600
    0x40080813, // addi a6, a6, 0x400
    0x40080813, // addi a6, a6, 0x400
    0xfff70713, // addi a4, a4, -0x1
    0xf80716e3, // bnez a4, 0x18
    0x08058593, // addi a1, a1, 0x80
    0x08060613, // addi a2, a2, 0x80
    0xfff68693, // addi a3, a3, -0x1
    0xf60698e3, // bnez a3, 0xc
    0x00008067, // ret
};
/// A and B in half precision, C in single precision.
const std::vector<uint32_t> multiplyHalf = {
    0x02000293, // li t0, 0x20
    0x0c92f057, // vsetvli zero, t0, e16, m2, ta, ma
    0x00400693, // li a3, 0x4
    0x02000713, // li a4, 0x20
    0x00050793, // mv a5, a0
    0x00060813, // mv a6, a2
    0x0d22f057, // vsetvli zero, t0, e32, m4, ta, ma
    0x5e003457, // vmv.v.i v8, 0x0
    0x5e003657, // vmv.v.i v12, 0x0
    0x5e003857, // vmv.v.i v16, 0x0
    0x5e003a57, // vmv.v.i v20, 0x0
    0x0c92f057, // vsetvli zero, t0, e16, m2, ta, ma
    0x00058313, // mv t1, a1
    0x10078393, // addi t2, a5, 0x100
    0x02035207, // vle16.v v4, (t1)
    0x00079007, // flh ft0, 0x0(a5)
    0x10079087, // flh ft1, 0x100(a5)
    0x20079107, // flh ft2, 0x200(a5)
    0x30079187, // flh ft3, 0x300(a5)
    0xf2405457, // vfwmacc.vf v8, ft0, v4
    0xf240d657, // vfwmacc.vf v12, ft1, v4
    0xf2415857, // vfwmacc.vf v16, ft2, v4
    0xf241da57, // vfwmacc.vf v20, ft3, v4
    0x00278793, // addi a5, a5, 0x2
    0x10030313, // addi t1, t1, 0x100
    0xfc779ae3, // bne a5, t2, 0x38
    0x0d22f057, // vsetvli zero, t0, e32, m4, ta, ma
    0x02086427, // vse32.v v8, (a6)
    0x20080e13, // addi t3, a6, 0x200
    0x020e6627, // vse32.v v12, (t3)
    0x40080e13, // addi t3, a6, 0x400
    0x020e6827, // vse32.v v16, (t3)
    0x60080e13, // addi t3, a6, 0x600
    0x020e6a27, // vse32.v v20, (t3)
    0x30078793, // addi a5, a5, 0x300
    0x40080813, // addi a6, a6, 0x400
    0x40080813, // addi a6, a6, 0x400
    0xfff70713, // addi a4, a4, -0x1
    0xf80710e3, // bnez a4, 0x18
    0x04058593, // addi a1, a1, 0x40
    0x08060613, // addi a2, a2, 0x80
    0xfff68693, // addi a3, a3, -0x1
    0xf60692e3, // bnez a3, 0xc
    0x00008067, // ret
};

/// Small multiples of 1/16, so that half precision holds them; sums are rounded all the same where they grow.
float elementOf(size_t i, size_t j) { return static_cast<float>((i * 31 + j * 17) % 97) / 16 - 3; }

struct Matrices {
  std::vector<std::byte> memory = std::vector<std::byte>(stackTop - dataBase);
  uint64_t a = dataBase, b = dataBase + n * n * 4, c = dataBase + 2 * n * n * 4;

  void fill(bool half) {
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        store(a, i, j, elementOf(i, j), half);
        store(b, i, j, elementOf(j + 3, i), half);
      }
  }
  void store(uint64_t at, size_t i, size_t j, float value, bool half) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    if (half) {
      soft::Context context;
      bits = soft::convert<Half, Single>(context, bits);
    }
    const size_t bytes = half ? 2 : 4;
    std::memcpy(memory.data() + (at - dataBase) + (i * n + j) * bytes, &bits, bytes);
  }
  /// Whether C is what the same operations in the same order give here.
  bool right() const {
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) {
        float expected = 0, found;
        for (size_t k = 0; k < n; ++k)
          expected = std::fma(elementOf(i, k), elementOf(j + 3, k), expected);
        std::memcpy(&found, memory.data() + (c - dataBase) + (i * n + j) * 4, 4);
        if (found != expected)
          return false;
      }
    return true;
  }
};

void multiply(benchmark::State &state, const std::vector<uint32_t> &program, bool half, bool isTimed = false) {
  hw::Isa isa;
  isa.vlenBits = 256;
  isa.zfhmin = isa.zfh = isa.zvfhmin = isa.zvfh = true;
  std::vector<std::byte> code(4096);
  std::memcpy(code.data(), program.data(), program.size() * sizeof(uint32_t));
  Matrices matrices;
  matrices.fill(half);
  Machine machine{isa};
  machine.memory().add({codeBase, code, Memory::Read | Memory::Execute});
  machine.memory().add({dataBase, matrices.memory});
  uint64_t instructions = 0;
  const auto timing = hw::rvv::makeTiming(*hw::load("rvv-lab"));
  TimingObserver observer(*timing);
  for (auto _ : state) {
    const uint64_t arguments[] = {matrices.a, matrices.b, matrices.c};
    const Outcome outcome = machine.call(codeBase, arguments, stackTop, {.observer = isTimed ? &observer : nullptr});
    if (outcome.stop != Stop::Returned)
      state.SkipWithError(describe(outcome).c_str());
    instructions += outcome.instructions;
  }
  if (!matrices.right())
    state.SkipWithError("the product is wrong");
  const double products = static_cast<double>(state.iterations()) * n * n * n;
  state.counters["macs_per_second"] = benchmark::Counter(products, benchmark::Counter::kIsRate);
  state.counters["instructions_per_second"] =
      benchmark::Counter(static_cast<double>(instructions), benchmark::Counter::kIsRate);
}

/// The product in C++ as the host's compiler vectorises it, for what this host can do; A is read by rows.
void matmulOnHost(benchmark::State &state) {
  std::vector<float> a(n * n), b(n * n), c(n * n);
  for (size_t i = 0; i < n * n; ++i) {
    a[i] = elementOf(i / n, i % n);
    b[i] = elementOf(i % n, i / n);
  }
  for (auto _ : state) {
    std::fill(c.begin(), c.end(), 0.0f);
    for (size_t i = 0; i < n; ++i)
      for (size_t k = 0; k < n; ++k)
        for (size_t j = 0; j < n; ++j)
          c[i * n + j] += a[i * n + k] * b[k * n + j];
    benchmark::ClobberMemory();
  }
  const double products = static_cast<double>(state.iterations()) * n * n * n;
  state.counters["macs_per_second"] = benchmark::Counter(products, benchmark::Counter::kIsRate);
}

void matmulSingle(benchmark::State &state) { multiply(state, multiplySingle, false); }
void matmulSingleTimed(benchmark::State &state) { multiply(state, multiplySingle, false, true); }
void matmulHalf(benchmark::State &state) { multiply(state, multiplyHalf, true); }
BENCHMARK(matmulSingle);
BENCHMARK(matmulOnHost);
BENCHMARK(matmulSingleTimed);
BENCHMARK(matmulHalf);

} // namespace
} // namespace weft::iss
