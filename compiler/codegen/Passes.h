// The passes from a kernel's `linalg` to the LLVM dialect.
#pragma once

#include <memory>

namespace mlir {
class OpPassManager;
class Pass;
} // namespace mlir

namespace weft::codegen {

struct CoreTarget;
struct HostTarget;

/// What the vectoriser may use: the vector registers that a target offers.
struct VectorShape {
  unsigned registerBytes = 32;                        // of one register; a power of two
  unsigned registers = 16;                            // of that size
  unsigned grouping = 1;                              // registers that one value may take; a power of two
  bool multipliesF16 = false, multipliesBf16 = false; // vectors of it to sums in f32, without widening them first
  bool emulatesF16 = false;                           // widens f16 with integer operations
};

/// On a kernel: the custom units whose results it has, an array of names. It computes the same with them on cores and
/// hosts; units that change no result (`dot`) are used by cores that have them without being named.
inline constexpr const char *unitsAttribute = "weft.units";

/// On a kernel: how many of the registers its tiles may fill, an i32; all of them without it.
inline constexpr const char *registerLimitAttribute = "weft.registers";
/// On a kernel: how its loops are written on a core, a dictionary of i64 by the names of kernels/Tuning.h. Hosts do not
/// look at it.
inline constexpr const char *tuningAttribute = "weft.tuning";

/// The 16-bit formats that a target widens to f32 in one instruction; the others are widened with integer operations.
/// So are they narrowed: f16 where it is widened, bf16 as `narrows` says.
struct WideningSupport {
  bool scalarF16 = true, vectorF16 = true, scalarBf16 = false, vectorBf16 = false;
  bool narrowsScalarBf16 = false, narrowsVectorBf16 = false;
};

/// `linalg` on memrefs to loops over vectors: tiles that fit the registers, accumulators carried by the loops,
/// remainders in shorter vectors. Reductions keep their order; across lanes they are a fixed tree.
std::unique_ptr<mlir::Pass> createVectorizeKernelsPass(VectorShape shape = {});
/// vector fma of a broadcast scalar and a widened 16-bit vector to rv.widening_fma.
std::unique_ptr<mlir::Pass> createFormWideningFmaPass();
/// Operations of units: rv.dot4 to instructions of the unit dot if the target has it (`dot`), exp in kernels that use
/// the unit exp.
std::unique_ptr<mlir::Pass> createFormUnitOpsPass(bool dot = false);
/// rv ops and 16-bit widening to what LLVM selects well for the target.
std::unique_ptr<mlir::Pass> createLowerRvPass(WideningSupport native = {});
/// math.exp, math.erf, math.tanh, math.rsqrt, the larger and the smaller of two to arithmetic without a library call;
/// without `fma` a fused multiply-add is two operations.
std::unique_ptr<mlir::Pass> createExpandMathPass(bool fma = true);

/// Functions of math/ that are not expanded (MathCalls.h) to calls on f64. The module gets their declarations.
std::unique_ptr<mlir::Pass> createCallMathPass();

/// To vectors and rv ops: the core level, where a register is a value.
void buildVectorPipeline(mlir::OpPassManager &manager, VectorShape shape, bool dot = false);
/// All of the above and the lowering to the LLVM dialect.
void buildHostPipeline(mlir::OpPassManager &manager, const HostTarget &target);
void buildCorePipeline(mlir::OpPassManager &manager, const CoreTarget &target);

/// The passes above by name and the pipelines --codegen-host and --codegen-core='isa=rv64gcv_zvl256b_zfh'.
void registerCodegenPasses();

} // namespace weft::codegen
