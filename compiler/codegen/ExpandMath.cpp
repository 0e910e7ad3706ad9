// Mathematical functions as arithmetic: a kernel object calls no library, and every host computes the same bits.
#include "compiler/codegen/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace weft::codegen {
namespace {

/// Arithmetic on f32 and i32 scalars or vectors of the shape of one type.
class Arithmetic : public ImplicitLocOpBuilder {
public:
  Arithmetic(Location loc, PatternRewriter &rewriter, Type like) : ImplicitLocOpBuilder(loc, rewriter), like(like) {}

  Value real(float value) { return splat(getF32FloatAttr(value)); }
  Value integer(int32_t value) { return splat(getI32IntegerAttr(value)); }
  Value fma(Value x, Value y, Value z) { return create<math::FmaOp>(x, y, z); }
  Value toBits(Value x) { return create<arith::BitcastOp>(shaped(getI32Type()), x); }
  Value fromBits(Value x) { return create<arith::BitcastOp>(shaped(getF32Type()), x); }
  Value choose(arith::CmpFPredicate predicate, Value x, Value y, Value ifTrue, Value ifFalse) {
    return create<arith::SelectOp>(create<arith::CmpFOp>(predicate, x, y), ifTrue, ifFalse);
  }
  // Their comparisons are false for NaN, which stays.
  Value atLeast(Value x, float low) {
    Value bound = real(low);
    return choose(arith::CmpFPredicate::OLT, x, bound, bound, x);
  }
  Value atMost(Value x, float high) {
    Value bound = real(high);
    return choose(arith::CmpFPredicate::OGT, x, bound, bound, x);
  }
  /// Two roundings: fused, each constant would be a vector, since RISC-V's multiply-add has no scalar addend, and there
  /// are more constants than vector registers for them.
  Value multiplyAdd(Value x, Value y, float constant) {
    return create<arith::AddFOp>(create<arith::MulFOp>(x, y), real(constant));
  }
  /// By Horner's rule, the coefficient of the highest power first.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value p = real(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      p = multiplyAdd(p, x, coefficient);
    return p;
  }

private:
  Type shaped(Type element) {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value splat(TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(shaped(value.getType())))
      value = DenseElementsAttr::get(vector, ArrayRef<Attribute>{value});
    return create<arith::ConstantOp>(value);
  }
  Type like;
};

bool isF32(Type type) { return getElementTypeOrSelf(type).isF32(); }

/// exp(x) = 2^k * exp(r), k = round(x / ln 2), |r| <= ln(2)/2; error below 2 units in the last place. The split of ln 2
/// is that of Cephes' expf (Moshier), the polynomial minimax in relative error (computed with Sollya). NaN stays NaN.
/// Without `wide` |x| is at most 80.
Value exponential(Arithmetic &a, Value x, bool wide) {
  // Adding 1.5 * 2^23 leaves the rounded integer in the low bits. They are converted: subtracting the number again
  // would take one more constant, of which a core has barely enough registers for.
  constexpr float magic = 12582912.0F;
  Value shifted = a.multiplyAdd(x, a.real(1.44269504088896341F), magic);
  Value exponent = a.create<arith::SubIOp>(a.toBits(shifted), a.integer(llvm::bit_cast<int32_t>(magic)));
  Value k = a.create<arith::SIToFPOp>(x.getType(), exponent);
  Value r = a.fma(k, a.real(-0.693359375F), x);
  r = a.fma(k, a.real(2.12194440e-4F), r);
  Value p = a.polynomial(r, {1.38636273e-3F, 8.36765431e-3F, 4.16672440e-2F, 1.66665327e-1F, 0.5F});
  Value result = a.fma(p, a.create<arith::MulFOp>(r, r), r);
  result = a.create<arith::AddFOp>(result, a.real(1.0F));
  auto scale = [&](Value y, Value power) -> Value {
    Value biased = a.create<arith::AddIOp>(power, a.integer(127));
    return a.create<arith::MulFOp>(y, a.fromBits(a.create<arith::ShLIOp>(biased, a.integer(23))));
  };
  if (!wide)
    return scale(result, exponent);
  // 2^k in two factors: k may lie beyond the range of one exponent at either end.
  Value half = a.create<arith::ShRSIOp>(exponent, a.integer(1));
  return scale(scale(result, half), a.create<arith::SubIOp>(exponent, half));
}

