// Weights and constants of a package from the layouts of their buffers. Internal to compiler/pipeline.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/place/Geometry.h"
#include "dialects/fabric/FabricDialect.h"
#include "dialects/grid/GridDialect.h"
#include "hw-models/support/Result.h"
#include "runtime/package/PackageFile.h"

namespace weft::compiler {

/// Adds one pkg::Weight for each part of `op`.
Result<void> emitWeight(fabric::WeightOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                        runtime::Package &package);

/// Adds the pkg::Weights of experts where their regions are (EmitExperts.cpp).
Result<void> emitExperts(fabric::ExpertsOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                         runtime::Package &package);

/// A weight as the file has it, wherever it goes.
std::unique_ptr<pkg::WeightT> storedWeight(const frontend::WeightInfo &info);

/// How blocks of a weight lie on a core, of which a part's columns begin with `firstColumn`.
std::unique_ptr<pkg::BlocksT> describeBlocks(const runtime::BlockShape &shape, int64_t firstColumn);

/// Makes indices into a part those into its stored tensor, seen as a matrix whose rows are its last dimension.
Result<void> applyView(const grid::PartView &view, pkg::WeightT &weight, bool vector);

/// Adds the pkg::Weight of a tensor of any rank.
Result<void> emitStored(fabric::StoredOp op, const place::Mesh &mesh, const frontend::WeightSource &weights,
                        runtime::Package &package);

/// The same bytes on every core.
void emitConstant(fabric::ConstantOp op, runtime::Package &package);

/// How a core stores an element.
pkg::ElementType elementType(mlir::Type type);
pkg::ElementType elementType(frontend::WeightType type);

/// cos and sin of position * frequency, rows x pairs x 2 on each column of cores; computed in double.
void emitRopeTable(fabric::RopeTableOp op, const place::Mesh &mesh, runtime::Package &package);

/// index[x * n + i]: which element of a tensor laid out as `type` the i-th of n is that the core at x holds; -1:
/// padding, or one that another core gives.
std::vector<int32_t> outputIndex(mlir::Type type, const place::Mesh &mesh);

} // namespace weft::compiler
