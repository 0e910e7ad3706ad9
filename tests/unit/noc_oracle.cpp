#include "tests/unit/noc_oracle.h"

#include <algorithm>

using namespace weft::noc;
using namespace weft::noc::test;

namespace {

constexpr int sides = 5, core = 4, nobody = -1;

struct PlainFlit {
  uint32_t destination = 0, tag = 0;
  bool head = false, tail = false;
};

/// One iteration of iSLIP with its pointers.
struct Islip {
  std::vector<int> grantPointer, acceptPointer; // by output, by input
  Islip(int inputs, int outputs) : grantPointer(outputs), acceptPointer(inputs) {}

  /// `requests[input][output]`; the output of each input, or nobody.
  std::vector<int> match(const std::vector<std::vector<bool>> &requests) {
    int inputs = int(acceptPointer.size()), outputs = int(grantPointer.size());
    std::vector<int> grant(outputs, nobody), out(inputs, nobody);
    for (int output = 0; output < outputs; ++output)
      for (int i = inputs; i-- > 0;)
        if (int input = (grantPointer[output] + i) % inputs; requests[input][output])
          grant[output] = input;
    for (int input = 0; input < inputs; ++input) {
      for (int i = outputs; i-- > 0;)
        if (int output = (acceptPointer[input] + i) % outputs; grant[output] == input)
          out[input] = output;
      if (out[input] != nobody) {
        grantPointer[out[input]] = (input + 1) % inputs;
        acceptPointer[input] = (out[input] + 1) % outputs;
      }
    }
    return out;
  }
};

struct PlainQueue {
  std::deque<PlainFlit> flits;
  int output = nobody;   // side * channels + channel that its packet holds
  uint64_t routedAt = 0; // from when on the head at the front knows its side
  bool headAtFront = false;
};

struct PlainRouter {
  std::vector<PlainQueue> queues;
  std::vector<int> holder, credits; // by output
  Islip channelAllocator, switchAllocator;
  std::vector<int> nextQueue = std::vector<int>(sides, 0);
  PlainRouter(int channels, int buffer)
      : queues(sides * channels), holder(sides * channels, nobody), credits(sides * channels, buffer),
        channelAllocator(sides * channels, sides * channels), switchAllocator(sides, sides) {}
};

struct Sender {
  std::deque<PlainFlit> flits;
  uint64_t created = 0;
  int channel = nobody;
  std::vector<int> credits;
};

struct Event {
  uint64_t cycle;
  uint32_t node;
  int queue;
  PlainFlit flit;
};

class Plain {
public:
  Plain(const RouterModel &model, const MeshShape &shape, List &list)
      : model(model), shape(shape), list(list), channels(int(model.virtualChannels)) {
    for (uint32_t node = 0; node < shape.width * shape.height; ++node) {
      routers.emplace_back(channels, int(model.bufferFlits));
      senders.emplace_back();
      senders.back().credits.assign(channels, int(model.bufferFlits));
      load(node);
    }
  }

  void step(uint64_t now) {
    cycle = now;
    takeCredits();
    takeFlits();
    for (uint32_t node = 0; node < routers.size(); ++node)
      decide(node);
    for (uint32_t node = 0; node < routers.size(); ++node)
      inject(node);
  }

private:
  int side(uint32_t node, uint32_t to) const {
    uint32_t x = node % shape.width, y = node / shape.width, toX = to % shape.width, toY = to / shape.width;
    return toX > x ? 0 : toX < x ? 1 : toY > y ? 2 : toY < y ? 3 : core;
  }
  uint32_t beside(uint32_t node, int side) const {
    return side == 0 ? node + 1 : side == 1 ? node - 1 : side == 2 ? node + shape.width : node - shape.width;
  }

  void load(uint32_t node) {
    Sender &sender = senders[node];
    std::optional<Packet> packet = list.next(node);
    for (uint32_t i = 0; packet && i < packet->flits; ++i)
      sender.flits.push_back({packet->destination, packet->tag, i == 0, i + 1 == packet->flits});
    sender.created = packet ? packet->created : 0;
  }

  void front(PlainQueue &queue, uint64_t from) {
    queue.headAtFront = true;
    queue.routedAt = from + (model.lookAhead ? 0 : 1);
  }

  void takeFlits() {
    for (const Event &event : std::exchange(flying, {})) {
      if (event.cycle != cycle) {
        flying.push_back(event);
        continue;
      }
      PlainQueue &queue = routers[event.node].queues[event.queue];
      queue.flits.push_back(event.flit);
      if (queue.flits.size() > model.bufferFlits)
        list.arrival.emplace(~0u, 0); // a flit without a slot: no test expects that tag
      if (queue.flits.size() == 1 && event.flit.head)
        front(queue, cycle);
    }
  }

  void takeCredits() {
    for (const Event &event : std::exchange(returning, {})) {
      if (event.cycle != cycle)
        returning.push_back(event);
      else if (event.queue / channels == core)
        ++senders[event.node].credits[event.queue % channels];
      else
        ++routers[event.node].credits[event.queue];
    }
  }

