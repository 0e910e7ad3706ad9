// vsetvli, vsetivli, vsetvl.
#include "kernels/units/Units.h"
#include "sim/iss/PreparedVector.h"

#include <algorithm>
#include <limits>

namespace weft::iss {

namespace {

constexpr unsigned elenBits = 64;
constexpr uint64_t alternateBit = 1u << 8;

/// A bit for each unit with instructions that ask for altfmt.
uint32_t unitsWithAlternate() {
  static const uint32_t set = [] {
    uint32_t found = 0;
    for (size_t index = 0; index < units::all().size(); ++index)
      for (const units::Instruction &instruction : units::all()[index].instructions)
        for (const units::Form &form : instruction.forms)
          found |= uint32_t{form.alternate} << index;
    return found;
  }();
  return set;
}

} // namespace

VectorType decodeVectorType(uint64_t vtype, const hw::Isa &isa) {
  VectorType state;
  const bool alternate = (vtype & alternateBit) && (isa.units & unitsWithAlternate());
  const unsigned lmul = vtype & 7, sew = (vtype >> 3) & 7;
  const int lmulLog2 = lmul < 4 ? static_cast<int>(lmul) : static_cast<int>(lmul) - 8;
  // Bits 8 (without altfmt) to 62 are reserved, and bit 63 is vill itself. With fractional LMUL, SEW is at most LMUL *
  // ELEN.
  if (((vtype ^ (alternate ? alternateBit : 0)) >> 8) != 0 || lmul == 4 || sew > 3 ||
      (lmulLog2 < 0 && (8u << sew) > elenBits >> -lmulLog2))
    return state;
  state.vtype = vtype;
  state.sewBits = 8u << sew;
  state.lmulLog2 = static_cast<int8_t>(lmulLog2);
  state.tailAgnostic = (vtype >> 6) & 1;
  state.maskAgnostic = (vtype >> 7) & 1;
  state.alternate = alternate;
  state.illegal = false;
  const uint32_t elements = isa.vlenBits >> (3 + sew);
  state.vlmax = lmulLog2 < 0 ? elements >> -lmulLog2 : elements << lmulLog2;
  return state;
}

namespace {

bool configure(Hart &hart, const Op &op, uint64_t vtype, uint64_t length) {
  VectorState &state = hart.vector;
  if (state.illegal || vtype != state.vtype)
    static_cast<VectorType &>(state) = decodeVectorType(vtype, hart.isa);
  state.vl = state.illegal ? 0 : std::min<uint64_t>(length, state.vlmax);
  state.vstart = 0;
  if (op.rd != 0)
    hart.x[op.rd] = state.vl;
  return true;
}

/// The application's vector length of vsetvli and vsetvl. With x0 for both, vl stays – or, where the specification
/// reserves the form because VLMAX shrinks, becomes VLMAX.
uint64_t requestedLength(const Hart &hart, const Op &op) {
  if (op.rs1 != 0)
    return hart.x[op.rs1];
  return op.rd != 0 ? std::numeric_limits<uint64_t>::max() : hart.vector.vl;
}

bool executeVsetvli(Hart &hart, const Op &op) {
  return configure(hart, op, static_cast<uint64_t>(op.immediate) & 0x7ff, requestedLength(hart, op));
}
bool executeVsetivli(Hart &hart, const Op &op) {
  return configure(hart, op, static_cast<uint64_t>(op.immediate) & 0x3ff, op.rs1);
}
bool executeVsetvl(Hart &hart, const Op &op) { return configure(hart, op, hart.x[op.rs2], requestedLength(hart, op)); }

} // namespace

Execute vectorConfigExecutor(Opcode opcode) {
  switch (opcode) {
  case Opcode::VSETVLI:
    return executeVsetvli;
  case Opcode::VSETIVLI:
    return executeVsetivli;
  case Opcode::VSETVL:
    return executeVsetvl;
  default:
    return nullptr;
  }
}

} // namespace weft::iss
