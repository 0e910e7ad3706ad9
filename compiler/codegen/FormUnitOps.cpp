// Operations of custom units: forming them from vector code, and carrying them to where instructions are chosen.
#include "compiler/codegen/Passes.h"
#include "compiler/codegen/UnitCalls.h"
#include "dialects/rv/Rv.h"
#include "dialects/rv/UnitOps.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace weft::codegen {

using mlir::success; // not weft::success of plain C++ libraries

bool usesUnit(func::FuncOp kernel, StringRef unit) {
  auto units = kernel->getAttrOfType<ArrayAttr>(unitsAttribute);
  return units && llvm::is_contained(units, StringAttr::get(kernel.getContext(), unit));
}

namespace {

/// The scalar that all lanes of `value` are; null if it is not known.
Value broadcastScalar(Value value) {
  auto broadcast = value.getDefiningOp<vector::BroadcastOp>();
  return broadcast && !isa<VectorType>(broadcast.getSource().getType()) ? broadcast.getSource() : Value();
}

/// Units work on vectors: a scalar is a vector of one lane. `make` gets the operands as vectors.
template <typename Make> Value onVectors(OpBuilder &b, Operation *op, Make make) {
  if (isa<VectorType>(op->getResult(0).getType()))
    return make(llvm::to_vector(op->getOperands()));
  SmallVector<Value> vectors;
  for (Value operand : op->getOperands())
    vectors.push_back(b.create<vector::BroadcastOp>(op->getLoc(), VectorType::get({1}, operand.getType()), operand));
  return b.create<vector::ExtractOp>(op->getLoc(), make(vectors), ArrayRef<int64_t>{0});
}

struct FormDot : OpRewritePattern<rv::Dot4Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(rv::Dot4Op op, PatternRewriter &rewriter) const final {
    auto type = dyn_cast<VectorType>(op.getType());
    if (type && type.getRank() != 1)
      return failure();
    rewriter.replaceOp(op, onVectors(rewriter, op, [&](ArrayRef<Value> v) -> Value {
                         Value acc = v[0], a = v[1], b = v[2];
                         if (broadcastScalar(b))
                           std::swap(a, b);
                         if (Value scalar = broadcastScalar(a))
                           return rewriter.create<rv::VqdotVxOp>(op.getLoc(), acc.getType(), acc, b, scalar);
                         return rewriter.create<rv::VqdotVvOp>(op.getLoc(), acc.getType(), acc, b, a);
                       }));
    return success();
  }
};

/// exp(x - f) is one instruction where f is a scalar; both round the difference once.
struct FormExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const final {
    auto type = dyn_cast<VectorType>(op.getType());
    if (!getElementTypeOrSelf(op.getType()).isF32() || (type && type.getRank() != 1))
      return failure();
    rewriter.replaceOp(op, onVectors(rewriter, op, [&](ArrayRef<Value> v) -> Value {
                         auto difference = v[0].getDefiningOp<arith::SubFOp>();
                         Value scalar = difference ? broadcastScalar(difference.getRhs()) : Value();
                         if (scalar)
                           return rewriter.create<rv::WfVexpsubVfOp>(op.getLoc(), v[0].getType(), difference.getLhs(),
                                                                     scalar);
                         return rewriter.create<rv::WfVexpVOp>(op.getLoc(), v[0].getType(), v[0]);
                       }));
    return success();
  }
};

struct FormUnitOps : PassWrapper<FormUnitOps, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormUnitOps)

  FormUnitOps() = default;
  explicit FormUnitOps(bool dot) { this->dot = dot; }
  FormUnitOps(const FormUnitOps &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "rv-form-unit-ops"; }
  StringRef getDescription() const final { return "Form operations of custom units from vector code"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<rv::RvDialect, vector::VectorDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    if (dot)
      patterns.add<FormDot>(&getContext());
    if (usesUnit(getOperation(), "exp"))
      patterns.add<FormExp>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  Option<bool> dot{*this, "dot", llvm::cl::desc("the target has the unit dot"), llvm::cl::init(false)};
};

/// As inline assembly that names the instruction: no pass of LLVM looks inside, and a vector unit's has no side
/// effects.
struct CarryUnitOp : RewritePattern {
  CarryUnitOp(MLIRContext *context, const units::Instruction &instruction)
      : RewritePattern(("rv." + StringRef(instruction.id)).str(), 1, context), instruction(instruction) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const final {
    SmallVector<Value> operands;
    std::string constraints = op->getNumResults() ? "=r" : "";
    for (Value operand : op->getOperands())
      addVectors(op->getLoc(), asBits(op->getLoc(), operand, rewriter), operands, rewriter);
    for (size_t i = 0; i < operands.size(); ++i)
      constraints += constraints.empty() ? "r" : ",r";
    const units::Form *form = rv::formOf(op, instruction);
    auto assembly = rewriter.create<LLVM::InlineAsmOp>(
        op->getLoc(), llvm::map_to_vector(op->getResultTypes(), bitsType), operands,
        unitCallText({&instruction, form, immediateOf(op)}), constraints,
        /*has_side_effects=*/form == nullptr, /*is_align_stack=*/false, LLVM::AsmDialectAttr(), ArrayAttr());
    SmallVector<Value> results;
    for (auto [value, type] : llvm::zip_equal(assembly->getResults(), op->getResultTypes()))
      results.push_back(castTo(op->getLoc(), value, type, rewriter));
    rewriter.replaceOp(op, results);
    return success();
  }

private:
  /// bf16 is no type of LLVM's for a core without the extensions for it; its bits are.
  static Type bitsType(Type type) {
    Type element = getElementTypeOrSelf(type);
    Type bits = element.isBF16() ? IntegerType::get(type.getContext(), 16) : element;
    auto vector = dyn_cast<VectorType>(type);
    return vector ? vector.cloneWith(std::nullopt, bits) : bits;
  }
  static Value castTo(Location loc, Value value, Type type, OpBuilder &b) {
    if (value.getType() == type)
      return value;
    return isa<VectorType>(type) ? b.create<vector::BitCastOp>(loc, type, value).getResult()
                                 : b.create<arith::BitcastOp>(loc, type, value).getResult();
  }
  static Value asBits(Location loc, Value value, OpBuilder &b) {
    return castTo(loc, value, bitsType(value.getType()), b);
  }

  /// LLVM has vectors of rank 1 only.
  static void addVectors(Location loc, Value operand, SmallVector<Value> &operands, OpBuilder &b) {
    auto type = dyn_cast<VectorType>(operand.getType());
    if (!type || type.getRank() == 1)
      return operands.push_back(operand);
    for (int64_t row = 0; row < type.getDimSize(0); ++row)
      operands.push_back(b.create<vector::ExtractOp>(loc, operand, ArrayRef<int64_t>{row}));
  }

  static uint32_t immediateOf(Operation *op) {
    for (StringRef name : {"immediate", "ci", "route"})
      if (auto value = op->getAttrOfType<IntegerAttr>(name))
        return static_cast<uint32_t>(value.getInt());
    return 0;
  }

  const units::Instruction &instruction;
};

} // namespace

void addUnitLowering(RewritePatternSet &patterns) {
  for (const units::Unit &unit : units::all())
    for (const units::Instruction &each : unit.instructions)
      patterns.add<CarryUnitOp>(patterns.getContext(), each);
}

std::unique_ptr<Pass> createFormUnitOpsPass(bool dot) { return std::make_unique<FormUnitOps>(dot); }

} // namespace weft::codegen
