#include "compiler/place/Geometry.h"

#include "compiler/route/Topology.h"

#include <algorithm>
#include <numeric>
#include <optional>

namespace weft::place {

namespace {
std::vector<int> invert(const std::vector<int> &permutation) {
  std::vector<int> inverse(permutation.size());
  for (size_t i = 0; i < permutation.size(); ++i)
    inverse[permutation[i]] = static_cast<int>(i);
  return inverse;
}
} // namespace

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t multiple) { return ceilDiv(a, multiple) * multiple; }

Mesh Mesh::make(int64_t width, int64_t height, bool interleave) {
  Mesh mesh;
  mesh.width = width;
  mesh.height = height;
  mesh.interleave = interleave;
  auto embedding = interleave ? route::Embedding::Interleave : route::Embedding::Identity;
  mesh.coreOfRankX = route::rankToCore(static_cast<int>(width), embedding);
  mesh.coreOfRankY = route::rankToCore(static_cast<int>(height), embedding);
  mesh.rankOfCoreX = invert(mesh.coreOfRankX);
  mesh.rankOfCoreY = invert(mesh.coreOfRankY);
  mesh.blocks = std::lcm(width, height);
  mesh.blocksX = mesh.blocks / width;
  mesh.blocksY = mesh.blocks / height;
  return mesh;
}

int64_t blockWidth(const Mesh &mesh, int64_t extent) { return roundUp(ceilDiv(extent, mesh.blocks), 2); }

int64_t plainLocal(int64_t extent, int64_t cores) { return roundUp(ceilDiv(extent, cores), 2); }

static constexpr std::string_view pieceNames[] = {"query_rotary", "query_rest", "key_rotary", "key_rest", "value"};

std::string_view nameOf(HeadPiece piece) { return pieceNames[static_cast<size_t>(piece)]; }

HeadPiece headPieceNamed(std::string_view name) {
  for (HeadPiece piece : {HeadPiece::QueryRotary, HeadPiece::QueryRest, HeadPiece::KeyRotary, HeadPiece::KeyRest})
    if (name == nameOf(piece))
      return piece;
  return HeadPiece::Value;
}

HeadShape HeadShape::of(std::span<const int64_t> numbers) {
  HeadShape shape{numbers[0], numbers[1], numbers[2], -1, false};
  if (numbers.size() > 3) {
    shape.turning = numbers[3];
    shape.interleaved = numbers[4] != 0;
  }
  if (numbers.size() > 5) {
    shape.ofValue = numbers[5];
    shape.rotary = numbers[6];
  }
  return shape;
}

std::vector<int64_t> HeadShape::numbers() const {
  if (ofValue || rotary)
    return {kvHeads, group, headDim, turningPairs(), interleaved, ofValue, rotary};
  if (turningPairs() == headDim / 2 && headDim % 2 == 0 && !interleaved)
    return {kvHeads, group, headDim};
  return {kvHeads, group, headDim, turningPairs(), interleaved};
}

int64_t HeadShape::second(int64_t pair) const {
  if (pair < turningPairs() && !interleaved)
    return pair + turningPairs();
  return 2 * pair + 1 < headDim ? 2 * pair + 1 : -1;
}

HeadLayout HeadLayout::make(int64_t meshWidth, const HeadShape &shape) {
  HeadLayout layout;
  static_cast<HeadShape &>(layout) = shape;
  const int64_t rotaryPairs = shape.rotary / 2, otherPairs = shape.pairs() - rotaryPairs;
  if (meshWidth >= shape.kvHeads) {
    // More columns for a head than it has pairs would only add padding.
    layout.coresPerHead = std::min(meshWidth / shape.kvHeads, std::max(rotaryPairs, otherPairs));
    layout.headsPerCore = 1;
  } else {
    layout.coresPerHead = 1;
    layout.headsPerCore = ceilDiv(shape.kvHeads, meshWidth);
  }
  layout.rotaryWidth = 2 * ceilDiv(rotaryPairs, layout.coresPerHead);
  layout.width = layout.rotaryWidth + 2 * ceilDiv(otherPairs, layout.coresPerHead);
  layout.valueWidth = shape.ofValue ? 2 * ceilDiv((shape.ofValue + 1) / 2, layout.coresPerHead) : layout.width;
  return layout;
}

int64_t HeadLayout::kvHead(int64_t x, int64_t local) const {
  int64_t head = x / coresPerHead * headsPerCore + local;
  return head < kvHeads ? head : -1;
}

int64_t HeadLayout::pair(int64_t x, int64_t i) const {
  const int64_t part = x % coresPerHead, rotaryPairs = rotary / 2;
  if (2 * i < rotaryWidth) {
    const int64_t index = part * (rotaryWidth / 2) + i;
    return index < rotaryPairs ? index : -1;
  }
  const int64_t index = rotaryPairs + part * ((width - rotaryWidth) / 2) + i - rotaryWidth / 2;
  return index < pairs() ? index : -1;
}

int64_t HeadLayout::dimension(int64_t x, int64_t c) const {
  int64_t index = pair(x, c / 2);
  return index < 0 ? -1 : c % 2 ? second(index) : first(index);
}

