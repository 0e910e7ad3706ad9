// Matrices in codes of few bits, as the exporters of MatMulNBits make them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weft::test {

/// Rows of codes from the lowest bits on, each from a new byte on, and what each group of them shares.
struct PackedBits {
  std::vector<uint8_t> codes, zeros;
  std::vector<float> scales; // powers of two, which are themselves in every type
};

/// The numbers, rows of `columns`, become those that the codes stand for.
PackedBits packBits(std::vector<float> &numbers, size_t columns, int64_t bits, int64_t length, bool zeros);

} // namespace weft::test
