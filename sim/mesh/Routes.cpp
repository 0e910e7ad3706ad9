#include "sim/mesh/Routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace weft::sim {
namespace {

/// One flow on one line, with what is needed to walk it.
struct Walk {
  uint32_t channel, line, flow;
  bool alongX;
  int32_t source, lo, hi;
  bool deliverAll;
  uint8_t color;
  pkg::Combine combine;
  uint32_t turn;

  int32_t first() const { return std::max(lo, 0); }
  bool delivers(int32_t at) const { return at != source && (deliverAll || at == lo || at == hi); }
  bool goesLow(int32_t at) const { return at <= source && lo < at; }
  bool goesHigh(int32_t at) const { return at >= source && at < hi; }
};

class Builder {
public:
  Builder(const pkg::ProgramT &program, uint32_t width, uint32_t height, const hw::Hardware &hardware)
      : program(program), width(width), height(height), hardware(hardware) {}

  Result<RouteTables> build() {
    for (uint32_t channel = 0; channel < program.channels.size(); ++channel)
      if (auto done = addChannel(channel); !done)
        return done.takeError();
    if (queues.size() >= (hostBit - inputBit) / 4) // inputs of combiners have numbers, too
      return userError(fmt::format("program '{}': more router queues than the mesh engine can number", program.name));
    if (auto done = sortQueues(); !done)
      return done.takeError();
    if (auto done = sortEnds(); !done)
      return done.takeError();
    return std::move(tables);
  }

private:
  Result<void> addChannel(uint32_t channel);
  Result<void> checkFlow(const pkg::ChannelT &channel, const pkg::Flow &flow, int32_t lines, int32_t length) const;
  void addWalk(const Walk &walk);
  void addQueue(const Walk &walk, int32_t at);
  void addTurning(const Walk &walk);
  void addTurningRouter(const Walk &walk, int32_t at);
  void addReducing(const Walk &walk);
  void addReducingRouter(const Walk &walk, int32_t at);
  void addEndpoint(const Walk &walk, int32_t at, uint32_t flow);
  Result<void> sortQueues();
  void renumber(const std::vector<uint32_t> &place);
  Result<void> sortEnds();

  /// Cycles of the link between a walk's positions `low` and `low` + 1.
  uint32_t linkCycles(const Walk &walk, int32_t low) const {
    const hw::DieCrossing &crossing = hardware.latency.dieCrossing;
    return hardware.latency.hop +
           crossing.extra(static_cast<uint32_t>(low), walk.alongX ? crossing.columns : crossing.rows);
  }
  uint32_t coreAt(const Walk &walk, int32_t at) const {
    return walk.alongX ? walk.line * width + static_cast<uint32_t>(at) : static_cast<uint32_t>(at) * width + walk.line;
  }
  uint32_t cores() const { return width * height; }
  uint32_t hostSender(const Walk &walk) const { return cores() + (walk.alongX ? walk.line : height + walk.line); }
  uint32_t senders() const { return cores() + width + height; }

