#include "compiler/codegen/RegisterTile.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace weft::codegen {

// ---- registers of one size: a host -----------------------------------------------------------------------------

static RegisterTile simpleTile(const VectorShape &shape, const TileRequest &request, int64_t rows) {
  RegisterTile tile;
  tile.lanes = std::max<int64_t>(1, shape.registerBytes / 4);
  if (!request.reduces)
    return tile;
  // Half of the registers accumulate; the rest holds what is being multiplied.
  int64_t accumulators = shape.registers / 2;
  tile.rows = std::min<int64_t>(accumulators / 2, std::bit_floor<uint64_t>(rows));
  tile.vectors = accumulators / tile.rows;
  return tile;
}

// ---- registers that form groups: a RISC-V core -----------------------------------------------------------------
//
// Longer groups save instructions; more rows save loads and conversions. What is in the way is the register file:
// accumulators, what one evaluation of the body needs beside them, and the vectors of the next step, which are loaded
// while this one computes.

constexpr int64_t mostRows = 8; // more save little and take code
constexpr int64_t mostShortRows =
    4; // of short vectors: what fills no tile is done row by row, which takes them longest

static int64_t lanesOf(const VectorShape &shape, int64_t elementBytes, int64_t group) {
  return std::max<int64_t>(1, shape.registerBytes * group / elementBytes);
}

static int64_t ceilDivide(int64_t value, int64_t by) { return (value + by - 1) / by; }

/// The smallest group that holds all columns, and at most `limit` registers.
static int64_t groupFor(const VectorShape &shape, const TileRequest &request, int64_t limit) {
  int64_t group = 1;
  // Columns counted at run time without a known limit: a short vector wastes least on what is left over.
  while (request.columns && group < limit && lanesOf(shape, request.elementBytes, group) < *request.columns)
    group *= 2;
  return group;
}

/// The longest group of which `bytes` a lane fit the register file.
static int64_t longestGroup(const VectorShape &shape, const TileRequest &request, int64_t bytes) {
  int64_t group = shape.grouping;
  while (group > 1 && group * bytes > shape.registers * request.elementBytes)
    group /= 2;
  return group;
}

/// Lanes of a tile's vectors: as many as the group has, or fewer if the columns then divide into vectors of one length.
static void setLanes(RegisterTile &tile, const VectorShape &shape, const TileRequest &request, int64_t group) {
  tile.lanes = lanesOf(shape, request.elementBytes, group);
  if (!request.columns || *request.columns == 0)
    return;
  int64_t tiles = ceilDivide(*request.columns, tile.vectors * tile.lanes);
  tile.lanes = std::min(tile.lanes, ceilDivide(*request.columns, tiles * tile.vectors));
}

/// One row: each loaded vector is used once, so that long vectors, two of them for each factor, are all that saves
/// instructions.
static RegisterTile groupedRow(const VectorShape &shape, const TileRequest &request) {
  auto bytes = [&](int64_t vectors) {
    return vectors * (request.accumulatorBytes + request.loadedBytes) + request.workBytes;
  };
  RegisterTile tile;
  int64_t group = groupFor(shape, request, longestGroup(shape, request, bytes(1)));
  bool fits = group * bytes(2) <= shape.registers * request.elementBytes;
  if (fits && request.columns.value_or(0) > lanesOf(shape, request.elementBytes, group))
    tile.vectors = 2;
  // Where two vectors and the next ones do not fit, unrolling would want them to.
  tile.unroll = tile.vectors == 1 || request.workBytes + request.loadedBytes == request.elementBytes ? 2 : 1;
  setLanes(tile, shape, request, group);
  return tile;
}

/// Rows of a tile, at most `limit`, so that rows of which there are `rows` take the fewest instructions: those that
/// fill no tile are done one by one.
static int64_t divideRows(int64_t rows, int64_t limit) {
  int64_t best = 1, bestCost = std::numeric_limits<int64_t>::max();
  for (int64_t height = std::max<int64_t>(1, std::min(limit, rows)); height >= 1; --height) {
    // Load and address of a vector, then a factor and a multiply-add a row.
    int64_t cost = rows / height * (2 + 2 * height) + rows % height * 4;
    if (cost < bestCost)
      best = height, bestCost = cost;
  }
  return best;
}

/// Several rows share each loaded vector. If a conversion comes before, more rows of shorter vectors are better than
/// two or three of the longest: it costs as much as a row.
static RegisterTile groupedRows(const VectorShape &shape, const TileRequest &request) {
  RegisterTile tile;
  int64_t shared = 2 * request.loadedBytes + request.workBytes + request.overlapBytes;
  auto mostIn = [&](int64_t group) {
    return std::min(group < shape.grouping / 2 ? mostShortRows : mostRows,
                    (shape.registers * request.elementBytes / group - shared) / request.accumulatorBytes);
  };
  int64_t limit = request.converts ? shape.grouping / 2 : shape.grouping;
  int64_t group = groupFor(shape, request, std::max<int64_t>(1, limit));
  while (group > 1 && mostIn(group) < std::min<int64_t>(2, request.rows))
    group /= 2;
  tile.rows = divideRows(std::min<int64_t>(request.rows, 1 << 20), std::max<int64_t>(1, mostIn(group)));
  tile.unroll = tile.rows <= 2 ? 4 : 2;
  setLanes(tile, shape, request, group);
  return tile;
}

// ---- the choice --------------------------------------------------------------------------------------------------

RegisterTile chooseTile(const VectorShape &shape, const TileRequest &request) {
  if (shape.grouping == 1)
    return simpleTile(shape, request, request.rows);
  if (request.reduces)
    return request.rows > 1 ? groupedRows(shape, request) : groupedRow(shape, request);
  RegisterTile tile;
  setLanes(tile, shape, request,
           groupFor(shape, request, longestGroup(shape, request, request.workBytes + request.elementBytes)));
  return tile;
}

RegisterTile chooseRowTile(const VectorShape &shape, const TileRequest &request) {
  return shape.grouping == 1 ? simpleTile(shape, request, 1) : groupedRow(shape, request);
}

// ---- chosen beforehand -------------------------------------------------------------------------------------------

RegisterTile tuneTile(RegisterTile tile, const VectorShape &shape, const TileRequest &request, const TileTuning &tuning,
                      int64_t limit) {
  if (shape.grouping == 1)
    return tile;
  if (request.reduces) {
    if (tuning.rows)
      tile.rows = std::max<int64_t>(1, std::min({tuning.rows, request.rows, limit}));
    if (tuning.vectors)
      tile.vectors = tuning.vectors;
    if (tuning.unroll)
      tile.unroll = tuning.unroll;
    tile.prefetch = tuning.prefetch;
    tile.byVector = tuning.byVector;
  }
  if (tuning.group || tuning.vectors) {
    int64_t group = tuning.group;
    while (!tuning.group && lanesOf(shape, request.elementBytes, std::max<int64_t>(1, group)) < tile.lanes)
      group = std::max<int64_t>(1, 2 * group); // that the compiler chose
    setLanes(tile, shape, request, std::clamp<int64_t>(group, 1, shape.grouping));
  }
  return tile;
}

} // namespace weft::codegen
