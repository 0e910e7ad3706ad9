// Arithmetic that has one result for each operand, on every core and host.
#include "kernels/GeneralSteps.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace weft::kernels {
namespace {

using arith::CmpFPredicate;
using arith::CmpIPredicate;

bool isShort(Type type) { return type.isF16() || type.isBF16(); }

class Writer : public ImplicitLocOpBuilder {
public:
  explicit Writer(Operation *op) : ImplicitLocOpBuilder(op->getLoc(), op) {}
  Value real(Type type, double value) { return create<arith::ConstantOp>(getFloatAttr(type, value)); }
  Value whole(Type type, const APInt &value) {
    return create<arith::ConstantOp>(cast<TypedAttr>(IntegerAttr::get(type, value)));
  }
  Value whole(Type type, int64_t value) {
    return create<arith::ConstantOp>(cast<TypedAttr>(getIntegerAttr(type, value)));
  }
  Value choose(Value condition, Value a, Value b) { return create<arith::SelectOp>(condition, a, b); }
  Value compare(CmpFPredicate predicate, Value a, Value b) { return create<arith::CmpFOp>(predicate, a, b); }
  Value compare(CmpIPredicate predicate, Value a, Value b) { return create<arith::CmpIOp>(predicate, a, b); }
  Value isNan(Value x) { return compare(CmpFPredicate::UNO, x, x); }
  Value extend(Value x) { return isShort(x.getType()) ? create<arith::ExtFOp>(getF32Type(), x).getResult() : x; }
};

void replace(Operation *op, Value with) {
  op->getResult(0).replaceAllUsesWith(with);
  op->erase();
}

// ---- 16-bit numbers ---------------------------------------------------------------------------------------------

/// An f64 as an f32 from which every shorter format rounds as from the f64: towards zero, and odd if that is not exact.
Value roundToOdd(Writer &w, Value x) {
  Value narrow = w.create<arith::TruncFOp>(w.getF32Type(), x), wide = w.create<arith::ExtFOp>(w.getF64Type(), narrow);
  Value bits = w.create<arith::BitcastOp>(w.getI32Type(), narrow), one = w.whole(w.getI32Type(), 1);
  Value isAway = w.compare(CmpFPredicate::OGT, w.create<math::AbsFOp>(wide), w.create<math::AbsFOp>(x));
  Value towards = w.choose(isAway, w.create<arith::SubIOp>(bits, one), bits);
  Value isInexact = w.compare(CmpFPredicate::ONE, wide, x);
  Value odd = w.choose(isInexact, w.create<arith::OrIOp>(towards, one), bits);
  return w.create<arith::BitcastOp>(w.getF32Type(), odd);
}

/// An integer as a number from which f16 and bf16 round as from the integer.
Value widenInteger(Writer &w, Value x, bool isSigned) {
  unsigned bits = x.getType().getIntOrFloatBitWidth();
  Type wide = bits <= 16 ? w.getF32Type() : w.getF64Type();
  if (bits > 53) { // of large ones what is below the 53 leading bits counts as one bit if it is not zero
    Type type = x.getType();
    Value low = w.create<arith::AndIOp>(x, w.whole(type, 0x7ff)), zero = w.whole(type, 0);
    Value sticky = w.choose(w.compare(CmpIPredicate::ne, low, zero), w.whole(type, 0x800), zero);
    Value large = w.create<arith::OrIOp>(w.create<arith::AndIOp>(x, w.whole(type, ~int64_t(0x7ff))), sticky);
    constexpr int64_t exact = int64_t(1) << 53;
    Value moved = isSigned ? w.create<arith::AddIOp>(x, w.whole(type, exact)) : x;
    Value isLarge = w.compare(CmpIPredicate::uge, moved, w.whole(type, isSigned ? 2 * exact : exact));
    x = w.choose(isLarge, large, x);
  }
  Value real =
      isSigned ? w.create<arith::SIToFPOp>(wide, x).getResult() : w.create<arith::UIToFPOp>(wide, x).getResult();
  return wide.isF64() ? roundToOdd(w, real) : real;
}

bool concernsShort(Operation *op) {
  if (!isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) || op->getNumResults() != 1 ||
      isa<arith::ConstantOp, arith::BitcastOp, arith::SelectOp>(op))
    return false;
  if (auto extension = dyn_cast<arith::ExtFOp>(op); extension && extension.getType().isF32())
    return false;
  if (auto truncation = dyn_cast<arith::TruncFOp>(op); truncation && truncation.getIn().getType().isF32())
    return false;
  return isShort(op->getResult(0).getType()) || llvm::any_of(op->getOperandTypes(), isShort);
}

