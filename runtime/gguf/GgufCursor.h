// Reads values one after another from a GGUF header, never beyond its bytes. Internal to runtime/gguf.
#pragma once

#include "runtime/gguf/Gguf.h"

#include <fmt/format.h>

#include <cstring>

namespace weft::runtime {

class GgufCursor {
public:
  GgufCursor(std::span<const std::byte> file, uint64_t position, const std::string &origin)
      : file(file), position(position), origin(origin) {}

  uint64_t at() const { return position; }
  uint64_t size() const { return file.size(); }
  uint64_t left() const { return file.size() - position; }

  /// `what` names the value in messages. Hosts are little endian, as the format is.
  template <typename T> Result<T> number(const std::string &what) {
    if (left() < sizeof(T))
      return truncated(what);
    T value;
    std::memcpy(&value, file.data() + position, sizeof(T));
    position += sizeof(T);
    return value;
  }
  /// A length and as many bytes, at most `most`.
  Result<std::string_view> text(uint64_t most, const std::string &what);
  /// A type and a value of it.
  Result<GgufValue> value(const std::string &what);

private:
  Error truncated(const std::string &what) const;
  Result<GgufValue> valueOf(uint32_t type, const std::string &what);
  Result<GgufValue> array(const std::string &what);
  Result<GgufValue> flag(const std::string &what);

  std::span<const std::byte> file;
  uint64_t position;
  const std::string &origin;
};

} // namespace weft::runtime
