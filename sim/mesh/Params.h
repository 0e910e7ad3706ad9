// The launch parameters that a program's expressions use.
#pragma once

#include "sim/mesh/Decode.h"

namespace weft::sim {

/// By number of the parameter: `tokens` divided by its divisors, each time rounded up.
inline std::vector<int64_t> evaluateParams(const ProgramImage &image, uint32_t tokens) {
  std::vector<int64_t> values;
  for (const std::vector<int32_t> &divisors : image.params) {
    int64_t value = tokens;
    for (int32_t divisor : divisors)
      value = (value + divisor - 1) / divisor;
    values.push_back(value);
  }
  return values;
}

} // namespace weft::sim
