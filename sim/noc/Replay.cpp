#include "sim/noc/Replay.h"

#include "sim/noc/LaggedRandom.h"

#include <cmath>
#include <vector>

using namespace weft;
using namespace weft::noc;

namespace {

constexpr uint32_t warmUpPeriods = 3;

enum class State : uint8_t { WarmingUp, Running, Draining };

class BookSimTraffic final : public Traffic {
public:
  BookSimTraffic(const Experiment &experiment, uint32_t seed)
      : experiment(experiment), nodes(experiment.side * experiment.side),
        chance(experiment.offered / experiment.packetFlits), integers(seed), fractions(seed), idle(nodes, true),
        late(nodes, false), trials(nodes, 0) {}

  std::optional<Packet> next(uint32_t node) override {
    idle[node] = true;
    return std::nullopt;
  }

  /// Each node that has nothing to send draws for the cycles that it has not drawn for yet.
  void draw(Network &network) {
    for (uint32_t node = 0; node < nodes; ++node) {
      if (!idle[node])
        continue;
      while (idle[node] && trials[node] <= network.now()) {
        uint64_t created = trials[node]++;
        if (fractions.next() >= chance)
          continue;
        idle[node] = false;
        uint32_t target = destinationOf(node);
        Info info{created, counts(created), linksTo(node, target)};
        network.offer(node, {created, target, experiment.packetFlits, static_cast<uint32_t>(packets.size())});
        outstanding += info.counts;
        ++inFlight;
        packets.push_back(info);
      }
      if (state == State::Draining && trials[node] > drainFrom && !late[node])
        late[node] = true, ++lateNodes;
    }
  }

  void delivered(uint32_t tag, uint64_t cycle) override { arrivals.emplace_back(cycle, tag); }

  /// Takes note of the tails that arrive in `cycle`.
  void retire(uint64_t cycle) {
    size_t kept = 0;
    for (const auto &[arrival, tag] : arrivals) {
      if (arrival > cycle) {
        arrivals[kept++] = {arrival, tag};
        continue;
      }
      const Info &info = packets[tag];
      uint64_t latency = arrival - info.created;
      --inFlight;
      outstanding -= info.counts;
      lastArrival = std::max(lastArrival, arrival);
      if (state == State::WarmingUp || info.counts) {
        sum += double(latency), links += info.links, ++count;
        least = std::min(least, latency), most = std::max(most, latency);
      }
    }
    arrivals.resize(kept);
  }

  void clear() { sum = 0, links = 0, count = 0, least = ~uint64_t{0}, most = 0; }
  void drain(uint64_t from) { state = State::Draining, drainFrom = from; }
  bool waits() const { return outstanding > 0 || lateNodes < nodes; }

  State state = State::WarmingUp;
  uint64_t inFlight = 0, lastArrival = 0; // packets, cycle
  double sum = 0, links = 0;
  uint64_t count = 0, least = ~uint64_t{0}, most = 0;

private:
  struct Info {
    uint64_t created;
    bool counts;
    double links;
  };

  bool counts(uint64_t created) const {
    return state == State::Running || (state == State::Draining && created < drainFrom);
  }

  uint32_t destinationOf(uint32_t node) {
    uint32_t side = experiment.side, x = node % side, y = node / side;
    uint32_t target = 0;
    switch (experiment.pattern) {
    case Pattern::Uniform:
      target = integers.next() % nodes;
      break;
    case Pattern::Transpose:
      target = x * side + y;
      break;
    case Pattern::Neighbor:
      target = (y + 1) % side * side + (x + 1) % side;
      break;
    }
    integers.next(); // which of one networks
    return target;
  }
  double linksTo(uint32_t from, uint32_t to) const {
    int side = int(experiment.side);
    return std::abs(int(from) % side - int(to) % side) + std::abs(int(from) / side - int(to) / side);
  }

  const Experiment &experiment;
  const uint32_t nodes;
  const double chance;
  LaggedRandom<Integers> integers;
  LaggedRandom<Fractions> fractions;
  std::vector<bool> idle, late; // late: has drawn beyond the last period
  std::vector<uint64_t> trials; // by node: cycles for which it has drawn
  std::vector<Info> packets;
  std::vector<std::pair<uint64_t, uint32_t>> arrivals;
  uint64_t outstanding = 0, drainFrom = 0; // packets that count, cycle
  uint32_t lateNodes = 0;
};

/// One run in the making.
class Run {
public:
  Run(const Experiment &experiment, const ReplayRun &run, BookSimTraffic &traffic, Network &network)
      : run(run), traffic(traffic), network(network), flight(experiment.router.flightCycles()),
        nodes(experiment.side * experiment.side) {}

  void periods() {
    advance(warmUpPeriods);
    uint64_t before = ejected;
    traffic.clear();
    traffic.state = State::Running;
    advance(run.periods);
    accepted = double(ejected - before) / double((run.periods - warmUpPeriods) * run.periodCycles) / nodes;
  }

  /// Lets everything arrive; false if that takes too long.
  bool drain() {
    uint64_t limit = network.now() + run.drainCycles;
    traffic.drain(network.now());
    while (!run.throughput && traffic.waits() && network.now() < limit)
      step(true);
    while (traffic.inFlight > 0 && network.now() < limit)
      step(false);
    return traffic.inFlight == 0;
  }

  double accepted = 0; // flits a node and cycle

private:
  void advance(uint32_t periods) {
    while (network.now() < periods * run.periodCycles)
      step(true);
  }

  void step(bool draws) {
    uint64_t now = network.now();
    if ((now + flight) % run.periodCycles == 0) // what is ejected from now on arrives in the next period
      ejected = network.counters().flitsEjected;
    if (draws)
      traffic.draw(network);
    network.advance(now + 1);
    traffic.retire(now);
  }

  const ReplayRun run;
  BookSimTraffic &traffic;
  Network &network;
  const uint32_t flight;
  const double nodes;
  uint64_t ejected = 0; // flits that arrived before the present period
};

} // namespace

Result<Measured> noc::replay(const Experiment &experiment, const ReplayRun &run) {
  Result<void> good = checkExperiment(experiment);
  if (!good)
    return good.error();
  if (run.periods <= warmUpPeriods || run.periodCycles <= experiment.router.flightCycles())
    return userError("network: a replay has more than three periods, each longer than a hop");
  double before = threadSeconds();
  BookSimTraffic traffic(experiment, run.seed);
  MeshShape shape{experiment.side, experiment.side};
  Result<std::unique_ptr<Network>> network = makeNetwork(experiment.router, shape, shape, traffic);
  if (!network)
    return network.error();
  Run state(experiment, run, traffic, **network);
  state.periods();
  Measured out;
  out.drained = state.drain();
  out.accepted = state.accepted;
  // The last credit comes back a few cycles after the last flit, and the run ends with it.
  out.cycles = std::max((*network)->now(), traffic.lastArrival + 1 + experiment.router.creditCycles);
  out.packets = traffic.count;
  if (traffic.count > 0) {
    out.latency = traffic.sum / double(traffic.count), out.links = traffic.links / double(traffic.count);
    out.leastLatency = traffic.least, out.mostLatency = traffic.most;
  }
  out.counters = (*network)->counters();
  out.seconds = threadSeconds() - before;
  return out;
}