  void decide(uint32_t node) {
    PlainRouter &router = routers[node];
    int queues = sides * channels;
    auto waits = [&](const PlainQueue &queue) {
      return !queue.flits.empty() && queue.headAtFront && queue.output == nobody && queue.routedAt <= cycle;
    };
    // Who asks for which virtual channel.
    std::vector<std::vector<bool>> wanted(queues, std::vector<bool>(queues));
    for (int q = 0; q < queues; ++q)
      if (waits(router.queues[q]))
        for (int channel = 0; channel < channels; ++channel) {
          int output = side(node, router.queues[q].flits.front().destination) * channels + channel;
          wanted[q][output] = router.holder[output] == nobody;
        }
    // Who asks for the switch: by input and output side, those queues.
    std::vector<std::vector<std::vector<int>>> sure(sides, std::vector<std::vector<int>>(sides)), hopeful = sure;
    for (int q = 0; q < queues; ++q) {
      PlainQueue &queue = router.queues[q];
      if (queue.flits.empty())
        continue;
      if (queue.output != nobody) {
        if (router.credits[queue.output] > 0)
          sure[q / channels][queue.output / channels].push_back(q);
      } else if (model.speculative && waits(queue)) {
        for (int output = 0; output < queues; ++output)
          if (wanted[q][output] && router.credits[output] > 0) {
            hopeful[q / channels][output / channels].push_back(q);
            break;
          }
      }
    }
    std::vector<std::vector<bool>> requests(sides, std::vector<bool>(sides));
    for (int input = 0; input < sides; ++input)
      for (int output = 0; output < sides; ++output)
        requests[input][output] = !sure[input][output].empty() || !hopeful[input][output].empty();
    std::vector<int> match = router.switchAllocator.match(requests);
    std::vector<int> granted = router.channelAllocator.match(wanted);
    for (int q = 0; q < queues; ++q)
      if (granted[q] != nobody) {
        router.queues[q].output = granted[q];
        router.holder[granted[q]] = q;
      }
    for (int input = 0; input < sides; ++input) {
      if (match[input] == nobody)
        continue;
      const std::vector<int> &sureOnes = sure[input][match[input]];
      const std::vector<int> &choice = sureOnes.empty() ? hopeful[input][match[input]] : sureOnes;
      int q = nobody;
      for (int i = channels; i-- > 0;)
        if (int each = input * channels + (router.nextQueue[input] + i) % channels;
            std::find(choice.begin(), choice.end(), each) != choice.end())
          q = each;
      router.nextQueue[input] = (q % channels + 1) % channels;
      if (PlainQueue &queue = router.queues[q]; queue.output != nobody && router.credits[queue.output] > 0)
        send(node, q);
    }
  }

  void send(uint32_t node, int q) {
    PlainRouter &router = routers[node];
    PlainQueue &queue = router.queues[q];
    PlainFlit flit = queue.flits.front();
    queue.flits.pop_front();
    queue.headAtFront = false;
    int output = queue.output, to = output / channels, from = q / channels;
    uint64_t arrival = cycle + model.flightCycles();
    if (to != core) {
      --router.credits[output];
      flying.push_back({arrival, beside(node, to), (to ^ 1) * channels + output % channels, flit});
    } else if (flit.tail) {
      list.delivered(flit.tag, arrival);
    }
    if (from == core)
      returning.push_back({cycle + model.injectionCreditCycles, node, q, {}});
    else
      returning.push_back({cycle + model.creditCycles, beside(node, from), (from ^ 1) * channels + q % channels, {}});
    if (flit.tail) {
      router.holder[output] = nobody;
      queue.output = nobody;
      if (!queue.flits.empty())
        front(queue, cycle + 1);
    }
  }

  void inject(uint32_t node) {
    Sender &sender = senders[node];
    if (sender.flits.empty() || sender.created > cycle)
      return;
    if (sender.flits.front().head) {
      int chosen = nobody, before = sender.channel;
      for (int i = channels; i-- > 0;)
        if (int channel = (before + 1 + i) % channels; sender.credits[channel] > 0)
          chosen = channel;
      if (chosen == nobody)
        return;
      sender.channel = chosen;
    } else if (sender.credits[sender.channel] == 0) {
      return;
    }
    --sender.credits[sender.channel];
    flying.push_back({cycle + model.injectionCycles, node, core * channels + sender.channel, sender.flits.front()});
    sender.flits.pop_front();
    if (sender.flits.empty()) {
      load(node);
      sender.created = std::max(sender.created, cycle + 1);
    }
  }

  const RouterModel model;
  const MeshShape shape;
  List &list;
  const int channels;
  std::vector<PlainRouter> routers;
  std::vector<Sender> senders;
  std::vector<Event> flying, returning;
  uint64_t cycle = 0;
};

} // namespace

void List::add(uint32_t source, const Packet &packet) {
  auto &queue = queues[source];
  auto later = [](const Packet &a, const Packet &b) { return a.created < b.created; };
  queue.insert(std::upper_bound(queue.begin(), queue.end(), packet, later), packet);
}

std::optional<Packet> List::next(uint32_t node) {
  if (queues[node].empty())
    return std::nullopt;
  Packet out = queues[node].front();
  queues[node].pop_front();
  return out;
}

void List::delivered(uint32_t tag, uint64_t cycle) {
  if (!arrival.emplace(tag, cycle).second)
    arrival[tag] = ~uint64_t{0}; // twice: no test expects that
}

Counters test::run(const RouterModel &model, const MeshShape &shape, List &list, uint64_t cycles) {
  auto network = makeNetwork(model, shape, shape, list);
  if (!network)
    return {};
  (*network)->advance(cycles);
  return (*network)->counters();
}

void test::runPlain(const RouterModel &model, const MeshShape &shape, List &list, uint64_t cycles) {
  size_t packets = 0;
  for (const std::deque<Packet> &queue : list.queues)
    packets += queue.size();
  Plain plain(model, shape, list);
  for (uint64_t cycle = 0; cycle < cycles && list.arrival.size() < packets; ++cycle)
    plain.step(cycle);
}
