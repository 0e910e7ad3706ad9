// Control and status registers.
#pragma once

#include "kernels/units/UnitConstants.h"
#include "sim/iss/Hart.h"

#include <optional>
#include <string_view>

namespace weft::iss {

enum class Csr : uint16_t {
  fflags = 0x001,
  frm = 0x002,
  fcsr = 0x003,
  vstart = 0x008,
  vxsat = 0x009,
  vxrm = 0x00a,
  vcsr = 0x00f,
  mstatus = 0x300,
  misa = 0x301,
  medeleg = 0x302,
  mideleg = 0x303,
  mie = 0x304,
  mtvec = 0x305,
  mcounteren = 0x306,
  menvcfg = 0x30a,
  mcountinhibit = 0x320,
  mhpmevent3 = 0x323, // to mhpmevent31
  mscratch = 0x340,
  mepc = 0x341,
  mcause = 0x342,
  mtval = 0x343,
  mip = 0x344,
  satp = 0x180,
  pmpcfg0 = 0x3a0,  // to pmpcfg15
  pmpaddr0 = 0x3b0, // to pmpaddr63
  mcycle = 0xb00,
  minstret = 0xb02,
  mhpmcounter3 = 0xb03, // to mhpmcounter31
  cycle = 0xc00,
  time = 0xc01,
  instret = 0xc02,
  vl = 0xc20,
  vtype = 0xc21,
  vlenb = 0xc22,
  meshcycle = units::constants::csrMeshcycle,
  meshputs = units::constants::csrMeshputs,
  meshgets = units::constants::csrMeshgets,
  meshputcycle = units::constants::csrMeshputcycle,
  meshgetcycle = units::constants::csrMeshgetcycle,
  mvendorid = 0xf11,
  marchid = 0xf12,
  mimpid = 0xf13,
  mhartid = 0xf14,
  mconfigptr = 0xf15,
};

/// Empty if there is no such register, or not for the hart's mode and state.
std::optional<uint64_t> readCsr(const Hart &hart, uint32_t number);
/// False if there is no such register for the hart's mode and state, or it cannot be written.
bool writeCsr(Hart &hart, uint32_t number, uint64_t value);
/// "mstatus", or an empty name if there is none.
std::string_view csrName(uint32_t number);

/// Whether `op` may read how many cycles have passed: cycle, mcycle, time or meshcycle, or a stamp of mesh-port is
/// made.
bool readsClock(const Op &op);

/// Enters the trap handler at mtvec: hart.pc trapped with hart.trap; sets hart.next.
void enterTrapHandler(Hart &hart);

} // namespace weft::iss
