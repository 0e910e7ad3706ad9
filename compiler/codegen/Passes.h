// The passes from a kernel's `linalg` to the LLVM dialect.
#pragma once

#include "compiler/codegen/HostTarget.h"

#include <memory>

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace weft::codegen {

/// What the vectoriser may use: the vector registers that a target offers.
struct VectorShape {
  unsigned registerBytes = 32; // of one register; a power of two
  unsigned registers = 16;     // of that size
  unsigned grouping = 1;       // registers that one value may take; a power of two
};

/// `linalg` on memrefs to loops over vectors: tiles that fit the registers, accumulators carried by the loops,
/// remainders in shorter vectors. Reductions keep their order; across lanes they are a fixed tree.
std::unique_ptr<mlir::Pass> createVectorizeKernelsPass(VectorShape shape = {});
/// vector fma of a broadcast scalar and a widened 16-bit vector to rv.widening_fma.
std::unique_ptr<mlir::Pass> createFormWideningFmaPass();
/// rv ops and 16-bit widening to what a host does well; with `nativeHalf` the host widens f16 itself.
std::unique_ptr<mlir::Pass> createLowerRvToHostPass(bool nativeHalf = true);
/// arith.extsi of bytes that become real numbers to rv.extend_bytes.
std::unique_ptr<mlir::Pass> createFormByteExtensionPass();
/// rv.extend_bytes to the instruction of a RISC-V core of that VLEN; to arith.extsi if it is 0.
std::unique_ptr<mlir::Pass> createLowerByteExtensionPass(unsigned vlenBits = 0);
/// math.exp, math.rsqrt, maxnumf to arithmetic without a library call; without `fma` a fused multiply-add is two
/// operations.
std::unique_ptr<mlir::Pass> createExpandMathPass(bool fma = true);

/// To vectors and rv ops: the core level, where a register is a value.
void buildVectorPipeline(mlir::OpPassManager &manager, const HostTarget &target);
/// All of the above and the lowering to the LLVM dialect.
void buildHostPipeline(mlir::OpPassManager &manager, const HostTarget &target);

/// --weft-vectorize-kernels, --rv-form-widening-fma, --rv-lower-to-host, --weft-expand-math and the pipeline
/// --codegen-host.
void registerCodegenPasses();

} // namespace weft::codegen
