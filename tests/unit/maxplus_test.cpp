// The max-plus evaluator against the event-driven engine: the same cycles wherever it does not refuse.
#include "explanation_check.h"
#include "maxplus_same.h"
#include "mesh_random_programs.h"
#include "sim/maxplus/MaxPlusEngine.h"

namespace weft::test {

static Observation runMaxPlus(const runtime::Package &package, Setup setup, bool explain = true) {
  setup.timingOnly = true;
  return runDevice(package, setup, [&](const auto &loaded, const auto &hardware, sim::MeshEngineOptions options) {
    options.explain = explain;
    return sim::makeMaxPlusEngine(loaded, hardware, options);
  });
}

TEST_CASE("The max-plus evaluator has the engine's cycles on random programs", "[maxplus]") {
  uint32_t same = 0;
  uint64_t cycles = 0, untold = 0;
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
    REQUIRE(expected.finished);
    REQUIRE(seen.coreEnds == expected.coreEnds);
    requireSame(seen.report, expected.report);
    checkExplanation(seen.report);
    for (const runtime::PathSegment &segment : seen.report.why->path)
      untold += segment.cause == runtime::Cause::Wait ? segment.end - segment.begin : 0;
    cycles += seen.cycles;
    Setup quiet = generator.setup;
    requireSame(runMaxPlus(package, quiet, false).report, expected.report);
  }
  CAPTURE(cycles, untold);
  CHECK(untold < cycles / 100);
  CHECK(same > 450); // most of the others combine words in routers, contend, or cut messages into pieces
}

} // namespace weft::test
