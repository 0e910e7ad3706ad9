// Gated MLPs.
#include "compiler/place/Placer.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

FailureOr<Value> Placer::gatedMlp(Value x, const GatedWeights &weights, Operation *user) {
  auto gate = part(weights.gate, user), up = part(weights.up, user), down = part(weights.down, user);
  if (failed(gate) || failed(up) || failed(down))
    return failure();
  bool sequence = layoutOf(x.getType()).getDims()[0].getKind() == ShardKind::Sequence;
  auto stored = cast<RankedTensorType>(weights.gate.getType());
  int64_t inner = stored.getDimSize(0), columns = stored.getDimSize(1);
  ShardAttr innerShard = contractionX(inner);
  ShardAttr pairShard = shard(Axis::X, ShardKind::Block, 2 * innerShard.getLocal());
  Type element = productElement({weights.gate, weights.up}, contractionY(columns), pairShard.getLocal());
  Value gateUp = weight({*gate, *up}, WeightOrder::SideBySide,
                        tensor({columns, 2 * inner}, element, {contractionY(columns), pairShard}), true);
  Value both = product(x, gateUp, activation(sequence, 2 * inner, pairShard));
  auto kernel = kernels::buildGate(module, rowLocal(sequence), innerShard.getLocal(), activationOf(weights.activation));
  Value hidden = call(kernel, {both}, {empty(activation(sequence, inner, innerShard))}, {0, 1}, {rows(sequence)})[0];
  Value downWeight = weight(
      {*down}, WeightOrder::Single,
      tensor({inner, columns}, productElement({weights.down}, contractionY(inner), contractionX(columns).getLocal()),
             {contractionY(inner), contractionX(columns)}),
      true);
  return product(hidden, downWeight, activation(sequence, columns, contractionX(columns)));
}

LogicalResult Placer::placeMlp(xf::GatedMlpOp op) {
  auto x = placed(op.getX(), op);
  if (failed(x))
    return failure();
  auto y = gatedMlp(*x, {op.getGate(), op.getUp(), op.getDown(), op.getActivation()}, op);
  if (failed(y))
    return failure();
  values[op.getResult()] = *y;
  return success();
}

} // namespace weft::place
