// Values of metadata: how they are read, and how they are asked for.
#include "runtime/gguf/GgufCursor.h"
#include "runtime/support/Json.h"

#include <array>

namespace weft::runtime {

namespace {

constexpr std::array<std::string_view, 13> typeNames{"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                     "bool", "string", "array", "u64", "i64", "f64"};

/// Bytes of an element of an array; 0: it has no fixed size.
uint64_t bytesOf(GgufType type) {
  switch (type) {
  case GgufType::U8:
  case GgufType::I8:
  case GgufType::Bool:
    return 1;
  case GgufType::U16:
  case GgufType::I16:
    return 2;
  case GgufType::U32:
  case GgufType::I32:
  case GgufType::F32:
    return 4;
  case GgufType::U64:
  case GgufType::I64:
  case GgufType::F64:
    return 8;
  case GgufType::String:
  case GgufType::Array:
    return 0;
  }
  return 0;
}

template <typename T> T elementAt(std::span<const std::byte> bytes, uint64_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

template <typename Wide, typename T> Result<GgufValue> widened(Result<T> value) {
  if (!value)
    return value.takeError();
  return GgufValue(static_cast<Wide>(*value));
}

} // namespace

Error GgufCursor::truncated(const std::string &what) const {
  return userError(fmt::format("{}: ends within {}; is the file truncated?", origin, what));
}

Result<std::string_view> GgufCursor::text(uint64_t most, const std::string &what) {
  Result<uint64_t> length = number<uint64_t>(what);
  if (!length)
    return length.takeError();
  if (*length > left())
    return userError(
        fmt::format("{}: {} claims to be {} bytes long, but only {} are left in the file; is it truncated?", origin,
                    what, *length, left()));
  if (*length > most)
    return userError(fmt::format("{}: {} is {} bytes long; at most {} are allowed", origin, what, *length, most));
  std::string_view text(reinterpret_cast<const char *>(file.data()) + position, *length);
  position += *length;
  return text;
}

Result<GgufValue> GgufCursor::value(const std::string &what) {
  Result<uint32_t> type = number<uint32_t>(what);
  if (!type)
    return type.takeError();
  return valueOf(*type, what);
}

Result<GgufValue> GgufCursor::flag(const std::string &what) {
  Result<uint8_t> value = number<uint8_t>(what);
  if (!value)
    return value.takeError();
  if (*value > 1)
    return userError(fmt::format("{}: {} is {}; a flag is 0 or 1", origin, what, *value));
  return GgufValue(*value == 1);
}

Result<GgufValue> GgufCursor::valueOf(uint32_t type, const std::string &what) {
  switch (static_cast<GgufType>(type)) {
  case GgufType::U8:
    return widened<uint64_t>(number<uint8_t>(what));
  case GgufType::U16:
    return widened<uint64_t>(number<uint16_t>(what));
  case GgufType::U32:
    return widened<uint64_t>(number<uint32_t>(what));
  case GgufType::U64:
    return widened<uint64_t>(number<uint64_t>(what));
  case GgufType::I8:
    return widened<int64_t>(number<int8_t>(what));
  case GgufType::I16:
    return widened<int64_t>(number<int16_t>(what));
  case GgufType::I32:
    return widened<int64_t>(number<int32_t>(what));
  case GgufType::I64:
    return widened<int64_t>(number<int64_t>(what));
  case GgufType::F32:
    return widened<double>(number<float>(what));
  case GgufType::F64:
    return widened<double>(number<double>(what));
  case GgufType::Bool:
    return flag(what);
  case GgufType::String: {
    Result<std::string_view> string = text(UINT64_MAX, what);
    if (!string)
      return string.takeError();
    return GgufValue(*string);
  }
  case GgufType::Array:
    return array(what);
  }
  return userError(fmt::format("{}: {} has type {}; GGUF has types 0 to 12", origin, what, type));
}

Result<GgufValue> GgufCursor::array(const std::string &what) {
  Result<uint32_t> type = number<uint32_t>(what);
  if (!type)
    return type.takeError();
  Result<uint64_t> count = number<uint64_t>(what);
  if (!count)
    return count.takeError();
  GgufArray array{static_cast<GgufType>(*type), *count, {}, {}};
  if (*type >= typeNames.size())
    return userError(fmt::format("{}: {} has elements of type {}; GGUF has types 0 to 12", origin, what, *type));
  if (array.type == GgufType::Array)
    return userError(fmt::format("{}: {} is an array of arrays; those are not read", origin, what));
  const uint64_t least = array.type == GgufType::String ? sizeof(uint64_t) : bytesOf(array.type);
  if (*count > left() / least)
    return userError(
        fmt::format("{}: {} claims to have {} elements of type {}, but only {} bytes are left in the file; "
                    "is it truncated?",
                    origin, what, *count, typeNames[*type], left()));
  if (array.type == GgufType::String) {
    for (uint64_t i = 0; i < *count; ++i) {
      Result<std::string_view> string = text(UINT64_MAX, fmt::format("{}, element {}", what, i));
      if (!string)
        return string.takeError();
      array.strings.push_back(*string);
    }
    return GgufValue(std::move(array));
  }
  array.bytes = file.subspan(position, *count * least);
  position += *count * least;
  if (array.type == GgufType::Bool)
    for (std::byte byte : array.bytes)
      if (std::to_integer<unsigned>(byte) > 1)
        return userError(
            fmt::format("{}: {} holds {}; a flag is 0 or 1", origin, what, std::to_integer<unsigned>(byte)));
  return GgufValue(std::move(array));
}

bool GgufArray::ofIntegers() const {
  return type != GgufType::F32 && type != GgufType::F64 && type != GgufType::String;
}

int64_t GgufArray::integer(uint64_t i) const {
  switch (type) {
  case GgufType::U8:
  case GgufType::Bool:
    return elementAt<uint8_t>(bytes, i);
  case GgufType::I8:
    return elementAt<int8_t>(bytes, i);
  case GgufType::U16:
    return elementAt<uint16_t>(bytes, i);
  case GgufType::I16:
    return elementAt<int16_t>(bytes, i);
  case GgufType::U32:
    return elementAt<uint32_t>(bytes, i);
  case GgufType::I32:
    return elementAt<int32_t>(bytes, i);
  case GgufType::U64: {
    auto value = elementAt<uint64_t>(bytes, i);
    return value > INT64_MAX ? -1 : static_cast<int64_t>(value);
  }
  default:
    return elementAt<int64_t>(bytes, i);
  }
}

double GgufArray::real(uint64_t i) const {
  return type == GgufType::F32 ? double(elementAt<float>(bytes, i)) : elementAt<double>(bytes, i);
}

//===----------------------------------------------------------------------------------------------------------------===//
// Asking for a value
//===----------------------------------------------------------------------------------------------------------------===//

const GgufValue *GgufFile::find(std::string_view key) const {
  auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : &found->second;
}

Error GgufFile::wrongType(std::string_view key, std::string_view expected) const {
  return userError(fmt::format("{}: metadata '{}' must be {}", origin, printable(key), expected));
}

Result<std::optional<uint32_t>> GgufFile::count(const std::string &key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<uint32_t>();
  const auto *given = std::get_if<uint64_t>(value);
  const auto *given2 = std::get_if<int64_t>(value);
  if ((given && *given <= UINT32_MAX) || (given2 && *given2 >= 0 && *given2 <= int64_t{UINT32_MAX}))
    return std::optional(static_cast<uint32_t>(given ? *given : static_cast<uint64_t>(*given2)));
  return wrongType(key, "an integer from 0 to 2^32 - 1");
}

Result<std::optional<int32_t>> GgufFile::integer(const std::string &key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<int32_t>();
  if (const auto *given = std::get_if<uint64_t>(value); given && *given <= INT32_MAX)
    return std::optional(static_cast<int32_t>(*given));
  if (const auto *given = std::get_if<int64_t>(value); given && *given >= INT32_MIN && *given <= INT32_MAX)
    return std::optional(static_cast<int32_t>(*given));
  return wrongType(key, "an integer of 32 bits");
}

Result<std::optional<double>> GgufFile::real(const std::string &key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<double>();
  if (const auto *given = std::get_if<double>(value))
    return std::optional(*given);
  return wrongType(key, "a floating-point number");
}

Result<std::optional<bool>> GgufFile::flag(const std::string &key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<bool>();
  if (const auto *given = std::get_if<bool>(value))
    return std::optional(*given);
  return wrongType(key, "a flag");
}

Result<std::optional<std::string>> GgufFile::text(const std::string &key) const {
  const GgufValue *value = find(key);
  if (!value)
    return std::optional<std::string>();
  if (const auto *given = std::get_if<std::string_view>(value))
    return std::optional(std::string(*given));
  return wrongType(key, "a string");
}

Result<const GgufArray *> GgufFile::array(const std::string &key) const {
  const GgufValue *value = find(key);
  if (!value)
    return static_cast<const GgufArray *>(nullptr);
  if (const auto *given = std::get_if<GgufArray>(value))
    return given;
  return wrongType(key, "an array");
}

} // namespace weft::runtime
