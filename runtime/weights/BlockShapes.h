// Which blocks of a core have room for which formats of files.
#pragma once

#include "runtime/package/BlockShape.h"
#include "runtime/weights/BlockFormat.h"

namespace weft::runtime {

/// Whether codes, scales and minimums of `format` fit what `shape` has room for.
bool holds(const BlockShape &shape, BlockFormat format);

/// A shape with the room that `format` needs and its groups, for no rows yet.
BlockShape shapeFor(BlockFormat format);
/// What has room for both: weights side by side in one product may have different formats.
BlockShape common(const BlockShape &a, const BlockShape &b);

} // namespace weft::runtime
