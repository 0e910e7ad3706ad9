#include "runtime/weights/Shard.h"

#include "runtime/package/Elements.h"
#include "runtime/package/QuantisedLayout.h"
#include "runtime/weights/StoredBlocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace weft::runtime {

namespace {

using pkg::ElementType;

uint32_t shareOf(pkg::Axis axis, uint32_t x, uint32_t y) {
  return axis == pkg::Axis::X ? x : axis == pkg::Axis::Y ? y : 0;
}

/// How one stored element becomes one of the target type: `Stored` and `Local` are their bits.
template <typename Stored, typename Local, typename Convert> struct Gather {
  Convert convert;

  void operator()(std::span<const int32_t> rows, std::span<const int32_t> cols, uint64_t rowStep, uint64_t colStep,
                  const std::byte *file, std::byte *local, uint32_t localStride) const {
    for (size_t i = 0; i < rows.size(); ++i) {
      std::byte *out = local + i * localStride;
      if (rows[i] < 0) {
        std::memset(out, 0, cols.size() * sizeof(Local));
        continue;
      }
      const std::byte *row = file + uint64_t(rows[i]) * rowStep * sizeof(Stored);
      for (size_t j = 0; j < cols.size(); ++j, out += sizeof(Local)) {
        Local value{};
        if (cols[j] >= 0) {
          Stored stored;
          std::memcpy(&stored, row + uint64_t(cols[j]) * colStep * sizeof(Stored), sizeof stored);
          value = convert(stored);
        }
        std::memcpy(out, &value, sizeof value);
      }
    }
  }
};

template <typename Stored, typename Local, typename Convert> Gather<Stored, Local, Convert> gather(Convert convert) {
  return {convert};
}

/// Calls `use` with the Gather for the pair of element types; false if there is none.
template <typename Use> bool withGather(ElementType from, ElementType to, Use use) {
  auto is = [&](ElementType a, ElementType b) { return from == a && to == b; };
  if (from == to)
    switch (elementBytes(from)) {
    case 1:
      use(gather<uint8_t, uint8_t>([](uint8_t bits) { return bits; }));
      break;
    case 2:
      use(gather<uint16_t, uint16_t>([](uint16_t bits) { return bits; }));
      break;
    case 4:
      use(gather<uint32_t, uint32_t>([](uint32_t bits) { return bits; }));
      break;
    default:
      use(gather<uint64_t, uint64_t>([](uint64_t bits) { return bits; }));
    }
  else if (is(ElementType::BF16, ElementType::F32))
    use(gather<uint16_t, float>(widenBf16));
  else if (is(ElementType::F16, ElementType::F32))
    use(gather<uint16_t, float>(widenF16));
  else if (is(ElementType::F32, ElementType::BF16))
    use(gather<float, uint16_t>(narrowBf16));
  else if (is(ElementType::F32, ElementType::F16))
    use(gather<float, uint16_t>(narrowF16));
  else if (is(ElementType::BF16, ElementType::F16))
    use(gather<uint16_t, uint16_t>([](uint16_t bits) { return narrowF16(widenBf16(bits)); }));
  else if (is(ElementType::F16, ElementType::BF16))
    use(gather<uint16_t, uint16_t>([](uint16_t bits) { return narrowBf16(widenF16(bits)); }));
  else
    return false;
  return true;
}

/// The stored element at `from` as an f32: exact.
float storedNumber(ElementType element, const std::byte *from) {
  uint32_t word = 0;
  uint16_t half = 0;
  if (elementBytes(element) == 4) {
    std::memcpy(&word, from, sizeof word);
    return std::bit_cast<float>(word);
  }
  std::memcpy(&half, from, sizeof half);
  return element == ElementType::F16 ? widenF16(half) : widenBf16(half);
}

/// The blocks of one core's quantised weight.
class QuantisedFill {
public:
  QuantisedFill(const pkg::WeightT &weight, std::span<const std::byte> stored, std::optional<BlockedTensor> fromBlocks,
                std::span<std::byte> local)
      : weight(weight), blocks(*weight.quantised), stored(stored), local(local), numbers(blocks.block_rows),
        fromBlocks(std::move(fromBlocks)) {}

