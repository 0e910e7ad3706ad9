// Calls of kernels once more on the machine code of a core, with the same data, and compared with what the host did.
#pragma once

#include "compiler/codegen/CoreKernels.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weft::test {

/// Formats of which a NaN is a NaN whatever its bits.
enum class Real : uint8_t { No, F32, F64, F16, BF16 };

/// A call that the host's code has made.
struct HostCall {
  struct Operand {
    std::vector<uint8_t> before, after;
    size_t elementBytes = 4;
    Real real = Real::No;
  };
  std::string kernel;
  std::vector<int64_t> scalars;
  std::vector<Operand> operands;
};

enum class CoreRunner { Qemu, Simulator };

/// Compiles `kernels` for a core, makes the calls in the order given and compares all operands, bit for bit. Empty if
/// all agree, else what is wrong with the first that does not.
std::string replayOnCore(mlir::ModuleOp kernels, const hw::Isa &isa, CoreRunner runner,
                         const std::vector<HostCall> &calls);

} // namespace weft::test