int64_t HeadLayout::valueDimension(int64_t x, int64_t c) const {
  int64_t index = x % coresPerHead * valueWidth + c;
  return index < valueDim() ? index : -1;
}

/// Of dimension `dim` of `dims` that local query head `local` has.
static int64_t indexOfQuery(const HeadLayout &heads, int64_t x, int64_t local, int64_t dim, int64_t dims) {
  int64_t head = heads.kvHead(x, local / heads.group);
  return head < 0 || dim < 0 ? -1 : (head * heads.group + local % heads.group) * dims + dim;
}

int64_t HeadLayout::queryIndex(int64_t x, int64_t c) const {
  return indexOfQuery(*this, x, c / width, dimension(x, c % width), headDim);
}

int64_t HeadLayout::outputIndex(int64_t x, int64_t c) const {
  return indexOfQuery(*this, x, c / valueWidth, valueDimension(x, c % valueWidth), valueDim());
}

int64_t HeadLayout::keyIndex(int64_t x, int64_t c) const {
  int64_t head = kvHead(x, c / width), dim = dimension(x, c % width);
  return head < 0 || dim < 0 ? -1 : head * headDim + dim;
}

int64_t HeadLayout::valueIndex(int64_t x, int64_t c) const {
  int64_t head = kvHead(x, c / valueWidth), dim = valueDimension(x, c % valueWidth);
  return head < 0 || dim < 0 ? -1 : head * valueDim() + dim;
}

int64_t HeadLayout::pieceWidth(HeadPiece piece) const {
  switch (piece) {
  case HeadPiece::QueryRotary:
  case HeadPiece::KeyRotary:
    return rotaryWidth;
  case HeadPiece::QueryRest:
  case HeadPiece::KeyRest:
    return width - rotaryWidth;
  case HeadPiece::Value:
    break;
  }
  return valueWidth;
}

int64_t HeadLayout::pieceDims(HeadPiece piece) const {
  if (piece == HeadPiece::Value)
    return valueDim();
  return piece == HeadPiece::QueryRotary || piece == HeadPiece::KeyRotary ? rotary : headDim - rotary;
}

int64_t HeadLayout::pieceColumns(HeadPiece piece) const {
  const bool ofQueries = piece == HeadPiece::QueryRotary || piece == HeadPiece::QueryRest;
  return pieceWidth(piece) * (ofQueries ? headsOnCore() : headsPerCore);
}

int64_t HeadLayout::pieceIndex(HeadPiece piece, int64_t x, int64_t c) const {
  if (piece == HeadPiece::Value)
    return valueIndex(x, c);
  const int64_t columns = pieceWidth(piece), local = c / columns, dims = pieceDims(piece);
  const bool ofRotary = piece == HeadPiece::QueryRotary || piece == HeadPiece::KeyRotary;
  int64_t dim = dimension(x, c % columns + (ofRotary ? 0 : rotaryWidth));
  if (dim >= 0 && !ofRotary)
    dim -= rotary;
  if (piece == HeadPiece::QueryRotary || piece == HeadPiece::QueryRest)
    return indexOfQuery(*this, x, local, dim, dims);
  const int64_t head = kvHead(x, local);
  if (head < 0 || dim < 0)
    return -1;
  return piece == HeadPiece::KeyRotary ? dim : head * dims + dim;
}

/// Whether each run of `run` rows of a block lies in one run of as many elements.
static bool runsLieTogether(const std::vector<int64_t> &elements, int64_t rows, int64_t run, bool paddingJoins) {
  for (size_t block = 0; block < elements.size(); block += rows)
    for (int64_t first = 0; first < rows; first += run) {
      std::optional<int64_t> where; // which run of elements; -1: padding
      for (int64_t i = first; i < std::min(first + run, rows); ++i) {
        const int64_t element = elements[block + i], its = element < 0 ? -1 : element / run;
        if (element < 0 && paddingJoins)
          continue;
        if (where.value_or(its) != its)
          return false;
        where = its;
      }
    }
  return true;
}

int64_t sharedRun(int64_t ranks, int64_t local, int64_t rows, int64_t most, bool paddingJoins,
                  const std::function<int64_t(int64_t, int64_t)> &indexOf) {
  std::vector<int64_t> elements;
  for (int64_t rank = 0; rank < ranks; ++rank)
    for (int64_t i = 0; i < local; ++i)
      elements.push_back(indexOf(rank, i));
  while (most > 1 && !runsLieTogether(elements, rows, most, paddingJoins))
    most /= 2;
  return most;
}

int64_t packedIndex(const Mesh &mesh, const HeadLayout &heads, int64_t width, int64_t rankY, int64_t i) {
  int64_t block = rankY * mesh.blocksY + i / width;
  int64_t core = mesh.coreOfRankX[block / mesh.blocksX];
  int64_t column = block % mesh.blocksX * width + i % width;
  return column < heads.headsOnCore() * heads.valueWidth ? heads.outputIndex(core, column) : -1;
}

} // namespace weft::place
