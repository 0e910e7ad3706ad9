// The architectural state of one hart and what instructions may do to it.
#pragma once

#include "sim/iss/Memory.h"
#include "sim/iss/Op.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

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
  // Ours, from those for custom use; never the program's.
  HostRequest = 24, // a block that tohost names is not in memory
  MeshWaits = 25,   // mesh.put or mesh.get cannot go on yet
  UnitDiffers = 26, // a co-simulation's result is not that of the golden model
};

struct Trap {
  Cause cause = Cause::IllegalInstruction;
  uint64_t value = 0; // mtval: the faulting address, or the instruction word
};

/// vtype, taken apart when vset* writes it.
struct VectorType {
  uint64_t vtype = uint64_t{1} << 63; // vill
  uint32_t sewBits = 8;
  int8_t lmulLog2 = 0; // -3 to 3
  bool tailAgnostic = false, maskAgnostic = false, alternate = false, illegal = true;
  uint32_t vlmax = 0;
};

struct VectorState : VectorType {
  uint64_t vl = 0, vstart = 0;
  uint8_t vxrm = 0;
  bool vxsat = false;
};

struct PreparedVector;
class UnitPartner;
class MeshPort;

/// What the registers of unit mesh-port count.
struct MeshCounters {
  uint64_t puts = 0, gets = 0, putCycle = 0, getCycle = 0;
};

enum class Mode : uint8_t { User = 0, Machine = 3 };

/// What the privileged specification calls machine-level state. There is no supervisor mode.
struct Privileged {
  Mode mode = Mode::Machine;
  bool interruptEnable = false, previousInterruptEnable = false; // mstatus.MIE, MPIE
  Mode previousMode = Mode::User;                                // mstatus.MPP
  bool modifyPrivilege = false, timeoutWait = false;             // mstatus.MPRV, TW
  /// mstatus.FS and VS are Off or Dirty, and Dirty after reset so that a program need not know of them.
  bool floatEnabled = true, vectorEnabled = true;
  uint64_t mie = 0, medeleg = 0, mideleg = 0, mtvec = 0, mscratch = 0, mepc = 0, mcause = 0, mtval = 0;
  uint64_t mcounteren = 7; // cycle, time, instret for user mode
  /// Instructions retired before the one being executed; what a program wrote to mcycle and minstret is added.
  uint64_t retired = 0, cycleOffset = 0, instretOffset = 0;
  /// Cycles before the instruction being executed, kept for those for which readsClock(); none: nobody counts cycles.
  std::optional<uint64_t> elapsed{};
  /// A program's run does not depend on the host: without cycles a tick is an instruction.
  uint64_t clock() const { return elapsed.value_or(retired); }
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
  /// Kept by Float.h. The host's floating-point unit is lent to this hart; it also rounds as frm says.
  bool floatEnvironment = false, hostFloat = false;
  hw::Isa isa;
  Memory *memory = nullptr;
  Trap trap; // valid when execute() returned false
  Privileged privileged;
  /// Where an executor leaves how the same instruction can be run again (PreparedVector.h); null: nobody asks.
  PreparedVector *preparing = nullptr;
  /// Set by an instruction after which decoded code may be wrong: fence.i, a change of mstatus.FS or VS.
  bool forgetDecoded = false;
  UnitPartner *unitPartner = nullptr; // runs instructions of units beside their golden models; null: nobody does
  MeshPort *meshPort = nullptr;       // null: words wait for ever
  MeshCounters mesh;
  static constexpr uint64_t noReservation = ~uint64_t{0};
  uint64_t reservation = noReservation; // address of the last LR that no SC has answered
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
