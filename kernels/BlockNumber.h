// One number of a block as the model's file has it. For rows that are looked up and for weights of tensor programs:
// the bytes on a core are the file's own. Products of models with lowerings of their own have StoredBlocks.cpp.
#pragma once

#include "kernels/TileKernels.h"
#include "runtime/weights/BlockFormat.h"

#include "mlir/IR/Builders.h"

namespace weft::kernels {

/// Number `place` (an index) of a block, an f32 with ggml's bits. `byteAt` gives the block's byte at an index, an i8.
mlir::Value blockNumber(mlir::OpBuilder &builder, mlir::Location loc, runtime::BlockFormat format, mlir::Value place,
                        llvm::function_ref<mlir::Value(mlir::Value)> byteAt);

/// The kernels of these names in TileKernels.h, with a table of whole blocks, vocab x (n / weights of a block x its
/// bytes). The vocabulary has `extent` entries; the last ranks' tables begin so that they end with it.
TileKernel buildEmbedBlock(mlir::ModuleOp module, int64_t rows, int64_t tokens, int64_t vocab, int64_t n,
                           runtime::BlockFormat table, int64_t extent, int64_t ranks);
TileKernel buildEmbedOne(mlir::ModuleOp module, int64_t vocab, int64_t n, runtime::BlockFormat table, int64_t extent);

} // namespace weft::kernels
