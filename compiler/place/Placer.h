// Places one function of the graph on the mesh: gives every value a layout and every op an algorithm.
// Types, building blocks and dense layers are in PlaceDense.cpp, what is looked up in PlaceEmbedding.cpp, norms in
// PlaceNorms.cpp, gated MLPs in PlaceMlp.cpp, mixtures of them in PlaceMoe.cpp, what is done element by element in
// PlaceElements.cpp, attention in PlaceAttention.cpp, that over latents in PlaceLatent.cpp.
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

/// A weight as the model uses it: the stored tensor's name, and where its elements lie there (grid.weight, `views`).
struct WeightPart {
  mlir::StringRef name; // empty: zeros
  llvm::SmallVector<mlir::Attribute, 3> view;
};

/// A projection of attention and what is done to it before scores: a norm, a rotation, or neither.
struct Projection {
  xf::LinearOp linear;
  xf::RmsNormOp norm;
  xf::RopeOp rope;
};

/// The pieces of the graph that make one attention layer, placed as one.
struct AttentionPattern {
  Projection q, k, v;
  xf::KvAppendOp append;
};

/// Attention over latents (DeepSeek), whose graph has queries and values meet latents instead of keys and values. On a
/// mesh each head has keys and values of its own, made from the latent, as other attention has: heads lie along x, and
/// a core's share of the cache is smaller than one latent for every token that the core would need instead.
struct LatentPattern {
  /// What makes one piece of the heads: a matrix, whose result's columns are heads, and perhaps a bias.
  struct Source {
    HeadPiece piece;
    mlir::Value x, matrix, bias;
  };
  llvm::SmallVector<Source, 5> sources;     // those of one input are neighbours
  llvm::SmallVector<mlir::Operation *> ops; // all but the attention itself
  HeadShape heads;
  xf::RopeOp rope; // of queries
  xf::KvAppendOp append;
  xf::HeadLinearOp result; // what attention's output is called in the graph
};

/// Numbers a token that attention's cache has on the mesh.
int64_t cacheNumbers(xf::AttentionOp op);
/// Nothing: attention is another kind, or of sizes that have no lowering. Adds views of weights to the graph.
std::optional<LatentPattern> matchLatent(xf::AttentionOp op);
/// Why heads of `headDim` cannot be rotated as `rope` says; empty: they can.
llvm::StringRef beyondRotation(xf::RopeOp rope, int64_t headDim);

