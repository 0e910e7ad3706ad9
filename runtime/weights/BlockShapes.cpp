#include "runtime/weights/BlockShapes.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weft::runtime {

BlockShape shapeFor(const BlockFacts &format) {
  BlockShape shape;
  shape.bits = static_cast<int64_t>(std::bit_width(static_cast<unsigned>(format.most - format.least)));
  shape.least = format.least;
  shape.group = format.group;
  shape.super = format.weights;
  shape.scales = format.scales;
  shape.minimums = format.minimums;
  shape.codebook = format.codebook;
  shape.wide = format.wide;
  shape.zeros = format.zeros;
  return shape;
}

std::optional<BlockShape> shapeForNamed(std::string_view format) {
  if (auto known = blockFormatNamed(format))
    return shapeFor(factsOf(*known));
  if (auto known = apartFormatNamed(format))
    return shapeFor(factsOf(*known));
  return std::nullopt;
}

/// Smallest and largest code in `shape`, a codebook's numbers taken as codes of their own.
static std::pair<int64_t, int64_t> codes(const BlockShape &shape) {
  if (shape.codebook)
    return {codebookIq4.front(), codebookIq4.back()};
  return {shape.least, shape.least + (int64_t{1} << shape.bits) - 1};
}

std::optional<BlockShape> common(const BlockShape &a, const BlockShape &b) {
  BlockShape shape;
  shape.bits = a.bits;
  shape.least = a.least;
  shape.group = std::min(a.group, b.group);
  shape.super = std::min(a.super, b.super);
  shape.scales = a.scales || b.scales;
  shape.minimums = a.minimums || b.minimums;
  shape.codebook = a.codebook && b.codebook;
  shape.wide = a.wide || b.wide;
  shape.zeros = a.zeros || b.zeros;
  if (shape.minimums && shape.zeros)
    return std::nullopt;
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

bool holds(const BlockShape &shape, const BlockFacts &format) {
  auto [least, most] = codes(shapeFor(format));
  const bool codesFit = shape.codebook ? format.codebook && shape.bits == 4 && shape.least == 0
                                       : least >= shape.least && most < shape.least + (int64_t{1} << shape.bits);
  return codesFit && shape.group <= format.group && shape.super <= format.weights && (shape.scales || !format.scales) &&
         (shape.minimums || !format.minimums) && (shape.wide || !format.wide) && (shape.zeros || !format.zeros);
}

} // namespace weft::runtime
