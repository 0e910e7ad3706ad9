#include "sim/noc/Measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <vector>

using namespace weft;
using namespace weft::noc;

namespace {

constexpr std::pair<std::string_view, Pattern> patterns[] = {
    {"uniform", Pattern::Uniform}, {"transpose", Pattern::Transpose}, {"neighbor", Pattern::Neighbor}};
constexpr uint64_t mostCycles = 0xffffffff; // of a run, so that half of a cycle's number tells packets apart
constexpr size_t parts = 16;                // of the window, for the error of the mean

constexpr double leastOffered = 1e-9; // less than a packet in the longest run

/// Of SplitMix64 (G. Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014). Each node has its
/// own, so that what a node sends depends on nothing but the seed.
struct Random {
  uint64_t state = 0;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint32_t below(uint32_t count) { return static_cast<uint32_t>((next() >> 32) * count >> 32); }
  double unit() { return (double(next() >> 11) + 0.5) * 0x1p-53; } // in (0, 1)
};

/// Packets of one pattern, and what is known about those created in the window.
class Synthetic final : public Traffic {
public:
  Synthetic(const Experiment &experiment, uint32_t width)
      : experiment(experiment), width(width), begin(experiment.warmUpCycles), end(begin + experiment.windowCycles),
        nodes(size_t{experiment.side} * experiment.side), early(nodes.size()) {
    double chance = experiment.offered / experiment.packetFlits;
    logMiss = chance < 1 ? std::log1p(-chance) : 0;
    for (size_t i = 0; i < nodes.size(); ++i)
      nodes[i].random.state = Random{Random{experiment.seed}.next() + i}.next();
  }

  std::optional<Packet> next(uint32_t node) override {
    uint32_t side = experiment.side, x = node % width, y = node / width;
    Node &sender = nodes[size_t{y} * side + x];
    // How many trials fail until one succeeds; no run is as long as mostCycles.
    double failed = logMiss != 0 ? std::log(sender.random.unit()) / logMiss : 0;
    uint64_t created = sender.trials + static_cast<uint64_t>(std::min(failed, double(mostCycles)));
    sender.trials = created + 1;
    if (created >= end && !sender.late)
      sender.late = true, --early;
    if (created >= mostCycles)
      return std::nullopt;
    uint32_t toX = x, toY = y;
    switch (experiment.pattern) {
    case Pattern::Uniform:
      toX = sender.random.below(side), toY = sender.random.below(side);
      break;
    case Pattern::Transpose:
      std::swap(toX, toY);
      break;
    case Pattern::Neighbor:
      toX = (x + 1) % side, toY = (y + 1) % side;
      break;
    }
    if (created >= begin && created < end) {
      ++outstanding;
      links += uint64_t(std::abs(int(toX) - int(x)) + std::abs(int(toY) - int(y)));
    }
    return Packet{created, toY * width + toX, experiment.packetFlits, static_cast<uint32_t>(created)};
  }

  void delivered(uint32_t tag, uint64_t cycle) override {
    uint64_t created = cycle - static_cast<uint32_t>(cycle - tag); // a tag has the low half of it
    if (created < begin || created >= end)
      return;
    --outstanding;
    uint64_t latency = cycle - created;
    least = std::min(least, latency), most = std::max(most, latency);
    Part &part = sums[(created - begin) * parts / experiment.windowCycles];
    part.latency += latency;
    ++part.packets;
  }

  /// Whether all packets of the window are created and have arrived.
  bool done() const { return early == 0 && outstanding == 0; }

