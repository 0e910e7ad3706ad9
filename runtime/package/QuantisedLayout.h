// Numbers as 8-bit integers with a scale, and how they lie in a core's SRAM: one rule for weights, which the runtime
// quantises as it loads them, and for activations, which a kernel does. kernels/README.md, "Quantised products", has
// the error bound.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace weft::runtime {

/// Of the numbers that share a scale `largest` is the largest magnitude. A number x becomes q = x * inverse rounded to
/// nearest even, at most 127 in magnitude, and stands for q * scale. Below `least` all are 0; where `largest` is no
/// finite number all q are 0 and the scale is `largest` over 127, so that a product with it is NaN.
struct QuantisedScale {
  static constexpr float least = 0x1p-119f; // 127 / least is finite
  static constexpr float oneOver127 = 1.0f / 127.0f;

  explicit QuantisedScale(float largest) : scale(largest * oneOver127) {
    if (largest >= least && std::isfinite(largest))
      inverse = 127.0f / largest;
  }
  /// In the low byte of the sum's bits lies the rounded integer.
  int8_t quantise(float x) const {
    return inverse == 0.0f ? int8_t{0} : static_cast<int8_t>(std::bit_cast<uint32_t>(x * inverse + 0x1.8p23f));
  }

  float scale = 0, inverse = 0;
};

/// Bytes that are multiplied together fill words, so that K is padded with zeros to whole words.
inline constexpr int64_t bytesPerWord = 4;
constexpr int64_t quantisedDepth(int64_t k) { return (k + bytesPerWord - 1) / bytesPerWord * bytesPerWord; }
/// A row of K activations: its scale, an f32, then K bytes and padding.
constexpr int64_t quantisedRowBytes(int64_t k) { return 4 + quantisedDepth(k); }
/// A block of K x n weights: n scales, f32, then the bytes.
constexpr int64_t quantisedBlockBytes(int64_t k, int64_t n) { return (4 + quantisedDepth(k)) * n; }

/// How the bytes of a block lie: [K][n], or [K/4][n][4], where four of a column are a word (pkg::ByteOrder).
enum class ByteOrder { Rows, Words };
constexpr int64_t quantisedByte(ByteOrder order, int64_t i, int64_t column, int64_t n) {
  return order == ByteOrder::Rows ? i * n + column : (i / bytesPerWord * n + column) * bytesPerWord + i % bytesPerWord;
}

} // namespace weft::runtime
