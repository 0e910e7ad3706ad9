// Lines of a phase on which words of several flows want a link at once: they go word by word, the others as they are.
// Which colour goes first depends on which went last, so what was swept before goes word by word once more with it, as
// far back as is needed to know.
#include "sim/maxplus/Evaluation.h"

#include <algorithm>

namespace weft::sim::maxplus {

void Evaluation::remember(std::unique_ptr<LinePart> part) {
  LineHistory &history = histories[part->alongX];
  if (!history.sharesLinks)
    return;
  history.parts.push_back(std::move(part));
  if (history.parts.size() <= LineHistory::kept)
    return;
  history.parts.pop_front();
  history.isWhole = false;
}

/// Words went that are not among what was swept.
void Evaluation::forgetHistory(bool alongX) {
  histories[alongX].parts.clear();
  histories[alongX].isWhole = false;
}

/// The phases from this one on happened again and again, the last time so much later.
void Evaluation::shiftHistory(uint32_t fromPhase, uint32_t later) {
  for (LineHistory &history : histories) {
    history.isWhole = false;
    std::erase_if(history.parts, [&](const auto &part) { return part->phase < fromPhase; });
    for (auto &part : history.parts)
      for (uint32_t &begin : part->begins)
        begin += later;
  }
}

/// Lines [from, to), whose times are lanes of `times`; those that cannot be taken together are divided.
bool Evaluation::sweepSome(LineSweep &sweep, const LinePart &part, std::vector<int32_t> &times, uint32_t from,
                           uint32_t to, Swept &swept) {
  const uint32_t lines = part.alongX ? height : width, count = to - from;
  const size_t length = part.works.size();
  std::vector<int32_t> some(length * count);
  auto copy = [&](bool back) {
    for (size_t at = 0; at < length; ++at) {
      const auto all = times.begin() + static_cast<std::ptrdiff_t>(at * lines + from);
      const auto own = some.begin() + static_cast<std::ptrdiff_t>(at * count);
      back ? std::copy_n(own, count, all) : std::copy_n(all, count, own);
    }
  };
  copy(false);
  bool done = sweep.run(part.works, some.data(), count, count == 1 ? from : LineSweep::all, swept.parts(), from);
  if (!done && count > 1) {
    const uint32_t half = from + count / 2;
    return sweepSome(sweep, part, times, from, half, swept) && sweepSome(sweep, part, times, half, to, swept);
  }
  if (!done) {
    copy(false);
    done = wordsOn(sweep, part, from, false, some.data(), swept.parts());
  }
  if (!done)
    return false;
  copy(true);
  swept.add(sweep, count, 1, 0);
  return true;
}

const RouteTables *Evaluation::routesOf(bool alongX, uint32_t line) {
  std::optional<LineRoutes> &known = line == LineSweep::all ? commonRoutes[alongX] : lineRoutesOf[alongX];
  if (known && known->line == line)
    return &known->tables;
  const auto &programs = package.programs;
  const auto from = std::ranges::find_if(programs, [&](const auto &each) { return each->name == program.image.name; });
  auto made = lineRoutes(**from, program.channels, hardware, alongX, alongX ? width : height, line);
  if (!made)
    return nullptr;
  known = {line, std::move(*made)};
  return &known->tables;
}

/// Evaluates the part on one line word by word; it may stand for all. `times`: when cores begin, and then when they
/// end, by position.
bool Evaluation::wordsOn(LineSweep &sweep, const LinePart &part, uint32_t line, bool forAll, int32_t *times,
                         uint32_t parts) {
  const bool alongX = part.alongX;
  const LineHistory &history = histories[alongX];
  if (!history.sharesLinks)
    return false;
  const uint32_t length = alongX ? width : height;
  auto coreAt = [&](uint32_t at) { return alongX ? size_t{line} * width + at : size_t{at} * width + line; };
  // Of each part, latest first, what the line's cores do and when they begin.
  std::vector<LineWorks> works;
  std::vector<std::vector<int32_t>> begins;
  bool same = true;
  auto add = [&](const LinePart &each) {
    same = same && each.same;
    LineWorks &own = works.emplace_back(length);
    std::vector<int32_t> &begin = begins.emplace_back(length);
    for (uint32_t at = 0; at < length; ++at) {
      own[at] = each.works[each.same ? at : coreAt(at)];
      begin[at] = static_cast<int32_t>(each.begins[coreAt(at)]);
    }
  };
  add(part);
  begins[0].assign(times, times + length);
  for (size_t before = 0;; ++before) {
    const RouteTables *routes = routesOf(alongX, same ? LineSweep::all : line);
    if (!routes)
      return false;
    std::vector<LineWords::Segment> segments;
    for (size_t i = works.size(); i-- > 0;)
      segments.push_back({works[i], begins[i]});
    LineWords words(*routes, hardware, length);
    if (!words.run(segments, parts))
      return false;
    if (words.isOrderKnown() || (before == history.parts.size() && history.isWhole))
      return sweep.takeWords(words, times, forAll ? LineSweep::all : line);
    if (before == history.parts.size())
      return false;
    const LinePart &earlier = *history.parts[history.parts.size() - 1 - before];
    reachedBack = reachedBack || earlier.phase < blockBegin;
    add(earlier);
  }
}

} // namespace weft::sim::maxplus
