// Random machines, routes and programs: the engine and the cycle-by-cycle oracle must agree on the cycle of every word.
#include "compiler/route/Deadlock.h"
#include "explanation_check.h"
#include "mesh_random_programs.h"

namespace weft::test {

/// Of the routers, in the oracle's form.
static std::map<std::pair<uint32_t, uint32_t>, std::pair<uint64_t, uint64_t>> heldIn(const runtime::Explanation &why,
                                                                                     uint32_t width) {
  std::map<std::pair<uint32_t, uint32_t>, std::pair<uint64_t, uint64_t>> held;
  for (const runtime::Stall &stall : why.stalls) {
    if (stall.exit == runtime::Exit::Up)
      continue;
    auto &sums = held[{static_cast<uint32_t>(stall.at.y) * width + static_cast<uint32_t>(stall.at.x), stall.color}];
    sums.first += stall.receiver + stall.queue;
    sums.second += stall.arbitration;
  }
  return held;
}

static void compare(uint32_t rounds, bool dense) {
  uint32_t finished = 0, provenToEnd = 0;
  size_t words = 0;
  std::array<uint32_t, 7> sums{};
  std::array<uint64_t, runtime::causeCount> spent{}; // on critical paths
  for (uint32_t seed = 1; seed <= rounds; ++seed) {
    CAPTURE(seed);
    RandomProgram generator(seed, dense);
    runtime::Package package = generator.make();
    // The untimed check may refuse what this machine's queues let pass, and never the other way round.
    route::DeadlockOptions options;
    options.linkBytes = generator.setup.hardware.routing.linkBytes;
    options.queueWords = generator.setup.hardware.routing.queueWords;
    bool proven = bool(route::checkDeadlock(package, *package.programs[0], options));
    Observation expected = runOracle(package, generator.setup);
    Observation seen = runEngine(package, generator.setup);
    CAPTURE(seen.error);
    REQUIRE(seen.finished == expected.finished);
    REQUIRE((seen.finished || !proven));
    provenToEnd += proven;
    REQUIRE(seen.arrivals == expected.arrivals);
    REQUIRE(seen.hostArrivals == expected.hostArrivals);
    REQUIRE(seen.coreEnds == expected.coreEnds);
    for (const auto &[place, cycles] : seen.arrivals)
      words += cycles.size();
    if (!seen.finished)
      continue;
    ++finished;
    for (size_t kind = 0; kind < sums.size(); ++kind)
      sums[kind] += generator.sums[kind];
    REQUIRE(seen.cycles == expected.cycles);
    REQUIRE(seen.memory == expected.memory);
    REQUIRE(seen.logits == expected.logits);
    generator.setup.timingOnly = true;
    Observation timed = runEngine(package, generator.setup);
    REQUIRE(timed.finished);
    checkExplanation(seen.report);
    REQUIRE(heldIn(*seen.report.why, package.mesh_width) == expected.held);
    for (const runtime::PathSegment &segment : seen.report.why->path)
      spent[static_cast<size_t>(segment.cause)] += segment.end - segment.begin;
    REQUIRE(timed.cycles == seen.cycles);
    REQUIRE(timed.arrivals == seen.arrivals);
    REQUIRE(timed.hostArrivals == seen.hostArrivals);
    REQUIRE(timed.coreEnds == seen.coreEnds);
    uint64_t sum = 0;
    for (const runtime::OpTime &op : seen.report.ops)
      sum += op.cycles;
    REQUIRE((package.programs[0]->tasks.empty() || sum == seen.cycles));
  }
  // The comparison must have had something to compare.
  CHECK(finished > rounds / 2);
  CHECK((dense || provenToEnd > rounds / 4)); // where all is dense, nearly everything is too bold for it
  CHECK(words > 50 * rounds);
  for (size_t cause = 0; cause < spent.size(); ++cause) {
    CAPTURE(runtime::nameOf(static_cast<runtime::Cause>(cause)));
    CHECK((spent[cause] > 0) == (static_cast<runtime::Cause>(cause) != runtime::Cause::Wait)); // all is told
  }
  for (size_t kind = 1; kind < sums.size(); ++kind)
    CHECK(sums[kind] > rounds / 20);
}

TEST_CASE("The engine agrees with the cycle-by-cycle oracle on random programs", "[mesh]") { compare(600, false); }

TEST_CASE("The engine agrees with the cycle-by-cycle oracle where many colours contend", "[mesh]") {
  compare(300, true);
}

} // namespace weft::test
