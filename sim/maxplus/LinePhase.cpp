// Phases that LineSweep can evaluate: which lines are taken together, and what of a launch their results go into.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <utility>

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

/// The tasks' instructions for core (x, y), each a part of its phase, counted from `phase` on; nothing if they are more
/// than a LineSweep knows.
std::optional<LineSweep::Work> Evaluation::lineWork(const std::vector<uint32_t> &tasks, uint32_t phase, uint32_t x,
                                                    uint32_t y) {
  LineSweep::Work work;
  uint32_t part = 0;
  const Strand nowhere; // in no loop
  for (uint32_t task : tasks) {
    while (program.phases[phase + part].end <= task)
      ++part;
    for (uint32_t pc = program.image.tasks[task].instrs.begin; pc < program.image.tasks[task].instrs.end; ++pc) {
      const InstrCode &instr = program.image.instrs[pc];
      LineInstr &made = work.emplace_back(LineInstr{instr.kind, instr.channel, instr.channelOut, 0, 0, part});
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
        if (program.channels[instr.channel].turn || program.channels[instr.channelOut].turn)
          return std::nullopt; // whose words come next changes
        const int64_t bytes = evaluate(instr.bytes, nowhere, x, y), word = hardware.routing.linkBytes;
        if (bytes < 0 || bytes > int64_t{mostCycles})
          return std::nullopt;
        made.words = static_cast<uint32_t>((bytes + word - 1) / word);
      }
      }
      if (failure || made.cycles > mostCycles)
        return std::nullopt;
    }
  }
  return work;
}

