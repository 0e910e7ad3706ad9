// Sums, broadcasts and shifts of a vector that each core has, along lines of cores.
#include "compiler/algorithms/Collectives.h"

#include "compiler/algorithms/AutoTree.h"
#include "compiler/route/Topology.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::algorithms {
namespace {

using route::Axis;

int64_t wordsOf(const Emission &out, int64_t elements) {
  return ceilDiv(elements * out.elementSize(), out.builder.hardware.routing.linkBytes);
}

int colorsOf(const Emission &out) { return static_cast<int>(out.builder.hardware.routing.usableColors()); }

/// Colours that a sum over a line needs by itself.
Result<int> colorsNeeded(const hw::Hardware &hardware, const ReductionTree &tree, bool everywhere) {
  ProgramBuilder line(hardware, 1, static_cast<uint32_t>(tree.size()), "line");
  ReductionTask task{.op = line.op("sum", "reduce"), .across = Mask(1, true), .local = {}, .name = "sum"};
  emitReduction(line, tree, task);
  task.name = "multicast";
  if (everywhere)
    emitMulticast(line, tree.root, task);
  return line.colorsNeeded();
}

/// The best tree whose messages can be coloured: one that crosses no router with more messages than there are colours
/// may still need more of them.
Result<ReductionTree> autoTree(const Emission &out, const SumRequest &sum, int n, int colors) {
  const auto make = sum.everywhere ? autoAllReduceTree : autoReduceTree;
  const hw::Hardware &hardware = out.builder.hardware;
  for (int crossing = colors; crossing > 3; --crossing) {
    ReductionTree tree = make(n, wordsOf(out, sum.elements), hardware, crossing).tree;
    auto needed = colorsNeeded(hardware, tree, sum.everywhere);
    if (!needed)
      return needed.takeError();
    if (*needed <= colors)
      return tree;
  }
  return make(n, wordsOf(out, sum.elements), hardware, std::min(colors, 3)).tree;
}

/// The tree of a line of n cores that the algorithm stands for.
Result<ReductionTree> treeFor(const Emission &out, const SumRequest &sum, int n) {
  const std::string &algorithm = sum.algorithm;
  const Settings &settings = out.request.settings;
  if (algorithm == "chain")
    return chainTree(n);
  if (algorithm == "star")
    return starTree(n);
  if (algorithm == "tree")
    return binaryTree(n);
  if (algorithm == "two-phase")
    return twoPhaseTree(n);
  // Trees of both axes pass the same routers, so that each may have half of the colours.
  const int colors = colorsOf(out) / (sum.axis == "xy" ? 2 : 1);
  if (algorithm == "auto") {
    // Before it is timed word by word.
    if (Result<void> fits = out.builder.checkSram(); !fits)
      return fits.takeError();
    return autoTree(out, sum, n, colors);
  }
  if (sum.levels > 0)
    return kTree(n, sum.levels, {});
  int mostLevels = 1;
  while ((2 << mostLevels) <= n)
    ++mostLevels;
  auto levels = settings.number("k", std::min(2, mostLevels), 1, mostLevels);
  if (!levels)
    return userError(fmt::format("{}: a K-tree over {} cores has 1 to {} levels, each at least halves their number",
                                 levels.error().message, n, mostLevels));
  auto groups = settings.number("groups", 0, 1, n);
  if (!groups)
    return userError(fmt::format("{}: {} cores make 1 to {} groups", groups.error().message, n, n));
  if (*groups == 0)
    settings.take("groups", "default");
  if (*groups > 0 && *levels == 1 && settings.has("k"))
    return userError(fmt::format("--set groups={} needs a K-tree of at least two levels, k=1 has one group", *groups));
  return kTree(n, static_cast<int>(*levels), {static_cast<int>(*groups)});
}

Result<void> checkColors(const Emission &out, const ReductionTree &tree, const SumRequest &sum) {
  const int available = colorsOf(out);
  if (mostColors(tree) <= available)
    return success();
  return userError(fmt::format("{} over {} cores needs {} colours in one router, {} gives programs {} "
                               "(routing.colors - routing.reserved_colors); use fewer cores or chain, tree, two-phase "
                               "or ktree",
                               sum.algorithm, tree.size(), mostColors(tree), out.builder.hardware.name, available));
}

} // namespace

Result<std::string> axisOf(const Emission &out) {
  auto axis = out.request.settings.choice("axis", out.height() > 1 ? "y" : "x", {"x", "y", "xy"});
  if (!axis)
    return axis.takeError();
  return *axis;
}