/// In f32, and the result rounded. For one operation of + - * / and the root that is the result rounded once, since f32
/// has more than twice the bits.
void computeInF32(Operation *op) {
  Writer w(op);
  Type type = op->getResult(0).getType();
  Value result;
  if (auto truncation = dyn_cast<arith::TruncFOp>(op))
    result = roundToOdd(w, truncation.getIn());
  else if (isa<arith::SIToFPOp, arith::UIToFPOp>(op))
    result = widenInteger(w, op->getOperand(0), isa<arith::SIToFPOp>(op));
  else {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(w.extend(operand));
    OperationState state(op->getLoc(), op->getName(), operands, isShort(type) ? w.getF32Type() : type, op->getAttrs());
    result = w.create(state)->getResult(0);
  }
  if (isShort(type))
    result = w.create<arith::TruncFOp>(type, result);
  replace(op, result);
}

// ---- integers ---------------------------------------------------------------------------------------------------

std::optional<APInt> constantOf(Value value) {
  APInt number;
  return matchPattern(value, m_ConstantInt(&number)) ? std::optional(number) : std::nullopt;
}

/// x / 0 = 0, x rem 0 = 0; the least number divided by -1 is itself.
template <typename Op> void defineDivision(Op op) {
  constexpr bool isSigned = std::is_same_v<Op, arith::DivSIOp> || std::is_same_v<Op, arith::RemSIOp>;
  constexpr bool isQuotient = std::is_same_v<Op, arith::DivSIOp> || std::is_same_v<Op, arith::DivUIOp>;
  Value by = op.getRhs();
  if (auto number = constantOf(by); number && !number->isZero() && !(isSigned && number->isAllOnes()))
    return;
  Writer w(op);
  Type type = op.getType();
  Value zero = w.whole(type, 0), one = w.whole(type, 1), isZero = w.compare(CmpIPredicate::eq, by, zero);
  Value isUnsafe = isZero, isMinusOne;
  if (isSigned) {
    isMinusOne = w.compare(CmpIPredicate::eq, by, w.whole(type, -1));
    isUnsafe = w.create<arith::OrIOp>(isZero, isMinusOne);
  }
  Value result = w.create<Op>(op.getLhs(), w.choose(isUnsafe, one, by));
  if (isQuotient && isSigned)
    result = w.choose(isMinusOne, w.create<arith::SubIOp>(zero, op.getLhs()), result);
  replace(op, w.choose(isZero, zero, result));
}

/// Shifting by the width or more leaves what shifting one by one would.
template <typename Op> void defineShift(Op op) {
  Type type = op.getType();
  int64_t width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  Value by = op.getRhs();
  if (auto number = constantOf(by); number && number->ult(width))
    return;
  Writer w(op);
  if (std::is_same_v<Op, arith::ShRSIOp>)
    return replace(op, w.create<Op>(op.getLhs(), w.create<arith::MinUIOp>(by, w.whole(type, width - 1))));
  Value fits = w.compare(CmpIPredicate::ult, by, w.whole(type, width)), zero = w.whole(type, 0);
  replace(op, w.choose(fits, w.create<Op>(op.getLhs(), w.choose(fits, by, zero)), zero));
}

