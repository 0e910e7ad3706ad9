// What a timing model is told of an instruction: registers, widths, lengths, addresses.
#include "sim/iss/Decode.h"
#include "sim/iss/Machine.h"
#include "sim/iss/TimingDescription.h"
#include "sim/iss/UnitInstructions.h"

#include <algorithm>

using namespace weft;
using namespace weft::iss;
using hw::rvv::noRegister;
using hw::rvv::OpClass;
using hw::rvv::RegisterGroup;
using hw::rvv::Retired;

namespace {

constexpr uint8_t floatBase = 32; // f0 among the scalar registers

/// x0 is never waited for.
uint8_t integer(uint8_t i) { return i == 0 ? noRegister : i; }
uint8_t floating(uint8_t i) { return static_cast<uint8_t>(floatBase + i); }

void describeUnit(const UnitInstruction &found, Retired &retired) {
  const units::Pipeline &pipeline = found.unit->pipelines[found.instruction->pipeline];
  retired.unit = found.index;
  retired.unitLatency = pipeline.latency;
  retired.unitInterval = static_cast<uint8_t>(pipeline.interval);
}

bool accessesMemory(OpClass cls) { return cls == OpClass::Load || cls == OpClass::Store || cls == OpClass::Atomic; }

void describeScalar(const Op &op, Format format, Retired &retired) {
  uint8_t *reads = retired.scalarReads;
  switch (format) {
  case Format::U:
  case Format::J:
  case Format::CsrImmediate:
    retired.scalarWrite = integer(op.rd);
    break;
  case Format::I:
  case Format::Shift:
  case Format::ShiftWord:
  case Format::Csr:
    reads[0] = integer(op.rs1);
    retired.scalarWrite = integer(op.rd);
    break;
  case Format::R:
    reads[0] = integer(op.rs1);
    reads[1] = integer(op.rs2);
    retired.scalarWrite = integer(op.rd);
    break;
  case Format::B:
    reads[0] = integer(op.rs1);
    reads[1] = integer(op.rs2);
    break;
  case Format::Load:
  case Format::FLoad:
  case Format::LoadReserved:
  case Format::Atomic:
    reads[0] = integer(op.rs1);
    if (format == Format::Atomic)
      reads[1] = integer(op.rs2);
    retired.scalarWrite = format == Format::FLoad ? floating(op.rd) : integer(op.rd);
    break;
  case Format::Store:
    reads[0] = integer(op.rs1);
    reads[1] = integer(op.rs2);
    break;
  case Format::FStore:
    reads[0] = integer(op.rs1);
    reads[1] = floating(op.rs2);
    break;
  case Format::F4:
    reads[2] = floating(op.rs3);
    [[fallthrough]];
  case Format::FR:
  case Format::FRNoRounding:
    reads[1] = floating(op.rs2);
    [[fallthrough]];
  case Format::FUnary:
    reads[0] = floating(op.rs1);
    retired.scalarWrite = floating(op.rd);
    break;
  case Format::FCompare:
    reads[1] = floating(op.rs2);
    [[fallthrough]];
  case Format::FToX:
  case Format::FToXRounding:
    reads[0] = floating(op.rs1);
    retired.scalarWrite = integer(op.rd);
    break;
  case Format::XToF:
  case Format::XToFRounding:
    reads[0] = integer(op.rs1);
    retired.scalarWrite = floating(op.rd);
    break;
  case Format::UnitRoutePut:
    reads[0] = integer(op.rs1);
    describeUnit(unitInstruction(op.opcode), retired);
    break;
  case Format::UnitRouteGet:
    retired.scalarWrite = integer(op.rd);
    describeUnit(unitInstruction(op.opcode), retired);
    break;
  default: // fences, calls: no operands
    break;
  }
  if (!accessesMemory(retired.cls))
    return;
  retired.elements = 1;
  // funct3 of the expanded encoding is lost in compressed ones; the row's match has it.
  retired.elementBytes = static_cast<uint8_t>(1u << ((instructionOf(op.opcode).match >> 12) & 3));
}

/// Element widths in bits of the vector operands of an arithmetic instruction; 0: no such operand, or not a vector one.
struct Widths {
  uint32_t vd = 0, vs2 = 0, vs1 = 0;
  bool vdSingle = false, vs2Single = false, vs1Single = false; // element 0 only: one register whatever LMUL is
  bool vdRead = false;
};

constexpr uint32_t mask = 1;

bool isWideSource(Opcode opcode) {
  std::string_view name = nameOf(opcode);
  return name.ends_with(".wv") || name.ends_with(".wx") || name.ends_with(".wf");
}

/// The widths of vd, vs2 and vs1 as the class says; which of them the format has is applied afterwards.
Widths widthsOf(const Op &op, OpClass cls, uint32_t sew) {
  Widths w{sew, sew, sew};
  switch (cls) {
  case OpClass::VWidenAlu:
  case OpClass::VFWidenAdd:
    w.vd = 2 * sew;
    w.vs2 = isWideSource(op.opcode) ? 2 * sew : sew;
    break;
  case OpClass::VWidenMultiply:
  case OpClass::VWidenMacc:
  case OpClass::VFWidenMultiply:
  case OpClass::VFWidenFma:
  case OpClass::VFWidenConvert:
    w.vd = 2 * sew;
    break;
  case OpClass::VNarrowShift:
  case OpClass::VClip:
  case OpClass::VFNarrowConvert:
    w.vs2 = 2 * sew;
    break;
  case OpClass::VCompare:
    w.vd = mask;
    break;
  case OpClass::VWidenReduce:
  case OpClass::VFWidenReduceUnordered:
  case OpClass::VFWidenReduceOrdered:
    w.vd = w.vs1 = 2 * sew;
    w.vdSingle = w.vs1Single = true;
    break;
  case OpClass::VReduce:
  case OpClass::VFReduceUnordered:
  case OpClass::VFReduceOrdered:
    w.vdSingle = w.vs1Single = true;
    break;
  case OpClass::VMaskLogic:
  case OpClass::VMaskCount:
  case OpClass::VMaskFirst:
  case OpClass::VMaskSet:
    w.vd = w.vs2 = w.vs1 = mask;
    break;
  case OpClass::VIota:
    w.vs2 = mask;
    break;
  case OpClass::VCompress:
    w.vs1 = mask;
    break;
  case OpClass::VToScalar:
    w.vs2Single = true;
    break;
  case OpClass::VFromScalar:
    w.vdSingle = true;
    break;
  case OpClass::VGather:
    w.vs1 = op.opcode == Opcode::VRGATHEREI16_VV ? 16 : sew;
    break;
  default:
    break;
  }
  switch (op.opcode) {
  case Opcode::VZEXT_VF2:
  case Opcode::VSEXT_VF2:
    w.vs2 = sew / 2;
    break;
  case Opcode::VZEXT_VF4:
  case Opcode::VSEXT_VF4:
    w.vs2 = sew / 4;
    break;
  case Opcode::VZEXT_VF8:
  case Opcode::VSEXT_VF8:
    w.vs2 = sew / 8;
    break;
  case Opcode::VSLIDEUP_VX: // keeps the elements below the offset
  case Opcode::VSLIDEUP_VI:
    w.vdRead = true;
    break;
  default:
    break;
  }
  return w;
}

class VectorDescription {
public:
  VectorDescription(const Op &op, Format format, const Hart &hart, Retired &retired)
      : op(op), format(format), hart(hart), retired(retired) {
    const VectorState &v = hart.vector;
    retired.sewBits = static_cast<uint8_t>(v.sewBits);
    retired.lmulEighths = static_cast<uint8_t>(1u << (v.lmulLog2 + 3));
    retired.vlmax = v.vlmax;
    retired.masked = !op.unmasked;
    constexpr uint64_t tailAgnostic = 1 << 6, maskAgnostic = 1 << 7; // of vtype
    retired.keepsOld = (v.vl < v.vlmax && !(v.vtype & tailAgnostic)) || (retired.masked && !(v.vtype & maskAgnostic));
  }

