// What the subcommands of `weft` share: the compiler and the device reach them only through here, so that no file but
// weft.cpp knows both.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/Device.h"
#include "runtime/LoadMap.h"
#include "runtime/package/KernelCosts.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace weft::tools {

struct MeshSize {
  uint32_t width = 0, height = 0;
};

struct CompileOptions {
  std::string model{};                   // directory or file
  std::string hardware{};                // preset or file
  std::vector<hw::Override> overrides{}; // of its values
  std::optional<hw::Hardware> machine{}; // instead of both
  std::optional<MeshSize> mesh{};        // absent: that of the hardware
  std::optional<uint32_t> maxSeq{};      // absent: the compiler's choice
  std::string dtype{};                   // f32, f16, bf16; empty: weights as stored
  std::string gemm{};                    // meshgemm, cannon; empty or auto: by predicted cost
  std::string place{};                   // whole, general; empty or auto: the first where it can
  std::string reduce{};                  // core, router; the same
  std::string experts{};                 // dense, routed; the same
  std::string expertLoad{};              // a file that says how often experts are chosen; empty: all alike
  bool shapesOnly = false;               // no weights: a config file is enough
  std::string phase{};                   // prefill, decode; empty: both
  std::optional<uint32_t> layers{};      // absent: all
  std::string tuneDb{};                  // records of weft tune; empty: those that are shipped, "none": none
  std::map<std::string, int64_t> dims{}; // symbolic dimensions of the model by name
  std::string as{};                      // text, tensors; empty or auto: what the model looks like
};

struct DeviceOptions {
  bool timingOnly = false;
  std::string evaluator = "auto";            // with timingOnly: or event, maxplus
  bool simulateKernels = false;              // every instruction of them on the core's simulator, none on this machine
  std::vector<std::string> cosimUnits;       // with simulateKernels: instructions of these run on their RTL, too
  std::string costCache;                     // of measured costs; empty: the default place, "none": no cache
  bool explain = false;                      // LaunchReport::why
  std::string tracePath;                     // Chrome/Perfetto JSON; empty: none
  std::optional<std::string> modelDirectory; // where the weight files are now, if they moved
};

/// An architecture of model directories, as `weft inspect --architectures` lists it.
struct KnownArchitecture {
  std::string name;   // as config.json gives it
  std::string family; // "Llama"
  bool generates = false;
  std::string example, notes;
};

struct Tool {
  /// Compiles in memory. The result has passed checkPackage.
  std::function<Result<std::unique_ptr<runtime::Package>>(const CompileOptions &, const runtime::Progress &)> compile;
  /// A device with the package loaded. The package outlives it.
  std::function<Result<std::unique_ptr<runtime::Device>>(const runtime::Package &, const DeviceOptions &)> makeDevice;
  /// What the package's kernels take on its cores; absent for cores that run no machine code. The second argument is as
  /// DeviceOptions::costCache.
  std::function<Result<std::optional<runtime::KernelCosts>>(const runtime::Package &, const std::string &)> kernelCosts;
  /// The code of an object for the mesh's cores as text; of one kernel if the name is not empty.
  std::function<Result<std::string>(const pkg::KernelObjectT &, const std::string &)> disassemble;
  /// What cores compute and links carry in a launch that ran on a device of makeDevice.
  std::function<Result<runtime::LoadMap>(runtime::Device &, const runtime::Launch &, const runtime::LaunchReport &)>
      loadMap{};
  /// Whether a model generates text, told without compiling it; absent: only its package tells.
  std::function<Result<bool>(const CompileOptions &)> generatesText{};
  /// What the compiler knows to read, in the order of families.
  std::function<std::vector<KnownArchitecture>()> architectures{};
};

/// The machine a model is compiled for when none is named.
inline constexpr const char *defaultHardware = "rvv-mesh-16";

/// The command line's texts of CompileOptions, as --hw, --mesh, --max-seq, --dtype, --gemm, --reduce, --experts,
/// --expert-load, --weights, --phase, --layers, --dim, --as, --tune-db and --set give them.
struct CompileArguments {
  std::string hardware{}, mesh{}, dtype{}, gemm{}, place{}, reduce{}, experts{}, expertLoad{}, weights{}, phase{},
      tuneDb{}, as{};
  std::optional<uint32_t> maxSeq{}, layers{};
  std::vector<std::string> settings{}, dims{};

  /// The options that are given, in the order of the help.
  std::vector<std::string> given() const;
};

/// Adds these options to `command`; `arguments` must outlive the parse.
void addCompileArguments(CLI::App &command, CompileArguments &arguments);
/// --cost-cache, or $WEFT_COST_CACHE, into DeviceOptions::costCache.
void addCostCacheOption(CLI::App &command, std::string &costCache);
/// Errors are usage errors.
Result<CompileOptions> toCompileOptions(const std::string &model, const CompileArguments &arguments);

/// "1,2,3" -> {1, 2, 3}. A usage error that names --tokens otherwise.
Result<std::vector<int32_t>> parseTokens(std::string_view text);

/// "16x8" -> {16, 8}; both within 1 to 65535. A usage error that names `option` otherwise.
Result<MeshSize> parseMesh(const std::string &text, const char *option = "--mesh");

} // namespace weft::tools
