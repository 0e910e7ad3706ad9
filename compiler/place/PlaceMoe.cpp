// Mixtures of gated MLPs: each expert over the whole mesh, or on regions of it that tokens are routed to.
#include "compiler/place/CutBlocks.h"
#include "compiler/place/Placer.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

#include <cmath>

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

/// Every core gets the whole rows of scores, since which experts are best is a matter of all of them.
FailureOr<Placer::Routed> Placer::route(xf::MoeOp op, Value x) {
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
                           .bias = {},
                           .groups = static_cast<int64_t>(op.getGroups()),
                           .topGroups = static_cast<int64_t>(op.getTopGroups()),
                           .topTwo = op.getGroupScore() == xf::GroupScore::TopTwo};
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
  auto table = cast<RankedTensorType>(scores.getType());
  SmallVector<Value> outs = {empty(table), empty(table), empty(perRow)};
  if (routing.groups != 1) {
    auto ofGroups = activation(sequence, routing.groups, whole(routing.groups));
    outs.append({empty(table), empty(ofGroups), empty(ofGroups)});
    for (int64_t scratch = 0; scratch < 3; ++scratch)
      order.push_back(static_cast<int64_t>(order.size()));
  }
  auto routed = call(kernels::buildRoute(module, routing), ins, outs, order, {rows(sequence)});
  return Routed{routed[0], routed[1]};
}

LogicalResult Placer::placeMoe(xf::MoeOp op) {
  const size_t layer = expertLayers++;
  auto x = placedInBlocks(op.getX(), op);
  if (failed(x))
    return failure();
  auto routed = route(op, *x);
  if (failed(routed))
    return failure();
  if (layer < options.expertChoices.size() && options.expertChoices[layer].routed)
    return placeRegions(op, *x, *routed, options.expertChoices[layer].plan);
  return placeEverywhere(op, *x, routed->weights);
}

/// Every expert for every token, with weight 0 where it was not chosen.
LogicalResult Placer::placeEverywhere(xf::MoeOp op, Value x, Value weights) {
  bool sequence = isSequence(op.getResult());
  auto type = cast<RankedTensorType>(x.getType());
  int64_t local = localShape(type)[1], experts = cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0);
  Value sum = call(kernels::buildZero(module, rowLocal(sequence), local), {}, {empty(type)}, {0}, {rows(sequence)})[0];
  for (auto [i, gate, up, down] : llvm::enumerate(op.getGates(), op.getUps(), op.getDowns())) {
    auto y = gatedMlp(x, {gate, up, down, op.getActivation()}, op);
    if (failed(y))
      return failure();
    auto add = kernels::buildAddWeighted(module, rowLocal(sequence), local, experts, static_cast<int64_t>(i));
    sum = call(add, {*y, weights}, {sum}, {0, 1, 2}, {rows(sequence)})[0];
  }
  values[op.getResult()] = sum;
  return success();
}

// ---- experts on regions ---------------------------------------------------------------------------------------

FailureOr<Value> Placer::expertWeights(xf::MoeOp op, ArrayRef<SmallVector<Value>> experts, const ExpertPlan &plan,
                                       RankedTensorType type) {
  SmallVector<StringRef> names;
  SmallVector<Attribute> views;
  bool stored = true;
  for (ArrayRef<Value> matrices : experts)
    for (Value matrix : matrices) {
      auto found = part(matrix, op);
      if (failed(found))
        return failure();
      names.push_back(found->name);
      views.push_back(builder.getArrayAttr(found->view));
      stored &= found->view.empty();
    }
  const int64_t inner = cast<RankedTensorType>(op.getGates()[0].getType()).getDimSize(0);
  return Value(builder.create<ExpertsOp>(type, builder.getStrArrayAttr(names), experts.size(), inner,
                                         plan.rowsPerRegion,
                                         SmallVector<int64_t>(plan.expert.begin(), plan.expert.end()),
                                         stored ? ArrayAttr() : builder.getArrayAttr(views)));
}

