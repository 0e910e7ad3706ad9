#include "compiler/codegen/CoreKernels.h"

#include "compiler/codegen/CheckFrames.h"
#include "compiler/codegen/ExplicitLength.h"
#include "compiler/codegen/Link.h"
#include "compiler/codegen/LowerKernels.h"
#include "compiler/codegen/MachineCode.h"
#include "compiler/codegen/MathCalls.h"
#include "compiler/codegen/Passes.h"
#include "compiler/codegen/UnitCalls.h"
#include "kernels/General.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

#include <map>

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

static bool callsUnit(const llvm::Function &function) {
  return llvm::any_of(llvm::instructions(function), [](const llvm::Instruction &instruction) {
    auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction);
    return call && unitCallOf(*call);
  });
}

/// Units that kernels ask for by name are there; their results are not those of other instructions.
static Result<void> checkUnits(ModuleOp kernels, const CoreTarget &target) {
  for (func::FuncOp kernel : kernels.getOps<func::FuncOp>())
    if (auto units = kernel->getAttrOfType<ArrayAttr>(unitsAttribute))
      for (StringAttr unit : units.getAsRange<StringAttr>())
        if (!hasUnit(target.isa, unit.getValue().str()))
          return internalError("kernel " + kernel.getName().str() + " is for cores with the unit " +
                               unit.getValue().str() + ", which " + hw::isaText(target.isa) + " has not");
  return {};
}

static Result<Compiled> compileToMachine(ModuleOp kernels, const CoreTarget &target) {
  if (auto checked = checkUnits(kernels, target); !checked)
    return checked.takeError();
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
  if (auto linked = linkMathFunctions(*result.module); !linked)
    return linked.takeError();
  fixVectorLength(*result.module, target.isa);
  optimize(*result.module, *result.machine, Effort::Full);
  assembleScalarUnits(*result.module);
  auto left = makeLengthsExplicit(*result.module, target.isa);
  if (!left)
    return left.takeError();
  for (llvm::Function *function : *left) {
    if (callsUnit(*function))
      return internalError("kernel " + function->getName().str() +
                           " uses a custom unit beside a vector operation "
                           "that has no instruction of explicit length");
    StringRef name = function->getName();
    name.consume_back(".body");
    auto kernel = kernels.lookupSymbol<func::FuncOp>(name);
    const bool anyOps = kernel && kernels::isGeneral(kernel);
    function->addFnAttr("target-features", featureText(fallbackFeatures(target.isa, anyOps)));
  }
  return result;
}

static Result<pkg::KernelObjectT> compileOnce(ModuleOp kernels, const CoreTarget &target) {
  Result<Compiled> compiled = compileToMachine(kernels, target);
  if (!compiled)
    return compiled.takeError();
  Result<std::vector<uint8_t>> object = emitObject(*compiled->module, *compiled->machine);
  if (!object)
    return object.takeError();
  if (auto replaced = replaceStandIns(*object, standInsOf(*compiled->module)); !replaced)
    return replaced.takeError();
  Result<std::vector<uint8_t>> image = linkStatic(*object, target.codeAddress);
  if (!image)
    return image.takeError();
  pkg::KernelObjectT result;
  result.triple = coreTriple;
  result.cpu = hw::isaText(target.isa);
  result.image = std::move(*image);
  return result;
}

// ---- tiles that fit -----------------------------------------------------------------------------------------------
//
// A tile is chosen for the registers that its values take; what the compiler's order of instructions needs beyond, only
// the code shows. Kernels whose loops spill are given fewer registers to fill until they do not.

/// The registers that tiles may fill, by kernel, where that is not all of them.
using RegisterLimits = std::map<std::string, unsigned>;
static constexpr unsigned registerSteps[] = {24, 16, 12, 8, 4};

static std::string kernelOf(const LoopSpill &spill) {
  llvm::StringRef name = spill.function;
  name.consume_back(".body");
  return name.str();
}

/// A copy with the limits in it; with the kernels of `limits` only, if `onlyThose`.
static OwningOpRef<ModuleOp> withLimits(ModuleOp kernels, const RegisterLimits &limits, bool onlyThose) {
  OwningOpRef<ModuleOp> copy(kernels.clone());
  Builder builder(copy->getContext());
  for (func::FuncOp function : llvm::make_early_inc_range(copy->getOps<func::FuncOp>())) {
    auto limit = limits.find(function.getName().str());
    if (limit != limits.end()) {
      function->removeAttr(tuningAttribute); // a tile that was chosen beforehand fills no fewer registers
      function->setAttr(registerLimitAttribute, builder.getI32IntegerAttr(static_cast<int32_t>(limit->second)));
    } else if (onlyThose && isKernel(function))
      function.erase();
  }
  return copy;
}

