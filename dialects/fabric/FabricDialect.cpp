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

void ExprAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (getSource() == Source::Constant) {
    printer << getAdd() << ">";
    return;
  }
  if (getScale() != 1)
    printer << getScale() << " * ";
  printer << stringifySource(getSource());
  if (getSource() == Source::Param || getSource() == Source::Loop)
    printer << " " << getIndex();
  if (getAdd() != 0)
    printer << " + " << getAdd();
  printer << ">";
}

/// A number, or `[scale *] source [index] [+ add]`.
Attribute ExprAttr::parse(AsmParser &parser, Type) {
  int64_t scale = 1, index = 0, add = 0;
  if (parser.parseLess())
    return {};
  OptionalParseResult number = parser.parseOptionalInteger(scale);
  if (number.has_value()) {
    if (failed(*number))
      return {};
    if (succeeded(parser.parseOptionalGreater()))
      return ExprAttr::get(parser.getContext(), Source::Constant, 0, 0, scale);
    if (parser.parseStar())
      return {};
  }
  StringRef keyword;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  std::optional<Source> source = symbolizeSource(keyword);
  if (!source || *source == Source::Constant) {
    parser.emitError(location, "expected param, loop, x, y, rank_x or rank_y");
    return {};
  }
  bool indexed = *source == Source::Param || *source == Source::Loop;
  if (indexed && parser.parseInteger(index))
    return {};
  if (succeeded(parser.parseOptionalPlus()) && parser.parseInteger(add))
    return {};
  if (parser.parseGreater())
    return {};
  return ExprAttr::get(parser.getContext(), *source, index, scale, add);
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
