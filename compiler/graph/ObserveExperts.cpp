#include "compiler/graph/ObserveExperts.h"

#include "dialects/xf/XfRouting.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace weft::graph {

size_t observeExperts(ModuleOp module, const std::string &name) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  auto terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  SmallVector<Value> chosen;
  function.walk([&](xf::MoeOp op) {
    OpBuilder builder(op);
    chosen.push_back(xf::chosenExperts(op, builder));
  });
  terminator.getOperandsMutable().append(chosen);
  function.setType(FunctionType::get(module.getContext(), function.getArgumentTypes(), terminator.getOperandTypes()));
  return chosen.size();
}

} // namespace weft::graph
