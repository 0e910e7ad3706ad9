// The general path: preparation and the pass.
#include "compiler/place/GeneralPlacer.h"

#include "compiler/graph/GraphModule.h"
#include "dialects/xf/XfDialect.h"
#include "dialects/xf/XfPasses.h"
#include "kernels/TensorForms.h"
#include "runtime/weights/BlockFormat.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

#include <numbers>

using namespace mlir;

namespace weft::place {

namespace {

/// linalg.map, whose body does not see what its output was before.
linalg::GenericOp generalMap(IRRewriter &rewriter, linalg::MapOp map) {
  auto type = cast<RankedTensorType>(map.getInit().getType());
  SmallVector<AffineMap> maps(map.getInputs().size() + 1, rewriter.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto generic =
      rewriter.create<linalg::GenericOp>(map.getLoc(), type, map.getInputs(), map.getInit(), maps, iterators);
  Block *body = rewriter.createBlock(&generic.getRegion());
  for (Value operand : generic->getOperands())
    body->addArgument(cast<RankedTensorType>(operand.getType()).getElementType(), map.getLoc());
  rewriter.mergeBlocks(map.getBody(), body, body->getArguments().drop_back());
  rewriter.replaceOp(map, generic);
  return generic;
}

/// Named structured ops as linalg.generic, but for those that a kernel makes by itself, views of weights, and ops that
/// are more than one loop nest.
void generalise(ModuleOp module) {
  IRRewriter rewriter(module.getContext());
  SmallVector<linalg::LinalgOp> ops;
  module.walk([&](linalg::LinalgOp op) {
    bool view = isa<linalg::TransposeOp>(op.getOperation()) && storedView(op->getResult(0));
    if (!view && !isa<linalg::FillOp, linalg::GenericOp>(op.getOperation()))
      ops.push_back(op);
  });
  for (linalg::LinalgOp op : ops) {
    rewriter.setInsertionPoint(op);
    Location loc = op->getLoc();
    FailureOr<linalg::GenericOp> made = failure();
    if (auto map = dyn_cast<linalg::MapOp>(op.getOperation()))
      made = generalMap(rewriter, map);
    else
      made = linalg::generalizeNamedOp(rewriter, op);
    if (succeeded(made))
      (*made)->setLoc(loc);
  }
}

/// The loop of a contraction's result that only its weights have, the longest of those that fill a vector; -1: none, or
/// the last dimension of the result is such a one.
int64_t loopOfWeightsAlone(linalg::GenericOp op) {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  constexpr int64_t least = 8;
  int64_t best = -1, length = least - 1;
  for (AffineExpr expr : result.getResults()) {
    auto loop = static_cast<int64_t>(cast<AffineDimExpr>(expr).getPosition());
    bool inWeights = false, elsewhere = false;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      bool isWeights = storedView(operand->get()) && map.isProjectedPermutation();
      (isWeights ? inWeights : elsewhere) |= map.isFunctionOfDim(loop);
    }
    bool isLast = expr == result.getResults().back();
    if (isLast && inWeights)
      return -1;
    if (inWeights && !elsewhere && op.getStaticLoopRanges()[loop] > length) {
      best = loop;
      length = op.getStaticLoopRanges()[loop];
    }
  }
  return best;
}

/// `op` with its result turned so that `loop` is the last dimension, and what turns it back.
linalg::GenericOp turnResult(linalg::GenericOp op, int64_t loop) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto fill = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> order;
  for (auto [d, expr] : llvm::enumerate(maps.back().getResults()))
    if (cast<AffineDimExpr>(expr).getPosition() != loop)
      order.push_back(static_cast<int64_t>(d));
  for (int64_t d = 0; d < type.getRank(); ++d)
    if (!llvm::is_contained(order, d))
      order.push_back(d);
  SmallVector<int64_t> shape = applyPermutation(type.getShape(), order);
  Value empty = b.create<tensor::EmptyOp>(loc, shape, type.getElementType());
  Value init = b.create<linalg::FillOp>(loc, fill.value(), empty).getResult(0);
  maps.back() =
      AffineMap::get(maps.back().getNumDims(), 0, applyPermutation(maps.back().getResults(), order), op.getContext());
  auto turned =
      b.create<linalg::GenericOp>(loc, init.getType(), op.getDpsInputs(), init, maps, op.getIteratorTypesArray());
  turned.getRegion().takeBody(op.getRegion());
  Value into = b.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineExpr> from = applyPermutation(all.getResults(), order);
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto back = b.create<linalg::GenericOp>(
      loc, type, turned->getResult(0), into, ArrayRef{AffineMap::get(type.getRank(), 0, from, op.getContext()), all},
      iterators,
      [](OpBuilder &nested, Location at, ValueRange elements) { nested.create<linalg::YieldOp>(at, elements[0]); });
  op->replaceAllUsesWith(back);
  op->erase();
  return turned;
}

/// Weights whose rows a contraction runs along are read the other way round, which costs nothing: neighbours in memory
/// are then neighbours in the result, and vectors are of results instead of parts of one.
void turnOperands(linalg::GenericOp op) {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineExpr last = result.getResults().back();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap &map = maps[operand->getOperandNumber()];
    const bool stored = storedView(operand->get()) && storedParam(operand->get()).getStored();
    const bool isBlocks =
        stored && runtime::blockFormatNamed(storedParam(operand->get()).getStored()->str()); // read along rows
    if (!map.isProjectedPermutation() || map.getNumResults() < 2 || !storedView(operand->get()) || isBlocks)
      continue;
    auto innermost = cast<AffineDimExpr>(map.getResults().back());
    const auto *found = llvm::find(map.getResults(), last);
    bool turns = op.getIteratorTypesArray()[innermost.getPosition()] == utils::IteratorType::reduction &&
                 found != map.getResults().end();
    if (!turns)
      continue;
    OpBuilder b(op);
    auto type = cast<RankedTensorType>(operand->get().getType());
    SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(type.getRank()));
    std::swap(order[found - map.getResults().begin()], order.back());
    Value empty =
        b.create<tensor::EmptyOp>(op.getLoc(), applyPermutation(type.getShape(), order), type.getElementType());
    auto transposed = b.create<linalg::TransposeOp>(op.getLoc(), operand->get(), empty, order);
    if (!storedView(transposed->getResult(0)))
      continue;
    operand->set(transposed->getResult(0));
    SmallVector<AffineExpr> exprs = applyPermutation(map.getResults(), order);
    map = AffineMap::get(map.getNumDims(), 0, exprs, op.getContext());
  }
  op.setIndexingMapsAttr(OpBuilder(op).getAffineMapArrayAttr(maps));
}