namespace {

/// Reduce-scatter, then all-gather, on a ring of two-hop steps: each core sends one part of the vector a step.
void emitRingAllReduce(const Emission &out, const ReductionTask &task, int64_t elements, int n) {
  ProgramBuilder &builder = out.builder;
  const int64_t part = wordsOf(out, ceilDiv(elements, n)) * builder.hardware.routing.linkBytes;
  uint32_t ring = builder.channel(route::ringShift(task.name, task.axis, n, route::Embedding::Interleave, 1));
  const auto rank = [&](int32_t add) {
    return pkg::Expr(task.axis == Axis::X ? pkg::Source::RankX : pkg::Source::RankY, 0, 1, add);
  };
  auto partAt = [&](int32_t add) {
    Place place = task.local;
    place.terms.push_back(slotTerm(-1, rank(add + n), n, part)); // + n: phases are not negative
    return place;
  };
  Code code;
  code.begin(constant(n - 1))
      .put(ring, constant(part), partAt(0))
      .reduceInto(ring, constant(part), partAt(-1))
      .wait()
      .end()
      .begin(constant(n - 1))
      .put(ring, constant(part), partAt(1))
      .get(ring, constant(part), partAt(0))
      .wait()
      .end();
  builder.task(task.op, task.axis == Axis::X ? everywhere(builder.width) : task.across,
               task.axis == Axis::X ? task.across : everywhere(builder.height), std::move(code));
}

struct Line {
  Axis axis;
  int n;
};

Result<void> emitAlong(const Emission &out, const std::vector<Line> &lines, const SumRequest &sum) {
  ProgramBuilder &builder = out.builder;
  const int64_t bytes = wordsOf(out, sum.elements) * builder.hardware.routing.linkBytes;
  Mask across; // of the lines that still hold partial sums; everywhere at first
  std::vector<std::pair<ReductionTask, int>> spread;
  for (const Line &line : lines) {
    auto tree = treeFor(out, sum, line.n);
    if (!tree)
      return tree.takeError();
    if (auto fits = checkColors(out, *tree, sum); !fits)
      return fits;
    const char *axis = line.axis == Axis::X ? "x" : "y";
    if (across.empty())
      across = everywhere(line.axis == Axis::X ? builder.height : builder.width);
    ReductionTask task{sum.op, line.axis, across, sum.local, bytes, fmt::format("sum.{}", axis), sum.reduce};
    emitReduction(builder, *tree, task);
    out.facts.steps += static_cast<uint64_t>(tree->depth());
    task.name = fmt::format("multicast.{}", axis);
    spread.emplace_back(task, tree->root);
    // Sums are in the column (row) of the roots now.
    across = positions(static_cast<uint32_t>(line.n), static_cast<uint32_t>(tree->root),
                       static_cast<uint32_t>(tree->root) + 1);
  }
  if (!sum.everywhere)
    return success();
  for (auto each = spread.rbegin(); each != spread.rend(); ++each) {
    emitMulticast(builder, each->second, each->first);
    out.facts.steps += 1;
  }
  return success();
}

} // namespace

uint64_t sumBytes(const Emission &out, const std::string &algorithm, const std::string &axis, int64_t elements) {
  const auto word = static_cast<int64_t>(out.builder.hardware.routing.linkBytes);
  int64_t words = wordsOf(out, elements);
  if (algorithm == "ring")
    for (int n : {axis != "y" ? out.width() : 1, axis != "x" ? out.height() : 1})
      words = std::max(words, wordsOf(out, ceilDiv(elements, n)) * n);
  return static_cast<uint64_t>(words * word);
}

Result<void> emitSum(Emission &out, const SumRequest &sum) {
  std::vector<Line> lines;
  if (sum.axis != "y")
    lines.push_back({Axis::X, out.width()});
  if (sum.axis != "x")
    lines.push_back({Axis::Y, out.height()});
  if (sum.algorithm != "ring")
    return emitAlong(out, lines, sum);
  out.builder.ranks(route::coreToRank(out.width(), route::Embedding::Interleave),
                    route::coreToRank(out.height(), route::Embedding::Interleave));
  for (const Line &line : lines) {
    if (line.n < 2)
      continue;
    const bool alongX = line.axis == Axis::X;
    ReductionTask task{sum.op,    line.axis, everywhere(alongX ? out.builder.height : out.builder.width),
                       sum.local, 0,         alongX ? "ring.x" : "ring.y"};
    emitRingAllReduce(out, task, sum.elements, line.n);
    out.facts.steps += 2 * static_cast<uint64_t>(line.n - 1);
  }
  return success();
}

