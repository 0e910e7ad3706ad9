#include "runtime/package/PackageFile.h"
#include "runtime/package/Frame.h"
#include "runtime/package/UnpackedSize.h"
#include "runtime/support/WriteFile.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::runtime {
namespace {

// Package -> Program -> Task -> Instr -> Operand and Work are the deepest tables; the rest is room for newer fields.
constexpr flatbuffers::uoffset_t maxDepth = 16;

Error systemError(const std::string &path, const char *doing) {
  return userError(fmt::format("{}: {}: {}", path, doing, std::strerror(errno)));
}

Result<std::vector<std::byte>> readWholeFile(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(path, "cannot open the package");
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{descriptor};
  struct stat status{};
  if (::fstat(descriptor, &status) != 0)
    return systemError(path, "cannot read the package");
  if (!S_ISREG(status.st_mode))
    return userError(fmt::format("{}: not a regular file; give a .weft file that `weft compile` wrote", path));
  if (uint64_t(status.st_size) > frameHeaderBytes + uint64_t(FLATBUFFERS_MAX_BUFFER_SIZE))
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
  return frame({reinterpret_cast<const std::byte *>(builder.GetBufferPointer()), builder.GetSize()});
}

Result<void> writePackage(const Package &package, const std::string &path) {
  if (Result<void> checked = checkPackage(package); !checked)
    return checked;
  return writeFile(path, serialize(package));
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
  const UnpackedSize size = unpackedSize(*root, aligned.size());
  if (size.bytes > aligned.size())
    return userError(malformed + "parts of it are shared, which no Weft compiler writes; compile the model again");
  if (!size.aligned)
    return userError(malformed + "the elements of a vector are not aligned; compile the model again");
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
  std::array<char, packageMagic.size()> start{};
  std::ifstream file(path, std::ios::binary);
  return file.read(start.data(), start.size()) && start == packageMagic;
}

} // namespace weft::runtime
