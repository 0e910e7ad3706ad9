#include "sim/maxplus/Channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

namespace weft::sim::maxplus {

FabricCycles fabricCycles(const hw::Hardware &hardware) {
  return {hardware.latency.hop, hardware.latency.ramp, hardware.latency.streamStage, hardware.routing.queueWords,
          hardware.latency.dieCrossing};
}

std::vector<uint32_t> linkCyclesTo(const FabricCycles &cycles, bool alongX, size_t length) {
  std::vector<uint32_t> to(length, 0);
  for (size_t at = 1; at < length; ++at)
    to[at] = to[at - 1] + cycles.link(alongX, static_cast<int32_t>(at) - 1);
  return to;
}

namespace {

class Builder {
public:
  Builder(const pkg::ProgramT &program, uint32_t width, uint32_t height, const hw::Hardware &hardware)
      : program(program), width(width), height(height), hardware(hardware), cycles(fabricCycles(hardware)) {}

  Result<std::vector<ChannelShape>> build() {
    for (const auto &channel : program.channels)
      if (auto ok = addChannel(*channel); !ok)
        return ok.takeError();
    if (auto ok = checkColors(); !ok)
      return ok.takeError();
    findSharedLinks(true);
    findSharedLinks(false);
    return std::move(shapes);
  }

private:
  Error bad(const pkg::ChannelT &channel, const std::string &what) const {
    return userError(fmt::format("program '{}', channel '{}': {}", program.name, channel.name, what));
  }
  Result<void> addChannel(const pkg::ChannelT &channel);
  Result<void> checkFlow(const pkg::ChannelT &channel, const pkg::Flow &flow, int32_t lines, int32_t length) const;
  Result<Line> buildLine(const pkg::ChannelT &channel, const std::vector<uint32_t> &flows, bool alongX) const;
  Result<void> addTurning(const pkg::ChannelT &channel, Line &line, FlowShape flow, uint32_t number) const;
  Result<void> checkColors() const;
  void findSharedLinks(bool alongX);
  uint32_t linesOf(bool alongX) const { return alongX ? height : width; }
  uint32_t lengthOf(bool alongX) const { return alongX ? width : height; }

