#include "runtime/Explanation.h"

#include "runtime/Table.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

namespace weft::runtime {

std::string_view nameOf(Cause cause) {
  constexpr std::string_view names[] = {"compute",       "issue",      "latency", "bandwidth",
                                        "back-pressure", "contention", "wait",    "host"};
  return names[static_cast<size_t>(cause)];
}

std::string_view nameOf(Exit exit) {
  constexpr std::string_view names[] = {"west", "east", "north", "south", "core", "up"};
  return names[static_cast<size_t>(exit)];
}

std::string foldedName(const std::string &whole) {
  std::string result;
  const size_t mark = whole.rfind(" #");
  const bool repeated = mark != std::string::npos && mark + 2 < whole.size() &&
                        whole.find_first_not_of("0123456789", mark + 2) == std::string::npos;
  const std::string name = repeated ? whole.substr(0, mark) : whole;
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    const std::string part = name.substr(at, dot - at);
    const bool number =
        !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    result += number ? "*" : part;
    if (dot < name.size())
      result += '.';
    at = dot + 1;
  }
  return result;
}

namespace {

std::string nameIn(const std::vector<std::string> &names, uint32_t index) {
  return index < names.size() ? names[index] : "";
}

std::string whatOf(const Explanation &why, const PathSegment &segment) {
  return nameIn(segment.cause == Cause::Compute ? why.kernels : why.channels, segment.what);
}

std::array<uint64_t, causeCount> cyclesByCause(const Explanation &why) {
  std::array<uint64_t, causeCount> sums{};
  for (const PathSegment &segment : why.path)
    sums[static_cast<size_t>(segment.cause)] += segment.end - segment.begin;
  return sums;
}

/// In the order of the program; what belongs to no op (the host) last, under an empty name.
std::vector<std::pair<std::string, uint64_t>> cyclesByOp(const Explanation &why, bool fold) {
  std::vector<std::pair<std::string, uint64_t>> sums;
  std::map<std::string, size_t> places;
  std::vector<uint64_t> byOp(why.ops.size() + 1, 0);
  for (const PathSegment &segment : why.path)
    byOp[std::min<size_t>(segment.op, why.ops.size())] += segment.end - segment.begin;
  for (size_t op = 0; op < byOp.size(); ++op) {
    if (!byOp[op])
      continue;
    const std::string name = nameIn(why.ops, static_cast<uint32_t>(op));
    const std::string key = fold ? foldedName(name) : name;
    auto [place, isNew] = places.emplace(key, sums.size());
    if (isNew)
      sums.emplace_back(key, 0);
    sums[place->second].second += byOp[op];
  }
  return sums;
}

std::string text(Place place) {
  if (place.x < 0)
    return fmt::format("host, row {}", place.y);
  return place.y < 0 ? fmt::format("host, column {}", place.x) : fmt::format("({}, {})", place.x, place.y);
}

std::string linkText(Place at, Exit exit) {
  if (exit == Exit::Up)
    return fmt::format("{} -> router", text(at));
  return exit == Exit::Down ? fmt::format("router {} -> core", text(at))
                            : fmt::format("{} -> {}", text(at), nameOf(exit));
}

nlohmann::json json(Place place) { return {place.x, place.y}; }

nlohmann::json json(const Explanation &why, const Stall &stall) {
  nlohmann::json out = {{"at", json(stall.at)},     {"to", nameOf(stall.exit)},
                        {"color", stall.color},     {"channel", nameIn(why.channels, stall.channel)},
                        {"cycles", stall.cycles()}, {"receiver", stall.receiver},
                        {"queue", stall.queue},     {"arbitration", stall.arbitration}};
  if (stall.arbitration)
    out["lost_to_color"] = stall.winner;
  return out;
}

constexpr size_t rowsShown = 16, stallsShown = 5, stallsListed = 1000, segmentsListed = 10000;

/// Names of kernels carry all their numbers.
std::string shortened(const std::string &name) {
  constexpr size_t most = 32;
  return name.size() <= most ? name : name.substr(0, most - 3) + "...";
}

std::string pathTable(const Explanation &why) {
  std::vector<PathRow> rows = rowsOf(why);
  PathRow others;
  size_t more = 0;
  for (; rows.size() > rowsShown; rows.pop_back(), ++more) {
    others.cycles += rows.back().cycles;
    others.times += rows.back().times;
  }
  Table table({{"cycles", Table::Align::Right},
               {"share", Table::Align::Right},
               {"times", Table::Align::Right},
               {"spent on"},
               {"of"},
               {"op"},
               {"at"}});
  const auto total = static_cast<double>(std::max<uint64_t>(why.cycles, 1));
  for (const PathRow &row : rows)
    table.row({grouped(row.cycles), percent(static_cast<double>(row.cycles) / total), grouped(row.times),
               std::string(nameOf(row.cause)), shortened(row.what), row.op,
               row.places == 1 ? text(row.first) : fmt::format("{} places, first {}", row.places, text(row.first))});
  if (more)
    table.row({grouped(others.cycles), percent(static_cast<double>(others.cycles) / total), grouped(others.times),
               fmt::format("{} others", more), "", "", ""});
  return table.text();
}

std::string endLines(const Explanation &why) {
  std::string out;
  if (why.slowest) {
    const SlowCore &core = *why.slowest;
    out += fmt::format("  slowest core {}: ends in cycle {}; {} in kernels, {} issuing, {} waiting", text(core.at),
                       grouped(core.end), grouped(core.compute), grouped(core.issue), grouped(core.wait));
    for (size_t i = 0; i < std::min<size_t>(core.waits.size(), 3); ++i)
      out += fmt::format("{}{} for {}", i ? ", " : ": ", grouped(core.waits[i].second),
                         nameIn(why.channels, core.waits[i].first));
    out += '\n';
  }
  if (why.busiest)
    out += fmt::format(
        "  most loaded link {}: {} words, {} of the cycles; {} of them colour {} of {}\n",
        linkText(why.busiest->at, why.busiest->exit), grouped(why.busiest->words),
        percent(static_cast<double>(why.busiest->words) / static_cast<double>(std::max<uint64_t>(why.cycles, 1))),
        grouped(why.busiest->wordsOfColor), why.busiest->color, nameIn(why.channels, why.busiest->channel));
  if (!why.stallsKnown)
    return out + "  stalls: no colour waited for another, which is proven; how long words waited for receivers and for "
                 "room is not "
                 "told message by message, ask with --evaluator event\n";
  if (why.stalls.empty())
    return out + "  no word was ever held up\n";
  out += "  most stalled links and colours, in cycles that a first word waited:\n";
  for (size_t i = 0; i < std::min(why.stalls.size(), stallsShown); ++i) {
    const Stall &stall = why.stalls[i];
    out += fmt::format("    {}, colour {} of {}: {}", linkText(stall.at, stall.exit), stall.color,
                       nameIn(why.channels, stall.channel), grouped(stall.cycles()));
    if (stall.receiver)
      out += fmt::format("; {} for the receiver", grouped(stall.receiver));
    if (stall.queue)
      out += fmt::format("; {} for room ahead", grouped(stall.queue));
    if (stall.arbitration)
      out += fmt::format("; {} while others went, most often colour {}", grouped(stall.arbitration), stall.winner);
    out += '\n';
  }
  return out;
}

} // namespace