  const pkg::ProgramT &program;
  uint32_t width, height;
  const hw::Hardware &hardware;
  RouteTables tables;
  std::vector<Queue> queues; // in the order of the flows
  struct Sender {
    uint32_t sender;
    SendPort port;
  };
  std::vector<Sender> sendersFound;
  std::vector<Endpoint> endpointsFound;
  std::vector<uint32_t> endpointQueues; // in step with endpointsFound
  std::vector<Combiner> combiners;      // in the order of the flows
};

Result<void> Builder::checkFlow(const pkg::ChannelT &channel, const pkg::Flow &flow, int32_t lines,
                                int32_t length) const {
  auto bad = [&](const std::string &what) {
    return userError(fmt::format("program '{}', channel '{}', flow line {} source {} [{}, {}] color {}: {}",
                                 program.name, channel.name, flow.line(), flow.source(), flow.lo(), flow.hi(),
                                 flow.color(), what));
  };
  if (flow.line() < -1 || flow.line() >= lines)
    return bad(fmt::format("the mesh has {} lines along this axis", lines));
  if (flow.lo() < -1 || flow.hi() >= length || flow.lo() > flow.source() || flow.source() > flow.hi())
    return bad(fmt::format("positions must satisfy -1 <= lo <= source <= hi < {}", length));
  uint32_t usable = hardware.routing.usableColors();
  if (flow.color() >= usable || flow.color() >= 64)
    return bad(fmt::format("programs may use colors 0 to {} of this hardware", std::min(usable, 64u) - 1));
  if (channel.turn &&
      (flow.source() != flow.lo() || flow.lo() < 0 || !flow.deliver_all() || flow.combine() != pkg::Combine::None))
    return bad("where cores take turns, the source is the lowest, and all of them get the words as they are");
  if (flow.combine() == pkg::Combine::None)
    return success();
  if (flow.combine() > pkg::Combine::MAX || flow.lo() < 0 || flow.deliver_all())
    return bad("words that are combined go from cores to one core, in a way that the schema knows");
  if (!hardware.routing.reduceStage)
    return bad("the routers of this hardware cannot combine words, routing.reduce_stage is 0");
  return success();
}

Result<void> Builder::addChannel(uint32_t index) {
  const pkg::ChannelT &channel = *program.channels[index];
  if (channel.flows.empty())
    return success();
  if (channel.axis == pkg::Axis::None)
    return userError(fmt::format("program '{}', channel '{}': flows need an axis", program.name, channel.name));
  bool alongX = channel.axis == pkg::Axis::X;
  auto lines = static_cast<int32_t>(alongX ? height : width), length = static_cast<int32_t>(alongX ? width : height);
  for (const pkg::Flow &flow : channel.flows) {
    if (auto ok = checkFlow(channel, flow, lines, length); !ok)
      return ok;
    if (flow.lo() == flow.hi())
      continue; // goes nowhere: nobody can send into it
    int32_t begin = std::max(flow.line(), 0), end = flow.line() < 0 ? lines : flow.line() + 1;
    for (int32_t line = begin; line < end; ++line) {
      Walk walk{index,
                static_cast<uint32_t>(line),
                static_cast<uint32_t>(tables.flows.size()),
                alongX,
                flow.source(),
                flow.lo(),
                flow.hi(),
                flow.deliver_all(),
                flow.color(),
                flow.combine(),
                channel.turn};
      if (walk.turn)
        addTurning(walk);
      else
        flow.combine() == pkg::Combine::None ? addWalk(walk) : addReducing(walk);
    }
  }
  return success();
}

void Builder::addWalk(const Walk &walk) {
  const hw::Latency &latency = hardware.latency;
  FlowInfo info;
  info.channel = walk.channel;
  info.line = walk.line;
  info.links = static_cast<uint32_t>(walk.hi - walk.lo);
  info.maxHops = static_cast<uint32_t>(std::max(walk.hi - walk.source, walk.source - walk.lo));
  uint32_t routers = static_cast<uint32_t>(walk.hi - walk.first()) + 1;
  info.roomInWords =
      routers * (hardware.routing.queueWords + std::max(latency.hop + latency.dieCrossing.cycles, latency.ramp));
  tables.flows.push_back(info);
  SendPort port;
  port.queue = static_cast<uint32_t>(queues.size()) + static_cast<uint32_t>(std::max(walk.source, 0) - walk.first());
  port.channel = walk.channel;
  port.flow = walk.flow;
  port.grantKey = walk.color;
  sendersFound.push_back({walk.source < 0 ? hostSender(walk) : coreAt(walk, walk.source), port});
  for (int32_t at = walk.first(); at <= walk.hi; ++at)
    addQueue(walk, at);
}

void Builder::addQueue(const Walk &walk, int32_t at) {
  auto index = static_cast<uint32_t>(queues.size());
  Queue queue;
  bool fromCore = at == walk.source;
  uint32_t latency = hardware.latency.hop; // of a link from the host
  if (fromCore)
    latency = hardware.latency.ramp;
  else if (at < walk.source || at > 0)
    latency = linkCycles(walk, at < walk.source ? at : at - 1);
  queue.fifo.latency = static_cast<uint8_t>(latency);
  queue.fifo.capacity = hardware.routing.queueWords + queue.fifo.latency;
  queue.grantKey = queue.color = walk.color;
  queue.router = coreAt(walk, at);
  queue.flow = walk.flow;
  if (fromCore)
    queue.filledBy = cores() + queue.router; // units: routers, then senders
  else if (at == 0 && walk.source < 0)
    queue.filledBy = cores() + hostSender(walk);
  else
    queue.filledBy = coreAt(walk, at < walk.source ? at + 1 : at - 1);
  if (walk.goesLow(at)) {
    queue.ports |= walk.alongX ? West : North;
    queue.next[0] = at > 0 ? index - 1 : hostBit | static_cast<uint32_t>(tables.sinks.size());
    if (at == 0)
      tables.sinks.push_back({walk.channel, walk.line, walk.flow, 0});
  }
  if (walk.goesHigh(at)) {
    queue.ports |= walk.alongX ? East : South;
    queue.next[1] = index + 1;
  }
  if (walk.delivers(at)) {
    queue.ports |= Core;
    addEndpoint(walk, at, walk.flow);
  }
  queues.push_back(queue);
}

/// Its flows are, from walk.flow on, what each core sends.
void Builder::addTurning(const Walk &walk) {
  const hw::Latency &latency = hardware.latency;
  const auto size = static_cast<uint32_t>(walk.hi - walk.lo) + 1;
  for (uint32_t i = 0; i < size; ++i) {
    FlowInfo info{walk.channel, walk.line};
    info.links = size - 1;
    info.maxHops = std::max(i, size - 1 - i);
    info.roomInWords =
        size * (hardware.routing.queueWords + std::max(latency.hop + latency.dieCrossing.cycles, latency.ramp));
    tables.flows.push_back(info);
  }
  tables.turnLines.push_back({walk.flow, size, walk.turn});
  for (int32_t at = walk.lo; at <= walk.hi; ++at)
    addTurningRouter(walk, at);
}

/// Queues of a position are one behind the other: from the low side, from the core, from the high side.
void Builder::addTurningRouter(const Walk &walk, int32_t at) {
  const auto router = coreAt(walk, at), position = static_cast<uint32_t>(at - walk.lo);
  const auto first = static_cast<uint32_t>(queues.size());
  const auto line = static_cast<uint32_t>(tables.turnLines.size()) - 1;
  const bool hasLow = at > walk.lo, hasHigh = at < walk.hi;
  const uint32_t own = first + hasLow, next = own + 1 + hasHigh; // `next`: of the next higher position
  auto add = [&](uint32_t latency, uint32_t filledBy, bool low, bool high) {
    Queue queue;
    queue.fifo.latency = static_cast<uint8_t>(latency);
    queue.fifo.capacity = hardware.routing.queueWords + latency;
    queue.grantKey = queue.color = walk.color;
    queue.router = router;
    queue.flow = walk.flow + position;
    queue.filledBy = filledBy;
    queue.turns = static_cast<uint32_t>(tables.turns.size());
    queue.ports = Core;
    if (low && hasLow) {
      queue.ports |= walk.alongX ? West : North;
      queue.next[0] = first - 1; // the one from the high side is the last of the next lower position
    }
    if (high && hasHigh) {
      queue.ports |= walk.alongX ? East : South;
      queue.next[1] = next;
    }
    queues.push_back(queue);
  };
  addEndpoint(walk, at, walk.flow);
  if (hasLow)
    add(linkCycles(walk, at - 1), coreAt(walk, at - 1), false, true);
  add(hardware.latency.ramp, cores() + router, true, true);
  if (hasHigh)
    add(linkCycles(walk, at), coreAt(walk, at + 1), true, false);
  tables.turns.push_back({line, position, first});
  SendPort port;
  port.queue = own;
  port.channel = walk.channel;
  port.flow = walk.flow + position;
  port.grantKey = walk.color;
  port.turnLine = line;
  port.position = position;
  sendersFound.push_back({router, port});
}

/// The queue that is added next goes down the ramp.
void Builder::addEndpoint(const Walk &walk, int32_t at, uint32_t flow) {
  Endpoint endpoint;
  endpoint.core = coreAt(walk, at);
  endpoint.channel = walk.channel;
  endpoint.flow = flow;
  endpoint.combined = walk.combine != pkg::Combine::None;
  endpointsFound.push_back(endpoint);
  endpointQueues.push_back(static_cast<uint32_t>(queues.size()));
}

/// Its flows are, from walk.flow on, two a position: what the core there sends, and what the router makes of it.
void Builder::addReducing(const Walk &walk) {
  const hw::Latency &latency = hardware.latency;
  const uint32_t queueWords = hardware.routing.queueWords;
  for (int32_t at = walk.lo; at <= walk.hi; ++at) {
    FlowInfo sent{walk.channel, walk.line};
    sent.links = at != walk.source; // what goes on is one word, whatever came in
    sent.maxHops = static_cast<uint32_t>(std::abs(at - walk.source));
    sent.roomInWords = queueWords + latency.ramp;
    FlowInfo combined{walk.channel, walk.line};
    combined.roomInWords = 2 * queueWords + hardware.routing.reduceStage + latency.hop + latency.dieCrossing.cycles;
    tables.flows.push_back(sent);
    tables.flows.push_back(combined);
  }
  for (int32_t at = walk.lo; at <= walk.hi; ++at)
    addReducingRouter(walk, at);
}

void Builder::addReducingRouter(const Walk &walk, int32_t at) {
  const auto index = static_cast<uint32_t>(combiners.size());
  const uint32_t sent = walk.flow + 2 * static_cast<uint32_t>(at - walk.lo);
  Combiner combiner;
  auto addInput = [&](Side side, uint32_t latency, uint32_t filledBy, uint32_t words) {
    combiner.inputs[side].latency = static_cast<uint8_t>(latency);
    combiner.inputs[side].capacity = hardware.routing.queueWords + latency;
    combiner.filledBy[side] = filledBy;
    combiner.words[side] = words;
  };
  combiner.router = coreAt(walk, at);
  combiner.grantKey = walk.color;
  combiner.queue = static_cast<uint32_t>(queues.size());
  combiner.results = sent + 1;
  combiner.combine = walk.combine;
  addInput(OwnCore, hardware.latency.ramp, cores() + combiner.router, sent);
  if (walk.lo < at && at <= walk.source)
    addInput(LowSide, linkCycles(walk, at - 1), coreAt(walk, at - 1), sent - 1);
  if (walk.source <= at && at < walk.hi)
    addInput(HighSide, linkCycles(walk, at), coreAt(walk, at + 1), sent + 3);

  SendPort port;
  port.queue = inputOf(index, OwnCore);
  port.channel = walk.channel;
  port.flow = sent;
  port.grantKey = walk.color;
  sendersFound.push_back({combiner.router, port});

  Queue queue;
  queue.fifo.latency = static_cast<uint8_t>(hardware.routing.reduceStage);
  queue.fifo.capacity = hardware.routing.queueWords + queue.fifo.latency;
  queue.grantKey = queue.color = walk.color;
  queue.router = queue.filledBy = combiner.router;
  queue.flow = sent + 1;
  if (at == walk.source) {
    queue.ports = Core;
    addEndpoint(walk, at, sent + 1);
  } else if (at < walk.source) {
    queue.ports = walk.alongX ? East : South;
    queue.next[1] = inputOf(index + 1, LowSide);
  } else {
    queue.ports = walk.alongX ? West : North;
    queue.next[0] = inputOf(index - 1, HighSide);
  }
  queues.push_back(queue);
  combiners.push_back(combiner);
}

/// Combiners follow their queues: `place` says where those went. Turns all numbers of queues and inputs into final
/// ones.
void Builder::renumber(const std::vector<uint32_t> &place) {
  std::vector<uint32_t> order(combiners.size()), combinerPlace(combiners.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return place[combiners[a].queue] < place[combiners[b].queue]; });
  if (!order.empty())
    tables.routerCombiners.assign(cores() + 1, 0);
  for (uint32_t i = 0; i < order.size(); ++i) {
    combinerPlace[order[i]] = i;
    tables.combiners.push_back(combiners[order[i]]);
    tables.combiners.back().queue = place[tables.combiners.back().queue];
    ++tables.routerCombiners[tables.combiners.back().router + 1];
  }
  std::partial_sum(tables.routerCombiners.begin(), tables.routerCombiners.end(), tables.routerCombiners.begin());
  auto settle = [&](uint32_t &target) {
    if (target < inputBit)
      target = place[target];
    else if (target < hostBit)
      target = inputOf(combinerPlace[(target & ~inputBit) >> 2], static_cast<Side>(target & 3));
  };
  for (Queue &queue : queues)
    for (uint32_t &next : queue.next)
      settle(next);
  for (Turns &turns : tables.turns)
    settle(turns.firstQueue);
  for (uint32_t &queue : endpointQueues)
    settle(queue);
  for (Sender &sender : sendersFound)
    settle(sender.port.queue);
}

