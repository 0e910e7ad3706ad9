// The arithmetic of layouts: how many elements of a dimension a core holds, with what padding, and which ones. Plain
// C++.
#pragma once

#include "hw-models/support/Result.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace weft::place {

/// A rectangle of cores with logical rings along both axes, and what follows for contractions: K is cut into
/// `blocks` = lcm(width, height) blocks; a core holds `blocksX` of them when K is divided on x, `blocksY` on y.
struct Mesh {
  int64_t width = 1, height = 1;
  bool interleave = true;
  std::vector<int> coreOfRankX, coreOfRankY, rankOfCoreX, rankOfCoreY;
  int64_t blocks = 1, blocksX = 1, blocksY = 1;

  static Mesh make(int64_t width, int64_t height, bool interleave);
};

int64_t ceilDiv(int64_t a, int64_t b);
int64_t roundUp(int64_t a, int64_t multiple);

/// Elements of one K block when K has `extent` elements: even, so that a row of 16-bit elements is whole words.
int64_t blockWidth(const Mesh &mesh, int64_t extent);
/// Elements on a core of a dimension that some contraction runs over, divided on x or on y.
inline int64_t contractionLocalX(const Mesh &mesh, int64_t extent) { return mesh.blocksX * blockWidth(mesh, extent); }
inline int64_t contractionLocalY(const Mesh &mesh, int64_t extent) { return mesh.blocksY * blockWidth(mesh, extent); }
/// Elements on a core of a dimension that nothing contracts over.
int64_t plainLocal(int64_t extent, int64_t cores);

/// Attention heads: how many, of which size, and which of a head's dimensions turn together.
struct HeadShape {
  int64_t kvHeads = 1, group = 1, headDim = 2; // group: query heads a kv head
  int64_t turning = -1;                        // pairs of dimensions that turn, the first ones; -1: all
  bool interleaved = false;                    // pair i is (2i, 2i + 1), else (i, i + turning)
  int64_t ofValue = 0;                         // a value's dimensions; 0: headDim
  int64_t rotary = 0; // the first so many dimensions, an even number, are a part that is divided for itself; 0: no part

  /// [kv heads, group, head dimension], or with [turning, interleaved] behind, or with [value dimension, rotary] behind
  /// these: an attribute of the grid level.
  static HeadShape of(std::span<const int64_t> numbers);
  std::vector<int64_t> numbers() const;

  int64_t pairs() const { return (headDim + 1) / 2; }
  int64_t valueDim() const { return ofValue ? ofValue : headDim; }
  int64_t turningPairs() const { return turning < 0 ? headDim / 2 : turning; }
  /// The two dimensions of a pair; -1 beside the last one of an odd head. Those that do not turn are neighbours.
  int64_t first(int64_t pair) const { return pair >= turningPairs() || interleaved ? 2 * pair : pair; }
  int64_t second(int64_t pair) const;
};

/// What one projection gives of heads that have a rotary part (latent attention): the part or the rest of queries or
/// keys, or values. The keys' rotary part is one for all heads.
enum class HeadPiece { QueryRotary, QueryRest, KeyRotary, KeyRest, Value };
/// As grid.weight calls it.
std::string_view nameOf(HeadPiece piece);
/// The one of that name; a value if there is none.
HeadPiece headPieceNamed(std::string_view name);

/// How attention heads lie along x. Each kv head with its query heads takes `coresPerHead` neighbouring columns of
/// cores, or a column takes `headsPerCore` kv heads whole. A head's pairs of dimensions stay together on one core.
struct HeadLayout : HeadShape {
  int64_t coresPerHead = 1, headsPerCore = 1, width = 2; // width: columns of one head on one core
  int64_t valueWidth = 2;                                // the same of its values
  int64_t rotaryWidth = 0;                               // the first so many of `width` are of the rotary part

  static HeadLayout make(int64_t meshWidth, const HeadShape &shape);
  static HeadLayout make(int64_t meshWidth, int64_t kvHeads, int64_t group, int64_t headDim) {
    return make(meshWidth, HeadShape{kvHeads, group, headDim, -1, false});
  }