  const pkg::ProgramT &program;
  const uint32_t width, height;
  const hw::Hardware &hardware;
  const FabricCycles cycles;
  std::vector<ChannelShape> shapes;
  std::vector<std::vector<std::vector<uint64_t>>> colors; // by channel, line that differs, position: bit c, colour c
};

Result<void> Builder::checkFlow(const pkg::ChannelT &channel, const pkg::Flow &flow, int32_t lines,
                                int32_t length) const {
  const uint32_t usable = hardware.routing.usableColors();
  if (flow.combine() != pkg::Combine::None)
    return bad(channel, "routers combine its words, which only the event-driven engine does");
  if (flow.line() < -1 || flow.line() >= lines || flow.lo() < -1 || flow.hi() >= length || flow.lo() > flow.source() ||
      flow.source() > flow.hi())
    return bad(channel, "a flow lies off the mesh");
  if (channel.turn && (flow.lo() < 0 || flow.source() != flow.lo() || !flow.deliver_all() || flow.line() >= 0 ||
                       channel.flows.size() != 1))
    return bad(channel, "cores take turns, but not in one broadcast that is the same on all lines");
  if (flow.color() >= usable || flow.color() >= 64)
    return bad(channel, fmt::format("a flow has color {}, programs may use {}", flow.color(), usable));
  return success();
}

Result<Line> Builder::buildLine(const pkg::ChannelT &channel, const std::vector<uint32_t> &flows, bool alongX) const {
  Line line;
  line.stops.resize(lengthOf(alongX));
  bool toHost = false;
  for (uint32_t index : flows) {
    const pkg::Flow &from = channel.flows[index];
    FlowShape flow;
    flow.source = from.source();
    flow.lo = from.lo();
    flow.hi = from.hi();
    flow.deliverAll = from.deliver_all();
    flow.color = from.color();
    flow.links = static_cast<uint32_t>(flow.hi - flow.lo);
    flow.maxHops = static_cast<uint32_t>(std::max(flow.hi - flow.source, flow.source - flow.lo));
    const auto number = static_cast<uint32_t>(line.flows.size());
    uint32_t &sends = flow.source == host ? line.hostFlow : line.stops[static_cast<size_t>(flow.source)].sends;
    if (sends != noFlow || (flow.source != host && flow.lo == host && toHost))
      return bad(channel, "a core or host port is the source or the receiver of more than one flow");
    sends = number;
    toHost = toHost || flow.lo == host;
    flow.fits = ~uint32_t{0};
    flow.turn = channel.turn;
    if (flow.turn) {
      if (auto ok = addTurning(channel, line, flow, number); !ok)
        return ok.takeError();
      continue;
    }
    for (int direction : {-1, 1}) {
      Stop way;
      way.path = flow.source == host ? cycles.hop : cycles.ramp;
      way.room = cycles.queueWords + way.path;
      way.steps = 1;
      bool first = true;
      for (int32_t at = flow.source; at >= flow.lo && at <= flow.hi && at >= (flow.source == host ? -1 : 0);
           at += direction) {
        if (at != flow.source && !(flow.source == host && at == 0)) {
          const uint32_t link = cycles.link(alongX, direction > 0 ? at - 1 : at);
          way.path += link;
          way.room += cycles.queueWords + link;
          ++way.steps;
        }
        if (!flow.delivers(at))
          continue;
        Stop &stop = line.stops[static_cast<size_t>(at)];
        if (stop.source != nobody)
          return bad(channel, "a core receives more than one flow of it");
        stop.source = flow.source;
        stop.flow = number;
        stop.path = way.path;
        stop.room = way.room;
        stop.steps = way.steps;
        flow.single = ++flow.receivers == 1 ? at : nobody;
        if (first)
          flow.fits = std::min(flow.fits, way.room);
        first = false;
      }
    }
    if (flow.lo == host && flow.source != host && flow.receivers)
      flow.single = nobody;
    line.flows.push_back(flow);
  }
  return line;
}

/// All cores of the flow send and receive by it; what lies between them depends on the message.
Result<void> Builder::addTurning(const pkg::ChannelT &channel, Line &line, FlowShape flow, uint32_t number) const {
  flow.fits = cycles.queueWords + cycles.ramp;
  flow.receivers = flow.links + 1;
  for (int32_t at = flow.lo; at <= flow.hi; ++at) {
    Stop &stop = line.stops[static_cast<size_t>(at)];
    if (stop.source != nobody || (stop.sends != noFlow && at != flow.lo))
      return bad(channel, "a core or host port is the source or the receiver of more than one flow");
    stop.source = host; // somebody, now and then
    stop.flow = stop.sends = number;
  }
  line.flows.push_back(flow);
  return success();
}

Result<void> Builder::addChannel(const pkg::ChannelT &channel) {
  ChannelShape shape;
  shape.turn = channel.turn;
  shape.alongX = channel.axis != pkg::Axis::Y;
  const auto lines = static_cast<int32_t>(linesOf(shape.alongX)), length = static_cast<int32_t>(lengthOf(shape.alongX));
  if (!channel.flows.empty() && channel.axis == pkg::Axis::None)
    return bad(channel, "flows need an axis");
  std::vector<std::vector<uint32_t>> own(static_cast<size_t>(lines));
  std::vector<uint32_t> everywhere;
  bool differ = false;
  for (uint32_t i = 0; i < channel.flows.size(); ++i) {
    const pkg::Flow &flow = channel.flows[i];
    if (auto ok = checkFlow(channel, flow, lines, length); !ok)
      return ok;
    if (flow.lo() == flow.hi())
      continue;
    differ = differ || flow.line() >= 0;
    if (flow.line() < 0)
      everywhere.push_back(i);
    else
      own[static_cast<size_t>(flow.line())].push_back(i);
  }
  std::map<std::vector<uint32_t>, uint32_t> known;
  auto &masks = colors.emplace_back();
  for (size_t at = 0; at < (differ ? own.size() : 1); ++at) {
    std::vector<uint32_t> flows = everywhere;
    flows.insert(flows.end(), own[at].begin(), own[at].end());
    auto [entry, isNew] = known.try_emplace(flows, static_cast<uint32_t>(shape.lines.size()));
    shape.lineOf.push_back(entry->second);
    if (!isNew)
      continue;
    auto line = buildLine(channel, flows, shape.alongX);
    if (!line)
      return line.takeError();
    shape.lines.push_back(std::move(*line));
    std::vector<uint64_t> mask(static_cast<size_t>(length), 0);
    for (uint32_t index : flows)
      for (int32_t p = std::max(channel.flows[index].lo(), 0); p <= channel.flows[index].hi(); ++p) {
        const uint64_t bit = uint64_t{1} << channel.flows[index].color();
        if (mask[static_cast<size_t>(p)] & bit)
          return bad(channel, fmt::format("two flows have color {} in one router", channel.flows[index].color()));
        mask[static_cast<size_t>(p)] |= bit;
      }
    masks.push_back(std::move(mask));
  }
  if (!differ)
    shape.lineOf.assign(static_cast<size_t>(lines), 0);
  shapes.push_back(std::move(shape));
  return success();
}

Result<void> Builder::checkColors() const {
  std::vector<uint64_t> used(size_t{width} * height, 0);
  for (size_t c = 0; c < shapes.size(); ++c) {
    const ChannelShape &shape = shapes[c];
    if (program.channels[c]->flows.empty())
      continue;
    for (uint32_t y = 0; y < height; ++y)
      for (uint32_t x = 0; x < width; ++x) {
        const uint64_t here = colors[c][shape.lineOf[shape.alongX ? y : x]][shape.positionOf(x, y)];
        uint64_t &all = used[size_t{y} * width + x];
        if (all & here)
          return bad(*program.channels[c],
                     fmt::format("a color of it is another channel's, too, in router ({}, {})", x, y));
        all |= here;
      }
  }
  return success();
}

/// Marks the flows that use a link of another flow, of whatever channel, on some line.
void Builder::findSharedLinks(bool alongX) {
  const uint32_t length = lengthOf(alongX);
  std::map<std::vector<uint32_t>, bool> done;
  for (uint32_t at = 0; at < linesOf(alongX); ++at) {
    std::vector<uint32_t> key;
    for (const ChannelShape &shape : shapes)
      key.push_back(shape.alongX == alongX ? shape.lineOf[at] : noFlow);
    if (!done.try_emplace(key, true).second)
      continue;
    std::vector<uint32_t> users[2]; // flows on the link away from a position, downwards and upwards
    users[0].assign(length, 0);
    users[1].assign(length, 0);
    auto walk = [&](auto visit) {
      for (size_t c = 0; c < shapes.size(); ++c)
        if (shapes[c].alongX == alongX)
          for (FlowShape &flow : shapes[c].lines[key[c]].flows) {
            for (int32_t p = flow.turn ? flow.hi : flow.source; p > flow.lo; --p)
              visit(flow, users[0][static_cast<size_t>(p)]);
            for (int32_t p = std::max(flow.source, 0); p < flow.hi; ++p)
              visit(flow, users[1][static_cast<size_t>(p)]);
          }
    };
    walk([](FlowShape &, uint32_t &count) { ++count; });
    walk([](FlowShape &flow, uint32_t &count) { flow.sharesLinks = flow.sharesLinks || count > 1; });
  }
}

} // namespace

Result<std::vector<ChannelShape>> buildChannels(const pkg::ProgramT &program, uint32_t width, uint32_t height,
                                                const hw::Hardware &hardware) {
  return Builder(program, width, height, hardware).build();
}

} // namespace weft::sim::maxplus
