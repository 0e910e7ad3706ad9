// The SRAM of the cores in data mode, and calls of kernels that cannot do harm outside it.
#pragma once

#include "hw-models/support/Result.h"
#include "sim/mesh/MeshEngine.h"

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace weft::sim {

/// One mapping for each core, with pages that nobody may touch between them.
class SramArray {
public:
  SramArray() = default;
  /// Zeroed memory of `bytes` for each of `cores`. Errors: the machine has no room.
  static Result<SramArray> make(uint32_t cores, uint32_t bytes);
  SramArray(SramArray &&other) noexcept { *this = std::move(other); }
  SramArray &operator=(SramArray &&other) noexcept;
  ~SramArray();

  std::span<std::byte> core(uint32_t index) const { return {base + guardBytes + index * strideBytes, bytes}; }

private:
  std::byte *base = nullptr;
  size_t guardBytes = 0, strideBytes = 0, totalBytes = 0;
  uint32_t bytes = 0;
};

/// A memory access or an arithmetic operation of a kernel that the machine refused.
struct KernelFault {
  int signal = 0;
  const std::byte *address = nullptr;
};

/// While one lives, faults inside callGuarded() end the kernel instead of the process. Restores the handlers before it.
class FaultGuard {
public:
  FaultGuard();
  ~FaultGuard();
  FaultGuard(const FaultGuard &) = delete;
  FaultGuard &operator=(const FaultGuard &) = delete;

private:
  struct sigaction before[4];
  stack_t stackBefore;
  std::unique_ptr<std::byte[]> stack;
};

/// Calls the kernel; what went wrong if it did. A FaultGuard must be alive.
std::optional<KernelFault> callGuarded(KernelFunction kernel, void *const *operands, const int64_t *scalars);

} // namespace weft::sim