  void operator()(std::span<const int32_t> rows, std::span<const int32_t> cols) {
    const auto blockBytes = uint64_t(quantisedBlockBytes(blocks.block_rows, blocks.columns));
    for (size_t first = 0; first < rows.size(); first += blocks.block_rows, local = local.subspan(blockBytes))
      for (size_t j = 0; j < cols.size(); ++j)
        fillColumn(rows.subspan(first, blocks.block_rows), cols[j], blocks.first_column + j);
  }

private:
  void fillColumn(std::span<const int32_t> rows, int32_t storedColumn, uint64_t column) {
    uint32_t largest = 0; // magnitudes are ordered as their bits are, NaN above all
    for (size_t i = 0; i < rows.size(); ++i) {
      numbers[i] = rows[i] < 0 || storedColumn < 0 ? 0.0f : numberAt(uint64_t(rows[i]), uint64_t(storedColumn));
      largest = std::max(largest, std::bit_cast<uint32_t>(numbers[i]) & 0x7fffffff);
    }
    const QuantisedScale scale(std::bit_cast<float>(largest));
    std::memcpy(local.data() + 4 * column, &scale.scale, sizeof scale.scale);
    std::byte *bytes = local.data() + 4 * uint64_t(blocks.columns);
    for (int64_t i = 0; i < quantisedDepth(int64_t(rows.size())); ++i)
      bytes[quantisedByte(static_cast<ByteOrder>(blocks.order), i, int64_t(column), blocks.columns)] =
          std::byte(i < int64_t(rows.size()) ? scale.quantise(numbers[size_t(i)]) : 0);
  }

  float numberAt(uint64_t row, uint64_t column) {
    if (weight.transposed)
      std::swap(row, column);
    if (fromBlocks)
      return fromBlocks->at(row * weight.shape.back() + column);
    return storedNumber(weight.file_element,
                        stored.data() + (row * weight.shape.back() + column) * elementBytes(weight.file_element));
  }