/// [0, n, d]: the pairs that the busiest region has of a row of the sequence, or of one token, are about n / d.
static DenseI64ArrayAttr expectedPairs(Builder &builder, double pairs, bool sequence, int64_t most) {
  constexpr int64_t largestDenominator = 8; // each is a parameter of the program
  std::pair<int64_t, int64_t> best = {1, 1};
  for (int64_t denominator = 1; denominator <= (sequence ? largestDenominator : 1); ++denominator) {
    const int64_t numerator = std::clamp<int64_t>(std::llround(pairs * double(denominator)), 1, most * denominator);
    auto error = [&](int64_t n, int64_t d) { return std::abs(double(n) / double(d) - pairs); };
    if (error(numerator, denominator) < error(best.first, best.second))
      best = {numerator, denominator};
  }
  return builder.getDenseI64ArrayAttr({0, best.first, best.second});
}

FailureOr<Placer::Regions> Placer::regionsOf(xf::MoeOp op, const ExpertPlan &plan) {
  SmallVector<SmallVector<Value>> in, out;
  SmallVector<Value> all;
  for (auto [gate, up, down] : llvm::zip(op.getGates(), op.getUps(), op.getDowns())) {
    in.push_back({gate, up});
    out.push_back({down});
    all.append({gate, up, down});
  }
  auto gate = cast<RankedTensorType>(op.getGates()[0].getType());
  const int64_t hidden = gate.getDimSize(1), height = mesh.height;
  Regions regions;
  const bool sequence = isSequence(op.getResult());
  regions.shape = {.rows = rowLocal(sequence),
                   .topK = static_cast<int64_t>(op.getTopK()),
                   .slots = plan.slots,
                   .rowsPerRegion = plan.rowsPerRegion};
  const double pairs = sequence ? plan.blockPairs : plan.expectedPairs;
  regions.expected = expectedPairs(builder, pairs > 0 ? pairs : static_cast<double>(regions.shape.perRow()), sequence,
                                   regions.shape.perRow());
  regions.inner = plainLocal(gate.getDimSize(0), plan.rowsPerRegion);
  Type numbers = matrixElement(all);
  if (!isa<FloatType>(numbers))
    return op.emitOpError("has its experts on regions, where they cannot be quantised");
  const RegionBlocks blocks = options.weightType ? RegionBlocks() : regionBlocks(op, mesh, plan.rowsPerRegion);
  auto element = [&](const std::optional<runtime::BlockShape> &shape) {
    return shape ? Type(blocksType(builder.getContext(), *shape)) : numbers;
  };
  auto innerOnY = [&](int64_t local) { return shard(Axis::Y, ShardKind::Block, local); };
  auto gateUp = expertWeights(op, in, plan,
                              tensor({plan.slots, hidden, 2 * regions.inner * height}, element(blocks.gateUp),
                                     {whole(plan.slots), contractionX(hidden), innerOnY(2 * regions.inner)}));
  auto down = expertWeights(op, out, plan,
                            tensor({plan.slots, regions.inner * height, hidden}, element(blocks.down),
                                   {whole(plan.slots), innerOnY(regions.inner), contractionX(hidden)}));
  if (failed(gateUp) || failed(down))
    return failure();
  regions.gateUp = *gateUp;
  regions.down = *down;
  return regions;
}

