// Sizes beyond these are mistakes; below them no product of sizes overflows. Internal to dialects/grid.
#pragma once

#include <cstdint>

namespace weft::grid {
inline constexpr int64_t maxCores = int64_t(1) << 24, maxElements = int64_t(1) << 31;
} // namespace weft::grid
