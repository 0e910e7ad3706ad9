// How much of an op one loop body computes: the tile that stays in vector registers. Internal to compiler/codegen.
#pragma once

#include "compiler/codegen/Passes.h"

#include <cstdint>
#include <optional>

namespace weft::codegen {

/// Sums along a row are made of this many lanes on every target; the order is part of the kernels' contract.
inline constexpr int64_t rowLanes = 8;

/// What the choice of a tile depends on, beside the target.
struct TileRequest {
  bool reduces = false;           // reduction loops run inside the tile
  int64_t rows = 1;               // most rows there can be; 1 if the op has no row loop
  std::optional<int64_t> columns; // most there can be in the loop over lanes, if that is known
  int64_t elementBytes = 4;       // of the widest element
  // Bytes a lane: of what the tile keeps for each row, of what it loads for all rows, and of what one evaluation of the
  // body needs at once beside the accumulators and what is loaded.
  int64_t accumulatorBytes = 4, loadedBytes = 4, workBytes = 0;
  int64_t overlapBytes = 0; // what a second product of the same evaluation may have under way
  bool converts = false;    // what is loaded takes an instruction before it is used
};

struct RegisterTile {
  int64_t rows = 1;
  int64_t vectors = 1;   // side by side
  int64_t lanes = 8;     // of each
  int64_t unroll = 1;    // steps of the innermost reduction loop in one pass
  bool prefetch = false; // vectors of the next step are loaded before this one's arithmetic
  bool byVector = false; // a vector is loaded right before the arithmetic on it
};

/// What has been chosen for a kernel beforehand (kernels/Tuning.h has the meanings); 0: nothing.
struct TileTuning {
  int64_t group = 0, rows = 0, vectors = 0, unroll = 0;
  int64_t depthBlock = 0; // steps of the sum that all tiles do before any goes on
  bool prefetch = false, byVector = false, halvesTail = false;
};

/// The tile for most of the op.
RegisterTile chooseTile(const VectorShape &shape, const TileRequest &request);
/// The tile for rows that fill no whole tile: one row.
RegisterTile chooseRowTile(const VectorShape &shape, const TileRequest &request);
/// `tile` with what `tuning` says; of its rows at most `limit`.
RegisterTile tuneTile(RegisterTile tile, const VectorShape &shape, const TileRequest &request, const TileTuning &tuning,
                      int64_t limit);

} // namespace weft::codegen
