// What each number of a core does to a stream: pipes, rates, queue, ports, order.
#include "kernels/units/Units.h"
#include "rvv_timing_support.h"

using namespace weft;
using namespace weft::hw::rvv;
using namespace weft::test;
using Catch::Matchers::Contains;

namespace {

/// `count` independent adds of one row (LMUL 1/2) or of more.
Stream adds(size_t count, uint32_t lmul = 1, bool masked = false) {
  Stream out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(vector(OpClass::VAlu, static_cast<uint8_t>(8 + i % (16 / lmul) * lmul), {0}, lmul));
    out.back().masked = masked;
  }
  return out;
}

double cyclesEach(const Stream &stream, const Changes &changes) {
  Stream twice = stream;
  twice.insert(twice.end(), stream.begin(), stream.end());
  return double(cyclesOf(twice, changes) - cyclesOf(stream, changes)) / double(stream.size());
}

} // namespace

TEST_CASE("two pipes start two instructions, where both can") {
  Changes two = {{"rvv.pipes", "[arithmetic, integer+unmasked, load, store]"}, {"rvv.scalar.issue_width", "2"}};
  Changes one = {{"rvv.pipes", "[arithmetic, load, store]"}, {"rvv.scalar.issue_width", "2"}};
  CHECK(cyclesEach(adds(16, 2), one) == 4);
  CHECK(cyclesEach(adds(16, 2), two) == 2);
  CHECK(cyclesEach(adds(16, 2, true), two) == 4); // the second takes no masks
  Stream products;
  for (uint8_t i = 0; i < 8; ++i)
    products.push_back(vector(OpClass::VFMultiply, static_cast<uint8_t>(8 + 2 * i), {0}, 2));
  CHECK(cyclesEach(products, two) == 4); // nor floating point
  // One instruction starts a cycle, whatever the pipes: instructions of one row gain nothing.
  Stream shorts = adds(16);
  for (Retired &op : shorts)
    op.vl = 4;
  CHECK(cyclesEach(shorts, two) == 1);
  two.push_back({"rvv.dispatch.width", "2"});
  CHECK(cyclesEach(shorts, two) == 0.5);
}

TEST_CASE("a unit can be slower or wider than the datapath") {
  Retired wide = vector(OpClass::VFFma, 8, {0, 2}, 2);
  wide.resultBits = wide.sewBits = 64;
  wide.vl = wide.vlmax = 8;
  CHECK(cyclesOf({wide}) == 4 - 1 + 4);
  CHECK(cyclesOf({wide}, {{"rvv.rates", "[float64/4]"}}) == 16 - 1 + 4);
  CHECK(cyclesOf({wide}, {{"rvv.rates", "[float64/4, multiply64/2]"}}) == 16 - 1 + 4);
  CHECK(cyclesOf({vector(OpClass::VFFma, 8, {0, 2}, 2)}, {{"rvv.rates", "[float64/4]"}}) == 4 - 1 + 4); // f32
  Retired widening = vector(OpClass::VWidenMultiply, 8, {0, 2}, 2);
  widening.resultBits = 64;
  CHECK(cyclesOf({widening}) == 8 - 1 + 3);
  CHECK(cyclesOf({widening}, {{"rvv.rates", "[widen*2]"}}) == 4 - 1 + 3);
  Retired masked = vector(OpClass::VAlu, 8, {16}, 2);
  masked.masked = true;
  CHECK(cyclesOf({masked}, {{"rvv.rates", "[masked/2]"}}) == 8 - 1 + 2);
}

TEST_CASE("what a 64-bit multiply needs may be in fewer pipes") {
  Changes two = {{"rvv.pipes", "[arithmetic, multiply32, load, store]"}, {"rvv.scalar.issue_width", "2"}};
  Stream narrow, wide;
  for (uint8_t i = 0; i < 8; ++i) {
    narrow.push_back(vector(OpClass::VMultiply, static_cast<uint8_t>(8 + 2 * i), {0}, 2));
    wide.push_back(narrow.back());
    wide.back().sewBits = wide.back().resultBits = 64;
    wide.back().vl = wide.back().vlmax = 8;
  }
  CHECK(cyclesEach(narrow, two) == 2);
  CHECK(cyclesEach(wide, two) == 4);
  two[0].value = "[arithmetic, multiply, load, store]";
  CHECK(cyclesEach(wide, two) == 2);
  // What is said of 64-bit elements counts for them, whatever is said of all.
  two.push_back({"rvv.rates", "[multiply64/4, multiply/2]"});
  CHECK(cyclesEach(narrow, two) == 4);
  CHECK(cyclesEach(wide, two) == 8);
}

