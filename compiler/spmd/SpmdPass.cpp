// The spmd phase as passes.
#include "compiler/spmd/Spmd.h"

#include "compiler/spmd/Lowering.h"

#include "mlir/Pass/PassRegistry.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace weft::spmd {

namespace {

struct SpmdPass : PassWrapper<SpmdPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SpmdPass)
  StringRef getArgument() const override { return "spmd"; }
  StringRef getDescription() const override { return "Turn grid functions into what each class of cores does"; }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<fabric::FabricDialect, linalg::LinalgDialect, memref::MemRefDialect, math::MathDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto meshes = llvm::to_vector(module.getOps<grid::MeshOp>());
    if (meshes.size() != 1)
      return module.emitError("spmd expects one grid.mesh, not ") << meshes.size(), signalPassFailure();
    for (func::FuncOp function : llvm::to_vector(module.getOps<func::FuncOp>())) {
      if (function->hasAttr(place::workAttribute))
        continue; // a kernel
      if (failed(Lowering(module, meshes.front()).lower(function)))
        return signalPassFailure();
    }
    // The mesh stays: the layouts of weights and outputs name it.
  }
};

/// A program's own symbols hide those of the module: buffers that stay and kernels.
bool symbolExists(Operation *op, FlatSymbolRefAttr symbol) {
  for (Operation *table = op->getParentOp(); table; table = table->getParentOp())
    if (table->hasTrait<OpTrait::SymbolTable>() && SymbolTable::lookupSymbolIn(table, symbol))
      return true;
  return false;
}

/// Every symbol an attribute of `op` names must exist; loop counters must be in reach.
WalkResult verifyReferences(Operation *op) {
  int64_t depth = 0;
  for (Operation *parent = op->getParentOp(); parent; parent = parent->getParentOp())
    depth += isa<fabric::LoopOp>(parent);
  auto expression = [&](fabric::ExprAttr expr) {
    return expr.getSource() != fabric::Source::Loop || (expr.getIndex() >= 0 && expr.getIndex() < depth);
  };
  bool loops = true;
  op->getAttrDictionary().walk([&](Attribute attribute) {
    if (auto expr = dyn_cast<fabric::ExprAttr>(attribute))
      loops &= expression(expr);
    if (auto term = dyn_cast<fabric::TermAttr>(attribute))
      loops &= term.getScale() == 0 || (term.getLoop() >= 0 && term.getLoop() < depth);
  });
  if (!loops)
    return op->emitOpError("F4: uses the counter of a loop that does not enclose it");
  SmallVector<FlatSymbolRefAttr> symbols;
  op->getAttrDictionary().walk([&](FlatSymbolRefAttr symbol) { symbols.push_back(symbol); });
  for (FlatSymbolRefAttr symbol : symbols)
    if (!symbolExists(op, symbol))
      return op->emitOpError("F5: names ") << symbol << ", which does not exist";
  return WalkResult::advance();
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
        return isa<fabric::FabricDialect>(op->getDialect()) ? verifyReferences(op) : WalkResult::advance();
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
  }
};

} // namespace

std::unique_ptr<Pass> createSpmdPass() { return std::make_unique<SpmdPass>(); }
std::unique_ptr<Pass> createFabricVerifyPass() { return std::make_unique<FabricVerifyPass>(); }

void registerSpmdPasses() {
  PassRegistration<SpmdPass>();
  PassRegistration<FabricVerifyPass>();
}

} // namespace weft::spmd
