#include "sim/cosim/mesh/RoutePlan.h"

#include "sim/cosim/mesh/RouterModel.h"

#include <algorithm>

namespace weft::cosim {
namespace {

class Planner {
public:
  Planner(const pkg::ProgramT &program, uint32_t width, uint32_t height)
      : program(program), width(width), height(height) {
    plan.tables.resize(size_t{width} * height);
    plan.ends.assign(size_t{width} * height, std::vector<ChannelEnd>(program.channels.size()));
  }

  RoutePlan run() {
    for (uint32_t channel = 0; channel < program.channels.size(); ++channel) {
      alongX = program.channels[channel]->axis == pkg::Axis::X;
      const auto lines = static_cast<int32_t>(alongX ? height : width);
      for (const pkg::Flow &flow : program.channels[channel]->flows) {
        if (flow.lo() == flow.hi())
          continue; // goes nowhere
        const int32_t first = std::max(flow.line(), 0), last = flow.line() < 0 ? lines - 1 : flow.line();
        for (int32_t each = first; each <= last; ++each) {
          line = static_cast<uint32_t>(each);
          if (flow.combine() == pkg::Combine::None)
            fanOut(channel, flow);
          else
            fanIn(channel, flow);
        }
      }
    }
    return std::move(plan);
  }

private:
  uint32_t at(int32_t position) const {
    const auto p = static_cast<uint32_t>(position);
    return alongX ? line * width + p : p * width + line;
  }
  uint32_t low() const { return 1u << (alongX ? West : North); }
  uint32_t high() const { return 1u << (alongX ? East : South); }

  void fanOut(uint32_t channel, const pkg::Flow &flow) {
    const uint32_t source = flow.source() < 0 ? fromHost : at(flow.source());
    for (int32_t p = std::max(flow.lo(), 0); p <= flow.hi(); ++p) {
      const uint32_t core = 1u << CorePort;
      uint32_t in = p == flow.source() ? core : p < flow.source() ? high() : low(), out = 0;
      if (p <= flow.source() && p > flow.lo())
        out |= low();
      if (p >= flow.source() && p < flow.hi())
        out |= high();
      if (p != flow.source() && (flow.deliver_all() || p == flow.lo() || p == flow.hi())) {
        out |= core;
        ChannelEnd &end = plan.ends[at(p)][channel];
        end.receiveColor = flow.color();
        end.source = source;
      }
      plan.tables[at(p)][flow.color()] = routeWord(0, in, out);
    }
    if (flow.source() < 0)
      plan.sources.push_back({alongX, line, channel, flow.color(), fromHost});
    else
      plan.ends[source][channel].sendColor = flow.color();
    if (flow.lo() < 0 && flow.source() >= 0)
      plan.sinks.push_back({alongX, line, channel, flow.color(), source});
  }

  /// Every core sends, and what comes of it is delivered at the source.
  void fanIn(uint32_t channel, const pkg::Flow &flow) {
    for (int32_t p = flow.lo(); p <= flow.hi(); ++p) {
      const uint32_t core = 1u << CorePort;
      uint32_t in = core;
      if (p > flow.lo() && p <= flow.source())
        in |= low();
      if (p < flow.hi() && p >= flow.source())
        in |= high();
      const uint32_t out = p == flow.source() ? core : p < flow.source() ? high() : low();
      plan.tables[at(p)][flow.color()] = routeWord(static_cast<uint32_t>(flow.combine()), in, out);
      plan.ends[at(p)][channel].sendColor = flow.color();
    }
    ChannelEnd &root = plan.ends[at(flow.source())][channel];
    root.receiveColor = flow.color();
    root.combined = true;
  }

  const pkg::ProgramT &program;
  const uint32_t width, height;
  bool alongX = false;
  uint32_t line = 0;
  RoutePlan plan;
};

} // namespace

RoutePlan planRoutes(const pkg::ProgramT &program, uint32_t width, uint32_t height) {
  return Planner(program, width, height).run();
}

} // namespace weft::cosim
