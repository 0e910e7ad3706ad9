// Functions of one and two numbers in kernels from tensors: all formats, all kinds of operands.
#include "general_support.h"

#include <fmt/format.h>

#include <functional>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

namespace {

using Exact = long double;

struct Function {
  std::string op;
  std::function<Exact(Exact, Exact)> exact;
  unsigned operands = 1;
  double ulps = 0.51; // of f32 and shorter formats; of f64 as below
  double ulpsF64 = 4;
};

Exact away(Exact x) { return std::round(x); }
Exact even(Exact x) { return std::nearbyint(x); }
Exact inverseRoot(Exact x) { return 1 / std::sqrt(x); }

std::vector<Function> functions() {
  auto one = [](const char *op, Exact (*f)(Exact), double ulps = 0.51, double ulpsF64 = 4) {
    return Function{op, [f](Exact x, Exact) { return f(x); }, 1, ulps, ulpsF64};
  };
  auto two = [](const char *op, std::function<Exact(Exact, Exact)> f, double ulps = 0.51, double ulpsF64 = 4) {
    return Function{op, std::move(f), 2, ulps, ulpsF64};
  };
  auto nanWins = [](bool larger) {
    return
        [larger](Exact x, Exact y) { return std::isnan(x) || (!std::isnan(y) && (x > y) == larger && x != y) ? x : y; };
  };
  return {one("math.exp", std::exp, 1.03),
          one("math.exp2", std::exp2),
          one("math.expm1", std::expm1),
          one("math.log", std::log),
          one("math.log2", std::log2),
          one("math.log10", std::log10),
          one("math.log1p", std::log1p),
          one("math.sin", std::sin),
          one("math.cos", std::cos),
          one("math.tan", std::tan),
          one("math.asin", std::asin),
          one("math.acos", std::acos),
          one("math.atan", std::atan),
          one("math.sinh", std::sinh),
          one("math.cosh", std::cosh),
          one("math.tanh", std::tanh, 1.08),
          one("math.asinh", std::asinh),
          one("math.acosh", std::acosh),
          one("math.atanh", std::atanh),
          one("math.erf", std::erf, 1.35),
          one("math.cbrt", std::cbrt),
          one("math.sqrt", std::sqrt, 0.5, 0.5),
          one("math.rsqrt", inverseRoot, 1.5, 1.5),
          one("math.floor", std::floor, 0, 0),
          one("math.ceil", std::ceil, 0, 0),
          one("math.trunc", std::trunc, 0, 0),
          one("math.round", away, 0, 0),
          one("math.roundeven", even, 0, 0),
          one("math.absf", std::abs, 0, 0),
          one(
              "arith.negf", [](Exact x) { return -x; }, 0, 0),
          two("arith.addf", std::plus<Exact>(), 0.5, 0.5),
          two("arith.subf", std::minus<Exact>(), 0.5, 0.5),
          two("arith.mulf", std::multiplies<Exact>(), 0.5, 0.5),
          two("arith.divf", std::divides<Exact>(), 0.5, 0.5),
          two(
              "arith.remf", [](Exact x, Exact y) { return std::fmod(x, y); }, 0, 0),
          two("arith.maximumf", nanWins(true), 0, 0),
          two("arith.minimumf", nanWins(false), 0, 0),
          two(
              "arith.maxnumf", [](Exact x, Exact y) { return std::fmax(x, y); }, 0, 0),
          two(
              "arith.minnumf", [](Exact x, Exact y) { return std::fmin(x, y); }, 0, 0),
          two(
              "math.powf", [](Exact x, Exact y) { return std::pow(x, y); }, 0.51, 8),
          two("math.atan2", [](Exact y, Exact x) { return std::atan2(y, x); }),
          two("math.copysign", [](Exact x, Exact y) { return std::copysign(x, y); }, 0, 0)};
}

/// Distance in units in the last place of T at `exact`; 0 for two NaNs, two equal numbers, and an infinity where
/// rounding gives one.
template <typename T> double distance(double value, Exact exact) {
  if (std::isnan(value) || std::isnan(exact))
    return std::isnan(value) && std::isnan(exact) ? 0 : INFINITY;
  if (value == exact || value == Format<T>::value(Format<T>::nearest(static_cast<double>(exact))))
    return 0;
  if (std::isinf(value) || std::isinf(exact))
    return INFINITY;
  int exponent = 0;
  std::frexp(exact, &exponent);
  return static_cast<double>(std::abs(value - exact) / std::ldexp(Exact(1), std::max(exponent - Format<T>::mantissaBits,
                                                                                     Format<T>::leastExponent)));
}

/// Numbers of all kinds: zeros, infinities, NaN, subnormal and large ones, halves, moderate ones, any bits.
template <typename T> void fill(Buffer<T> &buffer, std::mt19937 &random) {
  const double special[] = {0.0,   -0.0,   INFINITY, -INFINITY, NAN,  1,     -1,    0.5,   -0.5,   1.5,
                            -1.5,  2.5,    -2.5,     3,         -3,   1e30,  -1e30, 1e-40, -1e-40, 88.5,
                            -88.5, 0.9999, 12345678, 0.3,       -0.3, 65504, 4,     16,    1e10};
  std::uniform_real_distribution<double> moderate(-12, 12), small(-1, 1);
  for (size_t i = 0; i < buffer.size(); ++i) {
    double x = special[(i * 7 + random() % 3) % std::size(special)];
    if (i % 4 == 1)
      x = moderate(random);
    else if (i % 4 == 2)
      x = small(random);
    else if (i % 4 == 3) {
      uint64_t bits = random() | uint64_t(random()) << 32;
      std::memcpy(&buffer[i], &bits, sizeof(T));
      continue;
    }
    buffer[i] = Format<T>::nearest(x);
  }
}

template <typename T> GeneralKernel build(Suite &suite, const Function &function, size_t count) {
  std::string type = fmt::format("tensor<{}x{}>", count, Format<T>::name);
  return buildGeneral(suite, fmt::format("func.func @f(%a: {0}, %b: {0}) -> {0} {{\n"
                                         "  %0 = {1} %a{2} : {0}\n  return %0 : {0}\n}}",
                                         type, function.op, function.operands == 2 ? ", %b" : ""));
}

template <typename T> void testFunctions() {
  constexpr size_t count = 403;
  const std::vector<Function> all = functions();
  Suite suite;
  std::vector<GeneralKernel> kernels;
  for (const Function &function : all)
    kernels.push_back(build<T>(suite, function, count));
  suite.compile();
  std::mt19937 random(7);
  for (auto [i, function] : llvm::enumerate(all)) {
    Buffer<T> a(count), b(count), c(count);
    fill(a, random);
    fill(b, random);
    suite.call(kernels[i], {}, a, b, c);
    for (size_t k = 0; k < count; ++k) {
      const double x = Format<T>::value(a[k]), y = Format<T>::value(b[k]), result = Format<T>::value(c[k]);
      const Exact exact = function.exact(x, y);
      INFO(function.op << "(" << x << ", " << y << ") of " << Format<T>::name << " is " << result << ", not " << exact);
      // Shorter formats are rounded once more, from f32.
      const double limit = std::is_same_v<T, double>              ? function.ulpsF64
                           : sizeof(T) == 4 || function.ulps == 0 ? function.ulps
                                                                  : 0.51;
      CHECK(distance<T>(result, exact) <= limit);
      if (result == 0 && exact == 0)
        CHECK((std::signbit(result) == std::signbit(exact) || function.op.starts_with("arith.m")));
    }
  }
}

} // namespace

TEST_CASE("functions of f32 are those of the standard library", "[kernels]") { testFunctions<float>(); }
TEST_CASE("functions of f64 are those of the standard library", "[kernels]") { testFunctions<double>(); }
TEST_CASE("functions of f16 are those of the standard library", "[kernels]") { testFunctions<Half>(); }
TEST_CASE("functions of bf16 are those of the standard library", "[kernels]") { testFunctions<Brain>(); }