Value Placer::choosePlaces(xf::MoeOp op, const Routed &routed, const ExpertPlan &plan,
                           const kernels::PairShape &shape) {
  const int64_t experts = cast<RankedTensorType>(op.getRouter().getType()).getDimSize(0), slots = plan.slots;
  SmallVector<SmallVector<int32_t>> places(experts);
  for (auto [place, expert] : llvm::enumerate(plan.expert))
    if (expert >= 0)
      places[expert].push_back(static_cast<int32_t>(place));
  size_t replicas = 1;
  for (ArrayRef<int32_t> each : places)
    replicas = std::max(replicas, each.size());
  SmallVector<int32_t> table;
  for (SmallVector<int32_t> &each : places) {
    each.resize(replicas, -1);
    table.append(each);
  }
  Type word = builder.getI32Type();
  const auto width = static_cast<int64_t>(replicas);
  Value constant = builder.create<ConstantOp>(
      tensor({experts, width}, word, {whole(experts), whole(width)}),
      DenseElementsAttr::get(RankedTensorType::get({experts, width}, word), ArrayRef<int32_t>(table)));
  const int64_t regions = static_cast<int64_t>(plan.expert.size()) / slots;
  bool sequence = isSequence(op.getResult());
  auto kernel = kernels::buildChoosePlaces(module, shape, experts, regions, width);
  Value choices = empty(activation(sequence, 2 * shape.topK, whole(2 * shape.topK)));
  Value scratch = empty(tensor({regions + 1}, word, {whole(regions + 1)}));
  return call(kernel, {routed.ranks, routed.weights, constant}, {choices, scratch}, {0, 1, 2, 3, 4},
              {rows(sequence)})[0];
}

/// Cores of a row have the same pairs. Each does its share of their gates, if that is worth the sum that makes them
/// whole again.
kernels::GateShare Placer::gateShare(const kernels::PairShape &shape, int64_t inner) const {
  kernels::GateShare share = kernels::GateShare::of(inner, mesh.width), alone{1, inner, 1};
  const double elements = static_cast<double>(shape.capacity() * inner), parts = double(share.blocks * share.groups);
  if (parts == 1)
    return alone;
  constexpr double operations = 2; // special ones of an activation, mostly an exponential and a division
  const double saved = options.core.special > 0 ? operations * elements * (1 - 1 / parts) / options.core.special : 0;
  auto [levels, groups, inRouter] = reduction(mesh.width, shape.capacity() * inner);
  const int64_t cycles = inRouter ? routerCycles(options.costs, mesh.width, shape.capacity() * inner)
                                  : treeCycles(options.costs, mesh.width, shape.capacity() * inner, levels, groups);
  return options.core.special > 0 && saved < static_cast<double>(cycles) ? alone : share;
}

Value Placer::gatePairs(ArrayRef<Value> listed, Value both, const Regions &regions, kernels::Activation activation,
                        bool sequence) {
  const kernels::PairShape &shape = regions.shape;
  const int64_t columns = shape.perRow() * regions.inner;
  const kernels::GateShare share = gateShare(shape, regions.inner);
  const bool alone = share.blocks * share.groups == 1;
  Value hidden = empty(this->activation(sequence, columns, whole(columns), alone ? Axis::None : Axis::X));
  auto kernel = kernels::buildPairsGate(module, shape, regions.inner, activation, share);
  hidden = call(kernel, {listed[0], listed[1], both}, {hidden}, {0, 1, 2, 3},
                {scalar(sequence ? ScalarKind::Rows : ScalarKind::Constant, shape.perRow()), scalar(ScalarKind::RankX)},
                regions.expected)[0];
  return alone ? hidden : allReduce(hidden, Axis::X, ReduceKind::Add);
}

Value Placer::multiplyPairs(PairProduct product, Value pairs, Value x, Value matrices, Value out,
                            const Regions &regions, Attribute most) {
  const bool in = product == PairProduct::In;
  auto type = cast<RankedTensorType>(matrices.getType());
  const int64_t k = localShape(type)[1], n = localShape(type)[2];
  auto blocks = dyn_cast<BlocksType>(type.getElementType());
  if (!blocks) {
    const kernels::Element element = elementOf(matrices);
    auto kernel = in ? kernels::buildPairsIn(module, regions.shape, k, n, element)
                     : kernels::buildPairsOut(module, regions.shape, k, n, element);
    return call(kernel, {pairs, x, matrices}, {out}, {0, 1, 2, 3}, {most}, regions.expected)[0];
  }
  const runtime::BlockShape shape = blockShape(blocks, k, n);
  auto kernel =
      in ? kernels::buildPairsIn(module, regions.shape, shape) : kernels::buildPairsOut(module, regions.shape, shape);
  const int64_t numbers = kernels::pairScratch(shape);
  Value scratch = empty(tensor({numbers}, f32(), {whole(numbers)}));
  return call(kernel, {pairs, x, matrices}, {out, scratch}, {0, 1, 2, 4, 3}, {most}, regions.expected)[0];
}