/// Beyond the integers it is the nearest one; NaN is 0.
template <typename Op> void defineConversion(Op op) {
  constexpr bool isSigned = std::is_same_v<Op, arith::FPToSIOp>;
  Writer w(op);
  Value x = op.getIn();
  unsigned bits = op.getType().getIntOrFloatBitWidth();
  APInt least = isSigned ? APInt::getSignedMinValue(bits) : APInt::getZero(bits);
  APInt most = isSigned ? APInt::getSignedMaxValue(bits) : APInt::getMaxValue(bits);
  // The bounds are powers of two, which every format has.
  Value low = w.real(x.getType(), isSigned ? -std::ldexp(1.0, int(bits) - 1) : 0.0);
  Value high = w.real(x.getType(), std::ldexp(1.0, int(bits) - isSigned));
  Value isAbove = w.compare(CmpFPredicate::OGE, x, high), isWithin = w.compare(CmpFPredicate::OGE, x, low);
  Value inside = w.create<arith::AndIOp>(isWithin, w.compare(CmpFPredicate::OLT, x, high));
  Value result = w.create<Op>(op.getType(), w.choose(inside, x, w.real(x.getType(), 0.0)));
  if (isSigned)
    result = w.choose(w.compare(CmpFPredicate::OLT, x, low), w.whole(op.getType(), least), result);
  replace(op, w.choose(isAbove, w.whole(op.getType(), most), result));
}

// ---- rounding, powers, the larger and the smaller ---------------------------------------------------------------

/// Of a number that is not negative, to the nearest integer, ties to even; right below 2^23 or 2^52.
Value nearest(Writer &w, Value size) {
  Value magic = w.real(size.getType(), size.getType().isF32() ? 0x1p23 : 0x1p52);
  return w.create<arith::SubFOp>(w.create<arith::AddFOp>(size, magic), magic);
}

/// `whole` with the sign of x; x itself where all numbers are integers, and for NaN.
Value ofSmall(Writer &w, Value x, Value whole) {
  Value bound = w.real(x.getType(), x.getType().isF32() ? 0x1p23 : 0x1p52);
  Value isSmall = w.compare(CmpFPredicate::OLT, w.create<math::AbsFOp>(x), bound);
  return w.choose(isSmall, w.create<math::CopySignOp>(whole, x), x);
}

/// nearest(), but for numbers that it has moved in the direction of `predicate`: those are one step back.
Value stepBack(Writer &w, Value x, Value rounded, CmpFPredicate predicate, double step) {
  Value back = w.create<arith::AddFOp>(rounded, w.real(x.getType(), step));
  return w.choose(w.compare(predicate, rounded, x), back, rounded);
}

void roundToInteger(Operation *op) {
  Writer w(op);
  Value x = op->getOperand(0), size = w.create<math::AbsFOp>(x), near = nearest(w, size), result;
  if (isa<math::RoundEvenOp>(op))
    result = near;
  else if (isa<math::FloorOp, math::CeilOp>(op)) {
    bool down = isa<math::FloorOp>(op);
    result = stepBack(w, x, w.create<math::CopySignOp>(near, x), down ? CmpFPredicate::OGT : CmpFPredicate::OLT,
                      down ? -1 : 1);
  } else {
    result = stepBack(w, size, near, CmpFPredicate::OGT, -1);
    if (isa<math::RoundOp>(op)) { // the fraction is exact
      Value isUp = w.compare(CmpFPredicate::OGE, w.create<arith::SubFOp>(size, result), w.real(x.getType(), 0.5));
      result = w.choose(isUp, w.create<arith::AddFOp>(result, w.real(x.getType(), 1)), result);
    }
  }
  replace(op, ofSmall(w, x, result));
}

/// A square is a product.
void simplifyPower(math::PowFOp op) {
  APFloat exponent(0.0);
  if (!matchPattern(op.getRhs(), m_ConstantFloat(&exponent)) || exponent.convertToDouble() != 2)
    return;
  Writer w(op);
  replace(op, w.create<arith::MulFOp>(op.getLhs(), op.getLhs()));
}

