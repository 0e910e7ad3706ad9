// The event-driven mesh engine: runs the programs of a package as docs/program-model.md says, word by word.
#pragma once

#include "hw-models/CoreModel.h"
#include "runtime/Device.h"
#include "runtime/KernelLibrary.h"
#include "sim/mesh/TraceSink.h"

#include <functional>
#include <memory>
#include <span>

namespace weft::sim {

using runtime::KernelFunction;

struct MeshEngineOptions {
  bool timingOnly = false;                  // the same cycles; no SRAM, no kernel, no data
  bool explain = false;                     // LaunchReport::why
  TraceSink *trace = nullptr;               // must outlive the engine
  const hw::CoreModel *coreModel = nullptr; // what kernels cost; must outlive the engine
  /// Cycles of package.kernels[kernel] with `rows` rows, 1 if it has none: instead of the core model. May be empty.
  std::function<Result<uint64_t>(uint32_t kernel, int64_t rows)> kernelCosts;
  /// Runs a kernel on a core's SRAM, with operands at these offsets, and says how many instructions that took: instead
  /// of the native functions. Data mode only; may be empty.
  std::function<Result<uint64_t>(uint32_t kernel, std::span<std::byte> sram, std::span<const uint32_t> operands,
                                 std::span<const int64_t> scalars)>
      runKernel;
  /// The native function of package.kernels[index], nullptr if there is none. Called while loading; data mode only.
  std::function<KernelFunction(uint32_t index)> kernels;
  /// Writes weights and constants into the (zeroed) SRAM of core (x, y). Data mode only; may be empty.
  std::function<Result<void>(uint32_t x, uint32_t y, std::span<std::byte> sram)> fillResident;
  runtime::Progress progress; // of a launch; may be empty
};

/// Whether the mesh engine, whatever its evaluator, can run this machine.
Result<void> checkMeshHardware(const hw::Hardware &hardware);

/// An engine with `package` loaded. Keeps no reference to `package`.
/// Errors: a package that does not fit `hardware`, flows that collide, a kernel without a native function.
Result<std::unique_ptr<runtime::Device>> makeMeshEngine(const runtime::Package &package, const hw::Hardware &hardware,
                                                        const MeshEngineOptions &options);

} // namespace weft::sim
