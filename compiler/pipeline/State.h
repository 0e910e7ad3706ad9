// What the phases hand on to each other. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Compile.h"

#include <memory>
#include <string>
#include <vector>

namespace weft::compiler {

class State {
public:
  virtual ~State() = default;
  static Result<std::unique_ptr<State>> create(const CompileOptions &options);

  virtual Result<void> run(Phase phase) = 0;
  /// The IR as it is after `phase`.
  virtual std::string print(Phase phase) = 0;
  /// SRAM bytes that buffers take on the fullest core; after the plan phase.
  virtual uint64_t peakBytes() = 0;
  /// Those of them that no buffer keeps between launches.
  virtual uint64_t transientBytes() = 0;
  /// The kernels for the mesh's cores; after the kernels phase. Errors: cores that run no RISC-V code.
  virtual Result<std::string> coreCode(Product product) = 0;
  virtual uint32_t maxSeq() const = 0;
  virtual std::vector<Decision> takeDecisions() = 0;
  /// Of a tensor program, after the place phase.
  virtual std::optional<ImportedOps> takeOps() = 0;
  virtual std::vector<OpPlacement> takePlacements() = 0;
  /// After the place phase.
  virtual std::vector<place::ExpertChoice> takeExperts() = 0;
  virtual std::vector<std::string> takeWarnings() = 0;
  virtual TuningUse tuning() const = 0;
  /// After the kernels phase, with CompileOptions::keepKernels.
  virtual std::string kernelText() const = 0;
  virtual std::optional<Stages> stages() const = 0;
  virtual std::optional<Capacity> capacity() = 0;
  /// Null before the package phase.
  virtual std::unique_ptr<runtime::Package> takePackage() = 0;
};

} // namespace weft::compiler
