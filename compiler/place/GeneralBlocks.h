// Weights of tensor programs that the model's file has in blocks: cores hold the file's bytes, and the kernel that
// reads a weight makes numbers of them.
#pragma once

#include "compiler/place/GeneralKernel.h"
#include "compiler/place/GeneralWeights.h"
#include "runtime/weights/BlockFormat.h"

#include "mlir/IR/BuiltinOps.h"

namespace weft::place {

/// The bytes of a weight: as the value is, but dimension `dim` counts bytes of whole blocks.
struct StoredBytes {
  runtime::BlockFormat format;
  int64_t dim = 0;
  StoredView view; // in bytes
  mlir::RankedTensorType type;
};

/// Nothing: `value` is no view of blocks that keeps them whole, or of more than 2^31 bytes, or `held`, a division over
/// `cores`, would cut some.
std::optional<StoredBytes> storedBytes(mlir::Value value, Division held, std::array<int64_t, 2> cores);

/// The numbers of a core's part of such bytes.
mlir::Value numbersOf(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value bytes, const StoredBytes &stored);

/// What is looked up in `numbers`, which numbersOf() made of `bytes`, is taken out of these one by one; where nothing
/// else reads them, they are not made.
void lookUpInBytes(mlir::Value numbers, mlir::Value bytes, const StoredBytes &stored);

} // namespace weft::place
