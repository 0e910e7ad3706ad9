// The general path: any tensor program onto the mesh, op by op.
//
// A value is whole on every core or divided into blocks on x, on y or on both, each over one of its dimensions. A rule
// (GeneralLoops.h) says for an op which dimensions of operands and results belong together; each axis takes one of
// them. What no rule covers is computed on every core. Blocks are not padded: where a size does not divide by the
// cores, the last ones overlap (ShardKind::Overlap), so that no kernel ever meets an element that is none.
#pragma once

#include "compiler/place/Place.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace weft::place {

/// What became of one op.
struct OpPlacement {
  std::string name; // the model's
  std::string op;   // its kind, for example linalg.matmul
  bool distributed = false;
  std::string how; // "x: dimension 0 of 64, y: sum over 128", or why it is on every core
};
struct GeneralReport {
  std::vector<OpPlacement> ops;
};

/// What placement works on: xf ops as linalg, elementwise chains fused, constants folded.
mlir::LogicalResult prepareGeneral(mlir::ModuleOp module);

/// The same for the phases of a text generator, whose cache holds `maxSeq` tokens.
mlir::LogicalResult prepareGenerator(mlir::ModuleOp module, int64_t maxSeq);

/// Places @main of a prepared module, or the phases of a text generator. The module is left with the mesh, the grid
/// function and its kernels.
mlir::LogicalResult placeGeneral(mlir::ModuleOp module, const PlaceOptions &options, GeneralReport &report);

/// `--place-general` for weft-opt: both of them.
void registerGeneralPasses();

} // namespace weft::place
