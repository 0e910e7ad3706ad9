// Phases whose words stay on their lines, all of which do the same: if the cores of every line begin as those of line
// 0, each line so many cycles later, they end so, too, since nothing but maxima and sums is taken. Then line 0 is
// evaluated and stands for all. Whether lines begin alike is looked at core by core; nothing is assumed.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>

namespace weft::sim::maxplus {

Evaluation::LineUse Evaluation::lineUse(const std::vector<uint32_t> &tasks) const {
  LineUse use;
  auto depends = [&](const pkg::Expr &expr) {
    const Needs needs = needsOf(expr);
    use.byColumn = use.byColumn || needs.x;
    use.byRow = use.byRow || needs.y;
  };
  auto channel = [&](uint32_t number) {
    const ChannelShape &shape = program.channels[number];
    (shape.alongX ? use.alongX : use.alongY) = true;
    // Lines with flows of their own are not alike.
    (shape.alongX ? use.byRow : use.byColumn) = (shape.alongX ? use.byRow : use.byColumn) || shape.lines.size() != 1;
    for (const Line &line : shape.lines)
      for (const FlowShape &flow : line.flows)
        use.host = use.host || flow.lo == host;
  };
  for (uint32_t task : tasks)
    for (uint32_t pc = program.image.tasks[task].instrs.begin; pc < program.image.tasks[task].instrs.end; ++pc) {
      const InstrCode &instr = program.image.instrs[pc];
      switch (instr.kind) {
      case pkg::InstrKind::ReduceForward:
        channel(instr.channelOut);
        [[fallthrough]];
      case pkg::InstrKind::Put:
      case pkg::InstrKind::Get:
      case pkg::InstrKind::ReduceInto:
        channel(instr.channel);
        depends(instr.bytes);
        break;
      case pkg::InstrKind::Call:
        for (const pkg::Expr *each : costExprs(instr))
          depends(*each);
        break;
      case pkg::InstrKind::LoopBegin:
        depends(instr.count);
        break;
      default:
        break;
      }
    }
  return use;
}

/// Whether each group has the same cores on all lines.
bool Evaluation::linesAlike(const std::vector<uint32_t> &classes, const std::vector<Group> &groups, bool alongX) {
  auto [entry, isNew] = alike.try_emplace({classes, alongX}, true);
  if (!isNew)
    return entry->second;
  for (const Group &group : groups) {
    const std::vector<Stretch> &stretches = group.cores.stretches;
    if (!alongX) {
      entry->second = entry->second && std::all_of(stretches.begin(), stretches.end(), [&](const Stretch &stretch) {
                        return !stretch.begin && stretch.end == width;
                      });
      continue;
    }
    const auto first = static_cast<size_t>(
        std::count_if(stretches.begin(), stretches.end(), [](const Stretch &stretch) { return !stretch.y; }));
    entry->second = entry->second && stretches.size() == first * height;
    for (size_t i = 0; entry->second && i < stretches.size(); ++i)
      entry->second = stretches[i].y == i / first && stretches[i].begin == stretches[i % first].begin &&
                      stretches[i].end == stretches[i % first].end;
  }
  return entry->second;
}

/// How much later than line 0 each line begins; false if it is not the same for all cores of a line.
bool Evaluation::findShifts(bool alongX, std::vector<int32_t> &shift) const {
  auto later = [&](size_t core, size_t than) { return static_cast<int32_t>(time[core] - time[than]); };
  shift.resize(alongX ? height : width);
  for (size_t line = 0; line < shift.size(); ++line)
    shift[line] = later(alongX ? line * width : line, 0);
  int32_t differ = 0;
  for (size_t y = 0; y < height && !differ; ++y) {
    const uint32_t *row = &time[y * width];
    if (alongX)
      for (size_t x = 0; x < width; ++x)
        differ |= static_cast<int32_t>(row[x] - time[x]) ^ shift[y];
    else
      for (size_t x = 0; x < width; ++x)
        differ |= static_cast<int32_t>(row[x] - row[0]) ^ shift[x];
  }
  return !differ;
}

/// Whether lines are alike in what came before, too, or nothing of that matters.
bool Evaluation::mayFold(bool alongX, const std::vector<int32_t> &shift) {
  std::vector<int32_t> &known = folds[alongX];
  if (known == shift)
    return true;
  if (!messages.forgetPast(alongX, time, known))
    return false;
  known = shift;
  return true;
}

void Evaluation::unfold(bool alongX) {
  if (!folds[alongX].empty())
    messages.spread(alongX, folds[alongX]);
  folds[alongX].clear();
}

Result<void> Evaluation::runFolded(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                                   const std::vector<Group> &groups, bool alongX) {
  std::vector<Group> first;
  for (const Group &group : groups) {
    Group &part = first.emplace_back();
    part.member = group.member;
    for (const Stretch &stretch : group.cores.stretches)
      if (!alongX)
        part.cores.add(Stretch{stretch.y, 0, 1});
      else if (!stretch.y)
        part.cores.add(stretch);
  }
  std::map<uint32_t, OpSum> opsBefore;
  for (uint32_t task : tasks)
    opsBefore.try_emplace(program.image.tasks[task].op, ops[program.image.tasks[task].op]);
  const std::vector<runtime::ChannelTraffic> trafficBefore = traffic;
  const runtime::Counters countersBefore = counters;
  const uint64_t busyBefore = busy, stepsBefore = steps, endBefore = lastEnd;
  for (const auto &[op, before] : opsBefore)
    ops[op].end = 0;
  lastEnd = 0;
  if (auto ok = runStrands(tasks, classes, first); !ok)
    return ok;
  const std::vector<int32_t> &shift = folds[alongX];
  const auto latestShift = static_cast<uint64_t>(*std::max_element(shift.begin(), shift.end())); // line 0 has 0
  auto all = [&](uint64_t &sum, uint64_t before) { sum = before + (sum - before) * shift.size(); };
  for (const auto &[op, before] : opsBefore) {
    all(ops[op].compute, before.compute);
    all(ops[op].communicate, before.communicate);
    all(ops[op].wait, before.wait);
    all(ops[op].hidden, before.hidden);
    ops[op].end = std::max(before.end, ops[op].end ? ops[op].end + latestShift : 0);
  }
  for (size_t channel = 0; channel < traffic.size(); ++channel) {
    all(traffic[channel].messages, trafficBefore[channel].messages);
    all(traffic[channel].words, trafficBefore[channel].words);
    all(traffic[channel].wordHops, trafficBefore[channel].wordHops);
  }
  all(counters.wordHops, countersBefore.wordHops);
  all(counters.wordsInjected, countersBefore.wordsInjected);
  all(counters.kernelCalls, countersBefore.kernelCalls);
  all(busy, busyBefore);
  all(steps, stepsBefore);
  lastEnd = std::max(endBefore, lastEnd ? lastEnd + latestShift : 0);
  for (size_t y = 0; y < height; ++y) {
    uint32_t *row = &time[y * width];
    if (alongX)
      for (size_t x = 0; x < width; ++x)
        row[x] = time[x] + static_cast<uint32_t>(shift[y]);
    else
      for (size_t x = width; x-- > 0;)
        row[x] = row[0] + static_cast<uint32_t>(shift[x]);
  }
  return success();
}

} // namespace weft::sim::maxplus