  const pkg::WeightT &weight;
  const pkg::QuantisedT &blocks;
  std::span<const std::byte> stored;
  std::span<std::byte> local; // from the block at hand on
  std::vector<float> numbers; // of one column
  std::optional<BlockedTensor> fromBlocks;
};

/// Of a weight in blocks, which are in `file`; none: its files have no such scales or zero points.
std::optional<BlockedTensor> blockedTensor(const pkg::WeightT &weight, std::span<const std::byte> file,
                                           ApartFiles files) {
  if (auto format = blockFormatOf(weight.file_blocks))
    return BlockedTensor(*format, file.subspan(weight.file_offset), weight.shape.back());
  const pkg::ApartT &apart = *weight.apart;
  auto part = [](const std::vector<uint8_t> &here, std::span<const std::byte> file, uint64_t offset) {
    return here.empty() ? PlaceInFile{file, offset} : PlaceInFile{std::as_bytes(std::span(here)), 0};
  };
  return apartTensor(apartFormatOf(apart), weight.shape.front(), weight.shape.back(), {file, weight.file_offset},
                     part(apart.scales_here, files.scales, apart.scales_offset),
                     part(apart.zeros_here, files.zeros, apart.zeros_offset));
}

/// Numbers that the file has in blocks, as numbers; false: of no type that they become. The stored row is the outer
/// loop, so that each block is read once.
bool fillNumbers(const pkg::WeightT &weight, BlockedTensor &stored, std::span<const int32_t> rows,
                 std::span<const int32_t> cols, std::byte *local) {
  const ElementType element = weight.element;
  if (element != ElementType::F32 && element != ElementType::F16 && element != ElementType::BF16)
    return false;
  const uint64_t size = elementBytes(element), length = weight.linear ? 1 : weight.shape.back();
  const bool rowsInside = weight.linear ? rows.size() > 1 && rows[1] - rows[0] == 1 : weight.transposed;
  const std::span<const int32_t> outer = rowsInside ? cols : rows, inner = rowsInside ? rows : cols;
  for (size_t a = 0; a < outer.size(); ++a)
    for (size_t b = 0; b < inner.size(); ++b) {
      const bool padding = outer[a] < 0 || inner[b] < 0;
      const float number = padding ? 0 : stored.at(weight.base + uint64_t(outer[a]) * length + uint64_t(inner[b]));
      const uint16_t half = element == ElementType::F16 ? narrowF16(number) : narrowBf16(number);
      const auto [row, column] = rowsInside ? std::pair(b, a) : std::pair(a, b);
      std::memcpy(local + row * weight.row_stride + column * size,
                  size == 4 ? static_cast<const void *>(&number) : &half, size);
    }
  return true;
}

/// Whether the blocks of a quantised weight end within `bytes`, its columns within theirs.
bool blocksFit(const pkg::WeightT &weight, uint64_t bytes) {
  const pkg::QuantisedT &blocks = *weight.quantised;
  return blocks.block_rows > 0 && weight.rows_local % blocks.block_rows == 0 &&
         uint64_t(blocks.first_column) + weight.cols_local <= blocks.columns &&
         weight.offset + weight.rows_local / blocks.block_rows *
                             uint64_t(quantisedBlockBytes(blocks.block_rows, blocks.columns)) <=
             bytes;
}

/// The same of a weight that stays in the file's blocks.
bool storedBlocksFit(const pkg::WeightT &weight, uint64_t bytes) {
  const pkg::BlocksT &blocks = *weight.blocks;
  return weight.transposed && blocks.rows > 0 && blocks.columns > 0 && weight.rows_local % blocks.rows == 0 &&
         uint64_t(blocks.first_column) + weight.cols_local <= blocks.columns &&
         weight.offset + weight.rows_local / blocks.rows * uint64_t(shapeOf(blocks).bytes()) <= bytes;
}

/// Entries [share * count, (share + 1) * count) of an index table; empty if the table is too short.
std::span<const int32_t> slice(const std::vector<int32_t> &table, uint64_t share, uint64_t count) {
  if (count == 0 || (share + 1) * count > table.size())
    return {};
  return std::span(table).subspan(share * count, count);
}

} // namespace

