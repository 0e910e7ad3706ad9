#include "compiler/codegen/HostObject.h"

#include "lld/Common/Driver.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <filesystem>
#include <fstream>
#include <mutex>

LLD_HAS_DRIVER(elf)

namespace weft::codegen {

Result<std::unique_ptr<llvm::TargetMachine>> makeTargetMachine(const HostTarget &target) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  std::string problem;
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(target.triple, problem);
  if (!found)
    return userError("host kernels: this LLVM has no code generator for '" + target.triple + "': " + problem +
                     "; compile on a machine of that architecture");
  std::string features;
  for (const std::string &feature : target.features)
    features += (features.empty() ? "+" : ",+") + feature;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict; // a multiply-add is fused where the IR says so, and only there
  std::unique_ptr<llvm::TargetMachine> machine(found->createTargetMachine(target.triple, target.cpu, features, options,
                                                                          llvm::Reloc::PIC_, std::nullopt,
                                                                          llvm::CodeGenOptLevel::Default));
  if (!machine)
    return internalError("host kernels: LLVM made no target machine for " + target.triple + " " + target.cpu);
  return machine;
}

/// What each kernel needs is written out; no loop may become a call of memset or memcpy.
static llvm::TargetLibraryInfoImpl noLibrary(const llvm::Module &module) {
  llvm::TargetLibraryInfoImpl library{llvm::Triple(module.getTargetTriple())};
  library.disableAllFunctions();
  return library;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
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
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

Result<std::vector<uint8_t>> emitObject(llvm::Module &module, llvm::TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple().str());
  module.setDataLayout(machine.createDataLayout());
  optimize(module, machine);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emission;
  emission.add(new llvm::TargetLibraryInfoWrapperPass(noLibrary(module)));
  if (machine.addPassesToEmitFile(emission, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return internalError("host kernels: LLVM cannot write an object file for " + machine.getTargetTriple().str());
  emission.run(module);
  return std::vector<uint8_t>(bytes.begin(), bytes.end());
}

namespace {
/// A directory of our own that goes away with its contents.
class ScratchDirectory {
public:
  ScratchDirectory() {
    std::error_code problem;
    std::string name = (std::filesystem::temp_directory_path(problem) / "weft-kernels-XXXXXX").string();
    if (!problem && mkdtemp(name.data()))
      path = name;
  }
  ScratchDirectory(const ScratchDirectory &) = delete;
  ScratchDirectory &operator=(const ScratchDirectory &) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    if (!path.empty())
      std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path; // empty if it could not be made
};
} // namespace

Result<std::vector<uint8_t>> linkShared(const std::vector<uint8_t> &object) {
  ScratchDirectory scratch;
  if (scratch.path.empty())
    return userError("host kernels: cannot create a temporary directory for the linker; check TMPDIR and the space there");
  std::string input = scratch.path / "kernels.o", output = scratch.path / "kernels.so";
  std::ofstream file(input, std::ios::binary);
  file.write(reinterpret_cast<const char *>(object.data()), static_cast<std::streamsize>(object.size()));
  file.close();
  if (!file)
    return userError("host kernels: cannot write '" + input + "'; check the space there");

  const char *arguments[] = {"ld.lld",       "-shared",     "--build-id=none",   "--strip-all", "--threads=1",   "-z", "defs", "-z",
                             "noexecstack", "-z", "noseparate-code", "-z", "norelro", "--hash-style=gnu", "-soname", "weft-kernels.so",
                             "-o",          output.c_str(), input.c_str()};
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  static std::mutex linker; // lld keeps global state
  {
    std::lock_guard<std::mutex> lock(linker);
    lld::Result linked = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
    if (linked.retCode != 0)
      return internalError("host kernels: the linker failed: " + stream.str());
  }
  std::ifstream image(output, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(image), std::istreambuf_iterator<char>()};
  if (bytes.empty())
    return userError("host kernels: the linker left no output in '" + scratch.path.string() + "'; check the space there");
  return bytes;
}

} // namespace weft::codegen