/// By core, or by position of line 0: its instructions, which `made` holds. Empty if they are not known before a run.
Evaluation::LineWorks Evaluation::lineWorks(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                                            uint32_t phase, const LineUse &use, bool firstOnly,
                                            std::deque<LineSweep::Work> &made) {
  const std::vector<Group> &groups = groupsOf(classes);
  const bool alongX = use.alongX;
  LineWorks works(firstOnly ? alongX ? width : height : time.size(), nullptr);
  uint64_t cycles = 0;
  for (const Group &group : groups) {
    const std::vector<uint32_t> own = tasksOf(group, tasks, classes);
    const LineSweep::Work *known = nullptr;
    for (const Stretch &stretch : group.cores.stretches) {
      if (firstOnly && alongX && stretch.y)
        break;
      for (uint32_t x = stretch.begin; x < (firstOnly && !alongX ? stretch.begin + 1 : stretch.end); ++x) {
        if (!known || use.onX || use.onY) {
          auto work = lineWork(own, phase, x, stretch.y);
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
  return cycles > (firstOnly ? mostCycles : uint64_t{mostCycles} * (alongX ? height : width)) ? LineWorks() : works;
}

/// Adds what a sweep counted on one of `times` lines, or on all of its own, of which the last is `later` than it says.
void Evaluation::Swept::add(const LineSweep &sweep, uint64_t lanes, uint64_t times, uint64_t later) {
  for (size_t i = 0; i < ops.size(); ++i) {
    const LineSweep::Sums &sums = sweep.sums()[i];
    ops[i].compute += static_cast<uint64_t>(sums.compute) * times;
    ops[i].communicate += static_cast<uint64_t>(sums.communicate) * times;
    ops[i].wait += static_cast<uint64_t>(sums.wait) * times;
    ops[i].end = std::max(ops[i].end, sums.end ? static_cast<uint64_t>(sums.end) + later : 0);
    steps += sums.instrs * times;
    calls += sums.calls * times;
  }
  for (const LineSweep::Sent &sent : sweep.sent()) {
    runtime::ChannelTraffic &sum = traffic[sent.channel];
    const uint64_t words = sent.words * lanes * times;
    sum.messages += lanes * times;
    sum.words += words;
    sum.wordHops += words * sent.flow->links;
    sum.maxHops = std::max(sum.maxHops, sent.flow->maxHops);
  }
}

void Evaluation::take(const Swept &swept, uint32_t firstPhase) {
  for (uint32_t i = 0; i < swept.ops.size(); ++i) {
    const OpSum before = std::exchange(opOfPhase(firstPhase + i), swept.ops[i]);
    busy += swept.ops[i].compute;
    countPhase(firstPhase + i, before);
  }
  steps += swept.steps;
  counters.kernelCalls += swept.calls;
  for (size_t channel = 0; channel < traffic.size(); ++channel) {
    const runtime::ChannelTraffic &more = swept.traffic[channel];
    traffic[channel].messages += more.messages;
    traffic[channel].words += more.words;
    traffic[channel].wordHops += more.wordHops;
    traffic[channel].maxHops = std::max(traffic[channel].maxHops, more.maxHops);
    counters.wordsInjected += more.words;
    counters.wordHops += more.wordHops;
  }
}

/// Evaluates phases from `phase` on with LineSweep, more than one where words of the first still matter when it ends.
/// How many; 0, and nothing is changed, if it is not one of those.
uint32_t Evaluation::runOnLines(uint32_t phase) {
  constexpr uint32_t most = 3;
  const std::vector<Phase> &phases = program.phases;
  const auto [known, isNew] = sweptTogether.try_emplace(phases[phase].kind, 1);
  if (!known->second)
    return 0;
  for (uint32_t count = known->second; count <= most && phase + count <= phases.size(); ++count) {
    if (count > 1 && beginsBlock(phase + count - 1))
      break;
    std::vector<uint32_t> tasks(phases[phase + count - 1].end - phases[phase].begin);
    std::iota(tasks.begin(), tasks.end(), phases[phase].begin);
    const LineUse use = lineUse(tasks);
    if (use.alongX == use.alongY || use.host || use.loops || *std::max_element(time.begin(), time.end()) > latest / 2)
      break;
    if (!messages.forgetPast(use.alongX, time, folds[use.alongX]))
      return 0;
    folds[use.alongX].clear();
    if (sweepPhases(tasks, use, phase, count)) {
      known->second = count;
      return count;
    }
    if (failure)
      return 0;
  }
  known->second = 0; // the next one fares no better
  return 0;
}

bool Evaluation::sweepPhases(const std::vector<uint32_t> &tasks, const LineUse &use, uint32_t phase, uint32_t count) {
  const std::vector<uint32_t> classes = classesOf(tasks);
  const bool alongX = use.alongX;
  auto part = std::make_unique<LinePart>();
  part->phase = phase;
  part->alongX = alongX;
  part->same = !(alongX ? use.byRow : use.byColumn) && linesAlike(classes, groupsOf(classes), alongX);
  if (!part->same && (use.onX || use.onY))
    return false;
  part->works = lineWorks(tasks, classes, phase, use, part->same, part->made);
  if (part->works.empty())
    return false;
  if (histories[alongX].sharesLinks)
    part->begins = time;
  std::optional<LineSweep> &sweep = sweeps[alongX];
  if (!sweep)
    sweep.emplace(program.channels, hardware, alongX, alongX ? width : height);
  Swept swept{std::vector<OpSum>(count), std::vector<runtime::ChannelTraffic>(traffic.size())};
  std::vector<int32_t> shift;
  const bool done = !part->same                 ? sweepEach(*sweep, *part, swept)
                    : findShifts(alongX, shift) ? sweepFirst(*sweep, *part, shift, swept)
                                                : sweepAll(*sweep, *part, swept);
  if (!done)
    return false;
  take(swept, phase);
  remember(std::move(part));
  return true;
}

/// All lines begin alike: the first one stands for them.
bool Evaluation::sweepFirst(LineSweep &sweep, const LinePart &part, const std::vector<int32_t> &shift, Swept &swept) {
  const bool alongX = part.alongX;
  std::vector<int32_t> times(part.works.size());
  auto begin = [&] {
    for (size_t at = 0; at < times.size(); ++at)
      times[at] = static_cast<int32_t>(time[alongX ? at : at * width]);
  };
  begin();
  if (!sweep.run(part.works, times.data(), 1, LineSweep::all, swept.parts())) {
    begin();
    if (!wordsOn(sweep, part, 0, true, times.data(), swept.parts()))
      return false;
  }
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x)
      time[y * width + x] = static_cast<uint32_t>(times[alongX ? x : y] + shift[alongX ? y : x]);
  swept.add(sweep, 1, shift.size(), static_cast<uint64_t>(*std::max_element(shift.begin(), shift.end())));
  return true;
}

/// Each line is a lane.
bool Evaluation::sweepAll(LineSweep &sweep, const LinePart &part, Swept &swept) {
  const bool alongX = part.alongX;
  std::vector<int32_t> times(time.begin(), time.end()), turned(alongX ? times.size() : 0);
  if (alongX)
    transpose(times.data(), turned.data(), width, height);
  if (!sweepSome(sweep, part, alongX ? turned : times, 0, alongX ? height : width, swept))
    return false;
  if (alongX)
    transpose(turned.data(), times.data(), height, width);
  std::copy(times.begin(), times.end(), time.begin());
  return true;
}

/// Lines that do different things, one after the other.
bool Evaluation::sweepEach(LineSweep &sweep, const LinePart &part, Swept &swept) {
  const bool alongX = part.alongX;
  const uint32_t lines = alongX ? height : width, length = alongX ? width : height;
  std::vector<int32_t> times(time.begin(), time.end()), turned(alongX ? 0 : times.size());
  if (!alongX)
    transpose(times.data(), turned.data(), width, height);
  LineWorks own(length);
  for (uint32_t line = 0; line < lines; ++line) {
    for (uint32_t at = 0; at < length; ++at)
      own[at] = part.works[alongX ? size_t{line} * width + at : size_t{at} * width + line];
    int32_t *of = (alongX ? times : turned).data() + size_t{line} * length;
    const std::vector<int32_t> begins(of, of + length);
    if (!sweep.run(own, of, 1, line, swept.parts())) {
      std::copy(begins.begin(), begins.end(), of);
      if (!wordsOn(sweep, part, line, false, of, swept.parts()))
        return false;
    }
    swept.add(sweep, 1, 1, 0);
  }
  if (!alongX)
    transpose(turned.data(), times.data(), height, width);
  std::copy(times.begin(), times.end(), time.begin());
  return true;
}

} // namespace weft::sim::maxplus
