// Arithmetic that has one result for each operand, on every core and host.
#include "kernels/GeneralSteps.h"

using namespace mlir;

namespace weft::kernels {

LogicalResult defineArithmetic(func::FuncOp) { return success(); }

} // namespace weft::kernels
