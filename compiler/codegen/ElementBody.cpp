#include "compiler/codegen/ElementBody.h"

#include "compiler/codegen/MathCalls.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

#include <limits>

using namespace mlir;

namespace weft::codegen {

std::optional<Combiner> findCombiner(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || !op.getRegionOutputArgs().front().hasOneUse())
    return std::nullopt;
  BlockArgument old = op.getRegionOutputArgs().front();
  Operation *last = op.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  if (!last || *old.getUsers().begin() != last)
    return std::nullopt;
  if (old.getType().isInteger(32))
    return isa<arith::MaxSIOp>(last) ? std::optional(Combiner::MaxInteger) : std::nullopt;
  if (!old.getType().isF32())
    return std::nullopt;
  if (auto fma = dyn_cast<math::FmaOp>(last))
    return fma.getC() == old ? std::optional(Combiner::Add) : std::nullopt;
  if (isa<arith::AddFOp>(last))
    return Combiner::Add;
  if (isa<arith::MaxNumFOp>(last))
    return Combiner::Max;
  return std::nullopt;
}

Value combine(OpBuilder &b, Location loc, Combiner kind, Value x, Value y) {
  if (kind == Combiner::Add)
    return b.create<arith::AddFOp>(loc, x, y);
  if (kind == Combiner::MaxInteger)
    return b.create<arith::MaxSIOp>(loc, x, y);
  return b.create<arith::MaxNumFOp>(loc, x, y);
}

Value neutral(OpBuilder &b, Location loc, Combiner kind, Type type) {
  // -0.0 is the neutral element of addition: 0.0 + -0.0 would lose the sign.
  float value = kind == Combiner::Add ? -0.0F : -std::numeric_limits<float>::infinity();
  TypedAttr attribute = b.getF32FloatAttr(value);
  if (kind == Combiner::MaxInteger)
    attribute = b.getI32IntegerAttr(std::numeric_limits<int32_t>::min());
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, llvm::ArrayRef<Attribute>{attribute});
  return b.create<arith::ConstantOp>(loc, attribute);
}

Value combineLanes(OpBuilder &b, Location loc, Combiner kind, Value vector) {
  auto type = dyn_cast<VectorType>(vector.getType());
  if (!type)
    return vector;
  for (int64_t lanes = type.getDimSize(0) / 2; lanes >= 1; lanes /= 2) {
    Value low = b.create<vector::ExtractStridedSliceOp>(loc, vector, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{lanes},
                                                        ArrayRef<int64_t>{1});
    Value high = b.create<vector::ExtractStridedSliceOp>(loc, vector, ArrayRef<int64_t>{lanes},
                                                         ArrayRef<int64_t>{lanes}, ArrayRef<int64_t>{1});
    vector = combine(b, loc, kind, low, high);
  }
  return b.create<vector::ExtractOp>(loc, vector, ArrayRef<int64_t>{0});
}

bool isLongFunction(Operation &op) {
  return isa<math::MathDialect>(op.getDialect()) && !isa<math::FmaOp, math::SqrtOp, math::AbsFOp>(op);
}

bool isLanewise(linalg::GenericOp op) {
  auto isNarrowed = [](Operation *user) {
    return isa<arith::IndexCastOp>(user) && user->getResult(0).getType().isInteger(32);
  };
  return llvm::all_of(op.getBody()->without_terminator(), [&](Operation &inner) {
    if (isa<linalg::IndexOp>(inner))
      return llvm::all_of(inner.getUsers(), isNarrowed);
    return inner.getNumResults() == 1 && inner.getNumRegions() == 0 && !isCalledFunction(inner) &&
           (isa<arith::ConstantOp>(inner) || OpTrait::hasElementwiseMappableTraits(&inner));
  });
}

static Value broadcast(OpBuilder &b, Location loc, Value value, int64_t lanes) {
  if (lanes <= 1 || isa<VectorType>(value.getType()))
    return value;
  return b.create<vector::BroadcastOp>(loc, VectorType::get({lanes}, value.getType()), value);
}

SmallVector<Value> evaluateBody(OpBuilder &b, linalg::GenericOp op, ValueRange arguments, int64_t lanes,
                                llvm::function_ref<Value(unsigned)> index) {
  IRMapping values;
  values.map(op.getBody()->getArguments(), arguments);
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (isa<linalg::IndexOp>(inner))
      continue;
    if (auto of = inner.getNumOperands() == 1 ? inner.getOperand(0).getDefiningOp<linalg::IndexOp>() : nullptr) {
      values.map(inner.getResult(0), index(of.getDim()));
      continue;
    }
    auto isVector = [&](Value operand) { return isa<VectorType>(values.lookupOrDefault(operand).getType()); };
    if (llvm::none_of(inner.getOperands(), isVector)) {
      b.clone(inner, values);
      continue;
    }
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(broadcast(b, inner.getLoc(), values.lookupOrDefault(operand), lanes));
    OperationState state(inner.getLoc(), inner.getName(), operands,
                         VectorType::get({lanes}, inner.getResult(0).getType()), inner.getAttrs());
    values.map(inner.getResult(0), b.create(state)->getResult(0));
  }
  SmallVector<Value> results;
  for (Value yielded : op.getBody()->getTerminator()->getOperands())
    results.push_back(broadcast(b, op.getLoc(), values.lookupOrDefault(yielded), lanes));
  return results;
}

} // namespace weft::codegen
