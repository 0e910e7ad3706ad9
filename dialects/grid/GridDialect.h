// C++ face of the grid dialect; Grid.td holds the documentation.
#pragma once

#include "runtime/package/BlockShape.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/grid/GridDialect.h.inc"
#include "dialects/grid/GridEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/grid/GridAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/grid/GridTypes.h.inc"

namespace weft::grid {
/// The layout of a tensor type, or null.
LayoutAttr layoutOf(mlir::Type type);
/// The extents of a core's shard, padding included.
llvm::SmallVector<int64_t> localShape(mlir::RankedTensorType type);
/// Room that blocks of `type` give, `rows` of `columns` each.
runtime::BlockShape blockShape(BlocksType type, int64_t rows, int64_t columns);
BlocksType blocksType(mlir::MLIRContext *context, const runtime::BlockShape &shape);
/// What a core can hold; a boolean is a byte.
bool isElement(mlir::Type type);
inline int64_t elementBytes(mlir::Type element) { return (element.getIntOrFloatBitWidth() + 7) / 8; }
/// Bytes of a core's shard.
int64_t localBytes(mlir::RankedTensorType type);
/// Whether every core has all of the tensor.
bool isWhole(mlir::Type type);

/// Where the elements of a weight's part lie among those of its stored tensor: at base + offset(i) + offset(j).
struct PartView {
  int64_t base = 0;
  llvm::ArrayRef<int64_t> rows, columns; // digits: [size, stride, …], the outermost first; a vector has rows alone
};
/// Of the `views` of a weight op; nothing if the part is its stored tensor as it is.
std::optional<PartView> viewOf(std::optional<mlir::ArrayAttr> views, size_t part);
/// Which piece of heads part `part` of a weight op with `pieces` is; empty if there are none.
llvm::StringRef pieceOf(std::optional<mlir::ArrayAttr> pieces, size_t part);
/// Whether `views` is what grid.weight says of it, with digits for `rank` dimensions.
bool areViews(mlir::ArrayAttr views, size_t parts, int64_t rank);
} // namespace weft::grid

#define GET_OP_CLASSES
#include "dialects/grid/Grid.h.inc"

namespace weft::grid {
/// Matrices that stand side by side for one expert.
int64_t expertParts(ExpertsOp op);
} // namespace weft::grid
