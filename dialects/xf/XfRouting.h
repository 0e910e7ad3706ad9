// What routers choose, for those who want to see it.
#pragma once

#include "dialects/xf/XfDialect.h"

namespace weft::xf {

/// rows × experts, in linalg before `op`: 1 for each expert that the router chooses for the row, else 0. The same
/// choice as in the op's own decomposition.
mlir::Value chosenExperts(MoeOp op, mlir::OpBuilder &builder);

} // namespace weft::xf
