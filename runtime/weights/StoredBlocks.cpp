#include "runtime/weights/StoredBlocks.h"

#include "runtime/weights/HalfFloat.h"

#include <algorithm>
#include <cstring>

namespace weft::runtime {

void BlockedTensor::unpack(uint64_t row, uint64_t index, Block &block) const {
  if (apart)
    unpackBlock(*apart, {stored.data(), scales.data(), zeros.data(), rows, rowLength}, row, index, block);
  else
    unpackBlock(format, stored.data() + (row * (rowLength / facts.weights) + index) * facts.bytes, block);
}

void BlockedTensor::read(uint64_t index) {
  const uint64_t row = index / rowLength, inRow = index % rowLength, blockIndex = inRow / facts.weights;
  Block block;
  unpack(row, blockIndex, block);
  numbersOf(facts, block, numbers);
  first = row * rowLength + blockIndex * facts.weights;
  count = std::min<uint64_t>(facts.weights, rowLength - blockIndex * facts.weights);
}

std::optional<std::span<const std::byte>> bytesAt(std::span<const std::byte> file, uint64_t offset, uint64_t count) {
  if (offset > file.size() || count > file.size() - offset)
    return std::nullopt;
  return file.subspan(offset, count);
}

std::optional<BlockedTensor> apartTensor(const ApartFormat &format, uint64_t rows, uint64_t rowLength,
                                         const PlaceInFile &codes, const PlaceInFile &scales,
                                         const PlaceInFile &zeros) {
  auto codeBytes = bytesAt(codes.file, codes.offset, format.codeBytes(rows, rowLength));
  auto scaleBytes = bytesAt(scales.file, scales.offset, format.scaleBytes(rows, rowLength));
  auto zeroBytes = bytesAt(zeros.file, format.zeros ? zeros.offset : 0, format.zeroBytes(rows, rowLength));
  if (!codeBytes || !scaleBytes || !zeroBytes)
    return std::nullopt;
  return BlockedTensor(format, *codeBytes, *scaleBytes, *zeroBytes, rows, rowLength);
}

namespace {

/// One column of one block on a core.
class ColumnWriter {
public:
  ColumnWriter(const BlockShape &shape, std::span<std::byte> block, int64_t column)
      : shape(shape), block(block), column(column), chunk(shape.chunk()) {
    for (int plane = 0; plane < 2; ++plane)
      for (int64_t row = 0, count = shape.planeBytes(plane) / shape.columns; row < count; ++row)
        at(shape.planeOffset(plane), row) = std::byte{0};
  }

  void code(int64_t row, int64_t code) {
    auto bits = static_cast<unsigned>(code - (shape.bits == 8 ? 0 : shape.least));
    for (int plane = 0; plane < 2; ++plane) {
      const int64_t width = shape.planes()[plane], byteRows = chunk * width / 8;
      if (width == 0)
        continue;
      const int64_t inChunk = row % chunk;
      at(shape.planeOffset(plane), row / chunk * byteRows + inChunk % byteRows) |=
          static_cast<std::byte>((bits & ((1U << width) - 1)) << (inChunk / byteRows * width));
      bits >>= width;
    }
  }
  void shared(int64_t row, float d, float dmin) {
    std::byte *first = block.data() + (row / shape.super * shape.columns + column) * shape.sharedBytes();
    number(first, d);
    if (shape.minimums)
      number(first + shape.dminOffset(), dmin);
  }
  void group(int64_t row, int8_t scale, uint8_t minimum, int8_t zero) {
    if (shape.scales)
      at(shape.scaleOffset(), row / shape.group) = static_cast<std::byte>(scale);
    if (shape.minimums)
      at(shape.minimumOffset(), row / shape.group) = static_cast<std::byte>(minimum);
    if (shape.zeros)
      at(shape.zeroOffset(), row / shape.group) = static_cast<std::byte>(zero);
  }

private:
  /// Exact: the shape has room for what the file has.
  void number(std::byte *to, float value) const {
    const uint16_t half = narrowF16(value);
    std::memcpy(to, shape.wide ? static_cast<const void *>(&value) : &half, static_cast<size_t>(shape.sharedBytes()));
  }
  std::byte &at(int64_t offset, int64_t row) { return block[offset + row * shape.columns + column]; }

