#include "runtime/package/Check.h"
#include "runtime/package/QuantisedLayout.h"
#include "runtime/package/StoredFormats.h"

#include <algorithm>
#include <tuple>

namespace weft::runtime::check {
namespace {

/// Cores that have a share of their own along `axis`.
uint64_t shares(const Package &package, pkg::Axis axis) {
  return axis == pkg::Axis::None ? 1 : lineLength(package, axis);
}

/// Of a weight, which may be on some rows of cores alone.
uint64_t shares(const Package &package, const pkg::WeightT &weight, pkg::Axis axis) {
  return axis == pkg::Axis::Y && !weight.core_rows.empty() ? weight.core_rows.size() : shares(package, axis);
}

/// The rows of cores that have the weight ascend and are on the mesh.
Result<void> coreRows(const Package &package, const pkg::WeightT &weight, const std::string &where) {
  for (size_t i = 0; i < weight.core_rows.size(); ++i)
    if (weight.core_rows[i] >= package.mesh_height || (i > 0 && weight.core_rows[i] <= weight.core_rows[i - 1]))
      return error("{}: row {} of cores, of {}, is none or out of order", where, weight.core_rows[i],
                   package.mesh_height);
  return success();
}

Result<void> indexTable(const std::vector<int32_t> &table, uint64_t entries, uint64_t extent,
                        const std::string &where) {
  if (table.size() != entries)
    return error("{} has {} entries, local extent times cores make {}", where, table.size(), entries);
  for (int32_t index : table)
    if (index < -1 || (index >= 0 && uint64_t(index) >= extent))
      return error("{} holds {}, outside the stored tensor's {}", where, index, extent);
  return success();
}

/// Bytes of `count` numbers as the file has them, the last dimension being `row` long; an error if rows are no whole
/// blocks.
Result<uint64_t> storedSize(const pkg::WeightT &weight, uint64_t count, const std::string &where) {
  uint64_t bytes = 0;
  if (weight.apart) // extents are below 2^31
    return apartFormatOf(*weight.apart).codeBytes(count / weight.shape.back(), weight.shape.back());
  if (weight.file_blocks == pkg::BlockFormat::None) {
    if (__builtin_mul_overflow(elementBytes(weight.file_element), count, &bytes))
      return error("{}: {} stored elements have no size", where, count);
    return bytes;
  }
  const BlockFacts &facts = factsOf(*blockFormatOf(weight.file_blocks));
  if (weight.shape.back() % facts.weights != 0)
    return error("{}: its rows of {} are no whole blocks of {}", where, weight.shape.back(), facts.weights);
  if (__builtin_mul_overflow(count / facts.weights, uint64_t(facts.bytes), &bytes))
    return error("{}: {} stored elements have no size", where, count);
  return bytes;
}

Result<void> inFile(const Package &package, uint32_t file, uint64_t offset, uint64_t bytes, const std::string &where) {
  if (file >= package.files.size())
    return error("{}: file {} of {}", where, file, package.files.size());
  const uint64_t fileBytes = package.files[file]->size;
  if (offset > fileBytes || bytes > fileBytes - offset)
    return error("{}: its {} bytes at {} lie outside its file of {} bytes", where, bytes, offset, fileBytes);
  return success();
}

/// The format is one that is known, of a matrix whose scales and zero points lie in their files.
Result<void> apartParts(const Package &package, const pkg::WeightT &weight, const std::string &where) {
  const pkg::ApartT &apart = *weight.apart;
  const ApartFormat format = apartFormatOf(apart);
  const bool isFloat = apart.scale_element == pkg::ElementType::F32 || apart.scale_element == pkg::ElementType::F16 ||
                       apart.scale_element == pkg::ElementType::BF16;
  if (!format.isKnown() || !isFloat)
    return error("{}: no format has {} bits in groups of {} with scales of element type {}, order {}, share {}", where,
                 apart.bits, apart.length, unsigned(apart.scale_element), unsigned(apart.order), unsigned(apart.share));
  if (weight.file_blocks != pkg::BlockFormat::None || weight.file_element != pkg::ElementType::F32 ||
      weight.shape.size() != 2)
    return error("{}: scales apart are those of an f32 matrix in no other blocks", where);
  const uint64_t rows = weight.shape[0], length = weight.shape[1]; // below 2^31
  auto part = [&](const std::vector<uint8_t> &here, uint32_t file, uint64_t offset, uint64_t bytes,
                  const char *what) -> Result<void> {
    if (!here.empty() && here.size() != bytes)
      return error("{}: {} bytes of {} instead of {}", where, here.size(), what, bytes);
    return inFile(package, file, here.empty() ? offset : 0, here.empty() ? bytes : 0,
                  fmt::format("{}: of its {}", where, what));
  };
  if (Result<void> scales =
          part(apart.scales_here, apart.scales_file, apart.scales_offset, format.scaleBytes(rows, length), "scales");
      !scales)
    return scales;
  return part(apart.zeros_here, apart.zeros_file, format.zeros ? apart.zeros_offset : 0, format.zeroBytes(rows, length),
              "zero points");
}

/// The stored tensor is a vector or a matrix whose bytes lie inside its file.
Result<void> storedTensor(const Package &package, const pkg::WeightT &weight, const std::string &where) {
  if (!weight.linear && (weight.shape.empty() || weight.shape.size() > 2))
    return error("{}: {} dimensions, a stored weight has 1 or 2", where, weight.shape.size());
  uint64_t count = 1;
  for (uint64_t extent : weight.shape)
    if (extent == 0 || extent > INT32_MAX || __builtin_mul_overflow(count, extent, &count))
      return error("{}: extent {} of its shape is out of range", where, extent);
  if (weight.apart)
    if (Result<void> parts = apartParts(package, weight, where); !parts)
      return parts;
  Result<uint64_t> bytes = storedSize(weight, count, where);
  if (!bytes)
    return bytes.takeError();
  return inFile(package, weight.file, weight.file_offset, *bytes, where);
}

Result<void> localMatrix(const pkg::WeightT &weight, const pkg::BufferT &target, const std::string &where) {
  const uint64_t rowBytes = elementBytes(weight.element) * weight.cols_local;
  if (weight.rows_local == 0 || weight.cols_local == 0)
    return error("{}: its local matrix is empty", where);
  if (weight.rows_local > 1 && weight.row_stride < rowBytes)
    return error("{}: a row of {} bytes with a stride of {}", where, rowBytes, weight.row_stride);
  const uint64_t end = weight.offset + uint64_t(weight.rows_local - 1) * weight.row_stride;
  if (end > target.bytes || rowBytes > target.bytes - end)
    return error("{}: {} rows of {} bytes at {} do not fit buffer {} of {} bytes", where, weight.rows_local, rowBytes,
                 weight.offset, target.name, target.bytes);
  return success();
}

/// Offsets of a linear weight, however they meet, are those of stored elements.
Result<void> offsets(const Package &package, const pkg::WeightT &weight, const std::string &where) {
  uint64_t elements = 1; // storedTensor() has seen that they do not overflow
  for (uint64_t extent : weight.shape)
    elements *= extent;
  if (weight.quantised || weight.blocks || weight.transposed || weight.base > elements)
    return error("{}: offsets from {} of {} elements, of a weight that is quantised, transposed or smaller", where,
                 weight.base, elements);
  uint64_t room = elements - weight.base;
  for (const auto &[table, local, axis] : {std::tuple(&weight.row_index, weight.rows_local, weight.row_axis),
                                           std::tuple(&weight.col_index, weight.cols_local, weight.col_axis)}) {
    if (Result<void> ok = indexTable(*table, local * shares(package, weight, axis), room, where + ": its offsets"); !ok)
      return ok;
    room -= uint64_t(std::max(*std::max_element(table->begin(), table->end()), 0));
  }
  return success();
}

/// Blocks of a quantised weight lie in the buffer, and its columns in the blocks.
Result<void> quantisedBlocks(const pkg::WeightT &weight, const pkg::BufferT &target, const std::string &where) {
  const pkg::QuantisedT &blocks = *weight.quantised;
  if (blocks.order > pkg::ByteOrder::MAX)
    return error("{}: unknown order of bytes {}", where, unsigned(blocks.order));
  if (blocks.block_rows == 0 || weight.rows_local == 0 || weight.rows_local % blocks.block_rows != 0)
    return error("{}: {} rows do not make blocks of {}", where, weight.rows_local, blocks.block_rows);
  if (weight.cols_local == 0 || uint64_t(blocks.first_column) + weight.cols_local > blocks.columns)
    return error("{}: columns {} to {} of a block that has {}", where, blocks.first_column,
                 uint64_t(blocks.first_column) + weight.cols_local, blocks.columns);
  uint64_t bytes = 4 + uint64_t(quantisedDepth(blocks.block_rows));
  if (weight.offset % 4 != 0 || __builtin_mul_overflow(bytes, blocks.columns, &bytes) ||
      __builtin_mul_overflow(bytes, weight.rows_local / blocks.block_rows, &bytes) || weight.offset > target.bytes ||
      bytes > target.bytes - weight.offset)
    return error("{}: {} blocks of {} rows and {} columns at {} do not fit buffer {} of {} bytes", where,
                 weight.rows_local / blocks.block_rows, blocks.block_rows, blocks.columns, weight.offset, target.name,
                 target.bytes);
  return success();
}

/// Blocks as the file has them lie in the buffer, and have room for what the file's format has.
Result<void> storedBlocks(const pkg::WeightT &weight, const pkg::BufferT &target, const std::string &where) {
  const pkg::BlocksT &blocks = *weight.blocks;
  auto isPower = [](uint64_t n) { return n > 0 && n <= 256 && (n & (n - 1)) == 0; };
  if ((weight.file_blocks == pkg::BlockFormat::None && !weight.apart) || !weight.transposed ||
      weight.shape.size() != 2 || weight.file_element != pkg::ElementType::F32)
    return error("{}: stays in blocks, but is no transposed matrix that the file has in blocks", where);
  if (blocks.bits < 2 || blocks.bits == 7 || blocks.bits > 8 || blocks.least > 0 || !isPower(blocks.group) ||
      !isPower(blocks.super_group) || blocks.group > blocks.super_group)
    return error("{}: no blocks have {} bits from {} on in groups of {} in {}", where, blocks.bits, blocks.least,
                 blocks.group, blocks.super_group);
  if (blocks.minimums && blocks.zeros)
    return error("{}: no blocks have both minimums and zero points", where);
  if (blocks.rows == 0 || weight.rows_local == 0 || weight.rows_local % blocks.rows != 0)
    return error("{}: {} rows do not make blocks of {}", where, weight.rows_local, blocks.rows);
  if (weight.cols_local == 0 || uint64_t(blocks.first_column) + weight.cols_local > blocks.columns)
    return error("{}: columns {} to {} of a block that has {}", where, blocks.first_column,
                 uint64_t(blocks.first_column) + weight.cols_local, blocks.columns);
  // Extents are below 2^31, so that a block is below 2^60 bytes; together they are compared with what the buffer has.
  if (blocks.rows > INT32_MAX || blocks.columns > INT32_MAX)
    return error("{}: blocks of {} rows and {} columns", where, blocks.rows, blocks.columns);
  const BlockShape shape = shapeOf(blocks);
  const auto number = static_cast<uint64_t>(weight.rows_local / blocks.rows);
  uint64_t bytes = 0;
  if (weight.offset % 4 != 0 || __builtin_mul_overflow(static_cast<uint64_t>(shape.bytes()), number, &bytes) ||
      weight.offset > target.bytes || bytes > target.bytes - weight.offset)
    return error("{}: {} blocks of {} rows and {} columns at {} do not fit buffer {} of {} bytes", where, number,
                 blocks.rows, blocks.columns, weight.offset, target.name, target.bytes);
  const auto known = blockFormatOf(weight.file_blocks);
  const BlockFacts facts = known ? factsOf(*known) : factsOf(apartFormatOf(*weight.apart));
  if (!holds(shape, facts))
    return error("{}: its blocks have no room for those of {}", where,
                 known ? std::string(facts.name) : nameOf(apartFormatOf(*weight.apart)));
  return success();
}

Result<void> weight(const Package &package, const BuffersByName &resident, const pkg::WeightT &weight) {
  const std::string where = fmt::format("weight {}", weight.name);
  auto isFloat = [](pkg::ElementType element) {
    return element == pkg::ElementType::F32 || element == pkg::ElementType::F16 || element == pkg::ElementType::BF16;
  };
  const bool converts =
      isFloat(weight.file_element) && (isFloat(weight.element) || weight.element == pkg::ElementType::I8);
  if (weight.file_element > pkg::ElementType::MAX || weight.element > pkg::ElementType::MAX ||
      (weight.file_element != weight.element && !converts) ||
      (!weight.linear && weight.file_element == pkg::ElementType::I8))
    return error("{}: no conversion from element type {} to {}", where, unsigned(weight.file_element),
                 unsigned(weight.element));
  if (weight.file_blocks > pkg::BlockFormat::MAX)
    return error("{}: unknown format of blocks {}", where, unsigned(weight.file_blocks));
  if (weight.file_blocks != pkg::BlockFormat::None &&
      (weight.file_element != pkg::ElementType::F32 || weight.shape.empty()))
    return error("{}: blocks stand for f32 in rows, not for element type {}", where, unsigned(weight.file_element));
  if ((weight.quantised && weight.blocks) || (weight.linear && (weight.quantised || weight.blocks)) ||
      (!weight.linear && (weight.element == pkg::ElementType::I8) != (weight.quantised || weight.blocks)))
    return error("{}: elements are i8 where a weight is quantised, and only there", where);
  if (weight.row_axis > pkg::Axis::MAX || weight.col_axis > pkg::Axis::MAX)
    return error("{}: unknown axis", where);
  if (Result<void> rows = coreRows(package, weight, where); !rows)
    return rows;
  if (Result<void> stored = storedTensor(package, weight, where); !stored)
    return stored;
  auto target = resident.find(weight.buffer);
  if (target == resident.end())
    return error("{}: no resident buffer is named {}", where, weight.buffer);
  if (Result<void> local = weight.quantised ? quantisedBlocks(weight, *target->second, where)
                           : weight.blocks  ? storedBlocks(weight, *target->second, where)
                                            : localMatrix(weight, *target->second, where);
      !local)
    return local;
  if (weight.linear)
    return offsets(package, weight, where);
  const uint64_t storedRows = weight.shape.size() == 2 ? weight.shape[0] : 1;
  const uint64_t storedCols = weight.shape.back();
  if (Result<void> rows = indexTable(weight.row_index, weight.rows_local * shares(package, weight, weight.row_axis),
                                     weight.transposed ? storedCols : storedRows, where + ": its row index");
      !rows)
    return rows;
  return indexTable(weight.col_index, weight.cols_local * shares(package, weight, weight.col_axis),
                    weight.transposed ? storedRows : storedCols, where + ": its column index");
}

} // namespace

Result<void> weights(const Package &package, const BuffersByName &resident) {
  for (const auto &entry : package.weights)
    if (Result<void> ok = weight(package, resident, *entry); !ok)
      return ok;
  for (const auto &constant : package.constants) {
    auto target = resident.find(constant->buffer);
    if (target == resident.end())
      return error("constant {}: no resident buffer is named {}", constant->name, constant->buffer);
    if (uint64_t(constant->offset) + constant->bytes_per_core > target->second->bytes)
      return error("constant {}: {} bytes at {} do not fit buffer {} of {} bytes", constant->name,
                   constant->bytes_per_core, constant->offset, constant->buffer, target->second->bytes);
    if (constant->axis > pkg::Axis::MAX ||
        constant->data.size() != constant->bytes_per_core * shares(package, constant->axis))
      return error("constant {}: {} bytes of data, {} a core make {}", constant->name, constant->data.size(),
                   constant->bytes_per_core, constant->bytes_per_core * shares(package, constant->axis));
  }
  return success();
}

} // namespace weft::runtime::check
