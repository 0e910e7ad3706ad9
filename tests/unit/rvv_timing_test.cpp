// The timing model of RISC-V vector cores: small streams computed by hand, and properties.
#include "rvv_timing_support.h"

#include <random>

using namespace weft;
using namespace weft::hw::rvv;
using namespace weft::test;

TEST_CASE("nothing takes no time, and reset forgets") {
  auto timing = makeTiming(machine());
  CHECK(timing->cycles() == 0);
  timing->retire(vector(OpClass::VAlu, 8, {16, 24}));
  uint64_t once = timing->cycles();
  CHECK(once == 3); // two rows start in cycles 0 and 1; the second is there in 3
  timing->retire(vector(OpClass::VAlu, 8, {16, 24}));
  timing->reset();
  CHECK(timing->cycles() == 0);
  CHECK(timing->vectorUse().busyCycles == 0);
  timing->retire(vector(OpClass::VAlu, 8, {16, 24}));
  CHECK(timing->cycles() == once);
}

TEST_CASE("scalar instructions issue in order and wait for operands") {
  Retired add = scalar(OpClass::Alu, 5), use = scalar(OpClass::Alu, 6, 5);
  CHECK(cyclesOf({add, add, add, add}) == 4);
  CHECK(cyclesOf({add, add, add, add}, {{"rvv.scalar.issue_width", "2"}}) == 2);
  CHECK(cyclesOf({add, use}, {{"rvv.scalar.issue_width", "2"}}) == 2);
  CHECK(cyclesOf({scalar(OpClass::Load, 5), use}) == 4); // three cycles later
  CHECK(stallsOf({scalar(OpClass::Load, 5), use}, Stall::ScalarOperand) == 2);
  Retired branch = scalar(OpClass::Branch);
  CHECK(cyclesOf({branch, add}) == 2);
  branch.taken = true;
  CHECK(cyclesOf({branch, add}) == 3);
  CHECK(stallsOf({branch, add}, Stall::Branch) == 1);
  CHECK(cyclesOf({scalar(OpClass::Divide, 5), scalar(OpClass::Divide, 6)}) == 40);
  CHECK(stallsOf({scalar(OpClass::Divide, 5), scalar(OpClass::Divide, 6)}, Stall::Divider) == 19);
  CHECK(cyclesOf({scalar(OpClass::Load, 0), scalar(OpClass::Alu, 6, 0)}) == 3); // x0 is never waited for
}

TEST_CASE("instructions chain row by row") {
  Retired add = vector(OpClass::VAlu, 8, {16, 24}, 4);
  Retired multiply = vector(OpClass::VFMultiply, 0, {8}, 4); // reads what the add writes
  // Eight rows: the add in 0 to 7, its first row is there in 2; the product's last row starts in 9, is there in 13.
  CHECK(cyclesOf({add, multiply}) == 13);
  // Without chaining the product starts when the add's last row is there, in 9.
  CHECK(cyclesOf({add, multiply}, {{"rvv.chaining", "false"}}) == 9 + 7 + 4);
  // One pipe for both: the product starts after the add's last row.
  CHECK(cyclesOf({add, multiply}, {{"rvv.pipes", "[arithmetic, load, store]"}}) == 8 + 7 + 4);
}

TEST_CASE("a slower producer delays the end of a faster consumer") {
  Retired slow = vector(OpClass::VAlu, 8, {16}, 4), fast = vector(OpClass::VFMultiply, 0, {8}, 4);
  // The add at 64 bits: 16 cycles, its last row starts in 15 and is there in 17, where the product's last row starts.
  CHECK(cyclesOf({slow, fast}, {{"rvv.rates", "[integer/2]"}}) == 17 + 4);
}

TEST_CASE("a load waits for readers of what it overwrites") {
  // The product reads v8 in 0 to 7 at the latest; the load writes rows three cycles after they start.
  Retired read = vector(OpClass::VFMultiply, 0, {8}, 4);
  CHECK(cyclesOf({read, load(8, 4)}) == 1 + 7 + 3); // starts in 1, in order
  // A slow reader, a row in 2 cycles until cycle 15: the load's last row must not be there before 16, so that the load
  // starts in 6. Who reads it starts in 9 and ends seven rows and a latency of two later.
  Changes slow = {{"rvv.rates", "[float/2]"}, {"rvv.latency.float", "1"}};
  CHECK(cyclesOf({read, load(8, 4), vector(OpClass::VAlu, 16, {8}, 4)}, slow) == 9 + 7 + 2);
}