Value Placer::addPairs(Value x, Value choices, Value sum, const Regions &regions, kernels::Activation activation) {
  const kernels::PairShape &shape = regions.shape;
  const int64_t perRow = shape.perRow(), inner = regions.inner;
  bool sequence = layoutOf(choices.getType()).getDims()[0].getKind() == ShardKind::Sequence;
  auto pairRows = [&](int64_t columns, Axis partial) {
    return empty(this->activation(sequence, perRow * columns, whole(perRow * columns), partial));
  };
  auto list = [&](int64_t words, Type element) { return empty(tensor({words}, element, {whole(words)})); };
  auto listed = call(kernels::buildListPairs(module, shape), {choices},
                     {list(1 + shape.capacity(), builder.getI32Type()), list(shape.capacity(), f32())}, {0, 1, 2},
                     {rows(sequence), scalar(ScalarKind::RankY)});
  // Kernels do as many pairs as there are.
  Attribute most = scalar(sequence ? ScalarKind::Rows : ScalarKind::Constant, perRow);
  Value both =
      multiplyPairs(PairProduct::In, listed[0], x, regions.gateUp, pairRows(2 * inner, Axis::X), regions, most);
  both = allReduce(both, Axis::X, ReduceKind::Add);
  Value hidden = gatePairs(listed, both, regions, activation, sequence);
  return multiplyPairs(PairProduct::Out, listed[0], hidden, regions.down, sum, regions, most);
}

LogicalResult Placer::placeRegions(xf::MoeOp op, Value x, const Routed &routed, const ExpertPlan &plan) {
  // The kernel that picks places trusts its table.
  const ExpertShape experts{.experts = static_cast<int64_t>(op.getGates().size())};
  if (std::string problem = planProblem(plan, experts, {.width = mesh.width, .height = mesh.height}); !problem.empty())
    return op.emitOpError("has no plan of its experts: ") << problem;
  auto regions = regionsOf(op, plan);
  if (failed(regions))
    return failure();
  Value choices = choosePlaces(op, routed, plan, regions->shape);
  kernels::Activation activation = activationOf(op.getActivation());
  bool sequence = isSequence(op.getResult());
  auto type = cast<RankedTensorType>(x.getType());
  auto [columns, columnShard] = std::pair(type.getDimSize(1), layoutOf(type).getDims()[1]);
  auto zero = kernels::buildZero(module, rowLocal(sequence), columnShard.getLocal());
  Value sum = empty(this->activation(sequence, columns, columnShard, sequence ? Axis::None : Axis::Y));
  sum = call(zero, {}, {sum}, {0}, {rows(sequence)})[0];
  if (!sequence) {
    sum = addPairs(x, choices, sum, *regions, activation);
    values[op.getResult()] = allReduce(sum, Axis::Y, ReduceKind::Add);
    return success();
  }
  // Each row's tokens go once round the ring of y, with their choices and what experts have given them so far.
  Value lower = builder.create<arith::ConstantIndexOp>(0), upper = builder.create<arith::ConstantIndexOp>(mesh.height),
        one = builder.create<arith::ConstantIndexOp>(1);
  auto loop = builder.create<scf::ForOp>(lower, upper, one, ValueRange{x, choices, sum});
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value tokens = loop.getRegionIterArg(0), chosen = loop.getRegionIterArg(1);
    // What does not change goes on while the products are computed.
    Value nextTokens = shift(tokens, Axis::Y, true), nextChosen = shift(chosen, Axis::Y, true);
    Value added = addPairs(tokens, chosen, loop.getRegionIterArg(2), *regions, activation);
    builder.create<scf::YieldOp>(ValueRange{nextTokens, nextChosen, shift(added, Axis::Y, true)});
  }
  for (auto &[graphValue, value] : values) // back home
    if (value == x)
      value = loop.getResult(0);
  values[op.getResult()] = loop.getResult(2);
  return success();
}

} // namespace weft::place
