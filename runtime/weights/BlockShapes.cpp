#include "runtime/weights/BlockShapes.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weft::runtime {

BlockShape shapeFor(BlockFormat format) {
  const BlockFacts &facts = factsOf(format);
  const auto bits = static_cast<int64_t>(std::bit_width(static_cast<unsigned>(facts.most - facts.least)));
  return {0,
          0,
          bits,
          facts.least,
          static_cast<int64_t>(facts.group),
          facts.weights,
          facts.scales,
          facts.minimums,
          facts.codebook};
}

/// Smallest and largest code in `shape`, a codebook's numbers taken as codes of their own.
static std::pair<int64_t, int64_t> codes(const BlockShape &shape) {
  if (shape.codebook)
    return {codebookIq4.front(), codebookIq4.back()};
  return {shape.least, shape.least + (int64_t{1} << shape.bits) - 1};
}

BlockShape common(const BlockShape &a, const BlockShape &b) {
  BlockShape shape{0,
                   0,
                   a.bits,
                   a.least,
                   std::min(a.group, b.group),
                   std::min(a.super, b.super),
                   a.scales || b.scales,
                   a.minimums || b.minimums,
                   a.codebook && b.codebook};
  if (a.codebook == b.codebook && a.least == b.least && a.bits == b.bits)
    return shape;
  auto [leastA, mostA] = codes(a);
  auto [leastB, mostB] = codes(b);
  shape.least = std::min(leastA, leastB);
  shape.bits = static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(std::max(mostA, mostB) - shape.least)));
  if (shape.bits > 6) {
    shape.bits = 8;
    shape.least = -128;
  }
  return shape;
}

bool holds(const BlockShape &shape, BlockFormat format) {
  const BlockFacts &facts = factsOf(format);
  auto [least, most] = codes(shapeFor(format));
  const bool codesFit = shape.codebook ? facts.codebook && shape.bits == 4 && shape.least == 0
                                       : least >= shape.least && most < shape.least + (int64_t{1} << shape.bits);
  return codesFit && shape.group <= facts.group && shape.super <= facts.weights && (shape.scales || !facts.scales) &&
         (shape.minimums || !facts.minimums);
}

} // namespace weft::runtime
