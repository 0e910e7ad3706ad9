// `--graph-split-phases`.
#include "compiler/graph/GraphModule.h"
#include "compiler/graph/GraphPasses.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace weft::graph {
namespace {

/// A copy of `forward` under another name, beside it.
func::FuncOp cloneAs(func::FuncOp forward, StringRef name) {
  func::FuncOp copy = forward.clone();
  copy.setName(name);
  OpBuilder(forward).insert(copy);
  return copy;
}

/// Gives each op the result types that follow from its operands, now that an argument has a narrower type.
LogicalResult inferAgain(func::FuncOp function) {
  for (Operation &op : function.getBody().front()) {
    auto inferable = dyn_cast<InferTypeOpInterface>(op);
    if (!inferable || op.getNumOperands() == 0)
      continue;
    SmallVector<Type> types;
    if (failed(inferable.inferReturnTypes(op.getContext(), op.getLoc(), op.getOperands(), op.getAttrDictionary(),
                                          op.getPropertiesStorage(), op.getRegions(), types)))
      return failure();
    for (auto [result, type] : llvm::zip_equal(op.getResults(), types))
      result.setType(type);
  }
  Operation *terminator = function.getBody().front().getTerminator();
  function.setType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(),
                                     terminator->getOperandTypes()));
  return success();
}

struct SplitPhasesPass : PassWrapper<SplitPhasesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitPhasesPass)

  StringRef getArgument() const override { return "graph-split-phases"; }
  StringRef getDescription() const override { return "Derive @prefill and @decode from @forward"; }
  void getDependentDialects(DialectRegistry &registry) const override { registry.insert<arith::ArithDialect>(); }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forward = module.lookupSymbol<func::FuncOp>(forwardFunction);
    if (!forward || forward.isDeclaration() || !forward.getBody().hasOneBlock() || forward.getNumArguments() < 2 ||
        !isa<RankedTensorType>(forward.getArgument(0).getType()) || !forward.getArgument(1).getType().isIndex()) {
      module.emitError("graph-split-phases needs a function @forward(ids, position, caches...) of one block");
      return signalPassFailure();
    }
    for (StringRef name : {prefillFunction, decodeFunction})
      if (Operation *other = module.lookupSymbol(name)) {
        other->emitOpError("exists already; graph-split-phases makes @") << name << " from @forward";
        return signalPassFailure();
      }

    func::FuncOp prefill = cloneAs(forward, prefillFunction), decode = cloneAs(forward, decodeFunction);
    OpBuilder builder = OpBuilder::atBlockBegin(&prefill.getBody().front());
    BlockArgument position = prefill.getArgument(1);
    if (!position.use_empty())
      position.replaceAllUsesWith(builder.create<arith::ConstantIndexOp>(position.getLoc(), 0));
    prefill.eraseArgument(1);
    decode.getArgument(0).setType(RankedTensorType::get({1}, builder.getI32Type()));
    if (failed(inferAgain(decode)))
      return signalPassFailure();
    forward.erase();
  }
};

} // namespace

std::unique_ptr<Pass> createSplitPhasesPass() { return std::make_unique<SplitPhasesPass>(); }

void registerGraphPasses() {
  PassRegistration<SplitPhasesPass>();
  registerPass([] { return createVerifyGraphPass(); });
}

} // namespace weft::graph
