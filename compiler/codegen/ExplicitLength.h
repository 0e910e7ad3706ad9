// Vectors of fixed length as RISC-V vectors with an explicit length. Internal to compiler/codegen.
#pragma once

#include "hw-models/core/rvv/Isa.h"
#include "hw-models/support/Result.h"

#include "llvm/ADT/SmallVector.h"

namespace llvm {
class Function;
class Module;
} // namespace llvm

namespace weft::codegen {

/// Rewrites vectors of fixed length in each function as scalable ones with the intrinsics of the V extension, each with
/// the vector's own length. LLVM would round an odd length up to a power of two and change the length at every load and
/// store, take 16-bit floating point apart at such lengths, and miss widening multiply-adds with more than one use.
/// Instructions are chosen by what the core has: vfwmacc with Zvfh, vfwmaccbf16 with Zvfbfwma, vwmacc always. Results
/// have the same bits. For an optimised module, as the last step: constants are made where they are used, and must not
/// be moved out of loops. A function with a vector operation that is not known here stays as it is; returns those.
/// Error, ours: what came out is no valid IR.
Result<llvm::SmallVector<llvm::Function *>> makeLengthsExplicit(llvm::Module &module, const hw::Isa &isa);

} // namespace weft::codegen
