// The timing model of RISC-V vector cores: small streams computed by hand, properties, and measured cores.
#include "hw-models/core/rvv/Timing.h"
#include "sim/validation/Stream.h"
#include "sim/validation/Validate.h"

#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>
#include <random>

using namespace weft;
using namespace weft::hw::rvv;
using Catch::Matchers::Contains;

namespace {

using Changes = std::vector<hw::Override>;

/// A core with round numbers: nothing between issue and start, two rows a register.
hw::Hardware machine(const Changes &changes = {}) {
  std::string text = R"(
name: tiny
parallelism:
  mesh: [1, 1]
  clock_ghz: 1
  core:
    kind: rvv
    vlen: 256
    dlen: 128
    rvv:
      dispatch: {latency: 0, queue: 4, result_latency: 5}
      latency: {integer: 2, float: 4}
      memory: {load_latency: 3}
      sequencer: {integer: 0, multiply: 1, float: 1}
latency: {hop: 1, ramp: 1, transfer_issue: 1, stream_stage: 1, stream_startup: 1}
memory: {sram_kib: 64, reserve_kib: {code: 1, stack: 1}}
routing: {link_bytes: 4, colors: 24, queue_words: 4}
)";
  Changes full;
  for (const hw::Override &each : changes)
    full.push_back({"parallelism.core." + each.key, each.value});
  Result<hw::Hardware> parsed = hw::parse(text, "tiny", full);
  if (!parsed)
    FAIL(parsed.error().message);
  return *parsed;
}

/// An instruction on groups of `lmul` registers with f32 elements, on all elements.
Retired vector(OpClass cls, uint8_t to, std::initializer_list<uint8_t> from, uint32_t lmul = 1, uint32_t vlen = 256) {
  Retired op;
  op.cls = cls;
  op.vectorWrite = {to, static_cast<uint8_t>(lmul)};
  size_t i = 0;
  for (uint8_t each : from)
    op.vectorReads[i++] = {each, static_cast<uint8_t>(lmul)};
  op.sewBits = op.sourceBits = op.resultBits = 32;
  op.lmulEighths = static_cast<uint8_t>(8 * lmul);
  op.vl = op.vlmax = lmul * vlen / 32;
  return op;
}

Retired load(uint8_t to, uint32_t lmul = 1, uint32_t vlen = 256) {
  Retired op = vector(OpClass::VLoad, to, {}, lmul, vlen);
  op.elements = op.vl;
  op.elementBytes = 4;
  return op;
}

Retired scalar(OpClass cls, uint8_t to = noRegister, uint8_t from = noRegister) {
  Retired op;
  op.cls = cls;
  op.scalarWrite = to;
  op.scalarReads[0] = from;
  return op;
}

uint64_t cyclesOf(const std::vector<Retired> &stream, const Changes &changes = {}) {
  auto timing = makeTiming(machine(changes));
  for (const Retired &op : stream)
    timing->retire(op);
  return timing->cycles();
}

uint64_t stallsOf(const std::vector<Retired> &stream, Stall stall, const Changes &changes = {}) {
  auto timing = makeTiming(machine(changes));
  for (const Retired &op : stream)
    timing->retire(op);
  return timing->stalls()[static_cast<size_t>(stall)];
}

} // namespace

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
  // One sequencer for both: the product starts after the add's last row.
  CHECK(cyclesOf({add, multiply}, {{"rvv.sequencer.float", "0"}}) == 8 + 7 + 4);
}

TEST_CASE("a slower producer delays the end of a faster consumer") {
  Retired slow = vector(OpClass::VAlu, 8, {16}, 4), fast = vector(OpClass::VFMultiply, 0, {8}, 4);
  // The add at 64 bits: 16 cycles, its last row starts in 15 and is there in 17, where the product's last row starts.
  CHECK(cyclesOf({slow, fast}, {{"rvv.width.integer", "64"}}) == 17 + 4);
}

