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

/// Bytes of a weight's stored tensor; of one with scales apart those of its codes. checkPackage() has seen that there
/// are so many.
uint64_t storedBytes(const pkg::WeightT &weight);

} // namespace weft::runtime
