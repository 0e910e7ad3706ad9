// Which way the oracle's words go: what the routers of each flow know of it.
#include "mesh_oracle_state.h"

#include <algorithm>

namespace weft::test {

uint64_t OracleFabric::linkLatency(uint32_t from, uint32_t to) const {
  const hw::DieCrossing &crossing = hardware.latency.dieCrossing;
  uint64_t cycles = hardware.latency.hop;
  uint32_t low = std::min(from, to), high = std::max(from, to);
  uint32_t every = high - low == width ? crossing.rows : crossing.columns;
  uint32_t position = high - low == width ? high / width : high % width;
  if (every && position % every == 0)
    cycles += crossing.cycles;
  return cycles;
}

uint32_t OracleFabric::at(bool alongX, uint32_t line, int32_t position) const {
  return alongX ? line * width + static_cast<uint32_t>(position) : static_cast<uint32_t>(position) * width + line;
}

void OracleFabric::layRoutes(const pkg::ProgramT &program) {
  for (uint32_t channel = 0; channel < program.channels.size(); ++channel) {
    bool alongX = program.channels[channel]->axis == pkg::Axis::X;
    for (const pkg::Flow &flow : program.channels[channel]->flows)
      for (uint32_t line = 0; line < (alongX ? height : width); ++line) {
        if ((flow.line() != -1 && flow.line() != static_cast<int32_t>(line)) || flow.lo() == flow.hi())
          continue;
        if (flow.combine() != pkg::Combine::None) {
          layCombining(channel, alongX, line, flow);
          continue;
        }
        for (int32_t p = std::max(0, flow.lo()); p <= flow.hi(); ++p) {
          uint32_t here = at(alongX, line, p);
          ColourState state;
          state.channel = channel;
          state.line = line;
          uint64_t wayIn = p == flow.source() ? hardware.latency.ramp : hardware.latency.hop;
          if (p != flow.source() && (p > 0 || flow.source() >= 0))
            wayIn = linkLatency(here, at(alongX, line, p < flow.source() ? p + 1 : p - 1));
          state.queue.capacity = hardware.routing.queueWords + static_cast<uint32_t>(wayIn);
          if (p <= flow.source() && p > flow.lo()) {
            state.ports += alongX ? 'W' : 'N';
            if (p == 0)
              state.toHost = true;
            else
              state.nexts.emplace_back(at(alongX, line, p - 1), 'q');
          }
          if (p >= flow.source() && p < flow.hi()) {
            state.ports += alongX ? 'E' : 'S';
            state.nexts.emplace_back(at(alongX, line, p + 1), 'q');
          }
          state.toCore = p != flow.source() && (flow.deliver_all() || p == flow.lo() || p == flow.hi());
          if (state.toCore)
            state.ports += 'C';
          routers[here].colours[flow.color()] = state;
          routers[here].turns.know(flow.color());
        }
        bool host = flow.source() < 0;
        uint32_t router = at(alongX, line, std::max(0, flow.source()));
        Sender &sender = senders[host ? width * height + (alongX ? line : height + line) : router];
        sender.router = router;
        sender.latency = host ? hardware.latency.hop : hardware.latency.ramp;
        sender.colourOfChannel[channel] = flow.color();
        sender.turns.know(flow.color());
      }
  }
}

void OracleFabric::layCombining(uint32_t channel, bool alongX, uint32_t line, const pkg::Flow &flow) {
  for (int32_t p = flow.lo(); p <= flow.hi(); ++p) {
    uint32_t here = at(alongX, line, p);
    ColourState state;
    state.channel = channel;
    state.line = line;
    state.combine = flow.combine();
    state.queue.capacity = hardware.routing.queueWords + hardware.routing.reduceStage;
    state.inputs['b'].capacity = hardware.routing.queueWords + hardware.latency.ramp;
    if (p > flow.lo() && p <= flow.source())
      state.inputs['a'].capacity =
          hardware.routing.queueWords + static_cast<uint32_t>(linkLatency(here, at(alongX, line, p - 1)));
    if (p < flow.hi() && p >= flow.source())
      state.inputs['c'].capacity =
          hardware.routing.queueWords + static_cast<uint32_t>(linkLatency(here, at(alongX, line, p + 1)));
    state.toCore = p == flow.source();
    if (state.toCore) {
      state.ports = 'C';
    } else if (p < flow.source()) {
      state.ports = alongX ? 'E' : 'S';
      state.nexts.emplace_back(at(alongX, line, p + 1), 'a');
    } else {
      state.ports = alongX ? 'W' : 'N';
      state.nexts.emplace_back(at(alongX, line, p - 1), 'c');
    }
    routers[here].colours[flow.color()] = state;
    routers[here].turns.know(flow.color());
    routers[here].unitTurns.know(flow.color());
    Sender &sender = senders[here];
    sender.router = here;
    sender.latency = hardware.latency.ramp;
    sender.colourOfChannel[channel] = flow.color();
    sender.turns.know(flow.color());
  }
}

} // namespace weft::test
