#include "sim/iss/VectorElementwise.h"

namespace weft::iss {

void runMasked(Hart &hart, VectorLoop loop, VectorLoopOperands &operands, unsigned destinationIndex) {
  MaskBytes mask;
  const size_t begin = hart.vector.vstart;
  expandMask(hart.vectorRegister(0), begin + operands.count, mask);
  operands.mask = mask + begin;

  // All elements are computed, and the active ones taken over.
  alignas(64) std::byte results[maxGroupBytes];
  std::byte *destination = operands.destination;
  operands.destination = results;
  if (loop(operands))
    hart.vector.vxsat = true;

  VectorLoopOperands merge;
  merge.destination = destination;
  merge.vs2 = destination;
  merge.vs1 = results;
  merge.mask = operands.mask;
  merge.count = operands.count;
  findLoop(VectorLoopKind::Merge, destinationIndex, false)(merge);
}

} // namespace weft::iss
