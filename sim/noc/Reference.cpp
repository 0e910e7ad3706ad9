#include "sim/noc/Reference.h"

#include "sim/noc/Replay.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <ranges>
#include <sstream>

using namespace weft;
using namespace weft::noc;

namespace {

/// What stands under the names of a header, in one line of a file of plain comma-separated values.
class Line {
public:
  Line(const std::vector<std::string> &header, const std::string &text) : header(header), cells(split(text)) {}

  static std::vector<std::string> split(const std::string &text) {
    std::vector<std::string> out;
    std::istringstream stream(text);
    for (std::string cell; std::getline(stream, cell, ',');)
      out.push_back(cell.substr(0, cell.find('\r')));
    return out;
  }

  std::string text(std::string_view name) const {
    size_t column = static_cast<size_t>(std::find(header.begin(), header.end(), name) - header.begin());
    return column < cells.size() ? cells[column] : std::string();
  }

  /// Finite and not negative; else it is remembered as wrong.
  double number(std::string_view name) {
    std::string cell = text(name);
    char *end = nullptr;
    double value = std::strtod(cell.c_str(), &end);
    if (cell.empty() || *end || !(value >= 0 && value < 1e15))
      wrong = fmt::format("{} is '{}', no number that is at least 0", name, cell), value = 0;
    return value;
  }
  /// The same, or 0 for what a run could not say.
  double numberOrNone(std::string_view name) {
    std::string cell = text(name);
    return cell.empty() || cell == "nan" ? 0 : number(name);
  }
  uint32_t count(std::string_view name, uint32_t most) {
    double value = number(name);
    if (wrong.empty() && (value < 1 || value > most || value != std::floor(value)))
      wrong = fmt::format("{} is {}, no whole number from 1 to {}", name, value, most);
    return wrong.empty() ? static_cast<uint32_t>(value) : 1;
  }

