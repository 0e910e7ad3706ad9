#include "compiler/codegen/LowerKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;

namespace weft::codegen {

bool isKernel(func::FuncOp function) { return function->hasAttr("weft.kernel"); }

/// Empty if `function` is something an entry point can be made for, else what is wrong with it.
static std::string contractViolation(func::FuncOp function) {
  if (function.isDeclaration())
    return "has no body";
  if (function.getNumResults() != 0)
    return "returns a value; results of a kernel are buffers";
  bool scalars = false;
  for (Type type : function.getArgumentTypes()) {
    scalars |= type.isIndex();
    auto buffer = dyn_cast<MemRefType>(type);
    if (!type.isIndex() && (scalars || !buffer || !buffer.hasStaticShape() || !buffer.getLayout().isIdentity())) {
      std::string text;
      llvm::raw_string_ostream(text) << type;
      return "has the operand type " + text +
             "; buffers are contiguous memrefs of fixed shape, and indices follow them";
    }
  }
  return {};
}

/// Buffers of a kernel do not overlap; what is called from outside is the entry that addEntry makes.
static void prepare(ModuleOp module) {
  Builder builder(module.getContext());
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments())
      if (isa<MemRefType>(argument.getType()))
        function.setArgAttr(argument.getArgNumber(), LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
}

/// void name(void *const *operands, const int64_t *scalars): unpacks both lists and calls the kernel, which becomes
/// `name.body`.
static void addEntry(llvm::Module &module, llvm::Function &body) {
  std::string name = body.getName().str();
  body.setName(name + ".body");
  body.setLinkage(llvm::GlobalValue::InternalLinkage);
  body.addFnAttr(llvm::Attribute::NoInline); // keeps what `noalias` says exact

  llvm::LLVMContext &context = module.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(context), *word = llvm::Type::getInt64Ty(context);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer}, false);
  auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, name, module);
  entry->setDoesNotThrow();
  llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", entry));
  llvm::SmallVector<llvm::Value *> arguments;
  unsigned operands = 0, scalars = 0;
  for (llvm::Argument &argument : body.args()) {
    bool buffer = argument.getType()->isPointerTy();
    llvm::Type *element = buffer ? pointer : word;
    llvm::Value *slot =
        builder.CreateConstInBoundsGEP1_64(element, entry->getArg(buffer ? 0 : 1), buffer ? operands++ : scalars++);
    arguments.push_back(builder.CreateLoad(element, slot));
  }
  builder.CreateCall(&body, arguments);
  builder.CreateRetVoid();
}

Result<std::unique_ptr<llvm::Module>>
lowerKernels(ModuleOp kernels, llvm::function_ref<void(OpPassManager &)> buildPipeline, llvm::LLVMContext &context) {
  MLIRContext *mlirContext = kernels.getContext();
  std::string problem;
  ScopedDiagnosticHandler diagnostics(mlirContext, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && problem.empty()) {
      llvm::raw_string_ostream stream(problem);
      diagnostic.getLocation()->print(stream);
      stream << ": " << diagnostic;
    }
    return mlir::success();
  });
  registerBuiltinDialectTranslation(*mlirContext);
  registerLLVMDialectTranslation(*mlirContext);
  mlirContext->loadDialect<LLVM::LLVMDialect>();

  OwningOpRef<ModuleOp> module(kernels.clone());
  std::vector<std::string> names;
  for (func::FuncOp function : module->getOps<func::FuncOp>())
    if (isKernel(function)) {
      if (std::string wrong = contractViolation(function); !wrong.empty())
        return internalError("kernel '" + function.getName().str() + "' " + wrong);
      names.push_back(function.getName().str());
    }
  if (failed(verify(*module)))
    return internalError("kernels: the module is not valid: " + problem);
  prepare(*module);
  PassManager manager(mlirContext);
  buildPipeline(manager);
  manager.enableVerifier(false); // after each pass it takes as long as the passes: what comes out is looked at once
  if (failed(manager.run(*module)) || failed(verify(*module)))
    return internalError("kernels: a kernel cannot be lowered: " + problem);
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(*module, context, "weft-kernels");
  if (!translated)
    return internalError("kernels: the lowered module cannot be translated: " + problem);
  for (llvm::Function &function : *translated)
    if (!function.isDeclaration())
      function.setDoesNotThrow();
  for (const std::string &name : names)
    addEntry(*translated, *translated->getFunction(name));
  return translated;
}

} // namespace weft::codegen
