// Tile kernels to be compiled for a core in one way after the other, for whoever looks for the best way. No MLIR here.
#pragma once

#include "compiler/codegen/CoreTarget.h"
#include "compiler/codegen/Schedule.h"
#include "hw-models/support/Result.h"
#include "kernels/Tuning.h"
#include "runtime/package/package_generated.h"

#include <memory>
#include <string>
#include <vector>

namespace weft::codegen {

/// Counts up with every change of this folder that makes other code of the same kernel and tuning.
inline constexpr uint32_t codegenVersion = 1;

struct TrialKernel {
  std::string name;
  std::string sourceDigest;          // of the function as its builder wrote it
  std::string text;                  // that function
  std::vector<std::string> elements; // of each operand: "f32", "f16", "bf16", "i8", "i32"
  std::shared_ptr<const pkg::KernelT> described;
};

/// Machine code of one kernel, tuned.
struct TrialCode {
  pkg::KernelObjectT object;
  std::string spill; // the inner loop that does not fit the registers; empty if all do
};

/// The kernels of a module as text: what Compilation::kernels has. Errors: not such a text.
Result<std::vector<TrialKernel>> readKernels(const std::string &text);
/// A product by its symbol, gemm_r8_k64_n96_f16. Errors: no kernel has such a symbol, extents out of range.
Result<TrialKernel> makeKernel(const std::string &symbol);
/// May be called from several threads at once. Errors: as compileHostKernels().
Result<TrialCode> compileTrial(const TrialKernel &kernel, const kernels::Tuning &tuning, const CoreTarget &target);

} // namespace weft::codegen
