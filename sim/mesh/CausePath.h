// Critical paths while a launch runs. What happens in a cycle has one cause, the last thing that it waited for; so each
// word under way, each core and each queue knows the path that led to it: a node, whose parents go back to cycle 0. A
// node lasts until the next one on the path begins. Most paths end nowhere; they are collected now and then.
#pragma once

#include "runtime/Explanation.h"

#include <algorithm>
#include <vector>

namespace weft::sim {

using runtime::Cause;
struct ProgramImage;

struct PathNode {
  uint64_t begin = 0;
  uint32_t parent = ~uint32_t{0};
  uint32_t where = 0; // a core, or beyond them a host port
  uint32_t op = runtime::noName;
  uint32_t what = runtime::noName; // kernel or channel
  Cause cause = Cause::Compute;
  uint8_t color = 0, winner = 0;
  bool marked = false;
  bool lockstep = false; // stands for many: see sim/maxplus/Paths.h
};

/// The segments of a path whose nodes these are, the last one first. It ends at the core `endsAt` in cycle `end`.
std::vector<runtime::PathSegment> segmentsOf(const std::vector<PathNode> &backwards, uint64_t end, uint32_t endsAt,
                                             uint32_t width, uint32_t height);

class PathStore {
public:
  static constexpr uint32_t nothing = ~uint32_t{0};

  const PathNode &operator[](uint32_t path) const { return nodes[path]; }
  uint32_t add(const PathNode &node) {
    if (spare == nothing) {
      nodes.push_back(node);
      return static_cast<uint32_t>(nodes.size() - 1);
    }
    const uint32_t made = spare;
    spare = nodes[made].parent;
    --spares;
    nodes[made] = node;
    return made;
  }
  bool isFull() const { return nodes.size() - spares >= limit; }
  size_t size() const { return nodes.size() - spares; }
  /// A path that is still wanted; to be called for all of them before sweep().
  void mark(uint32_t path) {
    for (; path != nothing && !nodes[path].marked; path = nodes[path].parent)
      nodes[path].marked = true;
  }
  /// Whether a path that is wanted leads through loop `run`.
  bool anyMarkedLockstep(uint32_t run) const {
    return std::any_of(nodes.begin(), nodes.end(),
                       [&](const PathNode &node) { return node.marked && node.lockstep && node.what == run; });
  }
  /// Frees what was not marked.
  void sweep() {
    spare = nothing;
    spares = 0;
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      if (!nodes[i].marked) {
        nodes[i].parent = spare;
        spare = i;
        ++spares;
      }
      nodes[i].marked = false;
    }
    limit = std::max<size_t>(least, 2 * (nodes.size() - spares));
  }
  /// The nodes of a path, the last one first.
  std::vector<PathNode> nodesOf(uint32_t path) const;

private:
  static constexpr size_t least = size_t{1} << 20;
  std::vector<PathNode> nodes;
  uint32_t spare = nothing; // list of free nodes
  size_t spares = 0, limit = least;
};

/// Of a launch of the program, with the names that a path's numbers stand for; why it took so long is still to be told.
runtime::Explanation namesOf(const ProgramImage &image, uint64_t cycles);

/// The core, or the host port: those of rows come first.
runtime::Place placeOf(uint32_t where, uint32_t width, uint32_t height);

} // namespace weft::sim
