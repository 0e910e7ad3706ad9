// What a mixture of experts means, in linalg: every expert for every row, weighted by 0 where it was not chosen.
#include "dialects/xf/XfEmit.h"
#include "dialects/xf/XfRouting.h"

using namespace mlir;
using namespace weft::xf;

namespace {

struct Router {
  Emit &e;
  OpFoldResult rows;

  Value scores(Scoring scoring, Value logits) {
    if (scoring == Scoring::Sigmoid)
      return e.elementwise(logits, [&](OpBuilder &, ValueRange in) { return e.bend(Activation::Sigmoid, in[0]); });
    Value largest = reduce(logits, -std::numeric_limits<double>::infinity(), [&](Value total, Value value) -> Value {
      return e.builder.create<arith::MaximumFOp>(e.loc, total, value);
    });
    Value powers = withRow(logits, largest, [&](Value value, Value most) -> Value {
      return e.builder.create<math::ExpOp>(e.loc, e.sub(value, most));
    });
    return withRow(powers, sum(powers), [&](Value value, Value total) { return e.div(value, total); });
  }

  Value sum(Value values) {
    return reduce(values, 0.0, [&](Value total, Value value) { return e.add(total, value); });
  }

  /// Over the last dimension.
  Value reduce(Value values, double start, function_ref<Value(Value, Value)> combine) {
    auto type = cast<RankedTensorType>(values.getType());
    unsigned last = type.getRank() - 1;
    SmallVector<OpFoldResult> sizes = {rows};
    for (unsigned i = 1; i < last; ++i)
      sizes.push_back(e.size(values, i));
    AffineMap all = e.builder.getMultiDimIdentityMap(last + 1);
    return e.generic(values, e.filled(sizes, start), {all, all.dropResult(last)}, {last},
                     [&](OpBuilder &, ValueRange in) { return combine(in[1], in[0]); });
  }

  /// Each value of a row × column tensor together with its row's.
  Value withRow(Value values, Value perRow, function_ref<Value(Value, Value)> combine) {
    AffineMap all = e.map(2, {e.dim(0), e.dim(1)}), row = e.map(2, {e.dim(0)});
    return e.generic({values, perRow}, e.empty({rows, e.size(values, 1)}), {all, row, all}, {},
                     [&](OpBuilder &, ValueRange in) { return combine(in[0], in[1]); });
  }