/// The weights of a gated MLP, values of the graph.
struct GatedWeights {
  mlir::Value gate, up, down;
  xf::Activation activation = xf::Activation::Silu;
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
  /// the file has them, if all parts are whole rows of some and that takes less room; otherwise as below. `heads`: of a
  /// row order that is packed.
  mlir::Type productElement(llvm::ArrayRef<Value> parts, grid::ShardAttr rows, int64_t columns,
                            const HeadLayout *heads = nullptr) const;
  bool isQuantised() const { return options.weightType && options.weightType.isInteger(8); }
  mlir::Type matrixElement(mlir::Type stored) const { return options.weightType ? options.weightType : stored; }
  /// Of one weight made of several: none of them may be rounded because it is stored wider than another.
  static mlir::Type commonElement(llvm::ArrayRef<Value> parts);
  mlir::Type matrixElement(llvm::ArrayRef<Value> parts) const { return matrixElement(commonElement(parts)); }
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
                                llvm::ArrayRef<mlir::Attribute> scalars, mlir::DenseI64ArrayAttr counted = {});
  /// `transposed`: stored out x in, as linear layers are.
  Value weight(llvm::ArrayRef<WeightPart> parts, grid::WeightOrder order, mlir::RankedTensorType type, bool transposed,
               const HeadLayout *heads = nullptr, llvm::ArrayRef<HeadPiece> pieces = {});
  /// The weight that `value` is, which must be a parameter or rows and columns of one.
  mlir::FailureOr<WeightPart> part(Value value, mlir::Operation *user);
  /// The parts of several weights; null values are zeros.
  mlir::FailureOr<llvm::SmallVector<WeightPart>> parts(llvm::ArrayRef<Value> values, mlir::Operation *user);
  /// A vector of the graph as it lies beside columns of a contraction on x.
  mlir::FailureOr<Value> vectorOnX(Value value, grid::ShardAttr columns, mlir::Type element, mlir::Operation *user);
  mlir::DenseI64ArrayAttr headsAttr(const HeadLayout &heads) { return builder.getDenseI64ArrayAttr(heads.numbers()); }
  Value allReduce(Value input, grid::Axis axis, grid::ReduceKind kind, int64_t segment = 0, int64_t segments = 0);
  Value shift(Value input, grid::Axis axis, bool wrap);
  /// x * w for rows of any kind: a GEMM for the launch's tokens, a GEMV for one.
  Value product(Value x, Value w, mlir::RankedTensorType result);
  Reduction reduction(int64_t cores, int64_t words) const;

  // -- ops of the graph
  mlir::LogicalResult placeOp(mlir::Operation *op);
  mlir::FailureOr<Value> placed(Value xfValue, mlir::Operation *user);
  /// The same of a value whose columns are blocks on x, not heads.
  mlir::FailureOr<Value> placedInBlocks(Value xfValue, mlir::Operation *user);
  /// What `xfValue` is on the mesh, to be overwritten: a copy if somebody else reads it.
  mlir::FailureOr<Value> writable(Value xfValue, mlir::Operation *user);
  Value copyOf(Value placed, bool sequence);
  mlir::LogicalResult placeEmbedding(xf::EmbeddingOp op);
  mlir::LogicalResult placeAddPositions(xf::AddPositionsOp op);
  /// A table whose rows lie on y, row `first` and those behind it up to `rows`.
  mlir::FailureOr<Value> tableOnY(Value table, int64_t first, int64_t rows, mlir::Operation *user);
  /// Passes `start`, the launch's rows, once round the ring of y; `visit` changes the block that a rank has in place.
  Value aroundRing(Value start, llvm::function_ref<Value(Value block)> visit);
  mlir::LogicalResult placeNorm(xf::RmsNormOp op);
  mlir::LogicalResult placeLayerNorm(xf::LayerNormOp op);
  Value rowSums(const kernels::TileKernel &kernel, llvm::ArrayRef<Value> ins, bool sequence,
                llvm::ArrayRef<mlir::Attribute> scalars);
  mlir::LogicalResult placeLinear(xf::LinearOp op);
  mlir::LogicalResult placeMlp(xf::GatedMlpOp op);
  mlir::LogicalResult placeMoe(xf::MoeOp op);
  /// `x` is on the mesh already.
  mlir::FailureOr<Value> gatedMlp(Value x, const GatedWeights &weights, mlir::Operation *user);
  /// What a router says of each expert for each row, whole on every core of a row.
  struct Routed {
    Value weights; // 0 for those not chosen
    Value ranks;   // how many experts are better
  };
  mlir::FailureOr<Routed> route(xf::MoeOp op, Value x);
  mlir::LogicalResult placeEverywhere(xf::MoeOp op, Value x, Value weights);
  mlir::LogicalResult placeRegions(xf::MoeOp op, Value x, const Routed &routed, const ExpertPlan &plan);
  /// The experts of a layer on their regions.
  struct Regions {
    kernels::PairShape shape;
    int64_t inner = 0; // of an expert's inner dimension, on a core
    Value gateUp, down;
    mlir::DenseI64ArrayAttr expected; // pairs, as counted calls have it
  };
  mlir::FailureOr<Regions> regionsOf(xf::MoeOp op, const ExpertPlan &plan);
  mlir::FailureOr<Value> expertWeights(xf::MoeOp op, llvm::ArrayRef<llvm::SmallVector<Value>> experts,
                                       const ExpertPlan &plan, mlir::RankedTensorType type);
  /// Which place each of a row's experts is computed in, as buildChoosePlaces() gives it.
  Value choosePlaces(xf::MoeOp op, const Routed &routed, const ExpertPlan &plan, const kernels::PairShape &shape);
  kernels::GateShare gateShare(const kernels::PairShape &shape, int64_t inner) const;
  /// What goes into down, whole on every core of a row. `listed`: pairs and their weights.
  Value gatePairs(llvm::ArrayRef<Value> listed, Value both, const Regions &regions, kernels::Activation activation,
                  bool sequence);
  /// The kernels buildPairsIn() and buildPairsOut() with `matrices`, numbers or blocks, of which kernels do as many
  /// pairs as there are, `most` at most.
  enum class PairProduct { In, Out };
  Value multiplyPairs(PairProduct product, Value pairs, Value x, Value matrices, Value out, const Regions &regions,
                      mlir::Attribute most);
  /// Adds to `sum` what the experts of a core's region give for the rows of `x` that chose them.
  Value addPairs(Value x, Value choices, Value sum, const Regions &regions, kernels::Activation activation);
  /// In place of the operand that nobody else reads.
  mlir::LogicalResult placeBinary(mlir::Operation *op,
                                  kernels::TileKernel (*kernel)(mlir::ModuleOp module, int64_t rows, int64_t n));
  mlir::LogicalResult placeScale(xf::ScaleOp op);
  mlir::LogicalResult placeActivation(xf::ActivationOp op);
  mlir::LogicalResult placeLastRow(xf::LastRowOp op);
  mlir::LogicalResult findAttention(mlir::func::FuncOp source);
  mlir::LogicalResult placeAttention(xf::AttentionOp op);
  kernels::AttentionShape shapeOf(xf::AttentionOp op, const HeadLayout &heads) const;
  /// What comes behind queries, keys and values; `result` is what its output is called in the graph.
  mlir::LogicalResult attend(xf::AttentionOp op, Value result, Value qkv, xf::KvAppendOp append,
                             kernels::AttentionShape shape, const HeadLayout &heads);
  mlir::LogicalResult placeLatent(xf::AttentionOp op, LatentPattern pattern);
  /// The columns of `qkv` that `sources`, of one input, make.
  mlir::FailureOr<Value> projectPieces(llvm::ArrayRef<LatentPattern::Source> sources, Value qkv,
                                       const kernels::AttentionShape &shape, const HeadLayout &heads,
                                       mlir::Operation *user);
  mlir::FailureOr<Value> projectHeads(AttentionPattern pattern, Value x, const kernels::AttentionShape &shape,
                                      const HeadLayout &heads);
  mlir::LogicalResult normHeads(Value &qkv, Projection projection, bool keys, const kernels::AttentionShape &shape,
                                const HeadLayout &heads);
  Value rotate(Value qkv, xf::RopeOp rope, const kernels::AttentionShape &shape, const HeadLayout &heads);
  /// `rows` x `n` scores behind their soft cap, and the shape of attention that takes them.
  Value capScores(Value scores, kernels::AttentionShape &shape, int64_t rows, int64_t n);
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
  llvm::DenseMap<mlir::Operation *, AttentionPattern> attentions;
  llvm::DenseMap<mlir::Operation *, LatentPattern> latents;
  llvm::DenseSet<mlir::Operation *> withAttention; // ops that are placed with their attention
  double softcap = 0;                              // of the attention being placed; 0: none
  size_t expertLayers = 0;                         // placed so far
  Value launch;
};

kernels::Element elementOf(mlir::Value tensor);
kernels::Activation activationOf(xf::Activation activation);

} // namespace weft::place