TEST_CASE("pipes and rates that cannot be are refused") {
  auto error = [](const char *key, const char *value) {
    auto parsed = hw::parse(machine().yaml, "tiny", {{std::string("parallelism.core.rvv.") + key, value}});
    REQUIRE_FALSE(parsed);
    return parsed.error().message;
  };
  CHECK_THAT(error("pipes", "[arithmetic, load]"), Contains("no pipe") && Contains("unit store"));
  CHECK_THAT(error("pipes", "[arithmetic+unmasked, load, store]"), Contains("masked instructions"));
  CHECK_THAT(error("pipes", "[arithmetic, vector]"), Contains("'vector' is not allowed") && Contains("integer, logic"));
  CHECK_THAT(error("pipes", "[]"), Contains("a list of 1 to 8 items"));
  CHECK_THAT(error("pipes", "[arithmetic+, load, store]"), Contains("is not allowed"));
  CHECK_THAT(error("rates", "[float/3]"), Contains("'float/3' is not allowed") && Contains("/2, /4 or /8"));
  CHECK_THAT(error("rates", "[float/2, float/2]"), Contains("listed twice"));
  CHECK_THAT(error("rates", "[float/2, float/4]"), Contains("listed twice"));
  CHECK_THAT(error("rates", "float/2"), Contains("a list"));
}

TEST_CASE("every instruction can cost cycles beside its rows") {
  CHECK(cyclesEach(adds(16), {}) == 2);
  CHECK(cyclesEach(adds(16), {{"rvv.startup", "3"}}) == 5);
  CHECK(cyclesEach({load(8), load(9)}, {{"rvv.startup", "3"}}) == 5);
}

TEST_CASE("loads and stores share a port or do not, and a port can be narrow") {
  Stream copy;
  for (uint8_t i = 0; i < 4; ++i) {
    copy.push_back(load(static_cast<uint8_t>(8 + 4 * i), 4));
    copy.push_back(store(static_cast<uint8_t>(24 + i % 2 * 4), 4));
  }
  CHECK(cyclesEach(copy, {}) == 4); // eight rows each, side by side
  CHECK(cyclesEach(copy, {{"rvv.pipes", "[arithmetic, load+store]"}}) == 8);
  CHECK(cyclesEach(copy, {{"rvv.memory.bits", "64"}}) == 8);
  CHECK(cyclesEach(copy, {{"rvv.rates", "[store/2]"}}) == 8);
  CHECK(cyclesEach({load(8, 4), load(12, 4)}, {{"rvv.pipes", "[arithmetic, load, load, store]"}}) == 4);
  // A load's first use waits for the memory's latency.
  Retired use = vector(OpClass::VAlu, 8, {16});
  CHECK(cyclesOf({load(16), use}, {{"rvv.memory.load_latency", "20"}}) == 20 + 1 + 2);
}

TEST_CASE("vset delays the next vector instruction, if that is said") {
  Stream stream = {scalar(OpClass::VSet, 5), vector(OpClass::VAlu, 8, {16})};
  CHECK(cyclesOf(stream) == 1 + 1 + 2);
  CHECK(cyclesOf(stream, {{"rvv.dispatch.vset_cycles", "4"}}) == 4 + 1 + 2);
}

TEST_CASE("an LMUL of eight costs eight times the rows, also of one element where the group counts") {
  for (uint32_t lmul : {1u, 2u, 4u, 8u}) {
    Retired op = vector(OpClass::VAlu, 8, {16}, lmul);
    CHECK(cyclesOf({op}) == 2 * lmul - 1 + 2);
    op.vl = 1;
    CHECK(cyclesOf({op}) == 2);
    CHECK(cyclesOf({op}, {{"rvv.occupancy", "group"}}) == 2 * lmul - 1 + 2);
    Retired gather = vector(OpClass::VGather, 8, {16, 24}, lmul);
    CHECK(cyclesOf({gather}, {{"rvv.elementwise.operations", "[]"}}) == 4 * lmul * lmul - 1 + 2);
  }
}

