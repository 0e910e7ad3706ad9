// The architectural state of one hart and what instructions may do to it.
#pragma once

#include "sim/iss/Memory.h"
#include "sim/iss/Op.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace weft::iss {

/// mcause values (privileged specification, table of exception codes).
enum class Cause : uint8_t {
  FetchMisaligned = 0,
  FetchFault = 1,
  IllegalInstruction = 2,
  Breakpoint = 3,
  LoadMisaligned = 4,
  LoadFault = 5,
  StoreMisaligned = 6,
  StoreFault = 7,
  UserCall = 8,
  MachineCall = 11,
};

struct Trap {
  Cause cause = Cause::IllegalInstruction;
  uint64_t value = 0; // mtval: the faulting address, or the instruction word
};

/// vtype and vl, taken apart when vset* writes them.
struct VectorState {
  uint64_t vtype = uint64_t{1} << 63; // vill
  uint64_t vl = 0, vstart = 0;
  uint32_t sewBits = 8;
  int8_t lmulLog2 = 0; // -3 to 3
  bool tailAgnostic = false, maskAgnostic = false, illegal = true;
  uint32_t vlmax = 0;
  uint8_t vxrm = 0;
  bool vxsat = false;
};

struct Hart {
  std::array<uint64_t, 32> x{}; // x[0] is zero whenever an instruction starts
  std::array<uint64_t, 32> f{}; // NaN-boxed
  uint64_t pc = 0;              // of the instruction being executed; a jump writes `next`
  uint64_t next = 0;            // pc of the next one; the dispatcher sets it to pc + bytes before execute()
  VectorState vector;
  uint8_t frm = 0;
  /// fflags that did not come from the host's floating-point unit; readFlags() in Float.h adds those.
  uint8_t fflags = 0;
  hw::Isa isa;
  Memory *memory = nullptr;
  Trap trap; // valid when execute() returned false
  /// Register group i begins at v + i * isa.vlenBytes(); groups are contiguous.
  alignas(64) std::array<std::byte, 32 * size_t{hw::maxVlenBits} / 8> v{};

  std::byte *vectorRegister(unsigned i) { return v.data() + size_t{i} * isa.vlenBytes(); }
  const std::byte *vectorRegister(unsigned i) const { return v.data() + size_t{i} * isa.vlenBytes(); }
  bool maskBit(size_t i) const { return (static_cast<uint8_t>(v[i / 8]) >> (i % 8)) & 1; } // of v0

  /// For `return hart.fail(…)`.
  bool fail(Cause cause, uint64_t value) {
    trap = {cause, value};
    return false;
  }
  bool illegal(const Op &op) { return fail(Cause::IllegalInstruction, op.word); }
};

} // namespace weft::iss
