// The instruction table as data, read here independently of the simulator's decoder.
#pragma once

#include "sim/iss/Op.h"

#include <span>
#include <string_view>

namespace weft::isstest {

// clang-format off
enum class Format : uint8_t {
  U, J, B, I, Shift, ShiftWord, R, Load, Store, Fence, None, Csr, CsrImmediate, LoadReserved, Atomic,
  FLoad, FStore, F4, FR, FRNoRounding, FCompare, FUnary, FToX, FToXRounding, XToF, XToFRounding,
  VSetVli, VSetIVli, VSetVl,
  VLoad, VStore, VLoadStrided, VStoreStrided, VLoadIndexed, VStoreIndexed, VLoadWhole, VStoreWhole, VLoadMask, VStoreMask,
  VVV, VVX, VVI, VVIU, VVF, VMacV, VMacX, VMacF, VUnary, VIndex, VMaskToX, VToX, VToF, VFromX, VFromF,
  VMoveV, VMoveX, VMoveI, VMoveF, VMoveWhole,
  VVVCarry, VVXCarry, VVICarry, VVFCarry, VVVUnmasked, VVXUnmasked, VVIUnmasked,
};
// clang-format on

struct Row {
  iss::Opcode opcode;
  std::string_view name;
  uint32_t match, mask;
  Format format;
  hw::rvv::OpClass cls;
  std::string_view extension;
};

std::span<const Row> rows();
/// The row whose fixed bits are those of `word`; null if none. Of 32-bit encodings only.
const Row *find(uint32_t word);

} // namespace weft::isstest
