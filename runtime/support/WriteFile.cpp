#include "runtime/support/WriteFile.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::runtime {

namespace {

Error cannotWrite(const std::string &path) {
  return userError(fmt::format("{}: cannot write it: {}", path, std::strerror(errno)));
}

/// A descriptor that closes itself.
struct Descriptor {
  explicit Descriptor(int value) : value(value) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  bool close() {
    bool closed = value < 0 || ::close(value) == 0;
    value = -1;
    return closed;
  }
  int value;
};

bool writeAll(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR)
      return false;
    bytes = bytes.subspan(written > 0 ? static_cast<size_t>(written) : 0);
  }
  return true;
}

bool isSpecial(const std::string &path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
}

} // namespace

Result<void> writeFile(const std::string &path, std::span<const std::byte> bytes) {
  if (isSpecial(path)) {
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.value < 0 || !writeAll(file.value, bytes) || !file.close())
      return cannotWrite(path);
    return {};
  }
  const std::string partial = fmt::format("{}.{}.partial", path, ::getpid());
  Descriptor file(::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.value < 0)
    return cannotWrite(path);
  if (!writeAll(file.value, bytes) || ::fsync(file.value) != 0 || !file.close() ||
      ::rename(partial.c_str(), path.c_str()) != 0) {
    Error error = cannotWrite(path);
    ::unlink(partial.c_str());
    return error;
  }
  return {};
}

Result<void> writeFile(const std::string &path, std::string_view text) {
  return writeFile(path, std::as_bytes(std::span(text.data(), text.size())));
}

Result<void> checkWritable(const std::string &path) {
  if (isSpecial(path) && !std::filesystem::is_directory(path))
    return ::access(path.c_str(), W_OK) == 0 ? Result<void>() : cannotWrite(path);
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (std::error_code failure; std::filesystem::is_directory(path, failure))
    return userError(fmt::format("{}: cannot write it: it is a folder", path));
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0)
    return cannotWrite(path);
  return {};
}

} // namespace weft::runtime
