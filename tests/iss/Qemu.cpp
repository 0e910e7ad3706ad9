#include "tests/iss/Runner.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::isstest {

namespace {
/// Closes what it holds.
class Descriptor {
public:
  explicit Descriptor(int number) : number(number) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return number; }
  void reset() {
    if (number >= 0)
      close(number);
    number = -1;
  }

private:
  int number;
};

bool writeAll(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written <= 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

/// Until the other side closes; false after `timeoutSeconds` without a byte.
bool readAll(int descriptor, std::vector<std::byte> &bytes, int timeoutSeconds) {
  std::array<std::byte, 65536> buffer;
  for (;;) {
    pollfd poller{descriptor, POLLIN, 0};
    if (poll(&poller, 1, timeoutSeconds * 1000) <= 0)
      return false;
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count <= 0)
      return count == 0;
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + count);
  }
}

std::string describeStatus(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return WEXITSTATUS(status) == 0 ? "" : fmt::format("exit status {}", WEXITSTATUS(status));
}
} // namespace

std::string findQemu() {
  const char *path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const std::string file = folder + "/qemu-riscv64"; access(file.c_str(), X_OK) == 0)
      return file;
  return {};
}

Execution runElfInQemu(const std::string &qemu, std::span<const std::byte> elf, unsigned vlenBits) {
  const Descriptor image(memfd_create("streams", 0)); // qemu opens it by its name under /proc
  int ends[2];
  if (image.get() < 0 || !writeAll(image.get(), elf) || pipe2(ends, O_CLOEXEC) != 0)
    return {"cannot make a file and a pipe for qemu", {}};
  const Descriptor readEnd(ends[0]);
  Descriptor writeEnd(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, writeEnd.get(), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  // Without what is on by default and the simulator lacks.
  const std::string cpu = fmt::format("rv64,v=true,vext_spec=v1.0,vlen={},elen=64,Zfh=true,"
                                      "zba=false,zbb=false,zbc=false,zbs=false",
                                      vlenBits);
  const std::string file = fmt::format("/proc/self/fd/{}", image.get());
  const char *arguments[] = {qemu.c_str(), "-cpu", cpu.c_str(), file.c_str(), nullptr};
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, qemu.c_str(), &actions, nullptr, const_cast<char *const *>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return {fmt::format("cannot start {}: {}", qemu, strerror(failed)), {}};
  writeEnd.reset();

  Execution execution;
  constexpr int timeoutSeconds = 60;
  const bool complete = readAll(readEnd.get(), execution.output, timeoutSeconds);
  if (!complete)
    kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  execution.failure = complete ? describeStatus(status) : fmt::format("no end within {} s", timeoutSeconds);
  return execution;
}

Execution runInQemu(const std::string &qemu, const Program &program) {
  Execution execution = runElfInQemu(qemu, program.elf, program.vlenBits);
  if (execution.failure.empty() && execution.output.size() != program.outputBytes())
    execution.failure = fmt::format("wrote {} bytes of {}", execution.output.size(), program.outputBytes());
  return execution;
}

} // namespace weft::isstest
