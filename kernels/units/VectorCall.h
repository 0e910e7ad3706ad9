// What a golden model of a custom vector instruction sees: one instruction with all its operands. The simulator, the
// co-simulation and the tests call golden models through this and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::units {

/// Operands are little-endian arrays of elements, a register group each. Pointers that the instruction has no use for
/// are null.
struct VectorCall {
  uint32_t vlenBits = 0;
  uint32_t sewBits = 0;     // of vtype: 8 to 64
  uint32_t lmulEighths = 8; // of vtype, times 8
  uint32_t vl = 0;
  bool alternate = false; // vtype.altfmt
  uint32_t immediate = 0; // of the encoding, zero-extended: a 5-bit immediate, or ci
  uint64_t scalar = 0;    // the bits of x[rs1] or f[rs1]
  const std::byte *vs2 = nullptr, *vs1 = nullptr;
  const std::byte *mask = nullptr; // v0, a bit an element of vd; null if the instruction is not masked
  std::byte *vd = nullptr; // in: what the destination holds; out: active elements of the body are replaced, no other
};

/// Computes the instruction and returns the floating-point exception flags it raises (NX 1, UF 2, OF 4, DZ 8, NV 16).
/// The caller has checked that the instruction is legal, and that vd overlaps no source.
using Golden = uint8_t (*)(const VectorCall &call);

} // namespace weft::units
