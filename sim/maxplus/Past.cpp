// What is known of messages that have ended, and when it no longer matters.
#include "sim/maxplus/Messages.h"

#include <algorithm>
#include <limits>

namespace weft::sim::maxplus {

/// For each position of line 0: when its cores begin, at the earliest, in the time of line 0.
std::vector<uint32_t> Messages::earliestBegins(bool alongX, const std::vector<uint32_t> &time,
                                               const std::vector<int32_t> &fold) const {
  std::vector<int64_t> begins(alongX ? width : height, std::numeric_limits<int64_t>::max());
  for (uint32_t y = 0; y < height; ++y)
    for (uint32_t x = 0; x < width; ++x) {
      int64_t &least = begins[alongX ? x : y];
      least = std::min(least, int64_t{time[size_t{y} * width + x]} - fold[alongX ? y : x]);
    }
  std::vector<uint32_t> result;
  for (int64_t begin : begins)
    result.push_back(static_cast<uint32_t>(std::max<int64_t>(begin, 0)));
  return result;
}

/// Whether words sent into the channel on a line, by cores that begin at `begins(core)` or later, meet nothing of what
/// came before.
template <typename Begins>
bool Messages::isPast(const Channel &channel, const ChannelShape &shape, uint32_t at, Begins begins) const {
  const uint32_t x = shape.alongX ? 0 : at, y = shape.alongX ? at : 0;
  const Line &line = shape.lineAt(x, y);
  for (size_t position = 0; position < line.stops.size(); ++position) {
    const Stop &stop = line.stops[position];
    const uint32_t core = coreAt(shape, x, y, static_cast<int32_t>(position)), begin = begins(core);
    if (!channel.lastLeave.empty() && uint64_t{channel.lastLeave[core]} + 1 > uint64_t{begin} + cycles.ramp)
      return false;
    const uint64_t tail = channel.lastTail[core];
    if (tail && shape.turn)
      return false;
    // The host sends once.
    if (tail && stop.source >= 0 &&
        (tail >= begin || tail + stop.steps + 1 > uint64_t{begins(coreAt(shape, x, y, stop.source))} + stop.room))
      return false;
  }
  return true;
}

/// Whether words that cores of a line send from when they begin on come to each link after those of other flows.
template <typename Begins> bool Messages::linksPast(bool alongX, uint32_t at, Begins begins) const {
  const uint32_t x = alongX ? 0 : at, y = alongX ? at : 0;
  for (size_t c = 0; c < shapes.size(); ++c) {
    const ChannelShape &shape = shapes[c];
    if (shape.alongX != alongX)
      continue;
    for (const FlowShape &flow : shape.lineAt(x, y).flows) {
      if (!flow.sharesLinks || flow.source == host)
        continue;
      if (flow.turn)
        return false;
      for (bool upwards : {false, true}) {
        const LinkUses &links = uses[(alongX ? 2 : 0) + (upwards ? 1 : 0)];
        uint64_t comes = uint64_t{begins(coreAt(shape, x, y, flow.source))} + cycles.ramp;
        for (int32_t p = flow.source; !links.empty() && (upwards ? p < flow.hi : p > flow.lo && p >= 0);
             p += upwards ? 1 : -1) {
          bool past = true;
          links.forEach(coreAt(shape, x, y, p), [&](const LinkUse &use) { past = past && use.until <= comes; });
          if (!past)
            return false;
          if (upwards || p > 0)
            comes += link(shape, upwards ? p : p - 1);
        }
      }
    }
  }
  return true;
}

bool Messages::forgetPast(bool alongX, const std::vector<uint32_t> &time, const std::vector<int32_t> &fold) {
  bool any = lastUse[alongX] > 0;
  for (size_t i = 0; i < channels.size(); ++i)
    if (shapes[i].alongX == alongX) {
      if (!channels[i].slots.empty())
        return false;
      any = any || channels[i].maxTail;
    }
  if (!any)
    return true;
  const bool folded = !fold.empty();
  const std::vector<uint32_t> first = folded ? earliestBegins(alongX, time, fold) : std::vector<uint32_t>();
  const uint32_t lines = folded ? 1 : alongX ? height : width;
  auto begins = [&](uint32_t core) { return folded ? first[alongX ? core % width : core / width] : time[core]; };
  auto onAll = [&](auto isPast) {
    for (uint32_t at = 0; at < lines; ++at)
      if (!isPast(at))
        return false;
    return true;
  };
  const std::vector<uint32_t> &all = folded ? first : time;
  const uint32_t least = *std::min_element(all.begin(), all.end());
  for (size_t i = 0; i < channels.size(); ++i)
    if (shapes[i].alongX == alongX && channels[i].maxTail &&
        (shapes[i].turn ? channels[i].maxTail >= least // whoever has the next turn
                        : !onAll([&](uint32_t at) { return isPast(channels[i], shapes[i], at, begins); })))
      return false;
  if (lastUse[alongX] > least && !onAll([&](uint32_t at) { return linksPast(alongX, at, begins); }))
    return false;
  forget(alongX, lines);
  return true;
}

/// What is known of the first `lines` lines of an axis, the others being as good as new.
void Messages::forget(bool alongX, uint32_t lines) {
  auto clear = [&](auto &of, const auto &value) {
    if (of.empty())
      return;
    if (!alongX && lines < width)
      for (uint32_t y = 0; y < height; ++y)
        std::fill_n(of.begin() + static_cast<std::ptrdiff_t>(size_t{y} * width), lines, value);
    else
      std::fill_n(of.begin(), alongX ? size_t{lines} * width : of.size(), value);
  };
  for (size_t i = 0; i < channels.size(); ++i) {
    Channel &channel = channels[i];
    if (shapes[i].alongX != alongX || !channel.maxTail)
      continue;
    clear(channel.lastHead, 0u);
    clear(channel.lastTail, 0u);
    clear(channel.lastLeave, 0u);
    clear(channel.earlier, std::array<Channel::Past, 2>{});
    clear(channel.forwards, false);
    channel.maxTail = 0;
  }
  if (lastUse[alongX])
    for (LinkUses *links : {&uses[alongX ? 2 : 0], &uses[alongX ? 3 : 1]})
      links->forgetAll(); // other lines have none
  lastUse[alongX] = 0;
}

void Messages::spread(bool alongX, const std::vector<int32_t> &shift) {
  const uint32_t cores = width * height;
  auto firstOf = [&](uint32_t core) { return alongX ? core % width : core - core % width; };
  auto shiftOf = [&](uint32_t core) { return static_cast<uint32_t>(shift[alongX ? core / width : core % width]); };
  auto spreadTimes = [&](std::vector<uint32_t> &times) {
    if (!times.empty())
      for (uint32_t core = 0; core < cores; ++core)
        if (const uint32_t first = firstOf(core); first != core)
          times[core] = times[first] ? times[first] + shiftOf(core) : 0;
  };
  const auto latestShift = static_cast<uint32_t>(*std::max_element(shift.begin(), shift.end()));
  for (size_t i = 0; i < channels.size(); ++i) {
    Channel &channel = channels[i];
    if (shapes[i].alongX != alongX)
      continue;
    spreadTimes(channel.lastHead);
    spreadTimes(channel.lastTail);
    spreadTimes(channel.lastLeave);
    for (uint32_t core = 0; core < channel.earlier.size(); ++core)
      if (const uint32_t first = firstOf(core); first != core)
        for (size_t k = 0; k < 2; ++k) {
          const Channel::Past &from = channel.earlier[first][k];
          const uint32_t later = from.tail && from.tail != unknown ? shiftOf(core) : 0;
          channel.earlier[core][k] = {from.head + later, from.tail + later};
        }
    for (uint32_t core = 0; core < channel.forwards.size(); ++core)
      channel.forwards[core] = channel.forwards[firstOf(core)];
    channel.maxTail += channel.maxTail ? latestShift : 0;
  }
  for (LinkUses *links : {&uses[alongX ? 2 : 0], &uses[alongX ? 3 : 1]})
    for (uint32_t core = 0; core < links->links(); ++core)
      if (const uint32_t first = firstOf(core); first != core)
        links->copy(core, first, shiftOf(core));
  lastUse[alongX] += latestShift;
}

} // namespace weft::sim::maxplus
