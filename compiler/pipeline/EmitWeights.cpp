#include "compiler/pipeline/EmitWeights.h"

#include "dialects/grid/GridDialect.h"
#include "runtime/weights/StoredBlocks.h"

#include <cmath>
#include <cstring>

using namespace mlir;

namespace weft::compiler {

namespace {

pkg::ElementType elementType(Type type) {
  return type.isF32()        ? pkg::ElementType::F32
         : type.isF16()      ? pkg::ElementType::F16
         : type.isInteger(8) || isa<grid::BlocksType>(type) ? pkg::ElementType::I8
                             : pkg::ElementType::BF16;
}

pkg::ElementType elementType(frontend::WeightType type) {
  switch (type) {
  case frontend::WeightType::F32:
    return pkg::ElementType::F32;
  case frontend::WeightType::F16:
    return pkg::ElementType::F16;
  case frontend::WeightType::BF16:
    return pkg::ElementType::BF16;
  }
  llvm_unreachable("all types are handled");
}

place::HeadLayout headLayout(std::optional<ArrayRef<int64_t>> heads, const place::Mesh &mesh) {
  if (!heads)
    return {};
  return place::HeadLayout::make(mesh.width, (*heads)[0], (*heads)[1], (*heads)[2]);
}

/// The local-to-whole table of one dimension, core by core along its axis.
std::vector<int32_t> indexTable(grid::ShardAttr shard, int64_t extent, const place::Mesh &mesh,
                                const place::HeadLayout &heads) {
  bool alongX = shard.getAxis() == grid::Axis::X;
  int64_t cores = alongX ? mesh.width : shard.getAxis() == grid::Axis::Y ? mesh.height : 1;
  const std::vector<int> &ranks = alongX ? mesh.rankOfCoreX : mesh.rankOfCoreY;
  std::vector<int32_t> table;
  table.reserve(cores * shard.getLocal());
  for (int64_t core = 0; core < cores; ++core) {
    int64_t rank = shard.getAxis() == grid::Axis::None ? 0 : ranks[core];
    for (int64_t i = 0; i < shard.getLocal(); ++i) {
      int64_t index = shard.getKind() == grid::ShardKind::Packed
                          ? place::packedIndex(mesh, heads, shard.getLocal() / mesh.blocksY, rank, i)
                          : place::blockIndex(extent, shard.getLocal(), rank, i);
      table.push_back(static_cast<int32_t>(index));
    }
  }
  return table;
}

/// Columns of one part: how many a core has, where they begin in its row, and which they are.
struct PartColumns {
  int64_t local = 0, offset = 0;
  std::vector<int32_t> index;
};

PartColumns columnsOf(fabric::WeightOp op, size_t part, grid::ShardAttr shard, int64_t extent, const place::Mesh &mesh,
                      const place::HeadLayout &heads) {
  auto order = grid::symbolizeWeightOrder(op.getOrder());
  PartColumns columns;
  if (order == grid::WeightOrder::Qkv) {
    int64_t queries = heads.headsOnCore() * heads.width, keys = heads.headsPerCore * heads.width;
    columns.local = part == 0 ? queries : keys;
    columns.offset = part == 0 ? 0 : queries + static_cast<int64_t>(part - 1) * keys;
    for (int64_t x = 0; x < mesh.width; ++x)
      for (int64_t c = 0; c < columns.local; ++c)
        columns.index.push_back(static_cast<int32_t>(part == 0 ? heads.queryIndex(x, c) : heads.keyIndex(x, c)));
    return columns;
  }
  int64_t parts = static_cast<int64_t>(op.getParts().size());
  columns.local = shard.getLocal() / parts;
  columns.offset = columns.local * static_cast<int64_t>(part);
  auto partShard = grid::ShardAttr::get(op.getContext(), shard.getAxis(), shard.getKind(), columns.local);
  columns.index = indexTable(partShard, extent / parts, mesh, heads);
  return columns;
}

std::unique_ptr<pkg::BlocksT> describe(const runtime::BlockShape &shape) {
  auto blocks = std::make_unique<pkg::BlocksT>();
  blocks->rows = static_cast<uint32_t>(shape.rows);
  blocks->columns = static_cast<uint32_t>(shape.columns);
  blocks->bits = static_cast<uint8_t>(shape.bits);
  blocks->least = static_cast<int8_t>(shape.least);
  blocks->group = static_cast<uint16_t>(shape.group);
  blocks->super_group = static_cast<uint16_t>(shape.super);
  blocks->scales = shape.scales;
  blocks->minimums = shape.minimums;
  blocks->codebook = shape.codebook;
  return blocks;
}

} // namespace

Result<void> emitWeight(fabric::WeightOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                        runtime::Package &package) {
  auto type = cast<RankedTensorType>(op.getType());
  ArrayRef<grid::ShardAttr> dims = grid::layoutOf(type).getDims();
  place::HeadLayout heads = headLayout(op.getHeads(), mesh);
  auto blocks = dyn_cast<grid::BlocksType>(type.getElementType());
  int64_t elementBytes = blocks ? 1 : type.getElementTypeBitWidth() / 8, columnDim = type.getRank() - 1;
  for (auto [part, name] : llvm::enumerate(op.getParts().getAsValueRange<StringAttr>())) {
    const frontend::WeightInfo *info = weights.find(name.str());
    if (!info)
      return internalError("weight '" + name.str() + "' is not among the model's tensors");
    PartColumns columns = columnsOf(op, part, dims[columnDim], type.getDimSize(columnDim), mesh, heads);
    auto weight = std::make_unique<pkg::WeightT>();
    weight->name = info->name;
    weight->file = info->file;
    weight->file_offset = info->offset;
    weight->file_element = elementType(info->type);
    weight->shape = info->shape;
    if (info->blocks)
      weight->file_blocks = runtime::packageFormat(*info->blocks);
    weight->buffer = op.getBuffer().str();
    weight->offset = static_cast<uint32_t>(columns.offset * elementBytes);
    weight->element = elementType(type.getElementType());
    weight->row_stride = static_cast<uint32_t>(dims[columnDim].getLocal() * elementBytes);
    weight->cols_local = static_cast<uint32_t>(columns.local);
    weight->col_axis = static_cast<pkg::Axis>(dims[columnDim].getAxis());
    weight->col_index = std::move(columns.index);
    weight->rows_local = type.getRank() == 1 ? 1 : static_cast<uint32_t>(dims[0].getLocal());
    weight->row_axis = type.getRank() == 1 ? pkg::Axis::None : static_cast<pkg::Axis>(dims[0].getAxis());
    weight->row_index =
        type.getRank() == 1 ? std::vector<int32_t>{0} : indexTable(dims[0], type.getDimSize(0), mesh, heads);
    weight->transposed = op.getTransposed();
    if (auto quantised = op.getQuantised()) {
      weight->offset = weight->row_stride = 0;
      weight->quantised = std::make_unique<pkg::QuantisedT>();
      weight->quantised->block_rows = static_cast<uint32_t>((*quantised)[0]);
      weight->quantised->columns = static_cast<uint32_t>(dims[columnDim].getLocal());
      weight->quantised->first_column = static_cast<uint32_t>(columns.offset);
      weight->quantised->order = static_cast<pkg::ByteOrder>((*quantised)[1]);
    }
    if (blocks) {
      weight->offset = weight->row_stride = 0;
      weight->blocks = describe(grid::blockShape(blocks, dims[0].getLocal() / mesh.blocksY, dims[1].getLocal()));
      weight->blocks->first_column = static_cast<uint32_t>(columns.offset);
    }
    package.weights.push_back(std::move(weight));
  }
  return {};
}

void emitRopeTable(fabric::RopeTableOp op, const place::Mesh &mesh, runtime::Package &package) {
  place::HeadLayout heads = headLayout(op.getHeads(), mesh);
  auto frequencies = llvm::to_vector(op.getInverseFrequencies().getValues<double>());
  std::vector<float> values;
  for (int64_t x = 0; x < mesh.width; ++x)
    for (int64_t row = 0; row < static_cast<int64_t>(op.getRows()); ++row)
      for (int64_t pair = 0; pair < heads.width / 2; ++pair) {
        int64_t dimension = heads.dimension(x, 2 * pair);
        double angle = dimension < 0
                           ? 0.0
                           : static_cast<double>(row * static_cast<int64_t>(op.getStride())) * frequencies[dimension];
        values.push_back(static_cast<float>(std::cos(angle)));
        values.push_back(static_cast<float>(std::sin(angle)));
      }
  auto constant = std::make_unique<pkg::ConstantT>();
  constant->name = constant->buffer = op.getBuffer().str();
  constant->axis = pkg::Axis::X;
  constant->bytes_per_core = static_cast<uint32_t>(values.size() / mesh.width * sizeof(float));
  constant->data.resize(values.size() * sizeof(float));
  std::memcpy(constant->data.data(), values.data(), constant->data.size());
  package.constants.push_back(std::move(constant));
}

std::vector<int32_t> outputIndex(Type type, const place::Mesh &mesh) {
  auto tensor = cast<RankedTensorType>(type);
  return indexTable(grid::layoutOf(tensor).getDims().back(), tensor.getShape().back(), mesh, {});
}

} // namespace weft::compiler
