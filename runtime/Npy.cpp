#include "runtime/Npy.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/WriteFile.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

namespace weft::runtime {
namespace {

// 6 bytes of magic, 2 of version, u16 length of the Python dictionary that follows.
constexpr std::string_view magic("\x93NUMPY\x01\x00", 8);
constexpr size_t preambleBytes = 10;

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<uint64_t> shape;
};

/// The text after `'key':` in the header's dictionary; it is written by machines, always in this form.
std::optional<std::string_view> valueOf(std::string_view dictionary, std::string_view key) {
  const size_t at = dictionary.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos)
    return std::nullopt;
  std::string_view rest = dictionary.substr(at + key.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

std::optional<std::vector<uint64_t>> parseShape(std::string_view text) {
  if (!text.starts_with('(') || text.find(')') == std::string_view::npos)
    return std::nullopt;
  text = text.substr(1, text.find(')') - 1);
  std::vector<uint64_t> shape;
  while (!text.empty()) {
    uint64_t extent;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), extent);
    if (failure != std::errc() || shape.size() == 8)
      return std::nullopt;
    shape.push_back(extent);
    text.remove_prefix(size_t(end - text.data()));
    text.remove_prefix(std::min(text.find_first_not_of(", "), text.size()));
  }
  return shape;
}

std::optional<Header> parseHeader(std::string_view dictionary) {
  auto descr = valueOf(dictionary, "descr"), order = valueOf(dictionary, "fortran_order"),
       shape = valueOf(dictionary, "shape");
  if (!descr || !order || !shape || descr->size() < 2 || descr->front() != '\'')
    return std::nullopt;
  auto extents = parseShape(*shape);
  if (!extents)
    return std::nullopt;
  return Header{std::string(descr->substr(1, descr->find('\'', 1) - 1)), order->starts_with("True"), *extents};
}

/// Elements of an array of this shape; nullopt if they are not `bytes` bytes.
template <typename T> std::optional<std::vector<T>> elements(std::span<const std::byte> bytes, uint64_t count) {
  if (count > bytes.size() / sizeof(T) || count * sizeof(T) != bytes.size())
    return std::nullopt;
  std::vector<T> values(count);
  if (count > 0)
    std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <typename T> const char *descrOf() {
  return std::is_same_v<T, float> ? "<f4" : std::is_same_v<T, int32_t> ? "<i4" : "<i8";
}

} // namespace

Result<NpyArray> parseNpy(std::span<const std::byte> bytes, const std::string &origin) {
  if (bytes.size() < preambleBytes || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    return userError(fmt::format("{}: not a .npy file of version 1.0", origin));
  uint16_t length;
  std::memcpy(&length, bytes.data() + magic.size(), sizeof length);
  std::span<const std::byte> rest = bytes.subspan(preambleBytes);
  if (length > rest.size())
    return userError(fmt::format("{}: truncated in its header", origin));
  auto header = parseHeader({reinterpret_cast<const char *>(rest.data()), length});
  if (!header || header->fortran)
    return userError(fmt::format("{}: a header that is not understood, or Fortran order", origin));
  uint64_t count = 1;
  for (uint64_t extent : header->shape)
    if (__builtin_mul_overflow(count, extent, &count))
      return userError(fmt::format("{}: its shape overflows", origin));
  NpyArray array{header->shape, {}};
  bool sized = false;
  auto take = [&](auto values) {
    sized = values.has_value();
    if (sized)
      array.values = std::move(*values);
  };
  if (header->descr == "<f4")
    take(elements<float>(rest.subspan(length), count));
  else if (header->descr == "<i4")
    take(elements<int32_t>(rest.subspan(length), count));
  else if (header->descr == "<i8")
    take(elements<int64_t>(rest.subspan(length), count));
  else
    return userError(fmt::format("{}: element type {}, only <f4, <i4 and <i8 are read", origin, header->descr));
  if (!sized)
    return userError(fmt::format("{}: {} elements of {} do not make its {} bytes", origin, count, header->descr,
                                 rest.size() - length));
  return array;
}

Result<NpyArray> readNpy(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseNpy(file->bytes(), path);
}

Result<void> writeNpy(const std::string &path, const NpyArray &array) {
  std::string shape;
  for (uint64_t extent : array.shape)
    shape += fmt::format("{}, ", extent);
  if (array.shape.size() > 1)
    shape.resize(shape.size() - 2); // a tuple of one keeps its comma
  return std::visit(
      [&](const auto &values) -> Result<void> {
        using T = typename std::decay_t<decltype(values)>::value_type;
        std::string header =
            fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descrOf<T>(), shape);
        header.append(63 - (preambleBytes + header.size()) % 64, ' '); // the data begins at a multiple of 64
        header += '\n';
        const auto length = uint16_t(header.size());
        std::string bytes(magic.begin(), magic.end());
        bytes.append(reinterpret_cast<const char *>(&length), sizeof length);
        bytes += header;
        bytes.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
        return writeFile(path, bytes);
      },
      array.values);
}

} // namespace weft::runtime
