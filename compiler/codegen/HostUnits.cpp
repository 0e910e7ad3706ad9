// Units on a host: the golden model's own code, in each kernel object that needs it.
#include "compiler/codegen/UnitCalls.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/Linker/Linker.h"

using namespace llvm;

namespace weft::codegen {

// Made by the build from UnitFunctions.cpp.
extern const unsigned char unitFunctions[];
extern const size_t unitFunctionsBytes;

static Result<Function *> linkUnitFunctions(Module &module) {
  MemoryBufferRef bitcode(StringRef(reinterpret_cast<const char *>(unitFunctions), unitFunctionsBytes), "units");
  Expected<std::unique_ptr<Module>> parsed = parseBitcodeFile(bitcode, module.getContext());
  if (!parsed)
    return internalError("host kernels: golden models: " + toString(parsed.takeError()));
  (*parsed)->setTargetTriple(module.getTargetTriple());
  (*parsed)->setDataLayout(module.getDataLayout());
  // The golden model of whole instructions is not needed, and nothing of it is visible outside.
  for (Function &function : **parsed)
    if (!function.isDeclaration()) {
      // Compiled for the baseline; here it becomes part of code for this host's level.
      function.removeFnAttr("target-cpu");
      function.removeFnAttr("target-features");
      function.removeFnAttr("tune-cpu");
      if (function.getName() != "weft_unit_exp")
        function.setLinkage(GlobalValue::InternalLinkage);
    }
  if (Linker::linkModules(module, std::move(*parsed)))
    return internalError("host kernels: golden models do not link");
  Function *function = module.getFunction("weft_unit_exp");
  function->setLinkage(GlobalValue::InternalLinkage);
  return function;
}

/// exp of each lane; of x - f for the fused form.
static Value *expOfLanes(IRBuilder<> &b, CallInst &call, Function &exp) {
  Value *x = call.getArgOperand(0);
  auto *type = cast<FixedVectorType>(x->getType());
  if (call.arg_size() == 2)
    x = b.CreateFSub(x, b.CreateVectorSplat(type->getElementCount(), call.getArgOperand(1)));
  Value *bits = b.CreateBitCast(x, type->getWithNewType(b.getInt32Ty()));
  Value *result = PoisonValue::get(bits->getType());
  for (unsigned lane = 0; lane < type->getNumElements(); ++lane)
    result = b.CreateInsertElement(result, b.CreateCall(&exp, b.CreateExtractElement(bits, lane)), lane);
  return b.CreateBitCast(result, type);
}

Result<void> callUnitFunctions(Module &module) {
  SmallVector<CallInst *> calls;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *call = dyn_cast<CallInst>(&instruction); call && unitCallOf(*call))
        calls.push_back(call);
  if (calls.empty())
    return {};
  Result<Function *> exp = linkUnitFunctions(module);
  if (!exp)
    return exp.takeError();
  for (CallInst *call : calls) {
    UnitCall unit = *unitCallOf(*call);
    StringRef name(unit.instruction->name);
    bool isExp = name == "wf.vexp.v" || name == "wf.vexpsub.vf";
    if (!isExp || unit.form->vd != units::ElementType::F32)
      return internalError("host kernels: no golden model of " + name.str() + " to call");
    IRBuilder<> b(call);
    call->replaceAllUsesWith(expOfLanes(b, *call, **exp));
    call->eraseFromParent();
  }
  return {};
}

} // namespace weft::codegen
