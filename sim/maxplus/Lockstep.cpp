#include "sim/maxplus/Lockstep.h"

#include "sim/maxplus/Messages.h"

#include <algorithm>
#include <map>

namespace weft::sim::maxplus {

Lockstep::Lockstep(const std::vector<ChannelShape> &shapes, const FabricCycles &cycles, uint32_t width, uint32_t height,
                   const CoreSet &cores, const LockstepBody &body)
    : width(width), height(height), cores(cores) {
  const auto signedOf = [](uint32_t value) { return static_cast<int32_t>(value); };
  overlap = signedOf(body.overlap);
  wait = signedOf(body.wait);
  after = signedOf(body.after);
  terms.rows.resize(height);
  limits.rows.resize(height);
  for (const Exchange &each : body.exchanges) {
    const ChannelShape &shape = shapes[each.channel];
    if (shape.turn) {
      addTurning(shape, cycles, each, body.after);
      continue;
    }
    const Line &line = shape.lines[0];
    const auto length = line.stops.size();
    const int32_t words = signedOf(each.words);
    self = std::max({self, signedOf(each.put) + words, signedOf(each.get) + words - 1 + signedOf(cycles.ramp)});
    std::vector<int32_t> from(length, nobody), adds(length, never), spare(length, -never), to(length, nobody),
        held(length, never);
    bool holds = false, limited = false;
    for (size_t at = 0; at < length; ++at) {
      const Stop &stop = line.stops[at];
      if (stop.flow == noFlow)
        continue;
      // Its words come from the source; if they fit into the way, so do they only when those before have gone.
      from[at] = stop.source;
      adds[at] = signedOf(each.put + stop.path) + words - 1 + signedOf(cycles.ramp + body.after);
      if (each.words <= stop.room) {
        limited = true;
        spare[at] = signedOf(each.put + stop.room + cycles.ramp + body.after) - 1 - signedOf(stop.steps);
        continue;
      }
      // The source's last word waits for the receiver.
      holds = true;
      const auto source = static_cast<size_t>(stop.source);
      to[source] = static_cast<int32_t>(at);
      held[source] = signedOf(each.get + stop.steps + body.after) + words - signedOf(stop.room);
    }
    addTerm(terms, shape.alongX, from, adds);
    if (holds)
      addTerm(terms, shape.alongX, to, held);
    if (limited)
      addTerm(limits, shape.alongX, from, spare);
  }
  self += signedOf(body.after);
}

/// If no core is late, words go as they come: a core has them when the sender does, links later.
void Lockstep::addTurning(const ChannelShape &shape, const FabricCycles &cycles, const Exchange &exchange,
                          uint32_t after) {
  const auto signedOf = [](uint32_t value) { return static_cast<int32_t>(value); };
  Turning turning;
  turning.alongX = shape.alongX;
  turning.turn = shape.turn;
  turning.number = exchange.number;
  turning.to = linkCyclesTo(cycles, shape.alongX, shape.lines[0].stops.size());
  turning.adds = signedOf(exchange.put + cycles.ramp + exchange.words + cycles.ramp + after) - 1;
  turning.limit = signedOf(exchange.put + cycles.ramp) - signedOf(exchange.get);
  // A core has had its words a ramp, the calls and until its next Get before others come: longer than over any link.
  for (size_t at = 1; at < turning.to.size(); ++at)
    tooSoon = tooSoon || turning.to[at] - turning.to[at - 1] >= exchange.get + cycles.ramp + after;
  self = std::max(self, signedOf(exchange.get + exchange.words + cycles.ramp) - 1);
  turnings.push_back(std::move(turning));
}

void Lockstep::Turning::next() {
  from = number++ / turn % static_cast<uint32_t>(to.size());
  distance.resize(to.size());
  for (size_t at = 0; at < to.size(); ++at)
    distance[at] = static_cast<int32_t>(at < from ? to[from] - to[at] : to[at] - to[from]);
}

/// `from` and `adds` are by position; nobody: no term.
void Lockstep::addTerm(Terms &to, bool alongX, const std::vector<int32_t> &from, const std::vector<int32_t> &adds) {
  if (!alongX) {
    for (size_t y = 0; y < from.size(); ++y)
      if (from[y] >= 0)
        to.rows[y].push_back({static_cast<uint32_t>(from[y]), adds[y]});
    return;
  }
  std::map<int32_t, uint32_t> shifts;
  for (size_t x = 0; x < from.size(); ++x)
    if (from[x] >= 0)
      ++shifts[from[x] - static_cast<int32_t>(x)];
  const int32_t absent = &to == &limits ? -never : never;
  for (auto [shift, count] : shifts) {
    const bool many = count > 8 && std::abs(shift) <= static_cast<int32_t>(padding);
    Along along{shift, std::vector<int32_t>(many ? width : 0, absent)};
    for (uint32_t x = 0; x < from.size(); ++x) {
      if (from[x] < 0 || from[x] - static_cast<int32_t>(x) != shift)
        continue;
      if (many)
        along.adds[x] = adds[x];
      else
        to.alone.push_back({x, static_cast<uint32_t>(from[x]), adds[x]});
    }
    if (many)
      to.along.push_back(std::move(along));
  }
}

void Lockstep::start(const std::vector<uint32_t> &time) {
  base = ~uint32_t{0};
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) { base = std::min(base, time[core]); });
  now.assign(size_t{width} * height + 2 * padding, 0);
  forEachCore(cores, width, [&](uint32_t core, uint32_t, uint32_t) {
    now[padding + core] = static_cast<int32_t>(time[core] - base);
  });
  before = next = now;
}

