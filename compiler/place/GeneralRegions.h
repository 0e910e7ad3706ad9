// Dimensions that all ops of a region treat alike. Internal to the general path.
#pragma once

#include "compiler/place/GeneralKernel.h"

#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/MapVector.h"

namespace weft::place {

/// One element, or one index of each dimension that a slice is a part of.
struct RegionPlace {
  mlir::Value tensor; // that is read or written
  llvm::SmallVector<mlir::OpFoldResult> indices;
  llvm::SmallBitVector single; // by dimension: there is one index, and more than one element
  mlir::Value written;         // into `tensor`; null: it is read
};

/// Of an op that reads or writes a place; nothing: it is another one.
std::optional<RegionPlace> placeOf(mlir::Operation *op);

/// Iterations of a loop from 0 on in steps of 1; nothing: it is another one.
std::optional<int64_t> countOf(mlir::scf::ForOp loop);

/// The loops of scf.for, scf.if or scf.while.
class RegionLoops {
public:
  explicit RegionLoops(mlir::Operation *root) : root(root) {}
  std::optional<OpLoops> run();

private:
  // -- sets of dimensions: a node for each dimension of a tensor and each counter
  unsigned node(int64_t extent);
  llvm::ArrayRef<unsigned> dimsOf(mlir::Value tensor);
  unsigned counterOf(mlir::scf::ForOp loop);
  bool isSame(unsigned a, unsigned b) const { return sets.findLeader(a) == sets.findLeader(b); }
  void join(unsigned a, unsigned b);
  void join(mlir::Value a, mlir::Value b);
  void fix(unsigned one) { fixed[one] = true; }
  void fix(mlir::Value tensor);

  // -- what ops say about them
  bool visit(mlir::Operation *op);
  void visitLoops(mlir::Operation *op, const OpLoops &loops);
  void visitPlace(const RegionPlace &place, mlir::Value result);
  void visitReshape(mlir::Value many, mlir::Value few, llvm::ArrayRef<mlir::ReassociationIndices> groups);
  void visitOther(mlir::Operation *op);
  void fixDoubles();
  // -- and what only all of them do
  bool isForOwner(mlir::Value value, unsigned dim, mlir::OpFoldResult index);
  void checkCounter(mlir::scf::ForOp loop);
  bool touchesOnly(mlir::scf::ForOp loop, mlir::BlockArgument carried, mlir::Value yielded, int64_t d);

  llvm::SmallVector<LoopDim, 4> numbered(mlir::Value tensor);
  void addWork(OpLoops &loops);
  OpLoops result();

  mlir::Operation *root;
  llvm::SmallVector<int64_t> extents; // by node
  llvm::SmallVector<bool> fixed;
  llvm::IntEqClasses sets;
  llvm::MapVector<mlir::Value, llvm::SmallVector<unsigned, 4>> dims;
  llvm::MapVector<mlir::Operation *, unsigned> counters;
  llvm::SmallVector<llvm::SmallVector<unsigned>> apart;           // of one op or value: no two may be in one set
  llvm::SmallVector<std::pair<mlir::Operation *, int64_t>> reads; // where data says
  llvm::DenseMap<unsigned, int64_t> numbers;                      // of sets that may be divided, by leader
};

} // namespace weft::place