TEST_CASE("a load waits for readers of what it overwrites") {
  // The product reads v8 in 0 to 7 at the latest; the load writes rows three cycles after they start.
  Retired read = vector(OpClass::VFMultiply, 0, {8}, 4);
  CHECK(cyclesOf({read, load(8, 4)}) == 1 + 7 + 3); // starts in 1, in order
  // A slow reader, a row in 2 cycles until cycle 15: the load's last row must not be there before 16, so that the load
  // starts in 6. Who reads it starts in 9 and ends seven rows and a latency of two later.
  Changes slow = {{"rvv.width.float", "64"}, {"rvv.latency.float", "1"}};
  CHECK(cyclesOf({read, load(8, 4), vector(OpClass::VAlu, 16, {8}, 4)}, slow) == 9 + 7 + 2);
}

TEST_CASE("a result that is overwritten is waited for, or written in order") {
  Retired slow = vector(OpClass::VFMultiply, 8, {16}), fast = vector(OpClass::VAlu, 8, {24});
  CHECK(cyclesOf({slow, fast}) == 4 + 1 + 2); // the first row of the product is there in 4
  CHECK(cyclesOf({slow, fast}, {{"rvv.overwrite_waits", "false"}}) == 2 + 1 + 2); // both end in 5
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
  CHECK(cyclesOf({move, scalar(OpClass::Alu, 6, 10)}) == 6);
  CHECK(stallsOf({move, scalar(OpClass::Alu, 6, 10)}, Stall::VectorResult) == 4);
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
  CHECK(cyclesOf({reduce}, {{"rvv.reduction.style", "elements"}}) == 2 * 16 - 1 + 2);
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
      {{{"rvv.width.masked", "64"}}, {}},
      {{{"rvv.memory.startup", "5"}}, {}},
      {{{"rvv.dispatch.queue", "1"}}, {}},
      {{{"rvv.dispatch.result_interval", "4"}}, {}},
      {{{"rvv.divide.startup", "4"}}, {}},
      {{{"rvv.elementwise.cycles", "2"}}, {}},
      {{{"rvv.memory.shared_port", "true"}}, {}},
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

TEST_CASE("the stalls of a stream fit into its time") {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    auto timing = makeTiming(machine());
    for (const Retired &op : randomStream(seed))
      timing->retire(op);
    uint64_t sum = 0;
    for (uint64_t each : timing->stalls())
      sum += each;
    CHECK(sum < timing->cycles());
    CHECK(timing->vectorUse().fpuBusyCycles <= timing->vectorUse().busyCycles);
    CHECK(timing->vectorUse().fpuBusyCycles <= timing->cycles());
    CHECK(timing->vectorUse().memoryBusyCycles <= 2 * timing->cycles()); // a load and a store port
  }
}

TEST_CASE("an f32 GEMM tile of 128x128x128 keeps four lanes busy") {
  Result<hw::Hardware> lanes = hw::load("rvv-4lane");
  REQUIRE(lanes);
  auto timing = makeTiming(*lanes);
  // LMUL 4 at VLEN 1024 is 128 columns; six rows of accumulators v8 to v31 at a time, B's row in v0 to v3 or v4 to v7.
  constexpr uint32_t vlen = 1024, lmul = 4;
  uint64_t macs = 0;
  for (uint32_t row = 0; row < 126; row += 6)
    for (uint32_t k = 0; k < 128; ++k) {
      uint8_t b = k % 2 ? 4 : 0;
      timing->retire(load(b, lmul, vlen));
      timing->retire(scalar(OpClass::Alu, 11, 11));
      for (uint8_t i = 0; i < 6; ++i) {
        timing->retire(scalar(OpClass::Load, static_cast<uint8_t>(40 + i), 12));
        uint8_t accumulator = static_cast<uint8_t>(8 + 4 * i);
        Retired fma = vector(OpClass::VFFma, accumulator, {b, accumulator}, lmul, vlen);
        fma.scalarReads[0] = static_cast<uint8_t>(40 + i);
        timing->retire(fma);
        macs += fma.vl;
      }
      Retired branch = scalar(OpClass::Branch, noRegister, 11);
      branch.taken = true;
      timing->retire(branch);
    }
  double utilisation = double(timing->vectorUse().fpuBusyCycles) / double(timing->cycles());
  CHECK(timing->vectorUse().fpuBusyCycles == macs / 8); // four lanes of 64 bits
  CHECK(utilisation > 0.95);
  CHECK(utilisation <= 1);
}