  const BlockShape &shape;
  std::span<std::byte> block;
  int64_t column, chunk;
};

/// The blocks of one stored row.
class StoredRow {
public:
  StoredRow(const BlockedTensor &stored, uint64_t row) : stored(stored), row(row) {}

  const Block &blockOf(int64_t column) {
    if (int64_t wanted = column / stored.blockFacts().weights; wanted != current) {
      stored.unpack(row, static_cast<uint64_t>(wanted), block);
      current = wanted;
    }
    return block;
  }

private:
  const BlockedTensor &stored;
  uint64_t row;
  int64_t current = -1;
  Block block;
};

/// What the rows of a group on a core share; nothing where all of them are padding. Returns its zero point.
int8_t writeGroup(const BlockFacts &facts, StoredRow &stored, std::span<const int32_t> group, int64_t first,
                  ColumnWriter &writer) {
  auto found = std::find_if(group.begin(), group.end(), [](int32_t row) { return row >= 0; });
  if (found == group.end()) {
    writer.group(first, 0, 0, 0);
    return 0;
  }
  const Block &block = stored.blockOf(*found);
  const auto of = static_cast<size_t>(static_cast<uint32_t>(*found) % facts.weights / facts.group);
  writer.group(first, block.scales[of], block.minimums[of], block.zero);
  return block.zero;
}

/// False: rows of one group lie in different groups of the file.
bool fillColumn(const BlockShape &shape, const BlockedTensor &tensor, uint64_t storedRow, std::span<const int32_t> rows,
                ColumnWriter writer) {
  const BlockFacts &facts = tensor.blockFacts();
  StoredRow stored(tensor, storedRow);
  int64_t groupOf = -1, blockOf = -1; // of the file, that the group and the super group at hand lie in
  int8_t zero = 0;
  for (int64_t i = 0, count = static_cast<int64_t>(rows.size()); i < count; ++i) {
    if (i % shape.group == 0) {
      groupOf = -1;
      const auto size = static_cast<size_t>(std::min(shape.group, count - i));
      zero = writeGroup(facts, stored, rows.subspan(static_cast<size_t>(i), size), i, writer);
    }
    if (i % shape.super == 0) {
      blockOf = -1;
      writer.shared(i, 0, 0);
    }
    const int32_t row = rows[static_cast<size_t>(i)];
    if (row < 0) {
      writer.code(i, zero);
      continue;
    }
    const Block &block = stored.blockOf(row);
    const int64_t group = row / facts.group, whole = row / facts.weights;
    if ((groupOf >= 0 && groupOf != group) || (blockOf >= 0 && blockOf != whole))
      return false;
    if (blockOf < 0)
      writer.shared(i, block.d, block.dmin);
    groupOf = group;
    blockOf = whole;
    const int8_t code = block.codes[row % facts.weights];
    writer.code(i, facts.codebook && !shape.codebook ? codebookIq4[static_cast<uint8_t>(code) & 15] : code);
  }
  return true;
}

/// A column of padding.
void clearColumn(const BlockShape &shape, int64_t rows, ColumnWriter writer) {
  for (int64_t i = 0; i < rows; ++i) {
    if (i % shape.group == 0)
      writer.group(i, 0, 0, 0);
    if (i % shape.super == 0)
      writer.shared(i, 0, 0);
    writer.code(i, 0);
  }
}

} // namespace

bool fillStoredBlocks(const pkg::BlocksT &blocks, const BlockedTensor &stored, std::span<const int32_t> rows,
                      std::span<const int32_t> cols, std::span<std::byte> local) {
  const BlockShape shape = shapeOf(blocks);
  const auto blockBytes = static_cast<uint64_t>(shape.bytes());
  for (size_t first = 0; first < rows.size(); first += blocks.rows, local = local.subspan(blockBytes))
    for (size_t j = 0; j < cols.size(); ++j) {
      ColumnWriter writer(shape, local.first(blockBytes), blocks.first_column + static_cast<int64_t>(j));
      if (cols[j] < 0)
        clearColumn(shape, blocks.rows, writer);
      else if (!fillColumn(shape, stored, static_cast<uint64_t>(cols[j]), rows.subspan(first, blocks.rows), writer))
        return false;
    }
  return true;
}

} // namespace weft::runtime
