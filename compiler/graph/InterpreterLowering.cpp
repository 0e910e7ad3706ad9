#include "compiler/graph/InterpreterLowering.h"

#include "compiler/graph/OutlineLoops.h"
#include "dialects/xf/XfDialect.h"
#include "dialects/xf/XfPasses.h"
#include "kernels/TensorForms.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace weft::graph {
namespace {

void registerBufferizationModels(MLIRContext &context) {
  DialectRegistry registry;
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  arith::registerBufferDeallocationOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  scf::registerBufferDeallocationOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<bufferization::BufferizationDialect, LLVM::LLVMDialect, memref::MemRefDialect>();
}

/// A copy that holds nothing but `function`.
Result<OwningOpRef<ModuleOp>> copyOf(ModuleOp module, const std::string &function) {
  auto source = module.lookupSymbol<func::FuncOp>(function);
  if (!source || source.isDeclaration())
    return internalError("the graph has no function @" + function + " to interpret");
  OwningOpRef<ModuleOp> copy = ModuleOp::create(module.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(copy->getBody());
  Operation *cloned = builder.clone(*source);
  cloned->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), builder.getUnitAttr());
  return copy;
}

Result<LoweredArgument> describe(Type type, DictionaryAttr attributes) {
  LoweredArgument argument;
  if (attributes)
    if (auto name = attributes.getAs<StringAttr>(xf::paramNameAttr))
      argument.param = name.str();
  if (type.isIndex())
    return argument;
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return internalError("the interpreter passes tensors and indices only");
  argument.elementType = tensor.getElementType();
  argument.shape = tensor.getShape().vec();
  return argument;
}

/// Each returned tensor is copied into one more argument, a buffer of the caller's; so no buffer is ever handed out.
void returnThroughBuffers(func::FuncOp function) {
  auto returnOp = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  OpBuilder builder(returnOp);
  for (Value result : returnOp.getOperands()) {
    auto tensor = cast<RankedTensorType>(result.getType());
    auto buffer = MemRefType::get(tensor.getShape(), tensor.getElementType());
    unsigned index = function.getNumArguments();
    function.insertArgument(index, buffer, {}, result.getLoc());
    auto copy =
        builder.create<bufferization::MaterializeInDestinationOp>(result.getLoc(), result, function.getArgument(index));
    copy.setWritable(true);
  }
  returnOp.getOperandsMutable().clear();
  function.setType(FunctionType::get(function.getContext(), function.getArgumentTypes(), {}));
}

void buildPipeline(PassManager &manager) {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.allowReturnAllocsFromLoops = true;
  options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
  // A linalg copy: memref.copy of a slice would call a runtime library that is not linked.
  options.memCpyFn = [](OpBuilder &builder, Location loc, Value from, Value to) {
    linalg::makeMemRefCopyOp(builder, loc, from, to);
    return mlir::success();
  };
  manager.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  manager.addPass(createCSEPass());
  // What machines compute in f32 and round: 16-bit floats.
  arith::ArithEmulateUnsupportedFloatsOptions narrow;
  SmallVector<std::string, 2> narrowTypes = {"bf16", "f16"};
  narrow.sourceTypeStrs = narrowTypes;
  narrow.targetTypeStr = "f32";
  manager.addNestedPass<func::FuncOp>(math::createMathLegalizeToF32());
  manager.addNestedPass<func::FuncOp>(arith::createArithEmulateUnsupportedFloats(narrow));
  manager.addPass(bufferization::createOneShotBufferizePass(options));
  bufferization::buildBufferDeallocationPipeline(manager, {});
  manager.addPass(createBufferizationToMemRefPass());
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  manager.addPass(createCanonicalizerPass()); // what loops capture differently may be the same constants
  manager.addPass(createOutlineLoopsPass());
  manager.addPass(func::createDuplicateFunctionEliminationPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createConvertSCFToCFPass());
  manager.addPass(createCanonicalizerPass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  manager.addNestedPass<func::FuncOp>(arith::createArithExpandOpsPass(expand));
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

} // namespace

Result<LoweredFunction> lowerForHost(ModuleOp module, const std::string &name) {
  MLIRContext &context = *module.getContext();
  registerBufferizationModels(context);
  Result<OwningOpRef<ModuleOp>> copy = copyOf(module, name);
  if (!copy)
    return copy.takeError();
  LoweredFunction lowered;
  lowered.module = std::move(*copy);

  PassManager decompose(&context);
  decompose.addPass(xf::createDecomposeToLinalgPass());
  if (failed(decompose.run(*lowered.module)))
    return internalError("@" + name + " does not decompose to linalg");

  if (failed(kernels::normaliseTensors(*lowered.module)))
    return internalError("@" + name + ": the rewriting of tensors does not come to an end");
  RewritePatternSet concats(&context);
  tensor::populateDecomposeTensorConcatPatterns(concats);
  if (failed(applyPatternsAndFoldGreedily(*lowered.module, std::move(concats))))
    return internalError("@" + name + ": a tensor.concat does not decompose");

  auto function = lowered.module->lookupSymbol<func::FuncOp>(name);
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    Result<LoweredArgument> argument = describe(function.getArgumentTypes()[i], function.getArgAttrDict(i));
    if (!argument)
      return argument.takeError();
    lowered.arguments.push_back(std::move(*argument));
  }
  for (Type type : function.getResultTypes()) {
    Result<LoweredArgument> output = describe(type, {});
    if (!output)
      return output.takeError();
    if (!output->elementType)
      return internalError("the interpreter returns tensors only");
    lowered.outputs.push_back(std::move(*output));
  }
  function.removeArgAttrsAttr();
  returnThroughBuffers(function);

  PassManager toLlvm(&context);
  buildPipeline(toLlvm);
  toLlvm.enableVerifier(false); // after each pass it takes as long as the passes: what comes out is looked at once
  if (failed(toLlvm.run(*lowered.module)) || failed(verify(*lowered.module)))
    return internalError("@" + name + " does not lower to LLVM");
  return lowered;
}

} // namespace weft::graph
