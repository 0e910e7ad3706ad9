#include "compiler/route/Channels.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <tuple>

namespace weft::route {

int ClassMap::at(int position) const {
  for (const auto &[where, value] : exceptions)
    if (where == position)
      return value;
  // Floor division and modulo, as in affine maps: the host's position is -1.
  auto mod = [](int a, int b) { return ((a % b) + b) % b; };
  int quotient = (position - mod(position, div)) / div;
  return mod(quotient * divScale + mod(position, modBase) * modScale + add, modulus);
}

std::string ClassMap::formula() const {
  std::vector<std::string> terms;
  auto scaled = [](std::string term, int scale) { return scale == 1 ? term : fmt::format("({}) * {}", term, scale); };
  if (divScale != 0)
    terms.push_back(scaled(div == 1 ? "p" : fmt::format("p floordiv {}", div), divScale));
  if (modScale != 0 && modBase > 1)
    terms.push_back(scaled(fmt::format("p mod {}", modBase), modScale));
  if (add != 0 || terms.empty())
    terms.push_back(fmt::format("{}", add));
  return fmt::format("({}) mod {}", fmt::join(terms, " + "), modulus);
}

static int countMisses(const ClassMap &map, std::span<const FlowSpec> flows) {
  return static_cast<int>(
      std::count_if(flows.begin(), flows.end(), [&](const FlowSpec &f) { return map.at(f.source) != f.colorClass; }));
}

ClassMap describeClasses(std::span<const FlowSpec> flows, int classCount) {
  int r = std::max(classCount, 1);
  ClassMap best;
  best.modulus = r;
  int bestMisses = countMisses(best, flows);
  // A sample decides on long lines; exceptions are exact whatever map wins.
  std::span<const FlowSpec> sample = flows.first(std::min<size_t>(flows.size(), 64));
  for (int div = 1; div <= 2; ++div)
    for (int code = 0; code < r * r * r && bestMisses > 0; ++code) {
      ClassMap map{div, code % r, 2, code / r % r, code / r / r, r, {}};
      if (countMisses(map, sample) > bestMisses)
        continue;
      if (int misses = countMisses(map, flows); misses < bestMisses) {
        best = map;
        bestMisses = misses;
      }
    }
  std::map<int, int> exceptions;
  for (const FlowSpec &flow : flows)
    if (best.at(flow.source) != flow.colorClass)
      exceptions[flow.source] = flow.colorClass;
  best.exceptions.assign(exceptions.begin(), exceptions.end());
  return best;
}

void classifyFlows(std::span<ChannelSpec *const> channels) {
  std::vector<FlowSpec *> flows;
  for (ChannelSpec *channel : channels)
    for (FlowSpec &flow : channel->flows)
      flows.push_back(&flow);
  // By low end, short ones first: on intervals of one line the first free class is then the least number of classes.
  std::sort(flows.begin(), flows.end(), [](const FlowSpec *a, const FlowSpec *b) {
    return std::tie(a->lo, a->hi, a->line, a->source) < std::tie(b->lo, b->hi, b->line, b->source);
  });
  // The high end of the last flow of each class, by line; a uniform flow lies on all of them.
  std::vector<std::map<int, int>> lastHigh;
  auto isFree = [](const std::map<int, int> &high, const FlowSpec &flow) {
    return std::none_of(high.begin(), high.end(), [&](const auto &entry) {
      bool sameLine = flow.line < 0 || entry.first < 0 || entry.first == flow.line;
      return sameLine && entry.second >= flow.lo;
    });
  };
  for (FlowSpec *flow : flows) {
    size_t cls = 0;
    while (cls < lastHigh.size() && !isFree(lastHigh[cls], *flow))
      ++cls;
    if (cls == lastHigh.size())
      lastHigh.emplace_back();
    auto [slot, isNew] = lastHigh[cls].try_emplace(flow->line, flow->hi);
    slot->second = std::max(slot->second, flow->hi);
    flow->colorClass = static_cast<int>(cls);
  }
  for (ChannelSpec *channel : channels) {
    channel->classCount = 0;
    for (const FlowSpec &flow : channel->flows)
      channel->classCount = std::max(channel->classCount, flow.colorClass + 1);
  }
}

void assignClasses(std::span<ChannelSpec *const> channels) {
  classifyFlows(channels);
  for (ChannelSpec *channel : channels)
    channel->classMap = describeClasses(channel->flows, channel->classCount);
}

static ChannelSpec finish(ChannelSpec channel) {
  ChannelSpec *const all[] = {&channel};
  assignClasses(all);
  return channel;
}

ChannelSpec ringShift(std::string name, Axis axis, int n, Embedding embedding, int direction, bool wrap) {
  ChannelSpec channel{std::move(name), axis, {}, 0, {}};
  std::vector<int> cores = rankToCore(n, embedding);
  for (int rank = 0; n > 1 && rank < n; ++rank) {
    int next = rank + (direction < 0 ? -1 : 1);
    if (!wrap && (next < 0 || next >= n))
      continue;
    int from = cores[rank], to = cores[(next + n) % n];
    channel.flows.push_back({-1, from, std::min(from, to), std::max(from, to), false, 0});
  }
  return finish(std::move(channel));
}

ChannelSpec broadcast(std::string name, Axis axis, int n, int position) {
  ChannelSpec channel{std::move(name), axis, {}, 0, {}};
  if (n > 1)
    channel.flows.push_back({-1, position, 0, n - 1, true, 0});
  return finish(std::move(channel));
}

ChannelSpec broadcastInTurn(std::string name, Axis axis, int n, uint32_t turn) {
  ChannelSpec channel = broadcast(std::move(name), axis, n, 0);
  channel.turn = turn;
  return channel;
}

ChannelSpec diagonalBroadcast(std::string name, Axis axis, int n) {
  ChannelSpec channel{std::move(name), axis, {}, 0, {}};
  for (int line = 0; n > 1 && line < n; ++line)
    channel.flows.push_back({line, line, 0, n - 1, true, 0});
  return finish(std::move(channel));
}

ChannelSpec hostInput(std::string name, Axis axis, int n) {
  return finish({std::move(name), axis, {{-1, -1, -1, n - 1, true, 0}}, 0, {}});
}

ChannelSpec hostOutput(std::string name, Axis axis) {
  return finish({std::move(name), axis, {{-1, 0, -1, 0, false, 0}}, 0, {}});
}

pkg::ChannelT toPackage(const ChannelSpec &spec, std::span<const int> classColors) {
  pkg::ChannelT channel;
  channel.name = spec.name;
  channel.axis = spec.axis;
  channel.turn = spec.turn;
  for (const FlowSpec &flow : spec.flows)
    channel.flows.emplace_back(flow.line, flow.source, flow.lo, flow.hi, flow.deliverAll,
                               static_cast<uint8_t>(classColors[flow.colorClass]), flow.combine);
  return channel;
}

} // namespace weft::route
