// From the text of a measured instruction to what the timing model is told of it.
#pragma once

#include "hw-models/core/rvv/Timing.h"
#include "sim/validation/Measurements.h"

#include <vector>

namespace weft::validation {

struct MeasuredStream {
  enum class Kind : uint8_t {
    Vector,
    NotVector, // scalar, or sets vtype
    Unknown    // not in the simulator's table
  } kind = Kind::Vector;
  std::vector<hw::rvv::Retired> turn; // of vector instructions
};

/// The eight instructions that are measured in turn: the same one on different registers as far as v8 to v15 hold
/// groups. An error for operands that the instruction does not take.
Result<MeasuredStream> streamOf(const Measurement &measurement, uint32_t vlenBits);

} // namespace weft::validation
