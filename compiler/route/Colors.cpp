#include "compiler/route/Colors.h"

#include <algorithm>
#include <fmt/format.h>

namespace weft::route {

namespace {
/// The cores that the flows of one class touch. Position p of line l is touched iff uniform[p], or lines[l][p] where
/// the class has line-bound flows (`lines` is empty otherwise).
struct Coverage {
  Axis axis;
  std::vector<bool> uniform;
  std::vector<std::vector<bool>> lines;
  bool anyUniform = false;

  bool touches(int line, int position) const { return uniform[position] || (!lines.empty() && lines[line][position]); }
};
} // namespace

static Result<void> cover(Coverage &coverage, const ChannelSpec &channel, const FlowSpec &flow, int lineCount,
                          int length) {
  bool fits = -1 <= flow.lo && flow.lo <= flow.source && flow.source <= flow.hi && flow.hi < length &&
              flow.lo < flow.hi && -1 <= flow.line && flow.line < lineCount;
  if (!fits)
    return internalError(
        fmt::format("channel '{}': flow from {} over [{}, {}] on line {} does not fit lines 0..{} of {} "
                    "cores",
                    channel.name, flow.source, flow.lo, flow.hi, flow.line, lineCount - 1, length));
  if (flow.line >= 0 && coverage.lines.empty())
    coverage.lines.assign(lineCount, std::vector<bool>(length, false));
  for (int p = std::max(flow.lo, 0); p <= flow.hi; ++p) {
    bool taken = coverage.uniform[p];
    if (flow.line >= 0)
      taken = taken || coverage.lines[flow.line][p];
    else
      for (size_t l = 0; l < coverage.lines.size() && !taken; ++l)
        taken = coverage.lines[l][p];
    if (taken)
      return internalError(fmt::format("channel '{}': two flows of class {} meet in the router at position {}",
                                       channel.name, flow.colorClass, p));
    if (flow.line >= 0)
      coverage.lines[flow.line][p] = true;
    else
      coverage.uniform[p] = coverage.anyUniform = true;
  }
  return success();
}

static bool meetOnOneAxis(const Coverage &a, const Coverage &b) {
  size_t length = a.uniform.size();
  for (size_t p = 0; p < length; ++p)
    if (a.uniform[p] && b.uniform[p])
      return true;
  for (size_t l = 0; l < std::max(a.lines.size(), b.lines.size()); ++l)
    for (size_t p = 0; p < length; ++p)
      if (a.touches(l, p) && b.touches(l, p))
        return true;
  return false;
}

/// x runs along rows: its lines are the positions of y.
static bool meetAcross(const Coverage &x, const Coverage &y) {
  if (x.anyUniform && y.anyUniform)
    return true; // a column of x meets a row of y somewhere
  for (size_t row = 0; row < y.uniform.size(); ++row)
    for (size_t column = 0; column < x.uniform.size(); ++column)
      if (x.touches(row, column) && y.touches(column, row))
        return true;
  return false;
}

static bool meet(const Coverage &a, const Coverage &b) {
  if (a.axis == b.axis)
    return meetOnOneAxis(a, b);
  return a.axis == Axis::X ? meetAcross(a, b) : meetAcross(b, a);
}

Result<ConflictGraph> buildConflicts(int width, int height, std::span<const ChannelSpec> channels) {
  ConflictGraph graph;
  std::vector<Coverage> coverages;
  for (size_t c = 0; c < channels.size(); ++c) {
    const ChannelSpec &channel = channels[c];
    if (channel.axis != Axis::X && channel.axis != Axis::Y)
      return internalError(fmt::format("channel '{}' has no axis", channel.name));
    bool alongX = channel.axis == Axis::X;
    int length = alongX ? width : height, lineCount = alongX ? height : width;
    size_t first = coverages.size();
    for (int cls = 0; cls < channel.classCount; ++cls) {
      graph.nodes.emplace_back(static_cast<int>(c), cls);
      coverages.push_back({channel.axis, std::vector<bool>(length, false), {}, false});
    }
    for (const FlowSpec &flow : channel.flows) {
      if (flow.colorClass < 0 || flow.colorClass >= channel.classCount)
        return internalError(
            fmt::format("channel '{}': class {} is not below {}", channel.name, flow.colorClass, channel.classCount));
      if (auto covered = cover(coverages[first + flow.colorClass], channel, flow, lineCount, length); !covered)
        return covered.takeError();
    }
  }
  size_t count = coverages.size();
  graph.conflicts.assign(count, std::vector<bool>(count, false));
  for (size_t a = 0; a < count; ++a)
    for (size_t b = a + 1; b < count; ++b)
      graph.conflicts[a][b] = graph.conflicts[b][a] = meet(coverages[a], coverages[b]);
  return graph;
}

/// DSATUR: next comes the node that sees most colours, then the one with most neighbours, then the first one.
std::vector<int> colorGreedily(const ConflictGraph &graph) {
  size_t count = graph.nodes.size();
  std::vector<int> color(count, -1), seenCount(count, 0), degree(count, 0);
  std::vector<std::vector<bool>> seen(count, std::vector<bool>(count + 1, false));
  for (size_t a = 0; a < count; ++a)
    degree[a] = static_cast<int>(std::count(graph.conflicts[a].begin(), graph.conflicts[a].end(), true));
  for (size_t step = 0; step < count; ++step) {
    size_t next = count;
    for (size_t a = 0; a < count; ++a)
      if (color[a] < 0 &&
          (next == count || std::pair(seenCount[a], degree[a]) > std::pair(seenCount[next], degree[next])))
        next = a;
    color[next] = static_cast<int>(std::find(seen[next].begin(), seen[next].end(), false) - seen[next].begin());
    for (size_t b = 0; b < count; ++b)
      if (graph.conflicts[next][b] && !seen[b][color[next]]) {
        seen[b][color[next]] = true;
        ++seenCount[b];
      }
  }
  return color;
}

/// What each channel wants: its axis, its classes, and how many other classes each of them meets.
static std::string demandTable(std::span<const ChannelSpec> channels, const ConflictGraph &graph) {
  size_t width = 7;
  for (const ChannelSpec &channel : channels)
    width = std::max(width, channel.name.size());
  std::string table = fmt::format("  {:<{}}  axis  colours  meets at most\n", "channel", width);
  for (size_t c = 0; c < channels.size(); ++c) {
    if (channels[c].classCount == 0)
      continue;
    ptrdiff_t most = 0;
    for (size_t node = 0; node < graph.nodes.size(); ++node)
      if (graph.nodes[node].first == static_cast<int>(c))
        most = std::max(most, std::count(graph.conflicts[node].begin(), graph.conflicts[node].end(), true));
    table += fmt::format("  {:<{}}  {:<4}  {:>7}  {:>13}\n", channels[c].name, width,
                         channels[c].axis == Axis::X ? "x" : "y", channels[c].classCount, most);
  }
  return table;
}

Result<ColorAssignment> assignColors(int width, int height, std::span<const ChannelSpec> channels,
                                     int availableColors) {
  auto graph = buildConflicts(width, height, channels);
  if (!graph)
    return graph.takeError();
  std::vector<int> colors = colorGreedily(*graph);
  ColorAssignment assignment;
  for (const ChannelSpec &channel : channels)
    assignment.colors.emplace_back(channel.classCount, 0);
  for (size_t node = 0; node < colors.size(); ++node) {
    auto [channel, cls] = graph->nodes[node];
    assignment.colors[channel][cls] = colors[node];
    assignment.used = std::max(assignment.used, colors[node] + 1);
  }
  if (assignment.used > availableColors)
    return userError(fmt::format(
        "the program's routes need {} colours in a router of the {}x{} mesh, the machine gives programs {} "
        "(routing.colors - routing.reserved_colors)\n{}use a machine with more colours, free reserved ones, or choose "
        "algorithms with fewer channels (fewer levels in the K-tree reductions, Cannon instead of MeshGEMM)",
        assignment.used, width, height, availableColors, demandTable(channels, *graph)));
  return assignment;
}

} // namespace weft::route
