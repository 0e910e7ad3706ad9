// The GGUF format, versions 2 and 3, little endian: a header of counts, metadata by key, descriptions of tensors, then
// their bytes (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Knows nothing of architectures.
//
// A file is not to be trusted: every count and length is checked against the bytes that are there before it is used.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/weights/BlockFormat.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weft::runtime {

/// Types of metadata, by the number in the file.
enum class GgufType : uint32_t { U8, I8, U16, I16, U32, I32, F32, Bool, String, Array, U64, I64, F64 };

/// Elements lie in the file; strings are found already. Arrays of arrays do not exist.
struct GgufArray {
  GgufType type = GgufType::U8;
  uint64_t count = 0;
  std::span<const std::byte> bytes;      // of elements that are numbers or flags
  std::vector<std::string_view> strings; // of those that are strings

  /// Number `i`, where elements are integers; a value that does not fit 64 signed bits is -1.
  int64_t integer(uint64_t i) const;
  /// Number `i`, where elements are of type F32 or F64.
  double real(uint64_t i) const;
  bool ofIntegers() const;
  bool ofReals() const { return type == GgufType::F32 || type == GgufType::F64; }
};

/// Integers of all widths are one alternative, unsigned and signed.
using GgufValue = std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>;

/// What numbers a tensor is made of.
struct GgufElement {
  std::string_view name;             // as ggml writes it: "Q4_K"
  uint32_t weights = 1, bytes = 0;   // of a block
  std::optional<BlockFormat> format; // of those that Weft reads as blocks
};

struct GgufTensor {
  std::string name;
  GgufElement element;
  std::vector<uint64_t> extents;  // innermost first, as the file has them
  uint64_t offset = 0, bytes = 0; // offset from the start of the file
};

/// Text is found in the bytes that were parsed, which outlive this.
struct GgufFile {
  std::string origin; // for messages
  uint32_t version = 0;
  uint64_t dataStart = 0; // what is before is the header
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors; // by offset

  const GgufValue *find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// The value under `key`, empty if there is none; an error if it has another type or does not fit.
  Result<std::optional<uint32_t>> count(const std::string &key) const;
  Result<std::optional<int32_t>> integer(const std::string &key) const;
  Result<std::optional<double>> real(const std::string &key) const;
  Result<std::optional<bool>> flag(const std::string &key) const;
  Result<std::optional<std::string>> text(const std::string &key) const;
  /// Null: there is none.
  Result<const GgufArray *> array(const std::string &key) const;
  Error wrongType(std::string_view key, std::string_view expected) const;
};

/// Whether the bytes begin as such a file does.
bool looksLikeGguf(std::span<const std::byte> file);

/// Reads and checks the whole header. Every tensor lies inside the file, has the bytes that its shape and type call
/// for, and overlaps no other. `origin` names the file in messages.
Result<GgufFile> parseGguf(std::span<const std::byte> file, const std::string &origin);

} // namespace weft::runtime
