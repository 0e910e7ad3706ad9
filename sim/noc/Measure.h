// A run of synthetic traffic: what latency and what throughput a mesh has under an offered load.
#pragma once

#include "sim/noc/Network.h"

#include <string_view>

namespace weft::noc {

/// Where a node sends to. `Uniform`: any node, itself included; `Transpose`: (x, y) to (y, x); `Neighbor`: (x, y) to
/// (x + 1, y + 1), wrapping.
enum class Pattern : uint8_t { Uniform, Transpose, Neighbor };

std::optional<Pattern> patternOf(std::string_view name); // "uniform", "transpose", "neighbor"
/// Flits a node and cycle up to which no link of XY routes has more than a flit a cycle.
double linkBound(Pattern pattern, uint32_t side);
/// Between the two nodes of a packet, in links, on a mesh of side `side`.
double meanLinks(Pattern pattern, uint32_t side);

struct Experiment {
  RouterModel router;
  Pattern pattern = Pattern::Uniform;
  uint32_t side = 8;     // of the square of nodes that send and receive
  uint32_t meshSide = 0; // of the mesh that has it in a corner; 0: the same
  uint32_t packetFlits = 1;
  double offered = 0.1; // flits a node and cycle, 1e-9 to `packetFlits`; each cycle is a Bernoulli trial
  uint64_t seed = 1;
  uint64_t warmUpCycles = 10'000, windowCycles = 30'000;
  uint64_t drainCycles = 100'000; // at most; 0: only what arrives in the window counts
};

struct Measured {
  /// Cycles from the creation of a packet, source queue included, to the arrival of its tail, over all packets that
  /// were created in the window.
  double latency = 0;
  double latencyError = 0; // standard error of `latency`, from the means of parts of the window
  uint64_t leastLatency = 0, mostLatency = 0;
  double links = 0; // mean distance of these packets
  uint64_t packets = 0;
  bool drained = false;                   // all of them arrived
  double accepted = 0, leastAccepted = 0; // flits a node and cycle that arrived in the window: mean and least of nodes
  uint64_t cycles = 0;                    // simulated
  Counters counters;
  double seconds = 0; // of this thread's processor time
};

/// Processor time of this thread so far.
double threadSeconds();
Result<void> checkExperiment(const Experiment &experiment);
Result<Measured> measure(const Experiment &experiment);

} // namespace weft::noc
