// The packet network of sim/noc: exact latencies where they can be known, laws of conservation, determinism.
#include "sim/noc/LaggedRandom.h"
#include "sim/noc/Measure.h"
#include "sim/noc/Reference.h"
#include "sim/noc/Replay.h"
#include "tests/unit/noc_oracle.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

using namespace weft;
using namespace weft::noc;
using namespace weft::noc::test;

namespace {

RouterModel fourChannels() {
  RouterModel router;
  router.virtualChannels = 4, router.hopCycles = 5;
  router.lookAhead = router.speculative = false;
  return router;
}

Measured measured(const Experiment &experiment) {
  Result<Measured> out = measure(experiment);
  REQUIRE(out);
  return *out;
}

uint64_t linksBetween(uint32_t from, uint32_t to, uint32_t width) {
  return static_cast<uint64_t>(std::abs(int(from % width) - int(to % width)) +
                               std::abs(int(from / width) - int(to / width)));
}

std::vector<Packet> randomPackets(uint32_t nodes, uint32_t flits, uint32_t count, uint64_t span, uint32_t seed,
                                  std::vector<uint32_t> &sources) {
  std::mt19937 random(seed);
  std::vector<Packet> out(count);
  sources.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    sources[i] = static_cast<uint32_t>(random() % nodes);
    out[i] = {random() % span, static_cast<uint32_t>(random() % nodes), 1 + static_cast<uint32_t>(random() % flits), i};
  }
  return out;
}

} // namespace

TEST_CASE("a packet alone takes the cycles that the router's pipeline says", "[noc]") {
  for (const auto &[router, hop, ends] : {std::tuple{RouterModel{}, 3u, 5u}, {fourChannels(), 5u, 7u}})
    for (uint32_t flits : {1u, 2u, 4u, 9u})
      for (uint32_t from : {0u, 9u, 63u})
        for (uint32_t to : {0u, 7u, 14u, 56u, 63u}) {
          List list(64);
          list.add(from, {100, to, flits, 0});
          run(router, {8, 8}, list, 1000);
          INFO("hop " << hop << " flits " << flits << " from " << from << " to " << to);
          REQUIRE(list.arrival.at(0) - 100 == hop * linksBetween(from, to, 8) + ends + flits - 1);
        }
}

TEST_CASE("a hop takes the cycles that the model asks for, down to one", "[noc]") {
  for (uint32_t hop = 1; hop <= 8; ++hop) {
    RouterModel router;
    router.hopCycles = hop, router.creditCycles = hop;
    List list(16 * 3);
    list.add(0, {0, 47, 5, 0});
    run(router, {16, 3}, list, 1000);
    REQUIRE(list.arrival.at(0) == router.injectionCycles + 17 * hop + hop + 4);
  }
}

