// The spmd phase: from grid values on a rectangle to what each class of cores does, step by step (fabric).
#pragma once

#include "kernels/TileKernels.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace weft::spmd {

struct SpmdOptions {
  kernels::ByteOrder byteOrder = kernels::ByteOrder::Rows; // of quantised weights: Words for cores with the unit `dot`
};

/// Replaces the grid functions by fabric programs. Buffers have no addresses and channels no colours yet.
std::unique_ptr<mlir::Pass> createSpmdPass(const SpmdOptions &options = {});
/// Closes the phase: classes of each step are disjoint and cover what they must; every symbol exists; loops are in
/// reach.
std::unique_ptr<mlir::Pass> createFabricVerifyPass();
/// `--spmd` and `--fabric-verify` for weft-opt.
void registerSpmdPasses();

} // namespace weft::spmd
