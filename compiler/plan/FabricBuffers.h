// Between fabric.buffer ops and the SRAM planner.
#pragma once

#include "compiler/plan/Sram.h"

#include "dialects/fabric/FabricDialect.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace weft::plan {

/// The buffers of a module: the resident ones, and each program's own with their lives counted in steps.
struct ModuleBuffers {
  std::vector<PlanBuffer> resident;
  std::vector<std::string> names; // of the module's programs
  std::vector<std::vector<PlanBuffer>> programs;
};
ModuleBuffers collectBuffers(mlir::ModuleOp module);

/// A program as a row of segments, each a layer or what lies before, between or after layers, and which of them name
/// each resident buffer.
struct ResidentUse {
  int segments = 0;
  std::vector<std::vector<int>> segmentsOf; // of resident buffer i: ascending
};
ResidentUse residentUse(mlir::ModuleOp module, fabric::ProgramOp program);
/// Bytes that a program needs beside the resident buffers.
uint64_t transientBytes(const ModuleBuffers &buffers, uint32_t alignBytes);

/// The attribute of a resident buffer that says which stage it lies in; absent: in all.
inline constexpr llvm::StringLiteral stageAttribute = "weft.stage";
/// The stages that a module's resident buffers lie in.
int64_t countStages(mlir::ModuleOp module);

/// Gives every buffer its offset. Does not look at any budget: the pipeline does, which knows the remedies.
/// `stageBytes`: where buffers do not fit in as many, the resident ones are divided among stages, cut between layers;
/// 0: never.
std::unique_ptr<mlir::Pass> createPlanPass(uint32_t alignBytes, uint64_t stageBytes = 0);
/// Closes the phase: no two live buffers overlap.
std::unique_ptr<mlir::Pass> createPlanVerifyPass(uint32_t alignBytes);
/// `--plan` and `--plan-verify` for weft-opt.
void registerPlanPasses();

} // namespace weft::plan
