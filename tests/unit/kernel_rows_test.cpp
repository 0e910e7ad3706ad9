// Files of requests: columns, what `auto` compares, one line of cores for all that are alike, and which error is said.
#include "engine_tool.h"

#include "compiler/algorithms/LineRequest.h"
#include "tools/KernelRows.h"

#include <catch2/catch.hpp>

using namespace weft;
using namespace weft::tools;
using algorithms::Kind;
using algorithms::Request;
using algorithms::Settings;
using Catch::Matchers::Contains;
using weft::test::engineTool;

namespace {

runtime::CsvTable tableOf(const std::string &text) {
  auto table = runtime::parseCsv(text, "rows.csv");
  REQUIRE(table);
  return *table;
}

} // namespace

TEST_CASE("one line of cores takes what all lines take that never meet") {
  const Tool tool = engineTool();
  hw::Hardware wse3 = *hw::load("wse3");
  wse3.latency.dieCrossing = {4, 5, 7};
  for (auto [kind, axis] : {std::pair(Kind::Shift, ""),
                            {Kind::Gemv, ""},
                            {Kind::AllReduce, ""},
                            {Kind::AllReduce, "x"},
                            {Kind::AllReduce, "xy"},
                            {Kind::Reduce, "y"},
                            {Kind::Broadcast, "x"},
                            {Kind::Gemm, ""}})
    for (const std::string &algorithm : algorithms::algorithmNames(kind))
      for (auto [width, height] : {std::pair(9u, 9u), {5u, 12u}, {12u, 2u}}) {
        std::map<std::string, std::string> settings;
        if (*axis)
          settings["axis"] = axis;
        std::vector<int64_t> shape = {13, 29};
        if (kind == Kind::Gemm)
          shape.push_back(8);
        const Request whole{kind, algorithm, width, height, shape, algorithms::Element::F16, Settings(settings)};
        const Request line = algorithms::oneLine(whole);
        CAPTURE(nameOf(kind), axis, algorithm, width, height, line.width, line.height);
        const bool alike = kind != Kind::Gemm && std::string(axis) != "xy";
        CHECK((line.width == 1 || line.height == 1) == alike);
        auto times = runTimes(whole, wse3, tool);
        auto all = runKernel(whole, wse3, tool);
        REQUIRE(times.operator bool() == all.operator bool());
        if (!all)
          continue;
        CHECK(times->cycles == all->cycles);
        CHECK(times->compute == Approx(all->compute));
        CHECK(times->communicate == Approx(all->communicate));
        CHECK(times->wait == Approx(all->wait));
        CHECK(times->facts.tile == all->facts.tile);
        CHECK(times->request.width == width);
      }
}

TEST_CASE("auto compares its candidates and takes the fewest cycles") {
  const Tool tool = engineTool();
  const hw::Hardware wse3 = *hw::load("wse3");
  for (Kind kind : {Kind::Gemm, Kind::Broadcast, Kind::Shift}) {
    std::vector<int64_t> shape = {12, 12};
    if (kind == Kind::Gemm)
      shape.push_back(12);
    const std::string hops = kind == Kind::Shift ? "3" : "";
    Request request{kind, "auto", 6, 6, shape, algorithms::Element::F16, {}};
    if (kind == Kind::Shift)
      request.settings = Settings({{"hops", hops}});
    auto best = runKernel(request, wse3, tool);
    CAPTURE(nameOf(kind));
    REQUIRE(best);
    REQUIRE(best->alternatives.size() == algorithms::candidates(kind).size());
    for (const algorithms::Candidate &each : best->alternatives) {
      request.algorithm = each.algorithm;
      CHECK(runKernel(request, wse3, tool)->cycles == each.cycles);
      CHECK(best->cycles <= each.cycles);
    }
  }
  // What evaluates says why a candidate has no cycles; the others are compared all the same.
  const Request shift{Kind::Shift, "auto", 4, 1, {1, 1}, algorithms::Element::F16, {}};
  auto one = algorithms::compareCandidates(shift, [](const Request &each) -> Result<double> {
    return each.algorithm == "direct" ? Result<double>(userError("too far")) : Result<double>(7.0);
  });
  REQUIRE(one);
  CHECK(one->front().problem == "too far");
  CHECK(algorithms::bestOf(*one).algorithm == "relay");
  auto none = algorithms::compareCandidates(
      shift, [](const Request &each) -> Result<double> { return userError("no " + each.algorithm); });
  REQUIRE_FALSE(none);
  CHECK(none.error().message == "no direct");
}

TEST_CASE("the error is that of the first row that fails, whichever is tried first") {
  const Tool tool = engineTool();
  const hw::Hardware wse3 = *hw::load("wse3");
  // Rows with most cores are tried first; of two that fail, the smaller one stands first in the file.
  const runtime::CsvTable table = tableOf("P,Mt,Nt,group_num\n4,1,1,2\n4,1,1,9\n16,1,1,99\n8,1,1,2\n");
  const Request common{Kind::Gemv, "ktree", 0, 0, {}, algorithms::Element::F16, {}};
  auto requests = requestsOf(table, common);
  REQUIRE(requests);
  size_t told = 0;
  auto outcomes = runRequests(table, *requests, wse3, tool, [&](size_t done, size_t) { told = done; });
  REQUIRE_FALSE(outcomes);
  CHECK_THAT(outcomes.error().message, Contains("rows.csv:3: --set groups=9"));
  CHECK(told >= 2);
  auto tooLarge = requestsOf(tableOf("P,Mt,Nt\n900,1,1\n"), common);
  REQUIRE(tooLarge);
  auto refused = runRequests(table, *tooLarge, wse3, tool);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Contains("900x900 cores does not fit wse3"));
}

TEST_CASE("columns are named once, and one that is missing is named with those there are") {
  auto twice = runtime::parseCsv("P,M,N,M\n1,2,3,4\n", "rows.csv");
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message == "rows.csv:1: there are two columns 'M'; rename one");
  const Request common{Kind::Gemv, "ktree", 0, 0, {}, algorithms::Element::F16, {}};
  auto missing = requestsOf(tableOf("M,N\n8,8\n"), common);
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().message, Contains("no column P; the file has M, N"));
  auto folder = runtime::readCsv("/");
  REQUIRE_FALSE(folder);
  CHECK_THAT(folder.error().message, Contains("a folder"));
  const runtime::CsvTable quoted = tableOf("a,b\n\"1,\"\"2\",3\n");
  CHECK(quoted.cell(0, "a") == "1,\"2");
  CHECK(quoted.lines[0] == "\"1,\"\"2\",3");
}
