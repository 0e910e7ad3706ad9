// The place phase: from what is computed (xf) to where (grid).
#pragma once

#include "compiler/place/Geometry.h"
#include "kernels/TileKernels.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace weft::place {

/// What the cost of a reduction depends on; cycles.
struct CollectiveCosts {
  int64_t hop = 1, ramp = 2, streamStage = 1, streamStartup = 1;
  int64_t reduceStage = 0;     // 0: routers cannot combine words, or are not to
  bool alwaysInRouter = false; // whatever it costs
};

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
};

/// How a line of cores is reduced.
struct Reduction {
  int64_t levels = 1, groups = 1; // of the K-tree
  bool inRouter = false;          // by the routers, in one level of one group
};

/// The one with the least predicted cycles for `words` words on `cores` cores.
Reduction chooseReduction(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t maxLevels);
/// The number of groups with the least predicted cycles for a K-tree of `levels` levels, and those cycles.
std::pair<int64_t, int64_t> bestGroups(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t levels);
/// Predicted cycles of an all-reduce by routers.
int64_t routerCycles(const CollectiveCosts &costs, int64_t cores, int64_t words);
/// Predicted cycles of a K-tree all-reduce.
int64_t treeCycles(const CollectiveCosts &costs, int64_t cores, int64_t words, int64_t levels, int64_t groups);

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
