#include "compiler/pipeline/EmitWeights.h"

#include "dialects/grid/GridDialect.h"
#include "runtime/weights/StoredBlocks.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace mlir;

namespace weft::compiler {

pkg::ElementType elementType(Type type) {
  if (type.isF64())
    return pkg::ElementType::F64;
  if (type.isF16())
    return pkg::ElementType::F16;
  if (type.isBF16())
    return pkg::ElementType::BF16;
  if (type.isInteger(1))
    return pkg::ElementType::Bool;
  if (type.isInteger(8) || isa<grid::BlocksType>(type))
    return pkg::ElementType::I8;
  if (type.isInteger(16))
    return pkg::ElementType::I16;
  if (type.isInteger(32))
    return pkg::ElementType::I32;
  return type.isInteger(64) ? pkg::ElementType::I64 : pkg::ElementType::F32;
}

pkg::ElementType elementType(frontend::WeightType type) {
  switch (type) {
  case frontend::WeightType::F32:
    return pkg::ElementType::F32;
  case frontend::WeightType::F16:
    return pkg::ElementType::F16;
  case frontend::WeightType::BF16:
    return pkg::ElementType::BF16;
  case frontend::WeightType::I8:
    return pkg::ElementType::I8;
  case frontend::WeightType::I32:
    return pkg::ElementType::I32;
  case frontend::WeightType::F64:
    return pkg::ElementType::F64;
  case frontend::WeightType::I16:
    return pkg::ElementType::I16;
  case frontend::WeightType::I64:
    return pkg::ElementType::I64;
  case frontend::WeightType::Bool:
    return pkg::ElementType::Bool;
  }
  llvm_unreachable("all types are handled");
}

namespace {

place::HeadLayout headLayout(std::optional<ArrayRef<int64_t>> heads, const place::Mesh &mesh) {
  if (!heads)
    return {};
  return place::HeadLayout::make(mesh.width, place::HeadShape::of(*heads));
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
  if (order == grid::WeightOrder::Pieces) {
    auto piece = [&](size_t part) { return place::headPieceNamed(grid::pieceOf(op.getPieces(), part)); };
    for (size_t before = 0; before < part; ++before)
      columns.offset += heads.pieceColumns(piece(before));
    columns.local = heads.pieceColumns(piece(part));
    for (int64_t x = 0; x < mesh.width; ++x)
      for (int64_t c = 0; c < columns.local; ++c)
        columns.index.push_back(static_cast<int32_t>(heads.pieceIndex(piece(part), x, c)));
    return columns;
  }
  if (order == grid::WeightOrder::Qkv) {
    int64_t queries = heads.headsOnCore() * heads.width, keys = heads.headsPerCore * heads.width;
    columns.local = part == 0 ? queries : keys;
    columns.offset = part == 0 ? 0 : queries + static_cast<int64_t>(part - 1) * keys;
    for (int64_t x = 0; x < mesh.width; ++x)
      for (int64_t c = 0; c < columns.local; ++c)
        columns.index.push_back(static_cast<int32_t>(part == 0   ? heads.queryIndex(x, c)
                                                     : part == 1 ? heads.keyIndex(x, c)
                                                                 : heads.valueIndex(x, c)));
    return columns;
  }
  if (order != grid::WeightOrder::Single && order != grid::WeightOrder::SideBySide) {
    columns.local = shard.getLocal();
    for (int64_t x = 0; x < mesh.width; ++x)
      for (int64_t c = 0; c < columns.local; ++c)
        columns.index.push_back(static_cast<int32_t>(order == grid::WeightOrder::Query ? heads.queryIndex(x, c)
                                                     : order == grid::WeightOrder::Key ? heads.keyIndex(x, c)
                                                                                       : heads.dimension(x, c)));
    return columns;
  }
  int64_t parts = static_cast<int64_t>(op.getParts().size());
  columns.local = shard.getLocal() / parts;
  columns.offset = columns.local * static_cast<int64_t>(part);
  auto partShard = grid::ShardAttr::get(op.getContext(), shard.getAxis(), shard.getKind(), columns.local);
  columns.index = indexTable(partShard, extent / parts, mesh, heads);
  return columns;
}

} // namespace

std::unique_ptr<pkg::BlocksT> describeBlocks(const runtime::BlockShape &shape, int64_t firstColumn) {
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
  blocks->wide = shape.wide;
  blocks->zeros = shape.zeros;
  blocks->first_column = static_cast<uint32_t>(firstColumn);
  return blocks;
}

namespace {

/// Replaces each index by that of the stored row or column that the view has there; `unit` is elements a step.
void follow(std::vector<int32_t> &indices, ArrayRef<int64_t> digits, int64_t unit, int64_t first) {
  for (int32_t &index : indices)
    if (index >= 0)
      index = static_cast<int32_t>(first + place::digitOffset(digits, index) / unit);
}

/// Of a view that is not by rows and columns of the stored tensor: element (i, j) is at base + offset(i) + offset(j).
Result<void> placeByOffsets(const grid::PartView &view, ArrayRef<int64_t> columns, ArrayRef<int64_t> rows,
                            pkg::WeightT &weight, bool vector) {
  int64_t last = 0;
  for (ArrayRef<int64_t> digits : {columns, rows})
    for (size_t i = 0; i < digits.size(); i += 2)
      last += (digits[i] - 1) * digits[i + 1];
  if (!llvm::isInt<32>(last))
    return userError("weight '" + weight.name + "' is too large: offsets in it go beyond 2^31");
  weight.linear = true;
  weight.transposed = false;
  weight.base = static_cast<uint64_t>(view.base);
  follow(weight.col_index, columns, 1, 0);
  if (!vector)
    follow(weight.row_index, rows, 1, 0);
  return {};
}

} // namespace

Result<void> applyView(const grid::PartView &view, pkg::WeightT &weight, bool vector) {
  const int64_t columns = weight.shape.empty() ? 1 : static_cast<int64_t>(weight.shape.back());
  auto alongRow = [&](ArrayRef<int64_t> digits) {
    int64_t last = 0;
    for (size_t i = 0; i < digits.size(); i += 2)
      last += (digits[i] - 1) * digits[i + 1];
    return view.base % columns + last < columns;
  };
  auto acrossRows = [&](ArrayRef<int64_t> digits) {
    for (size_t i = 0; i < digits.size(); i += 2)
      if (digits[i] > 1 && digits[i + 1] % columns != 0)
        return false;
    return true;
  };
  uint64_t rows = 1;
  for (size_t d = 0; d + 1 < weight.shape.size(); ++d)
    rows *= weight.shape[d];
  if (weight.shape.size() > 2)
    weight.shape = {rows, static_cast<uint64_t>(columns)};
  const auto firstRow = view.base / columns, firstColumn = view.base % columns;
  // Of a vector the columns here are the view's rows, and there is one row.
  ArrayRef<int64_t> mine = vector || weight.transposed ? view.rows : view.columns, other = view.rows;
  if (!vector && weight.transposed)
    other = view.columns;
  bool swapped = !(alongRow(mine) && (vector || acrossRows(other)));
  if (swapped && !(acrossRows(mine) && (vector || alongRow(other))))
    return placeByOffsets(view, mine, other, weight, vector);
  weight.transposed = swapped;
  follow(weight.col_index, mine, swapped ? columns : 1, swapped ? firstRow : firstColumn);
  if (vector)
    weight.row_index = {static_cast<int32_t>(swapped ? firstColumn : firstRow)};
  else
    follow(weight.row_index, other, swapped ? 1 : columns, swapped ? firstColumn : firstRow);
  return {};
}

std::unique_ptr<pkg::WeightT> storedWeight(const frontend::WeightInfo &info) {
  auto weight = std::make_unique<pkg::WeightT>();
  weight->name = info.name;
  weight->file = info.file;
  weight->file_offset = info.offset;
  weight->file_element = elementType(info.type);
  weight->shape = info.shape;
  if (info.blocks)
    weight->file_blocks = runtime::packageFormat(*info.blocks);
  if (info.apart) {
    weight->apart = runtime::packageFormat(info.apart->format);
    auto bytes = [](const frontend::ApartPlaces::Place &place) {
      const auto *first = reinterpret_cast<const uint8_t *>(place.bytes.data());
      return std::vector<uint8_t>(first, first + place.bytes.size());
    };
    weight->apart->scales_file = info.apart->scales.file;
    weight->apart->scales_offset = info.apart->scales.offset;
    weight->apart->scales_here = bytes(info.apart->scales);
    weight->apart->zeros_file = info.apart->zeros.file;
    weight->apart->zeros_offset = info.apart->zeros.offset;
    weight->apart->zeros_here = bytes(info.apart->zeros);
  }
  return weight;
}

Result<void> emitWeight(fabric::WeightOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                        runtime::Package &package) {
  auto type = cast<RankedTensorType>(op.getType());
  ArrayRef<grid::ShardAttr> dims = grid::layoutOf(type).getDims();
  place::HeadLayout heads = headLayout(op.getHeads(), mesh);
  auto blocks = dyn_cast<grid::BlocksType>(type.getElementType());
  int64_t elementBytes = blocks ? 1 : type.getElementTypeBitWidth() / 8, columnDim = type.getRank() - 1;
  for (auto [part, name] : llvm::enumerate(op.getParts().getAsValueRange<StringAttr>())) {
    if (name.empty())
      continue; // resident buffers begin as zeros
    const frontend::WeightInfo *info = weights.find(name.str());
    if (!info)
      return internalError("weight '" + name.str() + "' is not among the model's tensors");
    PartColumns columns = columnsOf(op, part, dims[columnDim], type.getDimSize(columnDim), mesh, heads);
    auto weight = storedWeight(*info);
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
    if (auto view = grid::viewOf(op.getViews(), part))
      if (auto applied = applyView(*view, *weight, type.getRank() == 1); !applied)
        return applied;
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
      weight->blocks = describeBlocks(grid::blockShape(blocks, dims[0].getLocal() / mesh.blocksY, dims[1].getLocal()),
                                      columns.offset);
    }
    package.weights.push_back(std::move(weight));
  }
  return {};
}

