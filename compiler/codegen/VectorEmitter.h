// Writes one linalg.generic on memrefs as loops over vectors. Internal to compiler/codegen.
//
// One scheme serves every op: parallel loops outside, a tile of rows x vectors that fits the registers, the reduction
// loops inside with the tile's accumulators as loop-carried values. A matrix product, a copy and a weighted sum differ
// only in which of these loops there are.
#pragma once

#include "compiler/codegen/ElementBody.h"
#include "compiler/codegen/RegisterTile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

namespace weft::codegen {

/// Some columns of a tile: `lanes` of them from `offset` on, or those of them that `mask` says.
struct Piece {
  int64_t offset = 0, lanes = 1;
  mlir::Value mask{};
};

/// How a loop over lanes goes through memory: not as vectors, with a fixed distance between elements, or side by side.
enum class LaneStride { None, Fixed, Unit };

/// An operand of the op and the loop that each of its dimensions follows.
struct Access {
  mlir::Value source;
  llvm::SmallVector<unsigned> loops;
  bool follows(unsigned loop) const { return llvm::is_contained(loops, loop); }
};

class Emitter {
public:
  Emitter(mlir::RewriterBase &b, mlir::linalg::GenericOp op, VectorShape shape, TileTuning tuning = {})
      : b(b), op(op), loc(op.getLoc()), shape(shape), tuning(tuning) {}

  /// False if the op has a form that vectors do not help; nothing has been created then.
  bool analyze();
  void emit();

private:
  using Coordinates = llvm::SmallVector<mlir::Value>;
  using Tile = llvm::function_ref<void(mlir::Value column, llvm::ArrayRef<Piece> pieces)>;

  LaneStride strideOf(const Access &access, unsigned loop);
  LaneStride takesVectors(unsigned loop, bool reduces);
  bool prefersStrides(std::optional<unsigned> unit, unsigned strided);
  std::optional<unsigned> chooseVectorLoop(llvm::ArrayRef<unsigned> parallel);
  void chooseRowLoop(llvm::ArrayRef<unsigned> parallel);

  mlir::Value constant(int64_t value) { return b.create<mlir::arith::ConstantIndexOp>(loc, value); }
  mlir::Value materialize(mlir::OpFoldResult value) { return mlir::getValueOrCreateConstantIndexOp(b, loc, value); }
  mlir::Value offsetBy(mlir::Value base, int64_t offset) {
    return offset == 0 ? base : b.createOrFold<mlir::arith::AddIOp>(loc, base, constant(offset));
  }
  mlir::Value roundDown(mlir::Value extent, int64_t step);
  mlir::Value remainderOf(mlir::Value extent, int64_t step);
  int64_t largestExtent(unsigned dimension);
  TileRequest request();
  void loop(mlir::Value from, mlir::Value to, int64_t step, llvm::function_ref<void(mlir::Value)> body);

  llvm::SmallVector<mlir::Value> indices(const Access &access, const Coordinates &at, int64_t row, Piece piece);
  mlir::Value distance(const Access &access, llvm::ArrayRef<mlir::Value> where);
  mlir::Value laneOffsets(const Access &access, int64_t lanes);
  mlir::Value allLanes(int64_t lanes);
  mlir::Value indexOf(unsigned loop, const Coordinates &at, int64_t row, Piece piece);
  mlir::Value load(unsigned operand, const Coordinates &at, int64_t row, Piece piece);
  void store(mlir::Value value, const Access &access, const Coordinates &at, int64_t row, Piece piece);

  /// Vectors of the inputs that serve all rows, at one point of the reduction loops: by input and piece.
  using Vectors = llvm::SmallVector<mlir::Value>;

  bool servesAllRows(unsigned input);
  Vectors loadVectors(const Coordinates &at, llvm::ArrayRef<Piece> pieces);
  llvm::SmallVector<mlir::Value> point(const Coordinates &at, const RegisterTile &tile, llvm::ArrayRef<Piece> pieces,
                                       mlir::ValueRange accumulators, llvm::ArrayRef<mlir::Value> vectors = {});
  llvm::SmallVector<mlir::Value> reduceAhead(Coordinates at, const RegisterTile &tile, llvm::ArrayRef<Piece> pieces,
                                             mlir::ValueRange accumulators, int64_t extent);
  llvm::SmallVector<mlir::Value> reduce(unsigned depth, Coordinates at, const RegisterTile &tile,
                                        llvm::ArrayRef<Piece> pieces, mlir::ValueRange accumulators);
  llvm::SmallVector<mlir::Value> reduceSteps(unsigned depth, Coordinates at, const RegisterTile &tile,
                                             llvm::ArrayRef<Piece> pieces, mlir::ValueRange accumulators,
                                             mlir::Value from, mlir::Value to, int64_t step);
  Access partOf(const Access &access, const Coordinates &at, const RegisterTile &tile, llvm::ArrayRef<Piece> pieces);
  void tile(const Coordinates &at, const RegisterTile &tile, llvm::ArrayRef<Piece> pieces);
  llvm::SmallVector<Piece> remainder(int64_t from, int64_t to, int64_t lanes);
  void columns(const RegisterTile &tile, Tile body);
  void rows(Coordinates at);
  void depthBlocks(Coordinates at);
  void outer(unsigned depth, Coordinates at);

  llvm::SmallVector<mlir::Value> reduceAcross(Coordinates at, mlir::Value column, llvm::ArrayRef<Piece> pieces,
                                              mlir::ValueRange accumulators);
  mlir::Value acrossStatic(const Coordinates &at, int64_t extent);
  mlir::Value acrossDynamic(const Coordinates &at, mlir::Value extent);
  void across(const Coordinates &at);

  mlir::RewriterBase &b;
  mlir::linalg::GenericOp op;
  mlir::Location loc;
  VectorShape shape;
  TileTuning tuning;
  llvm::SmallVector<mlir::OpFoldResult> extents;
  llvm::SmallVector<int64_t> ranges;  // the same, kDynamic where not fixed
  llvm::SmallVector<Access> accesses; // inputs, then outputs
  Coordinates origin;                 // where the tile at hand begins; null for loops that run inside it
  llvm::SmallVector<unsigned> outerLoops, reductionLoops;
  unsigned vectorLoop = 0;
  std::optional<unsigned> rowLoop;
  std::optional<Combiner> combiner; // set if the vector loop is a reduction
};

} // namespace weft::codegen
