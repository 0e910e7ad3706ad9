#include "tests/onnx/PackBits.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace weft::test {

static void append(std::vector<uint8_t> &to, const std::vector<int> &row, int64_t bits) {
  for (size_t i = 0; i < row.size(); ++i) {
    const size_t bit = i * size_t(bits) % 8;
    if (bit == 0)
      to.push_back(0);
    to.back() = uint8_t(to.back() | row[i] << bit);
  }
}

PackedBits packBits(std::vector<float> &numbers, size_t columns, int64_t bits, int64_t length, bool zeros) {
  PackedBits packed;
  const int most = (1 << bits) - 1, middle = (most + 1) / 2;
  for (size_t row = 0; row < numbers.size(); row += columns) {
    std::vector<int> codes, zeroPoints;
    for (size_t first = 0; first < columns; first += size_t(length)) {
      const std::span<float> group(&numbers[row + first], std::min(size_t(length), columns - first));
      const auto [least, greatest] = std::minmax_element(group.begin(), group.end());
      const float low = std::min(*least, 0.0f), high = std::max(*greatest, 0.0f), size = std::max(-low, high);
      const float scale = std::exp2(std::ceil(std::log2((zeros ? high - low : 2 * size) / float(most - 1))));
      const int zero = zeros ? int(std::round(-low / scale)) : middle;
      zeroPoints.push_back(zero);
      packed.scales.push_back(scale);
      for (float &number : group) {
        codes.push_back(std::clamp(int(std::round(number / scale)) + zero, 0, most));
        number = float(codes.back() - zero) * scale;
      }
      codes.resize(codes.size() + size_t(length) - group.size()); // the last block is whole
    }
    append(packed.codes, codes, bits);
    append(packed.zeros, zeroPoints, bits);
  }
  return packed;
}

} // namespace weft::test