bool Lockstep::isFull() const {
  for (const Stretch &stretch : cores.stretches) // a row's cores are never far apart
    if (now[padding + size_t{stretch.y} * width + stretch.begin] > 1 << 28)
      return true;
  return false;
}

bool Lockstep::step() {
  std::vector<iss::RowTerm> rowTerms, rowLimits;
  bool fits = !tooSoon;
  for (Turning &turning : turnings)
    turning.next();
  int64_t within = 0;
  for (const Stretch &stretch : cores.stretches) {
    const size_t row = padding + size_t{stretch.y} * width;
    auto collect = [&](const Terms &from, std::vector<iss::RowTerm> &to) {
      to.clear();
      for (const Along &along : from.along)
        to.push_back({now.data() + row + stretch.begin + along.shift, along.adds.data() + stretch.begin, 0});
      for (const auto &each : from.rows[stretch.y])
        to.push_back({now.data() + padding + size_t{each.from} * width + stretch.begin, nullptr, each.add});
    };
    collect(terms, rowTerms);
    collect(limits, rowLimits);
    for (const Turning &turning : turnings)
      if (turning.alongX) {
        const int32_t sender = now[row + turning.from], *distance = turning.distance.data() + stretch.begin;
        rowTerms.push_back({nullptr, distance, sender + turning.adds});
        rowLimits.push_back({nullptr, distance, sender + turning.limit});
      } else {
        const int32_t *sender = now.data() + padding + size_t{turning.from} * width + stretch.begin;
        rowTerms.push_back({sender, nullptr, turning.distance[stretch.y] + turning.adds});
        rowLimits.push_back({sender, nullptr, turning.distance[stretch.y] + turning.limit});
      }
    const iss::RowStep step{next.data() + row + stretch.begin,
                            now.data() + row + stretch.begin,
                            self,
                            rowTerms.data(),
                            rowLimits.data(),
                            rowTerms.size(),
                            rowLimits.size(),
                            stretch.end - stretch.begin};
    using namespace iss;
    fits = WEFT_FOR_VECTOR_TARGET(stepRow)(step) && fits;
    auto inside = [&](const Alone &each) { return each.x >= stretch.begin && each.x < stretch.end; };
    for (const Alone &each : terms.alone)
      if (inside(each))
        next[row + each.x] = std::max(next[row + each.x], now[row + each.from] + each.add);
    for (const Alone &each : limits.alone)
      if (inside(each))
        fits = fits && now[row + each.x] - now[row + each.from] <= each.add;
    within += WEFT_FOR_VECTOR_TARGET(endRow)({step.to, step.own, overlap, wait, after, step.length});
  }
  if (!fits)
    return false;
  hiddenInLast = static_cast<uint64_t>(within);
  hiddenCycles += hiddenInLast;
  std::swap(before, now);
  std::swap(now, next);
  return true;
}

bool Lockstep::isSteady() const {
  if (!turnings.empty())
    return false; // steps differ
  const size_t first = padding + size_t{cores.stretches.front().y} * width + cores.stretches.front().begin;
  const int32_t cycles = now[first] - before[first];
  for (const Stretch &stretch : cores.stretches) {
    const size_t row = padding + size_t{stretch.y} * width;
    for (size_t x = row + stretch.begin; x < row + stretch.end; ++x)
      if (now[x] - before[x] != cycles)
        return false;
  }
  return true;
}

uint64_t Lockstep::repeat(uint64_t steps) {
  const size_t first = padding + size_t{cores.stretches.front().y} * width + cores.stretches.front().begin;
  const uint64_t cycles = static_cast<uint32_t>(now[first] - before[first]);
  const uint64_t taken = std::min(steps, (latest - std::min(latest, base)) / std::max<uint64_t>(cycles, 1));
  base += static_cast<uint32_t>(taken * cycles);
  hiddenCycles += taken * hiddenInLast;
  return taken;
}

} // namespace weft::sim::maxplus
