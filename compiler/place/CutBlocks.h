// Weights of layers that stay in the blocks of the model's file: what formats have in common, and what is left of their
// groups where a mesh cuts them.
#pragma once

#include "compiler/place/Geometry.h"
#include "dialects/xf/XfDialect.h"
#include "runtime/package/BlockShape.h"

#include <optional>

namespace weft::place {

/// The layout that has room for the blocks of all `parts`, with groups as the file has them and no extents; nothing if
/// one of them is not whole rows of a stored tensor in blocks.
std::optional<runtime::BlockShape> commonBlocks(llvm::ArrayRef<mlir::Value> parts);

/// How the dimension along which blocks lie is divided: `local` elements on each of `ranks` ranks, in blocks of `rows`.
struct BlockCut {
  int64_t ranks = 1, local = 1, rows = 1;
  std::function<int64_t(int64_t rank, int64_t i)> indexOf; // of the whole; -1: padding
};
/// `shape` as a core has it, `columns` wide; nothing if numbers are as good: where groups have become so small that
/// their scales take the room of what codes save.
std::optional<runtime::BlockShape> cutBlocks(runtime::BlockShape shape, const BlockCut &cut, int64_t columns);

/// The matrices of an expert on the cores of its region, gate and up side by side; nothing: they are numbers there.
struct RegionBlocks {
  std::optional<runtime::BlockShape> gateUp, down;
};
RegionBlocks regionBlocks(xf::MoeOp op, const Mesh &mesh, int64_t rowsPerRegion);

} // namespace weft::place
