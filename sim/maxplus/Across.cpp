// Phases whose sums stay on their lines while blocks go round from line to line, such as GEMM-T. If all lines begin at
// once, what a core exchanges with other lines is sent and asked for at the same cycles on all of them. Where it then
// also ends at one cycle, whatever the distance, lines remain alike, and one stands for all. That is looked at message
// by message; if it is not so, the launch is evaluated once more without.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>

namespace weft::sim::maxplus {

/// Whether the channels along the other axis only exchange blocks, one way a core, on links of their own.
bool Evaluation::mayCross(const LineUse &use, bool alongX) {
  crossings.clear();
  const bool reducesAlong = alongX ? use.reducesX : use.reducesY, reducesAcross = alongX ? use.reducesY : use.reducesX;
  if (!use.alongX || !use.alongY || use.host || (alongX ? use.byRow : use.byColumn) || !reducesAlong || reducesAcross)
    return false; // without sums steps are taken in lockstep
  for (uint32_t number : use.channels) {
    const ChannelShape &shape = program.channels[number];
    if (shape.alongX == alongX)
      continue;
    if (shape.turn || shape.lines.size() != 1 || !messages.isIdle(number))
      return false;
    Crossing way;
    for (const Stop &stop : shape.lines[0].stops) {
      if (stop.flow == noFlow || stop.sends == noFlow || stop.source < 0)
        return false;
      const FlowShape &flow = shape.lines[0].flows[stop.flow], &sent = shape.lines[0].flows[stop.sends];
      if (flow.sharesLinks || flow.single < 0 || flow.lo < 0 || sent.single < 0 || sent.lo < 0)
        return false;
      way.pathMin = std::min(way.pathMin, stop.path);
      way.pathMax = std::max(way.pathMax, stop.path);
      way.ways.emplace_back(stop.room, stop.steps);
      way.links += sent.links;
      way.maxHops = std::max(way.maxHops, sent.maxHops);
    }
    std::sort(way.ways.begin(), way.ways.end());
    way.ways.erase(std::unique(way.ways.begin(), way.ways.end()), way.ways.end());
    way.sent.assign(time.size(), unknown);
    way.asked = way.sent;
    way.words.assign(time.size(), 0);
    crossings[number] = std::move(way);
  }
  if (!messages.forgetPast(!alongX, time, folds[!alongX]))
    return false;
  folds[!alongX].clear();
  return true;
}

bool Evaluation::isAcross(uint32_t channel) const {
  return crossing && program.channels[channel].alongX != crossAlongX;
}

/// A Put or Get of a line that stands for all; its words go to other lines.
void Evaluation::openAcross(Strand &strand, End end, uint32_t channel, uint32_t words) {
  Crossing &way = crossings[channel];
  std::vector<uint32_t> &at = end == End::Put ? way.sent : way.asked, &other = end == End::Put ? way.asked : way.sent;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    if (at[core] != unknown || (other[core] != unknown && way.words[core] != words))
      refuse("lines exchange more than a message at a time");
    at[core] = time[core];
    way.words[core] = words;
  });
  Transfer transfer{end, opNumber(strand), channel, 0, words};
  transfer.across = true;
  strand.pending.push_back(transfer);
  if (end == End::Put) {
    way.messages += strand.cores.size;
    way.sum += strand.cores.size * words;
  }
}

/// When the core's exchange goes on, the same on all lines.
Evaluation::Exchanged Evaluation::exchanged(const Transfer &transfer, uint32_t core) {
  const Crossing &way = crossings[transfer.channel];
  Exchanged result;
  if (way.sent[core] == unknown || way.asked[core] == unknown) {
    refuse("a core does not exchange blocks with other lines in both ways at once");
    return result;
  }
  const uint32_t sent = way.sent[core], asked = way.asked[core], last = transfer.words - 1;
  result.sent = sent;
  result.head = std::max(sent + way.pathMax, asked);
  result.tail = result.head + last;
  result.end = result.tail + hardware.latency.ramp;
  const bool alike = way.pathMin == way.pathMax || asked >= sent + way.pathMax;
  for (auto [room, steps] : way.ways) {
    const uint32_t left = last < room ? sent + last : std::max(sent + last, result.head + (last - room) + steps);
    result.left = std::max(result.left, left);
  }
  if (!alike || result.left + 1 > result.end)
    refuse("lines that exchange blocks do not remain alike");
  return result;
}

void Evaluation::closeAcross(const Strand &strand, const Transfer &transfer) {
  Crossing &way = crossings[transfer.channel];
  std::vector<uint32_t> &at = transfer.end == End::Put ? way.sent : way.asked;
  forEachCore(strand.cores, width, [&](uint32_t core, uint32_t, uint32_t) { at[core] = unknown; });
}

/// What crossed between `lines` lines, of which one was evaluated.
void Evaluation::countAcross(uint64_t lines) {
  for (auto &[channel, way] : crossings) {
    runtime::ChannelTraffic &sum = traffic[channel];
    sum.messages += way.messages * lines;
    sum.words += way.sum * lines;
    sum.wordHops += way.sum * way.links;
    sum.maxHops = way.messages ? std::max(sum.maxHops, way.maxHops) : sum.maxHops;
    counters.wordsInjected += way.sum * lines;
    counters.wordHops += way.sum * way.links;
  }
}

} // namespace weft::sim::maxplus
