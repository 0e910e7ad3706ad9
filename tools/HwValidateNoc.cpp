#include "tools/HwValidateNoc.h"

#include "sim/noc/Reference.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>

using namespace weft;
using namespace weft::noc;

namespace {

constexpr const char *runsFile = "booksim2_8x8.csv";

struct Options {
  std::string reference = WEFT_SHARED_REFERENCE "/noc", json;
  uint64_t packets = 20'000, seed = 1;
};

/// Rows of one router, traffic and packet size, together.
struct Summary {
  const ReferenceRow *first = nullptr;
  size_t judged = 0, same = 0, missed = 0;
  double worstLatency = 0, worstOwnLatency = 0;
  const ComparedRow *overload = nullptr;
  uint64_t flitHops = 0;
  double seconds = 0, leastOfTheirs = 1e300, mostOfTheirs = 0; // speeds, flit-hops a second
};

bool sameNetwork(const ReferenceRow &a, const ReferenceRow &b) {
  return a.router == b.router && a.traffic == b.traffic && a.side == b.side && a.packetFlits == b.packetFlits;
}

std::vector<Summary> summarize(const std::vector<ComparedRow> &rows, const Limits &limits) {
  std::vector<Summary> out;
  for (const ComparedRow &row : rows) {
    auto found = std::find_if(out.begin(), out.end(),
                              [&](const Summary &each) { return sameNetwork(*each.first, *row.reference); });
    if (found == out.end())
      found = out.insert(out.end(), Summary{}), found->first = row.reference;
    Summary &summary = *found;
    summary.judged += row.judged;
    summary.same += row.replayed.has_value();
    summary.missed += row.judged && !row.good(limits);
    if (row.reference->overload) {
      summary.overload = &row;
    } else if (row.judged) {
      summary.worstLatency = std::max(summary.worstLatency, std::abs(row.error()));
      summary.worstOwnLatency = std::max(summary.worstOwnLatency, std::abs(row.ownError()));
    }
    summary.flitHops += row.measured.counters.flitHops, summary.seconds += row.measured.seconds;
    if (double theirs = row.reference->flitHopsPerSecond; theirs > 0) {
      summary.leastOfTheirs = std::min(summary.leastOfTheirs, theirs);
      summary.mostOfTheirs = std::max(summary.mostOfTheirs, theirs);
    }
  }
  return out;
}

std::string percent(double value) { return fmt::format("{:+.2f} %", 100 * value); }

void printHeader() {
  fmt::print("{:>5} {:<3} {:<9} {:>5} {:>8} {:>9} | {:>10} {:>10} {:>9} | {:>10} {:>9} | {:>6} {:>6}\n", "line", "",
             "traffic", "flits", "offered", "", "theirs", "same", "error", "own", "error", "M/s", "theirs");
}

void print(const ComparedRow &row, const Limits &limits) {
  const ReferenceRow &theirs = *row.reference;
  auto value = [&](const Measured &measured) { return theirs.overload ? measured.accepted : measured.latency; };
  std::string same = row.replayed ? fmt::format("{:.6g}", value(*row.replayed)) : "-";
  bool hasOwn = row.judged; // above saturation a latency depends on nothing but the length of a run
  fmt::print("{:>5} {:<3} {:<9} {:>5} {:>8.4f} {:>9} | {:>10} {:>10} {:>9} | {:>10} {:>9} | {:>6.1f} {:>6.1f}{}\n",
             theirs.line, theirs.router, theirs.traffic, theirs.packetFlits, theirs.offered,
             theirs.overload ? "accepted" : "latency",
             fmt::format("{:.6g}", theirs.overload ? theirs.accepted : theirs.latency), same,
             row.replayed ? percent(row.error()) : "-", hasOwn ? fmt::format("{:.6g}", value(row.measured)) : "-",
             hasOwn ? percent(row.ownError()) : "-",
             1e-6 * double(row.measured.counters.flitHops) / row.measured.seconds, 1e-6 * theirs.flitHopsPerSecond,
             !row.judged        ? "  not judged"
             : row.good(limits) ? ""
                                : "  MISSED");
}

void print(const std::vector<Summary> &summaries) {
  fmt::print("\n{:<3} {:<9} {:>5} {:>7} {:>5} {:>11} {:>11} {:>11} {:>11} {:>13} {:>7}\n", "", "traffic", "flits",
             "judged", "same", "latency", "own", "saturation", "own", "M flit-hops/s", "theirs");
  for (const Summary &each : summaries)
    fmt::print("{:<3} {:<9} {:>5} {:>7} {:>5} {:>11} {:>11} {:>11} {:>11} {:>13.1f} {:>7}{}\n", each.first->router,
               each.first->traffic, each.first->packetFlits, each.judged, each.same,
               fmt::format("{:.2f} %", 100 * each.worstLatency), fmt::format("{:.2f} %", 100 * each.worstOwnLatency),
               each.overload ? percent(each.overload->error()) : "-",
               each.overload ? percent(each.overload->ownError()) : "-", 1e-6 * double(each.flitHops) / each.seconds,
               each.mostOfTheirs > 0 ? fmt::format("{:.1f}-{:.1f}", 1e-6 * each.leastOfTheirs, 1e-6 * each.mostOfTheirs)
                                     : "-",
               each.missed ? fmt::format("  {} MISSED", each.missed) : "");
}

/// The same traffic on an 8x8 corner of ever more cores.
struct IdleRun {
  uint32_t side = 0;
  double flitHopsPerSecond = 0;
};

Result<std::vector<IdleRun>> idleRuns(uint64_t seed) {
  std::vector<IdleRun> out;
  for (uint32_t side : {8u, 64u, 512u}) {
    Experiment experiment;
    experiment.offered = 0.3, experiment.meshSide = side, experiment.seed = seed;
    out.push_back({side, 0});
    for (int i = 0; i < 3; ++i) { // the best of three, on a machine that does other things as well
      Result<Measured> measured = measure(experiment);
      if (!measured)
        return measured.error();
      out.back().flitHopsPerSecond =
          std::max(out.back().flitHopsPerSecond, double(measured->counters.flitHops) / measured->seconds);
    }
  }
  return out;
}

nlohmann::ordered_json toJson(const ComparedRow &row, const Limits &limits) {
  const ReferenceRow &theirs = *row.reference;
  const Measured &own = row.measured;
  nlohmann::ordered_json out = {{"line", theirs.line},
                                {"router", theirs.router},
                                {"traffic", theirs.traffic},
                                {"mesh", theirs.side},
                                {"packet_flits", theirs.packetFlits},
                                {"offered", theirs.offered},
                                {"mode", theirs.overload ? "throughput" : "latency"}};
  out["theirs"] = {
      {"latency", theirs.latency}, {"accepted", theirs.accepted}, {"flit_hops_per_second", theirs.flitHopsPerSecond}};
  if (row.replayed)
    out["same_packets"] = {
        {"latency", row.replayed->latency}, {"accepted", row.replayed->accepted}, {"cycles", row.replayed->cycles}};
  out["own_packets"] = {{"latency", row.judged ? nlohmann::ordered_json(own.latency) : nullptr},
                        {"latency_standard_error", own.latencyError},
                        {"accepted", own.accepted},
                        {"links", own.links},
                        {"packets", own.packets},
                        {"flit_hops_per_second", double(own.counters.flitHops) / own.seconds}};
  if (row.judged) {
    out["error"] = row.error();
    out["own_error"] = row.ownError();
    out["good"] = row.good(limits);
  }
  return out;
}

nlohmann::ordered_json toJson(const Summary &each) {
  nlohmann::ordered_json out = {{"router", each.first->router},
                                {"traffic", each.first->traffic},
                                {"packet_flits", each.first->packetFlits},
                                {"judged_rows", each.judged},
                                {"same_packets_rows", each.same},
                                {"missed_rows", each.missed},
                                {"worst_latency_error", each.worstLatency},
                                {"worst_own_latency_error", each.worstOwnLatency},
                                {"flit_hops_per_second", double(each.flitHops) / each.seconds}};
  if (each.overload) {
    out["saturation_error"] = each.overload->error();
    out["own_saturation_error"] = each.overload->ownError();
  }
  return out;
}

Result<void> write(const std::string &path, const nlohmann::ordered_json &json) {
  std::string text = json.dump(2) + "\n";
  if (path == "-") {
    fmt::print("{}", text);
    return success();
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  return file.flush() ? success() : Result<void>(userError(fmt::format("{}: cannot be written", path)));
}

/// How many rows miss a limit.
Result<size_t> validate(const Options &options) {
  Result<std::vector<ReferenceRow>> rows = readReference(options.reference + "/" + runsFile);
  if (!rows)
    return userError(rows.error().message + "; --reference DIR says where the runs of the other simulator are");
  const Limits limits;
  const bool quiet = options.json == "-";
  if (!quiet)
    printHeader();
  Result<std::vector<ComparedRow>> compared =
      compare(*rows, limits, options.packets, options.seed, [&](const ComparedRow &row) {
        if (!quiet)
          print(row, limits);
      });
  if (!compared)
    return compared.error();
  Result<std::vector<IdleRun>> idle = idleRuns(options.seed);
  if (!idle)
    return idle.error();
  std::vector<Summary> summaries = summarize(*compared, limits);
  size_t missed = 0, judged = 0, same = 0;
  for (const Summary &each : summaries)
    missed += each.missed, judged += each.judged, same += each.same;
  if (judged == 0)
    return userError(fmt::format("{}: no row to judge: latency is judged below {} % of what the overload run of the "
                                 "same network (mode throughput) accepts",
                                 options.reference, 100 * limits.below));
  if (!quiet) {
    print(summaries);
    fmt::print("\nuniform traffic of 8x8 cores, 0.3 flits a node and cycle, in a mesh of\n");
    for (const IdleRun &run : *idle)
      fmt::print("  {:>3}x{:<3} cores: {:.1f} M flit-hops/s\n", run.side, run.side, 1e-6 * run.flitHopsPerSecond);
    fmt::print("\n{} of {} rows judged, {} of them on packets of our own for want of a run of theirs that is known to "
               "repeat; {} miss a limit: latency {} % below {} % of saturation, saturation {} %\n",
               judged, compared->size(), judged - same, missed, 100 * limits.latency, 100 * limits.below,
               100 * limits.saturation);
  }
  if (!options.json.empty()) {
    nlohmann::ordered_json all = {{"schema", "weft.hw-validate-noc/1"},
                                  {"missed_rows", missed},
                                  {"judged_rows", judged},
                                  {"same_packets_rows", same}};
    for (const Summary &each : summaries)
      all["summary"].push_back(toJson(each));
    for (const IdleRun &run : *idle)
      all["idle"].push_back({{"mesh", run.side}, {"flit_hops_per_second", run.flitHopsPerSecond}});
    for (const ComparedRow &row : *compared)
      all["rows"].push_back(toJson(row, limits));
    if (Result<void> done = write(options.json, all); !done)
      return done.error();
  }
  return missed;
}

} // namespace

void tools::addHwValidateNocCommand(CLI::App &group, int &exitCode) {
  CLI::App *command = group.add_subcommand("noc", "Latency and throughput of a packet network, beside BookSim 2's");
  auto options = std::make_shared<Options>(); // lives as long as the callback
  command->add_option("--reference", options->reference, fmt::format("Folder with {}", runsFile))->type_name("DIR");
  command->add_option("--packets", options->packets, "Of our own in each run, about (default: 20000)")
      ->type_name("N")
      ->check(CLI::Range(1000, 10'000'000).description(""));
  command->add_option("--seed", options->seed, "Of our own packets (default: 1)")->type_name("N");
  command->add_option("--json", options->json, "Write every row; - for standard output")->type_name("FILE");
  command->callback([&exitCode, options] {
    Result<size_t> missed = validate(*options);
    if (!missed)
      fmt::print(stderr, "weft: error: {}\n", missed.error().message);
    exitCode = missed ? (*missed ? 1 : 0) : static_cast<int>(missed.error().fault);
  });
}
