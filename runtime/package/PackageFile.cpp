#include "runtime/package/PackageFile.h"
#include "runtime/package/UnpackedSize.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "FlatBuffers and the frame are read in place as little endian");

constexpr std::array<char, 8> magic = {'W', 'E', 'F', 'T', 'P', 'K', 'G', '\n'};
// magic, u32 version, u64 payload length, 16 bytes of XXH3-128 (canonical byte order); then the payload
constexpr size_t versionAt = 8, lengthAt = 12, digestAt = 20, headerBytes = 36;
// Package -> Program -> Task -> Instr -> Operand and Work are the deepest tables; the rest is room for newer fields.
constexpr flatbuffers::uoffset_t maxDepth = 16;

using Digest = std::array<std::byte, 16>;

Digest digestOf(const void *data, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
  Digest digest;
  std::memcpy(digest.data(), canonical.digest, digest.size());
  return digest;
}

/// The payload of the frame in `bytes`, its length and checksum proven.
Result<std::span<const std::byte>> unframe(std::span<const std::byte> bytes, const std::string &origin) {
  if (bytes.size() < magic.size() || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    return userError(fmt::format("{}: not a Weft package (it does not begin with WEFTPKG); "
                                 "give a .weft file that `weft compile` wrote",
                                 origin));
  if (bytes.size() < headerBytes)
    return userError(fmt::format("{}: truncated: {} bytes, the header alone has {}; copy the file again or compile "
                                 "the model again",
                                 origin, bytes.size(), headerBytes));
  uint32_t version;
  uint64_t length;
  std::memcpy(&version, bytes.data() + versionAt, sizeof version);
  std::memcpy(&length, bytes.data() + lengthAt, sizeof length);
  if (version != packageVersion)
    return userError(fmt::format("{}: package version {}, this weft reads version {}; compile the model again with "
                                 "this weft",
                                 origin, version, packageVersion));
  std::span<const std::byte> payload = bytes.subspan(headerBytes);
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

Error systemError(const std::string &path, const char *doing) {
  return userError(fmt::format("{}: {}: {}", path, doing, std::strerror(errno)));
}

/// Closes the descriptor and, until `keep`, removes the file.
class TemporaryFile {
public:
  TemporaryFile(std::string filePath) : path(std::move(filePath)) {
    descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  }
  ~TemporaryFile() {
    if (descriptor >= 0) {
      close();
      if (!kept)
        ::unlink(path.c_str());
    }
  }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  bool isOpen() const { return descriptor >= 0; }
  bool write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR)
        return false;
      bytes = bytes.subspan(written > 0 ? size_t(written) : 0);
    }
    return ::fsync(descriptor) == 0;
  }
  bool renameTo(const std::string &target) {
    if (!close() || ::rename(path.c_str(), target.c_str()) != 0)
      return false;
    kept = true;
    return true;
  }

private:
  bool close() {
    if (closed)
      return true;
    closed = true;
    return ::close(descriptor) == 0;
  }
  std::string path;
  int descriptor = -1;
  bool closed = false, kept = false;
};

Result<std::vector<std::byte>> readWholeFile(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(path, "cannot open the package");
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{descriptor};
  struct stat status {};
  if (::fstat(descriptor, &status) != 0)
    return systemError(path, "cannot read the package");
  if (!S_ISREG(status.st_mode))
    return userError(fmt::format("{}: not a regular file; give a .weft file that `weft compile` wrote", path));
  if (uint64_t(status.st_size) > headerBytes + uint64_t(FLATBUFFERS_MAX_BUFFER_SIZE))
    return userError(fmt::format("{}: {} bytes, a Weft package has less than 2 GiB", path, status.st_size));
  std::vector<std::byte> bytes(size_t(status.st_size));
  size_t filled = 0;
  while (filled < bytes.size()) {
    ssize_t got = ::read(descriptor, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError(path, "cannot read the package");
    if (got == 0)
      break; // shrank while being read; the frame's length will say so
    filled += size_t(got);
  }
  bytes.resize(filled);
  return bytes;
}

} // namespace

std::vector<std::byte> serialize(const Package &package) {
  flatbuffers::FlatBufferBuilder builder(1 << 20);
  pkg::FinishPackageBuffer(builder, pkg::Package::Pack(builder, &package));
  const uint64_t length = builder.GetSize();
  const Digest digest = digestOf(builder.GetBufferPointer(), length);
  std::vector<std::byte> bytes(headerBytes + length);
  std::memcpy(bytes.data(), magic.data(), magic.size());
  std::memcpy(bytes.data() + versionAt, &packageVersion, sizeof packageVersion);
  std::memcpy(bytes.data() + lengthAt, &length, sizeof length);
  std::memcpy(bytes.data() + digestAt, digest.data(), digest.size());
  std::memcpy(bytes.data() + headerBytes, builder.GetBufferPointer(), length);
  return bytes;
}

Result<void> writePackage(const Package &package, const std::string &path) {
  if (Result<void> checked = checkPackage(package); !checked)
    return checked;
  // Written beside the target and renamed: a reader never sees half a package, a failure leaves the old one.
  TemporaryFile file(fmt::format("{}.{}.partial", path, ::getpid()));
  if (!file.isOpen())
    return systemError(path, "cannot write the package");
  if (!file.write(serialize(package)) || !file.renameTo(path))
    return systemError(path, "cannot write the package");
  return success();
}

Result<std::unique_ptr<Package>> parsePackage(std::span<const std::byte> bytes, const std::string &origin) {
  Result<std::span<const std::byte>> payload = unframe(bytes, origin);
  if (!payload)
    return payload.takeError();
  // FlatBuffers reads scalars in place, so the payload must be aligned, which behind the header it is not.
  std::vector<std::byte> aligned(payload->begin(), payload->end());
  const auto *data = reinterpret_cast<const uint8_t *>(aligned.data());
  const std::string malformed = fmt::format("{}: malformed: the checksum agrees, but ", origin);
  // A table costs at least 8 bytes (a reference and a vtable offset), so more visits than that mean shared tables.
  flatbuffers::Verifier verifier(data, aligned.size(), maxDepth, flatbuffers::uoffset_t(aligned.size() / 8 + 1));
  if (aligned.size() < 8 || aligned.size() > FLATBUFFERS_MAX_BUFFER_SIZE || !pkg::VerifyPackageBuffer(verifier))
    return userError(malformed + "the payload is not a FlatBuffer of Weft's package schema; compile the model again");
  const pkg::Package *root = pkg::GetPackage(data);
  if (unpackedBytes(*root, aligned.size()) > aligned.size())
    return userError(malformed + "parts of it are shared, which no Weft compiler writes; compile the model again");
  std::unique_ptr<Package> package(root->UnPack());
  if (Result<void> checked = checkPackage(*package); !checked)
    return userError(fmt::format("{}{}; compile the model again", malformed, checked.error().message));
  return package;
}

Result<std::unique_ptr<Package>> readPackage(const std::string &path) {
  Result<std::vector<std::byte>> bytes = readWholeFile(path);
  if (!bytes)
    return bytes.takeError();
  return parsePackage(*bytes, path);
}

bool isPackageFile(const std::string &path) {
  std::array<char, magic.size()> start{};
  std::ifstream file(path, std::ios::binary);
  return file.read(start.data(), start.size()) && start == magic;
}

} // namespace weft::runtime
