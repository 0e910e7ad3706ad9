#include "compiler/route/DeadlockNetwork.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <utility>

namespace weft::route::detail {

std::string Network::addReceiver(const pkg::ChannelT &spec, int channel, const Receiver &receiver) {
  if (receiver.core != hostCore &&
      std::exchange(receiverSlots[channel][receiver.core], static_cast<int>(receivers.size())) != none)
    return fmt::format("core ({}, {}) receives two flows of channel '{}'", receiver.core % width, receiver.core / width,
                       spec.name);
  receivers.push_back(receiver);
  return "";
}

std::string Network::addSender(const pkg::ChannelT &spec, const FlowState &state) {
  if (state.core != hostCore &&
      std::exchange(sendFlows[state.channel][state.core], static_cast<int>(flows.size())) != none)
    return fmt::format("core ({}, {}) sends two flows of channel '{}'", state.core % width, state.core / width,
                       spec.name);
  flows.push_back(state);
  return "";
}

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
    return addReceiver(spec, channel, receiver);
  };
  if (flow.combine() != pkg::Combine::None && flow.lo() < flow.hi()) {
    state.receivers = 1;
    state.first = index;
    state.senders = flow.hi() - flow.lo() + 1;
    std::string problem = addReceiver(spec, channel, {coreAt(flow.source()), index, 0, 0, 0});
    for (int p = flow.lo(); p <= flow.hi() && problem.empty(); ++p) {
      state.core = coreAt(p);
      problem = addSender(spec, state);
    }
    return problem;
  }
  for (int p = flow.source() - 1; p >= flow.lo(); --p)
    if (std::string problem = deliver(p); !problem.empty())
      return problem;
  state.lowReceivers = static_cast<int>(receivers.size()) - state.firstReceiver;
  for (int p = flow.source() + 1; p <= flow.hi(); ++p)
    if (std::string problem = deliver(p); !problem.empty())
      return problem;
  state.receivers = static_cast<int>(receivers.size()) - state.firstReceiver;
  return addSender(spec, state);
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
    if (channel.turn)
      return fmt::format("in channel '{}' cores take turns, which this check does not follow", channel.name);
    int length = channel.axis == pkg::Axis::X ? width : height, lines = channel.axis == pkg::Axis::X ? height : width;
    sendFlows[c].assign(static_cast<size_t>(width) * height, none);
    receiverSlots[c].assign(static_cast<size_t>(width) * height, none);
    for (const pkg::Flow &flow : channel.flows) {
      if (flow.lo() < -1 || flow.lo() > flow.source() || flow.source() > flow.hi() || flow.hi() >= length ||
          flow.line() < -1 || flow.line() >= lines || (flow.combine() != pkg::Combine::None && flow.lo() < 0))
        return fmt::format("channel '{}' has a flow off the {}x{} mesh", channel.name, width, height);
      int first = flow.line() < 0 ? 0 : flow.line(), last = flow.line() < 0 ? lines - 1 : flow.line();
      for (int line = first; line <= last; ++line)
        if (std::string problem = addFlow(channel, static_cast<int>(c), flow, line); !problem.empty())
          return problem;
    }
  }
  return "";
}

// The root takes a word when all senders have put theirs. Each sender has one queue for the words that wait for
// others'; the queues of what is combined already are left out, so that there is no more room than the machine has.
bool Network::advanceCombined(const FlowState &flow, std::vector<int> &progressed) {
  Receiver &root = receivers[flow.firstReceiver];
  int scarce = flow.first; // who has put least, and how many the next one has
  int64_t others = unlimited;
  for (int f = flow.first + 1; f < flow.first + flow.senders; ++f)
    if (flows[f].issued < flows[scarce].issued) {
      others = flows[scarce].issued;
      scarce = f;
    } else {
      others = std::min(others, flows[f].issued);
    }
  const int64_t least = flows[scarce].issued, taken = std::min(root.open, least);
  bool changed = taken > root.taken;
  if (changed) {
    root.taken = taken;
    progressed.push_back(flow.firstReceiver);
  }
  for (int f = flow.first; f < flow.first + flow.senders; ++f) {
    flows[f].dirty = false;
    flows[f].room = std::min(root.open, f == scarce ? others : least) + queueWords;
    int64_t sent = std::max(flows[f].sent, std::min(flows[f].issued, root.taken + queueWords));
    changed |= sent != std::exchange(flows[f].sent, sent);
  }
  return changed;
}

// A word leaves a router only when it can go to all of its outputs at once, so a receiver holds up those behind it at
// once, and those before it as soon as the queues between them are full:
//   bound(i) = min(open(i), bound(i + 1) + queues between i and i + 1)    words that may pass receiver i
//   room     = min over both sides of bound(first) + queues up to it, plus the source router's own queue
bool Network::advance(int index, std::vector<int> &progressed) {
  FlowState &flow = flows[index];
  if (flow.first != none)
    return advanceCombined(flow, progressed);
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
