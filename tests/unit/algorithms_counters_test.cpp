// How steps, paths, hops and memory of a core grow with the mesh: the claims of WaferLLM (OSDI 2025), from the counters
// of programs and of the engine that runs them.
#include "algorithms_support.h"

#include <cmath>

using namespace weft;
using namespace weft::test;
using algorithms::Generated;
using algorithms::Kind;
using algorithms::Settings;

namespace {

struct Counted {
  algorithms::Facts facts;
  uint32_t maxHops = 0;
  uint64_t cycles = 0;
};

Counted count(Kind kind, const std::string &algorithm, uint32_t cores, std::vector<int64_t> shape,
              std::map<std::string, std::string> settings = {}) {
  const uint32_t width = kind == Kind::Gemm ? cores : 1;
  const hw::Hardware hardware = take(hw::load("wse3"));
  Generated generated = take(algorithms::generate(
      {kind, algorithm, width, cores, std::move(shape), algorithms::Element::F32, Settings(std::move(settings))},
      hardware));
  auto core = take(hw::makeCoreModel(hardware));
  auto device = take(deviceFor(generated, hardware, *core, nullptr));
  const std::string name = generated.package.programs[0]->name;
  const auto ran = take(device->run({.program = name, .tokensInCache = 1, .inputs = {}}));
  Counted counted{generated.facts, 0, ran.report.cycles};
  for (const runtime::ChannelTraffic &channel : ran.report.channels)
    counted.maxHops = std::max(counted.maxHops, channel.maxHops);
  return counted;
}

/// A GEMM whose matrices do not grow with the mesh.
Counted gemm(const std::string &algorithm, uint32_t cores) { return count(Kind::Gemm, algorithm, cores, {48, 48, 48}); }

} // namespace

TEST_CASE("gemm: paths, hops, steps and memory grow as claimed", "[complexity]") {
  SECTION("meshgemm: O(1) paths, two hops a step, N steps") {
    for (uint32_t n : {4u, 8u, 12u, 24u}) {
      const Counted counted = gemm("meshgemm", n);
      CHECK(counted.maxHops == 2);
      CHECK(counted.facts.colors == 12);
      CHECK(counted.facts.pathsPerCore <= 12);
      CHECK(counted.facts.steps == n + n / 2); // those that multiply, and half as many that align
    }
  }
  SECTION("cannon: O(1) paths, a step crosses the mesh") {
    for (uint32_t n : {4u, 8u, 12u, 24u}) {
      const Counted counted = gemm("cannon", n);
      CHECK(counted.maxHops == n - 1);
      CHECK(counted.facts.pathsPerCore <= 12);
    }
  }
  SECTION("summa: O(N) paths, messages across the mesh, twice the memory of blocks") {
    for (uint32_t n : {4u, 8u, 12u}) {
      const Counted counted = gemm("summa", n);
      CHECK(counted.facts.pathsPerCore == 2 * n);
      CHECK(counted.maxHops == n - 1);
      CHECK(counted.facts.steps == n);
    }
  }
  SECTION("all-gather: O(N) paths, O(1/N) memory where others have O(1/N^2)") {
    for (uint32_t n : {4u, 8u, 12u}) {
      CHECK(gemm("allgather", n).facts.pathsPerCore == 2 * n);
      const double line = 48.0 * 48 * 4 / n, core = line / n; // bytes of a matrix on a line of cores, on one
      CHECK(gemm("allgather", n).facts.bytesPerCore == Approx(2 * line + core).epsilon(0.05));
      CHECK(gemm("meshgemm", n).facts.bytesPerCore == Approx(5 * core).epsilon(0.05));
      CHECK(gemm("summa", n).facts.bytesPerCore == Approx(5 * core).epsilon(0.05));
    }
  }
  SECTION("colours that a machine does not have are refused") {
    const hw::Hardware hardware = take(hw::load("wse3"));
    for (const char *algorithm : {"allgather", "summa"}) {
      auto refused = algorithms::generate(
          {Kind::Gemm,
           algorithm,
           13,
           13,
           {26, 26, 26},
           algorithms::Element::F32,
           Settings(algorithm == std::string("summa") ? std::map<std::string, std::string>{{"broadcast", "multicast"}}
                                                      : std::map<std::string, std::string>{})},
          hardware);
      REQUIRE(!refused);
      CHECK(refused.error().fault == Fault::User);
      CHECK(refused.error().message.find("26 colours") != std::string::npos);
      CHECK(refused.error().message.find("24") != std::string::npos);
    }
  }
}

