#include "compiler/route/Colors.h"
#include "compiler/route/Topology.h"
#include "compiler/route/Tree.h"
#include "compiler/route/Verify.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <map>
#include <random>
#include <set>

using namespace weft;
using namespace weft::route;

using Packaged = std::vector<std::unique_ptr<pkg::ChannelT>>;

static Packaged package(std::span<const ChannelSpec> specs, const ColorAssignment &assignment) {
  Packaged channels;
  for (size_t c = 0; c < specs.size(); ++c)
    channels.push_back(std::make_unique<pkg::ChannelT>(toPackage(specs[c], assignment.colors[c])));
  return channels;
}

/// A check of classes that shares nothing with the library: counts users of each (position, class).
static bool classesAreDisjoint(const ChannelSpec &spec) {
  std::set<std::tuple<int, int>> taken;
  for (const FlowSpec &flow : spec.flows)
    for (int p = flow.lo; p <= flow.hi; ++p)
      if (!taken.insert({p, flow.colorClass}).second)
        return false;
  return true;
}

static void requireRoutable(int width, int height, std::span<const ChannelSpec> specs, int colors = 200) {
  auto assignment = assignColors(width, height, specs, colors);
  INFO((assignment ? "" : assignment.error().message));
  REQUIRE(assignment);
  auto verified = verifyRoutes(width, height, package(specs, *assignment), assignment->used);
  INFO((verified ? "" : verified.error().message));
  REQUIRE(verified);
}

TEST_CASE("rings are permutations with neighbours at most two hops apart") {
  for (int n = 1; n <= 65; ++n) {
    for (Embedding embedding : {Embedding::Identity, Embedding::Interleave}) {
      auto cores = rankToCore(n, embedding), ranks = coreToRank(n, embedding);
      REQUIRE(cores.size() == size_t(n));
      for (int r = 0; r < n; ++r)
        REQUIRE(ranks[cores[r]] == r);
    }
    auto cores = rankToCore(n, Embedding::Interleave);
    for (int r = 0; r < n; ++r)
      REQUIRE(std::abs(cores[r] - cores[(r + 1) % n]) <= 2);
  }
  CHECK(rankToCore(5, Embedding::Interleave) == std::vector<int>{0, 2, 4, 3, 1});
  CHECK(rankToCore(6, Embedding::Interleave) == std::vector<int>{0, 2, 4, 5, 3, 1});
  CHECK(rankToCore(0, Embedding::Interleave).empty());
}

TEST_CASE("ring shifts need three colours and follow their formula") {
  for (int n = 1; n <= 64; ++n)
    for (Embedding embedding : {Embedding::Identity, Embedding::Interleave})
      for (int direction : {1, -1}) {
        ChannelSpec shift = ringShift("s", Axis::X, n, embedding, direction);
        INFO("n " << n << " direction " << direction << " " << shift.classMap.formula());
        REQUIRE(shift.flows.size() == (n > 1 ? size_t(n) : 0));
        REQUIRE(shift.classCount <= 3);
        REQUIRE(classesAreDisjoint(shift));
        REQUIRE(shift.classMap.exceptions.size() <= 2);
        auto ranks = coreToRank(n, embedding);
        for (const FlowSpec &flow : shift.flows) {
          int target = flow.source == flow.lo ? flow.hi : flow.lo;
          REQUIRE((ranks[flow.source] + direction + n) % n == ranks[target]);
          REQUIRE(shift.classMap.at(flow.source) == flow.colorClass);
          if (embedding == Embedding::Interleave)
            REQUIRE(flow.hi - flow.lo <= 2);
        }
        requireRoutable(n, 1, std::vector{shift}, 3);
      }
  CHECK(ringShift("s", Axis::X, 8, Embedding::Interleave, 1).classMap.exceptions.empty());
  CHECK(ringShift("s", Axis::Y, 8, Embedding::Identity, 1, false).classCount == 2);
  CHECK(ringShift("s", Axis::Y, 8, Embedding::Identity, 1, false).flows.size() == 7);
}

