// Lowers one grid function to one fabric program. Each grid op becomes steps; a step has parts, each for a set of cores
// and able to write its instructions into any block, so that a loop's body can be written once for each class inside
// it.
#pragma once

#include "compiler/place/Geometry.h"
#include "compiler/place/Place.h"
#include "compiler/route/Tree.h"
#include "compiler/spmd/Spmd.h"
#include "dialects/fabric/Classes.h"
#include "dialects/grid/GridDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <functional>
#include <map>
#include <optional>

namespace weft::spmd {

using mlir::success; // not weft::success of plain C++ libraries

/// An expression before it is an attribute; `loop` sources count levels from the outermost loop.
struct Expr {
  fabric::Source source = fabric::Source::Constant;
  int64_t index = 0, scale = 0, add = 0;
  bool operator==(const Expr &) const = default;
};
inline Expr constant(int64_t value) { return {fabric::Source::Constant, 0, 0, value}; }

/// ((scale * counter of the loop at `level` + phase) mod modulus) * stride
struct RingTerm {
  int64_t level = 0, scale = 0;
  Expr phase;
  int64_t modulus = 1, stride = 0;
  bool operator==(const RingTerm &) const = default;
};

/// Where a value lies in a core's SRAM.
struct Slot {
  std::string buffer;
  int64_t offset = 0;
  llvm::SmallVector<RingTerm, 1> terms;
  bool operator==(const Slot &) const = default;
};

/// Writes instructions at the builder's insertion point, `level` loops deep.
using Emit = std::function<void(mlir::OpBuilder &, int64_t level)>;

struct Part {
  fabric::CoreMask cores;
  Emit emit;
};

struct Step {
  std::string op, kind;
  std::vector<Part> parts;
  bool all = false; // no core may be left out, whatever the parts
};

struct BlockQueue;

/// The kernel that adds the product of two blocks to C, and what it works on beside them.
struct Product {
  std::string kernel;
  Slot result;
  bool quantised = false;
  bool stored = false;    // B is in the blocks of the model's file
  Slot sums;              // scratch of a quantised product, and of one with stored blocks
  int64_t scaleBytes = 0; // of the scales before a block's integers
};

class Lowering {
public:
  Lowering(mlir::ModuleOp module, grid::MeshOp meshOp, const SpmdOptions &options);
  mlir::LogicalResult lower(mlir::func::FuncOp function);

private:
  // -- driver (LowerProgram.cpp)
  mlir::LogicalResult lowerBlock(mlir::Block &block, int64_t level, std::vector<Step> &steps);
  mlir::LogicalResult lowerOp(mlir::Operation *op, int64_t level, std::vector<Step> &steps);
  void lowerCall(grid::CallOp op, std::vector<Step> &steps);
  mlir::LogicalResult lowerLoop(mlir::scf::ForOp op, int64_t level, std::vector<Step> &steps);
  void lowerResident(mlir::Operation *op);
  void writeStep(const Step &step);

  // -- data movement (LowerCollectives.cpp)
  struct Reduction {
    grid::Axis axis;
    grid::ReduceKind kind;
    int64_t levels, groups;
    bool inRouter;
    int64_t segment = 0, segments = 0;
  };
  /// In place: every core of the line or segment has the result in `slot`.
  mlir::LogicalResult reduce(const std::string &op, const Slot &slot, Expr bytes, const Reduction &how,
                             std::vector<Step> &steps);
  void reduceInCores(const std::string &op, const Slot &slot, Expr bytes, const Reduction &how,
                     const route::TreePlan &plan, const std::string &name, std::vector<Step> &steps);
  void reduceInRouters(const std::string &op, const Slot &slot, Expr bytes, const Reduction &how,
                       const route::TreePlan &plan, std::vector<Step> &steps);
  mlir::LogicalResult lowerAllReduce(grid::AllReduceOp op, std::vector<Step> &steps);
  void lowerShift(grid::ShiftOp op, std::vector<Step> &steps);
  mlir::LogicalResult lowerToLayout(grid::ToLayoutOp op, std::vector<Step> &steps);
  void lowerLaunch(grid::LaunchOp op, std::vector<Step> &steps);
  void lowerInput(grid::InputOp op, std::vector<Step> &steps);
  void lowerOwnBlock(grid::OwnBlockOp op);
  void lowerOutput(grid::OutputOp op, std::vector<Step> &steps);