  int64_t headsOnCore() const { return headsPerCore * group; }
  int64_t segments() const { return coresPerHead > 1 ? kvHeads : 0; } // runs of cores that share a head
  /// The kv head of local head `local` on core x; -1 if there is none.
  int64_t kvHead(int64_t x, int64_t local) const;
  /// The pair of its head that local columns 2i and 2i + 1 (0 <= i < width/2) are on core x; -1: padding.
  int64_t pair(int64_t x, int64_t i) const;
  /// The dimension within its head of local column c (0 <= c < width) on core x; -1: padding.
  int64_t dimension(int64_t x, int64_t c) const;
  /// The same for a column of values (0 <= c < valueWidth). These never turn, so that a core's part of them is one run
  /// of a head.
  int64_t valueDimension(int64_t x, int64_t c) const;
  /// Index in the query projection's output of local query column c (0 <= c < headsOnCore()*width); -1: padding.
  int64_t queryIndex(int64_t x, int64_t c) const;
  /// Index in the key projection's output of local column c (0 <= c < headsPerCore*width); -1: padding.
  int64_t keyIndex(int64_t x, int64_t c) const;
  /// The same in the value projection's.
  int64_t valueIndex(int64_t x, int64_t c) const;
  /// Index in attention's output of local column c (0 <= c < headsOnCore()*valueWidth); -1: padding.
  int64_t outputIndex(int64_t x, int64_t c) const;

  /// Dimensions of a head that a piece has.
  int64_t pieceDims(HeadPiece piece) const;
  /// Columns that a core has of a piece, those of one head, and the index in the piece's projection of local column c;
  /// -1: padding.
  int64_t pieceColumns(HeadPiece piece) const;
  int64_t pieceWidth(HeadPiece piece) const;
  int64_t pieceIndex(HeadPiece piece, int64_t x, int64_t c) const;
};

/// Element of the whole dimension that local element i of a block-divided dimension is on the core of rank `rank`; -1:
/// padding.
inline int64_t blockIndex(int64_t extent, int64_t local, int64_t rank, int64_t i) {
  int64_t index = rank * local + i;
  return index < extent ? index : -1;
}

/// First element that rank `rank` holds of a dimension in blocks that overlap at the end instead of being padded.
inline int64_t overlapStart(int64_t extent, int64_t local, int64_t rank) {
  return std::min(rank * local, extent - local);
}
/// Element of the whole dimension that local element i on rank `rank` is, if no lower rank has it; else -1.
inline int64_t ownedIndex(bool overlap, int64_t extent, int64_t local, int64_t rank, int64_t i) {
  int64_t index = overlap ? overlapStart(extent, local, rank) + i : rank * local + i;
  return index < extent && index >= rank * local ? index : -1;
}
/// Where index i of a dimension lies whose digits are `digits` = [size, stride, …], the outermost first.
template <typename Digits> int64_t digitOffset(const Digits &digits, int64_t i) {
  int64_t offset = 0;
  for (size_t d = digits.size(); d > 0; d -= 2) {
    offset += i % digits[d - 2] * digits[d - 1];
    i /= digits[d - 2];
  }
  return offset;
}

/// Element of the attention output that contraction row i on the core of y rank `rankY` is; -1: padding. The
/// contraction runs over the attention output as it lies on x: local columns of each core in rank order, cut into
/// blocks of `width`.
int64_t packedIndex(const Mesh &mesh, const HeadLayout &heads, int64_t width, int64_t rankY, int64_t i);

/// The largest power of two up to `most`, a power of two, such that each run of so many rows of a block on a core, from
/// the block's beginning on, lies in one run of `most` elements of the whole. `indexOf(rank, i)` is the element that
/// local row i is; the block has `rows` rows, a core `local`. `paddingJoins`: padding may lie in any run.
int64_t sharedRun(int64_t ranks, int64_t local, int64_t rows, int64_t most, bool paddingJoins,
                  const std::function<int64_t(int64_t, int64_t)> &indexOf);

/// Tokens of rank k before it when n tokens are spread over `ranks` ranks; docs/program-model.md, "Sequence rows".
inline int64_t sequenceStart(int64_t k, int64_t n, int64_t ranks) {
  int64_t q = n / ranks, r = n % ranks;
  int64_t longer = k - (ranks - r);
  return k * q + (longer > 0 ? longer : 0);
}

} // namespace weft::place
