// Short kernels on presets: cycles computed by hand from docs/timing-model.md, and published utilisation.
#include "rvv_timing_support.h"

using namespace weft;
using namespace weft::hw::rvv;
using namespace weft::test;

namespace {

hw::Hardware preset(const char *name) {
  Result<hw::Hardware> loaded = hw::load(name);
  if (!loaded)
    FAIL(loaded.error().message);
  return *loaded;
}

/// v<to> += scalar or v<a> times v<b>.
Retired multiplyAdd(uint8_t to, uint8_t a, uint32_t lmul = 1, uint32_t vlen = 256) {
  return vector(OpClass::VFFma, to, {a, to}, lmul, vlen);
}

double fpuUse(const hw::Hardware &hardware, const Stream &stream) {
  auto timing = makeTiming(hardware);
  for (const Retired &op : stream)
    timing->retire(op);
  return double(timing->vectorUse().fpuBusyCycles) / double(timing->cycles());
}

/// C of rows × n += A of rows × k times B of k × n, f32 on VLEN 1024, six rows of accumulators at a time, as the
/// library's kernel does it; n elements are `lmul` registers.
Stream gemm(uint32_t rows, uint32_t k, uint32_t n, uint32_t lmul) {
  constexpr uint32_t vlen = 1024;
  Stream out;
  for (uint32_t row = 0; row + 6 <= rows; row += 6)
    for (uint32_t i = 0; i < k; ++i) {
      auto b = static_cast<uint8_t>(i % 2 ? lmul : 0);
      out.push_back(load(b, lmul, vlen));
      out.back().vl = out.back().elements = n;
      out.push_back(scalar(OpClass::Alu, 11, 11));
      for (uint8_t j = 0; j < 6; ++j) {
        auto value = static_cast<uint8_t>(40 + j);
        out.push_back(scalar(OpClass::Load, value, 12));
        out.push_back(multiplyAdd(static_cast<uint8_t>(8 + 4 * j), b, lmul, vlen));
        out.back().scalarReads[0] = value;
        out.back().vl = n;
      }
      out.push_back(scalar(OpClass::Branch, noRegister, 11));
      out.back().taken = true;
    }
  return out;
}

} // namespace

// All of rvv-mesh-16: 128 bits a cycle and two rows a register, 64 bits of stores; four cycles to the vector unit and
// five back; latencies of 4 for floating point and 2 for loads.

TEST_CASE("axpy by hand") {
  hw::Hardware core = preset("rvv-mesh-16");
  // vle x: issues in 0, rows 4 and 5, there in 6 and 7. vle y: rows 6 and 7, there in 8 and 9.
  // vfmacc: rows 8 and 9, there in 12 and 13. vse: four rows of 64 bits, 12 to 15, done a cycle later.
  CHECK(cyclesOn(core, {load(0), load(1), multiplyAdd(1, 0), store(1)}) == 16);
  // A second one on other registers: nothing starts before the store of the first, in 12. So x from 13, y from 15,
  // there in 17; vfmacc from 17, there in 21; the store from 21 to 24.
  CHECK(cyclesOn(core,
                 {load(0), load(1), multiplyAdd(1, 0), store(1), load(2), load(3), multiplyAdd(3, 2), store(3)}) == 25);
  // Loads first, as a compiler schedules them: in 4, 6, 8 and 10. In order, the first vfmacc follows in 11, the other
  // in 13; their rows are there from 15 and from 17 on. Stores from 15 to 18 and from 19 to 22.
  CHECK(cyclesOn(core,
                 {load(0), load(1), load(2), load(3), multiplyAdd(1, 0), multiplyAdd(3, 2), store(1), store(3)}) == 23);
}

