#include "sim/loads/Traffic.h"

#include <algorithm>

namespace weft::sim::loads {

Traffic::Traffic(const pkg::ProgramT &program, uint32_t width, uint32_t height)
    : program(program), width(width), height(height) {
  for (const auto &channel : program.channels) {
    Lines &lines = channels.emplace_back();
    lines.alongX = channel->axis != pkg::Axis::Y;
    for (const pkg::Flow &flow : channel->flows) {
      if (flow.lo() == flow.hi()) // goes nowhere
        continue;
      if (flow.line() < 0) {
        lines.everywhere.push_back(flow);
        continue;
      }
      lines.own.resize(linesOf(lines));
      lines.own[static_cast<size_t>(flow.line())].push_back(flow);
    }
  }
}

template <typename F> void Traffic::forEachFlow(const Lines &lines, uint32_t line, const F &f) const {
  for (const pkg::Flow &flow : lines.everywhere)
    f(flow);
  if (!lines.own.empty())
    for (const pkg::Flow &flow : lines.own[line])
      f(flow);
}

namespace {

/// Words over the links that leave the routers of a line, towards its low and its high end, as differences from one
/// router to the next.
struct LineWords {
  std::vector<uint64_t> low, high;

  explicit LineWords(size_t length) : low(length + 1), high(length + 1) {}
  /// Words from `from` to both ends of a flow.
  void cross(int32_t lo, int32_t from, int32_t hi, uint64_t words) {
    if (from > lo)
      add(low, lo + 1, from + 1, words);
    if (hi > std::max(from, 0))
      add(high, std::max(from, 0), hi, words);
  }
  static void add(std::vector<uint64_t> &differences, int32_t begin, int32_t end, uint64_t words) {
    differences[static_cast<size_t>(begin)] += words;
    differences[static_cast<size_t>(end)] -= words;
  }
};

} // namespace

void Traffic::send(uint32_t channel, const std::vector<uint64_t> &words, runtime::LinkWords &links) const {
  const Lines &lines = channels[channel];
  const uint32_t length = lines.alongX ? width : height;
  const bool takesTurns = program.channels[channel]->turn != 0;
  for (uint32_t line = 0; line < linesOf(lines); ++line) {
    auto coreAt = [&](int32_t at) {
      const auto position = static_cast<size_t>(at);
      return lines.alongX ? size_t{line} * width + position : position * width + line;
    };
    LineWords sums(length);
    forEachFlow(lines, line, [&](const pkg::Flow &flow) {
      if (flow.combine() != pkg::Combine::None) {
        // One link further, the words of two cores are one.
        for (int32_t at = flow.lo(); at <= flow.hi(); ++at)
          if (at != flow.source())
            LineWords::add(at > flow.source() ? sums.low : sums.high, at, at + 1, words[coreAt(at)]);
      } else if (takesTurns) {
        for (int32_t at = flow.lo(); at <= flow.hi(); ++at)
          sums.cross(flow.lo(), at, flow.hi(), words[coreAt(at)]);
      } else if (flow.source() >= 0) {
        sums.cross(flow.lo(), flow.source(), flow.hi(), words[coreAt(flow.source())]);
      }
    });
    uint64_t low = 0, high = 0;
    for (uint32_t at = 0; at < length; ++at) {
      low += sums.low[at];
      high += sums.high[at];
      const size_t core = coreAt(static_cast<int32_t>(at));
      links[lines.alongX ? runtime::West : runtime::North][core] += low;
      links[lines.alongX ? runtime::East : runtime::South][core] += high;
    }
  }
}

uint64_t Traffic::sendFromHost(uint32_t channel, uint64_t words, runtime::LinkWords &links) const {
  const Lines &lines = channels[channel];
  uint64_t entering = 0;
  for (uint32_t line = 0; line < linesOf(lines); ++line)
    forEachFlow(lines, line, [&](const pkg::Flow &flow) {
      if (flow.source() >= 0 || flow.combine() != pkg::Combine::None)
        return;
      entering += words;
      for (int32_t at = 0; at < flow.hi(); ++at) {
        const auto position = static_cast<size_t>(at);
        links[lines.alongX ? runtime::East : runtime::South]
             [lines.alongX ? size_t{line} * width + position : position * width + line] += words;
      }
    });
  return entering;
}

std::optional<Traffic::Turn> Traffic::turnOf(uint32_t channel, uint32_t x, uint32_t y) const {
  const Lines &lines = channels[channel];
  const auto position = static_cast<int32_t>(lines.alongX ? x : y);
  std::optional<Turn> turn;
  forEachFlow(lines, lines.alongX ? y : x, [&](const pkg::Flow &flow) {
    if (position >= flow.lo() && position <= flow.hi())
      turn = {static_cast<uint32_t>(position - flow.lo()), static_cast<uint32_t>(flow.hi() - flow.lo() + 1),
              program.channels[channel]->turn};
  });
  return turn;
}

} // namespace weft::sim::loads
