#include "sim/iss/VectorFloatShapes.h"

namespace weft::iss {

const std::byte *ActiveOperand::merge(const std::byte *elements, uint64_t value, const VectorLoopOperands &run,
                                      unsigned index, uint64_t inactive, bool scalar) {
  VectorLoopOperands operands;
  operands.destination = bytes;
  operands.vs2 = bytes;
  operands.scalar = inactive;
  operands.count = run.count;
  findLoop(VectorLoopKind::Move, index, true)(operands);
  operands.vs1 = elements;
  operands.scalar = value;
  operands.mask = run.mask;
  findLoop(VectorLoopKind::Merge, index, scalar)(operands);
  return bytes;
}

void storeActive(std::byte *destination, const std::byte *results, const uint8_t *mask, size_t count, unsigned index) {
  VectorLoopOperands operands;
  operands.destination = destination;
  operands.vs2 = destination;
  operands.vs1 = results;
  operands.mask = mask;
  operands.count = count;
  findLoop(VectorLoopKind::Merge, index, false)(operands);
}

void rememberFloatLoop(Hart &hart, VectorFloatKind kind, const VectorLoopOperands &operands, bool vector,
                       bool isBFloat) {
  const unsigned sew = sewIndex(hart.vector);
  const ScalarSource sources[] = {ScalarSource::Constant, isBFloat ? ScalarSource::BFloat : ScalarSource::Half,
                                  ScalarSource::Single, ScalarSource::Double};
  if (hart.hostFloat)
    rememberLoop(hart, vectorFloatLoops().host.loops[static_cast<size_t>(kind)][sew][!vector], operands,
                 vector ? ScalarSource::Constant : sources[sew]);
}

void runFloatMasked(Hart &hart, VectorFloatKind kind, const FloatShape &shape, bool scalar,
                    VectorLoopOperands &operands) {
  const VectorState &state = hart.vector;
  const unsigned sew = sewIndex(state);
  auto index = [&](FloatElement element) { return sew + element.wide; };
  auto one = [&](FloatElement element) { return harmless(element, state.sewBits); };
  MaskBytes mask;
  expandMask(hart.vectorRegister(0), state.vl, mask);
  operands.mask = mask + state.vstart;

  ActiveOperand second, first, old;
  operands.vs2 = second.of(operands.vs2, operands, index(shape.second), one(shape.second));
  if (scalar)
    operands.vs1 = first.ofScalar(operands.scalar, operands, index(shape.first), one(shape.first));
  else if (shape.first.type != FloatElement::None)
    operands.vs1 = first.of(operands.vs1, operands, index(shape.first), one(shape.first));
  if (shape.readsOld)
    operands.old = old.of(operands.destination, operands, index(shape.destination), one(shape.destination));

  alignas(64) std::byte results[maxGroupBytes];
  std::byte *destination = operands.destination;
  operands.destination = results;
  runFloatLoop(hart, kind, sew, false, operands);
  storeActive(destination, results, operands.mask, operands.count, index(shape.destination));
}

} // namespace weft::iss
