// What went wrong, in words that name core, task, op, instruction and channel.
#include "sim/mesh/Execution.h"

#include <fmt/format.h>

namespace weft::sim {

constexpr uint32_t casesNamed = 4; // of many alike

/// "Put 'a_shift' of buffer 'a' (task 3, op 'layers.0.gate', instruction 2)"
std::string Execution::describe(uint32_t task, uint32_t index) const {
  const InstrCode &instr = image.instrs[index];
  std::string what = pkg::EnumNameInstrKind(instr.kind);
  bool moves = instr.kind == pkg::InstrKind::Put || instr.kind == pkg::InstrKind::Get ||
               instr.kind == pkg::InstrKind::ReduceForward || instr.kind == pkg::InstrKind::ReduceInto;
  if (moves)
    what += fmt::format(" '{}' with buffer '{}'", image.channels[instr.channel],
                        image.buffers[image.operands[instr.operands.begin].buffer]);
  else if (instr.kind == pkg::InstrKind::Call)
    what += fmt::format(" '{}'", image.kernels[instr.kernel]);
  return fmt::format("{} (task {}, op '{}', instruction {})", what, task, image.ops[image.tasks[task].op],
                     index - image.tasks[task].instrs.begin);
}

std::string Execution::where(uint32_t core) const {
  return fmt::format("core ({}, {}) at cycle {}", core % width, core / width, now);
}

void Execution::fail(uint32_t core, const std::string &what) {
  if (!failure)
    failure = userError(fmt::format("program '{}', {}, {}: {}", image.name, where(core),
                                    describe(cores[core].task, cores[core].pc), what));
}

std::string Execution::progressOf(const Transfer &transfer) const {
  return fmt::format("{}: {} of {} words", describe(transfer.task, transfer.instr), transfer.done, transfer.words);
}

/// The transfers that hold a core up.
std::string Execution::blockedOn(uint32_t core) const {
  std::string text;
  uint32_t listed = 0;
  auto list = [&](uint32_t head) {
    for (uint32_t id = head; id != none; id = transfers[id].next)
      if (listed++ < casesNamed)
        text += (text.empty() ? "" : "; ") + progressOf(transfers[id]);
  };
  for (uint32_t i = image.routes.senderPorts[core]; i < image.routes.senderPorts[core + 1]; ++i)
    list(fabric.portStates()[i].head);
  for (uint32_t i = image.routes.coreEndpoints[core]; i < image.routes.coreEndpoints[core + 1]; ++i)
    list(fabric.endpointStates()[i].head);
  if (listed > casesNamed)
    text += fmt::format("; and {} more", listed - casesNamed);
  return text;
}

Error Execution::deadlock() const {
  std::string text = fmt::format("program '{}' cannot finish: {} of {} cores are blocked for ever since cycle {}",
                                 image.name, coreCount - coresDone, coreCount, now);
  uint32_t listed = 0;
  for (uint32_t core = 0; core < coreCount && listed < casesNamed; ++core) {
    if (cores[core].state == State::Done)
      continue;
    ++listed;
    text += fmt::format("\n  core ({}, {}) since cycle {} in {}: {}", core % width, core / width, cores[core].since,
                        describe(cores[core].task, cores[core].pc), blockedOn(core));
  }
  return userError(text);
}

std::optional<Error> Execution::leftovers() const {
  std::string text;
  uint32_t listed = 0;
  auto add = [&](const std::string &line) {
    if (listed++ < casesNamed)
      text += "\n  " + line;
  };
  for (uint32_t core = 0; core < coreCount; ++core)
    if (std::string open = blockedOn(core); !open.empty())
      add(fmt::format("core ({}, {}) has {}", core % width, core / width, open));
  for (uint32_t host = coreCount; host + 1 < image.routes.senderPorts.size(); ++host)
    for (uint32_t i = image.routes.senderPorts[host]; i < image.routes.senderPorts[host + 1]; ++i)
      if (uint32_t head = fabric.portStates()[i].head; head != none)
        add(fmt::format("the host has sent {} of {} words on channel '{}'", transfers[head].done, transfers[head].words,
                        image.channels[fabric.portStates()[i].channel]));
  for (const Queue &queue : fabric.queueStates())
    if (queue.fifo.total)
      add(fmt::format("{} words of channel '{}' are in router ({}, {})", queue.fifo.total,
                      image.channels[image.routes.flows[queue.flow].channel], queue.router % width,
                      queue.router / width));
  for (const Combiner &combiner : fabric.combinerStates())
    for (uint32_t side = 0; side < sideCount; ++side)
      if (uint32_t words = combiner.inputs[side].total)
        add(fmt::format("{} words of channel '{}' from {} wait in router ({}, {}) for what they are combined with",
                        words, image.channels[image.routes.flows[combiner.results].channel],
                        side == OwnCore   ? "its core"
                        : side == LowSide ? "the low side"
                                          : "the high side",
                        combiner.router % width, combiner.router / width));
  if (!listed)
    return std::nullopt;
  if (listed > casesNamed)
    text += fmt::format("\n  and {} more", listed - casesNamed);
  return userError(fmt::format("program '{}' ended at cycle {} with words that nobody took:{}", image.name, now, text));
}

} // namespace weft::sim
