// A mixture of experts: what the router's scores become, and the sum of what experts give.
#include "kernels/KernelBuilder.h"

#include <limits>

using namespace mlir;

namespace weft::kernels {

/// Work: the columns read once, all of them written.
TileKernel buildSpreadColumns(ModuleOp module, const RowShare &share) {
  auto [rows, n, extent] = share;
  TileKernel kernel{symbol("spread_columns", {{"r", rows}, {"n", n}, {"e", extent}}), {}};
  kernel.work.loadBytes = {0, 4 * n};
  kernel.work.storeBytes = {0, 4 * (extent + n)};
  define(module, kernel.name, {f32({rows, n}), f32({rows, extent})}, 2, [&](KernelBody &b) {
    Value m = b.scalar(0), rank = b.scalar(1), out = b.buffer(1);
    b.fill(b.head(out, m), 0.0);
    forColumns(b, share, rank, [&](int64_t columns) {
      if (columns > 0)
        b.copy(b.view(b.buffer(0), b.fixed(0), {m, b.fixed(columns)}, {share.n, 1}),
               b.view(out, b.mul(rank, share.n), {m, b.fixed(columns)}, {share.extent, 1}));
    });
  });
  setProbe(module, kernel.name, {.scalars = {0, 0}});
  return kernel;
}

static std::string routeSymbol(const Routing &routing) {
  std::string name =
      symbol("route", {{"r", routing.rows}, {"e", routing.experts}, {"k", routing.topK}}) + "_" + bitsOf(routing.scale);
  if (routing.normalize)
    name += "_normal_" + bitsOf(routing.epsilon);
  if (routing.bias)
    name += "_" + std::string(nameOf(*routing.bias));
  if (routing.groups != 1)
    name += symbol(routing.topTwo ? "_two" : "_best", {{"g", routing.groups}, {"t", routing.topGroups}});
  return name;
}

static Value orBetter(KernelBody &e, Value own, Value other, Value sum) {
  auto index = [&](unsigned loop) -> Value {
    return e.create<arith::IndexCastOp>(e.getI32Type(), e.create<linalg::IndexOp>(loop));
  };
  Value larger = e.create<arith::CmpFOp>(arith::CmpFPredicate::OGT, other, own);
  Value equal = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, other, own);
  Value earlier = e.create<arith::CmpIOp>(arith::CmpIPredicate::slt, index(2), index(1));
  Value better = e.create<arith::OrIOp>(larger, e.create<arith::AndIOp>(equal, earlier));
  return e.create<arith::AddFOp>(sum, e.create<arith::SelectOp>(better, e.real(1.0), e.real(0.0)));
}

static Value wideBias(KernelBody &e, const Routing &routing, Value bias) {
  return *routing.bias == Element::F32 ? bias : Value(e.create<arith::ExtFOp>(e.getF32Type(), bias));
}

/// How many of a row's scores, plus bias, are better than each.
static void rankScores(KernelBody &b, const Routing &routing, Value scores, Value bias, Value ranks) {
  llvm::SmallVector<Indexed> compared = {{scores, {0, 1}}, {scores, {0, 2}}};
  if (bias) {
    compared.push_back({bias, {1}});
    compared.push_back({bias, {2}});
  }
  b.fill(ranks, 0.0);
  b.generic("ppr", compared, {ranks, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    auto choice = [&](size_t i) -> Value {
      return bias ? Value(e.create<arith::AddFOp>(v[i], wideBias(e, routing, v[2 + i]))) : v[i];
    };
    return orBetter(e, choice(0), choice(1), v.back());
  });
}

/// Finding one best score after the other takes fewer operations than comparing all with all where few of many experts
/// are wanted. Rows of few experts share vectors, and passes over these keep more of them than a stack has room for.
static bool inPasses(const Routing &routing) { return routing.experts > 16 && 8 * routing.topK < 5 * routing.experts; }

