// From a function on tensors to one that bufferizes without copies where it can.
#include "kernels/GeneralSteps.h"
#include "kernels/TensorForms.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace weft::kernels {
namespace {

// ---- ops on tensors ---------------------------------------------------------------------------------------------

/// Between static shapes: through one dimension, both of which are views.
struct ReshapeByViews : OpRewritePattern<tensor::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ReshapeOp op, PatternRewriter &rewriter) const final {
    auto from = dyn_cast<RankedTensorType>(op.getSource().getType());
    auto to = dyn_cast<RankedTensorType>(op.getType());
    if (!from || !to || !from.hasStaticShape() || !to.hasStaticShape())
      return rewriter.notifyMatchFailure(op, "the shape is not fixed");
    Value flat = op.getSource();
    auto all = [](int64_t rank) {
      return SmallVector<ReassociationIndices>{llvm::to_vector(llvm::seq<int64_t>(rank))};
    };
    auto flatType = RankedTensorType::get({from.getNumElements()}, from.getElementType());
    if (from.getRank() == 0)
      flat = rewriter.create<tensor::ExpandShapeOp>(op.getLoc(), flatType, flat, ArrayRef<ReassociationIndices>{});
    else if (from.getRank() > 1)
      flat = rewriter.create<tensor::CollapseShapeOp>(op.getLoc(), flatType, flat, all(from.getRank()));
    if (to.getRank() == 0)
      rewriter.replaceOpWithNewOp<tensor::CollapseShapeOp>(op, to, flat, ArrayRef<ReassociationIndices>{});
    else if (to.getRank() > 1)
      rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(op, to, flat, all(to.getRank()));
    else
      rewriter.replaceOp(op, flat);
    return success();
  }
};

/// A value that only the next op looks at is computed there, unless that op would compute it more than once: as an
/// inner loop does, which may also have overwritten what the value is made of.
bool fusesInto(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || !producer->hasOneUse() || producer->getBlock() != consumer->getBlock())
    return false;
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  return map.isPermutation() && producer.getNumParallelLoops() == producer.getNumLoops();
}

LogicalResult rewrite(func::FuncOp function, llvm::function_ref<void(RewritePatternSet &)> populate) {
  RewritePatternSet patterns(function.getContext());
  populate(patterns);
  return applyPatternsAndFoldGreedily(function, std::move(patterns));
}

// ---- loops that carry tensors -----------------------------------------------------------------------------------
//
// What a loop yields must lie where the carried tensor lay; bufferization refuses loops of which it cannot see that.

/// Where a value is computed: in a tensor that is new, or that of an argument of the loop's body (then it is returned).
using Origin = std::pair<bool, BlockArgument>;
/// Of results of branches: each is looked at from both sides of the next one.
using Origins = llvm::DenseMap<Value, Origin>;

Origin originOf(Value value, Origins &known) {
  while (Operation *op = value.getDefiningOp()) {
    unsigned number = cast<OpResult>(value).getResultNumber();
    if (auto destination = dyn_cast<DestinationStyleOpInterface>(op)) {
      value = destination.getTiedOpOperand(cast<OpResult>(value))->get();
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) { // what it carries stays where it is
      value = loop.getInitArgs()[number];
    } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
      if (auto found = known.find(value); found != known.end())
        return found->second;
      Origin chosen = originOf(branch.thenYield()->getOperand(number), known);
      bool same = chosen.second && chosen == originOf(branch.elseYield()->getOperand(number), known);
      return known[value] = same ? chosen : Origin();
    } else {
      return {isa<tensor::EmptyOp, bufferization::AllocTensorOp>(op), {}};
    }
  }
  return {false, cast<BlockArgument>(value)};
}

/// Writes the tensors of `yielded` to those of `carried`. One that may lie in another's place is moved out of it before
/// any is written. With `trust` an update of a carried tensor is taken to lie where that does.
void writeCarried(Operation *terminator, MutableOperandRange yielded, ValueRange carried, bool trust) {
  OpBuilder b(terminator);
  Origins known;
  SmallVector<Value> values;
  for (auto [operand, into] : llvm::zip_equal(yielded, carried)) {
    Value value = operand.get();
    if (isa<TensorType>(value.getType()) && value != into && carried.size() > 1) {
      auto [isNew, argument] = originOf(value, known);
      if (!isNew && argument != into)
        value = b.create<bufferization::AllocTensorOp>(value.getLoc(), cast<RankedTensorType>(value.getType()),
                                                       ValueRange(), value);
    }
    values.push_back(value);
  }
  for (auto [operand, value, into] : llvm::zip_equal(yielded, values, carried))
    if (isa<TensorType>(value.getType()) && value != into && !(trust && originOf(value, known).second == into))
      operand.set(
          b.create<bufferization::MaterializeInDestinationOp>(value.getLoc(), into.getType(), value, into).getResult());
}

