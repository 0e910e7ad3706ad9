#include "kernels/TensorForms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

struct FillBySplat : OpRewritePattern<tensor::SplatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::SplatOp op, PatternRewriter &rewriter) const final {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || !type.hasStaticShape())
      return failure();
    Value into = rewriter.create<tensor::EmptyOp>(op.getLoc(), type.getShape(), type.getElementType());
    rewriter.replaceOpWithNewOp<linalg::FillOp>(op, op.getInput(), into);
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

// ---- reading and writing where data says ------------------------------------------------------------------------

/// Index `values` of a tensor of one row of indices for each element.
Value indexAt(OpBuilder &b, Location loc, Value indices, ArrayRef<Value> batch, int64_t number) {
  SmallVector<Value> at(batch);
  at.push_back(b.create<arith::ConstantIndexOp>(loc, number));
  Value index = b.create<tensor::ExtractOp>(loc, indices, at);
  return index.getType().isIndex() ? index : b.create<arith::IndexCastOp>(loc, b.getIndexType(), index);
}

struct GatherElements : OpRewritePattern<tensor::GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::GatherOp op, PatternRewriter &rewriter) const final {
    auto type = cast<RankedTensorType>(op.getType());
    int64_t batch = op.getIndicesType().getRank() - 1, rank = op.getSourceType().getRank();
    if (!type.hasStaticShape())
      return failure();
    bool keepsOnes = type.getRank() == batch + rank;
    Value into = rewriter.create<tensor::EmptyOp>(op.getLoc(), type.getShape(), type.getElementType());
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    rewriter.replaceOpWithNewOp<linalg::GenericOp>(
        op, type, ValueRange{}, into, rewriter.getMultiDimIdentityMap(type.getRank()), iterators,
        [&](OpBuilder &b, Location loc, ValueRange) {
          SmallVector<Value> loops, at;
          for (int64_t loop = 0; loop < batch; ++loop)
            loops.push_back(b.create<linalg::IndexOp>(loc, loop));
          int64_t next = batch;
          for (int64_t d = 0; d < rank; ++d) {
            const auto *gathered = llvm::find(op.getGatherDims(), d);
            bool isGathered = gathered != op.getGatherDims().end();
            at.push_back(isGathered ? indexAt(b, loc, op.getIndices(), loops, gathered - op.getGatherDims().begin())
                                    : b.create<linalg::IndexOp>(loc, next).getResult());
            next += !isGathered || keepsOnes;
          }
          b.create<linalg::YieldOp>(loc, b.create<tensor::ExtractOp>(loc, op.getSource(), at).getResult());
        });
    return success();
  }
};

/// Slice after slice.
struct ScatterSlices : OpRewritePattern<tensor::ScatterOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ScatterOp op, PatternRewriter &rewriter) const final {
    RankedTensorType source = op.getSourceType(), indices = op.getIndicesType(), into = op.getDestType();
    if (!source.hasStaticShape() || !indices.hasStaticShape())
      return failure();
    Location loc = op.getLoc();
    int64_t batch = indices.getRank() - 1;
    auto constant = [&](int64_t value) { return rewriter.create<arith::ConstantIndexOp>(loc, value); };
    int64_t count = 1;
    for (int64_t extent : indices.getShape().drop_back())
      count *= extent;
    Value low = constant(0), high = constant(count), step = constant(1);
    auto loop = rewriter.create<scf::ForOp>(loc, low, high, step, op.getDest());
    rewriter.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> at(batch);
    Value rest = loop.getInductionVar();
    for (int64_t d = batch - 1; d >= 0; --d) {
      at[d] = rewriter.create<arith::RemUIOp>(loc, rest, constant(indices.getDimSize(d)));
      rest = rewriter.create<arith::DivUIOp>(loc, rest, constant(indices.getDimSize(d)));
    }
    OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
    SmallVector<OpFoldResult> from(at.begin(), at.end()), fromSizes(batch, one), to(into.getRank(), zero), toSizes;
    SmallVector<int64_t> part;
    for (int64_t extent : source.getShape().drop_front(batch)) {
      from.push_back(zero);
      fromSizes.push_back(rewriter.getIndexAttr(extent));
      part.push_back(extent);
    }
    for (int64_t extent : into.getShape())
      toSizes.push_back(rewriter.getIndexAttr(extent));
    for (auto [number, d] : llvm::enumerate(op.getScatterDims())) {
      to[d] = indexAt(rewriter, loc, op.getIndices(), at, static_cast<int64_t>(number));
      toSizes[d] = one;
    }
    SmallVector<OpFoldResult> fromOnes(from.size(), one), toOnes(to.size(), one);
    auto partType = RankedTensorType::get(part, source.getElementType());
    Value slice = rewriter.create<tensor::ExtractSliceOp>(loc, partType, op.getSource(), from, fromSizes, fromOnes);
    Value written = rewriter.create<tensor::InsertSliceOp>(loc, slice, loop.getRegionIterArg(0), to, toSizes, toOnes);
    rewriter.create<scf::YieldOp>(loc, written);
    rewriter.replaceOp(op, loop.getResult(0));
    return success();
  }
};

// ---- tiles ------------------------------------------------------------------------------------------------------

struct PackByTransposing : OpRewritePattern<tensor::PackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::PackOp op, PatternRewriter &rewriter) const final {
    return linalg::lowerPack(rewriter, op);
  }
};
struct UnpackByTransposing : OpRewritePattern<tensor::UnPackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::UnPackOp op, PatternRewriter &rewriter) const final {
    return linalg::lowerUnPack(rewriter, op);
  }
};

} // namespace

LogicalResult normaliseTensors(Operation *op) {
  RewritePatternSet patterns(op->getContext());
  patterns
      .add<Decompose, ChooseElements, FillBySplat, FillWithConstant, GatherElements, ScatterSlices, PackByTransposing,
           UnpackByTransposing, DropStride<tensor::ExtractSliceOp>, DropStride<tensor::InsertSliceOp>>(
          op->getContext());
  return applyPatternsAndFoldGreedily(op, std::move(patterns));
}

} // namespace weft::kernels
