// One core's share of weights and constants, in the form its kernels read.
#pragma once

#include "runtime/weights/HalfFloat.h"
#include "runtime/weights/WeightFiles.h"

#include <cstdint>
#include <span>
#include <vector>

namespace weft::runtime {

/// The files of a weight whose scales and zero points lie apart.
struct ApartFiles {
  std::span<const std::byte> scales, zeros;
};

/// Core (x, y)'s local matrix of `weight`, gathered from the bytes of its file into the bytes of its resident buffer.
/// Padding (index -1) becomes zero; the bytes between rows, other weights' columns of a block, and cores that do not
/// have the weight are left alone.
/// Errors: spans or coordinates that do not go with `weight`, as checkPackage would have found.
Result<void> fillShard(const pkg::WeightT &weight, std::span<const std::byte> file, uint32_t x, uint32_t y,
                       std::span<std::byte> buffer, ApartFiles apart = {});

/// Core (x, y)'s bytes of `constant` into its resident buffer.
Result<void> fillConstant(const pkg::ConstantT &constant, uint32_t x, uint32_t y, std::span<std::byte> buffer);

/// Fills whole cores: buffer names resolved once, then any number of cores.
class CoreFiller {
public:
  /// Both must outlive the filler. `package` has passed checkPackage.
  CoreFiller(const Package &package, const WeightFiles &files);

  /// Every weight and constant of core (x, y) into its SRAM, from byte 0.
  Result<void> fill(uint32_t x, uint32_t y, std::span<std::byte> sram) const;

private:
  const Package &package;
  const WeightFiles &files;
  std::vector<const pkg::BufferT *> weightBuffers, constantBuffers; // by weight, by constant; null: none of that name
};

} // namespace weft::runtime
