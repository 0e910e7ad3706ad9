#include "compiler/route/Verify.h"

#include <algorithm>
#include <bitset>
#include <cstdlib>
#include <fmt/format.h>
#include <map>

namespace weft::route {

namespace {
using Channels = std::span<const std::unique_ptr<pkg::ChannelT>>;

enum Port : uint8_t { Low = 1, High = 2, Ramp = 4 };

/// What one router of a line does with one colour. channel < 0: nothing.
struct Entry {
  int channel = -1, flow = -1;
  uint8_t inputs = 0, outputs = 0; // more than one input: words that are combined
};

constexpr int maxColors = 256; // pkg::Flow.color is a byte
using ColorSet = std::bitset<maxColors>;

/// Lines of one axis that have the same flows, and their routers' tables.
struct LineGroup {
  std::vector<int> lines;
  std::vector<std::pair<int, int>> flows; // channel, flow; ascending
  std::vector<ColorSet> used;             // [position]
};

/// The routers' tables of one line, and what its checks need again and again.
struct LineTables {
  std::vector<std::vector<std::pair<int, Entry>>> table; // [position]: colour, entry
  std::vector<int> sends, receives;                      // [position + 1]: flow of the channel at hand, or -1
  std::vector<uint8_t> visited, delivered;               // [position + 1]

  explicit LineTables(int length)
      : table(length), sends(length + 1, -1), receives(length + 1, -1), visited(length + 1, 0),
        delivered(length + 1, 0) {}

  const Entry *find(int position, int color) const {
    for (const auto &[entryColor, entry] : table[position])
      if (entryColor == color)
        return &entry;
    return nullptr;
  }
};

struct Mesh {
  int width, height;
  Channels channels;
  int colors;

