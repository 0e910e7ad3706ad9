// The spmd phase as passes.
#include "compiler/spmd/Spmd.h"

#include "compiler/spmd/Lowering.h"
#include "dialects/rv/Rv.h"

#include "mlir/Pass/PassRegistry.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace weft::spmd {

namespace {

struct SpmdPass : PassWrapper<SpmdPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SpmdPass)

  SpmdPass() = default;
  explicit SpmdPass(const SpmdOptions &options) { words = options.byteOrder == kernels::ByteOrder::Words; }
  SpmdPass(const SpmdPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "spmd"; }
  StringRef getDescription() const override { return "Turn grid functions into what each class of cores does"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<fabric::FabricDialect, linalg::LinalgDialect, memref::MemRefDialect, math::MathDialect,
                    rv::RvDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    // The lowering relies on it, and IR written by hand may come without --grid-verify.
    if (failed(place::verifyGrid(module)))
      return signalPassFailure();
    grid::MeshOp mesh = *module.getOps<grid::MeshOp>().begin();
    for (func::FuncOp function : llvm::to_vector(module.getOps<func::FuncOp>())) {
      if (function->hasAttr(place::workAttribute))
        continue; // a kernel
      if (failed(
              Lowering(module, mesh, {words ? kernels::ByteOrder::Words : kernels::ByteOrder::Rows}).lower(function)))
        return signalPassFailure();
    }
    // The mesh stays: the layouts of weights and outputs name it.
  }

  Option<bool> words{*this, "words", llvm::cl::desc("four bytes of a column of quantised weights make a word"),
                     llvm::cl::init(false)};
};

/// What `symbol` names. A program's own symbols hide those of the module: buffers that stay and kernels.
Operation *resolve(Operation *op, FlatSymbolRefAttr symbol) {
  for (Operation *table = op->getParentOp(); table; table = table->getParentOp())
    if (table->hasTrait<OpTrait::SymbolTable>())
      if (Operation *found = SymbolTable::lookupSymbolIn(table, symbol))
        return found;
  return nullptr;
}

/// F4: loop counters must be in reach, parameters be there.
LogicalResult verifyExpressions(Operation *op) {
  int64_t depth = 0, params = 0;
  for (Operation *parent = op->getParentOp(); parent; parent = parent->getParentOp()) {
    depth += isa<fabric::LoopOp>(parent);
    if (auto program = dyn_cast<fabric::ProgramOp>(parent))
      params = static_cast<int64_t>(program.getParams().size());
  }
  bool loops = true, parameters = true;
  op->getAttrDictionary().walk([&](Attribute attribute) {
    auto within = [](int64_t index, int64_t count) { return index >= 0 && index < count; };
    if (auto expr = dyn_cast<fabric::ExprAttr>(attribute)) {
      loops &= expr.getSource() != fabric::Source::Loop || within(expr.getIndex(), depth);
      parameters &= expr.getSource() != fabric::Source::Param || within(expr.getIndex(), params);
    }
    if (auto term = dyn_cast<fabric::TermAttr>(attribute))
      loops &= term.getScale() == 0 || within(term.getLoop(), depth);
  });
  if (!loops) // F4
    return op->emitOpError("F4: uses the counter of a loop that does not enclose it");
  if (!parameters) // F4
    return op->emitOpError("F4: uses a launch parameter that its program does not have");
  return success();
}

/// F5: every name is that of an op of the right kind.
LogicalResult verifyNames(Operation *op) {
  auto verify = [&](FlatSymbolRefAttr symbol, auto isRight) -> LogicalResult {
    Operation *named = resolve(op, symbol);
    if (!named) // F5
      return op->emitOpError("F5: names ") << symbol << ", which does not exist";
    if (!isRight(named)) // F5
      return op->emitOpError("F5: names ") << symbol << ", which is a " << named->getName();
    return success();
  };
  bool good = true;
  op->getAttrDictionary().walk([&](fabric::RefAttr reference) {
    good = good && succeeded(verify(reference.getBuffer(), llvm::IsaPred<fabric::BufferOp>));
  });
  op->getAttrDictionary().walk([&](grid::LayoutAttr layout) {
    good = good && succeeded(verify(layout.getMesh(), llvm::IsaPred<grid::MeshOp>));
  });
  for (NamedAttribute attribute : op->getAttrs()) {
    auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue());
    if (!symbol || !good)
      continue;
    StringRef role = attribute.getName();
    good = succeeded(verify(symbol, [&](Operation *named) {
      return role == "on"       ? isa<fabric::ClassOp>(named)
             : role == "buffer" ? isa<fabric::BufferOp>(named)
             : role == "kernel" ? isa<func::FuncOp>(named)
                                : isa<fabric::ChannelOp>(named);
    }));
  }
  return success(good);
}

struct FabricVerifyPass : PassWrapper<FabricVerifyPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FabricVerifyPass)
  StringRef getArgument() const override { return "fabric-verify"; }
  StringRef getDescription() const override {
    return "Prove that classes of a step are disjoint and cover what they must";
  }

  void runOnOperation() override {
    // Steps share their sets of classes; each set is proven once.
    for (auto program : getOperation().getOps<fabric::ProgramOp>()) {
      llvm::StringSet<> proven;
      for (auto step : program.getOps<fabric::StepOp>()) {
        std::string key = step.getAll() ? "all" : "";
        for (auto task : step.getOps<fabric::TaskOp>())
          key += "," + task.getOn().str();
        if (!proven.contains(key) && failed(fabric::verifyStepClasses(step, program.getWidth(), program.getHeight())))
          return signalPassFailure();
        proven.insert(key);
      }
      auto result = program.walk([](Operation *op) {
        if (!isa_and_nonnull<fabric::FabricDialect>(op->getDialect()))
          return WalkResult::advance();
        return WalkResult(failure(failed(verifyExpressions(op)) || failed(verifyNames(op))));
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createSpmdPass(const SpmdOptions &options) { return std::make_unique<SpmdPass>(options); }
std::unique_ptr<Pass> createFabricVerifyPass() { return std::make_unique<FabricVerifyPass>(); }

void registerSpmdPasses() {
  PassRegistration<SpmdPass>();
  PassRegistration<FabricVerifyPass>();
}

} // namespace weft::spmd
