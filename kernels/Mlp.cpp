// Activations, the gate of the MLP and the re-layout of a vector.
#include "kernels/KernelBuilder.h"

#include <algorithm>
#include <numbers>

using namespace mlir;

namespace weft::kernels {

static std::string_view nameOf(Activation activation) {
  switch (activation) {
  case Activation::Silu:
    return "silu";
  case Activation::Gelu:
    return "gelu";
  case Activation::GeluTanh:
    return "gelu_tanh";
  case Activation::QuickGelu:
    return "quick_gelu";
  case Activation::Relu:
    return "relu";
  case Activation::ReluSquared:
    return "relu_squared";
  case Activation::Tanh:
    return "tanh";
  case Activation::Sigmoid:
    return "sigmoid";
  }
  llvm_unreachable("not an Activation");
}

/// x / (1 + exp(exponent))
static Value sigmoidTimes(KernelBody &e, Value x, Value exponent) {
  return e.create<arith::DivFOp>(x, e.create<arith::AddFOp>(e.create<math::ExpOp>(exponent), e.real(1.0)));
}

/// x, 0 where it is negative; NaN stays.
static Value positivePart(KernelBody &e, Value x) {
  Value negative = e.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, e.real(0.0));
  return e.create<arith::SelectOp>(negative, e.real(0.0), x);
}

static Value activate(KernelBody &e, Activation activation, Value x) {
  auto times = [&](Value y, double factor) -> Value { return e.create<arith::MulFOp>(y, e.real(factor)); };
  switch (activation) {
  case Activation::Silu:
    return sigmoidTimes(e, x, e.create<arith::NegFOp>(x));
  case Activation::Gelu: {
    Value half = times(x, 0.5), erf = e.create<math::ErfOp>(times(x, std::numbers::sqrt2 / 2));
    return e.create<math::FmaOp>(half, erf, half);
  }
  case Activation::GeluTanh: {
    // (1 + tanh(u)) / 2 would cancel for negative u; its equal 1 / (1 + exp(-2u)) does not, and takes no tanh.
    double linear = -2.0 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi;
    Value square = e.create<arith::MulFOp>(x, x);
    Value slope = e.create<math::FmaOp>(square, e.real(linear * 0.044715), e.real(linear));
    return sigmoidTimes(e, x, e.create<arith::MulFOp>(x, slope));
  }
  case Activation::QuickGelu:
    return sigmoidTimes(e, x, times(x, -1.702));
  case Activation::Relu:
    return positivePart(e, x);
  case Activation::ReluSquared: {
    Value positive = positivePart(e, x);
    return e.create<arith::MulFOp>(positive, positive);
  }
  case Activation::Tanh:
    return e.create<math::TanhOp>(x);
  case Activation::Sigmoid:
    return sigmoidTimes(e, e.real(1.0), e.create<arith::NegFOp>(x));
  }
  llvm_unreachable("not an Activation");
}

namespace {
/// Operations an element: exponentials (erf counts as one, tanh as two) and divisions, multiply-adds, and the others.
struct ActivationCost {
  int64_t special = 0, macs = 0, alu = 0;
};
} // namespace

static ActivationCost costOf(Activation activation) {
  switch (activation) {
  case Activation::Silu:
  case Activation::Sigmoid:
    return {2, 0, 2};
  case Activation::Gelu:
    return {1, 1, 2};
  case Activation::GeluTanh:
    return {2, 1, 3};
  case Activation::QuickGelu:
    return {2, 0, 2};
  case Activation::Relu:
    return {0, 0, 2};
  case Activation::ReluSquared:
    return {0, 0, 3};
  case Activation::Tanh:
    return {2, 0, 0};
  }
  llvm_unreachable("not an Activation");
}

static Work activationWork(Activation activation, int64_t n) {
  auto [special, macs, alu] = costOf(activation);
  Work work;
  work.special = {0, special * n};
  work.macs = {0, macs * n};
  work.alu = {0, alu * n};
  work.storeBytes = {0, 4 * n};
  return work;
}

/// Work: an exponential and a division (erf counts as one) an element, and two to four other operations.
TileKernel buildActivation(ModuleOp module, int64_t rows, int64_t n, Activation activation) {
  TileKernel kernel{symbol(nameOf(activation), {{"r", rows}, {"n", n}}), activationWork(activation, n)};
  kernel.work.loadBytes = {0, 4 * n};
  define(module, kernel.name, {f32({rows, n})}, 1, [&](KernelBody &b) {
    b.generic("pp", {}, {b.head(b.buffer(0), b.scalar(0)), {0, 1}},
              [&](KernelBody &e, ValueRange v) -> Value { return activate(e, activation, v[0]); });
  });
  return kernel;
}

