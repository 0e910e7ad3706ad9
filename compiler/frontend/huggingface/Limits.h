// The largest sizes that a config may ask for: far above every published model, and low enough that no product of two
// of them overflows 64 bits.
#pragma once

#include <cstdint>

namespace weft::frontend::hf {

inline constexpr uint32_t maxVocab = 1U << 24, maxWidth = 1U << 22, maxLayers = 1U << 12, maxHeads = 1U << 14,
                          maxHeadDim = 1U << 14, maxContext = 1U << 28, maxExperts = 1U << 12,
                          maxExpertsInAll = 1U << 17;

} // namespace weft::frontend::hf
