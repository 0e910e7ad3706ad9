// The place phase: from what is computed (xf) to where (grid).
#pragma once

#include "compiler/place/Collectives.h"
#include "compiler/place/ExpertLoadFile.h"
#include "compiler/place/Geometry.h"
#include "kernels/TileKernels.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>
#include <vector>

namespace weft::place {

struct PlaceOptions {
  int64_t width = 1, height = 1;
  int64_t maxSeq = 0;            // 0: the graph's own limit
  bool cannon = false;           // Cannon's ring order instead of the two-hop interleave
  int64_t prefillTreeLevels = 1; // at most this many levels, colours permitting
  int64_t decodeTreeLevels = 2;
  int64_t keyBlock = 16; // keys scored at once in prefill attention
  mlir::Type weightType; // null: as stored; i8: matrices are quantised, what is looked up and scaled with as stored
  CollectiveCosts costs;
  uint64_t sramBytes = 0; // of a core for buffers; 0: not known
  ExpertsMode experts = ExpertsMode::Auto;
  std::vector<ExpertLoad> expertLoads;     // by layer with experts, in the graph's order; empty: uniform
  hw::CoreRates core;                      // all 0: as fast as links
  std::vector<ExpertChoice> expertChoices; // by layer with experts; empty: what chooseExperts takes
};

/// The layers with experts of a graph, in its order.
std::vector<ExpertLayer> expertLayers(mlir::ModuleOp graph);
/// What each layer with experts of a graph gets, in its order: chosen by predicted cycles and SRAM, unless
/// PlaceOptions::experts says which. The same for all phases, which share the weights. PlaceOptions::expertLoads must
/// be empty or fit.
std::vector<ExpertChoice> chooseExperts(mlir::ModuleOp graph, const PlaceOptions &options);

/// The attribute of a kernel's function that says what a call asks of the core: [narrow, macs, macs a row, alu, …].
inline constexpr llvm::StringLiteral workAttribute = "weft.work";
void attachWork(mlir::ModuleOp module, const kernels::TileKernel &kernel);

/// Replaces the graph's phase functions by grid functions on a mesh.
std::unique_ptr<mlir::Pass> createPlacePass(const PlaceOptions &options);
/// The module is one mesh, programs of straight-line code and loops on it, and the kernels that they call.
mlir::LogicalResult verifyGrid(mlir::ModuleOp module);
/// Closes the phase with verifyGrid: every value that lives on the mesh has a layout and every kernel exists.
std::unique_ptr<mlir::Pass> createGridVerifyPass();
/// `--place` and `--grid-verify` for weft-opt.
void registerPlacePasses();

} // namespace weft::place
