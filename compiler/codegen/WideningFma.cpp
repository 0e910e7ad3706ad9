// rv.widening_fma: forming it from vector code, and what a target does for it.
#include "compiler/codegen/Passes.h"
#include "compiler/codegen/UnitCalls.h"
#include "dialects/rv/Rv.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace weft::codegen {

using mlir::success; // not weft::success of plain C++ libraries
namespace {

/// The scalar that all lanes of `value` are, if it is one of f32.
Value broadcastScalar(Value value) {
  auto broadcast = value.getDefiningOp<vector::BroadcastOp>();
  return broadcast && broadcast.getSource().getType().isF32() ? broadcast.getSource() : Value();
}

/// `scalar`, or what it widens if that is of type `narrow`.
Value narrowed(Value scalar, Type narrow) {
  auto extension = scalar.getDefiningOp<arith::ExtFOp>();
  return extension && extension.getIn().getType() == narrow ? extension.getIn() : scalar;
}

/// The 16-bit vector that `value` widens.
Value widenedFrom(Value value) {
  auto extension = value.getDefiningOp<arith::ExtFOp>();
  if (!extension)
    return {};
  auto type = dyn_cast<VectorType>(extension.getIn().getType());
  bool narrow = type && type.getRank() == 1 && (type.getElementType().isBF16() || type.getElementType().isF16());
  return narrow ? extension.getIn() : Value();
}

Value addend(math::FmaOp op) { return op.getC(); }
Value addend(vector::FMAOp op) { return op.getAcc(); }

template <typename Fma> struct FormWideningFma : OpRewritePattern<Fma> {
  using OpRewritePattern<Fma>::OpRewritePattern;
  LogicalResult matchAndRewrite(Fma op, PatternRewriter &rewriter) const final {
    for (auto [x, y] :
         {std::pair(op->getOperand(0), op->getOperand(1)), std::pair(op->getOperand(1), op->getOperand(0))}) {
      Value scalar = broadcastScalar(x), narrow = widenedFrom(y);
      if (!scalar || !narrow)
        continue;
      rewriter.replaceOpWithNewOp<rv::WideningFmaOp>(op, op.getType(), addend(op),
                                                     narrowed(scalar, getElementTypeOrSelf(narrow.getType())), narrow);
      return success();
    }
    return failure();
  }
};

struct FormWideningFmaPass : PassWrapper<FormWideningFmaPass, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormWideningFmaPass)
  StringRef getArgument() const final { return "rv-form-widening-fma"; }
  StringRef getDescription() const final {
    return "Form rv.widening_fma from fma of a broadcast scalar and a widened vector";
  }
  void getDependentDialects(DialectRegistry &registry) const final { registry.insert<rv::RvDialect>(); }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<FormWideningFma<math::FmaOp>, FormWideningFma<vector::FMAOp>>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

// ---- what a target does ---------------------------------------------------------------------------------------

Type withElement(Type like, Type element) {
  auto vector = dyn_cast<VectorType>(like);
  return vector ? Type(vector.clone(element)) : element;
}

Value integers(OpBuilder &b, Location loc, Type like, int32_t value) {
  TypedAttr attribute = b.getI32IntegerAttr(value);
  if (auto vector = dyn_cast<VectorType>(like))
    attribute =
        DenseElementsAttr::get(cast<ShapedType>(withElement(like, b.getI32Type())), ArrayRef<Attribute>{attribute});
  return b.create<arith::ConstantOp>(loc, attribute);
}

/// The 16 bits of each element as an i32.
Value rawBits(OpBuilder &b, Location loc, Value narrow) {
  Value bits = b.create<arith::BitcastOp>(loc, withElement(narrow.getType(), b.getI16Type()), narrow);
  return b.create<arith::ExtUIOp>(loc, withElement(narrow.getType(), b.getI32Type()), bits);
}

/// bf16 is the upper half of an f32.
Value widenBf16(OpBuilder &b, Location loc, Value narrow) {
  Value bits = rawBits(b, loc, narrow);
  Value shifted = b.create<arith::ShLIOp>(loc, bits, integers(b, loc, narrow.getType(), 16));
  return b.create<arith::BitcastOp>(loc, withElement(narrow.getType(), b.getF32Type()), shifted);
}

/// f16 by its bits: exponent and mantissa moved into place are the value times 2^-112, subnormals included; infinity
/// and NaN then get the exponent of theirs.
Value widenF16(OpBuilder &b, Location loc, Value narrow) {
  Type like = narrow.getType(), real = withElement(like, b.getF32Type()), word = withElement(like, b.getI32Type());
  auto constant = [&](int32_t value) { return integers(b, loc, like, value); };
  Value bits = rawBits(b, loc, narrow);
  Value magnitude = b.create<arith::AndIOp>(loc, bits, constant(0x7fff));
  Value sign = b.create<arith::ShLIOp>(loc, b.create<arith::AndIOp>(loc, bits, constant(0x8000)), constant(16));
  Value placed = b.create<arith::BitcastOp>(loc, real, b.create<arith::ShLIOp>(loc, magnitude, constant(13)));
  Value factor = b.create<arith::BitcastOp>(loc, real, constant((112 + 127) << 23));
  Value scaled = b.create<arith::BitcastOp>(loc, word, b.create<arith::MulFOp>(loc, placed, factor));
  Value special = b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::uge, magnitude, constant(0x7c00));
  Value finite =
      b.create<arith::SelectOp>(loc, special, b.create<arith::OrIOp>(loc, scaled, constant(0x7f800000)), scaled);
  return b.create<arith::BitcastOp>(loc, real, b.create<arith::OrIOp>(loc, finite, sign));
}

