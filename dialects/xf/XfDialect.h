// The dialect `xf`: what a transformer computes. XfDialect.td and XfOps.td hold the documentation.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace weft::xf {
using namespace mlir; // the generated declarations name MLIR's types unqualified
}

#include "dialects/xf/XfDialect.h.inc"
#include "dialects/xf/XfEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/xf/XfAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/xf/XfTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/xf/XfOps.h.inc"

namespace weft::xf {

/// Adds `xf` to the registry.
void registerXfDialect(mlir::DialectRegistry &registry);

} // namespace weft::xf
