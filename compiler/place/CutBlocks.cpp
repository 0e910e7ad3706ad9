#include "compiler/place/CutBlocks.h"

#include "compiler/place/GeneralWeights.h"
#include "runtime/weights/BlockShapes.h"

using namespace mlir;
using weft::runtime::BlockShape;

namespace weft::place {

/// Whether the value is whole rows of a stored tensor, in whatever order: blocks lie along these.
static bool isWholeRows(Value value, xf::ParamOp param) {
  if (value == param.getResult())
    return true;
  std::optional<StoredView> view = storedView(value);
  int64_t length = cast<RankedTensorType>(param.getType()).getShape().back();
  if (!view || view->digits.size() != 2 || view->base % length != 0 ||
      view->digits[1] != SmallVector<int64_t, 2>{length, 1})
    return false;
  for (size_t i = 1; i < view->digits[0].size(); i += 2)
    if (view->digits[0][i] % length != 0)
      return false;
  return true;
}

std::optional<BlockShape> commonBlocks(ArrayRef<Value> parts) {
  std::optional<BlockShape> shape;
  for (Value part : parts) {
    xf::ParamOp param = storedParam(part);
    std::optional<BlockShape> mine;
    if (param && param.getStored() && isWholeRows(part, param))
      mine = runtime::shapeForNamed(param.getStored()->str());
    shape = shape && mine ? common(*shape, *mine) : mine;
    if (!shape)
      return std::nullopt;
  }
  return shape;
}

std::optional<BlockShape> cutBlocks(BlockShape shape, const BlockCut &cut, int64_t columns) {
  shape.rows = cut.rows;
  shape.columns = columns;
  // Some code is a weight of 0, that of 0 or of the zero point, unless a minimum is subtracted or there is a codebook.
  const bool paddingJoins = !shape.minimums && !shape.codebook;
  shape.group = sharedRun(cut.ranks, cut.local, cut.rows, shape.group, paddingJoins, cut.indexOf);
  shape.super = sharedRun(cut.ranks, cut.local, cut.rows, shape.super, paddingJoins, cut.indexOf);
  // Groups of fewer rows need more code than a kernel has room for, and save little.
  const bool pays = shape.group >= 8 && shape.bytes() < 4 * shape.rows * columns;
  return pays ? std::optional(shape) : std::nullopt;
}

RegionBlocks regionBlocks(xf::MoeOp op, const Mesh &mesh, int64_t rowsPerRegion) {
  auto gate = cast<RankedTensorType>(op.getGates()[0].getType());
  const int64_t inner = gate.getDimSize(0), hidden = gate.getDimSize(1);
  const int64_t innerLocal = plainLocal(inner, rowsPerRegion), hiddenLocal = contractionLocalX(mesh, hidden);
  // A slot's matrix is one block on a core, whichever expert it holds.
  auto blocksOf = [](ArrayRef<Value> parts, int64_t ranks, int64_t extent, int64_t local, int64_t columns) {
    std::optional<BlockShape> shape = commonBlocks(parts);
    auto indexOf = [=](int64_t rank, int64_t i) { return blockIndex(extent, local, rank, i); };
    return shape ? cutBlocks(*shape, {ranks, local, local, indexOf}, columns) : std::nullopt;
  };
  SmallVector<Value> gateUp = llvm::to_vector(op.getGates());
  llvm::append_range(gateUp, op.getUps());
  return {blocksOf(gateUp, mesh.width, hidden, hiddenLocal, 2 * innerLocal),
          blocksOf(llvm::to_vector(op.getDowns()), rowsPerRegion, inner, innerLocal, hiddenLocal)};
}

} // namespace weft::place
