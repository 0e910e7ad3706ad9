#include "sim/mesh/Routes.h"

#include <fmt/format.h>

#include <algorithm>
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
    if (queues.size() >= hostBit)
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
  Result<void> sortQueues();
  Result<void> sortEnds();

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
  uint32_t usable = hardware.routing.colors - std::min(hardware.routing.colors, hardware.routing.reservedColors);
  if (flow.color() >= usable || flow.color() >= 64)
    return bad(fmt::format("programs may use colors 0 to {} of this hardware", std::min(usable, 64u) - 1));
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
    for (int32_t line = begin; line < end; ++line)
      addWalk({index, static_cast<uint32_t>(line), static_cast<uint32_t>(tables.flows.size()), alongX, flow.source(),
               flow.lo(), flow.hi(), flow.deliver_all(), flow.color()});
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
  info.roomInWords = routers * (hardware.routing.queueWords + std::max(latency.hop, latency.ramp));
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
  queue.fifo.latency = static_cast<uint8_t>(fromCore ? hardware.latency.ramp : hardware.latency.hop);
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
    Endpoint endpoint;
    endpoint.core = queue.router;
    endpoint.channel = walk.channel;
    endpoint.flow = walk.flow;
    endpointsFound.push_back(endpoint);
    endpointQueues.push_back(index);
  }
  queues.push_back(queue);
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
    if (queue.router == before.router && queue.color == before.color)
      return userError(fmt::format(
          "program '{}': channels '{}' and '{}' both use color {} in router ({}, {}); give one of them another color",
          program.name, program.channels[tables.flows[before.flow].channel]->name,
          program.channels[tables.flows[queue.flow].channel]->name, queue.color, queue.router % width,
          queue.router / width));
  }
  tables.queues.resize(queues.size());
  tables.routerQueues.assign(cores() + 1, 0);
  for (uint32_t i = 0; i < queues.size(); ++i) {
    Queue queue = queues[i];
    for (uint32_t &next : queue.next)
      if (!(next & hostBit))
        next = place[next];
    tables.queues[place[i]] = queue;
    ++tables.routerQueues[queue.router + 1];
  }
  std::partial_sum(tables.routerQueues.begin(), tables.routerQueues.end(), tables.routerQueues.begin());
  for (uint32_t &queue : endpointQueues)
    queue = place[queue];
  for (Sender &sender : sendersFound)
    sender.port.queue = place[sender.port.queue];
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
    tables.queues[endpointQueues[order[i]]].endpoint = i;
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
