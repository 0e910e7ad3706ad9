// C++ face of the fabric dialect; Fabric.td holds the documentation.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/fabric/FabricDialect.h.inc"
#include "dialects/fabric/FabricEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/fabric/FabricAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/fabric/Fabric.h.inc"
