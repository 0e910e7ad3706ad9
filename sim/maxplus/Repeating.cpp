// Blocks of a program that repeat: if all cores begin one as they began the one before it, so many cycles later, and
// nothing that came before matters, then they also end it as they ended that one, and so on to the last block. Nothing
// is assumed: whether they begin alike is looked at core by core.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>

namespace weft::sim::maxplus {

/// Whether the cores' times are all of the state that what follows depends on.
bool Evaluation::forgetPast() {
  if (std::ranges::any_of(program.channels, [](const ChannelShape &shape) { return shape.turn > 0; }))
    return false; // nor whose turn it is
  for (bool alongX : {false, true}) {
    if (!messages.forgetPast(alongX, time, folds[alongX]))
      return false;
    folds[alongX].clear();
  }
  return true;
}

/// After a phase, whose op's sums are what it added to those `before`.
void Evaluation::countPhase(uint32_t phase, const OpSum &before) {
  OpSum &op = opOfPhase(phase);
  if (lastBlock)
    phaseSums.push_back(op);
  op = {before.compute + op.compute, before.communicate + op.communicate, before.wait + op.wait,
        before.hidden + op.hidden, std::max(before.end, op.end)};
}

bool Evaluation::beginsBlock(uint32_t phase) const {
  const auto [begin, period, count] = repetition;
  return !paths && phase >= begin && phase < begin + period * count && (phase - begin) % period == 0;
}

/// Before phase `phase`. The phase to go on with: another one if blocks from this one on are like the last one.
uint32_t Evaluation::beginBlock(uint32_t phase) {
  if (!beginsBlock(phase))
    return phase;
  const auto [begin, period, count] = repetition;
  auto alike = [&] {
    uint32_t differ = 0;
    const uint32_t later = time[0] - lastBlock->time[0];
    for (size_t core = 0; core < time.size(); ++core)
      differ |= (time[core] - lastBlock->time[core]) ^ later;
    return !differ;
  };
  const bool past = forgetPast();
  if (!past && !lastBlock) { // blocks may as well begin a phase later
    repetition = {begin + 1, period, count - 1};
    return phase;
  }
  // The last phase of all is never left out: it may end with transfers under way.
  uint64_t left = count - (phase - begin) / period;
  if (begin + period * count == program.phases.size())
    --left;
  // What colours went last is of the state, too, if the last block asked for what came before it.
  const bool isAlike = past && lastBlock && alike(), isKnown = !reachedBack || wasAlike;
  wasAlike = isAlike;
  reachedBack = false;
  blockBegin = phase;
  if (isAlike && isKnown && left) {
    repeatBlock(phase, left);
    lastBlock.reset();
    return beginBlock(phase + period * static_cast<uint32_t>(left));
  }
  lastBlock.reset();
  phaseSums.clear();
  if (past)
    lastBlock = {time, countsSoFar()};
  return phase;
}

/// Takes the last block, which ends before phase `phase`, for that many more.
void Evaluation::repeatBlock(uint32_t phase, uint64_t times) {
  const uint32_t period = repetition.period, later = time[0] - lastBlock->time[0];
  const auto all = static_cast<uint32_t>(times) * later;
  if (later * times > latest || uint64_t{*std::max_element(time.begin(), time.end())} + all > latest)
    return refuse("the launch takes more than 2^31 cycles");
  for (uint32_t &each : time)
    each += all;
  shiftHistory(phase - period, all);
  for (uint32_t i = 0; i < period * times; ++i) {
    const OpSum &sum = phaseSums[i % period];
    OpSum &op = opOfPhase(phase + i);
    op.compute += sum.compute;
    op.communicate += sum.communicate;
    op.wait += sum.wait;
    op.hidden += sum.hidden;
    if (sum.end)
      op.end = std::max(op.end, sum.end + later * (i / period + 1));
  }
  const Counts &before = lastBlock->counts;
  auto add = [&](uint64_t &sum, uint64_t then) { sum += (sum - then) * times; };
  for (size_t i = 0; i < traffic.size(); ++i) {
    add(traffic[i].messages, before.traffic[i].messages);
    add(traffic[i].words, before.traffic[i].words);
    add(traffic[i].wordHops, before.traffic[i].wordHops);
  }
  add(counters.wordHops, before.counters.wordHops);
  add(counters.wordsInjected, before.counters.wordsInjected);
  add(counters.kernelCalls, before.counters.kernelCalls);
  add(busy, before.busy);
  add(steps, before.steps);
  if (messages.hostEnd() > before.hostEnd)
    messages.hostEndsLater(all);
  repeated += period * times;
}

} // namespace weft::sim::maxplus
