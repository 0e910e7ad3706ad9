// What is done element by element, and the row that the head reads.
#include "compiler/place/Placer.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

kernels::Activation activationOf(xf::Activation activation) {
  switch (activation) {
  case xf::Activation::Silu:
    return kernels::Activation::Silu;
  case xf::Activation::Gelu:
    return kernels::Activation::Gelu;
  case xf::Activation::GeluTanh:
    return kernels::Activation::GeluTanh;
  case xf::Activation::QuickGelu:
    return kernels::Activation::QuickGelu;
  case xf::Activation::Relu:
    return kernels::Activation::Relu;
  case xf::Activation::ReluSquared:
    return kernels::Activation::ReluSquared;
  case xf::Activation::Tanh:
    return kernels::Activation::Tanh;
  case xf::Activation::Sigmoid:
    return kernels::Activation::Sigmoid;
  }
  llvm_unreachable("all activations are handled");
}

FailureOr<Value> Placer::writable(Value xfValue, Operation *user) {
  auto value = placed(xfValue, user);
  if (failed(value))
    return failure();
  // In decode the last row is its operand.
  bool shared = !xfValue.hasOneUse();
  for (auto last = xfValue.getDefiningOp<xf::LastRowOp>(); last && !shared;
       last = last.getX().getDefiningOp<xf::LastRowOp>())
    shared = !last.getX().hasOneUse();
  return shared ? copyOf(*value, isSequence(xfValue)) : *value;
}

LogicalResult Placer::placeBinary(Operation *op, kernels::TileKernel (*kernel)(ModuleOp, int64_t, int64_t)) {
  Value first = op->getOperand(0), second = op->getOperand(1);
  auto a = placed(first, op), b = placed(second, op);
  if (failed(a) || failed(b))
    return failure();
  if (a->getType() != b->getType())
    return op->emitOpError("has operands that lie differently on the mesh");
  if (!second.hasOneUse())
    std::swap(*a, *b);
  bool sequence = isSequence(op->getResult(0));
  if (!first.hasOneUse() && !second.hasOneUse())
    b = copyOf(*b, sequence);
  int64_t local = localShape(cast<RankedTensorType>(b->getType()))[1];
  values[op->getResult(0)] = call(kernel(module, rowLocal(sequence), local), {*a}, {*b}, {1, 0}, {rows(sequence)})[0];
  return success();
}

LogicalResult Placer::placeScale(xf::ScaleOp op) {
  auto x = writable(op.getX(), op);
  if (failed(x))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto kernel = kernels::buildScale(module, rowLocal(sequence), localShape(cast<RankedTensorType>(x->getType()))[1],
                                    op.getFactor().convertToDouble());
  values[op.getResult()] = call(kernel, {}, {*x}, {0}, {rows(sequence)})[0];
  return success();
}

LogicalResult Placer::placeActivation(xf::ActivationOp op) {
  // Padding must stay zero where rows are summed.
  if (op.getActivation() == xf::Activation::Sigmoid &&
      !llvm::all_of(op->getUsers(), [](Operation *user) { return isa<xf::LinearOp, xf::MulOp>(user); }))
    return op.emitOpError("is a sigmoid before something else than a product, which has no lowering to a mesh yet");
  auto x = writable(op.getX(), op);
  if (failed(x))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto kernel =
      kernels::buildActivation(module, rowLocal(sequence), localShape(cast<RankedTensorType>(x->getType()))[1],
                               activationOf(op.getActivation()));
  values[op.getResult()] = call(kernel, {}, {*x}, {0}, {rows(sequence)})[0];
  return success();
}

LogicalResult Placer::placeLastRow(xf::LastRowOp op) {
  auto x = placed(op.getX(), op);
  if (failed(x))
    return failure();
  if (!isSequence(op.getX())) {
    values[op.getResult()] = *x;
    return success();
  }
  auto type = cast<RankedTensorType>(x->getType());
  ShardAttr columnShard = layoutOf(type).getDims()[1];
  auto kernel = kernels::buildLastRow(module, rowCapacity, options.maxSeq, columnShard.getLocal(), mesh.height);
  Value row = empty(activation(false, type.getDimSize(1), columnShard, Axis::Y));
  row = call(kernel, {launch, *x}, {row}, {0, 1, 2}, {scalar(ScalarKind::RankY)})[0];
  values[op.getResult()] = allReduce(row, Axis::Y, ReduceKind::Add);
  return success();
}

} // namespace weft::place
