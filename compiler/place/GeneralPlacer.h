// Places one function of a tensor program, op by op. Internal to the general path.
#pragma once

#include "compiler/place/General.h"
#include "compiler/place/GeneralKernel.h"
#include "compiler/place/GeneralWeights.h"
#include "dialects/grid/GridDialect.h"
#include "kernels/General.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <map>

namespace weft::place {

using mlir::success; // not weft::success of plain C++ libraries

/// What a function is called while its grid form takes its name.
inline std::string graphName(llvm::StringRef function) { return (function + ".graph").str(); }

class GeneralPlacer {
public:
  GeneralPlacer(mlir::ModuleOp module, const Mesh &mesh, const PlaceOptions &options, GeneralReport &report)
      : module(module), builder(module.getLoc(), module.getContext()), mesh(mesh), options(options), report(report) {}

  /// Fills `target`'s empty body with the grid form of `source`.
  mlir::LogicalResult place(mlir::func::FuncOp source, mlir::func::FuncOp target);

private:
  using Value = mlir::Value;
  int64_t cores(int axis) const { return axis == 0 ? mesh.width : mesh.height; }

  // -- values
  /// A value that cores hold, and in which divisions: the first is how it came to be.
  struct Placed {
    llvm::SmallVector<std::pair<Division, Value>, 2> forms;
  };
  mlir::RankedTensorType gridType(mlir::RankedTensorType type, Division division,
                                  grid::Axis partial = grid::Axis::None);
  /// What cores hold of `value`, which is no weight and no constant.
  Division divisionOf(Value value);
  /// The same value held in `division`, which divides no axis that its present form does not divide alike.
  mlir::FailureOr<Value> held(Value value, Division division);
  Value gathered(Value value, mlir::RankedTensorType type, Division from, int axis);
  Value resident(Value value, Division division);
  /// A weight that is in blocks, as their bytes.
  Value residentBytes(Value value, Division division);
  bool isResident(Value value) const;
  mlir::RankedTensorType boxed(Value value);

  // -- ops
  mlir::LogicalResult placeInputs(mlir::func::FuncOp source);
  mlir::LogicalResult placeState(mlir::func::FuncOp source);
  /// How cores hold a part of a text generator's cache, tokens x heads x columns, between launches.
  Division stateDivision(mlir::RankedTensorType type) const;
  /// Brings `value` where the cache `state` lies. `before`: where the graph has an op for that.
  mlir::LogicalResult storeState(Value value, Value state, mlir::Operation *before);
  /// What can be stored now that `op` is placed, since nothing later looks at what the cache was. Null: all that is
  /// left.
  mlir::LogicalResult storeStates(mlir::Operation *op);
  mlir::LogicalResult keepCaches();
  /// Of an op that writes some rows of a cache, which nothing else looks at before: in the cache itself. Nothing: it is
  /// no such op; else whether it was placed.
  std::optional<bool> placeUpdate(mlir::Operation *op);
  mlir::LogicalResult placeOp(mlir::Operation *op);
  mlir::LogicalResult placeReshape(mlir::Operation *op);
  /// `into`: where the one result goes instead of a new buffer. `forced`: how the op, which is none of the model's, is
  /// split.
  mlir::LogicalResult placeKernel(mlir::Operation *op, Value into = {}, std::optional<Split> forced = {});
  /// The kernel of `op`, and what it reads. Where that has no form on buffers control flow is not divided: `split` is
  /// none then.
  mlir::FailureOr<kernels::GeneralKernel> buildKernel(mlir::Operation *op, const std::optional<OpLoops> &loops,
                                                      Split &split, llvm::SmallVector<KernelInput> &inputs);
  /// Adds what a kernel reads to its operands.
  mlir::LogicalResult pass(const KernelInput &input, llvm::SmallVector<Value> &ins);
  llvm::SmallVector<Value> callGeneral(const kernels::GeneralKernel &kernel, mlir::ValueRange ins,
                                       mlir::ValueRange outs, const Split &split);
  std::pair<mlir::RankedTensorType, Division> amongCores(mlir::RankedTensorType type, Division division, int axis);
  mlir::LogicalResult reduceAmongCores(mlir::OpResult result, Value form, Division division);
  mlir::LogicalResult placeOutput(Value value, mlir::StringRef name, mlir::StringRef dtype);
  llvm::SmallVector<Value> call(const kernels::TileKernel &kernel, mlir::ValueRange ins, mlir::ValueRange outs,
                                llvm::ArrayRef<mlir::Attribute> scalars);
  mlir::Attribute scalar(grid::ScalarKind kind, int64_t value = 0) {
    return grid::ScalarAttr::get(builder.getContext(), kind, value);
  }

  // -- choices (GeneralSplit.cpp)
  Split chooseSplit(mlir::Operation *op, const OpLoops &loops);
  double cost(mlir::Operation *op, const OpLoops &loops, const Split &split);
  /// How an operand will be held by an op that is split so.
  Division wanted(Value value, llvm::ArrayRef<LoopDim> dims, const Split &split);
  void note(mlir::Operation *op, const Split &split, std::string how);
  std::string describe(const OpLoops &loops, const Split &split) const;

  mlir::ModuleOp module;
  mlir::ImplicitLocOpBuilder builder;
  const Mesh mesh;
  const PlaceOptions options;
  GeneralReport &report;
  llvm::DenseMap<Value, Placed> values, bytes;       // bytes: of weights in blocks
  llvm::SmallVector<std::pair<Value, Value>> states; // what is to be stored, and the cache
  double weightPressure = 0;                         // bytes of all weights over those of a core
};

} // namespace weft::place