TEST_CASE("a result that is overwritten is waited for, or written in order") {
  Retired slow = vector(OpClass::VFMultiply, 8, {16}), fast = vector(OpClass::VAlu, 8, {24});
  CHECK(cyclesOf({slow, fast}) == 4 + 1 + 2); // the first row of the product is there in 4
  CHECK(cyclesOf({slow, fast}, {{"rvv.dispatch.overwrite_waits", "false"}}) == 2 + 1 + 2); // both end in 5
}

TEST_CASE("the queue lets so many instructions wait, and the scalar core then stops") {
  std::vector<Retired> stream(8, vector(OpClass::VAlu, 8, {16}, 8)); // 16 cycles each
  CHECK(cyclesOf(stream) == 8 * 16 - 1 + 2);
  // Four wait while the first runs from 0 on: the sixth issues when the second starts, in 16.
  CHECK(stallsOf({stream.begin(), stream.begin() + 4}, Stall::QueueFull) == 0);
  CHECK(stallsOf({stream.begin(), stream.begin() + 6}, Stall::QueueFull) == 16 - 5);
  CHECK(stallsOf(stream, Stall::QueueFull, {{"rvv.dispatch.queue", "8"}}) == 0);
}

TEST_CASE("scalar results come back late") {
  Retired move = vector(OpClass::VToScalar, 0, {8});
  move.vectorWrite = {};
  move.scalarWrite = 10;
  CHECK(cyclesOf({move, scalar(OpClass::Alu, 6, 10)}) == 2);
  Changes far = {{"rvv.dispatch.round_trip", "11"}}; // there in 5, back in 11
  CHECK(cyclesOf({move, scalar(OpClass::Alu, 6, 10)}, far) == 12);
  CHECK(stallsOf({move, scalar(OpClass::Alu, 6, 10)}, Stall::VectorResult, far) == 10);
  // Others follow the first at the interval of results.
  Retired other = move;
  other.scalarWrite = 11;
  CHECK(cyclesOf({move, other}, {{"rvv.dispatch.result_interval", "3"}}) == 3 + 1);
  CHECK(cyclesOf({load(8), move, scalar(OpClass::Fence)}) > cyclesOf({load(8)}));
}

TEST_CASE("vl and the policy of occupancy decide how long an instruction takes") {
  Retired one = vector(OpClass::VAlu, 8, {16}, 8);
  one.vl = 1;
  CHECK(cyclesOf({one}) == 2);
  CHECK(cyclesOf({one}, {{"rvv.occupancy", "group"}}) == 17);
  Retired half = vector(OpClass::VAlu, 8, {16});
  half.lmulEighths = 4;
  half.vl = half.vlmax = 4;
  CHECK(cyclesOf({half}, {{"rvv.occupancy", "group"}}) == 2);
  CHECK(cyclesOf({half}, {{"rvv.occupancy", "registers"}}) == 3);
  one.vl = 0;
  CHECK(cyclesOf({one}) == 2);
}