  void arithmetic() {
    Widths w = widthsOf(op, retired.cls, hart.vector.sewBits);
    keepOperandsOf(w);
    retired.masked = retired.masked && format != Format::VMoveWhole;
    retired.vectorReads[0] = group(op.rs2, w.vs2, w.vs2Single);
    retired.vectorReads[1] = group(op.rs1, w.vs1, w.vs1Single);
    if (w.vdRead)
      retired.vectorReads[2] = group(op.rd, w.vd, w.vdSingle);
    retired.vectorWrite = group(op.rd, w.vd, w.vdSingle);
    uint32_t source = std::max({w.vs2, w.vs1, w.vdRead ? w.vd : 0});
    retired.sourceBits = static_cast<uint8_t>(source ? source : hart.vector.sewBits);
    retired.resultBits = static_cast<uint8_t>(w.vd ? w.vd : hart.vector.sewBits);
    if (format == Format::VMoveWhole) {
      retired.vectorReads[0] = {op.rs2, op.fields};
      retired.vectorWrite = {op.rd, op.fields};
      retired.keepsOld = false;
    }
  }

  void customUnit() {
    const UnitInstruction &found = unitInstruction(op.opcode);
    const units::Instruction &instruction = *found.instruction;
    const VectorState &v = hart.vector;
    const units::Form *form = v.illegal ? nullptr : units::formOf(instruction, v.sewBits, v.alternate);
    if (!form) // it will trap
      return;
    describeUnit(found, retired);
    auto registers = [](const UnitGroups::Group &group) {
      return RegisterGroup{static_cast<uint8_t>(group.first), static_cast<uint8_t>(group.count)};
    };
    UnitGroups groups = groupsOf(op, instruction, *form, hart);
    retired.vectorReads[0] = registers(groups.vs2);
    retired.vectorReads[1] = registers(groups.vs1);
    if (instruction.readsDestination)
      retired.vectorReads[2] = registers(groups.vd);
    retired.vectorWrite = registers(groups.vd);
    if (format == Format::UnitVectorScalar)
      retired.scalarReads[0] = integer(op.rs1);
    if (format == Format::UnitVectorFloat)
      retired.scalarReads[0] = floating(op.rs1);
    retired.sourceBits = static_cast<uint8_t>(bitsOf(form->vs2));
    retired.resultBits = static_cast<uint8_t>(bitsOf(form->vd));
    if (format != Format::UnitBatched)
      return;
    retired.unitGathers = true; // a sum is there when the last of its products is
    retired.unitRows = static_cast<uint8_t>(groups.vs2.count);
  }

