// The numbers of weights that stay in the blocks of the model's file, a chunk of rows at a time. Internal to kernels/.
#pragma once

#include "kernels/KernelBuilder.h"

namespace weft::kernels {

/// Which numbers: of one of several blocks that lie one behind the other, and columns of it.
struct StoredPart {
  mlir::Value slot;        // null: there is one block
  mlir::Value firstColumn; // null: 0
  int64_t columns = 0;     // 0: all of them
};

/// A block of layout `shape` (runtime/package/BlockShape.h). Its numbers go to scratch, which has room for a chunk of
/// them, then for the scale and the minimum of a group's columns.
class StoredNumbers {
public:
  StoredNumbers(KernelBody &body, const runtime::BlockShape &shape, mlir::Value bytes, mlir::Value scratch,
                const StoredPart &part = {});

  /// Has `use` read each chunk, in ascending order: `rows` rows of the block from row index * shape.chunk() on.
  void forChunks(llvm::function_ref<void(mlir::Value index, int64_t rows)> use);
  /// The first `rows` numbers of each column of the chunk at hand.
  mlir::Value chunkNumbers(int64_t rows) { return numbers(0, rows); }

private:
  void writeChunk(mlir::Value index, int64_t rows);
  void writeScales(mlir::Value index, int64_t row);
  void writeNumbers(mlir::Value index, int64_t row, int64_t count);
  mlir::Value numberOf(KernelBody &e, mlir::ValueRange v, llvm::ArrayRef<int64_t> from) const;
  mlir::Value sharedBy(mlir::Value index, int64_t row, int64_t size);
  mlir::Value columnsOf(mlir::Value buffer, mlir::Value row, int64_t offset);
  mlir::Value numbers(int64_t row, int64_t count);
  mlir::Value shared(int64_t which);
  mlir::Value inPart(mlir::Value offset, int64_t slotElements);

  KernelBody &b;
  const runtime::BlockShape &shape;
  StoredPart part;
  int64_t chunk, columns;
  mlir::Value bytes, scratch, floats; // `floats`: the bytes as those of d
};

/// Behind a kernel's extents: what tells layouts of blocks apart.
std::string blocksSuffix(const runtime::BlockShape &shape);
/// Of making all numbers of a block once: each is taken out of its bytes, becomes a number and is written; two
/// multiplications a group.
Work storedWork(const runtime::BlockShape &shape);

} // namespace weft::kernels