TEST_CASE("element by element") {
  Retired gather = vector(OpClass::VGather, 8, {16, 24}, 2); // 16 elements, 4 rows
  CHECK(cyclesOf({gather}) == 16 - 1 + 2);
  CHECK(cyclesOf({gather}, {{"rvv.elementwise.operations", "[]"}}) == 4 * 4 - 1 + 2);
  CHECK(cyclesOf({gather}, {{"rvv.partial_write_cycles", "2"}}) == 2 * 16 - 4 - 1 + 2);
  Retired compress = vector(OpClass::VCompress, 8, {16, 24}, 2);
  CHECK(cyclesOf({compress}, {{"rvv.elementwise.operations", "[]"}}) == 4 * 5 / 2 - 1 + 2);
  Retired sum = vector(OpClass::VFReduceOrdered, 8, {16}, 2);
  CHECK(cyclesOf({sum}) == 16 * 4 + 1 - 1 + 4);
  Retired reduce = vector(OpClass::VReduce, 8, {16}, 2);
  CHECK(cyclesOf({reduce}) == 2 * (4 + 2 - 1) + 1 - 1 + 2); // four rows, then one of four elements halved twice
  CHECK(cyclesOf({reduce}, {{"rvv.reduction.style", "halving"}}) == 2 * 4 + 1 - 1 + 2);
  CHECK(cyclesOf({reduce}, {{"rvv.reduction.style", "elements"}}) == 16 - 1 + 2);
  CHECK(cyclesOf({reduce}, {{"rvv.reduction.style", "tree"}}) == 2 * 4 - 1 + 2);
  // A gather that drains its pipe delays the next by a latency.
  CHECK(cyclesOf({gather, gather}, {{"rvv.elementwise.drains", "true"}}) == 2 * 16 + 2 - 1 + 2);
  Retired extend = vector(OpClass::VMove, 8, {16}, 2);
  extend.sourceBits = 16;
  Changes slowly = {{"rvv.elementwise.operations", "[extend]"}, {"rvv.elementwise.drains", "true"}};
  CHECK(cyclesOf({extend, extend}, slowly) == 2 * 16 + 2 - 1 + 2);
}

TEST_CASE("results below a whole register may keep their pipe") {
  Changes drains = {{"rvv.fraction_drains", "true"}};
  Retired half = vector(OpClass::VAlu, 8, {16}), other = vector(OpClass::VAlu, 9, {17});
  uint64_t whole = cyclesOf({half, other});
  CHECK(cyclesOf({half, other}, drains) == whole);
  half.lmulEighths = other.lmulEighths = 4;
  half.vl = half.vlmax = other.vl = other.vlmax = half.vl / 2;
  uint64_t one = cyclesOf({half});
  CHECK(cyclesOf({half, other}) < 2 * one);
  CHECK(cyclesOf({half, other}, drains) == 2 * one);
  half.cls = other.cls = OpClass::VWidenAlu; // a whole register
  CHECK(cyclesOf({half, other}, drains) == cyclesOf({half, other}));
}

TEST_CASE("memory takes rows, elements, banks") {
  CHECK(cyclesOf({load(8, 2)}) == 4 - 1 + 3);
  Retired apart = load(8, 2);
  apart.address = 4;
  CHECK(cyclesOf({apart}) == 5 - 1 + 3); // a row more
  Retired strided = load(8, 2);
  strided.cls = OpClass::VLoadStrided;
  strided.strideBytes = 64;
  CHECK(cyclesOf({strided}) == 16 - 1 + 3);
  Changes banked = {{"rvv.memory.cycles_per_element", "0.25"}, {"rvv.memory.banks", "8"}};
  CHECK(cyclesOf({strided}, banked) == 16 - 1 + 3); // 64 bytes: all in one of 8 banks
  strided.strideBytes = 72;
  CHECK(cyclesOf({strided}, banked) == 4 - 1 + 3);
  Retired segments = load(8, 1);
  segments.fields = 2;
  segments.elements = 16;
  segments.vectorWrite.count = 2;
  CHECK(cyclesOf({segments}) == 16 - 1 + 3);
  CHECK(cyclesOf({segments}, {{"rvv.memory.segment_fields", "4"}}) == 4 - 1 + 3);
}

namespace {

/// A seeded stream over all classes; each address, length and register plausible.
std::vector<Retired> randomStream(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Retired> out;
  for (int i = 0; i < 300; ++i) {
    auto cls = static_cast<OpClass>(random() % opClassCount);
    uint32_t lmul = 1u << random() % 4, count = 32 / lmul;
    auto any = [&] { return static_cast<uint8_t>(random() % count * lmul); };
    Retired op = vector(cls, any(), {any(), any()}, lmul);
    if (!isVector(cls) || cls == OpClass::VSet)
      op = scalar(cls, static_cast<uint8_t>(random() % 64), static_cast<uint8_t>(random() % 64));
    op.vl = static_cast<uint32_t>(random() % (op.vlmax + 1));
    op.masked = random() % 4 == 0;
    op.taken = random() % 2;
    op.elementBytes = 4;
    op.elements = op.vl;
    op.address = random() % 4096 * 4;
    op.strideBytes = static_cast<int64_t>(random() % 256) - 128;
    if (cls == OpClass::VToScalar || cls == OpClass::VMaskCount || cls == OpClass::VMaskFirst) {
      op.vectorWrite = {};
      op.scalarWrite = static_cast<uint8_t>(random() % 32);
    }
    out.push_back(op);
  }
  return out;
}

} // namespace

