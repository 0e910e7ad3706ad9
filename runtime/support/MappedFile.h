// A file's bytes in memory without a copy.
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft::runtime {

/// A regular file mapped read-only for as long as this object lives. The bytes are those of the file: whoever truncates
/// it meanwhile takes them away (as with any mapped file).
class MappedFile {
public:
  /// Error: the file does not exist, may not be read, or is not a regular file; the message names `path`.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data, size}; }
  std::string_view text() const { return {reinterpret_cast<const char *>(data), size}; }

private:
  const std::byte *data = nullptr;
  size_t size = 0;
};

} // namespace weft::runtime
