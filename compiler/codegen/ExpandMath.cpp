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

/// exp(x) = 2^k * exp(r), k = round(x / ln 2), |r| <= ln(2)/2. The polynomial and the split of ln 2 are those of Cephes' expf
/// (Moshier); error below 2 units in the last place, also where the result is subnormal. NaN stays NaN, overflow is infinity.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const final {
    if (!isF32(op.getType()))
      return failure();
    Arithmetic a(op.getLoc(), rewriter, op.getType());
    // Beyond these bounds the result is infinity or zero anyway. The comparisons are false for NaN.
    Value low = a.real(-104.0F), high = a.real(89.0F), x = op.getOperand();
    x = a.choose(arith::CmpFPredicate::OLT, x, low, low, x);
    x = a.choose(arith::CmpFPredicate::OGT, x, high, high, x);
    // Adding 1.5 * 2^23 leaves the rounded integer in the low bits.
    Value magic = a.real(12582912.0F);
    Value shifted = a.fma(x, a.real(1.44269504088896341F), magic);
    Value k = a.create<arith::SubFOp>(shifted, magic);
    Value r = a.fma(k, a.real(-0.693359375F), x);
    r = a.fma(k, a.real(2.12194440e-4F), r);
    Value p = a.real(1.9875691500e-4F);
    for (float coefficient : {1.3981999507e-3F, 8.3334519073e-3F, 4.1665795894e-2F, 1.6666665459e-1F, 5.0000001201e-1F})
      p = a.fma(p, r, a.real(coefficient));
    Value result = a.fma(p, a.create<arith::MulFOp>(r, r), r);
    result = a.create<arith::AddFOp>(result, a.real(1.0F));
    // 2^k in two factors: k may lie beyond the range of one exponent at either end.
    Value exponent = a.create<arith::SubIOp>(a.toBits(shifted), a.toBits(magic));
    Value half = a.create<arith::ShRSIOp>(exponent, a.integer(1));
    auto power = [&](Value e) {
      return a.fromBits(a.create<arith::ShLIOp>(a.create<arith::AddIOp>(e, a.integer(127)), a.integer(23)));
    };
    result = a.create<arith::MulFOp>(result, power(half));
    result = a.create<arith::MulFOp>(result, power(a.create<arith::SubIOp>(exponent, half)));
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// An exact square root and an exact division, not the hardware's estimate.
struct ExpandRsqrt : OpRewritePattern<math::RsqrtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::RsqrtOp op, PatternRewriter &rewriter) const final {
    if (!isF32(op.getType()))
      return failure();
    Arithmetic a(op.getLoc(), rewriter, op.getType());
    Value root = a.create<math::SqrtOp>(op.getOperand());
    rewriter.replaceOpWithNewOp<arith::DivFOp>(op, a.real(1.0F), root);
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
  StringRef getDescription() const final { return "Write exp, rsqrt and max as arithmetic without library calls"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, math::MathDialect, vector::VectorDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp, ExpandRsqrt, ExpandMax>(&getContext());
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