TEST_CASE("a divide takes elements or rows, and rows without elements can end early") {
  Retired divide = vector(OpClass::VFDivide, 8, {16, 24}, 2); // 16 elements, four rows
  Changes fixed = {{"rvv.divide.float_cycles", "10"}, {"rvv.divide.cycles_per_bit", "0"}};
  auto with = [&](const char *key, const char *value) {
    Changes out = fixed;
    out.push_back({key, value});
    return out;
  };
  CHECK(cyclesOf({divide}, fixed) == 40 - 1 + 4);
  CHECK(cyclesOf({divide}, with("rvv.elementwise.operations", "[divide]")) == 160 - 1 + 4);
  CHECK(cyclesOf({divide}, {{"rvv.divide.float_cycles", "2"}, {"rvv.divide.cycles_per_bit", "0.25"}}) == 40 - 1 + 4);
  divide.vl = 1;
  CHECK(cyclesOf({divide}, with("rvv.occupancy", "group")) == 40 - 1 + 4);
  fixed.push_back({"rvv.occupancy", "group"});
  CHECK(cyclesOf({divide}, with("rvv.divide.early_cycles", "3")) == 10 + 3 * 3 - 1 + 4);
  Retired integer = divide;
  integer.cls = OpClass::VDivide;
  CHECK(cyclesOf({integer}, with("rvv.divide.early_cycles", "3")) == cyclesOf({integer}, fixed));
}

TEST_CASE("out of order, only operands are waited for") {
  Changes window = {{"rvv.scalar.window", "64"}, {"rvv.dispatch.queue", "32"}, {"rvv.scalar.load_latency", "30"}};
  // A load that is waited for, and work that does not need it.
  Stream stream = {scalar(OpClass::Load, 5), scalar(OpClass::Alu, 6, 5)};
  for (int i = 0; i < 20; ++i)
    stream.push_back(scalar(OpClass::Alu, 7, 7));
  CHECK(cyclesOf(stream, {{"rvv.scalar.load_latency", "30"}}) == 30 + 21);
  CHECK(cyclesOf(stream, window) == 30 + 1); // the add after the load
  // So much can be in flight: the load leaves in cycle 30, and then all the others follow one by one.
  window[0].value = "4";
  CHECK(cyclesOf(stream, window) == 30 + 18);
  CHECK(stallsOf(stream, Stall::WindowFull, window) > 0);
  CHECK(stallsOf(stream, Stall::QueueFull, window) == 0);
}

TEST_CASE("out of order, the steps of reductions run between each other") {
  Stream sums;
  for (uint8_t i = 0; i < 8; ++i) {
    sums.push_back(vector(OpClass::VFReduceUnordered, static_cast<uint8_t>(8 + i), {16}));
    sums.back().vectorWrite.count = 1;
  }
  // Two rows and two halvings, less one: three steps of four cycles, and a cycle to write.
  CHECK(cyclesEach(sums, {}) == 13);
  CHECK(cyclesEach(sums,
                   {{"rvv.scalar.window", "64"}, {"rvv.scalar.issue_width", "4"}, {"rvv.dispatch.queue", "16"}}) == 4);
  CHECK(cyclesOf({sums[0]}, {{"rvv.scalar.window", "64"}}) == cyclesOf({sums[0]}));
}

TEST_CASE("renamed registers are overwritten at once, unless the old value is kept") {
  // A slow product, and an add into the register that it reads: in order the add's row waits until it was read.
  Stream stream = {vector(OpClass::VFMultiply, 16, {8}, 4), load(8, 4), vector(OpClass::VAlu, 24, {8}, 4)};
  Changes slow = {{"rvv.rates", "[float/8]"}, {"rvv.latency.float", "1"}};
  uint64_t inOrder = cyclesOf(stream, slow);
  slow.push_back({"rvv.scalar.window", "64"});
  CHECK(cyclesOf(stream, slow) == 64 - 1 + 1); // the product alone decides
  CHECK(inOrder >= 64);
  Retired first = vector(OpClass::VFMultiply, 8, {0}), second = vector(OpClass::VAlu, 8, {4});
  Changes window = {{"rvv.scalar.window", "64"}};
  CHECK(cyclesOf({first, second}, window) == 1 + 4);
  second.keepsOld = true;
  CHECK(cyclesOf({first, second}, window) == 4 + 1 + 2); // row after row of the old value
  // A compare writes parts of a register: in order it waits for the one before it, whose parts it keeps.
  Retired compare = vector(OpClass::VCompare, 8, {16}, 8);
  compare.vectorWrite.count = 1;
  compare.resultBits = 1;
  CHECK(cyclesEach({compare, compare}, {}) == 16 + 1);
  CHECK(cyclesEach({compare, compare}, window) == 16);
  compare.keepsOld = true;
  CHECK(cyclesEach({compare, compare}, window) == 16 + 1);
}

