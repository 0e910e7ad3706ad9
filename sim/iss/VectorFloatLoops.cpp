#include "sim/iss/VectorFloatLoops.h"
#include "sim/iss/VectorTarget.h"

namespace weft::iss {

#if defined(__x86_64__)

// clang-format off
WEFT_DECLARE_FOR_VECTOR_TARGETS(
  void addFloatArithmeticLoops(VectorFloatLoopTable &table);
  void addFusedLoops(VectorFloatLoopTable &table);
  void addFloatConvertLoops(VectorFloatLoopTable &table);
)
// clang-format on

static void addHostLoops(VectorFloatLoopTable &table) {
  WEFT_FOR_VECTOR_TARGET(addFloatArithmeticLoops)(table);
  WEFT_FOR_VECTOR_TARGET(addFusedLoops)(table);
  WEFT_FOR_VECTOR_TARGET(addFloatConvertLoops)(table);
}

#else

static void addHostLoops(VectorFloatLoopTable &) {} // Hart::hostFloat is never set (Float.cpp)

#endif

static VectorFloatLoops makeLoops() {
  VectorFloatLoops all;
  addSoftLoops(all.soft);
  all.host = all.soft;
  addHostLoops(all.host);
  return all;
}

const VectorFloatLoops &vectorFloatLoops() {
  static const VectorFloatLoops all = makeLoops();
  return all;
}

} // namespace weft::iss