/// Runs a tree on numbers: every core sends what it holds along its role's flow; roots must hold their segment's sum.
static void requireReduces(const TreePlan &plan) {
  std::vector<long> value(plan.n);
  for (int p = 0; p < plan.n; ++p)
    value[p] = 1 + p * 1000L;
  auto start = value;
  for (size_t l = 0; l < plan.levels.size(); ++l) {
    const TreeLevel &level = plan.levels[l];
    // Flows in the order words travel: low upwards, high downwards.
    auto low = level.low.flows, high = level.high.flows;
    std::sort(low.begin(), low.end(), [](auto &a, auto &b) { return a.source < b.source; });
    std::sort(high.begin(), high.end(), [](auto &a, auto &b) { return a.source > b.source; });
    std::set<int> sends, fromLow, fromHigh;
    for (auto &flow : low) {
      REQUIRE((flow.source == flow.lo && flow.hi > flow.lo));
      value[flow.hi] += value[flow.source];
      sends.insert(flow.source);
      fromLow.insert(flow.hi);
    }
    for (auto &flow : high) {
      REQUIRE((flow.source == flow.hi && flow.hi > flow.lo));
      value[flow.lo] += value[flow.source];
      REQUIRE(sends.insert(flow.source).second);
      fromHigh.insert(flow.lo);
    }
    std::map<int, int> seen;
    for (const RoleMask &mask : level.roles)
      for (int p = 0; p < plan.n; ++p)
        if (mask.positions[p]) {
          ++seen[p];
          CHECK(plan.roleAt(int(l), p) == mask.role);
          CHECK(mask.receivesFromLow == (fromLow.count(p) > 0));
          CHECK(mask.receivesFromHigh == (fromHigh.count(p) > 0));
          CHECK((mask.role == TreeRole::Root) == (sends.count(p) == 0));
        }
    for (int p = 0; p < plan.n; ++p)
      CHECK(seen[p] == (sends.count(p) || fromLow.count(p) || fromHigh.count(p) ? 1 : 0));
  }
  REQUIRE(plan.roots.size() == plan.segments.size());
  for (size_t s = 0; s < plan.segments.size(); ++s) {
    long sum = 0;
    for (int p = plan.segments[s].lo; p < plan.segments[s].hi; ++p)
      sum += start[p];
    REQUIRE(value[plan.roots[s]] == sum);
    REQUIRE(plan.isRoot[plan.roots[s]]);
  }
}

TEST_CASE("K-tree plans reduce every segment into its root") {
  std::mt19937 rng(3);
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  for (int round = 0; round < 300; ++round) {
    int n = pick(1, 40), levels = pick(1, 4);
    std::vector<Segment> segments;
    for (int at = pick(0, 3); round % 3 && at < n;) {
      int length = pick(1, n - at);
      segments.push_back({at, at + length});
      at += length + pick(0, 3);
    }
    std::vector<int> groups;
    for (int l = 1; l < levels && round % 2; ++l)
      groups.push_back(pick(0, 12));
    auto plan = planTree("t", round % 2 ? Axis::X : Axis::Y, n, segments, levels, groups);
    REQUIRE(plan);
    requireReduces(*plan);
    std::vector<ChannelSpec> specs;
    for (const TreeLevel &level : plan->levels) {
      REQUIRE(std::max(level.low.classCount, level.high.classCount) <= 2);
      specs.push_back(level.low);
      specs.push_back(level.high);
    }
    specs.push_back(plan->multicast);
    auto assignment = assignColors(n, n, specs, 2 * levels + 1);
    REQUIRE(assignment);
    requireRoutable(n, n, specs);
  }
}

TEST_CASE("K-tree shapes") {
  auto plan = planTree("t", Axis::X, 16, {}, 2);
  REQUIRE(plan);
  CHECK(plan->groupCounts == std::vector<std::vector<int>>{{4}, {1}});
  CHECK(plan->roots == std::vector<int>{10}); // (G/2)*(P/G) + (P/G)/2
  CHECK(plan->roleAt(0, 0) == TreeRole::LowEnd);
  CHECK(plan->roleAt(0, 2) == TreeRole::Root);
  CHECK(plan->roleAt(0, 3) == TreeRole::HighEnd);
  CHECK(plan->roleAt(1, 2) == TreeRole::LowEnd);
  CHECK(plan->roleAt(1, 3) == TreeRole::None);
  CHECK(planTree("t", Axis::X, 27, {}, 3)->groupCounts == std::vector<std::vector<int>>{{9}, {3}, {1}});
  auto lone = planTree("t", Axis::X, 1, {}, 2);
  REQUIRE(lone);
  CHECK(lone->multicast.flows.empty());
  CHECK(lone->levels[0].roles.empty());
  CHECK_FALSE(planTree("t", Axis::X, 4, {{0, 3}, {2, 4}}, 1));
  CHECK_FALSE(planTree("t", Axis::X, 4, {{0, 5}}, 1));
  CHECK_FALSE(planTree("t", Axis::X, 4, {}, 0));
  CHECK_FALSE(planTree("t", Axis::X, 0, {}, 1));
}

