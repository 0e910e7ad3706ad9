// The zip format is PKWARE's APPNOTE.TXT, 6.3: local headers with the data, a central directory, and its end record.
#include "runtime/Npz.h"

#include "runtime/support/MappedFile.h"
#include "runtime/support/WriteFile.h"

#include <fmt/format.h>
#include <zlib.h>

namespace weft::runtime {
namespace {

constexpr uint32_t localSignature = 0x04034b50, centralSignature = 0x02014b50, endSignature = 0x06054b50;
constexpr size_t localBytes = 30, centralBytes = 46, endBytes = 22;
constexpr uint32_t date = 0x21; // 1 January 1980, so that the same arrays give the same file

uint32_t number(std::span<const std::byte> bytes, size_t at, size_t size) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, size);
  return value;
}

void append(std::string &to, uint32_t value, size_t size) { to.append(reinterpret_cast<const char *>(&value), size); }

struct Member {
  std::string name;
  uint32_t method = 0, crc = 0, packed = 0, unpacked = 0, offset = 0;
};

/// The members of the central directory.
Result<std::vector<Member>> directory(std::span<const std::byte> bytes, const std::string &origin) {
  auto bad = [&](const char *what) { return userError(fmt::format("{}: not a .npz file: {}", origin, what)); };
  if (bytes.size() < endBytes)
    return bad("it is too short");
  size_t end = bytes.size() - endBytes; // a comment of up to 64 KiB may follow the record
  const size_t least = end > 0xffff ? end - 0xffff : 0;
  while (number(bytes, end, 4) != endSignature)
    if (end-- == least)
      return bad("it has no directory");
  const uint32_t count = number(bytes, end + 10, 2), size = number(bytes, end + 12, 4);
  size_t at = number(bytes, end + 16, 4);
  if (at > end || size > end - at)
    return bad("its directory lies outside");
  std::vector<Member> members;
  for (uint32_t i = 0; i < count; ++i) {
    if (at + centralBytes > end || number(bytes, at, 4) != centralSignature)
      return bad("its directory is cut off");
    Member member{{},
                  number(bytes, at + 10, 2),
                  number(bytes, at + 16, 4),
                  number(bytes, at + 20, 4),
                  number(bytes, at + 24, 4),
                  number(bytes, at + 42, 4)};
    const size_t nameBytes = number(bytes, at + 28, 2);
    const size_t next = at + centralBytes + nameBytes + number(bytes, at + 30, 2) + number(bytes, at + 32, 2);
    if (next > end)
      return bad("its directory is cut off");
    member.name.assign(reinterpret_cast<const char *>(bytes.data()) + at + centralBytes, nameBytes);
    members.push_back(std::move(member));
    at = next;
  }
  return members;
}

Result<std::vector<std::byte>> inflated(std::span<const std::byte> packed, uint32_t size, const std::string &where) {
  // Deflate makes at most 1032 bytes of one: a member that claims more lies.
  if (size / 1032 > packed.size() + 1)
    return userError(fmt::format("{}: {} bytes cannot become {}", where, packed.size(), size));
  std::vector<std::byte> result(size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return internalError(fmt::format("{}: zlib cannot start", where));
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<std::byte *>(packed.data()));
  stream.avail_in = uInt(packed.size());
  stream.next_out = reinterpret_cast<Bytef *>(result.data());
  stream.avail_out = uInt(result.size());
  const int status = inflate(&stream, Z_FINISH);
  const uLong made = stream.total_out;
  inflateEnd(&stream);
  if (status != Z_STREAM_END || made != size)
    return userError(fmt::format("{}: its compressed data is damaged", where));
  return result;
}

Result<NpyArray> extract(std::span<const std::byte> bytes, const Member &member, const std::string &where) {
  if (member.packed == UINT32_MAX || member.unpacked == UINT32_MAX || member.offset == UINT32_MAX)
    return userError(fmt::format("{}: members of 4 GiB or more are not read", where));
  if (uint64_t(member.offset) + localBytes > bytes.size() || number(bytes, member.offset, 4) != localSignature)
    return userError(fmt::format("{}: its data lies outside the file", where));
  const uint64_t data = uint64_t(member.offset) + localBytes + number(bytes, member.offset + 26, 2) +
                        number(bytes, member.offset + 28, 2);
  if (data > bytes.size() || member.packed > bytes.size() - data)
    return userError(fmt::format("{}: its data lies outside the file", where));
  std::span<const std::byte> content = bytes.subspan(data, member.packed);
  std::vector<std::byte> unpacked;
  if (member.method == 8) {
    auto made = inflated(content, member.unpacked, where);
    if (!made)
      return made.takeError();
    unpacked = std::move(*made);
    content = unpacked;
  } else if (member.method != 0 || member.packed != member.unpacked) {
    return userError(fmt::format("{}: compressed by method {}; members are stored or deflated", where, member.method));
  }
  if (crc32(0, reinterpret_cast<const Bytef *>(content.data()), uInt(content.size())) != member.crc)
    return userError(fmt::format("{}: its checksum is wrong", where));
  return parseNpy(content, where);
}

} // namespace

Result<NamedArrays> parseNpz(std::span<const std::byte> bytes, const std::string &origin) {
  auto members = directory(bytes, origin);
  if (!members)
    return members.takeError();
  NamedArrays arrays;
  for (const Member &member : *members) {
    std::string name = member.name.ends_with(".npy") ? member.name.substr(0, member.name.size() - 4) : member.name;
    for (const auto &[other, ignored] : arrays)
      if (other == name)
        return userError(fmt::format("{}: two arrays are named {}", origin, name));
    auto array = extract(bytes, member, fmt::format("{}, {}", origin, member.name));
    if (!array)
      return array.takeError();
    arrays.emplace_back(std::move(name), std::move(*array));
  }
  return arrays;
}

Result<NamedArrays> readNpz(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.takeError();
  return parseNpz(file->bytes(), path);
}

Result<void> writeNpz(const std::string &path, const NamedArrays &arrays) {
  std::string file, central;
  for (const auto &[name, array] : arrays) {
    const std::string data = formatNpy(array), member = name + ".npy";
    const uint64_t offset = file.size();
    if (offset + data.size() > UINT32_MAX - 0x100000)
      return userError(fmt::format("{}: more than 4 GiB of arrays", path));
    const auto crc = uint32_t(crc32(0, reinterpret_cast<const Bytef *>(data.data()), uInt(data.size())));
    std::string common; // of both headers: version 2.0, names in UTF-8, stored
    append(common, 20, 2), append(common, 0x800, 2), append(common, 0, 2), append(common, date << 16, 4);
    append(common, crc, 4), append(common, uint32_t(data.size()), 4), append(common, uint32_t(data.size()), 4);
    append(common, uint32_t(member.size()), 2), append(common, 0, 2);
    append(file, localSignature, 4);
    file += common + member + data;
    append(central, centralSignature, 4), append(central, 20, 2);
    central += common;
    append(central, 0, 2), append(central, 0, 2), append(central, 0, 2), append(central, 0, 4);
    append(central, uint32_t(offset), 4);
    central += member;
  }
  std::string end;
  append(end, endSignature, 4), append(end, 0, 4);
  append(end, uint32_t(arrays.size()), 2), append(end, uint32_t(arrays.size()), 2);
  append(end, uint32_t(central.size()), 4), append(end, uint32_t(file.size()), 4), append(end, 0, 2);
  return writeFile(path, file + central + end);
}

} // namespace weft::runtime
