#include "kernels/BlockLayout.h"

#include <cassert>

namespace weft::kernels {

/// Calls `store(byte, position in the block, block, column)` for all bytes behind the scales, and keeps the scales.
template <typename Store>
static void forEachByte(std::span<const uint8_t> rows, int64_t k, int64_t n, int64_t blockBytes,
                        std::span<uint16_t> scales, Store store) {
  int64_t blocks = k / weightsPerBlock;
  assert(static_cast<int64_t>(rows.size()) == n * blocks * blockBytes);
  assert(static_cast<int64_t>(scales.size()) == n * blocks);
  for (int64_t column = 0; column < n; ++column)
    for (int64_t block = 0; block < blocks; ++block) {
      auto bytes = rows.subspan((column * blocks + block) * blockBytes, blockBytes);
      scales[block * n + column] = static_cast<uint16_t>(bytes[0] | bytes[1] << 8);
      for (int64_t i = 2; i < blockBytes; ++i)
        store(bytes[i], i - 2, block, column);
    }
}

void packBlocksQ8(std::span<const uint8_t> rows, int64_t k, int64_t n, std::span<int8_t> weights,
                  std::span<uint16_t> scales) {
  forEachByte(rows, k, n, blockBytesQ8, scales, [&](uint8_t byte, int64_t i, int64_t block, int64_t column) {
    weights[(block * weightsPerBlock + i) * n + column] = static_cast<int8_t>(byte);
  });
}

void packBlocksQ4(std::span<const uint8_t> rows, int64_t k, int64_t n, std::span<int8_t> weights,
                  std::span<uint16_t> scales) {
  // A number plus 8 becomes the number in two's complement when its highest bit is inverted.
  forEachByte(rows, k, n, blockBytesQ4, scales, [&](uint8_t byte, int64_t i, int64_t block, int64_t column) {
    weights[(block * weightsPerBlock / 2 + i) * n + column] = static_cast<int8_t>(byte ^ 0x88);
  });
}

} // namespace weft::kernels