  const pkg::Flow &flow(std::pair<int, int> id) const { return channels[id.first]->flows[id.second]; }
  int length(pkg::Axis axis) const { return axis == pkg::Axis::X ? width : height; }
  int lineCount(pkg::Axis axis) const { return axis == pkg::Axis::X ? height : width; }
};
} // namespace

static std::string nameRouter(pkg::Axis axis, int line, int position) {
  return axis == pkg::Axis::X ? fmt::format("({}, {})", position, line) : fmt::format("({}, {})", line, position);
}

static std::string nameFlow(const Mesh &mesh, std::pair<int, int> id) {
  const pkg::Flow &flow = mesh.flow(id);
  return fmt::format("channel '{}' flow {} -> [{}, {}]", mesh.channels[id.first]->name, flow.source(), flow.lo(),
                     flow.hi());
}

static bool combines(const pkg::Flow &flow) { return flow.combine() != pkg::Combine::None; }

static bool isDelivered(const pkg::Flow &flow, int position) {
  if (combines(flow))
    return position == flow.source();
  if (position == flow.source() || position < flow.lo() || position > flow.hi())
    return false;
  return flow.deliver_all() || position == flow.lo() || position == flow.hi();
}

/// R1, R2, R6.
static Result<void> checkFlow(const Mesh &mesh, std::pair<int, int> id) {
  const pkg::Flow &flow = mesh.flow(id);
  pkg::Axis axis = mesh.channels[id.first]->axis;
  bool ordered = flow.lo() <= flow.source() && flow.source() <= flow.hi() && flow.lo() < flow.hi();
  bool onMesh =
      flow.lo() >= -1 && flow.hi() < mesh.length(axis) && flow.line() >= -1 && flow.line() < mesh.lineCount(axis);
  if (!ordered || !onMesh)
    return internalError(fmt::format("R1: {} on line {} leaves the {}x{} mesh or does not hold its source",
                                     nameFlow(mesh, id), flow.line(), mesh.width, mesh.height));
  if (flow.color() >= mesh.colors)
    return internalError(fmt::format("R2: {} has colour {}, programs have colours 0..{}", nameFlow(mesh, id),
                                     flow.color(), mesh.colors - 1));
  if (combines(flow) && (flow.combine() > pkg::Combine::MAX || flow.lo() < 0 || flow.deliver_all()))
    return internalError(
        fmt::format("R6: {} combines words, which go from cores to one core in a known way", nameFlow(mesh, id)));
  return success();
}

/// Lines with no flow of their own are all alike; the others stand alone.
static std::vector<LineGroup> groupLines(const Mesh &mesh, pkg::Axis axis) {
  std::vector<std::pair<int, int>> uniform;
  std::map<int, std::vector<std::pair<int, int>>> bound;
  for (int c = 0; c < static_cast<int>(mesh.channels.size()); ++c)
    for (int f = 0; mesh.channels[c]->axis == axis && f < static_cast<int>(mesh.channels[c]->flows.size()); ++f) {
      int line = mesh.channels[c]->flows[f].line();
      (line < 0 ? uniform : bound[line]).emplace_back(c, f);
    }
  std::vector<LineGroup> groups;
  LineGroup common;
  for (int line = 0; line < mesh.lineCount(axis); ++line) {
    auto own = bound.find(line);
    if (own == bound.end()) {
      common.lines.push_back(line);
      continue;
    }
    LineGroup group{{line}, uniform, {}};
    group.flows.insert(group.flows.end(), own->second.begin(), own->second.end());
    std::sort(group.flows.begin(), group.flows.end());
    groups.push_back(std::move(group));
  }
  common.flows = std::move(uniform);
  if (!common.lines.empty())
    groups.push_back(std::move(common));
  return groups;
}

static Entry entryAt(const pkg::Flow &flow, std::pair<int, int> id, int position) {
  Entry entry{id.first, id.second, Ramp, 0};
  if (combines(flow)) {
    if (position > flow.lo() && position <= flow.source())
      entry.inputs |= Low;
    if (position < flow.hi() && position >= flow.source())
      entry.inputs |= High;
    entry.outputs = position < flow.source() ? High : position > flow.source() ? Low : Ramp;
    return entry;
  }
  if (position > flow.source())
    entry.inputs = Low;
  else if (position < flow.source())
    entry.inputs = High;
  if (position >= flow.source() && position < flow.hi())
    entry.outputs |= High;
  if (position <= flow.source() && position > flow.lo())
    entry.outputs |= Low;
  if (isDelivered(flow, position))
    entry.outputs |= Ramp;
  return entry;
}

/// R4 for one flow; `tables.sends` and `.receives` hold the flows of its channel so far.
static Result<void> checkEnds(const Mesh &mesh, pkg::Axis axis, int line, LineTables &tables, std::pair<int, int> id) {
  const pkg::Flow &flow = mesh.flow(id);
  for (int p = flow.lo(); p <= flow.hi(); ++p) {
    for (bool sends : {true, false}) {
      if (!(sends ? p == flow.source() || combines(flow) : isDelivered(flow, p)))
        continue;
      int &other = (sends ? tables.sends : tables.receives)[p + 1];
      if (other >= 0)
        return internalError(fmt::format("R4: core {} {} both {} and {}", nameRouter(axis, line, p),
                                         sends ? "sends" : "receives", nameFlow(mesh, {id.first, other}),
                                         nameFlow(mesh, id)));
      other = id.second;
    }
  }
  return success();
}

/// R3 within an axis, R4.
static Result<void> expand(const Mesh &mesh, pkg::Axis axis, LineGroup &group, LineTables &tables) {
  group.used.resize(mesh.length(axis));
  int line = group.lines.front(), channel = -1;
  for (auto id : group.flows) {
    if (id.first != channel) {
      std::fill(tables.sends.begin(), tables.sends.end(), -1);
      std::fill(tables.receives.begin(), tables.receives.end(), -1);
      channel = id.first;
    }
    if (auto checked = checkEnds(mesh, axis, line, tables, id); !checked)
      return checked;
    const pkg::Flow &flow = mesh.flow(id);
    for (int p = std::max(flow.lo(), 0); p <= flow.hi(); ++p) {
      if (const Entry *other = tables.find(p, flow.color()))
        return internalError(fmt::format("R3: router {} colour {} belongs to {} and to {}", nameRouter(axis, line, p),
                                         flow.color(), nameFlow(mesh, {other->channel, other->flow}),
                                         nameFlow(mesh, id)));
      tables.table[p].emplace_back(flow.color(), entryAt(flow, id, p));
      group.used[p].set(flow.color());
    }
  }
  return success();
}

/// The flow of `group` that has `color` at `position`.
static std::string nameUser(const Mesh &mesh, const LineGroup &group, int position, int color) {
  for (auto id : group.flows)
    if (const pkg::Flow &flow = mesh.flow(id); flow.color() == color && flow.lo() <= position && position <= flow.hi())
      return nameFlow(mesh, id);
  return "no flow";
}

/// R3 between the axes, for all routers where a row of `rows` crosses a column of `columns`.
static Result<void> checkCrossing(const Mesh &mesh, const LineGroup &rows, const LineGroup &columns) {
  ColorSet inRows, inColumns;
  for (int x : columns.lines)
    inRows |= rows.used[x];
  for (int y : rows.lines)
    inColumns |= columns.used[y];
  ColorSet shared = inRows & inColumns;
  if (shared.none())
    return success();
  int color = 0;
  while (!shared[color])
    ++color;
  auto uses = [&](const LineGroup &g) { return [&g, color](int p) { return g.used[p][color]; }; };
  int x = *std::find_if(columns.lines.begin(), columns.lines.end(), uses(rows));
  int y = *std::find_if(rows.lines.begin(), rows.lines.end(), uses(columns));
  return internalError(fmt::format("R3: router ({}, {}) colour {} belongs to {} along x and to {} along y", x, y, color,
                                   nameUser(mesh, rows, x, color), nameUser(mesh, columns, y, color)));
}

/// R5: sends one word of a flow through the tables, which alone decide where it goes.
static Result<void> trace(const Mesh &mesh, pkg::Axis axis, int line, LineTables &tables, std::pair<int, int> id) {
  const pkg::Flow &flow = mesh.flow(id);
  int length = mesh.length(axis), first = flow.lo(), last = flow.hi();
  auto fail = [&](int p, const char *what) {
    return internalError(fmt::format("R5: router {} colour {}: a word of {} {}", nameRouter(axis, line, p),
                                     flow.color(), nameFlow(mesh, id), what));
  };
  struct Arrival {
    int position;
    uint8_t port;
  };
  std::vector<Arrival> pending{flow.source() < 0 ? Arrival{0, Low} : Arrival{flow.source(), Ramp}};
  while (!pending.empty()) {
    auto [p, port] = pending.back();
    pending.pop_back();
    if (p >= length)
      return fail(p, "leaves the mesh");
    if (tables.visited[p + 1])
      return fail(p, "comes by twice");
    tables.visited[p + 1] = 1;
    first = std::min(first, p);
    last = std::max(last, p);
    const Entry *entry = p < 0 ? nullptr : tables.find(p, flow.color());
    if (p >= 0 && (!entry || entry->inputs != port))
      return fail(p, "finds no route");
    uint8_t outputs = entry ? entry->outputs : uint8_t{Ramp}; // the host takes all that comes
    tables.delivered[p + 1] = (outputs & Ramp) != 0;
    if (outputs & Low)
      pending.push_back({p - 1, High});
    if (outputs & High)
      pending.push_back({p + 1, Low});
  }
  for (int p = first; p <= last; ++p)
    if ((tables.delivered[p + 1] != 0) != isDelivered(flow, p))
      return fail(p, tables.delivered[p + 1] ? "is delivered to a core it is not for" : "does not reach its core");
  std::fill(tables.visited.begin() + first + 1, tables.visited.begin() + last + 2, 0);
  std::fill(tables.delivered.begin() + first + 1, tables.delivered.begin() + last + 2, 0);
  return success();
}

/// R5 for words that are combined: what the core of each router sends must come to the root, and each router's unit
/// must get a word from each of its inputs, or it waits for ever.
static Result<void> traceCombined(const Mesh &mesh, pkg::Axis axis, int line, const LineTables &tables,
                                  std::pair<int, int> id) {
  const pkg::Flow &flow = mesh.flow(id);
  auto fail = [&](int p, const char *what) {
    return internalError(fmt::format("R5: router {} colour {}: {} {}", nameRouter(axis, line, p), flow.color(),
                                     nameFlow(mesh, id), what));
  };
  std::vector<uint8_t> arrived(flow.hi() - flow.lo() + 1, Ramp);
  for (int p = flow.lo(); p <= flow.hi(); ++p) {
    const Entry *entry = tables.find(p, flow.color());
    uint8_t output = entry ? entry->outputs : 0;
    int next = output == Low ? p - 1 : output == High ? p + 1 : p;
    if (output == Ramp ? p != flow.source() : std::abs(next - flow.source()) != std::abs(p - flow.source()) - 1)
      return fail(p, "does not lead to its root");
    if (output != Ramp)
      arrived[next - flow.lo()] |= output == Low ? High : Low;
  }
  for (int p = flow.lo(); p <= flow.hi(); ++p)
    if (tables.find(p, flow.color())->inputs != arrived[p - flow.lo()])
      return fail(p, "waits for words that do not come");
  return success();
}

static Result<void> verifyLines(const Mesh &mesh, pkg::Axis axis, LineGroup &group) {
  LineTables tables(mesh.length(axis));
  if (auto expanded = expand(mesh, axis, group, tables); !expanded)
    return expanded;
  for (auto id : group.flows)
    if (auto traced = combines(mesh.flow(id)) ? traceCombined(mesh, axis, group.lines.front(), tables, id)
                                              : trace(mesh, axis, group.lines.front(), tables, id);
        !traced)
      return traced;
  return success();
}

Result<void> verifyRoutes(int width, int height, Channels channels, int colors) {
  Mesh mesh{width, height, channels, std::min(colors, maxColors)};
  for (int c = 0; c < static_cast<int>(channels.size()); ++c) {
    if (channels[c]->axis != pkg::Axis::X && channels[c]->axis != pkg::Axis::Y)
      return internalError(fmt::format("R1: channel '{}' has no axis", channels[c]->name));
    for (int f = 0; f < static_cast<int>(channels[c]->flows.size()); ++f)
      if (auto checked = checkFlow(mesh, {c, f}); !checked)
        return checked;
  }
  std::vector<LineGroup> rows = groupLines(mesh, pkg::Axis::X), columns = groupLines(mesh, pkg::Axis::Y);
  for (auto [groups, axis] : {std::pair(&rows, pkg::Axis::X), std::pair(&columns, pkg::Axis::Y)})
    for (LineGroup &group : *groups)
      if (auto verified = verifyLines(mesh, axis, group); !verified)
        return verified;
  for (const LineGroup &row : rows)
    for (const LineGroup &column : columns)
      if (auto checked = checkCrossing(mesh, row, column); !checked)
        return checked;
  return success();
}

} // namespace weft::route
