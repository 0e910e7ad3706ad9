// A mixture of experts: what the router's scores become, and the sum of what experts give.
#include "kernels/KernelBuilder.h"

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
  return name;
}

/// Work: four comparisons and an addition a pair of experts, a division an expert.
TileKernel buildRoute(ModuleOp module, const Routing &routing) {
  const int64_t experts = routing.experts;
  TileKernel kernel{routeSymbol(routing), {}};
  kernel.work.alu = {0, 5 * experts * experts + 2 * experts};
  kernel.work.special = {0, routing.normalize ? experts : 0};
  kernel.work.loadBytes = {0, 4 * experts * (experts + 3)};
  kernel.work.storeBytes = {0, 4 * (2 * experts + 1)};
  BufferSpec table = f32({routing.rows, experts});
  llvm::SmallVector<BufferSpec> buffers = {table, table, table, f32({routing.rows})};
  if (routing.bias)
    buffers.push_back({kindOf(*routing.bias), {experts}});
  define(module, kernel.name, buffers, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), scores = b.head(b.buffer(0), m), weights = b.head(b.buffer(1), m),
          ranks = b.head(b.buffer(2), m), sums = b.head(b.buffer(3), m);
    // How many experts are better than each.
    llvm::SmallVector<Indexed> compared = {{scores, {0, 1}}, {scores, {0, 2}}};
    if (routing.bias) {
      compared.push_back({b.buffer(4), {1}});
      compared.push_back({b.buffer(4), {2}});
    }
    b.fill(ranks, 0.0);
    b.generic("ppr", compared, {ranks, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
      auto choice = [&](size_t i) -> Value {
        if (!routing.bias)
          return v[i];
        Value wide = *routing.bias == Element::F32 ? v[2 + i] : e.create<arith::ExtFOp>(e.getF32Type(), v[2 + i]);
        return e.create<arith::AddFOp>(v[i], wide);
      };
      Value own = choice(0), other = choice(1);
      auto index = [&](unsigned loop) -> Value {
        return e.create<arith::IndexCastOp>(e.getI32Type(), e.create<linalg::IndexOp>(loop));
      };
      Value larger = e.create<arith::CmpFOp>(arith::CmpFPredicate::OGT, other, own);
      Value equal = e.create<arith::CmpFOp>(arith::CmpFPredicate::OEQ, other, own);
      Value earlier = e.create<arith::CmpIOp>(arith::CmpIPredicate::slt, index(2), index(1));
      Value better = e.create<arith::OrIOp>(larger, e.create<arith::AndIOp>(equal, earlier));
      return e.create<arith::AddFOp>(v.back(), e.create<arith::SelectOp>(better, e.real(1.0), e.real(0.0)));
    });
    b.generic("pp", {{scores, {0, 1}}, {ranks, {0, 1}}}, {weights, {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
      Value chosen =
          e.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, v[1], e.real(static_cast<double>(routing.topK)));
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
