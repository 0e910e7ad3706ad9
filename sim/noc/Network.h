// A mesh of routers that send packets wherever each of them wants to go: input queues with credits, wormhole switching,
// XY routing. docs/noc.md is its specification. The mesh engine (sim/mesh) runs programs, whose routes are static and
// coloured; this model answers what such a network does under dynamic destinations, beside other simulators.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace weft::noc {

/// What a router does in which cycle. The defaults are a single-channel wormhole router with look-ahead routing and
/// speculative switch allocation: allocation, switch and link, a cycle each.
struct RouterModel {
  uint32_t virtualChannels = 1; // 1, 2, 4 or 8 a port
  uint32_t bufferFlits = 8;     // of each input virtual channel, 1 to 128
  uint32_t hopCycles = 3;       // a head's way from one router's allocation to the next one's, if nothing is in it
  bool lookAhead = true;        // the output port is known when a head arrives; else finding it takes a cycle
  bool speculative = true;   // a head asks for a virtual channel and the switch at once; else for one after the other
  uint32_t creditCycles = 3; // from a flit's grant to the cycle in which the router before it may use its slot
  uint32_t injectionCycles = 2; // from the core to the first allocation
  uint32_t injectionCreditCycles = 2;

  /// From the grant of a flit to its arrival, where the next allocation is, or to the core.
  uint32_t flightCycles() const { return hopCycles - headCycles(); }
  /// What a head waits in each router before it may ask for the switch.
  uint32_t headCycles() const { return (lookAhead ? 0 : 1) + (speculative ? 0 : 1); }
};

struct MeshShape {
  uint32_t width = 8, height = 8; // routers, at most 4096 each
};

struct Packet {
  uint64_t created = 0;     // cycle in which the core has it; the earliest in which its head may be injected
  uint32_t destination = 0; // node: y * width + x
  uint32_t flits = 1;       // at least 1
  uint32_t tag = 0;         // what Traffic::delivered gets back
};

/// Where packets come from and what becomes of them.
class Traffic {
public:
  virtual ~Traffic() = default;
  /// The next packet of a node, in the order of `created`; none if there is none any more. Called as soon as the
  /// last flit of the one before is injected, so a source queue is unbounded without taking memory.
  virtual std::optional<Packet> next(uint32_t node) = 0;
  /// The tail reaches its core in `cycle`; in no particular order within a few cycles.
  virtual void delivered(uint32_t tag, uint64_t cycle) = 0;
};

struct Counters {
  uint64_t flitHops = 0; // flits through routers: links of their way plus 1 for each flit
  uint64_t flitsInjected = 0, flitsEjected = 0;
  uint64_t routers = 0; // that ever met a flit; only they have state
};

class Network {
public:
  virtual ~Network() = default;
  /// Simulates all cycles before `cycle`. Cycles in which nothing happens cost nothing, nor do idle routers.
  virtual void advance(uint64_t cycle) = 0;
  virtual uint64_t now() const = 0;
  /// Gives a packet to a sender for which Traffic::next had none, or whose last one is injected.
  virtual void offer(uint32_t node, const Packet &packet) = 0;
  virtual Counters counters() const = 0;
  /// Flits that reach cores in [begin, end) are counted for each node. Before the first advance().
  virtual void countAccepted(uint64_t begin, uint64_t end) = 0;
  virtual uint64_t accepted(uint32_t node) const = 0;
};

/// Packets start at the nodes 0 to `senders`.width - 1, 0 to `senders`.height - 1. `traffic` outlives the network.
Result<std::unique_ptr<Network>> makeNetwork(const RouterModel &model, const MeshShape &shape, const MeshShape &senders,
                                             Traffic &traffic);

} // namespace weft::noc