struct LowerWidening : OpRewritePattern<arith::ExtFOp> {
  LowerWidening(MLIRContext *context, WideningSupport native) : OpRewritePattern(context), native(native) {}
  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const final {
    Type from = getElementTypeOrSelf(op.getIn().getType());
    bool vector = isa<VectorType>(op.getType());
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    if (from.isBF16() && !(vector ? native.vectorBf16 : native.scalarBf16))
      rewriter.replaceOp(op, widenBf16(rewriter, op.getLoc(), op.getIn()));
    else if (from.isF16() && !(vector ? native.vectorF16 : native.scalarF16))
      rewriter.replaceOp(op, widenF16(rewriter, op.getLoc(), op.getIn()));
    else
      return failure();
    return success();
  }
  WideningSupport native;
};

/// Rounded to nearest even; a NaN stays one.
Value narrowToBf16(OpBuilder &b, Location loc, Value wide) {
  auto constant = [&](int32_t value) { return integers(b, loc, wide.getType(), value); };
  Type word = withElement(wide.getType(), b.getI32Type());
  Value bits = b.create<arith::BitcastOp>(loc, word, wide);
  auto upper = [&](Value value) -> Value { return b.create<arith::ShRUIOp>(loc, value, constant(16)); };
  Value last = b.create<arith::AndIOp>(loc, upper(bits), constant(1));
  Value half = b.create<arith::AddIOp>(loc, last, constant(0x7fff));
  Value number = upper(b.create<arith::AddIOp>(loc, bits, half));
  Value nan = b.create<arith::OrIOp>(loc, upper(bits), constant(0x40));
  return b.create<arith::SelectOp>(loc, b.create<arith::CmpFOp>(loc, arith::CmpFPredicate::UNO, wide, wide), nan,
                                   number);
}

/// Rounded to nearest even. From 2^-14 on the bits beyond the mantissa are rounded away; below, an addition of 1/2
/// makes the steps of f32 those of subnormal f16.
Value narrowToF16(OpBuilder &b, Location loc, Value wide) {
  auto constant = [&](int32_t value) { return integers(b, loc, wide.getType(), value); };
  Type word = withElement(wide.getType(), b.getI32Type());
  Value bits = b.create<arith::BitcastOp>(loc, word, wide);
  Value size = b.create<arith::AndIOp>(loc, bits, constant(0x7fffffff));
  Value sign = b.create<arith::AndIOp>(loc, b.create<arith::ShRUIOp>(loc, bits, constant(16)), constant(0x8000));
  auto below = [&](Value value, int32_t bound) -> Value {
    return b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::slt, value, constant(bound));
  };
  Value rebased = b.create<arith::SubIOp>(loc, size, constant(112 << 23));
  Value last = b.create<arith::AndIOp>(loc, b.create<arith::ShRUIOp>(loc, rebased, constant(13)), constant(1));
  Value half = b.create<arith::AddIOp>(loc, last, constant(0xfff));
  Value normal = b.create<arith::ShRUIOp>(loc, b.create<arith::AddIOp>(loc, rebased, half), constant(13));
  Value offset = b.create<arith::BitcastOp>(loc, wide.getType(), constant(0x3f000000));
  Value sum = b.create<arith::AddFOp>(loc, b.create<arith::BitcastOp>(loc, wide.getType(), size), offset);
  Value subnormal = b.create<arith::SubIOp>(loc, b.create<arith::BitcastOp>(loc, word, sum), constant(0x3f000000));
  Value special = b.create<arith::SelectOp>(loc, below(size, 0x7f800001), constant(0x7c00), constant(0x7e00));
  Value finite = b.create<arith::SelectOp>(loc, below(size, 113 << 23), subnormal, normal);
  Value result = b.create<arith::SelectOp>(loc, below(size, (16 + 127) << 23), finite, special);
  return b.create<arith::OrIOp>(loc, result, sign);
}

struct LowerNarrowing : OpRewritePattern<arith::TruncFOp> {
  LowerNarrowing(MLIRContext *context, WideningSupport native) : OpRewritePattern(context), native(native) {}
  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const final {
    Type to = getElementTypeOrSelf(op.getType());
    bool vector = isa<VectorType>(op.getType());
    if (!getElementTypeOrSelf(op.getIn().getType()).isF32() ||
        (to.isF16() ? (vector ? native.vectorF16 : native.scalarF16)
                    : !to.isBF16() || (vector ? native.narrowsVectorBf16 : native.narrowsScalarBf16)))
      return failure();
    Value bits =
        to.isF16() ? narrowToF16(rewriter, op.getLoc(), op.getIn()) : narrowToBf16(rewriter, op.getLoc(), op.getIn());
    Value low = rewriter.create<arith::TruncIOp>(op.getLoc(), withElement(op.getType(), rewriter.getI16Type()), bits);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), low);
    return success();
  }
  WideningSupport native;
};

