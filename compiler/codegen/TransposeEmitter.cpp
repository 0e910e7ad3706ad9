#include "compiler/codegen/TransposeEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <bit>

using namespace mlir;

namespace weft::codegen {
namespace {

struct Transpose {
  Value source, target;
  unsigned rowLoop = 0, columnLoop = 1; // the dimensions of the source
  int64_t columns = 0;
  int64_t stride = 0; // between rows of the target
};

std::optional<Transpose> findTranspose(linalg::GenericOp op) {
  if (op.getNumLoops() != 2 || op.getNumParallelLoops() != 2 || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getBody()->getTerminator()->getOperand(0) != op.getBody()->getArgument(0))
    return std::nullopt;
  Transpose found{op.getDpsInputs()[0], op.getDpsInits()[0]};
  AffineMap from = op.getIndexingMapsArray()[0], to = op.getIndexingMapsArray()[1];
  if (!from.isPermutation() || !to.isPermutation() || from == to)
    return std::nullopt;
  found.rowLoop = from.getDimPosition(0);
  found.columnLoop = from.getDimPosition(1);
  auto sourceType = cast<MemRefType>(found.source.getType()), targetType = cast<MemRefType>(found.target.getType());
  SmallVector<int64_t> sourceStrides, targetStrides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(sourceType, sourceStrides, offset)) || sourceStrides[1] != 1 ||
      sourceType.isDynamicDim(1) || failed(getStridesAndOffset(targetType, targetStrides, offset)) ||
      ShapedType::isDynamic(targetStrides[0]) || targetStrides[1] != 1)
    return std::nullopt;
  found.columns = sourceType.getDimSize(1);
  found.stride = targetStrides[0];
  return found;
}

/// Columns [column, column + lanes) of one row.
void emitPiece(RewriterBase &b, Location loc, const Transpose &transpose, Value row, Value column, int64_t lanes) {
  if (lanes == 1) {
    Value element = b.create<memref::LoadOp>(loc, transpose.source, ValueRange{row, column});
    b.create<memref::StoreOp>(loc, element, transpose.target, ValueRange{column, row});
    return;
  }
  Type element = cast<MemRefType>(transpose.source.getType()).getElementType();
  Value vector =
      b.create<vector::LoadOp>(loc, VectorType::get({lanes}, element), transpose.source, ValueRange{row, column});
  SmallVector<int64_t> offsets;
  for (int64_t lane = 0; lane < lanes; ++lane)
    offsets.push_back(lane * transpose.stride);
  Value offset = b.create<arith::ConstantOp>(
      loc, DenseElementsAttr::get(VectorType::get({lanes}, b.getI64Type()), ArrayRef<int64_t>(offsets)));
  Value all = b.create<arith::ConstantOp>(loc, DenseElementsAttr::get(VectorType::get({lanes}, b.getI1Type()), true));
  // LLVM makes a strided store of a scatter whose offsets are a multiple of the lane's number.
  b.create<vector::ScatterOp>(loc, transpose.target, ValueRange{column, row}, offset, all, vector);
}

} // namespace

bool emitTranspose(RewriterBase &b, linalg::GenericOp op, VectorShape shape) {
  std::optional<Transpose> transpose = findTranspose(op);
  if (!transpose || shape.grouping == 1)
    return false;
  Location loc = op.getLoc();
  auto constant = [&](int64_t value) -> Value { return b.create<arith::ConstantIndexOp>(loc, value); };
  Type element = cast<MemRefType>(transpose->source.getType()).getElementType();
  int64_t elementBytes = (element.getIntOrFloatBitWidth() + 7) / 8;
  // The longest group of registers, unless a row is shorter. A strided store needs a power of two.
  int64_t lanes = std::min<int64_t>(shape.registerBytes * shape.grouping / elementBytes,
                                    std::bit_ceil<uint64_t>(transpose->columns));
  int64_t whole = transpose->columns / lanes * lanes;
  Value rows = b.create<memref::DimOp>(loc, transpose->source, int64_t{0});
  auto loop = [&](Value to, int64_t step, llvm::function_ref<void(Value)> body) {
    auto created = b.create<scf::ForOp>(loc, constant(0), to, constant(step));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(created.getBody());
    body(created.getInductionVar());
  };
  loop(rows, 1, [&](Value row) {
    if (whole > 0)
      loop(constant(whole), lanes, [&](Value column) { emitPiece(b, loc, *transpose, row, column, lanes); });
    for (int64_t column = whole, width = lanes; column < transpose->columns; column += width) {
      while (width > transpose->columns - column)
        width /= 2;
      emitPiece(b, loc, *transpose, row, constant(column), width);
    }
  });
  return true;
}

} // namespace weft::codegen
