// The kernel of one op: what a core computes of it from its own blocks. Internal to the general path.
#pragma once

#include "compiler/place/GeneralLoops.h"
#include "kernels/TileKernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/PatternMatch.h"

#include "llvm/ADT/SmallPtrSet.h"

#include <array>
#include <functional>

namespace weft::place {

/// Which dimension of a tensor each axis divides: [0] x, [1] y; -1: none.
using Division = std::array<int64_t, 2>;
inline constexpr Division whole = {-1, -1};

/// How one op is divided: the loop that each axis takes.
struct Split {
  Division loops = whole;
  bool any() const { return loops != whole; }
  /// The axis that takes a loop of `kind`; -1: none.
  int axisOf(const OpLoops &op, OpLoops::Kind kind) const {
    for (int axis : {0, 1})
      if (loops[axis] >= 0 && op.kinds[loops[axis]] == kind)
        return axis;
    return -1;
  }
};

/// A tensor that the kernel reads, divided as the core holds it.
struct KernelInput {
  mlir::Value value;
  Division held = whole;
  bool asBytes = false; // of a weight in blocks (GeneralBlocks.h)
};

/// Whether a kernel makes the value by itself instead of reading it: fills, tensors without elements or contents,
/// scalars.
bool isMadeInKernel(mlir::Value value);

/// A function on local tensors for KernelInputs `inputs`, then the ranks on x and y as indices; its results are those
/// of `op` that have elements. A result that is no tensor becomes a tensor of rank 0. Where a reduction that is no sum
/// is divided, results have a first dimension of 1 more: each core's own result.
struct LocalFunction {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  llvm::SmallVector<KernelInput> inputs;
};

class LocalBuilder {
public:
  /// `cores` on x and y. `divisionOf` a value that is not made in the kernel says how cores hold it when the kernel
  /// runs as its operand `dims` (empty: it has to be whole).
  using DivisionOf = std::function<Division(mlir::Value, llvm::ArrayRef<LoopDim> dims)>;
  LocalBuilder(mlir::Operation *op, const std::optional<OpLoops> &loops, Split split, std::array<int64_t, 2> cores,
               DivisionOf divisionOf);

  LocalFunction build();

private:
  using Value = mlir::Value;
  int64_t localExtent(int64_t loop) const;
  bool isSplit(int64_t loop) const { return loop >= 0 && (split.loops[0] == loop || split.loops[1] == loop); }
  /// Index of the first iteration that the core does.
  Value start(int64_t loop);
  mlir::RankedTensorType localType(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> loopOfDim) const;

  Value argument(Value value, Division held);
  /// The part of a held tensor that the op works on.
  Value operand(Value value, llvm::ArrayRef<LoopDim> dims);
  /// `value`, which is whole, in the kernel.
  Value captured(Value value);
  Value scalarAbove(mlir::OpResult value);
  Value made(Value value, llvm::ArrayRef<LoopDim> dims);
  /// The same, of the type that its part of the kernel's has.
  Value madeAs(Value value, mlir::RankedTensorType local);
  /// What only looks numbers of weights in blocks up takes them out of the bytes.
  void lookUpInBlocks();
  void mapCaptures(mlir::Operation *op);

  llvm::SmallVector<Value> localise();
  llvm::SmallVector<Value> localiseGeneric();
  void readOwnBlock(mlir::linalg::GenericOp copy, const LoopCapture &capture, Division held,
                    llvm::SmallPtrSetImpl<mlir::Operation *> &ownIndices);
  /// What a divided reduction starts from on this core.
  Value firstOf(Value init, Value whole, mlir::Operation *combiner);
  llvm::SmallVector<Value> leaveOutShared(mlir::linalg::GenericOp full);
  /// The results of a core, of all that have them.
  Value amongCores(Value local);
  Value insertOwn(mlir::tensor::InsertSliceOp slice);
  Value insertOwnRow(mlir::tensor::InsertSliceOp slice);
  llvm::SmallVector<Value> clone(mlir::Operation *source);

  // -- control flow (GeneralRegionKernel.cpp)
  llvm::SmallVector<Value> localiseRegions();
  llvm::SmallVector<Value> localiseInside(mlir::Operation *inner);
  llvm::SmallVector<Value> localiseLoops(mlir::Operation *inner, const OpLoops &own);
  llvm::SmallVector<Value> localiseFor(mlir::scf::ForOp loop);
  llvm::SmallVector<Value> localiseIf(mlir::scf::IfOp branch);
  llvm::SmallVector<Value> localiseWhile(mlir::scf::WhileOp loop);
  /// The ops of a block, and what its terminator gives for `likeThese`.
  llvm::SmallVector<Value> localiseBlock(mlir::Block &block, mlir::ValueRange likeThese);
  Value writeElement(mlir::tensor::InsertOp write);
  llvm::ArrayRef<LoopDim> dimsInside(Value value) const;
  Division heldInside(Value value) const;
  mlir::RankedTensorType typeInside(mlir::RankedTensorType type, Division held) const;
  llvm::SmallVector<mlir::Type> typesInside(mlir::ValueRange values) const;
  Value insideOf(Value value, Value likeThis);
  /// Of an index into dimension `d` of a tensor inside: the index into the core's block, and whether it is in it; null:
  /// it always is.
  std::pair<Value, Value> ownIndex(Value tensor, int64_t d, mlir::OpFoldResult index);
  /// The same, brought into the block.
  Value nearestOwn(Value tensor, int64_t d, mlir::OpFoldResult index);
  Value inBlock(Value tensor, int64_t d, Value own);
  std::pair<Value, Value> ownPlace(Value tensor, int64_t d, mlir::OpFoldResult index, Value mine);
  Value both(Value a, Value b);

  mlir::Operation *op; // the one that is being made local, as loops and split are: perhaps one inside of control flow
  std::optional<OpLoops> loops;
  Split split;
  std::optional<OpLoops> region; // of the control flow around it
  Split regionSplit;
  llvm::DenseMap<Value, Value> ownCounters; // of loops whose iterations are divided: the index into a block
  std::array<int64_t, 2> cores;
  DivisionOf divisionOf;
  mlir::OpBuilder builder;
  LocalFunction result;
  mlir::IRMapping mapping;
  mlir::IRMapping above; // of scalars above the op and of what they read, which is whole
  bool isAbove = false;  // `mapping` is that one for now
  std::array<Value, 2> ranks;
  llvm::DenseMap<int64_t, Value> starts;
  llvm::SmallVector<Value> arguments; // by input: what the kernel computes with
};

} // namespace weft::place
