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
  function.setType(
      FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(), terminator->getOperandTypes()));
  return success();
}

struct SplitPhasesPass : PassWrapper<SplitPhasesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SplitPhasesPass)
  SplitPhasesPass() = default;
  explicit SplitPhasesPass(StringRef phase) { only = phase.str(); }
  SplitPhasesPass(const SplitPhasesPass &other) : PassWrapper(other) { only = other.only; }

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

    if (!only.empty() && only != prefillFunction && only != decodeFunction)
      return module.emitError("graph-split-phases makes @prefill and @decode, not @") << only, signalPassFailure();
    if (only != decodeFunction)
      makePrefill(forward);
    if (only != prefillFunction && failed(makeDecode(forward)))
      return signalPassFailure();
    forward.erase();
  }

  static void makePrefill(func::FuncOp forward) {
    func::FuncOp prefill = cloneAs(forward, prefillFunction);
    OpBuilder builder = OpBuilder::atBlockBegin(&prefill.getBody().front());
    BlockArgument position = prefill.getArgument(1);
    if (!position.use_empty())
      position.replaceAllUsesWith(builder.create<arith::ConstantIndexOp>(position.getLoc(), 0));
    prefill.eraseArgument(1);
  }

  static LogicalResult makeDecode(func::FuncOp forward) {
    func::FuncOp decode = cloneAs(forward, decodeFunction);
    decode.getArgument(0).setType(RankedTensorType::get({1}, Builder(forward.getContext()).getI32Type()));
    return inferAgain(decode);
  }

  Option<std::string> only{*this, "only", llvm::cl::desc("prefill or decode, if the other one is not wanted")};
};

} // namespace

std::unique_ptr<Pass> createSplitPhasesPass(StringRef only) { return std::make_unique<SplitPhasesPass>(only); }

void registerGraphPasses() {
  PassRegistration<SplitPhasesPass>();
  registerPass([] { return createVerifyGraphPass(); });
}

} // namespace weft::graph
