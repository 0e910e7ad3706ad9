#include "compiler/codegen/MachineCode.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

extern "C" {
void LLVMInitializeRISCVTargetInfo();
void LLVMInitializeRISCVTarget();
void LLVMInitializeRISCVTargetMC();
void LLVMInitializeRISCVAsmPrinter();
void LLVMInitializeRISCVAsmParser();
}

namespace weft::codegen {

std::string featureText(const std::vector<std::string> &features) {
  std::string text;
  for (const std::string &feature : features)
    text += (text.empty() ? "+" : ",+") + feature;
  return text;
}

Result<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(const Processor &processor) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTarget();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVAsmPrinter();
    LLVMInitializeRISCVAsmParser(); // of inline assembly
  });
  std::string problem;
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(processor.triple, problem);
  if (!found)
    return userError(processor.what + ": this LLVM has no code generator for '" + processor.triple + "': " + problem +
                     "; compile on a machine of that architecture");
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // a multiply-add is fused where the IR says so, and only there
  options.MCOptions.ABIName = processor.abi;
  std::unique_ptr<llvm::TargetMachine> machine(
      found->createTargetMachine(processor.triple, processor.cpu, featureText(processor.features), options,
                                 processor.positionIndependent ? llvm::Reloc::PIC_ : llvm::Reloc::Static, std::nullopt,
                                 llvm::CodeGenOptLevel::Default));
  if (!machine)
    return internalError(processor.what + ": LLVM made no target machine for " + processor.triple + " " +
                         processor.cpu);
  return machine;
}

/// What each kernel needs is written out; no loop may become a call of memset or memcpy.
static llvm::TargetLibraryInfoImpl noLibrary(const llvm::Module &module) {
  llvm::TargetLibraryInfoImpl library{llvm::Triple(module.getTargetTriple())};
  library.disableAllFunctions();
  return library;
}

/// Most of what O2 does finds nothing to do in tiles of vectors. What is left gives code as fast in a quarter of the
/// time.
static constexpr const char *shortPipeline =
    "function(sroa,early-cse<memssa>,simplifycfg),cgscc(inline),"
    "function(loop-simplify,lcssa,loop-mssa(loop-rotate,licm),instcombine<no-verify-fixpoint>,early-cse<memssa>,"
    "simplifycfg),globaldce";

void optimize(llvm::Module &module, llvm::TargetMachine &machine, Effort effort) {
  module.setTargetTriple(machine.getTargetTriple().str());
  module.setDataLayout(machine.createDataLayout());
  // The kernels are vectors and tiles already: unrolling and vectorising again costs time and code.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = false;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(noLibrary(module)); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  llvm::ModulePassManager passes;
  if (effort == Effort::Full)
    passes = builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2);
  else
    llvm::cantFail(builder.parsePassPipeline(passes, shortPipeline));
  passes.run(module, modules);
}

static Result<llvm::SmallVector<char, 0>> emit(llvm::Module &module, llvm::TargetMachine &machine,
                                               llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emission;
  emission.add(new llvm::TargetLibraryInfoWrapperPass(noLibrary(module)));
  if (machine.addPassesToEmitFile(emission, stream, nullptr, type))
    return internalError("kernels: LLVM cannot write code for " + machine.getTargetTriple().str());
  emission.run(module);
  return bytes;
}

Result<std::vector<uint8_t>> emitObject(llvm::Module &module, llvm::TargetMachine &machine) {
  auto bytes = emit(module, machine, llvm::CodeGenFileType::ObjectFile);
  if (!bytes)
    return bytes.takeError();
  return std::vector<uint8_t>(bytes->begin(), bytes->end());
}

Result<std::string> emitAssembly(llvm::Module &module, llvm::TargetMachine &machine) {
  auto bytes = emit(module, machine, llvm::CodeGenFileType::AssemblyFile);
  if (!bytes)
    return bytes.takeError();
  return std::string(bytes->begin(), bytes->end());
}

} // namespace weft::codegen
