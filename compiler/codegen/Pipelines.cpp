#include "compiler/codegen/Passes.h"

#include "compiler/codegen/CoreTarget.h"
#include "compiler/codegen/HostTarget.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace weft::codegen {

void buildVectorPipeline(OpPassManager &manager, VectorShape shape, bool dot) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createVectorizeKernelsPass(shape));
  function.addPass(createFormWideningFmaPass());
  function.addPass(createFormUnitOpsPass(dot));
}

/// From vectors and rv ops to the LLVM dialect: the same steps for every target.
static void buildLowering(OpPassManager &manager, WideningSupport native, bool fma) {
  OpPassManager &arithmetic = manager.nest<func::FuncOp>();
  arithmetic.addPass(createLowerRvPass(native));
  arithmetic.addPass(createExpandMathPass(fma));
  manager.addPass(createCallMathPass());
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createCSEPass());
  function.addPass(memref::createExpandStridedMetadataPass());
  function.addPass(createLowerAffinePass());
  function.addPass(createConvertSCFToCFPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  ConvertFuncToLLVMPassOptions calls;
  calls.useBarePtrCallConv = true; // every extent is in the code
  manager.addPass(createConvertFuncToLLVMPass(calls));
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCSEPass());
}

void buildHostPipeline(OpPassManager &manager, const HostTarget &target) {
  buildVectorPipeline(manager, vectorShape(target));
  buildLowering(manager, {.scalarF16 = target.nativeHalf, .vectorF16 = target.nativeHalf}, target.fma);
}

void buildCorePipeline(OpPassManager &manager, const CoreTarget &target) {
  buildVectorPipeline(manager, vectorShape(target.isa), hasUnit(target.isa, "dot"));
  buildLowering(manager, wideningSupport(target.isa), true);
}

namespace {
struct CoreOptions : PassPipelineOptions<CoreOptions> {
  Option<std::string> isa{*this, "isa", llvm::cl::desc("the core's instructions, e.g. rv64gcv_zvl256b_zfh_zvfh"),
                          llvm::cl::init("rv64gcv_zvl256b")};
};
} // namespace

static void buildCorePipelineByName(OpPassManager &manager, const CoreOptions &options) {
  Result<hw::Isa> isa = hw::parseIsa(options.isa);
  if (!isa)
    llvm::report_fatal_error(llvm::Twine("--codegen-core: ") + isa.error().message, false);
  buildCorePipeline(manager, {*isa});
}

void registerCodegenPasses() {
  registerPass([] { return createVectorizeKernelsPass(); });
  registerPass([] { return createFormWideningFmaPass(); });
  registerPass([] { return createFormUnitOpsPass(); });
  registerPass([] { return createLowerRvPass(); });
  registerPass([] { return createExpandMathPass(); });
  registerPass([] { return createCallMathPass(); });
  PassPipelineRegistration<>("codegen-host", "Lower tile kernels to the LLVM dialect for this machine",
                             [](OpPassManager &manager) { buildHostPipeline(manager, defaultHostTarget()); });
  PassPipelineRegistration<CoreOptions>("codegen-core", "Lower tile kernels to the LLVM dialect for a RISC-V core",
                                        buildCorePipelineByName);
}

} // namespace weft::codegen
