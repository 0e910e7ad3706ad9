// Weights in blocks of 32, from the rows in which model files hold them to the layout of buildGemmBlocks(). Plain C++.
#pragma once

#include <cstdint>
#include <span>

namespace weft::kernels {

inline constexpr int64_t weightsPerBlock = 32;
/// Bytes of a block in a model file: an f16 scale, then 32 signed bytes (Q8_0) or 16 bytes of two 4-bit numbers (Q4_0:
/// byte i holds weight i in its lower half and weight i + 16 in the upper one, each plus 8).
inline constexpr int64_t blockBytesQ8 = 34, blockBytesQ4 = 18;

/// Weights of a k x n matrix for a core. `rows` holds n rows of k/32 blocks, a row for each output; `weights` k x n
/// bytes (Q8) or k/2 x n (Q4), `scales` k/32 x n. k is a multiple of 32 and all sizes fit.
void packBlocksQ8(std::span<const uint8_t> rows, int64_t k, int64_t n, std::span<int8_t> weights,
                  std::span<uint16_t> scales);
void packBlocksQ4(std::span<const uint8_t> rows, int64_t k, int64_t n, std::span<int8_t> weights,
                  std::span<uint16_t> scales);

} // namespace weft::kernels