  void report(Measured &out) const {
    double latency = 0, squares = 0;
    size_t used = 0;
    for (const Part &part : sums)
      out.packets += part.packets, latency += double(part.latency);
    if (out.packets == 0)
      return;
    out.latency = latency / double(out.packets);
    for (const Part &part : sums)
      if (part.packets > 0) {
        double difference = double(part.latency) / double(part.packets) - out.latency;
        squares += difference * difference, ++used;
      }
    out.latencyError = used > 1 ? std::sqrt(squares / double(used * (used - 1))) : 0;
    out.leastLatency = least, out.mostLatency = most;
    out.links = double(links) / double(out.packets + outstanding);
  }

private:
  struct Node {
    Random random;
    uint64_t trials = 0;
    bool late = false; // its next packet is created after the window
  };
  struct Part {
    uint64_t latency = 0, packets = 0;
  };
  const Experiment &experiment;
  const uint32_t width;
  const uint64_t begin, end;
  std::vector<Node> nodes;
  size_t early; // nodes that are not late
  double logMiss = 0;
  uint64_t outstanding = 0, links = 0, least = ~uint64_t{0}, most = 0;
  std::array<Part, parts> sums;
};

} // namespace

std::optional<Pattern> noc::patternOf(std::string_view name) {
  for (const auto &[each, pattern] : patterns)
    if (each == name)
      return pattern;
  return std::nullopt;
}

double noc::meanLinks(Pattern pattern, uint32_t side) {
  double k = side;
  switch (pattern) {
  case Pattern::Uniform: // the mean of |a - b| on a side, on both
  case Pattern::Transpose:
    return 2 * (k * k - 1) / (3 * k);
  case Pattern::Neighbor:
    return 4 * (k - 1) / k; // a step, or all the way back
  }
  return 0;
}

double noc::threadSeconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

double noc::linkBound(Pattern pattern, uint32_t side) {
  if (side < 2)
    return 1;
  double k = side;
  switch (pattern) {
  case Pattern::Uniform:
    return std::min(1.0, 4 / k); // half of a row's flits cross its middle, one way or the other
  case Pattern::Transpose:
    return 1 / (k - 1); // the corner's link carries a whole row but one
  case Pattern::Neighbor:
    return 1;
  }
  return 1;
}

Result<void> noc::checkExperiment(const Experiment &experiment) {
  if (experiment.side < 1 || experiment.packetFlits < 1 || experiment.windowCycles < 1)
    return userError("network: side, flits of a packet and cycles of the window are at least 1");
  if (!(experiment.offered >= leastOffered && experiment.offered <= experiment.packetFlits))
    return userError(fmt::format("network: {} flits a node and cycle offered; allowed is {} to the {} of a packet",
                                 experiment.offered, leastOffered, experiment.packetFlits));
  uint64_t left = mostCycles;
  for (uint64_t cycles : {experiment.warmUpCycles, experiment.windowCycles, experiment.drainCycles}) {
    if (cycles > left)
      return userError("network: a run has at most 2^32 - 1 cycles");
    left -= cycles;
  }
  return success();
}

Result<Measured> noc::measure(const Experiment &experiment) {
  if (Result<void> done = checkExperiment(experiment); !done)
    return done.error();
  uint32_t side = std::max(experiment.side, experiment.meshSide);
  double before = threadSeconds();
  Synthetic traffic(experiment, side);
  Result<std::unique_ptr<Network>> made =
      makeNetwork(experiment.router, {side, side}, {experiment.side, experiment.side}, traffic);
  if (!made)
    return made.error();
  Network &network = **made;
  const uint64_t end = experiment.warmUpCycles + experiment.windowCycles;
  network.countAccepted(experiment.warmUpCycles, end);
  network.advance(end);
  for (uint64_t limit = end + experiment.drainCycles; !traffic.done() && network.now() < limit;)
    network.advance(std::min(network.now() + 64, limit));

  Measured out;
  traffic.report(out);
  out.drained = traffic.done();
  out.cycles = network.now();
  out.counters = network.counters();
  out.seconds = threadSeconds() - before;
  uint64_t sum = 0, least = ~uint64_t{0};
  for (uint32_t y = 0; y < experiment.side; ++y)
    for (uint32_t x = 0; x < experiment.side; ++x) {
      uint64_t node = network.accepted(y * side + x);
      sum += node, least = std::min(least, node);
    }
  double cycles = double(experiment.windowCycles);
  out.accepted = double(sum) / cycles / double(experiment.side) / double(experiment.side);
  out.leastAccepted = double(least) / cycles;
  return out;
}
