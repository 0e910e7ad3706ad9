#include "kernels/LinearIndex.h"

using namespace mlir;

namespace weft::kernels {

std::optional<LinearIndex> linearIndex(AffineExpr index, unsigned loops) {
  bool linear = index.isPureAffine();
  index.walk([&](AffineExpr part) {
    linear &= part.getKind() == AffineExprKind::Add || part.getKind() == AffineExprKind::Mul ||
              part.getKind() == AffineExprKind::Constant || part.getKind() == AffineExprKind::DimId;
  });
  if (!linear)
    return std::nullopt;
  // Where only the loop `unit` has made a step.
  auto at = [&](unsigned unit) -> int64_t {
    SmallVector<AffineExpr> values;
    for (unsigned i = 0; i < loops; ++i)
      values.push_back(getAffineConstantExpr(i == unit ? 1 : 0, index.getContext()));
    return cast<AffineConstantExpr>(simplifyAffineExpr(index.replaceDims(values), 0, 0)).getValue();
  };
  LinearIndex result{{}, at(loops)};
  for (unsigned i = 0; i < loops; ++i)
    result.factors.push_back(at(i) - result.origin);
  return result;
}

} // namespace weft::kernels
