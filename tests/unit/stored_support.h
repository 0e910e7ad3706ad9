// Stored matrices of random blocks, and what a core has of them.
#pragma once

#include "runtime/weights/Shard.h"
#include "runtime/weights/StoredBlocks.h"

#include <array>
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
  runtime::BlockFormat format;
  int64_t outputs, inputs;
  std::vector<std::byte> bytes;
  std::vector<float> numbers;
};

/// A weight of one core: some of the stored rows and columns.
inline pkg::WeightT weightOf(const Stored &stored, const runtime::BlockShape &shape, std::vector<int32_t> rows,
                             std::vector<int32_t> cols, int64_t firstColumn) {
  pkg::WeightT weight;
  weight.name = "w";
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
  return weight;
}

inline constexpr std::array allFormats{
    runtime::BlockFormat::Q4_0, runtime::BlockFormat::Q4_1, runtime::BlockFormat::Q5_0,   runtime::BlockFormat::Q5_1,
    runtime::BlockFormat::Q8_0, runtime::BlockFormat::Q2_K, runtime::BlockFormat::Q3_K,   runtime::BlockFormat::Q4_K,
    runtime::BlockFormat::Q5_K, runtime::BlockFormat::Q6_K, runtime::BlockFormat::IQ4_NL, runtime::BlockFormat::IQ4_XS};

} // namespace weft::test
