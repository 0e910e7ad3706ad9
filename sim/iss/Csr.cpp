#include "sim/iss/Csr.h"
#include "sim/iss/Decode.h"
#include "sim/iss/Executors.h"
#include "sim/iss/Float.h"

using namespace weft::iss;

namespace {

// Fields of mstatus (privileged specification, "Machine Status Registers").
constexpr uint64_t mieBit = 1u << 3, mpieBit = 1u << 7, mprvBit = 1u << 17, twBit = 1u << 21;
constexpr unsigned vsShift = 9, mppShift = 11, fsShift = 13, uxlShift = 32;
constexpr uint64_t dirty = 3, stateDirty = uint64_t{1} << 63, xlen64 = 2;

constexpr uint64_t letter(char c) { return uint64_t{1} << (c - 'A'); }
constexpr uint64_t misaValue = xlen64 << 62 | letter('A') | letter('C') | letter('D') | letter('F') | letter('I') |
                               letter('M') | letter('U') | letter('V');
/// Exceptions and interrupts that can be named in medeleg, mideleg and mie. Nothing is delegated, there being no
/// supervisor mode, and no interrupt is ever raised; what a program writes there it reads back.
constexpr uint64_t delegableExceptions = 0xb3ff, machineInterrupts = 0x888;

uint64_t readStatus(const Privileged &p) {
  bool anyDirty = p.floatEnabled || p.vectorEnabled;
  return (p.interruptEnable ? mieBit : 0) | (p.previousInterruptEnable ? mpieBit : 0) |
         (p.vectorEnabled ? dirty << vsShift : 0) | static_cast<uint64_t>(p.previousMode) << mppShift |
         (p.floatEnabled ? dirty << fsShift : 0) | (p.modifyPrivilege ? mprvBit : 0) | (p.timeoutWait ? twBit : 0) |
         xlen64 << uxlShift | (anyDirty ? stateDirty : 0);
}

void writeStatus(Hart &hart, uint64_t value) {
  Privileged &p = hart.privileged;
  bool floatEnabled = (value >> fsShift) & 3, vectorEnabled = (value >> vsShift) & 3;
  hart.forgetDecoded |= floatEnabled != p.floatEnabled || vectorEnabled != p.vectorEnabled;
  p.floatEnabled = floatEnabled;
  p.vectorEnabled = vectorEnabled;
  p.interruptEnable = value & mieBit;
  p.previousInterruptEnable = value & mpieBit;
  p.modifyPrivilege = value & mprvBit;
  p.timeoutWait = value & twBit;
  // The two modes there are; other values are not stored.
  if (uint64_t mode = (value >> mppShift) & 3; mode == 0 || mode == 3)
    p.previousMode = static_cast<Mode>(mode);
}

constexpr bool within(uint32_t number, Csr first, uint32_t count) {
  return number - static_cast<uint32_t>(first) < count;
}

/// Registers that exist and are zero: no physical memory protection, performance counters or address translation.
bool isZero(uint32_t number) {
  bool configuration = within(number, Csr::pmpcfg0, 16) && number % 2 == 0; // odd ones are of 32-bit harts
  return configuration || within(number, Csr::pmpaddr0, 64) || within(number, Csr::mhpmevent3, 29) ||
         within(number, Csr::mhpmcounter3, 29);
}

/// Bits 9:8 of a register's number are the least mode that may touch it.
bool reachable(const Hart &hart, uint32_t number) {
  const Privileged &p = hart.privileged;
  if (static_cast<uint32_t>(p.mode) < ((number >> 8) & 3))
    return false;
  switch (static_cast<Csr>(number)) {
  case Csr::fflags:
  case Csr::frm:
  case Csr::fcsr:
    return p.floatEnabled;
  case Csr::vstart:
  case Csr::vxsat:
  case Csr::vxrm:
  case Csr::vcsr:
  case Csr::vl:
  case Csr::vtype:
  case Csr::vlenb:
    return p.vectorEnabled;
  case Csr::meshcycle:
  case Csr::meshputs:
  case Csr::meshgets:
  case Csr::meshputcycle:
  case Csr::meshgetcycle:
    return hart.isa.hasUnit(unitIndexOf(Extension::UnitMeshPort));
  case Csr::cycle:
  case Csr::time:
  case Csr::instret:
    return p.mode == Mode::Machine || (p.mcounteren >> (number & 31)) & 1;
  default:
    return true;
  }
}

namespace constants = weft::units::constants;

template <uint32_t bits> uint64_t lowest(uint64_t value) { return value << (64 - bits) >> (64 - bits); }

bool writeFloatOrVector(Hart &hart, Csr number, uint64_t value) {
  switch (number) {
  case Csr::fflags:
    writeFlags(hart, value & 31);
    return true;
  case Csr::frm:
    setRounding(hart, value & 7);
    return true;
  case Csr::fcsr:
    writeFlags(hart, value & 31);
    setRounding(hart, (value >> 5) & 7);
    return true;
  case Csr::vstart: // as many bits as the greatest element index needs
    hart.vector.vstart = value & (hart.isa.vlenBits - 1);
    return true;
  case Csr::vxsat:
    hart.vector.vxsat = value & 1;
    return true;
  case Csr::vxrm:
    hart.vector.vxrm = value & 3;
    return true;
  case Csr::vcsr:
    hart.vector.vxsat = value & 1;
    hart.vector.vxrm = (value >> 1) & 3;
    return true;
  default:
    return false;
  }
}

bool writeMachine(Hart &hart, Csr number, uint64_t value) {
  Privileged &p = hart.privileged;
  switch (number) {
  case Csr::mstatus:
    writeStatus(hart, value);
    return true;
  case Csr::medeleg:
    p.medeleg = value & delegableExceptions;
    return true;
  case Csr::mideleg:
    p.mideleg = value & machineInterrupts;
    return true;
  case Csr::mie:
    p.mie = value & machineInterrupts;
    return true;
  case Csr::mtvec: // bit 1 of the mode is reserved
    p.mtvec = value & ~uint64_t{2};
    return true;
  case Csr::mcounteren:
    p.mcounteren = value & 7;
    return true;
  case Csr::mscratch:
    p.mscratch = value;
    return true;
  case Csr::mepc:
    p.mepc = value & ~uint64_t{1};
    return true;
  case Csr::mcause:
    p.mcause = value;
    return true;
  case Csr::mtval:
    p.mtval = value;
    return true;
  case Csr::mcycle: // the next instruction reads what is written, and where cycles are counted those since, too
    p.cycleOffset = value - (p.elapsed ? *p.elapsed : p.retired + 1);
    return true;
  case Csr::minstret:
    p.instretOffset = value - (p.retired + 1);
    return true;
  case Csr::misa:
  case Csr::menvcfg:
  case Csr::mcountinhibit:
  case Csr::mip:
  case Csr::satp:
    return true; // fixed
  default:
    return false;
  }
}

std::optional<uint64_t> readUser(const Hart &hart, Csr number) {
  const Privileged &p = hart.privileged;
  const VectorState &v = hart.vector;
  switch (number) {
  case Csr::fflags:
    return readFlags(hart);
  case Csr::frm:
    return hart.frm;
  case Csr::fcsr:
    return uint64_t{hart.frm} << 5 | readFlags(hart);
  case Csr::vstart:
    return v.vstart;
  case Csr::vxsat:
    return v.vxsat;
  case Csr::vxrm:
    return v.vxrm;
  case Csr::vcsr:
    return uint64_t{v.vxrm} << 1 | uint64_t{v.vxsat};
  case Csr::vl:
    return v.vl;
  case Csr::vtype:
    return v.vtype;
  case Csr::vlenb:
    return hart.isa.vlenBytes();
  case Csr::cycle:
  case Csr::mcycle:
    return p.clock() + p.cycleOffset;
  case Csr::instret:
  case Csr::minstret:
    return p.retired + p.instretOffset;
  case Csr::time:
    return p.clock();
  case Csr::meshcycle:
    return lowest<constants::bitsMeshcycle>(p.clock());
  case Csr::meshputs:
    return lowest<constants::bitsMeshputs>(hart.mesh.puts);
  case Csr::meshgets:
    return lowest<constants::bitsMeshgets>(hart.mesh.gets);
  case Csr::meshputcycle:
    return lowest<constants::bitsMeshputcycle>(hart.mesh.putCycle);
  case Csr::meshgetcycle:
    return lowest<constants::bitsMeshgetcycle>(hart.mesh.getCycle);
  default:
    return std::nullopt;
  }
}

std::optional<uint64_t> readMachine(const Hart &hart, Csr number) {
  const Privileged &p = hart.privileged;
  switch (number) {
  case Csr::mstatus:
    return readStatus(p);
  case Csr::misa:
    return misaValue;
  case Csr::medeleg:
    return p.medeleg;
  case Csr::mideleg:
    return p.mideleg;
  case Csr::mie:
    return p.mie;
  case Csr::mtvec:
    return p.mtvec;
  case Csr::mcounteren:
    return p.mcounteren;
  case Csr::mscratch:
    return p.mscratch;
  case Csr::mepc:
    return p.mepc;
  case Csr::mcause:
    return p.mcause;
  case Csr::mtval:
    return p.mtval;
  case Csr::menvcfg:
  case Csr::mcountinhibit:
  case Csr::mip:
  case Csr::satp:
  case Csr::mvendorid:
  case Csr::marchid:
  case Csr::mimpid:
  case Csr::mhartid:
  case Csr::mconfigptr:
    return 0;
  default:
    return std::nullopt;
  }
}

// The instructions. A write of set and clear forms happens unless the operand is x0 or 0 itself; reads have no side
// effects, so that csrrw may always read.
template <auto combine, bool immediate> bool access(Hart &hart, const Op &op) {
  auto number = static_cast<uint32_t>(op.immediate);
  std::optional<uint64_t> before = readCsr(hart, number);
  if (!before)
    return hart.illegal(op);
  uint64_t operand = immediate ? op.rs1 : hart.x[op.rs1];
  std::optional<uint64_t> after = combine(*before, operand, op.rs1);
  if (after && !writeCsr(hart, number, *after))
    return hart.illegal(op);
  hart.x[op.rd] = *before;
  return true;
}

std::optional<uint64_t> replace(uint64_t, uint64_t operand, uint8_t) { return operand; }
std::optional<uint64_t> setBits(uint64_t before, uint64_t operand, uint8_t field) {
  return field ? std::optional(before | operand) : std::nullopt;
}
std::optional<uint64_t> clearBits(uint64_t before, uint64_t operand, uint8_t field) {
  return field ? std::optional(before & ~operand) : std::nullopt;
}

bool environmentCall(Hart &hart, const Op &) {
  return hart.fail(hart.privileged.mode == Mode::Machine ? Cause::MachineCall : Cause::UserCall, 0);
}

bool breakpoint(Hart &hart, const Op &) { return hart.fail(Cause::Breakpoint, hart.pc); }

bool machineReturn(Hart &hart, const Op &op) {
  Privileged &p = hart.privileged;
  if (p.mode != Mode::Machine)
    return hart.illegal(op);
  p.mode = p.previousMode;
  p.previousMode = Mode::User;
  p.interruptEnable = p.previousInterruptEnable;
  p.previousInterruptEnable = true;
  if (p.mode != Mode::Machine)
    p.modifyPrivilege = false;
  hart.reservation = Hart::noReservation;
  hart.next = p.mepc;
  return true;
}

/// No interrupt will come, and going on at once is allowed.
bool waitForInterrupt(Hart &hart, const Op &op) {
  bool allowed = hart.privileged.mode == Mode::Machine || !hart.privileged.timeoutWait;
  return allowed || hart.illegal(op);
}

bool fence(Hart &, const Op &) { return true; }

bool fenceInstructions(Hart &hart, const Op &) {
  hart.forgetDecoded = true;
  return true;
}

} // namespace

