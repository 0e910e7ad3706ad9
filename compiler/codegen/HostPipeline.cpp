#include "compiler/codegen/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace weft::codegen {

void buildVectorPipeline(OpPassManager &manager, const HostTarget &target) {
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createVectorizeKernelsPass({.registerBytes = 32, .registers = target.vectorRegisters}));
  function.addPass(createFormWideningFmaPass());
  function.addPass(createFormByteExtensionPass());
}

void buildHostPipeline(OpPassManager &manager, const HostTarget &target) {
  buildVectorPipeline(manager, target);
  OpPassManager &function = manager.nest<func::FuncOp>();
  function.addPass(createLowerRvToHostPass(target.nativeHalf));
  function.addPass(createLowerByteExtensionPass());
  function.addPass(createExpandMathPass(target.fma));
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

void registerCodegenPasses() {
  registerPass([] { return createVectorizeKernelsPass(); });
  registerPass([] { return createFormWideningFmaPass(); });
  registerPass([] { return createLowerRvToHostPass(); });
  registerPass([] { return createFormByteExtensionPass(); });
  registerPass([] { return createLowerByteExtensionPass(); });
  registerPass([] { return createExpandMathPass(); });
  PassPipelineRegistration<>("codegen-host", "Lower tile kernels to the LLVM dialect for this machine",
                             [](OpPassManager &manager) { buildHostPipeline(manager, defaultHostTarget()); });
}

} // namespace weft::codegen
