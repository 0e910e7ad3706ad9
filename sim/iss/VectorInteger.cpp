#include "sim/iss/VectorInteger.h"

namespace weft::iss {

Execute vectorIntegerExecutor(Opcode opcode) {
  for (auto part : {vectorArithmeticExecutor, vectorWidthExecutor, vectorFixedPointExecutor, vectorReductionExecutor,
                    vectorMaskExecutor, vectorPermutationExecutor})
    if (Execute execute = part(opcode))
      return execute;
  return nullptr;
}

} // namespace weft::iss