std::optional<uint64_t> weft::iss::readCsr(const Hart &hart, uint32_t number) {
  if (!reachable(hart, number))
    return std::nullopt;
  if (isZero(number))
    return 0;
  std::optional<uint64_t> value = readUser(hart, static_cast<Csr>(number));
  return value ? value : readMachine(hart, static_cast<Csr>(number));
}

bool weft::iss::writeCsr(Hart &hart, uint32_t number, uint64_t value) {
  bool readOnly = (number >> 10) == 3;
  if (readOnly || !reachable(hart, number))
    return false;
  return isZero(number) || writeFloatOrVector(hart, static_cast<Csr>(number), value) ||
         writeMachine(hart, static_cast<Csr>(number), value);
}

bool weft::iss::readsClock(const Op &op) {
  const hw::rvv::OpClass cls = classOf(op.opcode);
  if (cls != hw::rvv::OpClass::Csr)
    return cls == hw::rvv::OpClass::Custom;
  const auto number = static_cast<Csr>(op.immediate);
  return number == Csr::cycle || number == Csr::mcycle || number == Csr::time || number == Csr::meshcycle;
}

std::string_view weft::iss::csrName(uint32_t number) {
  switch (static_cast<Csr>(number)) {
#define WEFT_NAME(name)                                                                                                \
  case Csr::name:                                                                                                      \
    return #name;
    WEFT_NAME(fflags)
    WEFT_NAME(frm)
    WEFT_NAME(fcsr)
    WEFT_NAME(vstart)
    WEFT_NAME(vxsat)
    WEFT_NAME(vxrm)
    WEFT_NAME(vcsr)
    WEFT_NAME(mstatus)
    WEFT_NAME(misa)
    WEFT_NAME(medeleg)
    WEFT_NAME(mideleg)
    WEFT_NAME(mie)
    WEFT_NAME(mtvec)
    WEFT_NAME(mcounteren)
    WEFT_NAME(menvcfg)
    WEFT_NAME(mcountinhibit)
    WEFT_NAME(mhpmevent3)
    WEFT_NAME(mscratch)
    WEFT_NAME(mepc)
    WEFT_NAME(mcause)
    WEFT_NAME(mtval)
    WEFT_NAME(mip)
    WEFT_NAME(satp)
    WEFT_NAME(pmpcfg0)
    WEFT_NAME(pmpaddr0)
    WEFT_NAME(mcycle)
    WEFT_NAME(minstret)
    WEFT_NAME(mhpmcounter3)
    WEFT_NAME(cycle)
    WEFT_NAME(time)
    WEFT_NAME(instret)
    WEFT_NAME(vl)
    WEFT_NAME(vtype)
    WEFT_NAME(vlenb)
    WEFT_NAME(meshcycle)
    WEFT_NAME(meshputs)
    WEFT_NAME(meshgets)
    WEFT_NAME(meshputcycle)
    WEFT_NAME(meshgetcycle)
    WEFT_NAME(mvendorid)
    WEFT_NAME(marchid)
    WEFT_NAME(mimpid)
    WEFT_NAME(mhartid)
    WEFT_NAME(mconfigptr)
#undef WEFT_NAME
  }
  return {};
}