TEST_CASE("better hardware is never slower where instructions start in order") {
  const std::pair<Changes, Changes> pairs[] = {
      {{}, {{"dlen", "256"}}},
      {{{"rvv.chaining", "false"}}, {}},
      {{{"rvv.occupancy", "registers"}}, {{"rvv.occupancy", "group"}}},
      {{{"rvv.occupancy", "group"}}, {}},
      {{}, {{"rvv.scalar.load_latency", "1"}}},
      {{{"rvv.partial_write_cycles", "2"}}, {}},
      {{{"rvv.rates", "[masked/2]"}}, {}},
      {{{"rvv.startup", "5"}}, {}},
      {{{"rvv.dispatch.queue", "1"}}, {}},
      {{{"rvv.dispatch.result_interval", "4"}}, {}},
      {{{"rvv.elementwise.drains", "true"}}, {}},
      {{{"rvv.elementwise.cycles", "2"}}, {}},
      {{{"rvv.pipes", "[arithmetic, load+store]"}}, {{"rvv.pipes", "[arithmetic, load, store]"}}},
      {{{"rvv.dispatch.vset_cycles", "3"}}, {}},
  };
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::vector<Retired> stream = randomStream(seed);
    for (const auto &[worse, better] : pairs) {
      INFO("seed " << seed << ", " << (worse.empty() ? better[0].key : worse[0].key));
      CHECK(cyclesOf(stream, better) <= cyclesOf(stream, worse));
    }
    // One more instruction never makes a stream shorter.
    uint64_t all = cyclesOf(stream);
    stream.pop_back();
    CHECK(cyclesOf(stream) <= all);
  }
}

TEST_CASE("the stalls of a stream fit into its time, whatever the core") {
  const Changes cores[] = {
      {},
      {{"rvv.dispatch.in_order", "false"}},
      {{"rvv.scalar.window", "32"}, {"rvv.scalar.issue_width", "4"}},
      {{"rvv.scalar.window", "8"},
       {"rvv.dispatch.queue", "1"},
       {"rvv.pipes", "[arithmetic, float+reduce, load, store]"}},
      {{"rvv.occupancy", "group"}, {"rvv.elementwise.drains", "true"}, {"rvv.dispatch.overwrite_waits", "false"}}};
  for (uint32_t seed = 0; seed < 20; ++seed)
    for (const Changes &core : cores) {
      auto timing = makeTiming(machine(core));
      for (const Retired &op : randomStream(seed))
        timing->retire(op);
      uint64_t sum = 0;
      for (uint64_t each : timing->stalls())
        sum += each;
      CHECK(sum < timing->cycles());
      CHECK(timing->vectorUse().fpuBusyCycles <= timing->vectorUse().busyCycles);
      CHECK(timing->vectorUse().fpuBusyCycles <= timing->cycles());
      CHECK(timing->vectorUse().memoryBusyCycles <= 2 * timing->cycles()); // a load and a store port
      uint64_t once = timing->cycles();
      timing->reset();
      for (const Retired &op : randomStream(seed))
        timing->retire(op);
      CHECK(timing->cycles() == once);
    }
}

TEST_CASE("out of order is not slower than in order, and a larger window not than a smaller one") {
  auto with = [](const char *window) {
    return Changes{{"rvv.scalar.window", window}, {"rvv.dispatch.queue", "64"}, {"rvv.scalar.issue_width", "2"}};
  };
  for (uint32_t seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    std::vector<Retired> stream = randomStream(seed);
    CHECK(cyclesOf(stream, with("256")) <= cyclesOf(stream, with("0")));
    CHECK(cyclesOf(stream, with("256")) <= cyclesOf(stream, with("4")));
  }
}
