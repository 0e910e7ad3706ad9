#include "dialects/fabric/FabricDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/IntegerSet.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/fabric/FabricDialect.cpp.inc"
#include "dialects/fabric/FabricEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/fabric/FabricAttributes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/fabric/Fabric.cpp.inc"

namespace weft::fabric {

void FabricDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/fabric/FabricAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/fabric/Fabric.cpp.inc"
      >();
}

LogicalResult ClassOp::verify() {
  for (Attribute attribute : getSets()) {
    auto set = dyn_cast<IntegerSetAttr>(attribute);
    if (!set || set.getValue().getNumDims() != 2 || set.getValue().getNumSymbols() != 0)
      return emitOpError("sets must be affine sets of (x, y)");
  }
  return success();
}

LogicalResult ChannelOp::verify() {
  if (getColorClass().has_value() != getColors().has_value())
    return emitOpError("has colours without classes or classes without colours");
  if (!getColors())
    return success();
  llvm::SmallDenseSet<int64_t> seen;
  ArrayRef<int64_t> colors = *getColors();
  for (int64_t color : colors)
    if (color < 0 || !seen.insert(color).second) // F1
      return emitOpError("F1: colours must be distinct and not negative");
  return success();
}

LogicalResult BufferOp::verify() {
  if (getBytes() <= 0)
    return emitOpError("needs at least one byte");
  if (getOffset() && *getOffset() < 0)
    return emitOpError("has a negative offset");
  return success();
}

} // namespace weft::fabric
