// NumPy's .npy files, little endian; .npz archives are in runtime/Npz.h.
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weft::runtime {

/// An array in memory: C order, little endian.
struct NpyArray {
  std::vector<uint64_t> shape;
  std::string dtype; // as NumPy names it: "float32", "int8", "bool", …; "void2" for two bytes of which it knows nothing
  std::vector<std::byte> bytes;

  template <typename T> static NpyArray of(std::vector<uint64_t> shape, const std::vector<T> &values) {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    const char *kind = std::is_floating_point_v<T> ? "float" : std::is_signed_v<T> ? "int" : "uint";
    const auto bytes = std::as_bytes(std::span(values));
    return {std::move(shape), kind + std::to_string(8 * sizeof(T)), {bytes.begin(), bytes.end()}};
  }
  /// The elements, which are of that type.
  template <typename T> std::vector<T> values() const {
    std::vector<T> result(bytes.size() / sizeof(T));
    if (!result.empty())
      std::memcpy(result.data(), bytes.data(), result.size() * sizeof(T));
    return result;
  }
  bool operator==(const NpyArray &) const = default;
};

/// Bytes of an element; 0 for a type that arrays cannot have.
uint32_t npyElementBytes(std::string_view dtype);

/// Reads an array of booleans, integers, floats or plain bytes. The error names the file and what it has instead.
Result<NpyArray> readNpy(const std::string &path);
/// The same from bytes; `origin` names them in messages.
Result<NpyArray> parseNpy(std::span<const std::byte> bytes, const std::string &origin);

/// `array.bytes` has product(shape) elements.
std::string formatNpy(const NpyArray &array);
Result<void> writeNpy(const std::string &path, const NpyArray &array);

} // namespace weft::runtime
