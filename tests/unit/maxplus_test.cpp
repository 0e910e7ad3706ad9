// The max-plus evaluator against the event-driven engine: the same cycles wherever it does not refuse.
#include "mesh_random_programs.h"
#include "sim/maxplus/MaxPlusEngine.h"

namespace weft::test {

static Observation runMaxPlus(const runtime::Package &package, Setup setup) {
  setup.timingOnly = true;
  return runDevice(package, setup, sim::makeMaxPlusEngine);
}

static void requireSame(const Observation &seen, const Observation &expected) {
  REQUIRE(expected.finished);
  REQUIRE(seen.coreEnds == expected.coreEnds);
  REQUIRE(seen.cycles == expected.cycles);
  REQUIRE(seen.report.busyCoreCycles == expected.report.busyCoreCycles);
  REQUIRE(seen.report.counters.wordHops == expected.report.counters.wordHops);
  REQUIRE(seen.report.counters.wordsInjected == expected.report.counters.wordsInjected);
  REQUIRE(seen.report.counters.kernelCalls == expected.report.counters.kernelCalls);
  REQUIRE(seen.report.ops.size() == expected.report.ops.size());
  for (size_t i = 0; i < seen.report.ops.size(); ++i) {
    CAPTURE(i);
    const runtime::OpTime &a = seen.report.ops[i], &b = expected.report.ops[i];
    REQUIRE(a.cycles == b.cycles);
    REQUIRE(a.compute == b.compute);
    REQUIRE(a.communicate == b.communicate);
    REQUIRE(a.wait == b.wait);
  }
  for (size_t i = 0; i < seen.report.channels.size(); ++i) {
    const runtime::ChannelTraffic &a = seen.report.channels[i], &b = expected.report.channels[i];
    REQUIRE(a.messages == b.messages);
    REQUIRE(a.words == b.words);
    REQUIRE(a.wordHops == b.wordHops);
    REQUIRE(a.maxHops == b.maxHops);
  }
}

TEST_CASE("The max-plus evaluator has the engine's cycles on random programs", "[maxplus]") {
  uint32_t same = 0;
  for (uint32_t seed = 1; seed <= 3000; ++seed) {
    CAPTURE(seed);
    RandomProgram generator(seed, false);
    runtime::Package package = generator.make();
    generator.setup.timingOnly = true;
    Observation seen = runMaxPlus(package, generator.setup);
    CAPTURE(seen.error);
    Observation expected = runEngine(package, generator.setup);
    if (!seen.finished) {
      REQUIRE(!seen.error.empty());
      continue;
    }
    ++same;
    requireSame(seen, expected);
  }
  CHECK(same > 450); // most of the others combine words in routers, contend, or cut messages into pieces
}

} // namespace weft::test
