#include "compiler/codegen/CoreKernels.h"

#include "compiler/codegen/ExplicitLength.h"
#include "compiler/codegen/Link.h"
#include "compiler/codegen/LowerKernels.h"
#include "compiler/codegen/MachineCode.h"
#include "compiler/codegen/Passes.h"

#include "mlir/Pass/PassManager.h"

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace weft::codegen {

namespace {
struct Compiled {
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module; // optimised
};
} // namespace

/// VLEN is known exactly, so that no loop asks for it.
static void fixVectorLength(llvm::Module &module, const hw::Isa &isa) {
  unsigned scale = isa.vlenBits / 64;
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.addFnAttr(llvm::Attribute::getWithVScaleRangeArgs(module.getContext(), scale, scale));
}

static Result<Compiled> compileToMachine(ModuleOp kernels, const CoreTarget &target) {
  Compiled result;
  auto machine =
      makeTargetMachine({"core kernels", coreTriple, "generic-rv64", llvmFeatures(target.isa), "lp64d", false});
  if (!machine)
    return machine.takeError();
  result.machine = std::move(*machine);
  result.context = std::make_unique<llvm::LLVMContext>();
  auto module =
      lowerKernels(kernels, [&](OpPassManager &passes) { buildCorePipeline(passes, target); }, *result.context);
  if (!module)
    return module.takeError();
  result.module = std::move(*module);
  fixVectorLength(*result.module, target.isa);
  optimize(*result.module, *result.machine);
  for (llvm::Function *left : makeLengthsExplicit(*result.module, target.isa))
    left->addFnAttr("target-features", featureText(fallbackFeatures(target.isa)));
  return result;
}

Result<pkg::KernelObjectT> compileCoreKernels(ModuleOp kernels, const CoreTarget &target) {
  Result<Compiled> compiled = compileToMachine(kernels, target);
  if (!compiled)
    return compiled.takeError();
  Result<std::vector<uint8_t>> object = emitObject(*compiled->module, *compiled->machine);
  if (!object)
    return object.takeError();
  Result<std::vector<uint8_t>> image = linkStatic(*object, target.codeAddress);
  if (!image)
    return image.takeError();
  pkg::KernelObjectT result;
  result.triple = coreTriple;
  result.cpu = hw::isaText(target.isa);
  result.image = std::move(*image);
  return result;
}

Result<std::string> assembleCoreKernels(ModuleOp kernels, const CoreTarget &target) {
  Result<Compiled> compiled = compileToMachine(kernels, target);
  if (!compiled)
    return compiled.takeError();
  return emitAssembly(*compiled->module, *compiled->machine);
}

} // namespace weft::codegen