TEST_CASE("routers combine towards the roots of a K-tree of one level") {
  for (int n : {1, 2, 3, 8, 17})
    for (int length : {0, 2, 3}) {
      std::vector<Segment> segments;
      for (int at = 0; length && at + length <= n; at += length)
        segments.push_back({at, at + length});
      if (length && segments.empty())
        continue;
      auto plan = planTree("t", Axis::X, n, segments, 1);
      auto spec = combineTree("s", Axis::X, n, segments, pkg::Combine::MaxF32);
      REQUIRE(plan);
      REQUIRE(spec);
      REQUIRE(spec->flows.size() == (n > 1 ? plan->segments.size() : 0));
      for (size_t i = 0; i < spec->flows.size(); ++i) {
        const FlowSpec &flow = spec->flows[i];
        CHECK(flow.source == plan->roots[i]);
        CHECK(std::pair(flow.lo, flow.hi + 1) == std::pair(plan->segments[i].lo, plan->segments[i].hi));
        CHECK(flow.combine == pkg::Combine::MaxF32);
      }
      const ChannelSpec specs[] = {*spec, plan->multicast};
      requireRoutable(n, 2, specs, 2);
    }
  CHECK_FALSE(combineTree("s", Axis::X, 4, {{0, 5}}, pkg::Combine::AddF32));
}

TEST_CASE("a whole program's channels on square and odd meshes") {
  for (auto [w, h] : {std::pair(1, 1), {4, 4}, {5, 7}, {3, 2}, {16, 16}}) {
    std::vector<ChannelSpec> specs = {ringShift("a", Axis::X, w, Embedding::Interleave, -1),
                                      ringShift("b", Axis::Y, h, Embedding::Interleave, -1),
                                      ringShift("kv", Axis::Y, h, Embedding::Interleave, -1, false),
                                      broadcast("last", Axis::Y, h, h / 2),
                                      hostInput("tokens", Axis::Y, h),
                                      hostOutput("logits", Axis::Y)};
    if (w == h)
      specs.push_back(diagonalBroadcast("diag", Axis::X, w));
    for (Axis axis : {Axis::X, Axis::Y}) {
      auto plan = planTree(axis == Axis::X ? "tx" : "ty", axis, axis == Axis::X ? w : h, {}, 2);
      for (TreeLevel &level : plan->levels) {
        specs.push_back(level.low);
        specs.push_back(level.high);
      }
      specs.push_back(plan->multicast);
    }
    requireRoutable(w, h, specs, 24);
    auto used = assignColors(w, h, specs, 24)->used;
    WARN(w << "x" << h << ": " << specs.size() << " channels in " << used << " colours");
  }
}

static std::vector<ChannelSpec> randomChannels(std::mt19937 &rng, int width, int height, int count) {
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  std::vector<ChannelSpec> specs;
  for (int c = 0; c < count; ++c) {
    ChannelSpec spec{"c" + std::to_string(c), pick(0, 1) ? Axis::X : Axis::Y, {}, 0, {}};
    int length = spec.axis == Axis::X ? width : height, lines = spec.axis == Axis::X ? height : width;
    bool perLine = pick(0, 2) == 0;
    for (int line = perLine ? 0 : -1; line < (perLine ? lines : 0); ++line)
      for (int at = pick(-1, 1); at < length - 1;) {
        int hi = pick(at + 1, length - 1), source = pick(0, 2) == 0 && at >= 0 ? pick(at, hi) : at;
        spec.flows.push_back({line, source, at, hi, pick(0, 1) == 0, 0});
        at = hi + pick(1, 3);
      }
    ChannelSpec *const all[] = {&spec};
    assignClasses(all);
    specs.push_back(std::move(spec));
  }
  return specs;
}

TEST_CASE("random channels are coloured and verified") {
  std::mt19937 rng(4);
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  for (int round = 0; round < 200; ++round) {
    int w = pick(1, 9), h = pick(1, 9);
    auto specs = randomChannels(rng, w, h, pick(1, 10));
    requireRoutable(w, h, specs);
  }
}