std::vector<PathRow> rowsOf(const Explanation &why) {
  std::vector<PathRow> rows;
  std::map<std::tuple<Cause, std::string, std::string>, size_t> places;
  std::vector<std::set<std::pair<int32_t, int32_t>>> seen;
  for (const PathSegment &segment : why.path) {
    const std::string op = foldedName(nameIn(why.ops, segment.op)), what = whatOf(why, segment);
    auto [place, isNew] = places.emplace(std::tuple(segment.cause, op, what), rows.size());
    if (isNew) {
      rows.push_back({.cause = segment.cause, .op = op, .what = what, .first = segment.from});
      seen.emplace_back();
    }
    PathRow &row = rows[place->second];
    row.cycles += segment.end - segment.begin;
    ++row.times;
    seen[place->second].emplace(segment.from.x, segment.from.y);
    row.places = seen[place->second].size();
  }
  std::sort(rows.begin(), rows.end(), [](const PathRow &a, const PathRow &b) {
    return std::tuple(b.cycles, a.cause, a.op, a.what) < std::tuple(a.cycles, b.cause, b.op, b.what);
  });
  return rows;
}

nlohmann::json toJson(const Explanation &why) {
  nlohmann::json out = {{"program", why.program}, {"cycles", why.cycles}, {"segments", why.path.size()}};
  out["by_cause"] = nlohmann::json::object();
  const auto sums = cyclesByCause(why);
  for (size_t cause = 0; cause < causeCount; ++cause)
    out["by_cause"][std::string(nameOf(static_cast<Cause>(cause)))] = sums[cause];
  out["by_op"] = nlohmann::json::array();
  for (const auto &[op, cycles] : cyclesByOp(why, false))
    out["by_op"].push_back({{"op", op.empty() ? nlohmann::json() : nlohmann::json(op)}, {"cycles", cycles}});
  out["path"] = nlohmann::json::array();
  // The last ones: what is left out lies at the beginning.
  const size_t skipped = why.path.size() - std::min(why.path.size(), segmentsListed);
  for (size_t i = skipped; i < why.path.size(); ++i) {
    const PathSegment &segment = why.path[i];
    nlohmann::json each = {
        {"cause", nameOf(segment.cause)}, {"begin", segment.begin}, {"end", segment.end}, {"at", json(segment.from)}};
    if (segment.op < why.ops.size())
      each["op"] = why.ops[segment.op];
    if (segment.cause == Cause::Compute)
      each["kernel"] = whatOf(why, segment);
    else if (segment.what != noName)
      each.update({{"channel", whatOf(why, segment)}, {"color", segment.color}});
    if (segment.cause == Cause::Latency)
      each["to"] = json(segment.to);
    if (segment.cause == Cause::Contention)
      each["lost_to_color"] = segment.winner;
    out["path"].push_back(std::move(each));
  }
  if (why.slowest) {
    const SlowCore &core = *why.slowest;
    out["slowest_core"] = {{"at", json(core.at)}, {"end", core.end},   {"compute", core.compute},
                           {"issue", core.issue}, {"wait", core.wait}, {"waits", nlohmann::json::array()}};
    for (const auto &[channel, cycles] : core.waits)
      out["slowest_core"]["waits"].push_back({{"channel", nameIn(why.channels, channel)}, {"cycles", cycles}});
  }
  if (why.busiest)
    out["busiest_link"] = {{"at", json(why.busiest->at)},
                           {"to", nameOf(why.busiest->exit)},
                           {"words", why.busiest->words},
                           {"color", why.busiest->color},
                           {"channel", nameIn(why.channels, why.busiest->channel)},
                           {"words_of_color", why.busiest->wordsOfColor}};
  uint64_t arbitration = 0;
  for (const Stall &stall : why.stalls)
    arbitration += stall.arbitration;
  out["arbitration_stall_cycles"] = arbitration;
  if (!why.stallsKnown)
    return out;
  out["stalls"] = nlohmann::json::array();
  uint64_t all = 0;
  for (size_t i = 0; i < why.stalls.size(); ++i) {
    all += why.stalls[i].cycles();
    if (i < stallsListed)
      out["stalls"].push_back(json(why, why.stalls[i]));
  }
  out["stall_cycles"] = all;
  return out;
}

std::string toText(const Explanation &why) {
  std::string out = fmt::format("\ncritical path of {}: {} cycles in {} stretches, each begun by what came last\n",
                                why.program, grouped(why.cycles), grouped(why.path.size()));
  out += pathTable(why);
  out += "  by cause:";
  const auto sums = cyclesByCause(why);
  for (size_t cause = 0; cause < causeCount; ++cause)
    if (sums[cause])
      out += fmt::format(" {} {}", nameOf(static_cast<Cause>(cause)), grouped(sums[cause]));
  out += "\n  by op:";
  auto ops = cyclesByOp(why, true);
  std::sort(ops.begin(), ops.end(),
            [](const auto &a, const auto &b) { return std::tie(b.second, a.first) < std::tie(a.second, b.first); });
  uint64_t rest = 0;
  for (; ops.size() > 12; ops.pop_back())
    rest += ops.back().second;
  for (const auto &[op, cycles] : ops)
    out += fmt::format(" {} {}", op.empty() ? "(none)" : op, grouped(cycles));
  if (rest)
    out += fmt::format(" others {}", grouped(rest));
  return out + '\n' + endLines(why);
}

} // namespace weft::runtime