void weft::iss::enterTrapHandler(Hart &hart) {
  Privileged &p = hart.privileged;
  p.mepc = hart.pc;
  p.mcause = static_cast<uint64_t>(hart.trap.cause);
  p.mtval = hart.trap.value;
  p.previousMode = p.mode;
  p.previousInterruptEnable = p.interruptEnable;
  p.interruptEnable = false;
  p.mode = Mode::Machine;
  hart.next = p.mtvec & ~uint64_t{3};
}

Execute weft::iss::systemExecutor(Opcode opcode) {
  switch (opcode) {
  case Opcode::FENCE:
    return fence;
  case Opcode::FENCE_I:
    return fenceInstructions;
  case Opcode::ECALL:
    return environmentCall;
  case Opcode::EBREAK:
    return breakpoint;
  case Opcode::MRET:
    return machineReturn;
  case Opcode::WFI:
    return waitForInterrupt;
  case Opcode::CSRRW:
    return access<replace, false>;
  case Opcode::CSRRS:
    return access<setBits, false>;
  case Opcode::CSRRC:
    return access<clearBits, false>;
  case Opcode::CSRRWI:
    return access<replace, true>;
  case Opcode::CSRRSI:
    return access<setBits, true>;
  case Opcode::CSRRCI:
    return access<clearBits, true>;
  default:
    return nullptr;
  }
}

Execute weft::iss::scalarExecutor(Opcode opcode) {
  for (auto owner : {integerExecutor, atomicExecutor, systemExecutor})
    if (Execute execute = owner(opcode))
      return execute;
  return nullptr;
}
