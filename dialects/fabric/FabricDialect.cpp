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

// Sizes beyond these are mistakes; below them no product of sizes overflows.
static constexpr int64_t maxCores = int64_t(1) << 24, maxBytes = int64_t(1) << 32;

LogicalResult TermAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t loop, int64_t scale,
                               ExprAttr phase, int64_t modulus, int64_t stride) {
  if (modulus < 1)
    return emitError() << "a term's modulus must be positive";
  return success();
}

LogicalResult ProgramOp::verify() {
  int64_t width = getWidth(), height = getHeight();
  if (width < 1 || height < 1 || width > maxCores || height > maxCores || width * height > maxCores)
    return emitOpError("needs at least one core on each axis and at most 2^24 in all");
  for (Attribute attribute : getParams()) {
    auto param = dyn_cast<DictionaryAttr>(attribute);
    auto divisors = param ? param.getAs<DenseI64ArrayAttr>("divisors") : DenseI64ArrayAttr();
    if (!divisors || !param.getAs<StringAttr>("name"))
      return emitOpError("params must be {name, divisors}");
    if (llvm::any_of(divisors.asArrayRef(), [](int64_t divisor) { return divisor < 1; }))
      return emitOpError("divides a launch parameter by less than 1");
  }
  return success();
}

/// Whether `expr` is defined everywhere: it divides by positive constants only.
static bool isTotal(AffineExpr expr) {
  bool total = true;
  expr.walk([&](AffineExpr part) {
    auto binary = dyn_cast<AffineBinaryOpExpr>(part);
    if (!binary || part.getKind() == AffineExprKind::Add || part.getKind() == AffineExprKind::Mul)
      return;
    auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
    total &= divisor && divisor.getValue() > 0;
  });
  return total && expr.isPureAffine();
}

LogicalResult ClassOp::verify() {
  for (Attribute attribute : getSets()) {
    auto set = dyn_cast<IntegerSetAttr>(attribute);
    if (!set || set.getValue().getNumDims() != 2 || set.getValue().getNumSymbols() != 0 ||
        !llvm::all_of(set.getValue().getConstraints(), isTotal))
      return emitOpError("sets must be affine sets of (x, y)");
  }
  return success();
}

/// Whether a pattern can be told by these arguments at all; what they mean on a mesh is for the route phase.
static bool areArguments(PatternKind pattern, ArrayRef<int64_t> args) {
  if (llvm::any_of(args, [](int64_t arg) { return arg < -1 || arg > maxCores; }))
    return false;
  switch (pattern) {
  case PatternKind::Ring:
    return args.size() == 1 && (args[0] == 1 || args[0] == -1);
  case PatternKind::TreeLow:
  case PatternKind::TreeHigh:
  case PatternKind::TreeCast: {
    size_t levelOf = pattern == PatternKind::TreeCast ? 0 : 1;
    if (args.size() != 4 + levelOf || llvm::any_of(args, [](int64_t arg) { return arg < 0; }))
      return false;
    int64_t levels = args[levelOf], segment = args[levelOf + 2], segments = args[levelOf + 3];
    return levels >= 1 && levels <= 16 && segment * segments <= maxCores && (levelOf == 0 || args[0] < levels);
  }
  case PatternKind::Combine:
    return args.size() == 2 && args[0] >= 0 && args[1] >= 0 && args[0] * args[1] <= maxCores;
  case PatternKind::Diagonal:
  case PatternKind::HostIn:
  case PatternKind::HostOut:
    return args.empty();
  }
  llvm_unreachable("all patterns are handled");
}

LogicalResult ChannelOp::verify() {
  if (getAxis() == Axis::None)
    return emitOpError("needs an axis");
  if (!areArguments(getPattern(), getArgs()))
    return emitOpError("has arguments that its pattern does not take");
  if ((getPattern() == PatternKind::Combine) != getBy().has_value()) // F6
    return emitOpError("F6: what words are combined by goes with the pattern combine");
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (getPattern() == PatternKind::Diagonal && program.getWidth() != program.getHeight())
    return emitOpError("needs a square mesh");
  if (getColorClass().has_value() != getColors().has_value())
    return emitOpError("has colours without classes or classes without colours");
  if (!getColors())
    return success();
  llvm::SmallDenseSet<int64_t> seen;
  ArrayRef<int64_t> colors = *getColors();
  for (int64_t color : colors)
    if (color < 0 || color > 255 || !seen.insert(color).second) // F1
      return emitOpError("F1: colours must be distinct and from 0 to 255");
  return success();
}

LogicalResult BufferOp::verify() {
  int64_t bytes = getBytes();
  if (bytes <= 0 || bytes > maxBytes)
    return emitOpError("needs at least one byte and at most 2^32");
  if (getOffset() && static_cast<int64_t>(*getOffset()) < 0)
    return emitOpError("has a negative offset");
  return success();
}

LogicalResult KernelCallOp::verify() {
  if (!llvm::all_of(getOperands(), llvm::IsaPred<RefAttr>))
    return emitOpError("operands must be #fabric.ref");
  if (!llvm::all_of(getScalars(), llvm::IsaPred<ExprAttr>))
    return emitOpError("scalars must be #fabric.expr");
  if (getCounted() && (!getMost() || !getEach() || *getCounted() >= getOperands().size() || getScalars().empty()))
    return emitOpError("counts what no operand has, or does not say how much more it asks for");
  return success();
}

} // namespace weft::fabric
