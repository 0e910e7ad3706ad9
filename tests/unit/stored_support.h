// Stored matrices of random blocks, and what a core has of them.
#pragma once

#include "runtime/weights/Shard.h"
#include "runtime/weights/StoredBlocks.h"

#include <array>
#include <cstring>
#include <optional>
#include <random>
#include <vector>

namespace weft::test {

/// A stored matrix of random blocks, outputs x inputs, and its numbers.
struct Stored {
  Stored(runtime::BlockFormat format, int64_t outputs, int64_t inputs, std::mt19937 &random)
      : format(format), outputs(outputs), inputs(inputs) {
    const runtime::BlockFacts &facts = runtime::factsOf(format);
    bytes.resize(size_t(outputs * inputs / facts.weights * facts.bytes));
    for (std::byte &byte : bytes)
      byte = static_cast<std::byte>(random());
    // Scales and minimums are finite: exponents of f16 below the largest.
    for (size_t block = 0; block * facts.bytes < bytes.size(); ++block)
      for (uint32_t at : halvesOf(format))
        bytes[block * facts.bytes + at + 1] &= std::byte{0xb7};
    numbers.resize(size_t(outputs * inputs));
    runtime::dequantiseBlocks(format, bytes, numbers);
  }
  Stored(const runtime::ApartFormat &format, int64_t outputs, int64_t inputs, std::mt19937 &random)
      : apart(format), outputs(outputs), inputs(inputs), bytes(format.codeBytes(outputs, inputs)),
        scales(format.scaleBytes(outputs, inputs)), zeros(format.zeroBytes(outputs, inputs)) {
    for (std::vector<std::byte> *part : {&bytes, &scales, &zeros})
      for (std::byte &byte : *part)
        byte = static_cast<std::byte>(random());
    const size_t size = format.scale == runtime::ApartFormat::Scale::F32 ? 4 : 2;
    for (size_t i = size - 1; i < scales.size(); i += size)
      scales[i] &= std::byte{0xb7}; // finite, and so are the numbers
    for (int64_t row = 0; row < outputs; ++row)
      for (int64_t column = 0; column < inputs; ++column)
        numbers.push_back(apartNumber(row, column));
  }
  /// As ONNX Runtime documents MatMulNBits, and ONNX DequantizeLinear.
  float apartNumber(int64_t row, int64_t column) const {
    using Format = runtime::ApartFormat;
    const bool padded = apart->order == Format::Order::Blocks, turned = apart->order == Format::Order::Columns;
    auto field = [&](const std::vector<std::byte> &from, size_t firstByte, int64_t index) {
      const size_t bit = size_t(index) * apart->bits;
      const int code = int(std::to_integer<unsigned>(from[firstByte + bit / 8]) >> bit % 8 & ((1U << apart->bits) - 1));
      return apart->isSigned && code >= 1 << (apart->bits - 1) ? code - (1 << apart->bits) : code;
    };
    const int64_t block = column / apart->length, blocks = int64_t(apart->blocksOf(inputs));
    int64_t sharer = turned ? block * outputs + row : row * blocks + block;
    if (apart->share != Format::Share::Block)
      sharer = apart->share == Format::Share::Row ? row : 0;
    const int code = padded   ? field(bytes, size_t(row) * apart->codeBytes(1, inputs), column)
                     : turned ? field(bytes, 0, column * outputs + row)
                              : field(bytes, 0, row * inputs + column);
    const int zero = !apart->zeros ? (apart->isSigned ? 0 : 1 << (apart->bits - 1))
                     : padded      ? field(zeros, size_t(row) * apart->zeroBytes(1, inputs), block)
                                   : field(zeros, 0, sharer);
    float scale = 0;
    uint16_t half = 0;
    if (apart->scale == Format::Scale::F32) {
      std::memcpy(&scale, &scales[size_t(sharer) * 4], 4);
    } else {
      std::memcpy(&half, &scales[size_t(sharer) * 2], 2);
      scale = apart->scale == runtime::ApartFormat::Scale::F16 ? runtime::widenF16(half) : runtime::widenBf16(half);
    }
    return float(code - zero) * scale;
  }
  runtime::ApartFiles apartFiles() const { return {scales, zeros}; }
  /// Where a block has its 16-bit numbers.
  static std::vector<uint32_t> halvesOf(runtime::BlockFormat format) {
    switch (format) {
    case runtime::BlockFormat::Q2_K:
      return {80, 82};
    case runtime::BlockFormat::Q3_K:
      return {108};
    case runtime::BlockFormat::Q6_K:
      return {208};
    case runtime::BlockFormat::Q4_1:
    case runtime::BlockFormat::Q5_1:
    case runtime::BlockFormat::Q4_K:
    case runtime::BlockFormat::Q5_K:
      return {0, 2};
    default:
      return {0};
    }
  }
  runtime::BlockFormat format{};
  std::optional<runtime::ApartFormat> apart;
  int64_t outputs, inputs;
  std::vector<std::byte> bytes, scales, zeros;
  std::vector<float> numbers;
};

/// A weight of one core: some of the stored rows and columns.
inline pkg::WeightT weightOf(const Stored &stored, const runtime::BlockShape &shape, std::vector<int32_t> rows,
                             std::vector<int32_t> cols, int64_t firstColumn) {
  pkg::WeightT weight;
  weight.name = "w";
  if (stored.apart)
    weight.apart = runtime::packageFormat(*stored.apart);
  else
    weight.file_blocks = runtime::packageFormat(stored.format);
  weight.shape = {uint64_t(stored.outputs), uint64_t(stored.inputs)};
  weight.element = pkg::ElementType::I8;
  weight.transposed = true;
  weight.rows_local = uint32_t(rows.size());
  weight.cols_local = uint32_t(cols.size());
  weight.row_index = std::move(rows);
  weight.col_index = std::move(cols);
  weight.blocks = std::make_unique<pkg::BlocksT>();
  weight.blocks->rows = uint32_t(shape.rows);
  weight.blocks->columns = uint32_t(shape.columns);
  weight.blocks->first_column = uint32_t(firstColumn);
  weight.blocks->bits = uint8_t(shape.bits);
  weight.blocks->least = int8_t(shape.least);
  weight.blocks->group = uint16_t(shape.group);
  weight.blocks->super_group = uint16_t(shape.super);
  weight.blocks->scales = shape.scales;
  weight.blocks->minimums = shape.minimums;
  weight.blocks->codebook = shape.codebook;
  weight.blocks->wide = shape.wide;
  weight.blocks->zeros = shape.zeros;
  return weight;
}

inline constexpr std::array allFormats{
    runtime::BlockFormat::Q4_0, runtime::BlockFormat::Q4_1, runtime::BlockFormat::Q5_0,   runtime::BlockFormat::Q5_1,
    runtime::BlockFormat::Q8_0, runtime::BlockFormat::Q2_K, runtime::BlockFormat::Q3_K,   runtime::BlockFormat::Q4_K,
    runtime::BlockFormat::Q5_K, runtime::BlockFormat::Q6_K, runtime::BlockFormat::IQ4_NL, runtime::BlockFormat::IQ4_XS};

/// Formats with scales apart of every kind.
inline std::vector<runtime::ApartFormat> apartFormats() {
  std::vector<runtime::ApartFormat> formats;
  for (uint32_t bits : {2, 4, 8})
    for (uint32_t length : {16, 32, 256})
      for (auto scale :
           {runtime::ApartFormat::Scale::F32, runtime::ApartFormat::Scale::F16, runtime::ApartFormat::Scale::BF16})
        for (bool zeros : {false, true})
          formats.push_back({bits, length, scale, zeros});
  using Order = runtime::ApartFormat::Order;
  using Share = runtime::ApartFormat::Share;
  for (uint32_t bits : {4, 8})
    for (auto order : {Order::Rows, Order::Columns})
      for (auto share : {Share::Block, Share::Row, Share::Matrix})
        for (auto [zeros, isSigned] : {std::pair(true, true), std::pair(true, false), std::pair(false, true)})
          formats.push_back({bits, 32, runtime::ApartFormat::Scale::F32, zeros, order, share, isSigned});
  return formats;
}

} // namespace weft::test