  /// rows × sets × members: how many members of its set are better than each; of equal ones the earlier is better.
  Value ranks(Value values) {
    AffineMap own = e.map(4, {e.dim(0), e.dim(1), e.dim(2)}), other = e.map(4, {e.dim(0), e.dim(1), e.dim(3)});
    Value init = e.filled({rows, e.size(values, 1), e.size(values, 2)}, 0.0);
    return e.generic({values, values}, init, {own, other, own}, {3}, [&](OpBuilder &b, ValueRange in) -> Value {
      Value larger = b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OGT, in[1], in[0]);
      Value equal = b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OEQ, in[1], in[0]);
      Value earlier = b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ult, e.loopIndex(3), e.loopIndex(2));
      Value better = b.create<arith::OrIOp>(e.loc, larger, b.create<arith::AndIOp>(e.loc, equal, earlier));
      return e.add(in[2], b.create<arith::SelectOp>(e.loc, better, e.f32(1.0), e.f32(0.0)));
    });
  }

  /// `values` where the rank is below `limit`, else `otherwise`; the rank may lack the last dimension.
  Value keepBest(Value values, Value ranks, int64_t limit, double otherwise) {
    int64_t rank = cast<RankedTensorType>(values.getType()).getRank();
    AffineMap all = e.builder.getMultiDimIdentityMap(rank);
    AffineMap rankMap = all.getMajorSubMap(cast<RankedTensorType>(ranks.getType()).getRank());
    SmallVector<OpFoldResult> sizes = {rows};
    for (int64_t i = 1; i < rank; ++i)
      sizes.push_back(e.size(values, i));
    return e.generic(
        {values, ranks}, e.empty(sizes), {all, rankMap, all}, {}, [&](OpBuilder &b, ValueRange in) -> Value {
          Value best =
              b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OLT, in[1], e.f32(static_cast<double>(limit)));
          return b.create<arith::SelectOp>(e.loc, best, in[0], e.f32(otherwise));
        });
  }

  /// rows × columns as rows × sets × members.
  Value inSets(Value values, int64_t sets) {
    return e.expandColumns(values, {sets, cast<RankedTensorType>(values.getType()).getDimSize(1) / sets});
  }

  /// What experts are chosen by, minus infinity for those of groups that are not chosen themselves.
  Value limitToGroups(Value choice, MoeOp op) {
    auto groups = static_cast<int64_t>(op.getGroups());
    Value grouped = inSets(choice, groups), ranked = grouped;
    if (op.getGroupScore() == GroupScore::TopTwo)
      ranked = keepBest(grouped, ranks(grouped), 2, 0.0);
    Value groupScores =
        op.getGroupScore() == GroupScore::TopTwo
            ? sum(ranked)
            : reduce(grouped, -std::numeric_limits<double>::infinity(), [&](Value total, Value value) -> Value {
                return e.builder.create<arith::MaximumFOp>(e.loc, total, value);
              });
    Value groupRanks = e.collapseColumns(ranks(inSets(groupScores, 1)));
    return e.collapseColumns(keepBest(grouped, groupRanks, static_cast<int64_t>(op.getTopGroups()),
                                      -std::numeric_limits<double>::infinity()));
  }

  Value scores(MoeOp op) { return scores(op.getScoring(), e.linear(op.getX(), op.getRouter())); }

  /// rows × experts: how many are better than each.
  Value ranks(MoeOp op, Value found) {
    Value choice = found;
    if (op.getBias()) {
      AffineMap all = e.map(2, {e.dim(0), e.dim(1)}), column = e.map(2, {e.dim(1)});
      choice = e.generic({found, op.getBias()}, e.empty({rows, e.size(found, 1)}), {all, column, all}, {},
                         [&](OpBuilder &, ValueRange in) { return e.add(in[0], e.widen(in[1])); });
    }
    if (op.getGroups() != 1)
      choice = limitToGroups(choice, op);
    return e.collapseColumns(ranks(inSets(choice, 1)));
  }

  /// rows × experts: the weight of each, 0 for those not chosen.
  Value weights(MoeOp op) {
    Value found = scores(op);
    Value chosen = keepBest(found, ranks(op, found), static_cast<int64_t>(op.getTopK()), 0.0);
    if (op.getNormalize()) {
      Value epsilon = e.f32(op.getNormalizeEpsilon() ? op.getNormalizeEpsilon()->convertToDouble() : 0.0);
      chosen =
          withRow(chosen, sum(chosen), [&](Value value, Value total) { return e.div(value, e.add(total, epsilon)); });
    }
    if (op.getScale()) {
      Value factor = e.f32(op.getScale()->convertToDouble());
      chosen = e.elementwise(chosen, [&](OpBuilder &, ValueRange in) { return e.mul(in[0], factor); });
    }
    return chosen;
  }
};

} // namespace

Value weft::xf::chosenExperts(MoeOp op, OpBuilder &builder) {
  Emit e{builder, op.getLoc()};
  Router router{e, e.size(op.getX(), 0)};
  Value found = router.scores(op);
  Value ones = e.filled({router.rows, e.size(found, 1)}, 1.0);
  return router.keepBest(ones, router.ranks(op, found), static_cast<int64_t>(op.getTopK()), 0.0);
}

Decomposed MoeOp::decomposeOperation(OpBuilder &builder) {
  Emit e{builder, getLoc()};
  Router router{e, e.size(getX(), 0)};
  Value weights = router.weights(*this);
  int64_t rows = getX().getType().getDimSize(0);
  AffineMap all = e.map(2, {e.dim(0), e.dim(1)}), row = e.map(2, {e.dim(0)});
  Value total = e.filled({e.size(getX(), 0), e.size(getX(), 1)}, 0.0);
  for (auto [i, gate, up, down] : llvm::enumerate(getGates(), getUps(), getDowns())) {
    Value output = e.gatedMlp(getActivation(), getX(), gate, up, down);
    Value weight = e.slice(weights, {builder.getIndexAttr(0), builder.getIndexAttr(static_cast<int64_t>(i))},
                           {e.size(getX(), 0), builder.getIndexAttr(1)}, {rows});
    total = e.generic({output, weight}, total, {all, row, all}, {},
                      [&](OpBuilder &, ValueRange in) { return e.add(in[2], e.mul(in[0], in[1])); });
  }
  return SmallVector<Value>{total};
}