/// Do two classes meet? By listing every router of both.
static std::set<std::pair<int, int>> routersOf(const ChannelSpec &spec, int cls, int w, int h) {
  std::set<std::pair<int, int>> routers;
  int lines = spec.axis == Axis::X ? h : w;
  for (const FlowSpec &flow : spec.flows)
    for (int line = 0; flow.colorClass == cls && line < lines; ++line)
      for (int p = std::max(flow.lo, 0); p <= flow.hi; ++p)
        if (flow.line < 0 || flow.line == line)
          routers.insert(spec.axis == Axis::X ? std::pair(p, line) : std::pair(line, p));
  return routers;
}

static bool colorable(const ConflictGraph &graph, std::vector<int> &color, size_t node, int limit, int used) {
  if (node == graph.nodes.size())
    return true;
  for (int c = 0; c < std::min(limit, used + 1); ++c) {
    bool free = true;
    for (size_t other = 0; other < node; ++other)
      free = free && !(graph.conflicts[node][other] && color[other] == c);
    color[node] = c;
    if (free && colorable(graph, color, node + 1, limit, std::max(used, c + 1)))
      return true;
  }
  return false;
}

TEST_CASE("conflicts are exact and greedy colouring is near the optimum") {
  std::mt19937 rng(5);
  auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(rng); };
  int rounds = 200, optimal = 0, extra = 0;
  for (int round = 0; round < rounds; ++round) {
    int w = pick(1, 7), h = pick(1, 7);
    auto specs = randomChannels(rng, w, h, pick(1, 7));
    auto graph = buildConflicts(w, h, specs);
    REQUIRE(graph);
    for (size_t a = 0; a < graph->nodes.size(); ++a)
      for (size_t b = 0; b < a; ++b) {
        auto ra = routersOf(specs[graph->nodes[a].first], graph->nodes[a].second, w, h);
        auto rb = routersOf(specs[graph->nodes[b].first], graph->nodes[b].second, w, h);
        bool meet = std::any_of(ra.begin(), ra.end(), [&](auto &r) { return rb.count(r) > 0; });
        REQUIRE(meet == graph->conflicts[a][b]);
      }
    auto colors = colorGreedily(*graph);
    int used = colors.empty() ? 0 : *std::max_element(colors.begin(), colors.end()) + 1, best = 0;
    std::vector<int> scratch(colors.size());
    while (!colorable(*graph, scratch, 0, best, 0))
      ++best;
    REQUIRE(used >= best);
    optimal += used == best;
    extra = std::max(extra, used - best);
  }
  WARN("greedy colouring is optimal in " << optimal << " of " << rounds << ", at most " << extra << " colours more");
  CHECK(optimal >= rounds * 95 / 100);
  CHECK(extra <= 1);
}

TEST_CASE("too few colours end in a table") {
  std::vector<ChannelSpec> specs = {ringShift("rowA", Axis::X, 8, Embedding::Interleave, 1),
                                    ringShift("columnB", Axis::Y, 8, Embedding::Interleave, 1)};
  CHECK(assignColors(8, 8, specs, 6));
  auto result = assignColors(8, 8, specs, 5);
  REQUIRE(!result);
  CHECK(result.error().fault == Fault::User);
  CHECK_THAT(result.error().message, Catch::Contains("need 6 colours") && Catch::Contains("gives programs 5"));
  CHECK_THAT(result.error().message,
             Catch::Contains("rowA     x           3") && Catch::Contains("columnB  y           3"));
}

static std::string refusal(int w, int h, std::vector<std::vector<pkg::Flow>> flows, std::vector<Axis> axes,
                           int colors = 8) {
  Packaged channels;
  for (size_t c = 0; c < flows.size(); ++c) {
    channels.push_back(std::make_unique<pkg::ChannelT>());
    channels.back()->name = std::string(1, char('a' + c));
    channels.back()->axis = axes[c];
    channels.back()->flows = flows[c];
  }
  auto result = verifyRoutes(w, h, channels, colors);
  return result ? "" : result.error().message;
}

