// Views of stored weights: what slices, transpositions and reshapes of an xf.param come to in the model's file.
#pragma once

#include "dialects/xf/XfDialect.h"

#include "mlir/IR/Value.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <string>

namespace weft::place {

/// Element (i, j, …) is the stored element at base + offset(i) + offset(j) + …, as grid.stored has it.
struct StoredView {
  std::string name;
  int64_t base = 0;
  llvm::SmallVector<llvm::SmallVector<int64_t, 2>, 4> digits; // by dimension: size, stride, …
};

/// The parameter that `value` is a view of, by ops as below; null: it is none.
xf::ParamOp storedParam(mlir::Value value);

/// Nothing: `value` is no weight, or more than a view of one.
std::optional<StoredView> storedView(mlir::Value value);

/// The digits as grid.stored has them.
inline mlir::ArrayAttr digitsAttr(mlir::Builder &builder, const StoredView &view) {
  llvm::SmallVector<mlir::Attribute> digits;
  for (const auto &dim : view.digits)
    digits.push_back(builder.getDenseI64ArrayAttr(dim));
  return builder.getArrayAttr(digits);
}

} // namespace weft::place
