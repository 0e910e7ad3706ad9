// Register and memory contents in which special values are common.
#pragma once

#include "tests/iss/Random.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace weft::isstest {

/// A value of 1, 2, 4 or 8 bytes: an extreme integer, a small one, a float near one, a special float, or just bits.
uint64_t randomValue(Random &random, unsigned bytes);
/// What an f register may hold: mostly properly boxed values of `bytes`, but also of other widths and badly boxed ones.
/// If all widths were as likely, most operands would be taken for NaNs.
uint64_t randomFloatRegister(Random &random, unsigned bytes);
uint64_t randomIntegerRegister(Random &random);
/// Fills with elements of one width and, often, one kind; NaNs would otherwise swallow all that is computed from them.
void fill(Random &random, std::span<std::byte> bytes);

} // namespace weft::isstest
