// A tile kernel on a core, as something to tune: its machine code is made by whoever knows the compiler, timed and
// checked in the instruction-set simulator.
#pragma once

#include "compiler/codegen/KernelTrials.h"
#include "explore/tune/LoopOrder.h"
#include "explore/tune/Subject.h"

#include <functional>
#include <memory>

namespace weft::explore {

/// Its functions may be called from several threads at once.
struct KernelCompiler {
  std::function<Result<codegen::TrialCode>(const codegen::TrialKernel &, const kernels::Tuning &)> compile;
  /// A product by its symbol, for short runs.
  std::function<Result<codegen::TrialKernel>(const std::string &symbol)> make;
};

/// Errors: the core runs no machine code, the kernel's operands do not fit its SRAM.
Result<std::unique_ptr<Subject>> makeCoreSubject(codegen::TrialKernel kernel, hw::Hardware hardware,
                                                 KernelCompiler compiler);

/// What records of tile kernels are found by, beside the kernel and its source.
std::string coreKey(const hw::Hardware &hardware);
std::string coreToolKey();

/// What may be chosen for a kernel, by its symbol, on the machine's cores.
kernels::TuningSpace coreSpace(const std::string &kernel, const hw::Hardware &hardware);
/// Of choices that a core subject made. Errors: they are none.
Result<kernels::Tuning> tuningOf(const Choices &choices);
Choices choicesOf(const kernels::Tuning &tuning);

} // namespace weft::explore
