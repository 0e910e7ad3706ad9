// Channels and flows, expanded into one table entry for each colour of each router that a flow crosses.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/package_generated.h"

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace weft::sim {

inline constexpr uint32_t none = ~uint32_t{0};

/// A FIFO whose way in is a pipeline: the queue of a router for one colour, or the unit of a core that reduces a
/// stream. It counts words and does not hold them: words of a flow stay in order, so their data lies in the flow (see
/// Fabric). Words on the way in are bits: bit k of `arriving` is a word that is able to leave from cycle stamp + 1 + k
/// on.
struct Fifo {
  uint64_t stamp = 0;
  uint64_t arriving = 0;
  uint64_t freeFrom = 0; // a word left at freeFrom - 1: its place counts as taken until freeFrom
  uint32_t able = 0;     // words that may leave at `stamp`
  uint32_t total = 0;    // words here and on the way in
  uint32_t capacity = 0;
  uint8_t latency = 1;  // of the way in
  bool awaited = false; // who fills it found it full and sleeps

  void refresh(uint64_t now) {
    uint64_t passed = now - stamp;
    if (!passed)
      return;
    uint64_t arrived = passed >= 64 ? arriving : arriving & ((uint64_t{1} << passed) - 1);
    arriving = passed >= 64 ? 0 : arriving >> passed;
    able += arrived & (arrived - 1) ? static_cast<uint32_t>(std::popcount(arrived)) : arrived != 0;
    stamp = now;
  }
  /// Cycle from which the first word on the way in is able to leave; there must be one, and refresh() was called.
  uint64_t nextArrival() const { return stamp + 1 + static_cast<uint64_t>(std::countr_zero(arriving)); }
  /// Room as of the start of cycle `now`.
  bool hasRoom(uint64_t now) const { return total + (freeFrom > now) < capacity; }
  void push(uint64_t now) {
    refresh(now);
    arriving |= uint64_t{1} << (latency - 1);
    ++total;
  }
  void pop(uint64_t now) {
    --able;
    --total;
    freeFrom = now + 1;
  }
};

/// Bits of Queue::ports.
enum Port : uint8_t { West = 1, East = 2, North = 4, South = 8, Core = 16 };

/// A router's queue for one colour.
struct alignas(64) Queue {
  Fifo fifo;
  uint64_t grantKey = 0;           // the smaller, the longer ago the last grant
  uint32_t next[2] = {none, none}; // across links: a queue, an input of a combiner or a host sink, see below
  uint32_t endpoint = none;        // where it goes down the ramp
  uint32_t filledBy = 0;           // the unit that fills it
  uint32_t router = 0;
  uint32_t flow = 0;
  uint8_t ports = 0; // all ports that a word leaves by
  uint8_t color = 0;
  uint32_t turns = none; // of flows in which cores take turns: in RouteTables::turns
};
/// Where words go to: below `inputBit` a queue; from it on to `hostBit` an input of a combiner, by inputOf(); from
/// there on a host sink, or `none`.
inline constexpr uint32_t inputBit = 0x80000000, hostBit = 0xc0000000;

/// Inputs of a combiner, in the order in which it combines their words.
enum Side : uint32_t { LowSide, OwnCore, HighSide, sideCount };
inline constexpr uint32_t inputOf(uint32_t combiner, Side side) { return inputBit | combiner << 2 | side; }

/// Where cores take turns, a router has a queue for each way that words come in by, one behind the other in
/// RouteTables::queues; it takes a whole message from the one that leads to the core whose turn it is.
struct Turns {
  uint32_t line = 0;                 // in RouteTables::turnLines
  uint32_t position = 0;             // of the router, from the first core on
  uint32_t firstQueue = 0;           // from the low side if there is one, from the core, from the high side
  uint32_t message = 0, left = none; // that passes now, and words of it to come; none: not looked up yet
};

/// A flow in which cores take turns, on one line. What core i of it sends are words of flow `flow` + i.
struct TurnLine {
  uint32_t flow = 0, size = 0, turn = 0;
  /// Whose turn message `number` is, from the first core on.
  uint32_t senderOf(uint32_t number) const { return number / turn % size; }
};

/// What a router's unit does for one reducing flow: where its words come from and where the results go.
struct Combiner {
  Fifo inputs[sideCount];
  uint32_t filledBy[sideCount] = {none, none, none}; // the units that fill them; none: the flow has no such input here
  uint32_t words[sideCount] = {none, none, none};    // the flows that they come by
  uint64_t grantKey = 0;
  uint64_t taken = 0;   // words, of each input
  uint32_t queue = 0;   // of the results
  uint32_t results = 0; // the flow that they go by
  uint32_t router = 0;
  pkg::Combine combine = pkg::Combine::None;
};

/// Where a core receives a channel.
struct Endpoint {
  uint32_t core = 0, channel = 0, flow = 0;
  uint32_t head = none, tail = none; // open transfers, in order
  uint64_t received = 0;             // words
  bool combined = false;             // they are sums, of this core's words, too
  bool awaited = false;              // the router has a word and found nothing open
};

/// Where a core or the host sends into a channel.
struct SendPort {
  uint32_t queue = 0; // or an input of a combiner
  uint32_t channel = 0, flow = 0;
  uint32_t head = none, tail = none;
  uint64_t grantKey = 0;
  uint32_t turnLine = none, position = 0; // where cores take turns, see TurnLine
  uint32_t messages = 0;                  // and how many of them passed, this core's or not
};

/// Where the host receives a line of a channel.
struct HostSink {
  uint32_t channel = 0, line = 0, flow = 0;
  uint64_t received = 0;
};

/// One flow on one line. A reducing flow is several here, as its words stay in order only from one combiner to the
/// next: at each core what it sends, and what the router makes of it.
struct FlowInfo {
  uint32_t channel = 0, line = 0;
  uint32_t links = 0;       // that each word crosses
  uint32_t maxHops = 0;     // from the source to the farther end
  uint32_t roomInWords = 0; // at most so many words are under way
};

struct RouteTables {
  std::vector<Queue> queues;             // by router, then colour
  std::vector<uint32_t> routerQueues;    // first queue of each router, and the end
  std::vector<Combiner> combiners;       // by router, then colour
  std::vector<uint32_t> routerCombiners; // first of each router, and the end; empty if there are none
  std::vector<SendPort> ports;       // by sender, then channel. Senders: the cores, then host ports of rows, of columns
  std::vector<uint32_t> senderPorts; // first port of each sender, and the end
  std::vector<Endpoint> endpoints;   // by core, then channel
  std::vector<uint32_t> coreEndpoints; // first endpoint of each core, and the end
  std::vector<HostSink> sinks;
  std::vector<FlowInfo> flows;
  std::vector<Turns> turns;
  std::vector<TurnLine> turnLines;

  /// The port by which `sender` sends into `channel`, none if it does not.
  uint32_t findPort(uint32_t sender, uint32_t channel) const;
  /// The endpoint at which `core` receives `channel`, none if it does not.
  uint32_t findEndpoint(uint32_t core, uint32_t channel) const;
};

/// Errors: a flow off the mesh, a colour the hardware lacks, two flows with one colour in one router, a core that is
/// the source of two flows of a channel or receives two.
Result<RouteTables> buildRoutes(const pkg::ProgramT &program, uint32_t width, uint32_t height,
                                const hw::Hardware &hardware);

} // namespace weft::sim