/// Also where the result is subnormal; overflow is infinity.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const final {
    if (!isF32(op.getType()))
      return failure();
    Arithmetic a(op.getLoc(), rewriter, op.getType());
    // Beyond these bounds the result is infinity or zero anyway.
    Value x = a.atMost(a.atLeast(op.getOperand(), -104.0F), 89.0F);
    rewriter.replaceOp(op, exponential(a, x, true));
    return success();
  }
};

/// erf(x) = x + x * P(x^2) near 0, else 1 - exp(Q(|x|)) with the sign of x, where Q is near ln erfc and an error of it
/// counts the less the nearer the result is to 1. P is minimax for |x| < 0.85, Q for 0.84 < |x| < 3.95, weighted by
/// erfc / erf (both computed with Sollya). From 4 on the result is 1.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const final {
    if (!isF32(op.getType()))
      return failure();
    Arithmetic a(op.getLoc(), rewriter, op.getType());
    Value x = op.getOperand(), one = a.real(1.0F), magnitude = a.create<math::AbsFOp>(x);
    Value bounded = a.atMost(magnitude, 4.0F);
    Value q = a.polynomial(
        bounded, {2.15861819e-4F, -3.23028732e-3F, 2.29386395e-2F, -1.05336937e-1F, -6.35661995e-1F, -1.12853080F});
    q = a.create<arith::MulFOp>(q, bounded);
    Value far = a.create<arith::SubFOp>(one, exponential(a, q, false));
    Value p = a.polynomial(a.create<arith::MulFOp>(x, x), {-6.35452510e-4F, 5.05865086e-3F, -2.68077627e-2F,
                                                           1.12828724e-1F, -3.76125902e-1F, 1.28379166e-1F});
    rewriter.replaceOp(op, a.choose(arith::CmpFPredicate::OLT, magnitude, a.real(0.85F), a.fma(p, x, x),
                                    a.create<math::CopySignOp>(far, x)));
    return success();
  }
};

/// tanh(x) = x + x^3 * P(x^2) near 0, else 1 - 2 / (exp(2|x|) + 1) with the sign of x. P is minimax for |x| < 0.7
/// (computed with Sollya). From 10 on the result is 1.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TanhOp op, PatternRewriter &rewriter) const final {
    if (!isF32(op.getType()))
      return failure();
    Arithmetic a(op.getLoc(), rewriter, op.getType());
    Value x = op.getOperand(), one = a.real(1.0F), magnitude = a.create<math::AbsFOp>(x);
    Value bounded = a.atMost(magnitude, 10.0F);
    Value grown = exponential(a, a.create<arith::AddFOp>(bounded, bounded), false);
    Value gap = a.create<arith::DivFOp>(a.real(2.0F), a.create<arith::AddFOp>(grown, one));
    Value far = a.create<arith::SubFOp>(one, gap);
    Value square = a.create<arith::MulFOp>(x, x);
    Value p = a.polynomial(square, {-5.15593588e-3F, 2.01127287e-2F, -5.35674840e-2F, 1.33292526e-1F, -3.33331972e-1F});
    Value near = a.fma(p, a.create<arith::MulFOp>(square, x), x);
    // Near 0 as well: the sum of x = -0 and its correction is +0.
    Value size = a.choose(arith::CmpFPredicate::OLT, magnitude, a.real(0.7F), near, far);
    rewriter.replaceOpWithNewOp<math::CopySignOp>(op, size, x);
    return success();
  }
};

TypedAttr oneOf(Type type, Builder &b) {
  TypedAttr one = b.getFloatAttr(getElementTypeOrSelf(type), 1.0);
  auto vector = dyn_cast<VectorType>(type);
  return vector ? DenseElementsAttr::get(vector, ArrayRef<Attribute>{one}) : one;
}

