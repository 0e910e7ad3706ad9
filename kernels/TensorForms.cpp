#include "kernels/TensorForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace weft::kernels {
namespace {

struct Decompose : OpInterfaceRewritePattern<linalg::AggregatedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::AggregatedOpInterface op, PatternRewriter &rewriter) const final {
    FailureOr<SmallVector<Value>> parts = op.decomposeOperation(rewriter);
    if (failed(parts))
      return failure();
    rewriter.replaceOp(op, *parts);
    return success();
  }
};

/// Which buffer a choice of tensors would be nobody knows when buffers are chosen.
struct ChooseElements : OpRewritePattern<arith::SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::SelectOp op, PatternRewriter &rewriter) const final {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || !type.hasStaticShape() || isa<ShapedType>(op.getCondition().getType()))
      return failure();
    Value into = rewriter.create<tensor::EmptyOp>(op.getLoc(), type.getShape(), type.getElementType());
    SmallVector<AffineMap> maps(3, rewriter.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    Value condition = op.getCondition();
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, type, ValueRange{op.getTrueValue(), op.getFalseValue()}, into, maps, iterators,
        [&](OpBuilder &b, Location loc, ValueRange elements) {
          Value chosen = b.create<arith::SelectOp>(loc, condition, elements[0], elements[1]);
          b.create<linalg::YieldOp>(loc, chosen);
        });
    return success();
  }
};

/// Of buffers, canonicalisation takes an op that writes something else in its operand's place for an identity.
struct FillWithConstant : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(linalg::GenericOp op, PatternRewriter &rewriter) const final {
    Block *body = op.getBody();
    if (op->getNumResults() != 1 || !llvm::hasSingleElement(*body))
      return failure();
    Value given = body->getTerminator()->getOperand(0);
    if (given.getParentBlock() == body || !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation())
      return failure();
    rewriter.replaceOpWithNewOp<linalg::FillOp>(op, given, op.getDpsInits()[0]);
    return success();
  }
};

/// Canonicalisation would make views of the wrong stride of them.
template <typename Slice> struct DropStride : OpRewritePattern<Slice> {
  using OpRewritePattern<Slice>::OpRewritePattern;
  LogicalResult matchAndRewrite(Slice op, PatternRewriter &rewriter) const final {
    SmallVector<int64_t> strides(op.getStaticStrides());
    bool changes = false;
    for (auto [size, stride] : llvm::zip(op.getStaticSizes(), strides))
      if (size >= 0 && size <= 1 && stride != 1 && !ShapedType::isDynamic(stride)) {
        stride = 1;
        changes = true;
      }
    if (!changes)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.setStaticStrides(strides); });
    return success();
  }
};

} // namespace

LogicalResult normaliseTensors(Operation *op) {
  RewritePatternSet patterns(op->getContext());
  patterns.add<Decompose, ChooseElements, FillWithConstant, DropStride<tensor::ExtractSliceOp>,
               DropStride<tensor::InsertSliceOp>>(op->getContext());
  return applyPatternsAndFoldGreedily(op, std::move(patterns));
}

} // namespace weft::kernels
