// `--xf-decompose-to-linalg`.
#include "dialects/xf/XfPasses.h"

#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace weft::xf;

namespace {

struct DecomposeComputeOp : OpInterfaceRewritePattern<linalg::AggregatedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::AggregatedOpInterface op, PatternRewriter &rewriter) const override {
    if (!isa_and_nonnull<XfDialect>(op->getDialect()))
      return failure(); // linalg.softmax and the like have an opinion of their own
    FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
    if (failed(results))
      return failure();
    rewriter.replaceOp(op, *results);
    return success();
  }
};

/// Each cache in `types` as two tensors.
SmallVector<Type> splitCaches(TypeRange types) {
  SmallVector<Type> result;
  for (Type type : types) {
    if (auto cache = dyn_cast<KvCacheType>(type))
      result.append({cache.getTensorType(), cache.getValueTensorType()});
    else
      result.push_back(type);
  }
  return result;
}

/// Makes each weight one argument at the end of the function. Fails where one name has two types.
LogicalResult paramsToArguments(func::FuncOp function) {
  llvm::MapVector<StringAttr, BlockArgument> arguments;
  SmallVector<ParamOp> params(function.getOps<ParamOp>());
  for (ParamOp param : params) {
    BlockArgument &argument = arguments[param.getNameAttr()];
    if (!argument) {
      unsigned index = function.getNumArguments();
      auto name = NamedAttribute(StringAttr::get(function.getContext(), paramNameAttr), param.getNameAttr());
      function.insertArgument(index, param.getType(), DictionaryAttr::get(function.getContext(), name), param.getLoc());
      argument = function.getArgument(index);
    }
    if (argument.getType() != param.getType())
      return param.emitOpError() << "has type " << param.getType() << ", but \"" << param.getName() << "\" is used as "
                                 << argument.getType() << " before";
    param.getResult().replaceAllUsesWith(argument);
    param.erase();
  }
  return success();
}

} // namespace

void weft::xf::splitCachesInSignature(func::FuncOp function) {
  Block &body = function.getBody().front();
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    BlockArgument argument = function.getArgument(i);
    auto cache = dyn_cast<KvCacheType>(argument.getType());
    if (!cache)
      continue;
    // Type attributes of the one argument go to both halves.
    DictionaryAttr attributes = function.getArgAttrDict(i);
    function.insertArgument(i + 1, cache.getTensorType(), attributes, argument.getLoc());
    function.insertArgument(i + 2, cache.getValueTensorType(), attributes, argument.getLoc());
    auto joined = builder.create<UnrealizedConversionCastOp>(
        argument.getLoc(), TypeRange{cache}, ValueRange{function.getArgument(i + 1), function.getArgument(i + 2)});
    argument.replaceAllUsesWith(joined.getResult(0));
    function.eraseArgument(i);
    ++i; // the second half
  }
  auto returnOp = cast<func::ReturnOp>(body.getTerminator());
  builder.setInsertionPoint(returnOp);
  SmallVector<Value> results;
  for (Value result : returnOp.getOperands()) {
    if (!isa<KvCacheType>(result.getType())) {
      results.push_back(result);
      continue;
    }
    SmallVector<Type> halves = splitCaches(result.getType());
    auto cast = builder.create<UnrealizedConversionCastOp>(result.getLoc(), halves, result);
    llvm::append_range(results, cast.getResults());
  }
  returnOp.getOperandsMutable().assign(results);
  function.setType(
      FunctionType::get(function.getContext(), function.getArgumentTypes(), splitCaches(function.getResultTypes())));
}

namespace {

struct DecomposeToLinalgPass : PassWrapper<DecomposeToLinalgPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DecomposeToLinalgPass)

  StringRef getArgument() const override { return "xf-decompose-to-linalg"; }
  StringRef getDescription() const override {
    return "Replace xf ops by their meaning in linalg, caches by pairs of tensors, weights by arguments";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, linalg::LinalgDialect, math::MathDialect, tensor::TensorDialect>();
  }

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (function.isDeclaration())
        continue;
      if (!function.getBody().hasOneBlock()) {
        function.emitOpError("has several blocks; a function of xf ops has one");
        return signalPassFailure();
      }
      if (failed(paramsToArguments(function)))
        return signalPassFailure();
      splitCachesInSignature(function);
    }
    RewritePatternSet patterns(&getContext());
    populateDecomposeToLinalgPatterns(patterns);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    WalkResult left = getOperation().walk([](Operation *op) {
      if (!isa_and_nonnull<XfDialect>(op->getDialect()) && !isa<UnrealizedConversionCastOp>(op))
        return WalkResult::advance();
      op->emitOpError("is left over: it has no meaning in linalg here");
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

void weft::xf::populateDecomposeToLinalgPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeComputeOp>(patterns.getContext());
}

std::unique_ptr<Pass> weft::xf::createDecomposeToLinalgPass() { return std::make_unique<DecomposeToLinalgPass>(); }

void weft::xf::registerXfPasses() { PassRegistration<DecomposeToLinalgPass>(); }