TEST_CASE("all-reduce: paths, steps and cycles grow as claimed", "[complexity]") {
  auto sum = [](const std::string &algorithm, uint32_t cores, std::map<std::string, std::string> settings = {}) {
    return count(Kind::AllReduce, algorithm, cores, {1, 4}, std::move(settings));
  };
  SECTION("chain: O(1) paths, N stages") {
    for (uint32_t n : {16u, 64u, 256u}) {
      CHECK(sum("chain", n).facts.steps == n); // n - 1 and the multicast
      CHECK(sum("chain", n).facts.pathsPerCore <= 3);
    }
  }
  SECTION("ring: O(1) paths, 2 (N - 1) stages of two hops") {
    for (uint32_t n : {16u, 64u, 256u}) {
      CHECK(sum("ring", n).facts.steps == 2 * (n - 1));
      CHECK(sum("ring", n).maxHops == 2);
      CHECK(sum("ring", n).facts.pathsPerCore <= 3);
    }
  }
  SECTION("K-tree: O(K) paths, about K N^(1/K) / 2 stages") {
    for (int k : {1, 2, 3})
      for (uint32_t n : {64u, 256u, 512u}) {
        const Counted counted = sum("ktree", n, {{"k", std::to_string(k)}});
        CAPTURE(k, n, counted.facts.steps, counted.facts.pathsPerCore);
        const double stages = k * std::pow(n, 1.0 / k) / 2;
        CHECK(static_cast<double>(counted.facts.steps) <= stages + k + 2); // a stage a level rounds, and the multicast
        CHECK(static_cast<double>(counted.facts.steps) >= stages - k);
        CHECK(counted.facts.pathsPerCore <= 2u * static_cast<uint32_t>(k) + 1);
      }
  }
  SECTION("beyond some hundred cores a K-tree of two levels beats a chain and a ring, by more the more there are") {
    double before = 1;
    for (uint32_t n : {64u, 128u, 256u, 512u}) {
      const auto ktree = static_cast<double>(sum("ktree", n, {{"k", "2"}}).cycles);
      const double gain = static_cast<double>(sum("chain", n).cycles) / ktree;
      CHECK(static_cast<double>(sum("ring", n).cycles) > ktree);
      CHECK(gain > before);
      before = gain;
    }
  }
}

TEST_CASE("layers have the parts that were measured", "[layers]") {
  const hw::Hardware hardware = take(hw::load("wse2"));
  Generated decode = take(algorithms::generate(
      {Kind::DecodeLayer, "auto", 12, 12, {48, 96, 60}, algorithms::Element::F16, Settings({{"groups", "3"}})},
      hardware));
  checkSound(decode);
  int sums = 0;
  for (const auto &op : decode.package.programs[0]->ops)
    sums += op->kind == "all_reduce";
  CHECK(sums == 10);
  CHECK(decode.facts.colors <= 20); // of the measured program
  // Query, key, value and output; scores and their weighted sum over 60 tokens; up, gate and down.
  CHECK(decode.facts.macs == 4 * 48 * 48 + 2 * 48 * 60 + 3 * 48 * 96);
  Generated prefill = take(algorithms::generate(
      {Kind::PrefillLayer, "auto", 8, 8, {32, 64, 24}, algorithms::Element::F16, Settings()}, hardware));
  checkSound(prefill);
  int products = 0;
  for (const auto &op : prefill.package.programs[0]->ops)
    products += op->kind == "gemm";
  CHECK(products == 9);
  CHECK(prefill.facts.macs == 24 * (4 * 32 * 32 + 2 * 32 * 24 + 3 * 32 * 64));
  auto core = take(hw::makeCoreModel(hardware));
  for (Generated *layer : {&decode, &prefill}) {
    auto device = take(deviceFor(*layer, hardware, *core, nullptr));
    const std::string name = layer->package.programs[0]->name;
    CHECK(take(device->run({.program = name, .tokensInCache = 1, .inputs = {}})).report.cycles > 0);
  }
}

TEST_CASE("what does not fit is refused with the numbers", "[refusals]") {
  const hw::Hardware hardware = take(hw::load("wse3"));
  auto message = [&](algorithms::Request request) {
    auto refused = algorithms::generate(request, hardware);
    REQUIRE(!refused);
    return refused.error().message;
  };
  using algorithms::Element;
  using Catch::Matchers::Contains;
  CHECK_THAT(message({Kind::Gemm, "meshgemm", 800, 800, {800, 800, 800}, Element::F16, {}}),
             Contains("800x800") && Contains("762x1172"));
  CHECK_THAT(message({Kind::Gemm, "meshgemm", 4, 4, {2000, 2000, 2000}, Element::F16, {}}),
             Contains("2500000 bytes") && Contains("39936"));
  CHECK_THAT(message({Kind::Gemm, "meshgemm", 4, 4, {20000, 20000, 20000}, Element::F16, {}}),
             Contains("125000000000 operations"));
  CHECK_THAT(message({Kind::Gemv, "ktree", 16, 16, {16, 16}, Element::F16, Settings({{"groups", "17"}})}),
             Contains("groups=17") && Contains("1 to 16"));
  CHECK_THAT(message({Kind::AllReduce, "ktree", 1, 16, {1, 4}, Element::F16, Settings({{"k", "5"}})}),
             Contains("k=5") && Contains("1 to 4"));
  CHECK_THAT(message({Kind::AllReduce, "star", 1, 64, {1, 4}, Element::F16, {}}),
             Contains("63 colours") && Contains("24"));
  CHECK_THAT(message({Kind::Shift, "relay", 8, 8, {1, 4}, Element::F16, Settings({{"hops", "8"}})}),
             Contains("hops=8") && Contains("7"));
  CHECK_THAT(message({Kind::Gemm, "meshgemm", 4, 4, {8, 8, 8}, Element::F16, Settings({{"groups", "2"}})}),
             Contains("double_buffer"));
  CHECK_THAT(message({Kind::Gemm, "gauss", 4, 4, {8, 8, 8}, Element::F16, {}}), Contains("meshgemm, cannon, summa"));
}
