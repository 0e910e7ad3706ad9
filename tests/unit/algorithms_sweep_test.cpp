// How near the made trees come to a bound that no reduction beats.
#include "algorithms_support.h"

#include "compiler/algorithms/AutoTree.h"
#include "compiler/algorithms/TreeBound.h"
#include "compiler/algorithms/TreeTiming.h"

#include <fmt/format.h>

#include <random>

using namespace weft;
using namespace weft::test;

namespace {

/// The machine of the model of Luczynski et al.: a cycle a hop, 2 T_R + 1 a stage, nothing to start.
hw::Hardware modelMachine() {
  return take(hw::load("wse2", {{"latency.hop", "1"},
                                {"latency.ramp", "2"},
                                {"latency.stream_stage", "1"},
                                {"latency.stream_startup", "0"},
                                {"latency.transfer_issue", "0"}}));
}

/// Dies end nowhere: neither trees nor bounds know of them.
hw::Hardware withoutCrossings(const char *preset) {
  return take(hw::load(preset, {{"latency.die_crossing.cycles", "0"}}));
}

int64_t reduceCycles(const hw::Hardware &hardware, int cores, int64_t words) {
  auto generated = take(algorithms::generate(
      {algorithms::Kind::Reduce, "auto", 1, static_cast<uint32_t>(cores), {1, words}, algorithms::Element::F32, {}},
      hardware));
  auto core = take(hw::makeCoreModel(hardware));
  auto device = take(deviceFor(generated, hardware, *core, nullptr));
  const auto ran = take(device->run({.program = "reduce", .tokensInCache = 1, .inputs = {}}));
  return static_cast<int64_t>(ran.report.cycles);
}

/// On the engine.
uint64_t cyclesOf(const algorithms::ReductionTree &tree, int64_t words, const hw::Hardware &hardware) {
  algorithms::ProgramBuilder builder(hardware, 1, static_cast<uint32_t>(tree.size()), "reduce");
  algorithms::Generated generated;
  const uint32_t vector = builder.buffer("v", static_cast<uint64_t>(words * 4));
  algorithms::emitReduction(
      builder, tree,
      {builder.op("sum", "reduce"), route::Axis::Y, algorithms::everywhere(1), {vector, 0, {}}, words * 4, "sum"});
  generated.package = take(builder.finish(generated.facts));
  auto core = take(hw::makeCoreModel(hardware));
  auto device = take(deviceFor(generated, hardware, *core, nullptr));
  return take(device->run({.program = "reduce", .tokensInCache = 1, .inputs = {}})).report.cycles;
}

/// Least cycles of all ordered trees of n cores with their root at core 0 whose messages never wait for a link: every
/// set of cores, every root of it, every set that its last child brings.
int64_t leastOfAllTrees(int n, int64_t words, const hw::Latency &latency) {
  const int64_t never = 1 << 30;
  std::vector<std::vector<int64_t>> first(1u << n, std::vector<int64_t>(static_cast<size_t>(n), never));
  for (unsigned set = 1; set < 1u << n; ++set)
    for (int root = 0; root < n; ++root) {
      const unsigned self = 1u << root, others = set & ~self;
      int64_t &best = first[set][static_cast<size_t>(root)];
      if (!(set & self))
        continue;
      if (!others)
        best = latency.transferIssue;
      for (unsigned part = others; part; part = (part - 1) & others)
        for (int child = 0; child < n; ++child) {
          const unsigned before = set & ~part;
          const int64_t ready = before == self ? 0 : first[before][static_cast<size_t>(root)] + words - 1;
          const int64_t arrived =
              first[part][static_cast<size_t>(child)] + latency.ramp + int64_t{latency.hop} * std::abs(child - root);
          if (part >> child & 1)
            best =
                std::min(best, std::max(ready + latency.streamStartup, arrived) + latency.ramp + latency.streamStage);
        }
    }
  return first[(1u << n) - 1][0] + words - 1;
}

} // namespace

TEST_CASE("no tree of few cores beats the lower bound, and the best one is near", "[reduce]") {
  for (const hw::Hardware &hardware : {modelMachine(), withoutCrossings("wse2"), withoutCrossings("wse3")})
    for (int cores = 2; cores <= 9; ++cores)
      for (int64_t words : {1, 2, 3, 5, 8, 16, 40, 200}) {
        CAPTURE(hardware.latency.hop, cores, words);
        const int64_t least = leastOfAllTrees(cores, words, hardware.latency);
        const int64_t bound = algorithms::reduceLowerBound(cores, words, hardware.latency);
        CHECK(bound <= least);
        CHECK(static_cast<double>(least) <= 1.06 * static_cast<double>(bound));
      }
}

TEST_CASE("made trees are within a tenth of the lower bound", "[reduce]") {
  double worst = 0, noted = 0, leastNoted = 2;
  std::string table;
  for (const hw::Hardware &hardware : {modelMachine(), withoutCrossings("wse2"), withoutCrossings("wse3")}) {
    for (int cores : {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 19, 23, 32, 47, 64, 128, 512}) {
      table += fmt::format("\nhop {}, {:>4} cores", hardware.latency.hop, cores);
      for (int64_t words : {1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64, 256, 1024, 4096}) {
        if (cores > 64 && words != 1 && words != 16 && words != 256)
          continue; // bounds of long lines take long
        const auto cycles = reduceCycles(hardware, cores, words);
        const int64_t bound = algorithms::reduceLowerBound(cores, words, hardware.latency);
        CAPTURE(hardware.latency.hop, cores, words, cycles, bound);
        CHECK(cycles >= bound);
        const double ratio = static_cast<double>(cycles) / static_cast<double>(bound);
        CHECK(ratio <= 1.1);
        worst = std::max(worst, ratio);
        table += fmt::format(" {:.3f}", ratio);
        if (hardware.latency.streamStartup == 0) {
          const double other = static_cast<double>(cycles) /
                               static_cast<double>(algorithms::notedReduceBound(cores, words, hardware.latency));
          noted = std::max(noted, other);
          leastNoted = std::min(leastNoted, other);
        }
      }
    }
  }
  INFO(table << fmt::format("\nworst {:.3f}; of the noted bound {:.3f} to {:.3f}", worst, leastNoted, noted));
  CHECK(leastNoted < 1); // what others call the bound is none
}

TEST_CASE("a tree takes the cycles that are predicted, with messages that meet, too", "[reduce]") {
  std::mt19937 random(7);
  int exact = 0;
  const int rounds = 300;
  for (int round = 0; round < rounds; ++round) {
    const hw::Hardware hardware = round % 2 ? modelMachine() : withoutCrossings("wse3");
    const int cores = 2 + static_cast<int>(random() % 14);
    const int64_t words = 1 + random() % 40;
    algorithms::ReductionTree tree(cores);
    for (int child = 1; child < cores; ++child)
      tree.attach(child, static_cast<int>(random() % static_cast<unsigned>(child)));
    for (std::vector<int> &children : tree.children)
      std::shuffle(children.begin(), children.end(), random);
    const auto cycles = static_cast<int64_t>(cyclesOf(tree, words, hardware));
    const int64_t predicted = algorithms::timeTree(tree, words, hardware);
    CAPTURE(round, cores, words, cycles, predicted);
    CHECK(std::abs(cycles - predicted) <= 2); // colours' numbers decide who goes first
    exact += cycles == predicted;
  }
  CHECK(exact >= rounds * 95 / 100);
}
