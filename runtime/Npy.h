// NumPy's .npy files (format version 1.0), little endian, C order.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace weft::runtime {

struct NpyArray {
  std::vector<uint64_t> shape;
  std::variant<std::vector<float>, std::vector<int32_t>, std::vector<int64_t>> values; // product(shape) of them
};

/// Reads an array of f32, i32 or i64. The error names the file and what it has instead.
Result<NpyArray> readNpy(const std::string &path);
/// The same from bytes; `origin` names them in messages.
Result<NpyArray> parseNpy(std::span<const std::byte> bytes, const std::string &origin);

/// `values` has product(shape) elements.
Result<void> writeNpy(const std::string &path, const NpyArray &array);

} // namespace weft::runtime
