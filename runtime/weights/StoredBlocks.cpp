#include "runtime/weights/StoredBlocks.h"

#include <cstring>

namespace weft::runtime {

std::optional<BlockFormat> blockFormatOf(pkg::BlockFormat format) {
  if (format == pkg::BlockFormat::None || format > pkg::BlockFormat::MAX)
    return std::nullopt;
  return static_cast<BlockFormat>(static_cast<int>(format) - 1);
}

pkg::BlockFormat packageFormat(BlockFormat format) {
  return static_cast<pkg::BlockFormat>(static_cast<int>(format) + 1);
}

BlockShape shapeOf(const pkg::BlocksT &blocks) {
  return {blocks.rows,        blocks.columns, blocks.bits,     blocks.least,   blocks.group,
          blocks.super_group, blocks.scales,  blocks.minimums, blocks.codebook};
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
  void shared(int64_t row, uint16_t d, uint16_t dmin) {
    std::byte *first = block.data() + (row / shape.super * shape.columns + column) * 2;
    std::memcpy(first, &d, sizeof d);
    if (shape.minimums)
      std::memcpy(first + shape.dminOffset(), &dmin, sizeof dmin);
  }
  void group(int64_t row, int8_t scale, uint8_t minimum) {
    if (shape.scales)
      at(shape.scaleOffset(), row / shape.group) = static_cast<std::byte>(scale);
    if (shape.minimums)
      at(shape.minimumOffset(), row / shape.group) = static_cast<std::byte>(minimum);
  }

private:
  std::byte &at(int64_t offset, int64_t row) { return block[offset + row * shape.columns + column]; }

  const BlockShape &shape;
  std::span<std::byte> block;
  int64_t column, chunk;
};

/// The blocks of one stored row.
class StoredRow {
public:
  StoredRow(BlockFormat format, const std::byte *bytes) : format(format), facts(factsOf(format)), bytes(bytes) {}

  const Block &blockOf(int64_t column) {
    if (int64_t wanted = column / facts.weights; wanted != current) {
      unpackBlock(format, bytes + wanted * facts.bytes, block);
      current = wanted;
    }
    return block;
  }

private:
  BlockFormat format;
  const BlockFacts &facts;
  const std::byte *bytes;
  int64_t current = -1;
  Block block;
};

} // namespace

/// False: rows of one group lie in different groups of the file.
static bool fillColumn(const BlockShape &shape, BlockFormat format, const std::byte *storedRow,
                       std::span<const int32_t> rows, ColumnWriter writer) {
  const BlockFacts &facts = factsOf(format);
  StoredRow stored(format, storedRow);
  int32_t groupOf = -1, blockOf = -1; // of the file, that the group and the super group at hand lie in
  for (int64_t i = 0; i < static_cast<int64_t>(rows.size()); ++i) {
    if (i % shape.group == 0) {
      groupOf = -1;
      writer.group(i, 0, 0);
    }
    if (i % shape.super == 0) {
      blockOf = -1;
      writer.shared(i, 0, 0);
    }
    if (rows[i] < 0 || storedRow == nullptr) {
      writer.code(i, 0);
      continue;
    }
    const Block &block = stored.blockOf(rows[i]);
    const auto group = static_cast<int32_t>(rows[i] / facts.group),
               whole = static_cast<int32_t>(rows[i] / facts.weights);
    if ((groupOf >= 0 && groupOf != group) || (blockOf >= 0 && blockOf != whole))
      return false;
    const auto place = static_cast<size_t>(rows[i] % facts.weights);
    if (blockOf < 0)
      writer.shared(i, block.d, block.dmin);
    if (groupOf < 0)
      writer.group(i, block.scales[place / facts.group], block.minimums[place / facts.group]);
    groupOf = group;
    blockOf = whole;
    const int8_t code = block.codes[place];
    writer.code(i, facts.codebook && !shape.codebook ? codebookIq4[static_cast<uint8_t>(code) & 15] : code);
  }
  return true;
}

bool fillStoredBlocks(const pkg::WeightT &weight, std::span<const std::byte> stored, uint64_t rowLength,
                      std::span<const int32_t> rows, std::span<const int32_t> cols, std::span<std::byte> local) {
  const BlockShape shape = shapeOf(*weight.blocks);
  const BlockFormat format = *blockFormatOf(weight.file_blocks);
  const BlockFacts &facts = factsOf(format);
  const uint64_t rowBytes = rowLength / facts.weights * facts.bytes, blockBytes = static_cast<uint64_t>(shape.bytes());
  for (size_t first = 0; first < rows.size(); first += weight.blocks->rows, local = local.subspan(blockBytes))
    for (size_t j = 0; j < cols.size(); ++j) {
      const std::byte *row = cols[j] < 0 ? nullptr : stored.data() + uint64_t(cols[j]) * rowBytes;
      ColumnWriter writer(shape, local.first(blockBytes), weight.blocks->first_column + static_cast<int64_t>(j));
      if (!fillColumn(shape, format, row, rows.subspan(first, weight.blocks->rows), writer))
        return false;
    }
  return true;
}

} // namespace weft::runtime