/// A NaN loses against a number.
template <typename Op> void loseNan(Op op) {
  constexpr bool isMax = std::is_same_v<Op, arith::MaxNumFOp>;
  Writer w(op);
  Value x = op.getLhs(), y = op.getRhs();
  Value chosen = w.choose(w.compare(isMax ? CmpFPredicate::OGT : CmpFPredicate::OLT, x, y), x, y);
  replace(op, w.choose(w.isNan(y), x, chosen));
}

/// A product that is added to a sum is not rounded on its own.
void fuse(linalg::GenericOp op) {
  if (op.getNumReductionLoops() == 0)
    return;
  for (BlockArgument old : op.getRegionOutputArgs()) {
    if (!old.hasOneUse() || !(old.getType().isF32() || old.getType().isF64()))
      continue;
    auto sum = dyn_cast<arith::AddFOp>(*old.getUsers().begin());
    Value added = !sum ? Value() : sum.getLhs() == old ? sum.getRhs() : sum.getLhs();
    auto product = sum ? added.getDefiningOp<arith::MulFOp>() : nullptr;
    if (!product || !product->hasOneUse() || product->getBlock() != op.getBody())
      continue;
    Writer w(sum);
    replace(sum, w.create<math::FmaOp>(product.getLhs(), product.getRhs(), old));
    product.erase();
  }
}

void define(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>([](auto each) { defineDivision(each); })
      .Case<arith::ShLIOp, arith::ShRUIOp, arith::ShRSIOp>([](auto each) { defineShift(each); })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([](auto each) { defineConversion(each); })
      .Case<math::FloorOp, math::CeilOp, math::TruncOp, math::RoundOp, math::RoundEvenOp>(
          [](auto each) { roundToInteger(each); })
      .Case<arith::MaxNumFOp, arith::MinNumFOp>([](auto each) { loseNan(each); })
      .Case<math::PowFOp>([](math::PowFOp each) { simplifyPower(each); })
      .Case<linalg::GenericOp>([](linalg::GenericOp each) { fuse(each); });
}

/// Any structured op as a linalg.generic.
void generalize(linalg::LinalgOp op, RewriterBase &rewriter) {
  rewriter.setInsertionPoint(op);
  if (succeeded(linalg::generalizeNamedOp(rewriter, op)))
    return;
  auto generic = rewriter.create<linalg::GenericOp>(op.getLoc(), TypeRange(), op.getDpsInputs(), op.getDpsInits(),
                                                    op.getIndexingMapsArray(), op.getIteratorTypesArray());
  rewriter.inlineRegionBefore(op->getRegion(0), generic.getRegion(), generic.getRegion().begin());
  Block *body = generic.getBody();
  for (unsigned i = body->getNumArguments(); i < generic->getNumOperands(); ++i) // linalg.map does not read its output
    body->addArgument(getElementTypeOrSelf(generic->getOperand(i).getType()), op.getLoc());
  rewriter.eraseOp(op);
}

/// All ops of `function` that `wanted` holds for, before any is changed.
void forEach(func::FuncOp function, llvm::function_ref<bool(Operation *)> wanted,
             llvm::function_ref<void(Operation *)> visit) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) {
    if (wanted(op))
      ops.push_back(op);
  });
  for (Operation *op : ops)
    visit(op);
}

} // namespace

LogicalResult defineArithmetic(func::FuncOp function) {
  IRRewriter rewriter(function.getContext());
  forEach(
      function, [](Operation *op) { return isa<linalg::LinalgOp>(op) && !isa<linalg::GenericOp>(op); },
      [&](Operation *op) { generalize(cast<linalg::LinalgOp>(op), rewriter); });
  RewritePatternSet patterns(function.getContext());
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  if (failed(applyPatternsAndFoldGreedily(function, std::move(patterns))))
    return function.emitError("the rewriting of divisions does not come to an end");
  forEach(function, concernsShort, computeInF32);
  forEach(function, [](Operation *op) { return !isa<func::FuncOp>(op); }, define);
  return success();
}

} // namespace weft::kernels
