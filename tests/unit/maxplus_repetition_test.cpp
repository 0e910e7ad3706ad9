// Layers that begin alike are not evaluated again, and take the engine's cycles all the same.
#include "compiler/algorithms/Algorithms.h"
#include "maxplus_same.h"
#include "maxplus_time.h"
#include "sim/maxplus/Repetition.h"

namespace weft::test {

using sim::maxplus::Phase;

static std::vector<Phase> phasesOf(const std::string &kinds) {
  std::vector<Phase> phases;
  for (char kind : kinds)
    phases.push_back({0, 0, static_cast<uint32_t>(kind)});
  return phases;
}

TEST_CASE("The repetition that spares most phases is found", "[maxplus]") {
  struct Case {
    const char *kinds;
    uint32_t begin, period, count;
  };
  for (const Case &each : {Case{"abcd", 0, 0, 0}, Case{"aabcd", 0, 1, 2}, Case{"xababababy", 1, 2, 4},
                           Case{"eaabcaabcaabcn", 1, 4, 3}, Case{"aaaaab", 0, 1, 5}, Case{"", 0, 0, 0}}) {
    CAPTURE(each.kinds);
    const sim::maxplus::Repetition found = sim::maxplus::findRepetition(phasesOf(each.kinds));
    CHECK(found.count == each.count);
    if (!each.count)
      continue;
    CHECK(found.begin == each.begin);
    CHECK(found.period == each.period);
  }
}

/// Tasks and ops of the program over and over.
static void repeat(pkg::ProgramT &program, uint32_t times) {
  const auto ops = static_cast<uint32_t>(program.ops.size());
  const size_t tasks = program.tasks.size();
  for (uint32_t round = 1; round < times; ++round) {
    for (uint32_t op = 0; op < ops; ++op)
      program.ops.push_back(std::make_unique<pkg::OpT>(*program.ops[op]));
    for (size_t i = 0; i < tasks; ++i) {
      auto copy = std::make_unique<pkg::TaskT>(*program.tasks[i]);
      copy->op += round * ops;
      program.tasks.push_back(std::move(copy));
    }
  }
}

TEST_CASE("Sums over all cores again and again are evaluated a few times", "[maxplus]") {
  constexpr uint32_t rounds = 12;
  auto hardware = hw::load("wse2");
  REQUIRE(hardware);
  uint64_t repeated = 0;
  for (const char *algorithm : {"chain", "tree", "two-phase", "ktree"})
    for (auto [w, h] : {std::pair<uint32_t, uint32_t>{6, 6}, {9, 9}, {7, 3}, {4, 10}})
      for (int64_t length : {1, 40}) {
        CAPTURE(algorithm, w, h, length);
        algorithms::Request request{algorithms::Kind::AllReduce,
                                    algorithm,
                                    w,
                                    h,
                                    {4, length},
                                    algorithms::Element::F32,
                                    algorithms::Settings({{"repeats", "1"}})};
        auto generated = algorithms::generate(request, *hardware);
        if (!generated)
          continue;
        repeat(*generated->package.programs[0], rounds);
        auto seen = timeOf(generated->package, *hardware, sim::makeMaxPlusEngine);
        auto expected = timeOf(generated->package, *hardware, sim::makeMeshEngine);
        REQUIRE(expected);
        if (!seen)
          continue;
        requireSame(*seen, *expected);
        repeated += seen->repeated;
      }
  CHECK(repeated > 100);
}

} // namespace weft::test
