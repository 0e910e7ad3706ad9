// What a router's unit makes of the words of a reducing flow, docs/program-model.md, "Combining in the router".
#pragma once

#include "runtime/package/package_generated.h"

#include <cstddef>
#include <cstdint>

namespace weft::sim {

/// first op second, for each 4 bytes of a word of `bytes`: one f32, two bf16 or one i32. `first` is what comes from the
/// lower position. `to` may be either of them.
void combineWords(pkg::Combine kind, const std::byte *first, const std::byte *second, std::byte *to, uint32_t bytes);

} // namespace weft::sim