Result<void> fillShard(const pkg::WeightT &weight, std::span<const std::byte> file, uint32_t x, uint32_t y,
                       std::span<std::byte> buffer, ApartFiles apart) {
  if (!weight.core_rows.empty()) {
    auto found = std::lower_bound(weight.core_rows.begin(), weight.core_rows.end(), y);
    if (found == weight.core_rows.end() || *found != y)
      return success();
    y = static_cast<uint32_t>(found - weight.core_rows.begin());
  }
  std::span<const int32_t> rows = slice(weight.row_index, shareOf(weight.row_axis, x, y), weight.rows_local);
  std::span<const int32_t> cols = slice(weight.col_index, shareOf(weight.col_axis, x, y), weight.cols_local);
  const uint64_t rowBytes = uint64_t(weight.cols_local) * elementBytes(weight.element);
  const uint64_t storedCols = weight.shape.empty() ? 1 : weight.shape.back();
  const uint64_t localEnd = weight.offset + uint64_t(weight.rows_local - 1) * weight.row_stride + rowBytes;
  const uint64_t stored = storedBytes(weight);
  if (rows.empty() || cols.empty() || (weight.shape.empty() && !weight.linear) || weight.file_offset > file.size() ||
      stored > file.size() - weight.file_offset ||
      !(weight.quantised ? blocksFit(weight, buffer.size())
        : weight.blocks  ? storedBlocksFit(weight, buffer.size())
                         : localEnd <= buffer.size()))
    return internalError(
        fmt::format("weight {}: its file, buffer or core ({}, {}) does not go with it", weight.name, x, y));
  std::optional<BlockedTensor> blocked;
  if (weight.apart || weight.file_blocks != pkg::BlockFormat::None) {
    blocked = blockedTensor(weight, file, apart);
    if (!blocked)
      return internalError(fmt::format("weight {}: its scales lie outside their file", weight.name));
  }
  if (weight.quantised) {
    QuantisedFill(weight, file.subspan(weight.file_offset), blocked, buffer.subspan(weight.offset))(rows, cols);
    return success();
  }
  if (blocked) {
    const bool filled = weight.blocks
                            ? fillStoredBlocks(*weight.blocks, *blocked, rows, cols, buffer.subspan(weight.offset))
                            : fillNumbers(weight, *blocked, rows, cols, buffer.data() + weight.offset);
    return filled ? success()
                  : Result<void>(internalError(fmt::format("weight {}: its blocks of {} do not go with those of core "
                                                           "({}, {})",
                                                           weight.name, blocked->formatName(), x, y)));
  }
  const uint64_t rowStep = weight.transposed || weight.linear ? 1 : storedCols;
  const uint64_t colStep = weight.transposed ? storedCols : 1;
  if (weight.linear) // checkPackage() has seen that base and offsets stay inside
    file = file.subspan(weight.base * elementBytes(weight.file_element));
  const bool known = withGather(weight.file_element, weight.element, [&](const auto &gatherer) {
    gatherer(rows, cols, rowStep, colStep, file.data() + weight.file_offset, buffer.data() + weight.offset,
             weight.row_stride);
  });
  return known ? success()
               : Result<void>(internalError(fmt::format("weight {}: no conversion from {} to {}", weight.name,
                                                        pkg::EnumNameElementType(weight.file_element),
                                                        pkg::EnumNameElementType(weight.element))));
}

Result<void> fillConstant(const pkg::ConstantT &constant, uint32_t x, uint32_t y, std::span<std::byte> buffer) {
  const uint64_t bytes = constant.bytes_per_core, from = shareOf(constant.axis, x, y) * bytes;
  if (from + bytes > constant.data.size() || constant.offset + bytes > buffer.size())
    return internalError(
        fmt::format("constant {}: its buffer or core ({}, {}) does not go with it", constant.name, x, y));
  if (bytes > 0)
    std::memcpy(buffer.data() + constant.offset, constant.data.data() + from, bytes);
  return success();
}

CoreFiller::CoreFiller(const Package &package, const WeightFiles &files) : package(package), files(files) {
  auto find = [&](const std::string &name) -> const pkg::BufferT * {
    for (const auto &buffer : package.resident)
      if (buffer->name == name)
        return buffer.get();
    return nullptr;
  };
  for (const auto &weight : package.weights)
    weightBuffers.push_back(find(weight->buffer));
  for (const auto &constant : package.constants)
    constantBuffers.push_back(find(constant->buffer));
}

Result<void> CoreFiller::fill(uint32_t x, uint32_t y, std::span<std::byte> sram) const {
  auto bytesOf = [&](const pkg::BufferT *buffer) -> std::span<std::byte> {
    if (!buffer || uint64_t(buffer->offset) + buffer->bytes > sram.size())
      return {}; // the fill below says what does not fit
    return sram.subspan(buffer->offset, buffer->bytes);
  };
  for (size_t i = 0; i < weightBuffers.size(); ++i) {
    const pkg::WeightT &weight = *package.weights[i];
    ApartFiles apart;
    if (weight.apart)
      apart = {files.bytes(weight.apart->scales_file), files.bytes(weight.apart->zeros_file)};
    if (Result<void> ok = fillShard(weight, files.bytes(weight.file), x, y, bytesOf(weightBuffers[i]), apart); !ok)
      return ok;
  }
  for (size_t i = 0; i < constantBuffers.size(); ++i)
    if (Result<void> ok = fillConstant(*package.constants[i], x, y, bytesOf(constantBuffers[i])); !ok)
      return ok;
  return success();
}

} // namespace weft::runtime
