// What is kept of critical paths, and what is said of them in the end.
#include "sim/maxplus/Paths.h"

#include <algorithm>

namespace weft::sim::maxplus {

Result<void> Paths::collect() {
  if (!paths.isFull())
    return success();
  std::erase_if(ends, [&](const auto &entry) { return !messages.known(entry.first.first, entry.first.second); });
  std::vector<uint32_t> toMark = path;
  for (const auto &[key, of] : ends)
    for (const std::vector<uint32_t> *each : {&of.sent, &of.asked, &of.head})
      toMark.insert(toMark.end(), each->begin(), each->end());
  for (const auto &channel : past)
    for (const auto &messagesOf : channel)
      for (const Past &each : messagesOf)
        toMark.push_back(each.path);
  toMark.push_back(end.path);
  toMark.push_back(hostEnd.path);
  for (uint32_t reached : toMark)
    paths.mark(reached);
  // A loop is wanted if some path ends in it; later ones may lead to earlier ones.
  for (LockstepRun &run : runs)
    run.wanted = false;
  for (uint32_t i = static_cast<uint32_t>(runs.size()); i-- > 0;) {
    runs[i].wanted = paths.anyMarkedLockstep(i);
    if (!runs[i].wanted) {
      runs[i].begins = {};
      runs[i].paths = {};
    }
    for (uint32_t reached : runs[i].paths)
      paths.mark(reached);
  }
  paths.sweep();
  size_t kept = 0;
  for (const LockstepRun &run : runs)
    kept += run.begins.size();
  if (paths.size() > size_t{1} << 26 || kept > size_t{1} << 28)
    return userError("the critical path takes too much memory here; explain a smaller mesh or fewer steps");
  return success();
}

/// Calls f(channel, flow, link, words) for each link that a flow crosses: four a router, west, east, north, south.
template <typename F> void Paths::forEachLoad(F f) const {
  for (uint32_t channel = 0; channel < shapes.size(); ++channel) {
    if (words[channel].empty())
      continue;
    const ChannelShape &shape = shapes[channel];
    for (uint32_t at = 0; at < (shape.alongX ? height : width); ++at) {
      const uint32_t x = shape.alongX ? 0 : at, y = shape.alongX ? at : 0;
      for (const FlowShape &flow : shape.lineAt(x, y).flows) {
        if (flow.turn) { // all that was sent on one side of the link
          uint64_t below = 0, above = 0;
          for (int32_t p = flow.lo; p < flow.hi; ++p)
            f(channel, flow, 4 * coreAt(shape, x, y, p) + (shape.alongX ? 1 : 3),
              below += words[channel][coreAt(shape, x, y, p)]);
          for (int32_t p = flow.hi; p > flow.lo; --p)
            f(channel, flow, 4 * coreAt(shape, x, y, p) + (shape.alongX ? 0 : 2),
              above += words[channel][coreAt(shape, x, y, p)]);
          continue;
        }
        const uint64_t count = words[channel][coreAt(shape, x, y, flow.source)];
        for (int32_t p = std::max(flow.source, 0); p < flow.hi; ++p)
          f(channel, flow, 4 * coreAt(shape, x, y, p) + (shape.alongX ? 1 : 3), count);
        for (int32_t p = flow.source; p > flow.lo && p >= 0; --p)
          f(channel, flow, 4 * coreAt(shape, x, y, p) + (shape.alongX ? 0 : 2), count);
      }
    }
  }
}

std::optional<runtime::LinkLoad> Paths::busiest() const {
  std::vector<uint64_t> loads(size_t{4} * coreCount, 0);
  forEachLoad([&](uint32_t, const FlowShape &, uint32_t link, uint64_t count) { loads[link] += count; });
  const auto most = std::max_element(loads.begin(), loads.end());
  if (most == loads.end() || !*most)
    return std::nullopt;
  const auto at = static_cast<uint32_t>(most - loads.begin());
  runtime::LinkLoad load{placeOf(at / 4, width, height), static_cast<runtime::Exit>(at % 4), *most};
  forEachLoad([&](uint32_t channel, const FlowShape &flow, uint32_t link, uint64_t count) {
    if (link != at || count <= load.wordsOfColor)
      return;
    load.wordsOfColor = count;
    load.color = flow.color;
    load.channel = channel;
  });
  return load;
}

runtime::Explanation Paths::explain(uint64_t cycles) const {
  Latest last = end;
  for (uint32_t core = 0; core < coreCount; ++core)
    if (time[core] > last.at || last.path == PathStore::nothing)
      last = {time[core], path[core], core};
  if (hostEnd.at > last.at)
    last = hostEnd;
  std::vector<PathNode> nodes;
  if (last.at < cycles) // words to the host that are not told
    nodes.push_back({.begin = last.at, .where = last.where, .cause = Cause::Wait});
  for (uint32_t at = last.path; at != PathStore::nothing;) {
    const PathNode &node = paths[at];
    if (!node.lockstep) {
      nodes.push_back(node);
      at = node.parent;
      continue;
    }
    const LockstepRun &run = runs[node.what];
    at = run.paths[expand(run, node.where, nodes)];
  }
  runtime::Explanation why = namesOf(image, cycles);
  why.path = segmentsOf(nodes, cycles, last.where, width, height);
  why.stallsKnown = false;
  why.busiest = busiest();
  const uint32_t slow = last.where < coreCount ? last.where : 0;
  why.slowest = runtime::SlowCore{placeOf(slow, width, height), time[slow], compute[slow], issue[slow], wait[slow], {}};
  return why;
}

} // namespace weft::sim::maxplus