  void configuration() {
    retired.masked = false;
    if (format != Format::VSetIVli)
      retired.scalarReads[0] = integer(op.rs1);
    if (format == Format::VSetVl)
      retired.scalarReads[1] = integer(op.rs2);
    retired.scalarWrite = integer(op.rd);
  }

  void memory() {
    uint32_t data = isIndexed() ? hart.vector.sewBits : op.eewBits;
    retired.scalarReads[0] = integer(op.rs1);
    retired.elementBytes = static_cast<uint8_t>(data / 8);
    retired.fields = op.fields;
    retired.sourceBits = retired.resultBits = static_cast<uint8_t>(data);
    uint8_t perField = group(op.rd, data, false).count;
    RegisterGroup registers{op.rd, static_cast<uint8_t>(std::min(perField * op.fields, 8))};
    switch (format) {
    case Format::VLoadStrided:
    case Format::VStoreStrided:
      retired.scalarReads[1] = integer(op.rs2);
      break;
    case Format::VLoadIndexed:
    case Format::VStoreIndexed:
      retired.vectorReads[1] = group(op.rs2, op.eewBits, false);
      break;
    case Format::VLoadMask:
    case Format::VStoreMask:
      registers.count = 1;
      break;
    case Format::VLoadWhole:
    case Format::VStoreWhole:
      retired.elements = op.fields * hart.isa.vlenBytes() / retired.elementBytes;
      retired.fields = 1;
      retired.keepsOld = false;
      registers.count = op.fields;
      break;
    default:
      break;
    }
    if (isStore())
      retired.vectorReads[2] = registers;
    else
      retired.vectorWrite = registers;
  }

private:
  bool isIndexed() const { return format == Format::VLoadIndexed || format == Format::VStoreIndexed; }
  bool isStore() const {
    return format == Format::VStore || format == Format::VStoreStrided || format == Format::VStoreIndexed ||
           format == Format::VStoreWhole || format == Format::VStoreMask;
  }

