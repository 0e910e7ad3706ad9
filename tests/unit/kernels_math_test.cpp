// Functions of one number: how near they are to double precision over the range of f32, and the activations.
#include "kernels/KernelBuilder.h"
#include "kernels_support.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <bit>
#include <functional>
#include <numbers>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {
constexpr int64_t sweepRows = 64, sweepColumns = 512;

/// f(x) in place for all x of a buffer. Its error is at most `limit` times `unit(x, f(x))`.
struct Function {
  std::string name;
  std::function<TileKernel(mlir::ModuleOp, int64_t rows, int64_t n)> build;
  double (*exact)(double);
  double (*unit)(double x, double exact);
  double limit;

  double error(float x, float y) const {
    double value = exact(x);
    if (y == value || (std::isnan(y) && std::isnan(value)))
      return 0;
    if (std::isinf(y))
      return std::abs(value) > std::numeric_limits<float>::max() ? 0 : INFINITY;
    return std::abs(y - value) / unit(x, value);
  }
};

template <typename Op> TileKernel buildFunction(mlir::ModuleOp module, int64_t rows, int64_t n) {
  TileKernel kernel{Op::getOperationName().split('.').second.str(), {}};
  define(module, kernel.name, {f32({rows, n})}, 1, [](KernelBody &b) {
    b.generic("pp", {}, {b.head(b.buffer(0), b.scalar(0)), {0, 1}},
              [](KernelBody &e, mlir::ValueRange v) -> mlir::Value { return e.create<Op>(v[0]); });
  });
  return kernel;
}

double exponential(double x) { return std::exp(x); }
double errorFunction(double x) { return std::erf(x); }
double hyperbolicTangent(double x) { return std::tanh(x); }
double silu(double x) { return x / (1 + std::exp(-x)); }
double gelu(double x) { return x / 2 * std::erfc(-x / std::numbers::sqrt2); }
double sigmoidExponent(double x) {
  return -2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi * (x + 0.044715 * x * x * x);
}
double geluTanh(double x) { return x / (1 + std::exp(sigmoidExponent(x))); }
double quickGelu(double x) { return x / (1 + std::exp(-1.702 * x)); }
double relu(double x) { return x < 0 ? 0 : x; }
double reluSquared(double x) { return x < 0 ? 0 : x * x; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double lastPlace(double, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}
/// 2^-24 |x|. 1 + erf cancels where x is negative: the result may be far smaller than x.
double ofArgument(double x, double) { return std::max(0x1p-24 * std::abs(x), 0x1p-149); }
/// Where exp(exponent) overflows the result is zero; it would be below |x| 2^-128.
double ofSigmoid(double x, double exact) { return lastPlace(x, exact) + 0x1p-129 * std::abs(x); }
/// Of the result, and of it times the exponent, whose error is relative.
double ofExponent(double x, double exact) {
  return ofSigmoid(x, exact) + 0x1p-24 * std::abs(exact) * std::max(0.0, sigmoidExponent(x));
}

double ofQuickExponent(double x, double exact) {
  return ofSigmoid(x, exact) + 0x1p-24 * std::abs(exact) * std::max(0.0, -1.702 * x);
}

// What kernels/README.md promises is a little more than these.
std::vector<Function> mathFunctions() {
  return {{"exp", buildFunction<mlir::math::ExpOp>, exponential, lastPlace, 1.03},
          {"erf", buildFunction<mlir::math::ErfOp>, errorFunction, lastPlace, 1.35},
          {"tanh", buildFunction<mlir::math::TanhOp>, hyperbolicTangent, lastPlace, 1.08}};
}
std::vector<Function> activations() {
  auto build = [](Activation which) {
    return [which](mlir::ModuleOp module, int64_t rows, int64_t n) { return buildActivation(module, rows, n, which); };
  };
  return {{"silu", build(Activation::Silu), silu, ofSigmoid, 2.5},
          {"gelu", build(Activation::Gelu), gelu, ofArgument, 2},
          {"gelu_tanh", build(Activation::GeluTanh), geluTanh, ofExponent, 3.2},
          {"quick_gelu", build(Activation::QuickGelu), quickGelu, ofQuickExponent, 3.2},
          {"relu", build(Activation::Relu), relu, lastPlace, 0},
          {"relu_squared", build(Activation::ReluSquared), reluSquared, lastPlace, 0.5},
          {"tanh of rows", build(Activation::Tanh), hyperbolicTangent, lastPlace, 1.08},
          {"sigmoid", build(Activation::Sigmoid), sigmoid, ofSigmoid, 2.5}};
}
std::vector<Function> allFunctions() {
  std::vector<Function> all = mathFunctions();
  for (Function &function : activations())
    all.push_back(function);
  return all;
}

/// Functions, and the kernels of a suite that compute them.
std::vector<std::pair<Function, TileKernel>> build(Suite &suite, const std::vector<Function> &functions) {
  std::vector<std::pair<Function, TileKernel>> built;
  for (const Function &function : functions)
    built.emplace_back(function, function.build(*suite, sweepRows, sweepColumns));
  return built;
}

struct Worst {
  double error = 0;
  float at = 0;
};

/// Over every `step`th of the bit patterns [first, last].
Worst sweep(Suite &suite, const TileKernel &kernel, const Function &function, uint64_t first, uint64_t last,
            uint64_t step) {
  Worst worst;
  Buffer<float> x(sweepRows * sweepColumns), y = x;
  for (uint64_t next = first; next <= last;) {
    for (float &value : x) {
      uint32_t bits = static_cast<uint32_t>(std::min(next, last));
      std::memcpy(&value, &bits, 4);
      next += step;
    }
    std::copy(x.begin(), x.end(), y.begin());
    suite.repeat(kernel, {sweepRows}, 1, y);
    for (const float *in = x.begin(), *out = y.begin(); in != x.end(); ++in, ++out)
      if (double error = function.error(*in, *out); !(error <= worst.error))
        worst = {error, *in};
  }
  return worst;
}

/// Magnitudes from `low` to `high`, both signs.
void checkRange(Suite &suite, const TileKernel &kernel, const Function &function, float low, float high,
                uint64_t step) {
  for (uint64_t sign : {uint64_t{0}, uint64_t{1} << 31}) {
    Worst worst =
        sweep(suite, kernel, function, sign | std::bit_cast<uint32_t>(low), sign | std::bit_cast<uint32_t>(high), step);
    INFO(function.name << ": " << worst.error << " at " << worst.at << " of " << low << " to " << high);
    CHECK(worst.error <= function.limit);
  }
}
} // namespace

