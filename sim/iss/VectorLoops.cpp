#include "sim/iss/VectorLoops.h"
#include "sim/iss/VectorTarget.h"

namespace weft::iss {

// clang-format off
WEFT_DECLARE_FOR_VECTOR_TARGETS(
  void addArithmeticLoops(VectorLoopTable &table);
  void addWideningLoops(VectorLoopTable &table);
  void addFixedPointLoops(VectorLoopTable &table);
)
// clang-format on

static VectorLoopTable makeTable() {
  VectorLoopTable table;
  WEFT_FOR_VECTOR_TARGET(addArithmeticLoops)(table);
  WEFT_FOR_VECTOR_TARGET(addWideningLoops)(table);
  WEFT_FOR_VECTOR_TARGET(addFixedPointLoops)(table);
  return table;
}

const VectorLoopTable &vectorLoops() {
  static const VectorLoopTable table = makeTable();
  return table;
}

} // namespace weft::iss