  std::string wrong;

private:
  const std::vector<std::string> &header;
  std::vector<std::string> cells;
};

/// Cycles until about `packets` are created, at least a few thousand.
uint64_t windowFor(const ReferenceRow &row, uint64_t packets) {
  double perCycle = row.offered / row.packetFlits * row.side * row.side;
  return static_cast<uint64_t>(std::clamp(double(packets) / perCycle, 20'000.0, 50'000'000.0));
}

/// A run of so many cycles has six to ten periods of one of these lengths.
std::optional<ReplayRun> replayOf(const ReferenceRow &row) {
  for (uint64_t period : {5000, 2000, 1000})
    if (uint64_t count = row.cycles / period; count >= 6 && count <= 10) {
      ReplayRun out;
      out.periodCycles = period, out.periods = static_cast<uint32_t>(count), out.throughput = row.overload;
      return out;
    }
  return std::nullopt;
}

Result<ComparedRow> compareRow(const ReferenceRow &row, double saturation, const Limits &limits, uint64_t packets,
                               uint64_t seed) {
  ComparedRow out;
  out.reference = &row;
  out.judged = row.overload || (row.stable && saturation > 0 && row.offered < limits.below * saturation);
  Experiment experiment;
  experiment.router = knownRouters().at(row.router); // readReference() has looked
  experiment.pattern = *patternOf(row.traffic);
  experiment.side = row.side, experiment.packetFlits = row.packetFlits, experiment.offered = row.offered;
  experiment.seed = seed;
  experiment.windowCycles = windowFor(row, packets);
  if (row.overload || !out.judged)
    experiment.drainCycles = 0; // a source queue that grows all the time has no latency to wait for
  if (!out.judged)
    experiment.warmUpCycles = 2000, experiment.windowCycles = 5000; // for its speed alone
  Result<Measured> measured = measure(experiment);
  if (!measured)
    return measured.error();
  out.measured = *measured;
  double hop = experiment.router.hopCycles;
  out.expectedLatency = row.latency + (row.routers > 0 ? hop * (out.measured.links + 1 - row.routers) : 0);
  if (std::optional<ReplayRun> run = out.judged ? replayOf(row) : std::nullopt) {
    Result<Measured> replayed = replay(experiment, *run);
    if (!replayed)
      return replayed.error();
    if (replayed->cycles == row.cycles) // else it is another run
      out.replayed = *replayed;
  }
  return out;
}

} // namespace

Result<std::vector<ReferenceRow>> noc::readReference(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return userError(fmt::format("{}: cannot be read", path));
  std::vector<std::string> header;
  std::vector<ReferenceRow> out;
  std::string text;
  for (size_t number = 1; std::getline(file, text); ++number) {
    if (number == 1) {
      header = Line::split(text);
      for (std::string_view needed : {"router", "k", "traffic", "packet_flits", "mode", "offered", "status", "lat_avg",
                                      "routers_avg", "accepted_avg", "cycles", "flit_router_hops_per_user_s"})
        if (std::find(header.begin(), header.end(), needed) == header.end())
          return userError(fmt::format("{}:1: no column {}", path, needed));
      continue;
    }
    if (text.empty() || text == "\r")
      continue;
    Line line(header, text);
    ReferenceRow row;
    row.line = number;
    row.router = line.text("router"), row.traffic = line.text("traffic");
    row.overload = line.text("mode") == "throughput";
    row.stable = line.text("status") == "ok";
    row.side = line.count("k", 64), row.packetFlits = line.count("packet_flits", 1000);
    row.offered = line.number("offered"), row.accepted = line.number("accepted_avg");
    row.latency = line.number("lat_avg"), row.routers = line.numberOrNone("routers_avg");
    row.cycles = static_cast<uint64_t>(line.number("cycles"));
    row.flitHopsPerSecond = line.numberOrNone("flit_router_hops_per_user_s");
    if (line.wrong.empty() && (row.offered == 0 || row.offered > row.packetFlits))
      line.wrong = fmt::format("offered is {}; a node can send more than 0 flits and up to one a cycle", row.offered);
    if (line.wrong.empty() && !knownRouters().contains(row.router))
      line.wrong =
          fmt::format("router is '{}'; known are {}", row.router, fmt::join(std::views::keys(knownRouters()), ", "));
    if (std::string mode = line.text("mode"); line.wrong.empty() && !row.overload && mode != "latency")
      line.wrong = fmt::format("mode is '{}'; known are latency and throughput", mode);
    if (line.wrong.empty() && !patternOf(row.traffic))
      line.wrong = fmt::format("traffic is '{}'; known are uniform, transpose and neighbor", row.traffic);
    if (line.wrong.empty() && (row.latency == 0 || row.accepted == 0))
      line.wrong = "lat_avg and accepted_avg are above 0";
    if (!line.wrong.empty())
      return userError(fmt::format("{}:{}: {}", path, number, line.wrong));
    out.push_back(std::move(row));
  }
  if (out.empty())
    return userError(fmt::format("{}: no run in it", path));
  return out;
}

double ComparedRow::ownError() const {
  return reference->overload ? measured.accepted / reference->accepted - 1 : measured.latency / expectedLatency - 1;
}

double ComparedRow::error() const {
  if (!replayed)
    return ownError();
  return reference->overload ? replayed->accepted / reference->accepted - 1
                             : replayed->latency / reference->latency - 1;
}

bool ComparedRow::good(const Limits &limits) const {
  // What a network accepts hardly varies from run to run, so that of our own packets must do as well.
  if (reference->overload)
    return std::abs(error()) <= limits.saturation && std::abs(ownError()) <= limits.saturation;
  return (replayed ? replayed->drained : measured.drained) && std::abs(error()) <= limits.latency;
}

Result<std::vector<ComparedRow>> noc::compare(const std::vector<ReferenceRow> &rows, const Limits &limits,
                                              uint64_t packets, uint64_t seed,
                                              const std::function<void(const ComparedRow &)> &progress) {
  auto sameNetwork = [](const ReferenceRow &a, const ReferenceRow &b) {
    return a.router == b.router && a.traffic == b.traffic && a.side == b.side && a.packetFlits == b.packetFlits;
  };
  std::vector<ComparedRow> out;
  for (const ReferenceRow &row : rows) {
    // An overloaded network takes more on average than it does before the first source queue grows without end, if some
    // of its flows meet no other.
    double saturation = 0;
    for (const ReferenceRow &other : rows)
      if (other.overload && sameNetwork(row, other))
        saturation = std::min(other.accepted, linkBound(*patternOf(row.traffic), row.side));
    Result<ComparedRow> each = compareRow(row, saturation, limits, packets, seed);
    if (!each)
      return each.error();
    progress(*each);
    out.push_back(*each);
  }
  return out;
}
