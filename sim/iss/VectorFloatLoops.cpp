#include "sim/iss/VectorFloatLoops.h"
#include "sim/iss/VectorTarget.h"

namespace weft::iss {

static VectorFloatLoops makeLoops() {
  VectorFloatLoops all;
  addSoftLoops(all.soft);
  all.host = all.soft;
  return all;
}

const VectorFloatLoops &vectorFloatLoops() {
  static const VectorFloatLoops all = makeLoops();
  return all;
}

} // namespace weft::iss
