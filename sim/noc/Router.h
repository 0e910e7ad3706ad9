// State of one router, and round-robin choices. A port is a side: 0 east, 1 west, 2 south, 3 north, 4 the core; a queue
// is an input port's virtual channel, port * channels + channel, and likewise for outputs.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace weft::noc {

inline constexpr uint32_t ports = 5, corePort = 4;
inline constexpr uint8_t noChannel = 0xff;
inline constexpr uint32_t noRouter = ~uint32_t{0};

/// A flit on its way: where to, and whose.
struct Flit {
  uint32_t x : 12, y : 12, head : 1, tail : 1, : 6;
  uint32_t tag;
};
static_assert(sizeof(Flit) == 8);

/// The first member of `set` at or after `pointer`, round.
template <typename Mask> inline uint32_t roundRobin(Mask set, uint32_t pointer) {
  Mask after = static_cast<Mask>(set >> pointer << pointer);
  return static_cast<uint32_t>(std::countr_zero(after ? after : set));
}

inline uint8_t following(uint32_t index, uint32_t count) {
  return static_cast<uint8_t>(index + 1 == count ? 0 : index + 1);
}

/// `channels` virtual channels a port.
template <uint32_t channels> struct Router {
  static constexpr uint32_t queueCount = ports * channels;
  using Mask = std::conditional_t<(queueCount > 32), uint64_t, uint32_t>; // a set of queues

  struct Queue {
    uint8_t head = 0, tail = 0; // slots of the ring; the tail is the sender's
    uint8_t flits = 0;          // that have arrived
    uint8_t output = noChannel; // what the packet at the front holds
  };

  Mask waiting[ports] = {}; // by output port: queues whose head has none of its virtual channels yet
  Mask bidding[ports] = {}; // by output port: queues that hold one and have a flit and a credit
  Mask routing = 0;         // queues whose head does not know its output port yet
  uint8_t free[ports];      // by output port: virtual channels that nobody holds
  uint8_t credits[queueCount];
  uint8_t holder[queueCount]; // of an output: the queue that holds it, meaningless while it is free
  Queue queues[queueCount];
  bool active = false;
  uint16_t x = 0, y = 0;
  uint32_t neighbour[4] = {noRouter, noRouter, noRouter, noRouter};
  // Round-robin pointers: channel allocation by output and by queue, the switch by output and by input port, and which
  // of a port's queues comes next.
  uint8_t channelGrant[queueCount] = {}, channelAccept[queueCount] = {};
  uint8_t switchGrant[ports] = {}, switchAccept[ports] = {}, nextQueue[ports] = {};

  Router(uint32_t x, uint32_t y, uint32_t bufferFlits) : x(static_cast<uint16_t>(x)), y(static_cast<uint16_t>(y)) {
    std::fill_n(free, ports, static_cast<uint8_t>((1u << channels) - 1));
    std::fill_n(credits, queueCount, static_cast<uint8_t>(bufferFlits));
    std::fill_n(holder, queueCount, uint8_t{0});
  }

  static Mask bit(uint32_t queue) { return Mask{1} << queue; }

  /// XY: along the row first.
  uint32_t route(Flit flit) const {
    uint32_t along = flit.x > x ? 0 : 1, across = flit.y > y ? 2 : flit.y < y ? 3 : corePort;
    return flit.x != x ? along : across;
  }

  /// Whether a decision of the next cycle can change anything if no flit or credit comes in.
  bool hasWork() const {
    Mask work = routing;
    for (uint32_t port = 0; port < ports; ++port)
      work |= bidding[port] | (free[port] ? waiting[port] : 0);
    return work != 0;
  }
};

} // namespace weft::noc
