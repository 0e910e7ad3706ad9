// Formats of stored numbers as the package's schema has them, and as the rest of the runtime does.
#pragma once

#include "runtime/package/PackageFile.h"
#include "runtime/weights/BlockShapes.h"

#include <memory>
#include <optional>

namespace weft::runtime {

/// What the package calls these formats; none for BlockFormat::None.
std::optional<BlockFormat> blockFormatOf(pkg::BlockFormat format);
pkg::BlockFormat packageFormat(BlockFormat format);
/// It may be none that is known.
ApartFormat apartFormatOf(const pkg::ApartT &apart);
std::unique_ptr<pkg::ApartT> packageFormat(const ApartFormat &format);

BlockShape shapeOf(const pkg::BlocksT &blocks);

} // namespace weft::runtime
