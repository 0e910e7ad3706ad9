// Weights and constants of a package from the layouts of their buffers. Internal to compiler/pipeline.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/place/Geometry.h"
#include "dialects/fabric/FabricDialect.h"
#include "hw-models/support/Result.h"
#include "runtime/package/PackageFile.h"

namespace weft::compiler {

/// Adds one pkg::Weight for each part of `op`.
Result<void> emitWeight(fabric::WeightOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                        runtime::Package &package);

/// cos and sin of position * frequency, rows x pairs x 2 on each column of cores; computed in double.
void emitRopeTable(fabric::RopeTableOp op, const place::Mesh &mesh, runtime::Package &package);

/// index[x * local + i]: which element of a vector laid out as `type` the core at x holds at i; -1: padding.
std::vector<int32_t> outputIndex(mlir::Type type, const place::Mesh &mesh);

} // namespace weft::compiler