/// Of the topK best scores, plus bias, how many are better, of others topK. `best` and `place` hold a number a row.
static void rankBest(KernelBody &b, const Routing &routing, Value scores, Value bias, Value ranks, Value best,
                     Value place) {
  const double none = static_cast<double>(routing.topK), lowest = -std::numeric_limits<double>::infinity();
  auto isCandidate = [&](KernelBody &e, Value rank) -> Value {
    return e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, rank, e.real(none));
  };
  auto choice = [&](KernelBody &e, ValueRange v) -> Value {
    return bias ? Value(e.create<arith::AddFOp>(v[0], wideBias(e, routing, v[2]))) : v[0];
  };
  auto column = [](KernelBody &e) -> Value {
    Value index = e.create<arith::IndexCastOp>(e.getI32Type(), e.create<linalg::IndexOp>(1));
    return e.create<arith::SIToFPOp>(e.getF32Type(), index);
  };
  llvm::SmallVector<Indexed> ins = {{scores, {0, 1}}, {ranks, {0, 1}}};
  if (bias)
    ins.push_back({bias, {1}});
  b.fill(ranks, none);
  b.forEach(b.constant(routing.topK), [&](Value pass) {
    Value number = b.create<arith::SIToFPOp>(b.getF32Type(), b.create<arith::IndexCastOp>(b.getI32Type(), pass));
    b.fill(best, lowest);
    b.generic("pr", ins, {best, {0}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value left = e.create<arith::SelectOp>(isCandidate(e, v[1]), choice(e, v), e.real(lowest));
      return e.create<arith::MaxNumFOp>(left, v.back());
    });
    llvm::SmallVector<Indexed> with = ins;
    with.push_back({best, {0}});
    b.fill(place, static_cast<double>(routing.experts));
    b.generic("pr", with, {place, {0}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value same = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, choice(e, v), v[v.size() - 2]);
      Value found = e.create<arith::AndIOp>(same, isCandidate(e, v[1]));
      Value here = e.create<arith::SelectOp>(found, column(e), e.real(static_cast<double>(routing.experts)));
      return e.create<arith::MinNumFOp>(here, v.back());
    });
    b.generic("pp", {{place, {0}}}, {ranks, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value found = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, column(e), v[0]);
      return e.create<arith::SelectOp>(found, number, v[1]);
    });
  });
}

/// choice = scores plus bias, minus infinity for experts of groups that are not among the best. `ranks` is scratch.
static void chooseGroups(KernelBody &b, const Routing &routing, Value m, Value bias, Value choice, Value ranks,
                         Value best, Value places) {
  const int64_t groups = routing.groups, members = routing.experts / groups;
  Value scores = b.head(b.buffer(0), m);
  llvm::SmallVector<Indexed> chosenBy = {{scores, {0, 1}}};
  if (bias)
    chosenBy.push_back({bias, {1}});
  b.generic("pp", chosenBy, {b.head(choice, m), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    return bias ? Value(e.create<arith::AddFOp>(v[0], wideBias(e, routing, v[1]))) : v[0];
  });
  // Groups one below the other.
  Value count = b.mul(m, groups);
  auto grouped = [&](Value table) { return b.view(table, b.fixed(0), {count, b.fixed(members)}, {members, 1}); };
  Value ofGroups = b.view(best, b.fixed(0), {count}, {1});
  if (routing.topTwo) {
    rankScores(b, routing, grouped(choice), {}, grouped(ranks));
    b.fill(ofGroups, 0.0);
    b.generic("pr", {{grouped(choice), {0, 1}}, {grouped(ranks), {0, 1}}}, {ofGroups, {0}},
              [](KernelBody &e, ValueRange v) -> Value {
                Value counts = e.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, v[1], e.real(2.0));
                return e.create<arith::AddFOp>(v[2], e.create<arith::SelectOp>(counts, v[0], e.real(0.0)));
              });
  } else {
    b.fill(ofGroups, mostNegative);
    b.generic("pr", {{grouped(choice), {0, 1}}}, {ofGroups, {0}},
              [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::MaxNumFOp>(v[0], v[1]); });
  }
  rankScores(b, routing, b.head(best, m), {}, b.head(places, m));
  Value place = b.view(places, b.fixed(0), {count}, {1});
  b.generic("pp", {{place, {0}}}, {grouped(choice), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value isBest =
        e.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, v[0], e.real(static_cast<double>(routing.topGroups)));
    return e.create<arith::SelectOp>(isBest, v[1], e.real(-std::numeric_limits<double>::infinity()));
  });
}

