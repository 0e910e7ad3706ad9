#include "runtime/support/MappedFile.h"

#include "runtime/support/Json.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::runtime {

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data(std::exchange(other.data, nullptr)), size(std::exchange(other.size, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<std::byte *>(data), size);
}

namespace {
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      close(fd);
  }
};
} // namespace

static Error failure(const std::string &path, const char *action) {
  return userError("cannot " + std::string(action) + " '" + printable(path) + "': " + std::strerror(errno));
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  // Without O_NONBLOCK a named pipe would block here for ever.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return failure(path, "open");
  struct stat status{};
  if (fstat(file.fd, &status) != 0)
    return failure(path, "examine");
  if (!S_ISREG(status.st_mode))
    return userError("cannot read '" + printable(path) + "': it is not a regular file");
  MappedFile mapped;
  if (status.st_size == 0) // mmap refuses a length of zero
    return mapped;
  void *address = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED)
    return failure(path, "map");
  mapped.data = static_cast<const std::byte *>(address);
  mapped.size = static_cast<size_t>(status.st_size);
  return mapped;
}

} // namespace weft::runtime
