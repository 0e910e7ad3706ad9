// How near the made trees come to a bound that no reduction beats.
#include "algorithms_support.h"

#include "compiler/algorithms/AutoTree.h"

#include <fmt/format.h>

using namespace weft;
using namespace weft::test;

namespace {

/// The machine of the bound's model: a cycle a hop, 2 T_R + 1 a stage, nothing to start.
hw::Hardware modelMachine() {
  return take(hw::load("wse2", {{"latency.hop", "1"},
                                {"latency.ramp", "2"},
                                {"latency.stream_stage", "1"},
                                {"latency.stream_startup", "0"},
                                {"latency.transfer_issue", "0"}}));
}

double reduceCycles(const hw::Hardware &hardware, const std::string &algorithm, int cores, int64_t words) {
  auto generated = take(algorithms::generate(
      {algorithms::Kind::Reduce, algorithm, 1, static_cast<uint32_t>(cores), {1, words}, algorithms::Element::F32, {}},
      hardware));
  auto core = take(hw::makeCoreModel(hardware));
  auto device = take(deviceFor(generated, hardware, *core, nullptr));
  return static_cast<double>(take(device->run({.program = "reduce", .tokensInCache = 1, .inputs = {}})).report.cycles);
}

} // namespace

TEST_CASE("made trees against the lower bound", "[reduce]") {
  const hw::Hardware hardware = modelMachine();
  double worst = 0;
  std::string table;
  for (int cores : {4, 8, 16, 32, 64, 128, 256, 512}) {
    table += fmt::format("\n{:>4} cores", cores);
    for (int64_t words : {1, 4, 16, 64, 256, 1024, 4096}) {
      const double bound = static_cast<double>(algorithms::reduceLowerBound(cores, words, hardware.latency));
      const double ratio = reduceCycles(hardware, "auto", cores, words) / bound;
      // One word from few cores: the root takes them one after the other, which the bound does not count.
      if (words > 1 || cores > 8)
        worst = std::max(worst, ratio);
      table += fmt::format(" {:.3f}", ratio);
    }
  }
  INFO(table);
  CHECK(worst < 1.1);
  CHECK(worst > 0.95); // of the same size at all
}
