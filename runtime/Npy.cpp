#include "runtime/Npy.h"

#include "runtime/support/MappedFile.h"
#include "runtime/support/WriteFile.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace weft::runtime {
namespace {

// 6 bytes of magic, 2 of version, the length (u16 in version 1, u32 later) of the Python dictionary that follows.
constexpr std::string_view magic("\x93NUMPY", 6);

struct Dtype {
  std::string_view name, descr;
  uint32_t bytes;
};
constexpr std::array<Dtype, 15> dtypes = {{{"bool", "|b1", 1},
                                           {"int8", "|i1", 1},
                                           {"uint8", "|u1", 1},
                                           {"int16", "<i2", 2},
                                           {"uint16", "<u2", 2},
                                           {"int32", "<i4", 4},
                                           {"uint32", "<u4", 4},
                                           {"int64", "<i8", 8},
                                           {"uint64", "<u8", 8},
                                           {"float16", "<f2", 2},
                                           {"float32", "<f4", 4},
                                           {"float64", "<f8", 8},
                                           {"void1", "|V1", 1},
                                           {"void2", "|V2", 2},
                                           {"void2", "<V2", 2}}};

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
    if (failure != std::errc() || shape.size() == 32)
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

/// Elements in C order of an array that lies in Fortran's, whose first index runs fastest.
std::vector<std::byte> toRowMajor(std::span<const std::byte> from, const std::vector<uint64_t> &shape, size_t size) {
  std::vector<std::byte> result(from.size());
  std::vector<uint64_t> index(shape.size(), 0);
  for (size_t i = 0; i * size < from.size(); ++i) {
    uint64_t at = 0;
    for (size_t d = 0; d < shape.size(); ++d)
      at = at * shape[d] + index[d];
    std::memcpy(result.data() + at * size, from.data() + i * size, size);
    for (size_t d = 0; d < shape.size() && ++index[d] == shape[d]; ++d)
      index[d] = 0;
  }
  return result;
}

} // namespace

uint32_t npyElementBytes(std::string_view dtype) {
  for (const Dtype &known : dtypes)
    if (known.name == dtype)
      return known.bytes;
  return 0;
}

Result<NpyArray> parseNpy(std::span<const std::byte> bytes, const std::string &origin) {
  const bool begins = bytes.size() >= 10 && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  const auto version = begins ? uint8_t(bytes[6]) : 0;
  const size_t lengthBytes = version == 1 ? 2 : 4;
  if (version < 1 || version > 3 || bytes.size() < 8 + lengthBytes)
    return userError(fmt::format("{}: not a .npy file of version 1 to 3", origin));
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, lengthBytes);
  std::span<const std::byte> rest = bytes.subspan(8 + lengthBytes);
  if (length > rest.size())
    return userError(fmt::format("{}: truncated in its header", origin));
  auto header = parseHeader({reinterpret_cast<const char *>(rest.data()), length});
  if (!header)
    return userError(fmt::format("{}: a header that is not understood", origin));
  rest = rest.subspan(length);
  const Dtype *dtype = nullptr;
  for (const Dtype &known : dtypes)
    if (known.descr == header->descr)
      dtype = &known;
  if (!dtype)
    return userError(fmt::format("{}: elements of type '{}'; booleans, little-endian integers and floats of up to 64 "
                                 "bits are read",
                                 origin, header->descr));
  uint64_t size = dtype->bytes;
  for (uint64_t extent : header->shape)
    if (__builtin_mul_overflow(size, extent, &size))
      return userError(fmt::format("{}: its shape overflows", origin));
  if (size != rest.size())
    return userError(fmt::format("{}: its shape and element type {} make {} bytes, and there are {}", origin,
                                 dtype->name, size, rest.size()));
  NpyArray array{header->shape, std::string(dtype->name), {}};
  if (header->fortran && header->shape.size() > 1)
    array.bytes = toRowMajor(rest, header->shape, dtype->bytes);
  else
    array.bytes.assign(rest.begin(), rest.end());
  return array;
}

Result<NpyArray> readNpy(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseNpy(file->bytes(), path);
}

std::string formatNpy(const NpyArray &array) {
  std::string shape, descr;
  for (uint64_t extent : array.shape)
    shape += fmt::format("{}, ", extent);
  if (array.shape.size() > 1)
    shape.resize(shape.size() - 2); // a tuple of one keeps its comma
  for (const Dtype &known : dtypes)
    if (known.name == array.dtype && descr.empty())
      descr = known.descr;
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  header.append(63 - (10 + header.size()) % 64, ' '); // the data begins at a multiple of 64
  header += '\n';
  const auto length = uint16_t(header.size());
  std::string bytes(magic);
  bytes.append("\x01\x00", 2);
  bytes.append(reinterpret_cast<const char *>(&length), sizeof length);
  bytes += header;
  bytes.append(reinterpret_cast<const char *>(array.bytes.data()), array.bytes.size());
  return bytes;
}

Result<void> writeNpy(const std::string &path, const NpyArray &array) { return writeFile(path, formatNpy(array)); }

} // namespace weft::runtime
