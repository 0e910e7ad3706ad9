// Places one function of the graph on the mesh: gives every value a layout and every op an algorithm.
// Dense layers are in PlaceDense.cpp, attention in PlaceAttention.cpp.
#pragma once

#include "compiler/place/Geometry.h"
#include "compiler/place/Place.h"
#include "dialects/grid/GridDialect.h"
#include "dialects/xf/XfDialect.h"
#include "kernels/TileKernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace weft::place {

using mlir::success; // not weft::success of plain C++ libraries

/// A weight by the model's own name, and which of its stored rows (grid.weight, `rows`); empty: all as they are.
struct WeightPart {
  llvm::StringRef name;
  llvm::SmallVector<int64_t, 3> rows = {};
};

class Placer {
public:
  Placer(mlir::ModuleOp module, const Mesh &mesh, const PlaceOptions &options, bool decode)
      : module(module), builder(module.getLoc(), module.getContext()), mesh(mesh), options(options), decode(decode),
        rowCapacity(ceilDiv(options.maxSeq, mesh.height)) {}

  /// Fills `target`'s empty body with the grid form of `source`.
  mlir::LogicalResult place(mlir::func::FuncOp source, mlir::func::FuncOp target);

private:
  using Value = mlir::Value;

  // -- types
  mlir::RankedTensorType tensor(llvm::ArrayRef<int64_t> shape, mlir::Type element, llvm::ArrayRef<grid::ShardAttr> dims,
                                grid::Axis partial = grid::Axis::None);
  grid::ShardAttr shard(grid::Axis axis, grid::ShardKind kind, int64_t local);
  grid::ShardAttr whole(int64_t extent) { return shard(grid::Axis::None, grid::ShardKind::Whole, extent); }
  /// Rows of an activation: the launch's tokens over y, or one row that every core has.
  grid::ShardAttr rowShard(bool sequence);
  int64_t rowExtent(bool sequence) const { return sequence ? options.maxSeq : 1; }
  int64_t rowLocal(bool sequence) const { return sequence ? rowCapacity : 1; }
  mlir::RankedTensorType activation(bool sequence, int64_t columns, grid::ShardAttr columnShard,
                                    grid::Axis partial = grid::Axis::None);
  mlir::Type f32() { return builder.getF32Type(); }
  /// Of tables and gains, which are never quantised.
  mlir::Type weightElement(mlir::Type stored) const {
    return options.weightType && !options.weightType.isInteger() ? options.weightType : stored;
  }
  /// The element of the matrix that `parts` make side by side, divided so on y and `columns` wide on a core: blocks as
  /// the file has them, if all parts have some and that takes less room; otherwise as above. `heads`: of a row order
  /// that is packed.
  mlir::Type productElement(mlir::ValueRange parts, grid::ShardAttr rows, int64_t columns,
                            const HeadLayout *heads = nullptr) const;
  mlir::Type matrixElement(mlir::Type stored) const { return options.weightType ? options.weightType : stored; }
  /// Of one matrix made of several weights: none of them may be rounded because it is stored wider than another.
  mlir::Type matrixElement(mlir::ValueRange parts) const;
  static bool isSequence(Value xfValue);
  grid::ShardAttr contractionX(int64_t extent);
  grid::ShardAttr contractionY(int64_t extent);

  // -- building blocks
  Value empty(mlir::RankedTensorType type);
  mlir::Attribute scalar(grid::ScalarKind kind, int64_t value = 0);
  mlir::Attribute rows(bool sequence) {
    return scalar(sequence ? grid::ScalarKind::Rows : grid::ScalarKind::Constant, 1);
  }
  llvm::SmallVector<Value> call(const kernels::TileKernel &kernel, llvm::ArrayRef<Value> ins,
                                llvm::ArrayRef<Value> outs, llvm::ArrayRef<int64_t> order,
                                llvm::ArrayRef<mlir::Attribute> scalars);
  /// `transposed`: stored out x in, as linear layers are.
  Value weight(llvm::ArrayRef<WeightPart> parts, grid::WeightOrder order, mlir::RankedTensorType type, bool transposed,
               const HeadLayout *heads = nullptr);
  /// The part of a product that `value` is: rows of a parameter of the model.
  mlir::FailureOr<WeightPart> matrixPart(Value value, mlir::Operation *user);
  mlir::DenseI64ArrayAttr headsAttr(const HeadLayout &heads) {
    return builder.getDenseI64ArrayAttr({heads.kvHeads, heads.group, heads.headDim});
  }
  Value allReduce(Value input, grid::Axis axis, grid::ReduceKind kind, int64_t segment = 0, int64_t segments = 0);
  Value shift(Value input, grid::Axis axis, bool wrap);
  /// x * w for rows of any kind: a GEMM for the launch's tokens, a GEMV for one.
  Value product(Value x, Value w, mlir::RankedTensorType result);
  Reduction reduction(int64_t cores, int64_t words) const;

  // -- ops of the graph
  mlir::LogicalResult placeOp(mlir::Operation *op);
  mlir::FailureOr<Value> placed(Value xfValue, mlir::Operation *user);
  mlir::LogicalResult placeEmbedding(xf::EmbeddingOp op);
  mlir::LogicalResult placeNorm(xf::RmsNormOp op);
  mlir::LogicalResult placeLinear(xf::LinearOp op);
  mlir::LogicalResult placeMlp(xf::GatedMlpOp op);
  mlir::LogicalResult placeAdd(xf::AddOp op);
  mlir::LogicalResult placeLastRow(xf::LastRowOp op);
  mlir::LogicalResult placeAttention(xf::AttentionOp op);
  Value prefillAttention(Value qkv, Value keys, Value values, const kernels::AttentionShape &shape,
                         const HeadLayout &heads, mlir::RankedTensorType attended);
  Value decodeAttention(Value qkv, Value keys, Value values, const kernels::AttentionShape &shape,
                        const HeadLayout &heads, mlir::RankedTensorType attended);
  mlir::RankedTensorType headTensor(bool sequence, int64_t extent, int64_t local);

  mlir::ModuleOp module;
  mlir::ImplicitLocOpBuilder builder; // its location is the graph op being placed
  const Mesh &mesh;
  const PlaceOptions &options;
  bool decode;
  int64_t rowCapacity; // rows of the sequence a core may hold
  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Value, HeadLayout> headLayouts; // of attention outputs, by graph value
  Value launch;
};

} // namespace weft::place
