// f registers by format: narrower numbers are NaN-boxed, upper bits all one.
#pragma once

#include "sim/iss/FloatFormat.h"
#include "sim/iss/FloatSoft.h"

namespace weft::iss {

template <class F> uint64_t box(BitsOf<F> bits) {
  if constexpr (F::width == 64)
    return bits;
  else
    return bits | ~uint64_t{0} << F::width;
}

/// The number in a register, the canonical NaN if it is not boxed as F.
template <class F> BitsOf<F> unbox(uint64_t value) {
  const auto bits = static_cast<BitsOf<F>>(value);
  return box<F>(bits) == value ? bits : F::canonicalNan;
}

template <class F> BitsOf<F> floatRegister(const Hart &hart, unsigned i) { return unbox<F>(hart.f[i]); }
template <class F> void setFloatRegister(Hart &hart, unsigned i, BitsOf<F> bits) { hart.f[i] = box<F>(bits); }

/// frm's values above are reserved.
inline constexpr uint8_t maxRounding = static_cast<uint8_t>(soft::Rounding::NearestAway);

/// What a scalar instruction rounds by.
inline uint8_t roundingOf(const Hart &hart, const Op &op) { return op.rounding == 7 ? hart.frm : op.rounding; }
/// The host's unit has that mode now.
inline bool hostRounds(const Hart &hart, uint8_t rounding) { return hart.hostFloat && rounding == hart.frm; }

} // namespace weft::iss
