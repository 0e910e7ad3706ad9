// Runs of other network simulators, and ours on the same traffic: what `weft hw validate noc` shows.
#pragma once

#include "sim/noc/Measure.h"
#include "sim/noc/Routers.h"

#include <functional>
#include <string>
#include <vector>

namespace weft::noc {

/// A run of another simulator.
struct ReferenceRow {
  std::string router; // "w1", "v4": knownRouters() has it
  std::string traffic;
  uint32_t side = 8, packetFlits = 1;
  double offered = 0;              // flits a node and cycle
  bool overload = false;           // a run for its throughput, not for its latency
  bool stable = false;             // its latency means something
  double latency = 0, routers = 0; // means; `routers` is 0 where it is not known
  double accepted = 0;
  double flitHopsPerSecond = 0; // 0 where it is not known
  uint64_t cycles = 0;          // of the whole run
  size_t line = 0;
};

/// Reads the columns router, k, traffic, packet_flits, mode, offered, status, lat_avg, routers_avg, accepted_avg,
/// cycles and flit_router_hops_per_user_s; others are skipped. Routers are those of knownRouters(), a mode is latency
/// or throughput. Errors name file and line.
Result<std::vector<ReferenceRow>> readReference(const std::string &path);

/// How far apart two runs may be.
struct Limits {
  double latency = 0.01, saturation = 0.03; // relative
  double below = 0.85;                      // of saturation: up to which load latency is judged
};

struct ComparedRow {
  const ReferenceRow *reference = nullptr;
  /// On the packets of the reference's run; none if it is not one that replay() knows how to repeat, cycle for cycle.
  std::optional<Measured> replayed;
  Measured measured; // on packets of our own
  bool judged = false;
  double expectedLatency = 0; // of `measured`: the reference's, had its packets gone as far as ours on average

  /// Relative, signed, of what is compared: latency, or what an overloaded network accepts. On the same packets if that
  /// is possible, else on our own.
  double error() const;
  double ownError() const;
  bool good(const Limits &limits) const;
};

/// Runs each reference row, with a window in which about `packets` packets are created. `progress` hears of each row.
Result<std::vector<ComparedRow>> compare(const std::vector<ReferenceRow> &rows, const Limits &limits, uint64_t packets,
                                         uint64_t seed, const std::function<void(const ComparedRow &)> &progress);

} // namespace weft::noc
