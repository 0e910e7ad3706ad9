#include "sim/maxplus/Repetition.h"

#include <map>

namespace weft::sim::maxplus {
namespace {

/// All of a phase that its cycles depend on, as numbers. Which buffers data lie in is not among it.
class Signature {
public:
  std::vector<int64_t> numbers;

  void add(const ProgramImage &image, const InstrCode &instr) {
    for (uint32_t number : {static_cast<uint32_t>(instr.kind), instr.channel, instr.channelOut, instr.kernel,
                            instr.scalars.end - instr.scalars.begin})
      numbers.push_back(number);
    add(instr.bytes);
    add(instr.count);
    for (uint32_t i = instr.scalars.begin; i < instr.scalars.end; ++i)
      add(image.scalars[i]);
    numbers.push_back(instr.work == none);
    if (instr.work == none)
      return;
    const WorkCode &work = image.works[instr.work];
    numbers.push_back(work.narrowOperand);
    for (const pkg::Expr *each : {&work.macs, &work.alu, &work.special, &work.loadBytes, &work.storeBytes,
                                  &work.vectors, &work.descriptors, &work.activations})
      add(*each);
  }

private:
  void add(const pkg::Expr &expr) {
    numbers.insert(numbers.end(), {static_cast<int64_t>(expr.source()), expr.index(), expr.scale(), expr.add()});
  }
};

struct Axes {
  bool x = false, y = false;
  bool areOther(const Axes &than) const { return x != y && than.x != than.y && x != than.x; }
};

/// Along which axes words of the task go.
Axes axesOf(const ProgramImage &image, const TaskCode &task, std::span<const ChannelShape> channels) {
  Axes axes;
  auto add = [&](uint32_t channel) { (channels[channel].alongX ? axes.x : axes.y) = true; };
  for (uint32_t pc = task.instrs.begin; pc < task.instrs.end; ++pc) {
    const InstrCode &instr = image.instrs[pc];
    if (instr.kind == pkg::InstrKind::Put || instr.kind == pkg::InstrKind::Get ||
        instr.kind == pkg::InstrKind::ReduceInto || instr.kind == pkg::InstrKind::ReduceForward)
      add(instr.channel);
    if (instr.kind == pkg::InstrKind::ReduceForward)
      add(instr.channelOut);
  }
  return axes;
}

} // namespace

std::vector<Phase> findPhases(const ProgramImage &image, std::span<const uint32_t> classOfTask,
                              std::span<const ChannelShape> channels) {
  std::vector<Phase> phases;
  std::map<std::vector<int64_t>, uint32_t> kinds;
  for (uint32_t begin = 0; begin < image.tasks.size(); begin = phases.back().end) {
    Phase &phase = phases.emplace_back(Phase{begin, begin, 0});
    Signature signature;
    Axes axes;
    for (; phase.end < image.tasks.size() && image.tasks[phase.end].op == image.tasks[begin].op; ++phase.end) {
      const Axes own = axesOf(image, image.tasks[phase.end], channels);
      if (own.areOther(axes))
        break;
      axes = {axes.x || own.x, axes.y || own.y};
      const Range instrs = image.tasks[phase.end].instrs;
      signature.numbers.insert(signature.numbers.end(), {classOfTask[phase.end], instrs.end - instrs.begin});
      for (uint32_t pc = instrs.begin; pc < instrs.end; ++pc)
        signature.add(image, image.instrs[pc]);
    }
    phase.kind = kinds.try_emplace(std::move(signature.numbers), static_cast<uint32_t>(kinds.size())).first->second;
  }
  return phases;
}

Repetition findRepetition(std::span<const Phase> phases) {
  Repetition best;
  uint64_t spared = 0;
  for (size_t period = 1; period <= phases.size() / 2; ++period)
    for (size_t at = 0, alike = 0; at + period < phases.size(); ++at) {
      alike = phases[at].kind == phases[at + period].kind ? alike + 1 : 0;
      const size_t blocks = alike / period; // that equal the one before them
      if (blocks * period <= spared)
        continue;
      spared = blocks * period;
      best = {static_cast<uint32_t>(at + 1 - alike), static_cast<uint32_t>(period), static_cast<uint32_t>(blocks + 1)};
    }
  return best;
}

} // namespace weft::sim::maxplus
