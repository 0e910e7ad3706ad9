// What cores compute and links carry, counted from programs, against what both evaluators of the mesh see happen.
#include "compiler/algorithms/Algorithms.h"
#include "mesh_random_programs.h"
#include "sim/loads/Loads.h"
#include "sim/maxplus/MaxPlusEngine.h"

#include <nlohmann/json.hpp>

namespace weft::test {
namespace {

using runtime::Plane;

double total(const std::vector<runtime::OpLoad> &ops, Plane runtime::OpLoad::*plane) {
  double sum = 0;
  for (const runtime::OpLoad &op : ops)
    sum += (op.*plane).sum;
  return sum;
}

/// A launch that was explained.
void compare(const runtime::LaunchReport &report, const runtime::LoadMap &map) {
  REQUIRE(map.bins.side == 1);
  CHECK(map.cycles == report.cycles);
  CHECK(map.busy.sum == static_cast<double>(report.busyCoreCycles));
  CHECK(total(map.ops, &runtime::OpLoad::busy) == map.busy.sum);
  CHECK(total(map.ops, &runtime::OpLoad::link) == map.link.sum);
  uint64_t wordHops = 0, cycles = 0;
  for (const runtime::OpLoad &op : map.ops) {
    wordHops += op.wordHops;
    cycles += op.cycles;
  }
  CHECK(wordHops == report.counters.wordHops);
  CHECK(cycles == report.cycles);
  if (!report.why)
    return;
  const runtime::Explanation &why = *report.why;
  auto at = [&](const Plane &plane, runtime::Place place) {
    return plane.mean[static_cast<size_t>(place.y) * map.bins.width + static_cast<size_t>(place.x)];
  };
  if (why.slowest)
    CHECK(at(map.busy, why.slowest->at) == static_cast<float>(why.slowest->compute));
  // Links from the host are no router's, and the map leaves them out.
  if (why.busiest && why.busiest->at.x >= 0 && why.busiest->at.y >= 0) {
    CHECK(map.link.highest == static_cast<double>(why.busiest->words));
    CHECK(at(map.byDirection[static_cast<size_t>(why.busiest->exit)], why.busiest->at) ==
          static_cast<float>(why.busiest->words));
  }
}

runtime::LoadMap mapOf(const runtime::Package &package, const hw::Hardware &hardware, const runtime::Launch &launch,
                       const runtime::LaunchReport &report, const hw::CoreModel &model, uint32_t most = 1024) {
  auto map = sim::loadMap(package, hardware, launch, report, {.coreModel = &model, .mostBins = most});
  REQUIRE(map);
  return *std::move(map);
}

} // namespace

TEST_CASE("Loads are what the engine counts on random programs", "[loads]") {
  uint32_t compared = 0, combined = 0;
  for (uint32_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    RandomProgram generator(seed, seed % 3 == 0);
    const runtime::Package package = generator.make();
    generator.setup.timingOnly = true;
    const Observation seen = runEngine(package, generator.setup);
    if (!seen.finished)
      continue;
    ++compared;
    combined += std::any_of(generator.sums.begin(), generator.sums.end(), [](uint32_t count) { return count > 0; });
    const MacsModel model;
    compare(seen.report,
            mapOf(package, generator.setup.hardware, {"p", generator.setup.tokens, {}}, seen.report, model));
  }
  CHECK(compared > 500);
  CHECK(combined > 50);
}

TEST_CASE("Loads are what both evaluators count on every algorithm", "[loads]") {
  using algorithms::Kind;
  auto hardware = hw::load("wse3");
  REQUIRE(hardware);
  auto core = hw::makeCoreModel(*hardware);
  REQUIRE(core);
  uint32_t byWords = 0, byMessages = 0;
  for (Kind kind : {Kind::Gemm, Kind::Gemv, Kind::AllReduce, Kind::Reduce, Kind::Broadcast, Kind::Shift})
    for (const std::string &algorithm : algorithms::algorithmNames(kind))
      for (auto [w, h] : {std::pair{3u, 3u}, {6u, 6u}, {7u, 4u}, {1u, 5u}}) {
        const std::vector<int64_t> shape = kind == Kind::Gemm   ? std::vector<int64_t>{3 * h + 1, 5 * w + 2, 2 * w + 1}
                                           : kind == Kind::Gemv ? std::vector<int64_t>{7 * h + 1, 5 * w + 2}
                                                                : std::vector<int64_t>{4, 16};
        CAPTURE(nameOf(kind), algorithm, w, h);
        auto generated = algorithms::generate(
            {kind, algorithm, w, h, shape, algorithms::Element::F32, algorithms::Settings({{"repeats", "3"}})},
            *hardware);
        if (!generated)
          continue;
        const runtime::Launch launch{generated->package.programs[0]->name, 1, {}};
        for (bool maxPlus : {false, true}) {
          sim::MeshEngineOptions options;
          options.timingOnly = options.explain = true;
          options.coreModel = core->get();
          auto device = maxPlus ? sim::makeMaxPlusEngine(generated->package, *hardware, options)
                                : sim::makeMeshEngine(generated->package, *hardware, options);
          if (!device)
            continue;
          auto result = (*device)->run(launch);
          if (!result)
            continue;
          ++(maxPlus ? byMessages : byWords);
          compare(result->report, mapOf(generated->package, *hardware, launch, result->report, **core));
        }
      }
  CHECK(byWords > 50);
  CHECK(byMessages > 50);
}

TEST_CASE("Bins have the mean and the largest of their cores", "[loads]") {
  const runtime::Bins bins = runtime::Bins::of(5, 3, 3);
  CHECK(bins.side == 2);
  CHECK(bins.columns() == 3);
  CHECK(bins.rows() == 2);
  std::vector<uint64_t> cores(15);
  for (uint32_t i = 0; i < 15; ++i)
    cores[i] = i;
  const Plane plane = runtime::binned(cores, bins);
  CHECK(plane.mean == std::vector<float>{3, 5, 6.5, 10.5, 12.5, 14});
  CHECK(plane.largest == std::vector<float>{6, 8, 9, 11, 13, 14});
  CHECK(plane.sum == 105);
  CHECK(plane.highest == 14);
  runtime::LinkWords links;
  for (auto &each : links)
    each.assign(15, 4);
  const Plane words = runtime::binned(links, bins);
  CHECK(words.mean == std::vector<float>(6, 4));
  CHECK(words.sum == 4 * (4 * 15 - 3 - 5)); // no link leads beyond the east and south edge
  CHECK(runtime::Bins::of(920, 920, 256).side == 4);
  CHECK(runtime::Bins::of(256, 1, 256).side == 1);
}

TEST_CASE("A map's rows are short where cores are alike", "[loads]") {
  runtime::LoadMap map;
  map.bins = {4, 3, 1};
  map.busy = runtime::binned({1, 1, 1, 2, 1, 1, 1, 2, 3, 3, 3, 3}, map.bins);
  map.link = map.sram = map.busy;
  for (Plane &plane : map.byDirection)
    plane = map.busy;
  const nlohmann::json json = toJson(map);
  CHECK(json["busy"]["mean"]["lines"] == nlohmann::json({"1*3 2", "3*4"}));
  CHECK(json["busy"]["mean"]["rows"] == "0*2 1");
  CHECK(!json["busy"].contains("max"));
}

} // namespace weft::test