Result<void> Builder::sortQueues() {
  std::vector<uint32_t> order(queues.size()), place(queues.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const Queue &qa = queues[a], &qb = queues[b];
    return qa.router != qb.router ? qa.router < qb.router : qa.color != qb.color ? qa.color < qb.color : a < b;
  });
  for (uint32_t i = 0; i < order.size(); ++i) {
    place[order[i]] = i;
    if (!i)
      continue;
    const Queue &queue = queues[order[i]], &before = queues[order[i - 1]];
    if (queue.router == before.router && queue.color == before.color &&
        (queue.turns == none || queue.turns != before.turns))
      return userError(fmt::format(
          "program '{}': channels '{}' and '{}' both use color {} in router ({}, {}); give one of them another color",
          program.name, program.channels[tables.flows[before.flow].channel]->name,
          program.channels[tables.flows[queue.flow].channel]->name, queue.color, queue.router % width,
          queue.router / width));
  }
  renumber(place);
  tables.queues.resize(queues.size());
  tables.routerQueues.assign(cores() + 1, 0);
  for (uint32_t i = 0; i < queues.size(); ++i) {
    tables.queues[place[i]] = queues[i];
    ++tables.routerQueues[queues[i].router + 1];
  }
  std::partial_sum(tables.routerQueues.begin(), tables.routerQueues.end(), tables.routerQueues.begin());
  return success();
}