TEST_CASE("R1 to R4: broken routes are named") {
  auto F = [](int line, int source, int lo, int hi, bool all, uint8_t color) {
    return pkg::Flow(line, source, lo, hi, all, color, pkg::Combine::None);
  };
  CHECK(refusal(4, 4, {{F(-1, 0, 0, 1, false, 0), F(-1, 1, 1, 2, false, 1)}}, {Axis::X}).empty());
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 4, false, 0)}}, {Axis::X}), Catch::StartsWith("R1: channel 'a'"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 3, 0, 2, false, 0)}}, {Axis::X}), Catch::StartsWith("R1"));
  CHECK_THAT(refusal(4, 4, {{F(4, 0, 0, 2, false, 0)}}, {Axis::X}), Catch::StartsWith("R1"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 1, 1, 1, false, 0)}}, {Axis::X}), Catch::StartsWith("R1"));
  CHECK_THAT(refusal(4, 4, {{}}, {Axis::None}), Catch::StartsWith("R1"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 1, false, 8)}}, {Axis::X}), Catch::StartsWith("R2"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 1, false, 0), F(-1, 1, 1, 2, false, 0)}}, {Axis::X}),
             Catch::StartsWith("R3: router (1, 0) colour 0"));
  CHECK_THAT(refusal(4, 4, {{F(2, 0, 0, 3, true, 5)}, {F(1, 0, 0, 2, false, 5)}}, {Axis::X, Axis::Y}),
             Catch::StartsWith("R3: router (1, 2) colour 5 belongs to channel 'a'") && Catch::Contains("channel 'b'"));
  CHECK(refusal(4, 4, {{F(2, 0, 0, 3, true, 5)}, {F(1, 0, 0, 1, false, 5)}}, {Axis::X, Axis::Y}).empty());
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 2, false, 0), F(-1, 3, 2, 3, false, 1)}}, {Axis::X}),
             Catch::StartsWith("R4: core (2, 0) receives"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 1, 1, 2, false, 0), F(-1, 1, 0, 1, false, 1)}}, {Axis::Y}),
             Catch::StartsWith("R4: core (0, 1) sends"));
}

TEST_CASE("R1, R3, R4, R6: broken routes of words that are combined are named") {
  auto F = [](int line, int root, int lo, int hi, uint8_t color) {
    return pkg::Flow(line, root, lo, hi, false, color, pkg::Combine::AddF32);
  };
  CHECK(refusal(4, 4, {{F(-1, 1, 0, 3, 0)}}, {Axis::X}).empty());
  CHECK(refusal(4, 4, {{F(-1, 0, 0, 1, 0), F(-1, 3, 2, 3, 0)}}, {Axis::Y}).empty());
  CHECK_THAT(refusal(4, 4, {{F(-1, 1, 0, 4, 0)}}, {Axis::X}), Catch::StartsWith("R1"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 1, 1, 1, 0)}}, {Axis::X}), Catch::StartsWith("R1"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 1, 0), F(-1, 2, 1, 2, 0)}}, {Axis::X}), Catch::StartsWith("R4"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 1, 0)}, {F(-1, 2, 1, 2, 0)}}, {Axis::X, Axis::X}), Catch::StartsWith("R3"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 1, 0), F(-1, 2, 1, 2, 1)}}, {Axis::X}),
             Catch::StartsWith("R4: core (1, 0) sends"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 0, 0, 1, 0), pkg::Flow(-1, 1, 0, 1, false, 1, pkg::Combine::None)}}, {Axis::X}),
             Catch::StartsWith("R4"));
  CHECK_THAT(refusal(4, 4, {{F(-1, 1, -1, 2, 0)}}, {Axis::X}), Catch::StartsWith("R6"));
  CHECK_THAT(refusal(4, 4, {{pkg::Flow(-1, 1, 0, 2, true, 0, pkg::Combine::AddF32)}}, {Axis::X}),
             Catch::StartsWith("R6"));
  CHECK_THAT(refusal(4, 4, {{pkg::Flow(-1, 1, 0, 2, false, 0, pkg::Combine(9))}}, {Axis::X}), Catch::StartsWith("R6"));
}

TEST_CASE("a wafer's routes are coloured and verified within seconds") {
  int n = 750;
  std::vector<ChannelSpec> specs = {ringShift("a", Axis::X, n, Embedding::Interleave, 1),
                                    ringShift("b", Axis::Y, n, Embedding::Interleave, 1),
                                    diagonalBroadcast("diag", Axis::X, n)};
  auto plan = planTree("t", Axis::Y, n, {}, 2);
  for (TreeLevel &level : plan->levels) {
    specs.push_back(level.low);
    specs.push_back(level.high);
  }
  const std::clock_t begin = std::clock(); // of the processor: machines are shared
  requireRoutable(n, n, specs, 24);
  const double seconds = double(std::clock() - begin) / CLOCKS_PER_SEC;
  WARN("750x750, 7 channels: " << seconds << " s");
#if !__has_feature(address_sanitizer)
  CHECK(seconds < 5);
#endif
}