  // -- products (LowerGemm.cpp)
  void lowerGemm(grid::GemmOp op, std::vector<Step> &steps);
  /// A queue for the operand that moves along `axis`; `stride` bytes a slot, `bytes` of it in use.
  BlockQueue makeQueue(grid::Axis axis, int64_t stride, Expr bytes, llvm::StringRef hint);
  /// Rotates the queues of the cores that go down or up.
  Part alignPart(const BlockQueue &queue, grid::Axis rankAxis, bool up);
  Emit computeShift(const BlockQueue &a, const BlockQueue &b, bool upA, bool upB, const Product &product,
                    const Expr &rows);
  Product makeProduct(mlir::RankedTensorType weight, int64_t rows, const Slot &result);
  mlir::LogicalResult lowerGemv(grid::GemvOp op, std::vector<Step> &steps);
  /// The products of a GEMV on one core, into zeros.
  Emit multiplyBlocks(grid::GemvOp op);

  // -- pieces
  int64_t cores(grid::Axis axis) const { return axis == grid::Axis::X ? mesh.width : mesh.height; }
  fabric::CoreMask allCores() const { return fabric::CoreMask::all(mesh.width, mesh.height); }
  /// The cores whose position on `axis` is marked.
  fabric::CoreMask onAxis(grid::Axis axis, const std::vector<bool> &positions) const;
  std::string className(const fabric::CoreMask &mask);
  std::string channel(grid::Axis axis, fabric::PatternKind kind, llvm::ArrayRef<int64_t> args, const std::string &name,
                      std::optional<fabric::CombineKind> by = {});
  std::string ring(grid::Axis axis, int64_t direction);
  std::string newBuffer(fabric::BufferKind kind, int64_t bytes, llvm::StringRef hint);
  Slot slotFor(mlir::Value value, fabric::BufferKind kind, llvm::StringRef hint);
  int64_t param(llvm::StringRef name, llvm::ArrayRef<int64_t> divisors);
  /// Rows of a block of a weight matrix: those that are multiplied in one call.
  int64_t blockRows(mlir::RankedTensorType weight) const;
  /// Bytes of such a block.
  int64_t blockBytes(mlir::RankedTensorType weight) const;
  /// Bytes that a weight takes on a core.
  int64_t weightBytes(mlir::RankedTensorType weight) const;
  /// Bytes of a value in use: rows of the sequence are as many as the launch has.
  Expr bytesOf(mlir::Type type);
  Expr scalar(grid::ScalarAttr attribute, int64_t level);
  fabric::ExprAttr attribute(const Expr &expr, int64_t level) const;
  fabric::RefAttr reference(const Slot &slot, int64_t level) const;

  // -- instructions
  void put(mlir::OpBuilder &b, int64_t level, const Slot &from, llvm::StringRef channel, const Expr &bytes) const;
  void get(mlir::OpBuilder &b, int64_t level, const Slot &to, llvm::StringRef channel, const Expr &bytes) const;
  void wait(mlir::OpBuilder &b) const;
  /// What stands in the first word of operand `operand` when the program computes; scalars[0] is what is expected
  /// there.
  struct Counted {
    int64_t operand = 0;
    Expr most;
  };
  /// A call whose rows in use are scalars[0] if that is a parameter.
  void kernelCall(mlir::OpBuilder &b, int64_t level, llvm::StringRef kernel, llvm::ArrayRef<Slot> operands,
                  llvm::ArrayRef<Expr> scalars, std::optional<Counted> counted = {}) const;
  /// What a counted call's first scalar is taken to be where nothing is computed.
  Expr expectedCount(grid::CallOp op);
  std::string use(const kernels::TileKernel &kernel);

  mlir::ModuleOp module;
  mlir::MLIRContext *context;
  SpmdOptions options;
  place::Mesh mesh;
  fabric::ProgramOp program;
  mlir::OpBuilder declarations, residents, steps;
  llvm::DenseMap<mlir::Value, Slot> slots;
  std::vector<std::pair<fabric::CoreMask, std::string>> classes;
  std::map<std::string, std::string> channels;
  std::vector<std::pair<std::string, llvm::SmallVector<int64_t>>> params;
  int64_t bufferCount = 0;
  bool pendingTransfers = false; // transfers of a loop's body that its end must wait for
};

inline int64_t alignUp(int64_t bytes) { return place::roundUp(bytes, 16); }

/// The model's name of what `op` was placed for.
std::string opName(mlir::Operation *op);

} // namespace weft::spmd
