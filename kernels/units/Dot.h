// Golden models of unit `dot`: the RISC-V drafts' dot products, Zvdot4a8i, Zvqwbdota8i and Zvfwbdota16bf (text:
// isa/ldot-bdot in github.com/aswaterman/riscv-misc). What the drafts leave open is fixed here:
//
//  - vfwbdota sums all n = VLEN/16 products of a destination in one bulk normalisation with g = o = ceil(log2 n) guard
//    and overflow bits, rounds that sum to odd to binary32, and adds it to the accumulator, rounded to odd once more.
//    Elements of vs2 and vs1 from vl on count as zeros, so the result depends on VLEN and on nothing else.
//  - vl = 0 has no body elements, as everywhere in the vector extension: vd stays as it is, no flags.
#pragma once

#include "kernels/units/VectorCall.h"

namespace weft::units {

/// vqdot*: for each active i below vl, the 32-bit vd[i] gets the sum of four products of 8-bit integers, vs2[i] times
/// vs1[i] or times the low 32 bits of the scalar, modulo 2^32. `call.vs1` is null in the .vx form. SEW is 32.
uint8_t vqdot(const VectorCall &call);   // both signed
uint8_t vqdotu(const VectorCall &call);  // both unsigned
uint8_t vqdotsu(const VectorCall &call); // vs2 signed, the other unsigned
uint8_t vqdotus(const VectorCall &call); // vs2 unsigned, the other signed

/// Batched forms: vs2 is eight registers, vs1 one; element 8 * ci + r of vd gets the dot product of register r of vs2
/// with vs1, over vl elements. `call.immediate` is ci as encoded, 0 to 7, and below VLEN / 256 or 0. The mask has a bit
/// for each element of vd.
uint8_t vqwbdotau(const VectorCall &call); // int8, vs2 unsigned; vs1 signed if altfmt; modulo 2^32
uint8_t vqwbdotas(const VectorCall &call); // int8, vs2 signed
uint8_t vfwbdota(const VectorCall &call);  // bf16; raises NV and OF only

/// RISC-V Bulk Normalisation: the sum of n products of bf16 numbers as binary32, rounded to odd. Raises flags into
/// `flags`.
uint32_t bulkNormalisedDot(const std::byte *left, const std::byte *right, uint32_t vl, uint32_t n, uint8_t &flags);

} // namespace weft::units