  RegisterGroup group(uint8_t first, uint32_t width, bool single) const {
    if (width == 0)
      return {};
    // EMUL = EEW / SEW * LMUL; a fraction still takes a register.
    uint32_t registers = single || width == mask ? 1 : width * retired.lmulEighths / (hart.vector.sewBits * 8);
    return {first, static_cast<uint8_t>(std::clamp(registers, 1u, 8u))};
  }

  /// Scalar operands, and vector operands that the format does not have.
  void keepOperandsOf(Widths &w) {
    switch (format) {
    case Format::VVX:
    case Format::VVXCarry:
    case Format::VVXUnmasked:
    case Format::VMacX:
    case Format::VFromX:
    case Format::VMoveX:
      retired.scalarReads[0] = integer(op.rs1);
      w.vs1 = 0;
      break;
    case Format::VVF:
    case Format::VVFCarry:
    case Format::VMacF:
    case Format::VFromF:
    case Format::VMoveF:
      retired.scalarReads[0] = floating(op.rs1);
      w.vs1 = 0;
      break;
    case Format::VVV:
    case Format::VVVCarry:
    case Format::VVVUnmasked:
    case Format::VMacV:
    case Format::VMoveV:
      break;
    default: // immediates, one operand
      w.vs1 = 0;
      break;
    }
    switch (format) {
    case Format::VMoveV:
    case Format::VMoveX:
    case Format::VMoveF:
    case Format::VMoveI:
    case Format::VFromX:
    case Format::VFromF:
    case Format::VIndex:
      w.vs2 = 0;
      break;
    case Format::VToX:
    case Format::VMaskToX:
      retired.scalarWrite = integer(op.rd);
      w.vd = 0;
      break;
    case Format::VToF:
      retired.scalarWrite = floating(op.rd);
      w.vd = 0;
      break;
    case Format::VMacV:
    case Format::VMacX:
    case Format::VMacF:
      w.vdRead = true;
      break;
    default:
      break;
    }
  }

  const Op &op;
  Format format;
  const Hart &hart;
  Retired &retired;
};

} // namespace

TimingDescription::TimingDescription(const Op &op, const Hart &hart) {
  retired.cls = classOf(op.opcode);
  Format format = instructionOf(op.opcode).format;
  if (!isVector(format)) {
    describeScalar(op, format, retired);
    changes = accessesMemory(retired.cls) ? Changes::Address : Changes::Nothing;
    return;
  }
  vtype = hart.vector.vtype;
  isPart = isPartNow(hart);
  VectorDescription description(op, format, hart, retired);
  changes = Changes::Length;
  if (isVectorUnit(format)) {
    description.customUnit();
  } else if (format >= Format::VVV) {
    description.arithmetic();
  } else if (format >= Format::VLoad) {
    description.memory();
    changes = Changes::VectorAccess;
  } else {
    description.configuration();
  }
}

void TimingDescription::updateAccess(const Op &op, const Hart &hart) {
  retired.address = hart.x[op.rs1];
  switch (instructionOf(op.opcode).format) {
  case Format::VLoadWhole:
  case Format::VStoreWhole:
    return;
  case Format::VLoadMask:
  case Format::VStoreMask:
    retired.elements = (retired.vl + 7) / 8;
    return;
  case Format::VLoadStrided:
  case Format::VStoreStrided:
    retired.strideBytes = static_cast<int64_t>(hart.x[op.rs2]);
    break;
  default:
    break;
  }
  retired.elements = retired.vl * op.fields;
}

hw::rvv::Retired weft::iss::describeForTiming(const Op &op, const Hart &hart) {
  TimingDescription description(op, hart);
  description.update(op, hart);
  return description.retired;
}