/// Contractions of weights give vectors: along what only the weights have, as channels of convolutions.
void turnWeights(ModuleOp module) {
  SmallVector<linalg::GenericOp> contractions;
  module.walk([&](linalg::GenericOp op) {
    if (isa<func::FuncOp>(op->getParentOp()) && op.getNumReductionLoops() > 0 && op->getNumResults() == 1)
      contractions.push_back(op);
  });
  for (linalg::GenericOp op : contractions) {
    AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (result.getNumResults() == 0 || !result.isProjectedPermutation())
      continue;
    int64_t loop = op.getDpsInits()[0].getDefiningOp<linalg::FillOp>() ? loopOfWeightsAlone(op) : -1;
    turnOperands(loop < 0 ? op : turnResult(op, loop));
  }
}

/// A producer joins its only consumer where nothing is computed twice, as it is in a loop; that may also have
/// overwritten what the producer reads.
bool fuses(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  return producer && consumer && producer->hasOneUse() && producer->getBlock() == consumer->getBlock() &&
         producer.getNumLoops() == consumer.getNumLoops() && producer.getNumReductionLoops() == 0 &&
         consumer.getNumReductionLoops() == 0;
}

/// f32 of the sine or cosine of an f64 by which heads are turned, perhaps scaled: the angle within one turn is found in
/// f64, and the function is one of f32, at less than a tenth of the time. It differs by 1e-7 at most, which is little
/// beside the 1 of the two together, but not beside a sine near a multiple of pi: others stay functions of f64.
struct TurnInF32 : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const final {
    if (!op->hasAttr(xf::turningAttribute))
      return failure();
    Type narrow = rewriter.getF32Type(), wide = rewriter.getF64Type();
    auto product = op.getIn().getDefiningOp<arith::MulFOp>();
    Value turned = product ? product.getLhs() : op.getIn();
    Operation *function = turned.getDefiningOp();
    FloatAttr scale;
    if (op.getType() != narrow || turned.getType() != wide || !isa_and_nonnull<math::SinOp, math::CosOp>(function) ||
        (product && !matchPattern(product.getRhs(), m_Constant(&scale))))
      return failure();
    Location loc = op.getLoc();
    auto constant = [&](double value) {
      return rewriter.create<arith::ConstantOp>(loc, rewriter.getF64FloatAttr(value));
    };
    Value angle = function->getOperand(0);
    Value turns = rewriter.create<math::RoundEvenOp>(
        loc, rewriter.create<arith::MulFOp>(loc, angle, constant(0.5 * std::numbers::inv_pi)).getResult());
    // Two parts of a turn: what the first does not say of it makes 1e-9 at a million turns.
    const double turn = 2 * std::numbers::pi, rest = 2.4492935982947064e-16;
    Value within = rewriter.create<math::FmaOp>(loc, turns, constant(-turn), angle);
    within = rewriter.create<math::FmaOp>(loc, turns, constant(-rest), within);
    Value small = rewriter.create<arith::TruncFOp>(loc, narrow, within), result;
    if (isa<math::SinOp>(function))
      result = rewriter.create<math::SinOp>(loc, small);
    else
      result = rewriter.create<math::CosOp>(loc, small);
    if (scale)
      result = rewriter.create<arith::MulFOp>(
          loc, result,
          rewriter.create<arith::ConstantOp>(loc,
                                             rewriter.getF32FloatAttr(static_cast<float>(scale.getValueAsDouble()))));
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct GeneralPlacePass : PassWrapper<GeneralPlacePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GeneralPlacePass)
  GeneralPlacePass() = default;
  GeneralPlacePass(const GeneralPlacePass &other) : PassWrapper(other) {
    width = other.width;
    height = other.height;
  }
  StringRef getArgument() const override { return "place-general"; }
  StringRef getDescription() const override { return "Place the ops of a tensor program on a mesh, one by one"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<bufferization::BufferizationDialect, grid::GridDialect, scf::SCFDialect, arith::ArithDialect,
                    linalg::LinalgDialect, memref::MemRefDialect, math::MathDialect, tensor::TensorDialect>();
  }
  void runOnOperation() override {
    PlaceOptions options;
    options.width = width;
    options.height = height;
    GeneralReport report;
    if (failed(prepareGeneral(getOperation())) || failed(placeGeneral(getOperation(), options, report)))
      signalPassFailure();
  }
  Option<int64_t> width{*this, "width", llvm::cl::desc("cores along x"), llvm::cl::init(1)};
  Option<int64_t> height{*this, "height", llvm::cl::desc("cores along y"), llvm::cl::init(1)};
};

} // namespace

