// From the text of a measured instruction to what the timing model is told of it.
#pragma once

#include "hw-models/core/rvv/Timing.h"
#include "sim/validation/Measurements.h"

#include <optional>

namespace weft::validation {

/// The eight instructions that are measured in turn: the same one on different registers as far as v8 to v15 hold
/// groups. Nullopt for an instruction that is not in the simulator's table or operands it does not take.
std::optional<std::vector<hw::rvv::Retired>> streamOf(const Measurement &measurement, uint32_t vlenBits);

} // namespace weft::validation
