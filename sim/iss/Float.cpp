// The only file that touches the host's control register. Nothing here computes with floating-point values, and nothing
// here is inline: no compiler moves arithmetic across these calls.
#include "sim/iss/Float.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weft::iss {

#if defined(__x86_64__)

namespace {

// MXCSR.
constexpr uint32_t flagBits = 0x3f, allMasked = 0x1f80;
constexpr unsigned roundingShift = 13;
constexpr uint32_t roundingBits = 3u << roundingShift;

/// By frm; the host has no equal of what follows (to nearest, ties away from zero), and the rest is reserved.
constexpr uint32_t hostRounding[] = {0, 3, 1, 2};
constexpr bool hostRounds(uint8_t frm) { return frm < std::size(hostRounding); }

constexpr uint32_t controlFor(uint8_t frm) {
  return allMasked | (hostRounds(frm) ? hostRounding[frm] << roundingShift : 0);
}

/// Bits 0, 2, 3, 4, 5 of MXCSR are invalid, divide by zero, overflow, underflow, inexact; bit 1, a subnormal operand,
/// is no exception of RISC-V.
constexpr uint8_t guestFlags(uint32_t control) {
  return static_cast<uint8_t>((control & 1) << 4 | (control >> 2 & 1) << 3 | (control >> 3 & 1) << 2 |
                              (control >> 4 & 1) << 1 | (control >> 5 & 1));
}

} // namespace

uint8_t readFlags(const Hart &hart) { return hart.fflags | (hart.floatEnvironment ? guestFlags(_mm_getcsr()) : 0); }

void writeFlags(Hart &hart, uint8_t flags) {
  hart.fflags = flags;
  if (hart.floatEnvironment)
    _mm_setcsr(_mm_getcsr() & ~flagBits);
}

void setRounding(Hart &hart, uint8_t frm) {
  hart.frm = frm;
  if (!hart.floatEnvironment)
    return;
  hart.hostFloat = hostRounds(frm);
  _mm_setcsr((_mm_getcsr() & ~roundingBits) | (controlFor(frm) & roundingBits));
}

void FloatEnvironment::enter() {
  hostControl = _mm_getcsr();
  hart.floatEnvironment = true;
  hart.hostFloat = hostRounds(hart.frm);
  _mm_setcsr(controlFor(hart.frm));
}

void FloatEnvironment::leave() {
  hart.fflags |= guestFlags(_mm_getcsr());
  hart.floatEnvironment = hart.hostFloat = false;
  _mm_setcsr(hostControl);
}

#else

// Other hosts: flags come from FloatSoft.h alone. (Some detect underflow before rounding, RISC-V after it.)
uint8_t readFlags(const Hart &hart) { return hart.fflags; }
void writeFlags(Hart &hart, uint8_t flags) { hart.fflags = flags; }
void setRounding(Hart &hart, uint8_t frm) { hart.frm = frm; }
void FloatEnvironment::enter() { hart.floatEnvironment = true; }
void FloatEnvironment::leave() { hart.floatEnvironment = false; }

#endif

} // namespace weft::iss
