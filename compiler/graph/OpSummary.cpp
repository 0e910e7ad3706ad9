#include "compiler/graph/OpSummary.h"

#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <set>

using namespace mlir;

namespace weft::graph {

OpSummary summarizeOps(ModuleOp module) {
  OpSummary summary;
  std::set<std::string> seen;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa_and_nonnull<xf::XfDialect>(op->getDialect())) {
      if (!isa<xf::ParamOp>(op))
        ++summary.transformer[op->getName().stripDialect().str()];
      return WalkResult::skip();
    }
    const bool computes = isa<linalg::LinalgOp>(op) && !isa<linalg::FillOp, linalg::TransposeOp>(op);
    if (!computes && !isa<scf::ForOp, scf::WhileOp, scf::IfOp>(op))
      return WalkResult::advance();
    auto name = op->getLoc()->findInstanceOf<NameLoc>();
    std::string text = name ? name.getName().str() : op->getName().getStringRef().str();
    if (seen.insert(text).second)
      summary.generic.push_back(std::move(text));
    return WalkResult::skip();
  });
  return summary;
}

} // namespace weft::graph