/// Work: that of the activation and a multiplication an element.
TileKernel buildGate(ModuleOp module, int64_t rows, int64_t n, Activation activation) {
  TileKernel kernel{symbol(std::string(nameOf(activation)) + "_gate", {{"r", rows}, {"n", n}}),
                    activationWork(activation, n)};
  kernel.work.alu.perRow += n;
  kernel.work.loadBytes = {0, 8 * n};
  define(module, kernel.name, {f32({rows, 2 * n}), f32({rows, n})}, 1, [&](KernelBody &b) {
    Value m = b.scalar(0), gu = b.buffer(0);
    auto half = [&](int64_t column) { return b.view(gu, b.fixed(column), {m, b.fixed(n)}, {2 * n, 1}); };
    b.generic("pp", {{half(0), {0, 1}}, {half(n), {0, 1}}}, {b.head(b.buffer(1), m), {0, 1}},
              [&](KernelBody &e, ValueRange v) -> Value {
                return e.create<arith::MulFOp>(activate(e, activation, v[0]), v[1]);
              });
  });
  return kernel;
}

GateShare GateShare::of(int64_t n, int64_t cores) {
  constexpr int64_t vector = 8;
  const int64_t most = std::max<int64_t>(1, std::min(cores, (n + vector - 1) / vector));
  const int64_t columns = ((n + most - 1) / most + vector - 1) / vector * vector, blocks = (n + columns - 1) / columns;
  return {blocks, std::min(columns, n), cores / blocks};
}

/// Work: that of the share's gates, with a multiplication each, and zeros for all.
TileKernel buildPairsGate(ModuleOp module, const PairShape &shape, int64_t n, Activation activation,
                          const GateShare &share) {
  const int64_t capacity = shape.capacity();
  const bool alone = share.blocks * share.groups == 1;
  // A pair costs a core its share of it.
  const int64_t elements = (share.columns + share.groups - 1) / share.groups;
  TileKernel kernel{symbol("pairs_gate", {{"p", capacity}, {"n", n}, {"b", share.blocks}, {"g", share.groups}}) + "_" +
                        std::string(nameOf(activation)),
                    activationWork(activation, elements)};
  kernel.work.alu.perRow += 2 * elements;
  kernel.work.loadBytes = {4, 8 * elements + 4};
  kernel.work.storeBytes.perRow += alone ? 0 : 4 * n;
  define(module, kernel.name, {pairWords(shape), f32({capacity}), f32({capacity, 2 * n}), f32({capacity, n})}, 2,
         [&](KernelBody &b) {
           Value m = b.scalar(0), rank = b.scalar(1), count = b.min(m, launchCount(b, b.buffer(0)));
           if (!alone)
             b.fill(b.head(b.buffer(3), m), 0.0);
           Value each = b.div(b.add(count, b.constant(share.groups - 1)), share.groups);
           Value first = b.min(b.create<arith::MulIOp>(b.div(rank, share.blocks), each), count);
           Value pairs = b.min(each, b.sub(count, first)), block = b.rem(rank, share.blocks);
           Value column = b.mul(block, share.columns);
           forColumns(b, {.rows = capacity, .n = share.columns, .extent = n}, block, [&](int64_t columns) {
             auto part = [&](Value matrix, int64_t ld, int64_t from) {
               Value offset = b.add(b.mul(first, ld), b.add(column, b.constant(from)));
               return b.view(matrix, offset, {pairs, b.fixed(columns)}, {ld, 1});
             };
             if (columns > 0)
               b.generic("pp",
                         {{part(b.buffer(2), 2 * n, 0), {0, 1}},
                          {part(b.buffer(2), 2 * n, n), {0, 1}},
                          {b.view(b.buffer(1), first, {pairs}, {1}), {0}}},
                         {part(b.buffer(3), n, 0), {0, 1}}, [&](KernelBody &e, ValueRange v) -> Value {
                           Value gated = e.create<arith::MulFOp>(activate(e, activation, v[0]), v[1]);
                           return e.create<arith::MulFOp>(v[2], gated);
                         });
           });
         });
  Probe probe = pairProbe(shape);
  probe.scalars.push_back(0);
  setProbe(module, kernel.name, probe);
  return kernel;
}

/// Work: every block as if it were here: read and written once.
TileKernel buildSelectBlocks(ModuleOp module, int64_t n, int64_t blocksIn, int64_t blocksOut, int64_t width) {
  TileKernel kernel{symbol("select_blocks", {{"n", n}, {"i", blocksIn}, {"o", blocksOut}, {"w", width}}), {}};
  kernel.work.loadBytes = kernel.work.storeBytes = {4 * blocksOut * width, 0};
  define(module, kernel.name, {f32({n}), f32({blocksOut * width})}, 2, [&](KernelBody &b) {
    Value x = b.buffer(0), out = b.buffer(1), rankIn = b.scalar(0), rankOut = b.scalar(1);
    b.fill(out, 0.0);
    b.forEach(b.constant(blocksOut), [&](Value i) {
      Value block = b.add(b.mul(rankOut, blocksOut), i);
      b.when(b.equal(b.div(block, blocksIn), rankIn), [&] {
        Value from = b.mul(b.rem(block, blocksIn), width);
        Value count = b.clamp(b.sub(b.constant(n), from), b.constant(width));
        b.copy(b.view(x, from, {count}, {1}), b.view(out, b.mul(i, width), {count}, {1}));
      });
    });
  });
  setProbe(module, kernel.name, {.scalars = {0, 0}, .rows = Probe::noRows});
  return kernel;
}

} // namespace weft::kernels
