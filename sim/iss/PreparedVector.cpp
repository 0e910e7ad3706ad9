#include "sim/iss/PreparedVector.h"

namespace weft::iss {

/// Whether `bytes` lie in the register file, and not in a copy of a part.
static bool isRegister(const Hart &hart, const std::byte *bytes) {
  return bytes == nullptr || (bytes >= hart.v.data() && bytes < hart.v.data() + hart.v.size());
}

static bool remember(Hart &hart, const VectorLoopOperands &operands, ScalarSource scalar) {
  if (hart.vector.vstart != 0 || !isRegister(hart, operands.vs2) || !isRegister(hart, operands.vs1))
    return false;
  hart.preparing->operands = operands;
  hart.preparing->scalar = scalar;
  hart.preparing->vtype = hart.vector.vtype;
  return true;
}

void rememberLoop(Hart &hart, VectorLoop loop, const VectorLoopOperands &operands, ScalarSource scalar) {
  if (remember(hart, operands, scalar))
    hart.preparing->integerLoop = loop;
}

void rememberLoop(Hart &hart, VectorFloatLoop loop, const VectorLoopOperands &operands, ScalarSource scalar) {
  if (remember(hart, operands, scalar))
    hart.preparing->floatLoop = loop;
}

} // namespace weft::iss
