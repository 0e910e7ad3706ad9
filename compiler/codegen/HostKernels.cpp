#include "compiler/codegen/HostKernels.h"

#include "compiler/codegen/Link.h"
#include "compiler/codegen/LowerKernels.h"
#include "compiler/codegen/MachineCode.h"
#include "compiler/codegen/MathCalls.h"
#include "compiler/codegen/Passes.h"
#include "compiler/codegen/UnitCalls.h"
#include "kernels/TileKernels.h"

#include "mlir/Pass/PassManager.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace weft::codegen {

/// The larger of two f16 would become a call of fmaxf, which nobody links; that of their bits stays a choice.
static void chooseHalvesByBits(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : llvm::make_early_inc_range(block)) {
        auto *choice = llvm::dyn_cast<llvm::SelectInst>(&instruction);
        if (!choice || !choice->getType()->isHalfTy())
          continue;
        llvm::IRBuilder<> b(choice);
        auto bits = [&](llvm::Value *value) { return b.CreateBitCast(value, b.getInt16Ty()); };
        llvm::Value *chosen =
            b.CreateSelect(choice->getCondition(), bits(choice->getTrueValue()), bits(choice->getFalseValue()));
        choice->replaceAllUsesWith(b.CreateBitCast(chosen, choice->getType()));
        choice->eraseFromParent();
      }
}

Result<pkg::KernelObjectT> compileHostKernels(ModuleOp kernels, const HostTarget &target) {
  auto machine = makeTargetMachine({"host kernels", target.triple, target.cpu, target.features, "", true});
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  auto module = lowerKernels(kernels, [&](OpPassManager &passes) { buildHostPipeline(passes, target); }, context);
  if (!module)
    return module.takeError();
  if (auto linked = callUnitFunctions(**module); !linked)
    return linked.takeError();
  if (auto linked = linkMathFunctions(**module); !linked)
    return linked.takeError();
  optimize(**module, **machine, Effort::Short);
  chooseHalvesByBits(**module);
  Result<std::vector<uint8_t>> object = emitObject(**module, **machine);
  if (!object)
    return object.takeError();
  Result<std::vector<uint8_t>> image = linkShared(*object);
  if (!image)
    return image.takeError();
  pkg::KernelObjectT result;
  result.triple = target.triple;
  result.cpu = target.cpu;
  result.features = target.features;
  result.image = std::move(*image);
  return result;
}

static std::unique_ptr<pkg::ProbeT> describeProbe(const kernels::Probe &probe) {
  auto result = std::make_unique<pkg::ProbeT>();
  result->scalars.assign(probe.scalars.begin(), probe.scalars.end());
  result->rows_scalar = static_cast<int32_t>(probe.rows);
  result->launch = static_cast<int32_t>(probe.launch);
  result->tokens_per_row = static_cast<uint32_t>(probe.tokensPerRow);
  result->most_tokens = static_cast<uint32_t>(probe.mostTokens);
  result->id = static_cast<int32_t>(probe.id);
  result->ids = static_cast<uint32_t>(probe.ids);
  result->id_step = static_cast<uint32_t>(probe.idStep);
  return result;
}

std::vector<std::unique_ptr<pkg::KernelT>> describeKernels(ModuleOp kernels) {
  std::vector<std::unique_ptr<pkg::KernelT>> result;
  for (func::FuncOp function : kernels.getOps<func::FuncOp>()) {
    if (!isKernel(function))
      continue;
    auto kernel = std::make_unique<pkg::KernelT>();
    kernel->name = function.getName().str();
    for (Type type : function.getArgumentTypes())
      if (auto buffer = dyn_cast<MemRefType>(type))
        kernel->operand_bytes.push_back(buffer.getNumElements() * buffer.getElementTypeBitWidth() / 8);
    kernel->probe = describeProbe(kernels::probeOf(function));
    result.push_back(std::move(kernel));
  }
  return result;
}

} // namespace weft::codegen
