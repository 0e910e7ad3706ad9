// Handlers of vector instructions that are the same each time: vset*, arithmetic without a mask, and unit-stride loads
// and stores. The first time, and whenever vtype is another, the executor runs and leaves a PreparedVector.
#include "sim/iss/Decode.h"
#include "sim/iss/FastHandlers.h"
#include "sim/iss/FloatRegisters.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if WEFT_FAST_PATH

using namespace weft;
using namespace weft::iss;
using namespace weft::iss::fast;

namespace {

/// By its executor from now on.
[[gnu::noinline]] WEFT_FAST_CALL void giveUp(WEFT_FAST_ARGUMENTS) {
  op->op = op->vector->op;
  op->handler = execute;
  WEFT_JUMP(execute);
}

/// By its executor this time; execute() finds the instruction where records without a PreparedVector have it.
bool executeOnce(FastOp *op, Hart &hart, PreparedVector *preparing) {
  const Op &instruction = *op->vector->op;
  hart.pc = op->pc;
  hart.preparing = preparing;
  bool retired = instruction.execute(hart, instruction);
  hart.preparing = nullptr;
  return retired;
}

/// A trap is left to execute(): what trapped traps again, and has changed nothing.
[[gnu::noinline]] WEFT_FAST_CALL void runOnce(WEFT_FAST_ARGUMENTS) {
  if (!executeOnce(op, *context->hart, nullptr))
    WEFT_JUMP(giveUp);
  ++op;
  WEFT_NEXT;
}

[[gnu::noinline]] WEFT_FAST_CALL void prepareArithmetic(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  PreparedVector &prepared = *op->vector;
  if (!prepared.op->unmasked)
    WEFT_JUMP(giveUp);
  if (hart.vector.vstart != 0 || hart.vector.vl == 0)
    WEFT_JUMP(runOnce);
  prepared.vtype = PreparedVector::never;
  if (!executeOnce(op, hart, &prepared))
    WEFT_JUMP(giveUp);
  if (prepared.vtype == PreparedVector::never) { // done, but nothing to remember
    op->op = prepared.op;
    op->handler = execute;
  }
  ++op;
  WEFT_NEXT;
}

uint64_t scalarOf(const Hart &hart, const PreparedVector &prepared) {
  switch (prepared.scalar) {
  case ScalarSource::X:
    return hart.x[prepared.op->rs1];
  case ScalarSource::Half:
    return floatRegister<Half>(hart, prepared.op->rs1);
  case ScalarSource::BFloat:
    return floatRegister<BFloat>(hart, prepared.op->rs1);
  case ScalarSource::Single:
    return floatRegister<Single>(hart, prepared.op->rs1);
  case ScalarSource::Double:
    return hart.f[prepared.op->rs1];
  case ScalarSource::Constant:
    break;
  }
  return prepared.operands.scalar;
}

template <bool isFloat> WEFT_FAST_CALL void arithmetic(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  VectorState &state = hart.vector;
  PreparedVector &prepared = *op->vector;
  if (prepared.vtype != state.vtype || state.vstart != 0 || state.vl == 0 || (isFloat && !hart.hostFloat)) [[unlikely]]
    WEFT_JUMP(prepareArithmetic);
  prepared.operands.count = state.vl;
  prepared.operands.scalar = scalarOf(hart, prepared);
  if constexpr (isFloat) {
    prepared.operands.rounding = hart.frm;
    uint8_t flags = prepared.floatLoop(prepared.operands);
    if (flags & notDone) [[unlikely]]
      WEFT_JUMP(runOnce);
    hart.fflags |= flags;
  } else {
    prepared.operands.rounding = state.vxrm;
    if (prepared.integerLoop(prepared.operands)) [[unlikely]]
      state.vxsat = true;
  }
  ++op;
  WEFT_NEXT;
}

[[gnu::noinline]] WEFT_FAST_CALL void prepareAccess(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  PreparedVector &prepared = *op->vector;
  if (!prepared.op->unmasked || prepared.op->fields != 1)
    WEFT_JUMP(giveUp);
  // Legal is what vtype says, and the executor has found out.
  uint64_t vtype = hart.vector.vtype;
  if (!executeOnce(op, hart, nullptr) || memory->touched())
    WEFT_JUMP(giveUp); // once more, which makes no difference
  prepared.vtype = vtype;
  prepared.operands.destination = hart.vectorRegister(prepared.op->rd);
  ++op;
  WEFT_NEXT;
}

/// Whole registers mostly, or parts of them: a call of memcpy would take longer.
void copyBytes(std::byte *to, const std::byte *from, size_t bytes) {
  constexpr size_t piece = 16;
  if (bytes % piece != 0) [[unlikely]] {
    std::memcpy(to, from, bytes);
    return;
  }
  for (size_t i = 0; i < bytes; i += piece)
    std::memcpy(to + i, from + i, piece);
}

template <bool isLoad> WEFT_FAST_CALL void access(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  const VectorState &state = hart.vector;
  const PreparedVector &prepared = *op->vector;
  const Memory::Window &window = isLoad ? memory->lastRead() : memory->lastWritten();
  uint64_t bytes = state.vl * prepared.op->eewBits / 8, offset = x[op->first.rs1] - window.base;
  if (prepared.vtype != state.vtype || state.vstart != 0 || bytes > window.size || offset > window.size - bytes)
      [[unlikely]]
    WEFT_JUMP(prepareAccess);
  if constexpr (isLoad)
    copyBytes(prepared.operands.destination, window.host + offset, bytes);
  else
    copyBytes(window.host + offset, prepared.operands.destination, bytes);
  ++op;
  WEFT_NEXT;
}

template <bool isImmediate> WEFT_FAST_CALL void configure(WEFT_FAST_ARGUMENTS) {
  Hart &hart = *context->hart;
  VectorState &state = hart.vector;
  PreparedVector &prepared = *op->vector;
  if (prepared.vtype == PreparedVector::never) [[unlikely]] {
    prepared.type = decodeVectorType(static_cast<uint64_t>(prepared.op->immediate), hart.isa);
    prepared.vtype = 0; // it never changes
  }
  uint64_t length = op->first.rs1;
  if constexpr (!isImmediate) {
    if (op->first.rs1 != 0)
      length = x[op->first.rs1];
    else
      length = op->first.rd != 0 ? ~uint64_t{0} : state.vl;
  }
  static_cast<VectorType &>(state) = prepared.type;
  state.vl = std::min<uint64_t>(length, prepared.type.vlmax); // 0 if illegal
  state.vstart = 0;
  if (op->first.rd != 0)
    x[op->first.rd] = state.vl;
  ++op;
  WEFT_NEXT;
}

} // namespace

FastHandler weft::iss::fast::vectorHandler(Opcode opcode) {
  using hw::rvv::OpClass;
  if (opcode == Opcode::Illegal)
    return nullptr;
  const Instruction &row = instructionOf(opcode);
  if (opcode == Opcode::VSETVLI)
    return configure<false>;
  if (opcode == Opcode::VSETIVLI)
    return configure<true>;
  if (row.cls == OpClass::VLoad)
    return access<true>;
  if (row.cls == OpClass::VStore)
    return access<false>;
  bool isArithmetic = row.cls > OpClass::VSet && row.cls < OpClass::VLoad;
  if (!isArithmetic)
    return nullptr;
  bool isFloat = row.cls >= OpClass::VFAdd && row.cls <= OpClass::VFNarrowConvert;
  return isFloat ? arithmetic<true> : arithmetic<false>;
}

#endif
