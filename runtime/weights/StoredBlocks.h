// Weights that the model's file has in blocks: as numbers, and as the small numbers with scales that a core keeps.
#pragma once

#include "runtime/package/StoredFormats.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace weft::runtime {

/// A stored tensor whose rows are blocks of numbers. The bytes are all there.
class BlockedTensor {
public:
  BlockedTensor(BlockFormat format, std::span<const std::byte> stored, uint64_t rowLength)
      : format(format), facts(factsOf(format)), rowLength(rowLength), stored(stored) {}
  BlockedTensor(const ApartFormat &format, std::span<const std::byte> codes, std::span<const std::byte> scales,
                std::span<const std::byte> zeros, uint64_t rows, uint64_t rowLength)
      : apart(format), facts(factsOf(format)), rows(rows), rowLength(rowLength), stored(codes), scales(scales),
        zeros(zeros) {}

  const BlockFacts &blockFacts() const { return facts; }
  std::string formatName() const { return apart ? nameOf(*apart) : std::string(facts.name); }
  /// Block `index` of a row.
  void unpack(uint64_t row, uint64_t index, Block &block) const;
  /// The number at an index in row-major order. Keeps the block it read last.
  float at(uint64_t index) {
    if (index - first >= count)
      read(index);
    return numbers[index - first];
  }

private:
  void read(uint64_t index);

  BlockFormat format{};
  std::optional<ApartFormat> apart;
  BlockFacts facts;
  uint64_t rows = 0, rowLength;
  std::span<const std::byte> stored, scales, zeros;
  uint64_t first = 0, count = 0; // of `numbers`
  float numbers[256];
};

/// `count` bytes of a file from `offset` on; none: it is too short.
std::optional<std::span<const std::byte>> bytesAt(std::span<const std::byte> file, uint64_t offset, uint64_t count);

/// Where a part of a tensor begins.
struct PlaceInFile {
  std::span<const std::byte> file;
  uint64_t offset = 0;
};
/// A matrix of codes whose scales and zero points lie apart; none: a file is too short. `zeros` means nothing where the
/// format has none.
std::optional<BlockedTensor> apartTensor(const ApartFormat &format, uint64_t rows, uint64_t rowLength,
                                         const PlaceInFile &codes, const PlaceInFile &scales, const PlaceInFile &zeros);

/// Of a weight with `blocks`: the local rows `rows` of columns `cols`, in the blocks of `local`. The stored tensor's
/// rows are the weight's columns (it is transposed). Other weights' columns of the blocks are left alone. False: some
/// rows that were to share a scale do not.
bool fillStoredBlocks(const pkg::BlocksT &blocks, const BlockedTensor &stored, std::span<const int32_t> rows,
                      std::span<const int32_t> cols, std::span<std::byte> local);

} // namespace weft::runtime
