#include "sim/noc/Network.h"

#include "sim/noc/Allocation.h"
#include "sim/noc/DelayLine.h"

#include <fmt/format.h>

#include <functional>
#include <queue>
#include <vector>

using namespace weft;
using namespace weft::noc;

namespace {

/// The sender of one core: the packet that it has, and when its head may go.
struct Injector {
  Flit flit = {};
  uint32_t flitsLeft = 0;
  uint8_t channel = noChannel; // of the packet, or of the one before while the head has not gone
  bool blocked = false;        // waits for a credit
  uint8_t credits[8] = {};
  uint64_t accepted = 0; // flits that came to this core while they are counted
};

/// Routers decide on the state at the start of a cycle; what they do reaches others in a later one. So the order in
/// which the routers of a cycle are handled does not matter, and only those are handled that can do something.
template <uint32_t channels> class MeshNetwork final : public Network {
public:
  MeshNetwork(const RouterModel &model, const MeshShape &shape, const MeshShape &senders, Traffic &traffic)
      : model(model), shape(shape), traffic(traffic), flight(model.flightCycles()),
        slots(std::bit_ceil(model.bufferFlits)), routerAt(size_t{shape.width} * shape.height, noRouter),
        arrivals(std::max(flight, model.injectionCycles)),
        credits(std::max(model.creditCycles, model.injectionCreditCycles)) {
    for (uint32_t y = 0; y < senders.height; ++y)
      for (uint32_t x = 0; x < senders.width; ++x)
        if (std::optional<Packet> packet = traffic.next(y * shape.width + x))
          schedule(routerOf(x, y), *packet, 0);
  }

  uint64_t now() const override { return cycle; }

  Counters counters() const override {
    Counters out = counted;
    out.routers = routers.size();
    return out;
  }

  void countAccepted(uint64_t begin, uint64_t end) override { countBegin = begin, countLength = end - begin; }

  uint64_t accepted(uint32_t node) const override {
    return routerAt[node] == noRouter ? 0 : injectors[routerAt[node]].accepted;
  }

  void offer(uint32_t node, const Packet &packet) override {
    schedule(routerOf(node % shape.width, node / shape.width), packet, cycle);
  }

  void advance(uint64_t end) override {
    while (cycle < end) {
      if (active.empty() && sending.empty() && arrivals.empty() && credits.empty()) {
        cycle = std::min(end, starts.empty() ? end : std::max(cycle, starts.top() >> routerBits));
        if (cycle == end)
          return;
      }
      step();
      ++cycle;
    }
  }

private:
  using State = Router<channels>;
  static constexpr uint32_t routerBits = 24, queueBits = 6; // of an event

  static uint32_t event(uint32_t router, uint32_t queue) { return router << queueBits | queue; }

  void step() {
    credits.take(cycle, [this](uint32_t id) { returnCredit(id >> queueBits, id & ((1u << queueBits) - 1)); });
    arrivals.take(cycle, [this](uint32_t id) { arrive(id >> queueBits, id & ((1u << queueBits) - 1)); });
    size_t kept = 0;
    for (uint32_t index : active) { // nobody becomes active while routers decide
      decide(index);
      if (routers[index].hasWork())
        active[kept++] = index;
      else
        routers[index].active = false;
    }
    active.resize(kept);
    for (; !starts.empty() && starts.top() >> routerBits <= cycle; starts.pop())
      sending.push_back(static_cast<uint32_t>(starts.top() & ((1u << routerBits) - 1)));
    kept = 0;
    for (size_t i = 0; i < sending.size(); ++i)
      if (inject(sending[i]))
        sending[kept++] = sending[i];
    sending.resize(kept);
  }

  /// The state of a router comes into being with the first flit that may meet it.
  uint32_t routerOf(uint32_t x, uint32_t y) {
    uint32_t &index = routerAt[size_t{y} * shape.width + x];
    if (index == noRouter) {
      index = static_cast<uint32_t>(routers.size());
      routers.emplace_back(x, y, model.bufferFlits);
      injectors.emplace_back();
      std::fill_n(injectors.back().credits, channels, static_cast<uint8_t>(model.bufferFlits));
      flits.resize(flits.size() + size_t{State::queueCount} * slots);
    }
    return index;
  }

  uint32_t neighbour(uint32_t index, uint32_t port) {
    if (uint32_t known = routers[index].neighbour[port]; known != noRouter)
      return known;
    uint32_t x = routers[index].x, y = routers[index].y;
    x += port == 0 ? 1 : port == 1 ? ~0u : 0;
    y += port == 2 ? 1 : port == 3 ? ~0u : 0;
    uint32_t out = routerOf(x, y);
    routers[index].neighbour[port] = out;
    return out;
  }

  Flit &slot(uint32_t index, uint32_t queue, uint32_t position) {
    return flits[(size_t{index} * State::queueCount + queue) * slots + (position & (slots - 1))];
  }

  void activate(uint32_t index) {
    if (!routers[index].active) {
      routers[index].active = true;
      active.push_back(index);
    }
  }

  /// A head has come to the front of a queue.
  void meet(State &router, uint32_t queue, Flit head) {
    if (model.lookAhead)
      router.waiting[router.route(head)] |= State::bit(queue);
    else
      router.routing |= State::bit(queue);
  }

  void arrive(uint32_t index, uint32_t queue) {
    State &router = routers[index];
    typename State::Queue &state = router.queues[queue];
    if (state.flits++ > 0)
      return;
    if (state.output == noChannel)
      meet(router, queue, slot(index, queue, state.head));
    else if (router.credits[state.output])
      router.bidding[state.output / channels] |= State::bit(queue);
    activate(index);
  }

  void returnCredit(uint32_t index, uint32_t output) {
    if (output / channels == corePort) {
      Injector &injector = injectors[index];
      ++injector.credits[output % channels];
      if (injector.blocked) {
        injector.blocked = false;
        sending.push_back(index);
      }
      return;
    }
    State &router = routers[index];
    if (router.credits[output]++ > 0)
      return;
    uint32_t port = output / channels;
    uint32_t queue = router.holder[output];
    if (router.queues[queue].output == output && router.queues[queue].flits > 0)
      router.bidding[port] |= State::bit(queue);
    activate(index);
  }

  void decide(uint32_t index) {
    auto routed = std::exchange(routers[index].routing, 0);
    SwitchMatch match = allocateSwitch(routers[index], model.speculative);
    allocateChannels(routers[index]);
    for (uint32_t set = match.matched; set; set &= set - 1) {
      uint32_t port = static_cast<uint32_t>(std::countr_zero(set)), queue = match.queue[port];
      if (match.speculative >> port & 1) { // in vain if there is no virtual channel for it, or one without credit
        uint32_t output = routers[index].queues[queue].output;
        if (output == noChannel || routers[index].credits[output] == 0)
          continue;
      }
      send(index, queue);
    }
    for (; routed; routed &= routed - 1) {
      uint32_t queue = static_cast<uint32_t>(std::countr_zero(routed));
      State &router = routers[index];
      router.waiting[router.route(slot(index, queue, router.queues[queue].head))] |= State::bit(queue);
    }
  }

  /// The flit at the front of a queue goes to the output that the queue holds.
  void send(uint32_t index, uint32_t queue) {
    ++counted.flitHops;
    uint32_t output = routers[index].queues[queue].output, port = output / channels;
    // Both may create routers, which moves those that there are.
    uint32_t next = port == corePort ? noRouter : neighbour(index, port);
    uint32_t before = queue / channels == corePort ? index : neighbour(index, queue / channels);

    State &router = routers[index];
    typename State::Queue &state = router.queues[queue];
    Flit flit = slot(index, queue, state.head++);
    --state.flits;
    if (next == noRouter) {
      eject(index, flit);
    } else {
      --router.credits[output];
      uint32_t target = (port ^ 1) * channels + output % channels;
      slot(next, target, routers[next].queues[target].tail++) = flit;
      arrivals.add(cycle, flight, event(next, target));
    }
    if (queue / channels == corePort)
      credits.add(cycle, model.injectionCreditCycles, event(index, queue));
    else
      credits.add(cycle, model.creditCycles, event(before, queue ^ channels)); // the same channel of the port opposite
    if (flit.tail) {
      router.free[port] |= static_cast<uint8_t>(1u << output % channels);
      router.bidding[port] &= ~State::bit(queue);
      state.output = noChannel;
      if (state.flits > 0)
        meet(router, queue, slot(index, queue, state.head));
    } else if (state.flits == 0 || router.credits[output] == 0) {
      router.bidding[port] &= ~State::bit(queue);
    }
  }

  /// Cores take a flit a cycle, so the way to them needs no credits.
  void eject(uint32_t index, Flit flit) {
    uint64_t arrival = cycle + flight;
    ++counted.flitsEjected;
    injectors[index].accepted += arrival - countBegin < countLength;
    if (flit.tail)
      traffic.delivered(flit.tag, arrival);
  }

  /// Puts the packet into the injector, to start in `earliest` or later.
  void schedule(uint32_t index, const Packet &packet, uint64_t earliest) {
    Injector &injector = injectors[index];
    injector.flit = {};
    injector.flit.x = packet.destination % shape.width & 0xfff;
    injector.flit.y = packet.destination / shape.width & 0xfff;
    injector.flit.head = 1;
    injector.flit.tag = packet.tag;
    injector.flitsLeft = packet.flits;
    starts.push(std::max(earliest, packet.created) << routerBits | index);
  }

  /// Sends a flit into the router; false if there is nothing to send in the next cycle.
  bool inject(uint32_t index) {
    Injector &injector = injectors[index];
    if (injector.flit.head) { // the next channel, round, that has a credit
      uint32_t first = injector.channel == noChannel ? 0 : following(injector.channel, channels), tried = 0;
      while (tried < channels && injector.credits[(first + tried) % channels] == 0)
        ++tried;
      injector.blocked = tried == channels;
      if (!injector.blocked)
        injector.channel = static_cast<uint8_t>((first + tried) % channels);
    } else {
      injector.blocked = injector.credits[injector.channel] == 0;
    }
    if (injector.blocked)
      return false;
    --injector.credits[injector.channel];
    injector.flit.tail = injector.flitsLeft == 1;
    uint32_t queue = corePort * channels + injector.channel;
    slot(index, queue, routers[index].queues[queue].tail++) = injector.flit;
    arrivals.add(cycle, model.injectionCycles, event(index, queue));
    ++counted.flitsInjected;
    injector.flit.head = 0;
    if (--injector.flitsLeft > 0)
      return true;
    std::optional<Packet> packet = traffic.next(routers[index].y * shape.width + routers[index].x);
    if (packet)
      schedule(index, *packet, cycle + 1);
    return false;
  }

  const RouterModel model;
  const MeshShape shape;
  Traffic &traffic;
  const uint32_t flight, slots;
  std::vector<uint32_t> routerAt; // by node
  std::vector<State> routers;
  std::vector<Injector> injectors; // by router
  std::vector<Flit> flits;         // by router, queue and slot
  DelayLine arrivals, credits;
  std::vector<uint32_t> active, sending; // routers that may decide something, cores that have something to inject
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> starts; // cycle and router
  uint64_t cycle = 0, countBegin = 0, countLength = 0;
  Counters counted;
};

Result<void> check(const RouterModel &model, const MeshShape &shape, const MeshShape &senders) {
  auto inRange = [](const char *what, uint32_t value, uint32_t least, uint32_t most) -> Result<void> {
    if (value >= least && value <= most)
      return success();
    return userError(fmt::format("network: {} is {}, allowed is {} to {}", what, value, least, most));
  };
  for (const auto &[what, value, least, most] : {std::tuple{"mesh width", shape.width, 1u, 4096u},
                                                 {"mesh height", shape.height, 1u, 4096u},
                                                 {"width of the senders", senders.width, 0u, shape.width},
                                                 {"height of the senders", senders.height, 0u, shape.height},
                                                 {"buffer flits", model.bufferFlits, 1u, 128u},
                                                 {"hop cycles", model.hopCycles, model.headCycles() + 1, 1000u},
                                                 {"credit cycles", model.creditCycles, 1u, 1000u},
                                                 {"injection cycles", model.injectionCycles, 1u, 1000u},
                                                 {"injection credit cycles", model.injectionCreditCycles, 1u, 1000u}})
    if (Result<void> done = inRange(what, value, least, most); !done)
      return done;
  return success();
}

} // namespace

Result<std::unique_ptr<Network>> noc::makeNetwork(const RouterModel &model, const MeshShape &shape,
                                                  const MeshShape &senders, Traffic &traffic) {
  if (Result<void> done = check(model, shape, senders); !done)
    return done.error();
  switch (model.virtualChannels) {
  case 1:
    return std::unique_ptr<Network>(new MeshNetwork<1>(model, shape, senders, traffic));
  case 2:
    return std::unique_ptr<Network>(new MeshNetwork<2>(model, shape, senders, traffic));
  case 4:
    return std::unique_ptr<Network>(new MeshNetwork<4>(model, shape, senders, traffic));
  case 8:
    return std::unique_ptr<Network>(new MeshNetwork<8>(model, shape, senders, traffic));
  default:
    return userError(
        fmt::format("network: {} virtual channels a port, allowed are 1, 2, 4 and 8", model.virtualChannels));
  }
}
