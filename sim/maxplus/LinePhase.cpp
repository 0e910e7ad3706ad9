// Phases that LineSweep can evaluate: which lines are taken together, and what of a launch their results go into.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>
#include <deque>

namespace weft::sim::maxplus {
namespace {

constexpr uint32_t mostCycles = 1u << 29; // of a phase, so that numbers stay small enough

/// to[x * height + y] = from[y * width + x]
void transpose(const int32_t *from, int32_t *to, size_t width, size_t height) {
  constexpr size_t block = 16;
  for (size_t top = 0; top < height; top += block)
    for (size_t left = 0; left < width; left += block)
      for (size_t y = top; y < std::min(top + block, height); ++y)
        for (size_t x = left; x < std::min(left + block, width); ++x)
          to[x * height + y] = from[y * width + x];
}

} // namespace

/// The tasks' instructions for core (x, y); nothing if they are more than a LineSweep knows.
std::optional<LineSweep::Work> Evaluation::lineWork(const std::vector<uint32_t> &tasks, uint32_t x, uint32_t y) {
  LineSweep::Work work;
  const Strand nowhere; // in no loop
  for (uint32_t task : tasks)
    for (uint32_t pc = program.image.tasks[task].instrs.begin; pc < program.image.tasks[task].instrs.end; ++pc) {
      const InstrCode &instr = program.image.instrs[pc];
      LineInstr &made = work.emplace_back(LineInstr{instr.kind, instr.channel, instr.channelOut, 0, 0});
      switch (instr.kind) {
      case pkg::InstrKind::LoopBegin:
      case pkg::InstrKind::LoopEnd:
        return std::nullopt;
      case pkg::InstrKind::Wait:
        break;
      case pkg::InstrKind::Call:
        made.cycles = kernelCycles(instr, nowhere, x, y);
        break;
      default: {
        const int64_t bytes = evaluate(instr.bytes, nowhere, x, y), word = hardware.routing.linkBytes;
        if (bytes < 0 || bytes > int64_t{mostCycles})
          return std::nullopt;
        made.words = static_cast<uint32_t>((bytes + word - 1) / word);
      }
      }
      if (failure || made.cycles > mostCycles)
        return std::nullopt;
    }
  return work;
}

/// By core, or by position of line 0: its instructions, which `made` holds. Empty if they are not known before a run.
std::vector<const LineSweep::Work *> Evaluation::lineWorks(const std::vector<uint32_t> &tasks,
                                                           const std::vector<uint32_t> &classes,
                                                           const std::vector<Group> &groups, const LineUse &use,
                                                           bool firstOnly, std::deque<LineSweep::Work> &made) {
  const bool alongX = use.alongX;
  std::vector<const LineSweep::Work *> works(firstOnly ? alongX ? width : height : time.size(), nullptr);
  uint64_t cycles = 0;
  for (const Group &group : groups) {
    const std::vector<uint32_t> own = tasksOf(group, tasks, classes);
    const LineSweep::Work *known = nullptr;
    for (const Stretch &stretch : group.cores.stretches) {
      if (firstOnly && alongX && stretch.y)
        break;
      for (uint32_t x = stretch.begin; x < (firstOnly && !alongX ? stretch.begin + 1 : stretch.end); ++x) {
        if (!known || use.onX || use.onY) {
          auto work = lineWork(own, x, stretch.y);
          if (!work)
            return {};
          known = &made.emplace_back(std::move(*work));
        }
        for (const LineInstr &instr : *known)
          cycles += instr.words + instr.cycles;
        works[!firstOnly ? size_t{stretch.y} * width + x : alongX ? x : stretch.y] = known;
      }
    }
  }
  return cycles > (firstOnly ? mostCycles : uint64_t{mostCycles} * (alongX ? height : width))
             ? std::vector<const LineSweep::Work *>()
             : works;
}

/// Adds what a sweep counted on one of `times` lines, or on all of its own, of which the last is `later` than it says.
void Evaluation::addSweep(const LineSweep &sweep, OpSum &op, uint64_t lanes, uint64_t times, uint64_t later) {
  const LineSweep::Sums &sums = sweep.sums();
  op.compute += static_cast<uint64_t>(sums.compute) * times;
  op.communicate += static_cast<uint64_t>(sums.communicate) * times;
  op.wait += static_cast<uint64_t>(sums.wait) * times;
  op.end = std::max(op.end, sums.end ? static_cast<uint64_t>(sums.end) + later : 0);
  busy += static_cast<uint64_t>(sums.compute) * times;
  steps += sums.instrs * times;
  counters.kernelCalls += sums.calls * times;
  for (const LineSweep::Sent &sent : sweep.sent()) {
    runtime::ChannelTraffic &sum = traffic[sent.channel];
    const uint64_t words = sent.words * lanes * times;
    sum.messages += lanes * times;
    sum.words += words;
    sum.wordHops += words * sent.flow->links;
    sum.maxHops = std::max(sum.maxHops, sent.flow->maxHops);
    counters.wordsInjected += words;
    counters.wordHops += words * sent.flow->links;
  }
}

/// Evaluates the phase with LineSweep. False, and nothing is changed, if it is not one of those.
bool Evaluation::runOnLines(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                            const std::vector<Group> &groups, const LineUse &use) {
  const bool alongX = use.alongX;
  if (together || use.alongX == use.alongY || use.host || use.loops ||
      *std::max_element(time.begin(), time.end()) > latest / 2 || !messages.forgetPast(alongX, time, folds[alongX]))
    return false;
  folds[alongX].clear();
  const bool same = !(alongX ? use.byRow : use.byColumn) && linesAlike(classes, groups, alongX);
  if (!same && (use.onX || use.onY))
    return false;
  std::deque<LineSweep::Work> made;
  const std::vector<const LineSweep::Work *> works = lineWorks(tasks, classes, groups, use, same, made);
  if (works.empty())
    return false;
  std::optional<LineSweep> &sweep = sweeps[alongX];
  if (!sweep)
    sweep.emplace(program.channels, hardware, alongX, alongX ? width : height);
  OpSum &op = ops[program.image.tasks[tasks.front()].op];
  if (!same)
    return sweepEach(*sweep, works, op);
  std::vector<int32_t> shift;
  if (findShifts(alongX, shift))
    return sweepFirst(*sweep, works, op, shift);
  return sweepAll(*sweep, works, op);
}

/// All lines begin alike: the first one stands for them.
bool Evaluation::sweepFirst(LineSweep &sweep, const std::vector<const LineSweep::Work *> &works, OpSum &op,
                            const std::vector<int32_t> &shift) {
  const bool alongX = &sweep == &*sweeps[1];
  std::vector<int32_t> times(works.size());
  for (size_t at = 0; at < times.size(); ++at)
    times[at] = static_cast<int32_t>(time[alongX ? at : at * width]);
  if (!sweep.run(works, times.data(), 1, LineSweep::all))
    return false;
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x)
      time[y * width + x] = static_cast<uint32_t>(times[alongX ? x : y] + shift[alongX ? y : x]);
  addSweep(sweep, op, 1, shift.size(), static_cast<uint64_t>(*std::max_element(shift.begin(), shift.end())));
  return true;
}