TEST_CASE("measured cores are predicted as well as the documents say") {
  using namespace weft::validation;
  auto measurements = shippedMeasurements();
  REQUIRE(measurements);
  CHECK(measurements->size() == 71370);
  struct Bound {
    const char *machine;
    double most, one; // mean absolute error at VLMAX and at vl = 1
  };
  for (const Bound &bound : {Bound{"saturn_shuttle_256_128", 0.005, 0.16}, Bound{"spacemit_x60", 0.078, 0.08},
                             Bound{"tt_t2", 0.04, 0.04}, Bound{"tt_x280", 0.071, 0.125}}) {
    INFO(bound.machine);
    auto hardware = hw::load(std::string(presetFor(bound.machine)));
    REQUIRE(hardware);
    Comparison comparison = compare(*hardware, *measurements, bound.machine);
    CHECK(comparison.unknown.empty());
    CHECK(summarize(comparison, [](const Row &row) { return row.measurement->vl == 0; }).meanAbsoluteError <
          bound.most);
    CHECK(summarize(comparison, [](const Row &row) { return row.measurement->vl == 1; }).meanAbsoluteError < bound.one);
  }
}

TEST_CASE("measurements that cannot be read name the line") {
  using namespace weft::validation;
  std::string path = WEFT_BINARY_DIR "/rvv_timing_test.csv";
  auto errorOf = [&](const std::string &text) {
    std::ofstream(path, std::ios::binary) << text;
    auto read = readMeasurements(path);
    REQUIRE_FALSE(read);
    return read.error().message;
  };
  const std::string header = "machine,operands,SEW,LMUL,vl,cycles_per_insn\n";
  CHECK_THAT(errorOf(""), Contains("no measurement"));
  CHECK_THAT(errorOf("machine,operands\n"), Contains(":1: the column SEW is missing"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",12,m1,VLMAX,2\n"), Contains(":2: SEW '12'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m3,VLMAX,2\n"), Contains(":2: LMUL 'm3'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m1,-1,2\n"), Contains(":2: vl '-1'"));
  CHECK_THAT(errorOf(header + "a,\"vadd.vv v8,v16,v24\",8,m1,1,nan\n"), Contains("a positive number"));
  CHECK_THAT(errorOf("\x1f\x8b rubbish"), Contains("not a whole gzip file"));
  std::ofstream(path, std::ios::binary) << header << "a,\"vadd.vv v8,v16,v24\",32,m2,VLMAX,4.5\n";
  auto read = readMeasurements(path);
  REQUIRE(read);
  REQUIRE(read->size() == 1);
  CHECK(read->front().cycles == 4.5);
  CHECK(read->front().lmulEighths == 16);
  std::remove(path.c_str());
  // Text that is no instruction is told apart, whatever it is.
  for (const char *text : {"", "vadd.vv", "nonsense v8", "vle32.v", "vlseg9e32.v v8,(t0)", "vadd.vv v,v,v",
                           "vle32.v x,(t0)", "vsetvli t0,t1", "add t0,t1,t2", "vlseg", "vluxei8.v v8,(t0),v16"}) {
    Measurement odd{.machine = "a", .operands = text, .cycles = 1};
    (void)streamOf(odd, 256);
  }
  CHECK_FALSE(streamOf({.machine = "a", .operands = "nonsense v8", .cycles = 1}, 256));
}