TEST_CASE("dependent multiply-adds by hand") {
  hw::Hardware core = preset("rvv-mesh-16");
  // Two rows, a latency of four: starts in 4, 8, 12, 16, the last row in 17, there in 21.
  CHECK(cyclesOn(core, {multiplyAdd(4, 0), multiplyAdd(4, 0), multiplyAdd(4, 0), multiplyAdd(4, 0)}) == 21);
  // Eight rows hide the latency: starts in 4, 12, 20, 28.
  CHECK(cyclesOn(core, {multiplyAdd(4, 0, 4), multiplyAdd(4, 0, 4), multiplyAdd(4, 0, 4), multiplyAdd(4, 0, 4)}) ==
        28 + 7 + 4);
  // So do four accumulators: starts in 4, 6, … 10, and again.
  Stream four;
  for (int i = 0; i < 8; ++i)
    four.push_back(multiplyAdd(static_cast<uint8_t>(4 + i % 4), 0));
  CHECK(cyclesOn(core, four) == 4 + 8 * 2 - 1 + 4);
}

TEST_CASE("a dot product by hand") {
  hw::Hardware core = preset("rvv-mesh-16");
  Retired sum = vector(OpClass::VFReduceUnordered, 8, {4});
  sum.vectorWrite.count = 1;
  Retired move = vector(OpClass::VToScalar, 0, {8});
  move.vectorWrite = {};
  move.scalarWrite = 42;
  // Loads in 4 and 6, vfmacc in 8, there in 12. The sum adds two rows and halves one twice, less one, each step four
  // cycles, and writes: 4 * 3 + 1 from 12 to 24, there in 28. The move starts then and is back in 33; the add takes 4.
  CHECK(cyclesOn(core, {load(0), load(1), multiplyAdd(4, 1), sum}) == 28);
  CHECK(cyclesOn(core, {load(0), load(1), multiplyAdd(4, 1), sum, move, scalar(OpClass::FpAdd, 43, 42)}) == 33 + 4);
}

TEST_CASE("an f32 GEMM tile of 128x128x128 keeps four lanes busy") {
  hw::Hardware lanes = preset("rvv-4lane");
  Stream stream = gemm(126, 128, 128, 4);
  auto timing = makeTiming(lanes);
  for (const Retired &op : stream)
    timing->retire(op);
  CHECK(timing->vectorUse().fpuBusyCycles == 126 * 128 * 128 / 8); // four lanes of 64 bits
  // Ara2: 95 % on average over compute-bound kernels (arXiv 2311.07493).
  CHECK(fpuUse(lanes, stream) > 0.95);
  CHECK(fpuUse(lanes, stream) <= 1);
  // Short vectors are bound by the issue of instructions, as its abstract says of 32x32x32.
  CHECK(fpuUse(lanes, gemm(30, 32, 16, 1)) < 0.9);
}

TEST_CASE("streaming kernels are bound by memory") {
  hw::Hardware lanes = preset("rvv-4lane");
  // Ara's own models: a dot product of L lanes reads two vectors and does L * 8 / s operations a cycle with the
  // memory port that it needs, half of them with one of half the width. Here: one multiply-add a load port's two rows.
  Stream dot;
  for (uint32_t i = 0; i < 64; ++i) {
    auto a = static_cast<uint8_t>(i % 2 * 8);
    dot.push_back(load(a, 4, 1024));
    dot.push_back(load(static_cast<uint8_t>(a + 4), 4, 1024));
    dot.push_back(
        vector(OpClass::VFFma, static_cast<uint8_t>(16 + i % 2 * 8), {a, static_cast<uint8_t>(a + 4)}, 4, 1024));
    dot.back().vectorReads[2] = dot.back().vectorWrite;
  }
  CHECK(fpuUse(lanes, dot) > 0.45);
  CHECK(fpuUse(lanes, dot) <= 0.5);
  hw::Hardware wide = *hw::parse(lanes.yaml, "wide", {{"parallelism.core.rvv.memory.bits", "512"}});
  CHECK(fpuUse(wide, dot) > 0.9);
}