/// Each line is a lane.
bool Evaluation::sweepAll(LineSweep &sweep, const std::vector<const LineSweep::Work *> &works, OpSum &op) {
  const bool alongX = &sweep == &*sweeps[1];
  std::vector<int32_t> times(time.begin(), time.end());
  std::vector<int32_t> turned(alongX ? times.size() : 0);
  if (alongX)
    transpose(times.data(), turned.data(), width, height);
  const uint32_t lanes = alongX ? height : width;
  if (!sweep.run(works, alongX ? turned.data() : times.data(), lanes, LineSweep::all))
    return false;
  if (alongX)
    transpose(turned.data(), times.data(), height, width);
  time.assign(times.begin(), times.end());
  addSweep(sweep, op, lanes, 1, 0);
  return true;
}

/// Lines that do different things, one after the other.
bool Evaluation::sweepEach(LineSweep &sweep, const std::vector<const LineSweep::Work *> &works, OpSum &op) {
  const bool alongX = &sweep == &*sweeps[1];
  const uint32_t lines = alongX ? height : width, length = alongX ? width : height;
  std::vector<int32_t> times(time.begin(), time.end()), turned(alongX ? 0 : times.size());
  if (!alongX)
    transpose(times.data(), turned.data(), width, height);
  const Counts countsBefore = countsSoFar();
  const OpSum opBefore = op;
  std::vector<const LineSweep::Work *> own(length);
  for (uint32_t line = 0; line < lines; ++line) {
    for (uint32_t at = 0; at < length; ++at)
      own[at] = works[alongX ? size_t{line} * width + at : size_t{at} * width + line];
    if (!sweep.run(own, (alongX ? times.data() : turned.data()) + size_t{line} * length, 1, line)) {
      op = opBefore;
      traffic = countsBefore.traffic;
      counters = countsBefore.counters;
      busy = countsBefore.busy;
      steps = countsBefore.steps;
      return false;
    }
    addSweep(sweep, op, 1, 1, 0);
  }
  if (!alongX)
    transpose(turned.data(), times.data(), height, width);
  time.assign(times.begin(), times.end());
  return true;
}

} // namespace weft::sim::maxplus
