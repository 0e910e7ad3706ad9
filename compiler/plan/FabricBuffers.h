// Between fabric.buffer ops and the SRAM planner.
#pragma once

#include "compiler/plan/Sram.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace weft::plan {

/// The buffers of a module: the resident ones, and each program's own with their lives counted in steps.
struct ModuleBuffers {
  std::vector<PlanBuffer> resident;
  std::vector<std::vector<PlanBuffer>> programs; // in the order of the module's programs
};
ModuleBuffers collectBuffers(mlir::ModuleOp module);

/// Gives every buffer its offset. Does not look at any budget: the pipeline does, which knows the remedies.
std::unique_ptr<mlir::Pass> createPlanPass(uint32_t alignBytes);
/// Closes the phase: no two live buffers overlap.
std::unique_ptr<mlir::Pass> createPlanVerifyPass(uint32_t alignBytes);
/// `--plan` and `--plan-verify` for weft-opt.
void registerPlanPasses();

} // namespace weft::plan
