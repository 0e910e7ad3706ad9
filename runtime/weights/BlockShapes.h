// Which blocks of a core have room for which formats of files.
#pragma once

#include "runtime/package/BlockShape.h"
#include "runtime/weights/BlockFormat.h"

#include <optional>
#include <string_view>

namespace weft::runtime {

/// Whether codes, scales, minimums and zero points of such a format fit what `shape` has room for.
bool holds(const BlockShape &shape, const BlockFacts &format);

/// A shape with the room that such a format needs and its groups, for no rows yet.
BlockShape shapeFor(const BlockFacts &format);
/// The same of a format of either kind by its name; none: there is no such format.
std::optional<BlockShape> shapeForNamed(std::string_view format);
/// What has room for both: weights side by side in one product may have different formats. None: nothing has.
std::optional<BlockShape> common(const BlockShape &a, const BlockShape &b);

} // namespace weft::runtime
