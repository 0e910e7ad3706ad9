// When words of which flows cross links that several flows use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weft::sim::maxplus {

/// Words of flow `by` cross the link in cycles [from, until), perhaps not in all of them.
struct LinkUse {
  uint32_t from = 0, until = 0, by = 0;
};

/// What is known of the uses of some links, of each the latest ones. What is forgotten counts as another flow's.
class LinkUses {
public:
  static constexpr uint32_t kept = 12;                // of a link
  static constexpr uint32_t forgotten = ~uint32_t{0}; // as `by`: of several flows

  void resize(size_t links) { first.resize(links, nothing); }
  bool empty() const { return first.empty(); }
  size_t links() const { return first.size(); }
  /// If another flow may use the link in one of these cycles, that use, with nothing done.
  std::optional<LinkUse> add(size_t link, LinkUse use);
  template <typename F> void forEach(size_t link, F f) const {
    for (uint32_t node = first[link]; node != nothing; node = nodes[node].next)
      f(nodes[node].use);
  }
  void forget(size_t link);
  void forgetAll();
  /// The link is used as another one is, so many cycles later.
  void copy(size_t link, size_t from, uint32_t later);
  size_t bytes() const { return first.capacity() * sizeof(uint32_t) + nodes.capacity() * sizeof(Node); }

private:
  static constexpr uint32_t nothing = ~uint32_t{0};
  struct Node {
    LinkUse use;
    uint32_t next;
  };
  uint32_t make(const LinkUse &use, uint32_t next);
  void release(uint32_t node);
  void joinLast(size_t link);

  std::vector<uint32_t> first; // by link: its latest use
  std::vector<Node> nodes;
  uint32_t spare = nothing; // nodes to be used again
};

} // namespace weft::sim::maxplus