TEST_CASE("every flit arrives once, and makes the hops of its way", "[noc]") {
  uint32_t channels = GENERATE(1u, 2u, 4u, 8u);
  bool speculative = GENERATE(true, false), lookAhead = GENERATE(true, false);
  RouterModel router;
  router.virtualChannels = channels, router.speculative = speculative, router.lookAhead = lookAhead;
  router.hopCycles = 5, router.bufferFlits = 3;
  std::vector<uint32_t> sources;
  std::vector<Packet> packets = randomPackets(35, 6, 3000, 900, channels, sources);
  List list(35);
  uint64_t flits = 0, hops = 0;
  for (size_t i = 0; i < packets.size(); ++i) {
    list.add(sources[i], packets[i]);
    flits += packets[i].flits;
    hops += packets[i].flits * (1 + linksBetween(sources[i], packets[i].destination, 7));
  }
  Counters counters = run(router, {7, 5}, list, 100'000);
  REQUIRE(list.arrival.size() == packets.size());
  REQUIRE(counters.flitsInjected == flits);
  REQUIRE(counters.flitsEjected == flits);
  REQUIRE(counters.flitHops == hops);
}

TEST_CASE("the fast network and a plain one agree on every packet", "[noc]") {
  uint32_t channels = GENERATE(1u, 2u, 4u), buffer = GENERATE(1u, 2u, 8u);
  bool lookAhead = GENERATE(true, false), speculative = GENERATE(true, false);
  RouterModel router;
  router.virtualChannels = channels, router.lookAhead = lookAhead, router.speculative = speculative;
  router.hopCycles = 3 + router.headCycles(), router.bufferFlits = buffer;
  std::vector<uint32_t> sources;
  std::vector<Packet> packets = randomPackets(24, 4, 700, 330, 7 + buffer, sources);
  List fast(24), plain(24);
  for (size_t i = 0; i < packets.size(); ++i) {
    fast.add(sources[i], packets[i]);
    plain.add(sources[i], packets[i]);
  }
  run(router, {6, 4}, fast, 100'000);
  runPlain(router, {6, 4}, plain, 100'000);
  REQUIRE(fast.arrival.size() == packets.size());
  REQUIRE(fast.arrival == plain.arrival);
}

TEST_CASE("the seed decides, and nothing else does", "[noc]") {
  Experiment experiment;
  experiment.offered = 0.3, experiment.windowCycles = 3000, experiment.warmUpCycles = 500;
  Measured one = measured(experiment), two = measured(experiment);
  REQUIRE(one.latency == two.latency);
  REQUIRE(one.counters.flitHops == two.counters.flitHops);
  experiment.meshSide = 100; // more cores, all idle
  Measured wide = measured(experiment);
  REQUIRE(wide.latency == one.latency);
  REQUIRE(wide.counters.flitHops == one.counters.flitHops);
  experiment.seed = 2;
  REQUIRE(measured(experiment).latency != one.latency);
}

TEST_CASE("idle cores have no state and take no part", "[noc]") {
  Experiment experiment;
  experiment.offered = 0.2, experiment.windowCycles = 2000, experiment.meshSide = 1000;
  Measured out = measured(experiment);
  REQUIRE(out.counters.routers == 64);
  REQUIRE(out.drained);
}

TEST_CASE("offered is what comes in and, below saturation, what arrives", "[noc]") {
  for (Pattern pattern : {Pattern::Uniform, Pattern::Transpose, Pattern::Neighbor})
    for (uint32_t flits : {1u, 4u}) {
      Experiment experiment;
      experiment.pattern = pattern, experiment.packetFlits = flits, experiment.offered = 0.1;
      experiment.windowCycles = 40'000;
      Measured out = measured(experiment);
      REQUIRE(out.drained);
      REQUIRE(std::abs(out.accepted - 0.1) < 0.1 * 4 / std::sqrt(double(out.packets)));
      REQUIRE(std::abs(out.links - meanLinks(pattern, 8)) < 0.05);
    }
}

TEST_CASE("a link carries a flit a cycle", "[noc]") {
  Experiment experiment; // each link carries one flow
  experiment.pattern = Pattern::Neighbor, experiment.offered = 1, experiment.windowCycles = 3000;
  REQUIRE(measured(experiment).accepted == 1);
  // A buffer that is too small for the way of a credit holds its flow back: two flits every 3 + 3 cycles.
  experiment.router.bufferFlits = 2, experiment.drainCycles = 0;
  REQUIRE(std::abs(measured(experiment).accepted - 2.0 / 6) < 0.001);
}

TEST_CASE("what no network can be is refused with the range", "[noc]") {
  auto message = [](auto change) {
    Experiment experiment;
    change(experiment);
    Result<Measured> out = measure(experiment);
    REQUIRE(!out);
    REQUIRE(out.error().fault == Fault::User);
    return out.error().message;
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(message([](Experiment &e) { e.router.virtualChannels = 3; }), Contains("1, 2, 4 and 8"));
  CHECK_THAT(message([](Experiment &e) { e.router.bufferFlits = 0; }), Contains("1 to 128"));
  CHECK_THAT(message([](Experiment &e) { e.router.hopCycles = 0; }), Contains("1 to 1000"));
  CHECK_THAT(message([](Experiment &e) { e.router.speculative = false, e.router.hopCycles = 1; }),
             Contains("2 to 1000"));
  CHECK_THAT(message([](Experiment &e) { e.meshSide = 5000; }), Contains("1 to 4096"));
  CHECK_THAT(message([](Experiment &e) { e.offered = 1.5; }), Contains("to the 1 of a packet"));
  CHECK_THAT(message([](Experiment &e) { e.offered = std::nan(""); }), Contains("allowed is 1e-09"));
  CHECK_THAT(message([](Experiment &e) { e.offered = 1e-300; }), Contains("allowed is 1e-09"));
  CHECK_THAT(message([](Experiment &e) { e.drainCycles = ~uint64_t{0}; }), Contains("at most 2^32 - 1 cycles"));
}

TEST_CASE("hardly any load is hardly any packet", "[noc]") {
  Experiment experiment; // a packet of 8x8 nodes in 15 million cycles
  experiment.offered = 1e-9;
  Measured out = measured(experiment);
  CHECK(out.packets <= 1);
  experiment.offered = 1e-4;
  out = measured(experiment);
  CHECK(std::abs(double(out.packets) / (64 * 30'000 * 1e-4) - 1) < 0.25); // of 192, a deviation is 14
}

TEST_CASE("routers are read from their file, whole and strictly", "[noc]") {
  CHECK(knownRouters().at("w1").virtualChannels == 1);
  CHECK(knownRouters().at("v4").hopCycles == 5);
  auto message = [](const std::string &text) {
    Result<Routers> routers = readRouters(text, "r.yaml");
    return routers ? std::string("none") : routers.error().message;
  };
  using Catch::Matchers::Contains;
  std::string most = "a: {virtual_channels: 1, buffer_flits: 8, hop_cycles: 3, look_ahead: true";
  CHECK(message(most + ", speculative: false}") == "none");
  CHECK_THAT(message(most + "}"), Contains("r.yaml:1: router 'a' needs"));
  CHECK_THAT(message(most + ", speculative: maybe}"), Contains("'speculative': 'maybe'"));
  CHECK_THAT(message(most + ", speculative: [true]}"), Contains("'speculative': ''"));
  CHECK_THAT(message(most + ", depth: 1}"), Contains("'depth': '1'"));
  CHECK_THAT(message("a: {hop_cycles: -3}"), Contains("'hop_cycles': '-3'"));
  CHECK_THAT(message("a: {hop_cycles: 99999999999}"), Contains("'hop_cycles'"));
  CHECK_THAT(message("a: 3"), Contains("router 'a' needs"));
  CHECK_THAT(message("- a"), Contains("no router in it"));
  CHECK_THAT(message(""), Contains("no router in it"));
}

TEST_CASE("Knuth's generators give his numbers", "[noc]") {
  // The check values of his programs: after 2010 batches of 1009, or 1010 of 2009, from seed 310952 the next is this.
  LaggedRandom<Integers> integers(310952);
  LaggedRandom<Fractions> fractions(310952);
  for (int i = 0; i < 2009 * 100; ++i)
    integers.next(), fractions.next();
  CHECK(integers.next() == 995235265);
  CHECK(std::abs(fractions.next() - 0.36410514377569680455) < 1e-15);
}

TEST_CASE("a replay's length and start are checked", "[noc]") {
  Experiment experiment;
  ReplayRun run;
  run.periods = 3;
  REQUIRE(!replay(experiment, run));
}

TEST_CASE("runs of BookSim come out packet by packet", "[noc][reference]") {
  const std::string path = WEFT_SOURCE_DIR "/../shared/reference/noc/booksim2_8x8.csv";
  if (!std::filesystem::exists(path)) {
    std::cout << "SKIPPED: " << path << " is not there\n";
    return;
  }
  Result<std::vector<ReferenceRow>> rows = readReference(path);
  REQUIRE(rows);
  // One row each of router, traffic and packet size; `weft hw validate noc` has them all.
  std::vector<ReferenceRow> chosen;
  for (const ReferenceRow &row : *rows) {
    bool isNew = std::none_of(chosen.begin(), chosen.end(), [&](const ReferenceRow &each) {
      return each.router == row.router && each.traffic == row.traffic && each.packetFlits == row.packetFlits;
    });
    if (isNew && !row.overload && row.offered > 0.05 && row.offered < 0.25)
      chosen.push_back(row);
  }
  REQUIRE(chosen.size() == 12);
  for (ReferenceRow row : chosen) {
    Experiment experiment;
    experiment.router = knownRouters().at(row.router), experiment.pattern = *patternOf(row.traffic);
    experiment.side = row.side, experiment.packetFlits = row.packetFlits, experiment.offered = row.offered;
    ReplayRun run;
    run.periods = static_cast<uint32_t>(row.cycles / run.periodCycles);
    Result<Measured> out = replay(experiment, run);
    REQUIRE(out);
    INFO("line " << row.line);
    CHECK(out->cycles == row.cycles);
    CHECK(std::abs(out->latency / row.latency - 1) < 4e-6); // the file has six digits
    CHECK(std::abs((out->links + 1) / row.routers - 1) < 4e-6);
    CHECK(std::abs(out->accepted / row.accepted - 1) < 4e-6);
  }
}

TEST_CASE("what a file of runs may have wrong is said with its line", "[noc]") {
  std::string path = WEFT_BINARY_DIR "/noc_test.csv";
  auto message = [&](const std::string &text) {
    std::ofstream(path) << text;
    Result<std::vector<ReferenceRow>> rows = readReference(path);
    return rows ? std::string("none") : rows.error().message;
  };
  std::string header = "router,k,traffic,packet_flits,mode,offered,status,lat_avg,routers_avg,accepted_avg,cycles,"
                       "flit_router_hops_per_user_s\n";
  CHECK(message(header + "w1,8,uniform,1,latency,0.1,ok,21,6,0.1,30000,\n") == "none");
  using Catch::Matchers::Contains;
  CHECK_THAT(message("router,k\n"), Contains(":1: no column traffic"));
  CHECK_THAT(message(header), Contains("no run in it"));
  CHECK_THAT(message(header + "w2,8,uniform,1,latency,0.1,ok,21,6,0.1,30000,\n"), Contains(":2: router is 'w2'"));
  CHECK_THAT(message(header + "w1,8,tornado,1,latency,0.1,ok,21,6,0.1,30000,\n"), Contains("traffic is 'tornado'"));
  CHECK_THAT(message(header + "w1,8,uniform,1,latency,2,ok,21,6,0.1,30000,\n"), Contains("offered is 2"));
  CHECK_THAT(message(header + "w1,8,uniform,1,lantency,0.1,ok,21,6,0.1,30000,\n"), Contains("mode is 'lantency'"));
  CHECK_THAT(message(header + "w1,8,uniform,1,latency,0.1,ok,21,6,0.1,nan,\n"), Contains("cycles is 'nan'"));
  CHECK_THAT(message(header + "w1,65,uniform,1,latency,0.1,ok,21,6,0.1,30000,\n"), Contains("from 1 to 64"));
  CHECK_THAT(message(header + "w1,8,uniform,1,latency,0.1,ok,nan,6,0.1,30000,\n"), Contains("lat_avg is 'nan'"));
  CHECK_THAT(message(header + "w1,8,uniform,1\n"), Contains(":2: "));
}
