// Weights that the model's file has in blocks: as numbers, and as the small numbers with scales that a core keeps.
#pragma once

#include "runtime/package/PackageFile.h"
#include "runtime/weights/BlockShapes.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weft::runtime {

/// What the package calls these formats; none for BlockFormat::None.
std::optional<BlockFormat> blockFormatOf(pkg::BlockFormat format);
pkg::BlockFormat packageFormat(BlockFormat format);

BlockShape shapeOf(const pkg::BlocksT &blocks);

/// The numbers of a stored tensor by their index in row-major order. Keeps the block it read last.
class BlockNumbers {
public:
  /// `stored` are whole blocks.
  BlockNumbers(BlockFormat format, std::span<const std::byte> stored)
      : format(format), facts(factsOf(format)), stored(stored) {}

  float at(uint64_t index) {
    if (uint64_t block = index / facts.weights; block != current) {
      dequantiseBlock(format, stored.data() + block * facts.bytes, numbers);
      current = block;
    }
    return numbers[index % facts.weights];
  }

private:
  BlockFormat format;
  const BlockFacts &facts;
  std::span<const std::byte> stored;
  uint64_t current = UINT64_MAX;
  float numbers[256];
};

/// Of a weight with `blocks`: the local rows `rows` of columns `cols`, in the blocks of `local`. `stored` is the
/// tensor's bytes, rows of `rowLength` numbers, which are the weight's columns (it is transposed). Other weights'
/// columns of the blocks are left alone. False: some rows that were to share a scale do not.
bool fillStoredBlocks(const pkg::WeightT &weight, std::span<const std::byte> stored, uint64_t rowLength,
                      std::span<const int32_t> rows, std::span<const int32_t> cols, std::span<std::byte> local);

} // namespace weft::runtime