LogicalResult prepareGeneral(ModuleOp module) {
  MLIRContext *context = module.getContext();
  context->loadDialect<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect,
                       scf::SCFDialect>();
  RewritePatternSet decompose(context);
  xf::populateDecomposeToLinalgPatterns(decompose);
  decompose.add<TurnInF32>(context);
  if (failed(applyPatternsAndFoldGreedily(module, std::move(decompose))))
    return module.emitError("the ops of the model do not decompose to linalg");
  if (failed(kernels::normaliseTensors(module)))
    return module.emitError("the rewriting of tensors does not come to an end");
  PassManager passes(context);
  passes.addPass(createInlinerPass());
  passes.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  if (failed(passes.run(module)))
    return failure();
  generalise(module);
  RewritePatternSet fuse(context);
  linalg::populateElementwiseOpsFusionPatterns(fuse, fuses);
  linalg::GenericOp::getCanonicalizationPatterns(fuse, context);
  if (failed(applyPatternsAndFoldGreedily(module, std::move(fuse))))
    return module.emitError("elementwise ops cannot be fused");
  turnWeights(module);
  PassManager clean(context);
  clean.addPass(createCSEPass());
  return clean.run(module);
}

/// Refuses tensors of which a core would hold more than any memory has: their sizes are the model's or --dim's, not
/// mistakes of the placement, which is what verifiers take them for.
static LogicalResult boundShards(func::FuncOp placed) {
  static constexpr int64_t elementsBound = int64_t(1) << 31, mostBytes = int64_t(1) << 32; // grid's and fabric's
  auto isBound = [](RankedTensorType type) {
    int64_t elements = 1;
    for (int64_t extent : grid::localShape(type))
      elements = std::min(elements * std::min(extent, elementsBound), elementsBound);
    return elements < elementsBound && elements * grid::elementBytes(type.getElementType()) <= mostBytes;
  };
  auto refuse = [&](Operation *op) {
    for (Value result : op->getResults()) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type || !grid::layoutOf(type) || !type.getElementType().isIntOrFloat() || isBound(type))
        continue;
      emitError(op->getLoc(), isa<grid::InputOp>(op) ? "this input" : "this result")
          << ", " << RankedTensorType::get(type.getShape(), type.getElementType())
          << ", is too large: a core holds less than 2^31 elements and at most 2^32 bytes of a tensor; give its "
             "dimensions smaller sizes";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  };
  return success(!placed.walk(refuse).wasInterrupted());
}

LogicalResult placeGeneral(ModuleOp module, const PlaceOptions &options, GeneralReport &report) {
  SmallVector<func::FuncOp> sources;
  for (StringRef name : {graph::mainFunction, graph::prefillFunction, graph::decodeFunction})
    if (auto source = module.lookupSymbol<func::FuncOp>(name)) {
      if (source.isDeclaration() || !source.getBody().hasOneBlock())
        return source.emitError("a program is a function of one block");
      sources.push_back(source);
    }
  if (sources.empty())
    return module.emitError("a tensor program is a function @main");
  module.getContext()->loadDialect<grid::GridDialect>();
  Mesh mesh = Mesh::make(options.width, options.height, !options.cannon);
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  builder.create<grid::MeshOp>(module.getLoc(), "mesh", mesh.width, mesh.height,
                               options.cannon ? grid::RankOrder::Identity : grid::RankOrder::Interleave);
  SmallVector<func::FuncOp> targets;
  for (func::FuncOp source : sources) {
    std::string name = source.getName().str();
    source.setName(graphName(name));
    builder.setInsertionPointAfter(source);
    targets.push_back(builder.create<func::FuncOp>(source.getLoc(), name, builder.getFunctionType({}, {})));
    if (failed(GeneralPlacer(module, mesh, options, report).place(source, targets.back())) ||
        failed(boundShards(targets.back())))
      return failure();
  }
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (!llvm::is_contained(targets, function) && !function->hasAttr(workAttribute))
      function.erase();
  return success();
}

void registerGeneralPasses() { PassRegistration<GeneralPlacePass>(); }

} // namespace weft::place