TEST_CASE("out of order, a younger instruction fills the hole before an older one") {
  Changes window = {{"rvv.scalar.window", "64"}, {"rvv.memory.load_latency", "40"}, {"rvv.dispatch.queue", "16"}};
  Stream stream = {load(0, 4), vector(OpClass::VAlu, 8, {0}, 4)};
  uint64_t alone = cyclesOf(stream, window);
  for (uint8_t i = 0; i < 4; ++i)
    stream.push_back(vector(OpClass::VAlu, static_cast<uint8_t>(16 + 4 * i % 16), {24}, 4));
  CHECK(alone == 40 + 7 + 2);
  CHECK(cyclesOf(stream, window) == alone); // 4 times 8 cycles fit before 40
  CHECK(cyclesOf(stream, {{"rvv.memory.load_latency", "40"}}) > alone);
}

namespace {

/// An instruction of a custom unit on registers of LMUL 2, four beats.
Retired custom(std::string_view unit, uint8_t to, uint8_t from, weft::units::Latency latency, uint8_t interval) {
  Retired op = vector(OpClass::VCustom, to, {from}, 2);
  op.unit = static_cast<uint8_t>(weft::units::find(unit) - weft::units::all().data());
  op.unitLatency = latency;
  op.unitInterval = interval;
  return op;
}

uint32_t five(uint32_t, uint32_t) { return 5; }

} // namespace

TEST_CASE("a custom unit is a pipe of its own with the latency and interval that its description says") {
  const Changes units = {{"units", "[dot, exp]"}};
  CHECK(cyclesOf({custom("dot", 8, 16, five, 1)}, units) == 4 - 1 + 5);
  CHECK(cyclesOf({custom("dot", 8, 16, five, 3)}, units) == 3 * 3 + 5);
  CHECK(cyclesEach({custom("dot", 8, 16, five, 1), custom("dot", 12, 16, five, 1)}, units) == 4); // busy for its beats
  CHECK(cyclesEach({custom("dot", 8, 16, five, 3), custom("dot", 12, 16, five, 3)}, units) == 12);
  // Two units work side by side, and beside the vector unit's own pipes.
  CHECK(cyclesEach({custom("dot", 8, 16, five, 1), custom("exp", 10, 18, five, 1), custom("dot", 12, 16, five, 1),
                    custom("exp", 14, 18, five, 1)},
                   units) == 2);
  CHECK(cyclesEach({custom("dot", 8, 16, five, 1), vector(OpClass::VAlu, 10, {18}, 2), custom("dot", 12, 16, five, 1),
                    vector(OpClass::VAlu, 14, {18}, 2)},
                   units) == 2);
  // Its rows chain into the next instruction, but a sum is there as a whole.
  Retired add = vector(OpClass::VAlu, 10, {8}, 2);
  CHECK(cyclesOf({custom("dot", 8, 16, five, 1), add}, units) == 5 + 4 - 1 + 2);
  Retired sum = custom("dot", 8, 16, five, 1);
  sum.unitGathers = true;
  CHECK(cyclesOf({sum, add}, units) == 4 - 1 + 5 + 4 - 1 + 2);
  // Eight vectors one after the other.
  sum.unitRows = 8;
  CHECK(cyclesOf({sum}, units) == 8 * 4 - 1 + 5);
  sum.vl = 1;
  CHECK(cyclesOf({sum}, units) == 8 - 1 + 5);
  // A latency may depend on the core's widths.
  const Retired dependent = custom("dot", 8, 16, [](uint32_t vlen, uint32_t dlen) { return vlen / 64 + dlen; }, 1);
  const hw::CoreSpec core = machine(units).parallelism.core;
  CHECK(cyclesOf({dependent}, units) == 4 - 1 + core.vlenBits / 64 + core.dlenBits);
  // On the scalar side latency alone counts.
  Retired get = scalar(OpClass::Custom, 5);
  get.unitLatency = [](uint32_t, uint32_t) -> uint32_t { return 6; };
  CHECK(cyclesOf({get, scalar(OpClass::Alu, 6, 5)}, units) == 6 + 1);
}
