// Weights of experts: each lies on the rows of cores of its regions alone.
#include "compiler/pipeline/EmitWeights.h"

#include <map>

using namespace mlir;

namespace weft::compiler {
namespace {

/// The local-to-whole table of a dimension divided into blocks, rank by rank of `ranks`.
std::vector<int32_t> blockTable(int64_t extent, int64_t local, ArrayRef<int64_t> ranks) {
  std::vector<int32_t> table;
  table.reserve(ranks.size() * local);
  for (int64_t rank : ranks)
    for (int64_t i = 0; i < local; ++i)
      table.push_back(static_cast<int32_t>(place::blockIndex(extent, local, rank, i)));
  return table;
}

/// Ranks within its region of the cores that have an expert in some slot, by their y.
using CoreRows = std::map<uint32_t, int64_t>;

/// Of each expert that is in slot `slot` of a region.
std::map<int64_t, CoreRows> coreRowsOf(fabric::ExpertsOp op, int64_t slot, int64_t slots, const place::Mesh &mesh) {
  const auto rows = static_cast<int64_t>(op.getRowsPerRegion());
  std::map<int64_t, CoreRows> result;
  for (int64_t region = 0; region * slots < static_cast<int64_t>(op.getExpert().size()); ++region)
    if (const int64_t expert = op.getExpert()[region * slots + slot]; expert >= 0)
      for (int64_t within = 0; within < rows; ++within)
        result[expert][static_cast<uint32_t>(mesh.coreOfRankY[region * rows + within])] = within;
  return result;
}

/// Where in the buffer of `type` the columns of a part lie, from `firstColumn` of slot `slot` on.
void placeInSlot(pkg::WeightT &weight, RankedTensorType type, int64_t slot, int64_t firstColumn) {
  const SmallVector<int64_t> local = grid::localShape(type);
  weight.element = elementType(type.getElementType());
  if (auto blocks = dyn_cast<grid::BlocksType>(type.getElementType())) {
    const runtime::BlockShape shape = grid::blockShape(blocks, local[1], local[2]);
    weight.offset = static_cast<uint32_t>(slot * shape.bytes());
    weight.blocks = describeBlocks(shape, firstColumn);
    return;
  }
  const int64_t elementBytes = grid::elementBytes(type.getElementType());
  weight.offset = static_cast<uint32_t>((slot * local[1] * local[2] + firstColumn) * elementBytes);
  weight.row_stride = static_cast<uint32_t>(local[2] * elementBytes);
}

} // namespace

Result<void> emitExperts(fabric::ExpertsOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                         runtime::Package &package) {
  auto type = cast<RankedTensorType>(op.getType());
  const SmallVector<int64_t> local = grid::localShape(type);
  const bool innerRows = grid::layoutOf(type).getDims()[1].getAxis() == grid::Axis::Y;
  const auto parts = static_cast<int64_t>(op.getParts().size() / op.getExperts());
  const auto inner = static_cast<int64_t>(op.getInner());
  const int64_t columns = local[2] / parts;
  SmallVector<int64_t> ranksX(mesh.rankOfCoreX.begin(), mesh.rankOfCoreX.end());
  const std::vector<int32_t> onX =
      innerRows ? blockTable(type.getDimSize(2), columns, ranksX) : blockTable(type.getDimSize(1), local[1], ranksX);
  for (int64_t slot = 0; slot < local[0]; ++slot)
    for (const auto &[expert, rows] : coreRowsOf(op, slot, local[0], mesh)) {
      SmallVector<int64_t> ranksY;
      for (const auto &[y, within] : rows)
        ranksY.push_back(within);
      for (int64_t part = 0; part < parts; ++part) {
        const size_t number = expert * parts + part;
        const std::string name = cast<StringAttr>(op.getParts()[number]).getValue().str();
        const frontend::WeightInfo *info = weights.find(name);
        if (!info)
          return internalError("weight '" + name + "' is not among the model's tensors");
        auto weight = storedWeight(*info);
        weight->buffer = op.getBuffer().str();
        placeInSlot(*weight, type, slot, part * columns);
        weight->rows_local = static_cast<uint32_t>(local[1]);
        weight->cols_local = static_cast<uint32_t>(columns);
        weight->row_axis = innerRows ? pkg::Axis::Y : pkg::Axis::X;
        weight->col_axis = innerRows ? pkg::Axis::X : pkg::Axis::Y;
        weight->row_index = innerRows ? blockTable(inner, local[1], ranksY) : onX;
        weight->col_index = innerRows ? onX : blockTable(inner, columns, ranksY);
        weight->transposed = true;
        for (const auto &[y, within] : rows)
          weight->core_rows.push_back(y);
        if (auto view = grid::viewOf(op.getViews(), number))
          if (auto applied = applyView(*view, *weight, false); !applied)
            return applied;
        package.weights.push_back(std::move(weight));
      }
    }
  return {};
}

} // namespace weft::compiler