/// An exact square root and an exact division, not the hardware's estimate.
struct ExpandRsqrt : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::RsqrtOp op, PatternRewriter &rewriter) const final {
    Value one = rewriter.create<arith::ConstantOp>(op.getLoc(), oneOf(op.getType(), rewriter));
    Value root = rewriter.create<math::SqrtOp>(op.getLoc(), op.getOperand());
    rewriter.replaceOpWithNewOp<arith::DivFOp>(op, one, root);
    return success();
  }
};

/// max(x, y) = x > y ? x : y, one instruction on every host. If x is NaN the result is y.
struct ExpandMax : OpRewritePattern<arith::MaxNumFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::MaxNumFOp op, PatternRewriter &rewriter) const final {
    Value greater = rewriter.create<arith::CmpFOp>(op.getLoc(), arith::CmpFPredicate::OGT, op.getLhs(), op.getRhs());
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, greater, op.getLhs(), op.getRhs());
    return success();
  }
};

/// The larger or the smaller, NaN if either is.
template <typename Op, arith::CmpFPredicate predicate> struct ExpandKeepingNan : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const final {
    Value x = op.getLhs(), y = op.getRhs();
    auto choose = [&](arith::CmpFPredicate by, Value a, Value b, Value otherwise) -> Value {
      return rewriter.create<arith::SelectOp>(op.getLoc(), rewriter.create<arith::CmpFOp>(op.getLoc(), by, a, b), x,
                                              otherwise);
    };
    rewriter.replaceOp(op, choose(arith::CmpFPredicate::UNO, x, x, choose(predicate, x, y, y)));
    return success();
  }
};
using ExpandMaximum = ExpandKeepingNan<arith::MaximumFOp, arith::CmpFPredicate::OGT>;
using ExpandMinimum = ExpandKeepingNan<arith::MinimumFOp, arith::CmpFPredicate::OLT>;

Value addend(math::FmaOp op) { return op.getC(); }
Value addend(vector::FMAOp op) { return op.getAcc(); }

/// For a host whose baseline has no fused multiply-add, where it would be a library call.
template <typename Fma> struct SplitFma : OpRewritePattern<Fma> {
  using OpRewritePattern<Fma>::OpRewritePattern;
  LogicalResult matchAndRewrite(Fma op, PatternRewriter &rewriter) const final {
    Value product = rewriter.create<arith::MulFOp>(op.getLoc(), op->getOperand(0), op->getOperand(1));
    rewriter.replaceOpWithNewOp<arith::AddFOp>(op, product, addend(op));
    return success();
  }
};

/// The lowering of vector.fma to LLVM leaves open whether it is fused; that of math.fma does not.
struct FuseVectorFma : OpRewritePattern<vector::FMAOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::FMAOp op, PatternRewriter &rewriter) const final {
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, op.getLhs(), op.getRhs(), op.getAcc());
    return success();
  }
};

struct ExpandMath : PassWrapper<ExpandMath, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ExpandMath)

  ExpandMath() = default;
  explicit ExpandMath(bool fma) { this->fma = fma; }
  ExpandMath(const ExpandMath &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "weft-expand-math"; }
  StringRef getDescription() const final {
    return "Write exp, erf, tanh, rsqrt and max as arithmetic without library calls";
  }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, math::MathDialect, vector::VectorDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp, ExpandErf, ExpandTanh, ExpandRsqrt, ExpandMax, ExpandMaximum, ExpandMinimum>(&getContext());
    if (fma)
      patterns.add<FuseVectorFma>(&getContext());
    else
      patterns.add<SplitFma<math::FmaOp>, SplitFma<vector::FMAOp>>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  Option<bool> fma{*this, "fma", llvm::cl::desc("the target fuses multiply-add"), llvm::cl::init(true)};
};

} // namespace

std::unique_ptr<Pass> createExpandMathPass(bool fma) { return std::make_unique<ExpandMath>(fma); }

} // namespace weft::codegen