/// As VectorSelector.cpp finds it again, which knows what the core multiplies without widening it.
struct LowerWideningFma : OpRewritePattern<rv::WideningFmaOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(rv::WideningFmaOp op, PatternRewriter &rewriter) const final {
    Value scalar = op.getScalar();
    if (!scalar.getType().isF32())
      scalar = rewriter.create<arith::ExtFOp>(op.getLoc(), rewriter.getF32Type(), scalar);
    scalar = rewriter.create<vector::BroadcastOp>(op.getLoc(), op.getType(), scalar);
    Value wide = rewriter.create<arith::ExtFOp>(op.getLoc(), op.getType(), op.getNarrow());
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, scalar, wide, op.getAcc());
    return success();
  }
};

/// Byte i of each word, as a word. All lanes of a broadcast scalar are alike.
Value byteOf(OpBuilder &b, Location loc, Value words, int32_t i) {
  if (auto broadcast = words.getDefiningOp<vector::BroadcastOp>();
      broadcast && broadcast.getSource().getType().isInteger(32))
    return b.create<vector::BroadcastOp>(loc, words.getType(), byteOf(b, loc, broadcast.getSource(), i));
  Value up = b.create<arith::ShLIOp>(loc, words, integers(b, loc, words.getType(), 24 - 8 * i));
  return b.create<arith::ShRSIOp>(loc, up, integers(b, loc, words.getType(), 24));
}

struct LowerDot4 : OpRewritePattern<rv::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(rv::Dot4Op op, PatternRewriter &rewriter) const final {
    Value sum = op.getAcc();
    for (int32_t i = 0; i < 4; ++i) {
      Value product = rewriter.create<arith::MulIOp>(op.getLoc(), byteOf(rewriter, op.getLoc(), op.getA(), i),
                                                     byteOf(rewriter, op.getLoc(), op.getB(), i));
      sum = rewriter.create<arith::AddIOp>(op.getLoc(), sum, product);
    }
    rewriter.replaceOp(op, sum);
    return success();
  }
};

struct LowerRv : PassWrapper<LowerRv, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerRv)

  LowerRv() = default;
  explicit LowerRv(WideningSupport native) {
    scalarF16 = native.scalarF16;
    vectorF16 = native.vectorF16;
    scalarBf16 = native.scalarBf16;
    vectorBf16 = native.vectorBf16;
    narrowsScalarBf16 = native.narrowsScalarBf16;
    narrowsVectorBf16 = native.narrowsVectorBf16;
  }
  LowerRv(const LowerRv &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "rv-lower"; }
  StringRef getDescription() const final {
    return "Lower rv operations and 16-bit widening to what LLVM selects well for the target";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect, vector::VectorDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerWideningFma, LowerDot4>(&getContext());
    addUnitLowering(patterns);
    patterns.add<LowerWidening, LowerNarrowing>(
        &getContext(),
        WideningSupport{scalarF16, vectorF16, scalarBf16, vectorBf16, narrowsScalarBf16, narrowsVectorBf16});
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  Option<bool> scalarF16{*this, "scalar-f16", llvm::cl::desc("the target widens an f16 in one instruction"),
                         llvm::cl::init(WideningSupport().scalarF16)};
  Option<bool> vectorF16{*this, "vector-f16", llvm::cl::desc("the target widens a vector of f16 in one instruction"),
                         llvm::cl::init(WideningSupport().vectorF16)};
  Option<bool> scalarBf16{*this, "scalar-bf16", llvm::cl::desc("the target widens a bf16 in one instruction"),
                          llvm::cl::init(WideningSupport().scalarBf16)};
  Option<bool> vectorBf16{*this, "vector-bf16", llvm::cl::desc("the target widens a vector of bf16 in one instruction"),
                          llvm::cl::init(WideningSupport().vectorBf16)};
  Option<bool> narrowsScalarBf16{*this, "narrows-scalar-bf16",
                                 llvm::cl::desc("the target rounds to a bf16 in one instruction"),
                                 llvm::cl::init(WideningSupport().narrowsScalarBf16)};
  Option<bool> narrowsVectorBf16{*this, "narrows-vector-bf16",
                                 llvm::cl::desc("the target rounds a vector to bf16 in one instruction"),
                                 llvm::cl::init(WideningSupport().narrowsVectorBf16)};
};

} // namespace

std::unique_ptr<Pass> createFormWideningFmaPass() { return std::make_unique<FormWideningFmaPass>(); }
std::unique_ptr<Pass> createLowerRvPass(WideningSupport native) { return std::make_unique<LowerRv>(native); }

} // namespace weft::codegen
