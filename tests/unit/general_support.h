// Kernels from functions on tensors that are given as text.
#pragma once

#include "kernels/General.h"
#include "kernels_support.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Parser/Parser.h"

namespace weft::test {

inline kernels::GeneralKernel buildGeneral(Suite &suite, const std::string &text,
                                           std::optional<unsigned> updated = {}) {
  mlir::MLIRContext *context = (*suite)->getContext();
  context->loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::linalg::LinalgDialect,
                       mlir::math::MathDialect, mlir::scf::SCFDialect, mlir::tensor::TensorDialect>();
  INFO(text);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context);
  REQUIRE(module);
  auto kernel = kernels::buildGeneral(*suite, *module->getOps<mlir::func::FuncOp>().begin(), "general", updated);
  REQUIRE(mlir::succeeded(kernel));
  if (std::getenv("WEFT_TEST_SHOW"))
    (*suite).lookupSymbol(kernel->name)->dump();
  return *kernel;
}

/// A type of elements: in memory, in a program's text, and as the nearest f64.
template <typename T> struct Format;
template <> struct Format<float> {
  static constexpr const char *name = "f32";
  static constexpr int mantissaBits = 24, leastExponent = -149;
  static double value(float x) { return x; }
  static float nearest(double x) { return static_cast<float>(x); }
};
template <> struct Format<double> {
  static constexpr const char *name = "f64";
  static constexpr int mantissaBits = 53, leastExponent = -1074;
  static double value(double x) { return x; }
  static double nearest(double x) { return x; }
};
template <> struct Format<Half> {
  static constexpr const char *name = "f16";
  static constexpr int mantissaBits = 11, leastExponent = -24;
  static double value(Half x) { return fromF16(x.bits); }
  static Half nearest(double x);
};
template <> struct Format<Brain> {
  static constexpr const char *name = "bf16";
  static constexpr int mantissaBits = 8, leastExponent = -133;
  static double value(Brain x) { return fromBf16(x.bits); }
  static Brain nearest(double x);
};

/// The bits of x in a format of 16 bits, rounded once, to nearest even.
template <typename T> uint16_t bitsOfNearest(double x) {
  constexpr int mantissa = Format<T>::mantissaBits - 1, exponentBits = 15 - mantissa;
  constexpr uint16_t infinity = ((1 << exponentBits) - 1) << mantissa;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  x = std::abs(x);
  if (std::isnan(x))
    return sign | infinity | 1 << (mantissa - 1);
  if (x == 0)
    return sign;
  int exponent = 0;
  std::frexp(x, &exponent);
  const int unit = std::max(exponent - 1 - mantissa, Format<T>::leastExponent);
  // A carry into the next exponent is what the bits do by themselves.
  const double steps = std::nearbyint(std::ldexp(x, -unit));
  const double bits = steps + std::ldexp(unit - Format<T>::leastExponent, mantissa);
  return sign | (std::isinf(x) || bits >= infinity ? infinity : static_cast<uint16_t>(bits));
}
inline Half Format<Half>::nearest(double x) { return {bitsOfNearest<Half>(x)}; }
inline Brain Format<Brain>::nearest(double x) { return {bitsOfNearest<Brain>(x)}; }

} // namespace weft::test