/// A kernel that keeps too much on the stack.
struct Spilling {
  std::string kernel, message;
  /// As its author wrote it: no loop of it may spill, whatever it takes. A loop made from tensors may need more
  /// registers than there are, whatever its tile: it gets one smaller tile, and what it then keeps on the stack stays
  /// there.
  bool written = false;
  bool deep = false; // takes more of the stack than there is
};
static constexpr unsigned generalRegisters = 16;

static Result<std::vector<Spilling>> spillingIn(ModuleOp kernels, const pkg::KernelObjectT &object,
                                                const CoreTarget &target) {
  auto code = runtime::readCoreCode(object);
  if (!code)
    return code.takeError();
  std::vector<Spilling> result;
  auto kernelNamed = [&](const std::string &name) { return kernels.lookupSymbol<func::FuncOp>(name); };
  auto spills = findLoopSpills(*code, target.isa);
  if (!spills)
    return spills.takeError();
  for (const LoopSpill &spill : *spills)
    if (auto kernel = kernelNamed(kernelOf(spill))) // a function that kernels call is written out as it is
      result.push_back({kernelOf(spill), spill.message, !kernels::isGeneral(kernel), false});
  if (!target.stackBytes)
    return result;
  auto needs = stackNeeds(*code, target.isa);
  if (!needs)
    return needs.takeError();
  for (const auto &[name, bytes] : *needs)
    if (auto kernel = kernelNamed(name); kernel && bytes > *target.stackBytes && kernels::isGeneral(kernel))
      result.push_back({name, "", false, true});
  return result;
}

/// Lowers the limits of the kernels in `spilling` until none is left that a lower one helps.
static Result<RegisterLimits> findLimits(ModuleOp kernels, const CoreTarget &target, std::vector<Spilling> spilling) {
  RegisterLimits all;
  for (unsigned limit : registerSteps) {
    if (spilling.empty())
      return all;
    RegisterLimits tried;
    for (const Spilling &each : spilling)
      tried[each.kernel] = all[each.kernel] = each.written || each.deep ? limit : generalRegisters;
    Result<pkg::KernelObjectT> object = compileOnce(*withLimits(kernels, tried, true), target);
    if (!object)
      return object.takeError();
    auto left = spillingIn(kernels, *object, target);
    if (!left)
      return left.takeError();
    spilling = std::move(*left);
    std::erase_if(spilling, [&](const Spilling &each) { return !each.written && !each.deep; });
  }
  std::erase_if(spilling, [](const Spilling &each) { return each.deep; }); // whoever runs it will say so
  if (spilling.empty())
    return all;
  return internalError("core kernels for " + hw::isaText(target.isa) + ": " + spilling.front().message);
}

static Result<RegisterLimits> limitsFor(ModuleOp kernels, const CoreTarget &target, const pkg::KernelObjectT &object) {
  auto spilling = spillingIn(kernels, object, target);
  return spilling ? findLimits(kernels, target, std::move(*spilling)) : spilling.takeError();
}

Result<pkg::KernelObjectT> compileCoreKernels(ModuleOp kernels, const CoreTarget &target) {
  Result<pkg::KernelObjectT> object = compileOnce(kernels, target);
  if (!object)
    return object;
  Result<RegisterLimits> limits = limitsFor(kernels, target, *object);
  if (!limits)
    return limits.takeError();
  if (limits->empty())
    return object;
  object = compileOnce(*withLimits(kernels, *limits, false), target);
  if (!object)
    return object;
  // Kernels were looked at in other company; what is handed on is this.
  auto spilling = spillingIn(kernels, *object, target);
  if (!spilling)
    return spilling.takeError();
  std::erase_if(*spilling, [](const Spilling &each) { return !each.written; });
  if (!spilling->empty())
    return internalError("core kernels for " + hw::isaText(target.isa) + ": " + spilling->front().message);
  return object;
}

Result<TunedKernels> compileTunedKernels(ModuleOp kernels, const CoreTarget &target) {
  Result<pkg::KernelObjectT> object = compileOnce(kernels, target);
  if (!object)
    return object.takeError();
  auto spilling = spillingIn(kernels, *object, target);
  if (!spilling)
    return spilling.takeError();
  TunedKernels result{std::move(*object), {}};
  for (const Spilling &each : *spilling)
    result.spills.emplace(each.kernel, each.message);
  return result;
}

Result<std::string> assembleCoreKernels(ModuleOp kernels, const CoreTarget &target) {
  Result<pkg::KernelObjectT> object = compileOnce(kernels, target);
  if (!object)
    return object.takeError();
  Result<RegisterLimits> limits = limitsFor(kernels, target, *object);
  if (!limits)
    return limits.takeError();
  Result<Compiled> compiled = compileToMachine(*withLimits(kernels, *limits, false), target);
  if (!compiled)
    return compiled.takeError();
  Result<std::string> text = emitAssembly(*compiled->module, *compiled->machine);
  return text ? replaceStandIns(*text, standInsOf(*compiled->module)) : text;
}

} // namespace weft::codegen
