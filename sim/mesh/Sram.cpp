#include "sim/mesh/Sram.h"

#include <fmt/format.h>

#include <cerrno>
#include <csetjmp>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace weft::sim {

Result<SramArray> SramArray::make(uint32_t cores, uint32_t bytes) {
  SramArray array;
  auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  size_t sram = (bytes + page - 1) / page * page;
  array.bytes = bytes;
  array.guardBytes = 16 * page;
  array.strideBytes = sram + array.guardBytes;
  array.totalBytes = array.guardBytes + cores * array.strideBytes;
  void *memory = mmap(nullptr, array.totalBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  auto failed = [&] {
    return userError(
        fmt::format("no room for the SRAM of {} cores of {} bytes in data mode: {}; run a smaller mesh, or "
                    "timing only",
                    cores, bytes, std::strerror(errno)));
  };
  if (memory == MAP_FAILED)
    return failed();
  array.base = static_cast<std::byte *>(memory);
  for (uint32_t core = 0; core < cores; ++core)
    if (mprotect(array.core(core).data(), sram, PROT_READ | PROT_WRITE) != 0)
      return failed();
  return array;
}

SramArray &SramArray::operator=(SramArray &&other) noexcept {
  std::swap(base, other.base);
  std::swap(guardBytes, other.guardBytes);
  std::swap(strideBytes, other.strideBytes);
  std::swap(totalBytes, other.totalBytes);
  std::swap(bytes, other.bytes);
  return *this;
}

SramArray::~SramArray() {
  if (base)
    munmap(base, totalBytes);
}

namespace {

constexpr int caught[4] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
// A signal handler can reach nothing but globals; per thread, so that engines in several threads do not meet.
thread_local sigjmp_buf *escape = nullptr;
thread_local KernelFault fault;

void onFault(int signal, siginfo_t *info, void *) {
  if (!escape) {
    // Not ours: let it happen again, the way it would have without us.
    ::signal(signal, SIG_DFL);
    return;
  }
  fault = {signal, static_cast<const std::byte *>(info->si_addr)};
  siglongjmp(*escape, 1);
}

} // namespace

FaultGuard::FaultGuard() : stack(new std::byte[64 * 1024]) {
  stack_t alternate{};
  alternate.ss_sp = stack.get(); // a kernel may have used up its own
  alternate.ss_size = 64 * 1024;
  sigaltstack(&alternate, &stackBefore);
  struct sigaction action{};
  action.sa_sigaction = onFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER; // no mask to restore after the jump
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 4; ++i)
    sigaction(caught[i], &action, &before[i]);
}

FaultGuard::~FaultGuard() {
  for (int i = 0; i < 4; ++i)
    sigaction(caught[i], &before[i], nullptr);
  sigaltstack(&stackBefore, nullptr);
}

std::optional<KernelFault> callGuarded(KernelFunction kernel, void *const *operands, const int64_t *scalars) {
  sigjmp_buf here;
  if (sigsetjmp(here, 0)) {
    escape = nullptr;
    return fault;
  }
  escape = &here;
  kernel(operands, scalars);
  escape = nullptr;
  return std::nullopt;
}

} // namespace weft::sim
