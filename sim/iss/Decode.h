// The instruction table, and where the operands of each format lie.
#pragma once

#include "sim/iss/Op.h"

namespace weft::iss {

// Operand layout of an encoding. A format's name begins with V for vector instructions; the letter after it, V, X, F or
// I, says what the rs1 field holds.
enum class Format : uint8_t {
  // scalar integer
  U,
  J,
  I,
  B,
  Load,
  Store,
  Shift,     // 6-bit amount
  ShiftWord, // 5-bit amount
  R,
  Fence,
  None,
  Csr,
  CsrImmediate,
  LoadReserved,
  Atomic,
  // scalar floating point; "Rounding" and those without a remark have a rounding mode
  FLoad,
  FStore,
  F4,
  FR,
  FUnary,
  FRNoRounding,
  FCompare, // writes an x register, no rounding mode
  FToX,     // no rounding mode
  FToXRounding,
  XToF, // no rounding mode
  XToFRounding,
  // vector configuration and memory
  VSetVli,
  VSetIVli,
  VSetVl,
  VLoad,
  VStore,
  VLoadStrided,
  VStoreStrided,
  VLoadIndexed,
  VStoreIndexed,
  VLoadWhole,
  VStoreWhole,
  VLoadMask,
  VStoreMask,
  // vector arithmetic: vd, vs2, rs1
  VVV,
  VVX,
  VVF,
  VVI,  // signed
  VVIU, // unsigned
  VVVCarry,
  VVXCarry,
  VVFCarry,
  VVICarry,
  VVVUnmasked,
  VVXUnmasked,
  VVIUnmasked,
  VMacV, // written vd, rs1, vs2
  VMacX,
  VMacF,
  VUnary,
  VIndex, // vd only
  VMoveV,
  VMoveX,
  VMoveF,
  VMoveI,
  VMoveWhole,
  VMaskToX,
  VToX,
  VToF,
  VFromX,
  VFromF,
  // of custom vector units, as weft::units::Format has them
  UnitVectorVector,
  UnitVectorScalar,
  UnitVectorFloat,
  UnitVectorImmediate,
  UnitVector,
  UnitBatched,
  // of custom scalar units
  UnitRoutePut,
  UnitRouteGet,
};

enum class Extension : uint8_t {
  I,
  M,
  A,
  F,
  D,
  Zicsr,
  Zifencei,
  Zfhmin,
  ZfhminOrZfbfmin,
  Zfh,
  Zfbfmin,
  V,
  Zvfbfmin,
  Zvfbfwma,
  LastStandard = Zvfbfwma,
// one for each custom unit, in the order of weft::units::all()
#define WEFT_UNIT(id, name, extension) Unit##id,
#include "kernels/units/Units.def"
#undef WEFT_UNIT
};

/// The unit's place in weft::units::all(); `extension` is beyond LastStandard.
constexpr size_t unitIndexOf(Extension extension) {
  return static_cast<size_t>(extension) - static_cast<size_t>(Extension::LastStandard) - 1;
}

/// A row of Instructions.def.
struct Instruction {
  std::string_view name;
  uint32_t match = 0, mask = 0;
  Format format = Format::None;
  hw::rvv::OpClass cls = hw::rvv::OpClass::System;
  Extension extension = Extension::I;
};

/// `opcode` is not Illegal.
const Instruction &instructionOf(Opcode opcode);
bool has(const hw::Isa &isa, Extension extension);

/// Whether the format is of F, D, Zfh, Zfbfmin: illegal while mstatus.FS is off.
constexpr bool isScalarFloat(Format format) { return format >= Format::FLoad && format <= Format::XToFRounding; }
constexpr bool isVector(Format format) { return format >= Format::VSetVli && format < Format::UnitRoutePut; }
constexpr bool isVectorUnit(Format format) {
  return format >= Format::UnitVectorVector && format <= Format::UnitBatched;
}
/// Whether a vector instruction reads or writes an f register.
constexpr bool usesFloatRegister(Format format) {
  switch (format) {
  case Format::VVF:
  case Format::VVFCarry:
  case Format::VMacF:
  case Format::VMoveF:
  case Format::VToF:
  case Format::VFromF:
  case Format::UnitVectorFloat:
    return true;
  default:
    return isScalarFloat(format);
  }
}

/// The 32-bit encoding that a 16-bit one stands for (RV64GC), or 0, which is no instruction, if it is reserved.
uint32_t expandCompressed(uint16_t word);

} // namespace weft::iss