namespace {

/// One row for each core, one block.
Layout vectorLayout(const Emission &out, uint32_t buffer, int64_t elements) {
  const uint32_t width = out.request.width;
  return {out.builder.offsetOf(buffer),
          0,
          1,
          elements,
          int64_t{width} * out.request.height,
          elements,
          [width](uint32_t x, uint32_t y) {
            return std::vector<std::pair<int64_t, int64_t>>{{int64_t{y} * width + x, 0}};
          }};
}

/// Word by word along the line, stored and sent on by each core.
void emitBroadcastChain(const Emission &out, const ReductionTask &task, int n) {
  ProgramBuilder &builder = out.builder;
  route::ChannelSpec spec{task.name, task.axis, {}, 0, {}};
  for (int i = 0; i + 1 < n; ++i)
    spec.flows.push_back({-1, i, i, i + 1, false, 0});
  const uint32_t channel = builder.channel(std::move(spec));
  for (int part = 0; part < 3; ++part) { // first, between, last
    Code code;
    if (part > 0)
      code.get(channel, constant(task.bytes), task.local).wait();
    if (part < 2)
      code.put(channel, constant(task.bytes), task.local).wait();
    const auto end = static_cast<uint32_t>(n);
    const Mask along = part == 0   ? positions(end, 0, 1)
                       : part == 1 ? positions(end, 1, end - 1)
                                   : positions(end, end - 1, end);
    builder.task(task.op, task.axis == Axis::X ? along : task.across, task.axis == Axis::X ? task.across : along,
                 std::move(code));
  }
  out.facts.steps += static_cast<uint64_t>(n - 1);
}

} // namespace

Result<void> emitReduceOrAllReduce(Emission &out) {
  const int64_t elements = out.request.shape[0] * out.request.shape[1];
  auto axis = axisOf(out);
  if (!axis)
    return axis.takeError();
  SumRequest sum{.algorithm = out.request.algorithm, .axis = *axis, .elements = elements};
  uint32_t vector = out.builder.buffer("v", sumBytes(out, sum.algorithm, sum.axis, elements));
  sum.op = out.builder.op(std::string(nameOf(out.request.kind)), "all_reduce");
  sum.local = {vector, 0, {}};
  sum.everywhere = out.request.kind == Kind::AllReduce;
  out.inputs["v"] = out.outputs["v"] = vectorLayout(out, vector, elements);
  out.facts.tile = out.facts.padded = {elements};
  if (!sum.everywhere && sum.algorithm == "ring")
    out.facts.notes.emplace_back("a ring leaves the sum in all cores, so that reduce is allreduce here");
  return emitSum(out, sum);
}

Result<void> emitBroadcast(Emission &out) {
  const int64_t elements = out.request.shape[0] * out.request.shape[1];
  auto axis = axisOf(out);
  if (!axis)
    return axis.takeError();
  const int64_t bytes = wordsOf(out, elements) * out.builder.hardware.routing.linkBytes;
  uint32_t vector = out.builder.buffer("v", static_cast<uint64_t>(bytes));
  uint32_t op = out.builder.op("broadcast", "broadcast");
  out.inputs["v"] = out.outputs["v"] = vectorLayout(out, vector, elements);
  out.facts.tile = out.facts.padded = {elements};
  // Down the first column, then along the rows; or one of them.
  for (Axis each : {Axis::Y, Axis::X}) {
    const bool alongX = each == Axis::X;
    if (*axis == (alongX ? "y" : "x"))
      continue;
    const int n = alongX ? out.width() : out.height();
    Mask across = alongX ? everywhere(out.builder.height) : everywhere(out.builder.width);
    if (*axis == "xy" && !alongX)
      across = positions(out.builder.width, 0, 1);
    ReductionTask task{op, each, across, {vector, 0, {}}, bytes, alongX ? "broadcast.x" : "broadcast.y"};
    if (n < 2)
      continue;
    if (out.request.algorithm == "chain") {
      emitBroadcastChain(out, task, n);
    } else {
      emitMulticast(out.builder, 0, task);
      out.facts.steps += 1;
    }
  }
  return success();
}

} // namespace weft::algorithms
