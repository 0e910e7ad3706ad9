#include "compiler/codegen/RegisterTile.h"

#include <algorithm>
#include <bit>

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

static int64_t lanesOf(const VectorShape &shape, const TileRequest &request, int64_t group) {
  return std::max<int64_t>(1, shape.registerBytes * group / request.elementBytes);
}

/// The smallest group that holds all columns, and at most `limit` registers.
static int64_t groupFor(const VectorShape &shape, const TileRequest &request, int64_t limit) {
  int64_t group = 1;
  // Columns counted at run time: what is left over is done one by one, so that a short vector wastes least.
  while (request.columns && group < limit && lanesOf(shape, request, group) < *request.columns)
    group *= 2;
  return group;
}

/// The longest group of which `values` fit the register file, at most `limit` registers.
static int64_t longestGroup(const VectorShape &shape, int64_t values, int64_t limit) {
  int64_t group = std::min<int64_t>(limit, shape.grouping);
  while (group > 1 && group * values > shape.registers)
    group /= 2;
  return group;
}

/// One row: each loaded vector is used once, so that long vectors are all that saves instructions. Two of them and what
/// they are multiplied with take the whole file; unrolled further, the compiler's order of instructions needs more.
static RegisterTile groupedRow(const VectorShape &shape, const TileRequest &request) {
  RegisterTile tile;
  int64_t group = groupFor(shape, request, longestGroup(shape, request.live + 1, 8));
  tile.lanes = lanesOf(shape, request, group);
  if (request.direct && request.columns.value_or(0) > tile.lanes)
    tile.vectors = 2;
  tile.unroll = 2;
  return tile;
}

/// Several rows share each loaded vector. Two vectors of half the longest group beside each other keep the
/// multiply-add unit busy: one is loaded while the other is used, which the longest group would leave no register for.
static RegisterTile groupedRows(const VectorShape &shape, const TileRequest &request) {
  RegisterTile tile;
  int64_t group = groupFor(shape, request, longestGroup(shape, 6 + request.live, 4));
  tile.lanes = lanesOf(shape, request, group);
  tile.unroll = 4;
  if (request.direct && request.columns.value_or(0) > tile.lanes) {
    tile.vectors = 2;
    tile.rows = 3;
  } else {
    tile.rows = request.direct ? 6 : 4;
    tile.unroll = 2;
  }
  tile.rows = std::min(tile.rows, request.rows);
  return tile;
}

// ---- the choice --------------------------------------------------------------------------------------------------

RegisterTile chooseTile(const VectorShape &shape, const TileRequest &request) {
  if (shape.grouping == 1)
    return simpleTile(shape, request, request.rows);
  if (!request.reduces) {
    int64_t group = groupFor(shape, request, longestGroup(shape, request.live + 1, 8));
    return {.lanes = lanesOf(shape, request, group)};
  }
  return request.rows > 1 ? groupedRows(shape, request) : groupedRow(shape, request);
}

RegisterTile chooseRowTile(const VectorShape &shape, const TileRequest &request) {
  return shape.grouping == 1 ? simpleTile(shape, request, 1) : groupedRow(shape, request);
}

} // namespace weft::codegen