Result<void> Builder::sortEnds() {
  auto twice = [&](uint32_t core, uint32_t channel, std::string_view what) {
    return userError(fmt::format(
        "program '{}', channel '{}': {} {} more than one flow of it", program.name, program.channels[channel]->name,
        core < cores() ? fmt::format("core ({}, {})", core % width, core / width) : std::string("a host port"), what));
  };
  std::sort(sendersFound.begin(), sendersFound.end(), [](const Sender &a, const Sender &b) {
    return a.sender != b.sender               ? a.sender < b.sender
           : a.port.channel != b.port.channel ? a.port.channel < b.port.channel
                                              : a.port.queue < b.port.queue;
  });
  tables.senderPorts.assign(senders() + 1, 0);
  for (uint32_t i = 0; i < sendersFound.size(); ++i) {
    const Sender &sender = sendersFound[i];
    if (i && sendersFound[i - 1].sender == sender.sender && sendersFound[i - 1].port.channel == sender.port.channel)
      return twice(sender.sender, sender.port.channel, "is the source of");
    ++tables.senderPorts[sender.sender + 1];
    tables.ports.push_back(sender.port);
  }
  std::partial_sum(tables.senderPorts.begin(), tables.senderPorts.end(), tables.senderPorts.begin());

  std::vector<uint32_t> order(endpointsFound.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const Endpoint &ea = endpointsFound[a], &eb = endpointsFound[b];
    return ea.core != eb.core ? ea.core < eb.core : ea.channel != eb.channel ? ea.channel < eb.channel : a < b;
  });
  tables.coreEndpoints.assign(cores() + 1, 0);
  for (uint32_t i = 0; i < order.size(); ++i) {
    const Endpoint &endpoint = endpointsFound[order[i]];
    if (i && tables.endpoints.back().core == endpoint.core && tables.endpoints.back().channel == endpoint.channel)
      return twice(endpoint.core, endpoint.channel, "receives");
    Queue &queue = tables.queues[endpointQueues[order[i]]];
    queue.endpoint = i;
    for (Queue *more = &queue + 1;
         queue.turns != none && more != tables.queues.data() + tables.queues.size() && more->turns == queue.turns;
         ++more)
      more->endpoint = i;
    ++tables.coreEndpoints[endpoint.core + 1];
    tables.endpoints.push_back(endpoint);
  }
  std::partial_sum(tables.coreEndpoints.begin(), tables.coreEndpoints.end(), tables.coreEndpoints.begin());
  std::vector<std::pair<uint32_t, uint32_t>> lines;
  for (const HostSink &sink : tables.sinks)
    lines.emplace_back(sink.channel, sink.line);
  std::sort(lines.begin(), lines.end());
  if (auto same = std::adjacent_find(lines.begin(), lines.end()); same != lines.end())
    return userError(fmt::format("program '{}', channel '{}': the host receives more than one flow of line {}",
                                 program.name, program.channels[same->first]->name, same->second));
  return success();
}

} // namespace

uint32_t RouteTables::findPort(uint32_t sender, uint32_t channel) const {
  for (uint32_t i = senderPorts[sender]; i < senderPorts[sender + 1]; ++i)
    if (ports[i].channel == channel)
      return i;
  return none;
}

uint32_t RouteTables::findEndpoint(uint32_t core, uint32_t channel) const {
  for (uint32_t i = coreEndpoints[core]; i < coreEndpoints[core + 1]; ++i)
    if (endpoints[i].channel == channel)
      return i;
  return none;
}

Result<RouteTables> buildRoutes(const pkg::ProgramT &program, uint32_t width, uint32_t height,
                                const hw::Hardware &hardware) {
  return Builder(program, width, height, hardware).build();
}

} // namespace weft::sim