void emitRopeTable(fabric::RopeTableOp op, const place::Mesh &mesh, runtime::Package &package) {
  place::HeadLayout heads = headLayout(op.getHeads(), mesh);
  SmallVector<DenseElementsAttr, 2> sets = {cast<DenseElementsAttr>(op.getInverseFrequencies())};
  if (auto longer = op.getLongInverseFrequencies())
    sets.push_back(cast<DenseElementsAttr>(*longer));
  const double scaled = op.getScale() ? op.getScale()->convertToDouble() : 1.0;
  std::vector<float> values;
  auto append = [&](int64_t x, int64_t position, ArrayRef<double> frequencies) {
    for (int64_t i = 0; i < heads.width / 2; ++i) {
      const int64_t pair = heads.pair(x, i);
      const bool turns = pair >= 0 && pair < static_cast<int64_t>(frequencies.size());
      const double angle = turns ? static_cast<double>(position) * frequencies[pair] : 0.0,
                   scale = turns ? scaled : 1.0;
      values.push_back(static_cast<float>(scale * std::cos(angle)));
      values.push_back(static_cast<float>(scale * std::sin(angle)));
    }
  };
  for (int64_t x = 0; x < mesh.width; ++x)
    for (DenseElementsAttr set : sets) {
      auto frequencies = llvm::to_vector(set.getValues<double>());
      for (int64_t row = 0; row < static_cast<int64_t>(op.getRows()); ++row)
        append(x, row * static_cast<int64_t>(op.getStride()), frequencies);
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
  ArrayRef<grid::ShardAttr> dims = grid::layoutOf(tensor).getDims();
  bool divided = llvm::any_of(dims, [](grid::ShardAttr dim) { return dim.getAxis() == grid::Axis::X; });
  SmallVector<int64_t> local = grid::localShape(tensor);
  int64_t count = std::accumulate(local.begin(), local.end(), int64_t(1), std::multiplies<>());
  std::vector<int32_t> table;
  table.reserve(mesh.width * count);
  for (int64_t x = 0; x < mesh.width; ++x)
    for (int64_t i = 0; i < count; ++i) {
      int64_t element = 0, rest = i, stride = 1;
      for (int64_t d = tensor.getRank(); d-- > 0; rest /= local[d], stride *= tensor.getDimSize(d)) {
        int64_t index = rest % local[d], extent = tensor.getDimSize(d);
        if (dims[d].getAxis() != grid::Axis::None)
          index = place::ownedIndex(dims[d].getKind() == grid::ShardKind::Overlap, extent, local[d],
                                    mesh.rankOfCoreX[x], index);
        element = index < 0 || index >= extent || element < 0 ? -1 : element + index * stride;
      }
      table.push_back(divided || x == 0 ? static_cast<int32_t>(element) : -1);
    }
  return table;
}

/// Offsets of the local elements of dimensions [from, to) on each core of the axis that divides one of them. An error
/// where they go beyond what packages have for them.
static Result<std::vector<int32_t>> offsetTable(fabric::StoredOp op, size_t from, size_t to, pkg::Axis &axis,
                                                const place::Mesh &mesh) {
  auto type = cast<RankedTensorType>(op.getType());
  ArrayRef<grid::ShardAttr> dims = grid::layoutOf(type).getDims();
  axis = pkg::Axis::None;
  for (size_t d = from; d < to; ++d)
    if (dims[d].getAxis() != grid::Axis::None)
      axis = static_cast<pkg::Axis>(dims[d].getAxis());
  const std::vector<int> &ranks = axis == pkg::Axis::X ? mesh.rankOfCoreX : mesh.rankOfCoreY;
  std::vector<int32_t> table;
  for (size_t core = 0, cores = axis == pkg::Axis::None ? 1 : ranks.size(); core < cores; ++core) {
    std::vector<int64_t> offsets = {0};
    for (size_t d = from; d < to; ++d) {
      ArrayRef<int64_t> digits = cast<DenseI64ArrayAttr>(op.getDigits()[d]).asArrayRef();
      int64_t extent = type.getDimSize(d), local = dims[d].getLocal();
      int64_t first = dims[d].getAxis() == grid::Axis::None ? 0 : place::overlapStart(extent, local, ranks[core]);
      std::vector<int64_t> next;
      next.reserve(offsets.size() * local);
      for (int64_t offset : offsets)
        for (int64_t i = 0; i < local; ++i)
          next.push_back(offset + place::digitOffset(digits, first + i));
      offsets = std::move(next);
    }
    if (llvm::any_of(offsets, [](int64_t offset) { return !llvm::isInt<32>(offset); }))
      return userError("weight '" + op.getName().str() + "' is too large: offsets in it go beyond 2^31");
    table.insert(table.end(), offsets.begin(), offsets.end());
  }
  return table;
}

/// Makes a stored weight of blocks one of the bytes that these are.
static void asBytes(pkg::WeightT &weight, runtime::BlockFormat format) {
  const runtime::BlockFacts &facts = runtime::factsOf(format);
  weight.file_blocks = pkg::BlockFormat::None;
  weight.file_element = pkg::ElementType::I8;
  weight.shape.back() = weight.shape.back() / facts.weights * facts.bytes;
}

Result<void> emitStored(fabric::StoredOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                        runtime::Package &package) {
  const frontend::WeightInfo *info = weights.find(op.getName().str());
  if (!info)
    return internalError("weight '" + op.getName().str() + "' is not among the model's tensors");
  auto type = cast<RankedTensorType>(op.getType());
  // Rows are the dimensions up to the first that is divided, so that each table depends on one axis.
  ArrayRef<grid::ShardAttr> dims = grid::layoutOf(type).getDims();
  size_t split = 0;
  while (split < dims.size() && dims[split].getAxis() == grid::Axis::None)
    ++split;
  split = split < dims.size() ? split + 1 : dims.size() / 2;
  auto weight = storedWeight(*info);
  if (info->blocks && type.getElementType().isInteger(8))
    asBytes(*weight, *info->blocks);
  weight->buffer = op.getBuffer().str();
  weight->element = elementType(type.getElementType());
  weight->linear = true;
  weight->base = op.getBase();
  pkg::Axis axis;
  auto rowOffsets = offsetTable(op, 0, split, axis, mesh);
  if (!rowOffsets)
    return rowOffsets.takeError();
  weight->row_index = std::move(*rowOffsets);
  weight->row_axis = axis;
  auto columnOffsets = offsetTable(op, split, dims.size(), axis, mesh);
  if (!columnOffsets)
    return columnOffsets.takeError();
  weight->col_index = std::move(*columnOffsets);
  weight->col_axis = axis;
  weight->rows_local = weight->cols_local = 1;
  for (size_t d = 0; d < dims.size(); ++d)
    (d < split ? weight->rows_local : weight->cols_local) *= static_cast<uint32_t>(dims[d].getLocal());
  weight->row_stride = static_cast<uint32_t>(weight->cols_local * grid::elementBytes(type.getElementType()));
  package.weights.push_back(std::move(weight));
  return {};
}

void emitConstant(fabric::ConstantOp op, runtime::Package &package) {
  auto values = cast<DenseElementsAttr>(op.getValue());
  auto constant = std::make_unique<pkg::ConstantT>();
  constant->name = constant->buffer = op.getBuffer().str();
  constant->axis = pkg::Axis::None;
  const size_t count = values.getNumElements(), size = grid::elementBytes(values.getElementType());
  constant->data.resize(count * size);
  if (values.getElementType().isInteger(1)) {
    for (auto [i, value] : llvm::enumerate(values.getValues<bool>()))
      constant->data[i] = value;
  } else {
    ArrayRef<char> raw = values.getRawData();
    for (size_t i = 0; i < count; ++i)
      std::memcpy(constant->data.data() + i * size, raw.data() + (values.isSplat() ? 0 : i * size), size);
  }
  constant->bytes_per_core = static_cast<uint32_t>(constant->data.size());
  package.constants.push_back(std::move(constant));
}

} // namespace weft::compiler
