// Activations, the gate of the MLP and the re-layout of a vector.
#include "kernels/KernelBuilder.h"

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
  }
  llvm_unreachable("not an Activation");
}

/// x / (1 + exp(exponent))
static Value sigmoidTimes(KernelBody &e, Value x, Value exponent) {
  return e.create<arith::DivFOp>(x, e.create<arith::AddFOp>(e.create<math::ExpOp>(exponent), e.real(1.0)));
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
  }
  llvm_unreachable("not an Activation");
}

/// Operations an element: exponentials (erf counts as one) and divisions, and the others.
static Work activationWork(Activation activation, int64_t n) {
  Work work;
  work.special = {0, (activation == Activation::Gelu ? 1 : 2) * n};
  work.macs = {0, activation == Activation::Silu ? 0 : n};
  work.alu = {0, (activation == Activation::GeluTanh ? 3 : 2) * n};
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