/// A loop inside of another one starts from what that carries, and something else reads this, too: from a copy, of
/// which bufferization knows that the loop may write it.
void copyShared(scf::ForOp loop) {
  OpBuilder b(loop);
  for (OpOperand &init : loop.getInitArgsMutable()) {
    auto type = dyn_cast<RankedTensorType>(init.get().getType());
    auto carried = dyn_cast<BlockArgument>(init.get());
    if (type && carried && !carried.hasOneUse() && isa<LoopLikeOpInterface>(carried.getOwner()->getParentOp()))
      init.set(b.create<bufferization::AllocTensorOp>(loop.getLoc(), type, ValueRange(), carried));
  }
}

void writeCarried(scf::ForOp loop, bool trust) {
  if (!trust)
    copyShared(loop);
  Operation *yield = loop.getBody()->getTerminator();
  writeCarried(yield, MutableOperandRange(yield), loop.getRegionIterArgs(), trust);
}

/// Whether both parts of the loop see the same values in the same order.
bool passesOn(scf::WhileOp loop) { return llvm::equal(loop.getConditionOp().getArgs(), loop.getBeforeArguments()); }

/// Lets the condition pass on what it was given, and what it computes in tensors that are carried along.
scf::WhileOp makePassOn(scf::WhileOp loop, RewriterBase &rewriter) {
  rewriter.setInsertionPoint(loop);
  Location loc = loop.getLoc();
  SmallVector<Value> inits(loop.getInits());
  unsigned given = inits.size();
  for (Type type : loop.getResultTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      inits.push_back(rewriter.create<tensor::EmptyOp>(loc, tensor.getShape(), tensor.getElementType()));
    else
      inits.push_back(rewriter.create<arith::ConstantOp>(loc, rewriter.getZeroAttr(type)));
  SmallVector<Type> types(ValueRange(inits).getTypes());
  auto made = rewriter.create<scf::WhileOp>(loc, types, inits, nullptr, nullptr);
  Block &before = made.getBefore().front(), &after = made.getAfter().front();

  auto condition = loop.getConditionOp();
  SmallVector<Value> passed(before.getArguments().take_front(given));
  rewriter.mergeBlocks(loop.getBeforeBody(), &before, before.getArguments().take_front(given));
  llvm::append_range(passed, condition.getArgs());
  rewriter.setInsertionPoint(condition);
  rewriter.replaceOpWithNewOp<scf::ConditionOp>(condition, condition.getCondition(), passed);

  auto yield = cast<scf::YieldOp>(loop.getAfterBody()->getTerminator());
  rewriter.mergeBlocks(loop.getAfterBody(), &after, after.getArguments().drop_front(given));
  SmallVector<Value> yielded(yield.getOperands());
  llvm::append_range(yielded, after.getArguments().drop_front(given));
  rewriter.setInsertionPoint(yield);
  rewriter.replaceOpWithNewOp<scf::YieldOp>(yield, yielded);
  rewriter.replaceOp(loop, made.getResults().drop_front(given));
  return made;
}

void writeCarried(scf::WhileOp loop, bool trust) {
  scf::ConditionOp condition = loop.getConditionOp();
  writeCarried(condition, condition.getArgsMutable(), loop.getBeforeArguments(), trust);
  Operation *yield = loop.getAfterBody()->getTerminator();
  writeCarried(yield, MutableOperandRange(yield), loop.getAfterArguments(), trust);
}

void writeCarried(func::FuncOp function, bool trust) {
  SmallVector<Operation *> loops;
  function.walk([&](Operation *op) {
    if (isa<scf::ForOp, scf::WhileOp>(op))
      loops.push_back(op);
  });
  IRRewriter rewriter(function.getContext());
  for (Operation *op : loops) {
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      writeCarried(loop, trust);
      continue;
    }
    auto loop = cast<scf::WhileOp>(op);
    writeCarried(passesOn(loop) ? loop : makePassOn(loop, rewriter), trust);
  }
}

} // namespace

LogicalResult prepareTensors(func::FuncOp function, bool trust) {
  MLIRContext *context = function.getContext();
  bool done = succeeded(normaliseTensors(function)) &&
              succeeded(rewrite(function,
                                [&](RewritePatternSet &patterns) {
                                  linalg::populateElementwiseToLinalgConversionPatterns(patterns);
                                  linalg::populateConvertToDestinationStylePatterns(patterns);
                                  tensor::populateDecomposeTensorConcatPatterns(patterns);
                                  patterns.add<ReshapeByViews>(context);
                                })) &&
              succeeded(rewrite(function, [&](RewritePatternSet &patterns) {
                linalg::populateElementwiseOpsFusionPatterns(patterns, fusesInto);
                linalg::populateInlineConstantOperandsPatterns(patterns);
                linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
              }));
  if (!done)
    return function.emitError("the rewriting of tensors does not come to an end");
  writeCarried(function, trust);
  return success();
}

} // namespace weft::kernels
