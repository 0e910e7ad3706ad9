// What the untimed run says when it got stuck: who waits for whom.
#include "compiler/route/DeadlockRun.h"
#include "runtime/package/Elements.h"

#include <algorithm>
#include <fmt/format.h>

namespace weft::route::detail {

std::string Run::nameCore(int core) const {
  return core == hostCore ? std::string("the host") : fmt::format("core ({}, {})", core % width, core / width);
}

std::string Run::where(int core, int task) const {
  const pkg::TaskT &t = *program.tasks[task];
  std::string op = t.op < program.ops.size() ? program.ops[t.op]->name : fmt::format("#{}", t.op);
  return fmt::format("{} class '{}' task {} op '{}'", nameCore(core), package.classes[t.class_id]->name, task, op);
}

/// The core that keeps words of `flow` from leaving their source: the receiver that has opened least.
int Run::blockerOfSend(int flow, std::string &why) const {
  const FlowState &state = network.flows[flow];
  const std::string &channel = program.channels[state.channel]->name;
  if (state.first != none) {
    why += fmt::format(", channel '{}': {} of {} words have left", channel, state.sent, state.issued);
    return blockerOfCombined(state, why);
  }
  int tightest = none;
  auto slack = [&](int r) {
    const Receiver &receiver = network.receivers[r];
    return receiver.open + receiver.distance * int64_t{options.queueWords};
  };
  for (int r = state.firstReceiver; r < state.firstReceiver + state.receivers; ++r)
    if (tightest == none || slack(r) < slack(tightest))
      tightest = r;
  why += fmt::format(", channel '{}': {} of {} words have left", channel, state.sent, state.issued);
  if (tightest == none)
    return hostCore;
  const Receiver &receiver = network.receivers[tightest];
  why += fmt::format("; {} has asked for {}", nameCore(receiver.core), receiver.open);
  return receiver.core;
}

/// Who keeps words from being combined: the sender that has put least, or else the root.
int Run::blockerOfCombined(const FlowState &flow, std::string &why) const {
  int scarce = flow.first;
  for (int f = flow.first; f < flow.first + flow.senders; ++f)
    if (network.flows[f].issued < network.flows[scarce].issued)
      scarce = f;
  const Receiver &root = network.receivers[flow.firstReceiver];
  if (root.open <= root.taken) {
    why += fmt::format("; {} has asked for {}", nameCore(root.core), root.open);
    return root.core;
  }
  why += fmt::format("; {} has put {}", nameCore(network.flows[scarce].core), network.flows[scarce].issued);
  return network.flows[scarce].core;
}

int Run::blockerOfReceive(int index, std::string &why) const {
  const Receiver &receiver = network.receivers[index];
  const FlowState &flow = network.flows[receiver.flow];
  int64_t wanted = receiver.open;
  why += fmt::format(", channel '{}': {} of {} words have come", program.channels[flow.channel]->name, receiver.taken,
                     wanted);
  if (flow.first != none)
    return blockerOfCombined(flow, why);
  if (flow.issued < wanted || flow.sent < flow.issued) {
    if (flow.issued <= receiver.taken || flow.sent >= flow.issued) {
      why += fmt::format("; {} has put {}", nameCore(flow.core), flow.issued);
      return flow.core;
    }
  }
  return blockerOfSend(receiver.flow, why); // they are held up by another receiver of the flow
}

/// What `core` lacks; sets the core that could give it.
std::string Run::lackOf(int core, int &waitsFor) const {
  const CoreState &state = cores[core];
  std::string why;
  waitsFor = hostCore;
  if (state.mode == Mode::Forwards) {
    const Receiver &in = network.receivers[state.in];
    bool hasRoom = in.open > in.taken || network.flows[state.out].room >= state.baseOut + state.words;
    waitsFor = hasRoom ? blockerOfReceive(state.in, why) : blockerOfSend(state.out, why);
  } else if (state.mode == Mode::ReducesInto) {
    waitsFor = blockerOfReceive(state.in, why);
  } else if (state.mode == Mode::Waits) {
    for (int r : state.receives)
      if (network.receivers[r].taken < network.receivers[r].open) {
        waitsFor = blockerOfReceive(r, why);
        return why;
      }
    for (int f : state.sends)
      if (network.flows[f].sent < network.flows[f].issued) {
        waitsFor = blockerOfSend(f, why);
        return why;
      }
  }
  return why;
}

std::string Run::describe(int core) const {
  const CoreState &state = cores[core];
  if (state.mode == Mode::Ended)
    return fmt::format("  {} has ended", nameCore(core));
  const Step &step = lists[state.list][state.pc];
  int waitsFor = hostCore;
  std::string lack = lackOf(core, waitsFor);
  return fmt::format("  {} in {}{}: waits for {}", where(core, step.task), pkg::EnumNameInstrKind(step.kind), lack,
                     nameCore(waitsFor));
}

Error Run::stuck() const {
  int core = 0, waiting = 0;
  for (size_t c = cores.size(); c-- > 0;)
    if (cores[c].mode != Mode::Ended) {
      core = static_cast<int>(c);
      ++waiting;
    }
  // Follow who waits for whom until a core comes again, or one that has ended or the host, which will never help.
  std::vector<int> path;
  while (core != hostCore && cores[core].mode != Mode::Ended &&
         std::find(path.begin(), path.end(), core) == path.end()) {
    path.push_back(core);
    int next = hostCore;
    lackOf(core, next);
    core = next;
  }
  auto start = std::find(path.begin(), path.end(), core);
  bool isCircle = start != path.end();
  std::string text = fmt::format("program '{}' gets stuck: {} of {} cores never end; {}", program.name, waiting,
                                 cores.size(), isCircle ? "these wait for each other:" : "words are missing:");
  size_t shown = 0;
  for (auto it = isCircle ? start : path.begin(); it != path.end(); ++it) {
    if (++shown > 12) {
      text += fmt::format("\n  ... and {} more", path.end() - it);
      break;
    }
    text += "\n" + describe(*it);
  }
  if (!isCircle)
    text += core == hostCore ? std::string("\n  the host has given all it has") : "\n" + describe(core);
  return internalError(std::move(text));
}

/// After the last core: nothing may be left in a queue, asked for in vain, or missing at the host.
Result<void> Run::checkCounts() const {
  for (const FlowState &flow : network.flows) {
    const std::string &channel = program.channels[flow.channel]->name;
    for (int r = flow.firstReceiver; r < flow.firstReceiver + flow.receivers; ++r) {
      const Receiver &receiver = network.receivers[r];
      int64_t wanted = receiver.open;
      if (receiver.core == hostCore) {
        wanted = 0;
        for (const auto &output : program.outputs)
          if (static_cast<int>(output->channel) == flow.channel) {
            int lines = program.channels[flow.channel]->axis == pkg::Axis::X ? height : width;
            wanted +=
                wordsOf(static_cast<int64_t>(output->index.size()) / lines * runtime::elementBytes(output->element));
          }
      }
      if (flow.issued != wanted || receiver.taken != wanted)
        return internalError(fmt::format(
            "program '{}': channel '{}': {} puts {} words, {} takes {} of them and asks for {}", program.name, channel,
            nameCore(flow.core), flow.issued, nameCore(receiver.core), receiver.taken, wanted));
    }
  }
  return success();
}

} // namespace weft::route::detail
