// Gated MLPs, one or a mixture of them.
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

/// Every core gets the whole rows of scores, since which experts are best is a matter of all of them.
FailureOr<Value> Placer::routingWeights(xf::MoeOp op, Value x) {
  auto router = part(op.getRouter(), op);
  if (failed(router))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto stored = cast<RankedTensorType>(op.getRouter().getType());
  int64_t experts = stored.getDimSize(0), inputs = stored.getDimSize(1);
  ShardAttr columns = shard(Axis::X, ShardKind::Block, plainLocal(experts, mesh.width));
  Value w = weight({*router}, WeightOrder::Single,
                   tensor({inputs, experts}, productElement({op.getRouter()}, contractionY(inputs), columns.getLocal()),
                          {contractionY(inputs), columns}),
                   true);
  Value logits = product(x, w, activation(sequence, experts, columns));
  kernels::RowShare share{.rows = rowLocal(sequence), .n = columns.getLocal(), .extent = experts};
  Value scores = call(kernels::buildSpreadColumns(module, share), {logits},
                      {empty(activation(sequence, experts, whole(experts), Axis::X))}, {0, 1},
                      {rows(sequence), scalar(ScalarKind::RankX)})[0];
  scores = allReduce(scores, Axis::X, ReduceKind::Add);
  auto perRow = tensor({rowExtent(sequence)}, f32(), {rowShard(sequence)});
  if (op.getScoring() == xf::Scoring::Softmax)
    scores = call(kernels::buildSoftmax(module, share.rows, experts), {}, {scores, empty(perRow), empty(perRow)},
                  {0, 1, 2}, {rows(sequence)})[0];
  else
    scores = call(kernels::buildActivation(module, share.rows, experts, kernels::Activation::Sigmoid), {}, {scores},
                  {0}, {rows(sequence)})[0];
  kernels::Routing routing{.rows = share.rows,
                           .experts = experts,
                           .topK = static_cast<int64_t>(op.getTopK()),
                           .normalize = op.getNormalize(),
                           .epsilon = op.getNormalizeEpsilon() ? op.getNormalizeEpsilon()->convertToDouble() : 0.0,
                           .scale = op.getScale() ? op.getScale()->convertToDouble() : 1.0,
                           .bias = {}};
  SmallVector<Value> ins = {scores};
  SmallVector<int64_t> order = {0, 1, 2, 3};
  if (op.getBias()) {
    auto bias = vectorOnX(op.getBias(), whole(experts), commonElement({op.getBias()}), op);
    if (failed(bias))
      return failure();
    routing.bias = elementOf(*bias);
    ins.push_back(*bias);
    order = {0, 2, 3, 4, 1};
  }
  Type type = scores.getType();
  auto table = cast<RankedTensorType>(type);
  return call(kernels::buildRoute(module, routing), ins, {empty(table), empty(table), empty(perRow)}, order,
              {rows(sequence)})[0];
}

/// Every expert for every token, with weight 0 where it was not chosen: which ones are is not known before the launch,
/// and what a core does does not depend on values.
LogicalResult Placer::placeMoe(xf::MoeOp op) {
  if (op.getGroups() != 1)
    return op.emitOpError("chooses groups of experts first, which has no lowering to a mesh yet");
  auto x = placedInBlocks(op.getX(), op);
  if (failed(x))
    return failure();
  auto weights = routingWeights(op, *x);
  if (failed(weights))
    return failure();
  bool sequence = isSequence(op.getResult());
  auto type = cast<RankedTensorType>(x->getType());
  int64_t local = localShape(type)[1], experts = cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0);
  Value sum = call(kernels::buildZero(module, rowLocal(sequence), local), {}, {empty(type)}, {0}, {rows(sequence)})[0];
  for (auto [i, gate, up, down] : llvm::enumerate(op.getGates(), op.getUps(), op.getDowns())) {
    auto y = gatedMlp(*x, {gate, up, down, op.getActivation()}, op);
    if (failed(y))
      return failure();
    auto add = kernels::buildAddWeighted(module, rowLocal(sequence), local, experts, static_cast<int64_t>(i));
    sum = call(add, {*y, *weights}, {sum}, {0, 1, 2}, {rows(sequence)})[0];
  }
  values[op.getResult()] = sum;
  return success();
}

} // namespace weft::place
