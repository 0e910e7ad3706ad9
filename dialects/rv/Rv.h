// The `rv` dialect; RvOps.td is its specification.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/rv/RvDialect.h.inc"

#define GET_OP_CLASSES
#include "dialects/rv/RvOps.h.inc"
