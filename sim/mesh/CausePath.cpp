#include "sim/mesh/CausePath.h"

#include "sim/mesh/Decode.h"

#include <algorithm>

namespace weft::sim {

runtime::Place placeOf(uint32_t where, uint32_t width, uint32_t height) {
  const uint32_t cores = width * height;
  if (where < cores)
    return {static_cast<int32_t>(where % width), static_cast<int32_t>(where / width)};
  const auto line = static_cast<int32_t>(where - cores);
  const auto rows = static_cast<int32_t>(height);
  return line < rows ? runtime::Place{-1, line} : runtime::Place{line - rows, -1};
}

std::vector<PathNode> PathStore::nodesOf(uint32_t path) const {
  std::vector<PathNode> found;
  for (; path != nothing; path = nodes[path].parent)
    found.push_back(nodes[path]);
  return found;
}

std::vector<runtime::PathSegment> segmentsOf(const std::vector<PathNode> &nodes, uint64_t end, uint32_t endsAt,
                                             uint32_t width, uint32_t height) {
  std::vector<runtime::PathSegment> backwards;
  uint64_t until = end;
  uint32_t to = endsAt;
  for (const PathNode &node : nodes) {
    if (node.begin < until) {
      const runtime::Place from = placeOf(node.where, width, height);
      runtime::PathSegment *after = backwards.empty() ? nullptr : &backwards.back();
      if (after && after->cause == node.cause && after->op == node.op && after->what == node.what &&
          (after->from == from || node.cause == Cause::BackPressure)) {
        after->begin = node.begin;
        after->from = from;
      } else {
        backwards.push_back({node.cause, node.begin, until, node.op, node.what, from, placeOf(to, width, height),
                             node.color, node.winner});
      }
      until = node.begin;
    }
    to = node.where;
  }
  std::reverse(backwards.begin(), backwards.end());
  return backwards;
}

runtime::Explanation namesOf(const ProgramImage &image, uint64_t cycles) {
  runtime::Explanation why;
  why.program = image.name;
  why.cycles = cycles;
  why.ops = image.ops;
  why.channels = image.channels;
  why.kernels = image.kernels;
  return why;
}

} // namespace weft::sim
