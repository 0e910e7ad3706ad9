#include "runtime/package/Frame.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <bit>
#include <cstring>

namespace weft::runtime {
namespace {

static_assert(std::endian::native == std::endian::little,
              "FlatBuffers and the frame are read in place as little endian");

constexpr size_t versionAt = 8, lengthAt = 12, digestAt = 20;
using Digest = std::array<std::byte, 16>;

Digest digestOf(const void *data, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
  Digest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

} // namespace

std::vector<std::byte> frame(std::span<const std::byte> payload) {
  const uint64_t length = payload.size();
  const Digest digest = digestOf(payload.data(), length);
  std::vector<std::byte> bytes(frameHeaderBytes);
  std::memcpy(bytes.data(), packageMagic.data(), packageMagic.size());
  std::memcpy(bytes.data() + versionAt, &packageVersion, sizeof packageVersion);
  std::memcpy(bytes.data() + lengthAt, &length, sizeof length);
  std::memcpy(bytes.data() + digestAt, digest.data(), digest.size());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

Result<std::span<const std::byte>> unframe(std::span<const std::byte> bytes, const std::string &origin) {
  if (bytes.size() < packageMagic.size() || std::memcmp(bytes.data(), packageMagic.data(), packageMagic.size()) != 0)
    return userError(fmt::format("{}: not a Weft package (it does not begin with WEFTPKG); "
                                 "give a .weft file that `weft compile` wrote",
                                 origin));
  if (bytes.size() < frameHeaderBytes)
    return userError(fmt::format("{}: truncated: {} bytes, the header alone has {}; copy the file again or compile "
                                 "the model again",
                                 origin, bytes.size(), frameHeaderBytes));
  uint32_t version;
  uint64_t length;
  std::memcpy(&version, bytes.data() + versionAt, sizeof version);
  std::memcpy(&length, bytes.data() + lengthAt, sizeof length);
  if (version != packageVersion)
    return userError(fmt::format("{}: package version {}, this weft reads version {}; compile the model again with "
                                 "this weft",
                                 origin, version, packageVersion));
  std::span<const std::byte> payload = bytes.subspan(frameHeaderBytes);
  if (payload.size() != length)
    return userError(fmt::format("{}: {}: the header announces {} bytes of payload, the file has {}; copy the file "
                                 "again or compile the model again",
                                 origin, payload.size() < length ? "truncated" : "bytes after the end", length,
                                 payload.size()));
  Digest digest = digestOf(payload.data(), payload.size());
  if (std::memcmp(digest.data(), bytes.data() + digestAt, digest.size()) != 0)
    return userError(fmt::format("{}: damaged: the checksum of the payload does not agree with the header; copy the "
                                 "file again or compile the model again",
                                 origin));
  return payload;
}

} // namespace weft::runtime