/// The scores of the best experts, 0 for the others.
static void weighBest(KernelBody &b, const Routing &routing, Value scores, Value ranks, Value weights, Value sums) {
  b.generic("pp", {{scores, {0, 1}}, {ranks, {0, 1}}}, {weights, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
    Value chosen = e.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, v[1], e.real(static_cast<double>(routing.topK)));
    return e.create<arith::SelectOp>(chosen, v[0], e.real(0.0));
  });
  if (routing.normalize) {
    b.fill(sums, 0.0);
    b.generic("pr", {{weights, {0, 1}}}, {sums, {0}},
              [](KernelBody &e, ValueRange v) -> Value { return e.create<arith::AddFOp>(v[1], v[0]); });
    b.generic("pp", {{sums, {0}}}, {weights, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value sum = routing.epsilon == 0 ? v[0] : Value(e.create<arith::AddFOp>(v[0], e.real(routing.epsilon)));
      return e.create<arith::DivFOp>(v[1], sum);
    });
  }
  if (routing.scale != 1)
    b.generic("pp", {}, {weights, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
      return e.create<arith::MulFOp>(v[0], e.real(routing.scale));
    });
}

/// Work: for each expert that is chosen eight operations an expert, or four comparisons and an addition a pair of
/// experts; a division an expert; with groups the latter within them and a few operations an expert.
TileKernel buildRoute(ModuleOp module, const Routing &routing) {
  const int64_t experts = routing.experts, groups = routing.groups;
  TileKernel kernel{routeSymbol(routing), {}};
  const bool passes = inPasses(routing);
  kernel.work.alu = {0, (passes ? 8 * routing.topK : 5 * experts) * experts + 2 * experts};
  kernel.work.special = {0, routing.normalize ? experts : 0};
  kernel.work.loadBytes = {0, 4 * experts * ((passes ? 5 * routing.topK : experts) + 3)};
  kernel.work.storeBytes = {0, 4 * ((passes ? routing.topK + 2 : 2) * experts + 1)};
  BufferSpec table = f32({routing.rows, experts});
  llvm::SmallVector<BufferSpec> buffers = {table, table, table, f32({routing.rows})};
  if (routing.bias)
    buffers.push_back({kindOf(*routing.bias), {experts}});
  const auto scratch = static_cast<unsigned>(buffers.size());
  if (groups != 1) {
    kernel.work.alu.perRow +=
        (routing.topTwo ? 5 * experts * (experts / groups) : 0) + 5 * groups * groups + 4 * experts;
    kernel.work.loadBytes.perRow += 4 * 4 * experts;
    kernel.work.storeBytes.perRow += 4 * 3 * experts;
    buffers.append({table, f32({routing.rows, groups}), f32({routing.rows, groups})});
  }
  define(module, kernel.name, buffers, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), scores = b.head(b.buffer(0), m), ranks = b.head(b.buffer(2), m);
    Value bias = routing.bias ? b.buffer(4) : Value();
    auto rank = [&](Value by, Value added) {
      if (inPasses(routing)) // the weights come later
        return rankBest(b, routing, by, added, ranks, b.view(b.buffer(1), b.fixed(0), {m}, {1}),
                        b.view(b.buffer(3), b.fixed(0), {m}, {1}));
      rankScores(b, routing, by, added, ranks);
    };
    if (groups != 1) {
      Value choice = b.buffer(scratch);
      chooseGroups(b, routing, m, bias, choice, b.buffer(2), b.buffer(scratch + 1), b.buffer(scratch + 2));
      rank(b.head(choice, m), {});
    } else {
      rank(scores, bias);
    }
    weighBest(b, routing, scores, ranks, b.head(b.buffer(1), m), b.head(b.buffer(3), m));
  });
  return kernel;
}

/// Work: a MAC an element.
TileKernel buildAddWeighted(ModuleOp module, int64_t rows, int64_t n, int64_t experts, int64_t expert) {
  TileKernel kernel{symbol("add_weighted", {{"r", rows}, {"n", n}, {"e", experts}, {"i", expert}}), {}};
  kernel.work.macs = {0, n};
  kernel.work.loadBytes = {0, 8 * n + 4};
  kernel.work.storeBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n}), f32({rows, experts}), f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), weight = b.view(b.buffer(1), b.fixed(expert), {m}, {experts});
    b.generic("pp", {{b.head(b.buffer(0), m), {0, 1}}, {weight, {0}}}, {b.head(b.buffer(2), m), {0, 1}},
              [](KernelBody &e, ValueRange v) -> Value { return e.create<math::FmaOp>(v[0], v[1], v[2]); });
  });
  return kernel;
}

} // namespace weft::kernels