TEST_CASE("functions keep their bounds over the range of f32") {
  for (const codegen::HostTarget &target : {codegen::defaultHostTarget(), codegen::genericHostTarget()}) {
    Suite suite;
    auto built = build(suite, allFunctions());
    suite.compile(target);
    for (auto &[function, kernel] : built) {
      checkRange(suite, kernel, function, 0, INFINITY, 8191);
      // Where the form of the function changes, and where it nears 1.
      checkRange(suite, kernel, function, 0.625F, 1.25F, 61);
      checkRange(suite, kernel, function, 1.25F, 12.0F, 97);
    }
  }
}

TEST_CASE("exp, erf and tanh keep their bounds for every f32", "[.long]") {
  Suite suite;
  auto built = build(suite, mathFunctions());
  suite.compile();
  for (auto &[function, kernel] : built)
    checkRange(suite, kernel, function, 0, INFINITY, 1);
}

TEST_CASE("functions of special numbers", "[kernels]") {
  const float special[] = {0.0F,      -0.0F,      INFINITY, -INFINITY, NAN,   0x1p-149F, -0x1p-149F,
                           0x1p-126F, -0x1p-126F, 3e38F,    -3e38F,    10.0F, -10.0F,    -3.9999998F};
  Suite suite;
  auto built = build(suite, allFunctions());
  suite.compile();
  std::mt19937 random(31);
  for (auto &[function, kernel] : built) {
    bool isActivation = llvm::any_of(activations(), [&](const Function &other) { return other.name == function.name; });
    Buffer<float> x(sweepRows * sweepColumns);
    for (float &value : x)
      value = std::bit_cast<float>(static_cast<uint32_t>(random())); // of all kinds
    std::copy(std::begin(special), std::end(special), x.begin());
    Buffer<float> y = x;
    suite.call(kernel, {1}, y);
    for (int64_t j = 0; j < sweepColumns; ++j) {
      INFO(function.name << " of " << x[j] << ": " << y[j]);
      REQUIRE(function.error(x[j], y[j]) <= function.limit);
      if (!std::isnan(y[j]) && (!isActivation || y[j] != 0)) // the zero of an activation may have either sign
        REQUIRE(std::signbit(y[j]) == std::signbit(function.exact(x[j])));
    }
    for (int64_t j = sweepColumns; j < sweepRows * sweepColumns; ++j)
      REQUIRE(std::bit_cast<uint32_t>(x[j]) == std::bit_cast<uint32_t>(y[j]));
  }
}

TEST_CASE("activations and gates", "[kernels]") {
  constexpr int64_t rows = 3;
  for (int64_t n : {1, 7, 28, 45}) {
    for (size_t which = 0; which < activations().size(); ++which) {
      Function function = activations()[which];
      Suite suite;
      TileKernel alone = function.build(*suite, rows, n),
                 gate = buildGate(*suite, rows, n, static_cast<Activation>(which));
      suite.compile();
      std::mt19937 random(6);
      for (int64_t m = 1; m <= rows; ++m) {
        INFO(gate.name << " m " << m);
        Buffer<float> gu(rows * 2 * n, random, -30, 30), h(rows * n, 6.0F), x(rows * n, random, -6, 6), before = x;
        gu[0] = -200; // exp overflows; the result is -0
        suite.call(gate, {m}, gu, h);
        suite.call(alone, {m}, x);
        for (int64_t i = 0; i < rows * n; ++i) {
          if (i >= m * n) {
            REQUIRE(h[i] == 6.0F);
            REQUIRE(x[i] == before[i]);
            continue;
          }
          REQUIRE(function.error(before[i], x[i]) <= function.limit);
          double g = gu[i / n * 2 * n + i % n], up = gu[i / n * 2 * n + n + i % n], exact = function.exact(g);
          // The error of the activation, and one rounding.
          double bound = function.limit * function.unit(g, exact) * std::abs(up) + 0x1p-24 * std::abs(exact * up);
          REQUIRE(std::abs(h[i] - exact * up) <= 1.01 * bound + 0x1p-149);
        }
      }
    }
  }
}
