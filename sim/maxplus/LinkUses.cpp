#include "sim/maxplus/LinkUses.h"

#include <algorithm>

namespace weft::sim::maxplus {

uint32_t LinkUses::make(const LinkUse &use, uint32_t next) {
  if (spare == nothing) {
    nodes.push_back({use, next});
    return static_cast<uint32_t>(nodes.size() - 1);
  }
  const uint32_t node = spare;
  spare = nodes[node].next;
  nodes[node] = {use, next};
  return node;
}

void LinkUses::release(uint32_t node) {
  nodes[node].next = spare;
  spare = node;
}

std::optional<LinkUse> LinkUses::add(size_t link, LinkUse use) {
  // Messages are not settled in the order of their words, so a use may come between others.
  uint32_t later = nothing, count = 0;
  for (uint32_t node = first[link]; node != nothing; node = nodes[node].next) {
    const LinkUse &other = nodes[node].use;
    if (other.by != use.by && other.from < use.until && use.from < other.until)
      return other;
    if (other.from > use.from)
      later = node;
    ++count;
  }
  const uint32_t earlier = later == nothing ? first[link] : nodes[later].next;
  if (earlier != nothing && nodes[earlier].use.by == use.by && use.from <= nodes[earlier].use.until) {
    nodes[earlier].use.until = std::max(nodes[earlier].use.until, use.until);
    return std::nullopt;
  }
  const uint32_t made = make(use, earlier);
  (later == nothing ? first[link] : nodes[later].next) = made;
  if (count == kept)
    joinLast(link);
  return std::nullopt;
}

/// The two earliest uses become one.
void LinkUses::joinLast(size_t link) {
  uint32_t node = first[link];
  while (nodes[nodes[node].next].next != nothing)
    node = nodes[node].next;
  LinkUse &use = nodes[node].use;
  const LinkUse &last = nodes[nodes[node].next].use;
  if (use.by != last.by)
    use.by = forgotten;
  use.from = use.by == forgotten ? 0 : std::min(use.from, last.from);
  use.until = std::max(use.until, last.until);
  release(nodes[node].next);
  nodes[node].next = nothing;
}

void LinkUses::forget(size_t link) {
  while (first[link] != nothing) {
    const uint32_t node = first[link];
    first[link] = nodes[node].next;
    release(node);
  }
}

void LinkUses::forgetAll() {
  std::fill(first.begin(), first.end(), nothing);
  nodes.clear();
  spare = nothing;
}

void LinkUses::copy(size_t link, size_t from, uint32_t later) {
  forget(link);
  uint32_t last = nothing;
  for (uint32_t node = first[from]; node != nothing; node = nodes[node].next) {
    const LinkUse use = nodes[node].use;
    const uint32_t made = make({use.from + later, use.until + later, use.by}, nothing);
    (last == nothing ? first[link] : nodes[last].next) = made;
    last = made;
  }
}

} // namespace weft::sim::maxplus
