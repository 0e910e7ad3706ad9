#include "compiler/graph/OutlineLoops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace weft::graph {
namespace {

/// Outermost loops without results; those with results stay where they are.
SmallVector<scf::ForOp> loopsOf(func::FuncOp function) {
  SmallVector<scf::ForOp> loops;
  function.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
    if (loop.getNumResults() != 0)
      return WalkResult::advance();
    loops.push_back(loop);
    return WalkResult::skip();
  });
  return loops;
}

void outline(scf::ForOp loop, OpBuilder &module, const std::string &name) {
  llvm::SetVector<Value> captured(loop->operand_begin(), loop->operand_end());
  getUsedValuesDefinedAbove(loop.getRegion(), captured);
  SmallVector<Value> constants, arguments;
  for (Value value : captured)
    (value.getDefiningOp<arith::ConstantOp>() ? constants : arguments).push_back(value);
  auto type = module.getFunctionType(ValueRange(arguments).getTypes(), {});
  auto function = module.create<func::FuncOp>(loop.getLoc(), name, type);
  function.setPrivate();
  OpBuilder body = OpBuilder::atBlockBegin(function.addEntryBlock());
  IRMapping inside;
  inside.map(arguments, function.getArguments());
  for (Value constant : constants)
    inside.map(constant, body.clone(*constant.getDefiningOp())->getResult(0));
  body.clone(*loop, inside);
  body.create<func::ReturnOp>(loop.getLoc());
  OpBuilder(loop).create<func::CallOp>(loop.getLoc(), function, arguments);
  loop.erase();
}

class OutlineLoopsPass : public PassWrapper<OutlineLoopsPass, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(OutlineLoopsPass)

  void runOnOperation() override {
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    size_t number = 0;
    for (func::FuncOp function : llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      for (scf::ForOp loop : loopsOf(function))
        outline(loop, builder, "loop_" + std::to_string(number++));
  }
};

} // namespace

std::unique_ptr<Pass> createOutlineLoopsPass() { return std::make_unique<OutlineLoopsPass>(); }

} // namespace weft::graph
