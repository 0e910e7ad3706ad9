#include "compiler/route/DeadlockNetwork.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <utility>

namespace weft::route::detail {

std::string Network::addFlow(const pkg::ChannelT &spec, int channel, const pkg::Flow &flow, int line) {
  bool alongX = spec.axis == pkg::Axis::X;
  auto coreAt = [&](int p) {
    if (p < 0)
      return hostCore;
    return alongX ? line * width + p : p * width + line;
  };
  FlowState state;
  state.channel = channel;
  state.core = coreAt(flow.source());
  state.firstReceiver = static_cast<int>(receivers.size());
  int index = static_cast<int>(flows.size());
  auto deliver = [&](int p) -> std::string {
    if (!flow.deliver_all() && p != flow.lo() && p != flow.hi())
      return "";
    Receiver receiver{coreAt(p), index, std::abs(p - flow.source()), 0, 0};
    if (receiver.core == hostCore)
      receiver.open = unlimited;
    else if (std::exchange(receiverSlots[channel][receiver.core], static_cast<int>(receivers.size())) != none)
      return fmt::format("core ({}, {}) receives two flows of channel '{}'", receiver.core % width,
                         receiver.core / width, spec.name);
    receivers.push_back(receiver);
    return "";
  };
  for (int p = flow.source() - 1; p >= flow.lo(); --p)
    if (std::string problem = deliver(p); !problem.empty())
      return problem;
  state.lowReceivers = static_cast<int>(receivers.size()) - state.firstReceiver;
  for (int p = flow.source() + 1; p <= flow.hi(); ++p)
    if (std::string problem = deliver(p); !problem.empty())
      return problem;
  state.receivers = static_cast<int>(receivers.size()) - state.firstReceiver;
  if (state.core != hostCore && std::exchange(sendFlows[channel][state.core], index) != none)
    return fmt::format("core ({}, {}) sends two flows of channel '{}'", state.core % width, state.core / width,
                       spec.name);
  flows.push_back(state);
  return "";
}

std::string Network::build(int meshWidth, int meshHeight, const pkg::ProgramT &program, int64_t words) {
  width = meshWidth;
  height = meshHeight;
  queueWords = words;
  sendFlows.resize(program.channels.size());
  receiverSlots.resize(program.channels.size());
  for (size_t c = 0; c < program.channels.size(); ++c) {
    const pkg::ChannelT &channel = *program.channels[c];
    if (channel.axis != pkg::Axis::X && channel.axis != pkg::Axis::Y)
      return fmt::format("channel '{}' has no axis", channel.name);
    int length = channel.axis == pkg::Axis::X ? width : height, lines = channel.axis == pkg::Axis::X ? height : width;
    sendFlows[c].assign(static_cast<size_t>(width) * height, none);
    receiverSlots[c].assign(static_cast<size_t>(width) * height, none);
    for (const pkg::Flow &flow : channel.flows) {
      if (flow.lo() < -1 || flow.lo() > flow.source() || flow.source() > flow.hi() || flow.hi() >= length ||
          flow.line() < -1 || flow.line() >= lines)
        return fmt::format("channel '{}' has a flow off the {}x{} mesh", channel.name, width, height);
      int first = flow.line() < 0 ? 0 : flow.line(), last = flow.line() < 0 ? lines - 1 : flow.line();
      for (int line = first; line <= last; ++line)
        if (std::string problem = addFlow(channel, static_cast<int>(c), flow, line); !problem.empty())
          return problem;
    }
  }
  return "";
}

// A word leaves a router only when it can go to all of its outputs at once, so a receiver holds up those behind it at
// once, and those before it as soon as the queues between them are full:
//   bound(i) = min(open(i), bound(i + 1) + queues between i and i + 1)    words that may pass receiver i
//   room     = min over both sides of bound(first) + queues up to it, plus the source router's own queue
bool Network::advance(int index, std::vector<int> &progressed) {
  FlowState &flow = flows[index];
  flow.dirty = false;
  bounds.resize(flow.receivers);
  auto boundSide = [&](int begin, int end) {
    int64_t bound = unlimited;
    int next = 0;
    for (int i = end - 1; i >= begin; --i) {
      const Receiver &receiver = receivers[flow.firstReceiver + i];
      bound = std::min(receiver.open, bound + (next - receiver.distance) * queueWords * (i != end - 1));
      bounds[i] = bound;
      next = receiver.distance;
    }
    return begin == end ? unlimited : bound + next * queueWords;
  };
  int64_t leave = std::min(boundSide(0, flow.lowReceivers), boundSide(flow.lowReceivers, flow.receivers));
  flow.room = leave + (flow.core == hostCore ? 0 : queueWords);
  int64_t sent = std::max(flow.sent, std::min(flow.issued, flow.room));
  bool changed = sent != std::exchange(flow.sent, sent);
  int64_t arrived = std::min(sent, leave);
  for (int i = 0; i < flow.receivers; ++i) {
    if (i == flow.lowReceivers)
      arrived = std::min(sent, leave);
    arrived = std::min(arrived, bounds[i]);
    Receiver &receiver = receivers[flow.firstReceiver + i];
    if (arrived <= receiver.taken)
      continue;
    receiver.taken = arrived;
    progressed.push_back(flow.firstReceiver + i);
    changed = true;
  }
  return changed;
}

} // namespace weft::route::detail
