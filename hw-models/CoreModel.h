// What a core needs for a kernel, from its rates: an estimate. An instruction-set simulator that runs the kernel's
// machine code fills the same interface.
#pragma once

#include "hw-models/Hardware.h"

#include <memory>
#include <string_view>

namespace weft::hw {

/// What one kernel call asks of the core.
struct KernelWork {
  std::string_view kernel;
  uint64_t macs = 0;          // multiply-accumulates
  bool narrowOperand = false; // one MAC operand is 16 bits wide
  uint64_t alu = 0;           // adds, multiplies, compares, conversions
  uint64_t special = 0;       // exp, division, square root
  uint64_t loadBytes = 0, storeBytes = 0;
  // Control, which only cores of kind dsd are charged for.
  uint64_t vectors = 0;     // vector instructions
  uint64_t descriptors = 0; // loops over vectors, or descriptors moved on
  uint64_t activations = 0; // tasks that something activates
};

/// What a core does a cycle: declared by kind dsd, derived from the units by kind rvv.
struct CoreRates {
  double macsF32 = 0, macsF16 = 0; // f32 operands; one operand of 16 bits
  double alu = 0, special = 0;     // see KernelWork
  double loadBytes = 0, storeBytes = 0;
  uint32_t startup = 0;                                       // cycles from the call of a kernel to its first result
  double vectorIssue = 0, descriptor = 0, taskActivation = 0; // cycles of each
  double vectorInterval = 0;                                  // cycles at least from one vector to the next
};

CoreRates ratesOf(const Hardware &hardware);

class CoreModel {
public:
  virtual ~CoreModel() = default;
  /// Cycles from the call to the end of the kernel.
  virtual uint64_t kernelCycles(const KernelWork &work) const = 0;
};

/// The model for `hardware.parallelism.core.kind`.
Result<std::unique_ptr<CoreModel>> makeCoreModel(const Hardware &hardware);

} // namespace weft::hw
