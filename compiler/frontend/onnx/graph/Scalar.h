// Arithmetic on one element, as the bodies of linalg ops have it. An op of ONNX reads like its formula:
//
//   elementwise({x}, [](ArrayRef<Scalar> a) { return a[0] * sigmoid(a[0]); })
//
// Operands of one expression have one type. Signedness is the ONNX type's, since MLIR's integers have none.
#pragma once

#include "compiler/frontend/onnx/ElementType.h"

#include "mlir/IR/Builders.h"

namespace weft::frontend::onnx {

/// The MLIR type of an element: bool is i1; float types of eight bits and less, and integers below a byte, are i8.
mlir::Type storageType(mlir::MLIRContext *context, ElementType type);

/// float16 and bfloat16 are computed in float32; everything else in itself.
ElementType computeType(ElementType type);

struct Scalar {
  mlir::Value value;
  ElementType type = ElementType::Undefined;
  mlir::OpBuilder *builder = nullptr;
  mlir::Location loc;

  Scalar with(mlir::Value other, ElementType otherType) const { return {other, otherType, builder, loc}; }
  Scalar with(mlir::Value other) const { return with(other, type); }
  /// A constant of this one's type.
  Scalar same(double number) const;
  bool floating() const { return isFloat(type); }
};

/// A constant of any type that is computed with. Integers saturate.
Scalar constantScalar(mlir::OpBuilder &builder, mlir::Location loc, ElementType type, double number);
Scalar constantInteger(mlir::OpBuilder &builder, mlir::Location loc, ElementType type, int64_t number);

Scalar operator+(Scalar a, Scalar b);
Scalar operator-(Scalar a, Scalar b);
Scalar operator*(Scalar a, Scalar b);
/// Integers are divided towards zero; by zero the result is the dividend.
Scalar operator/(Scalar a, Scalar b);
Scalar operator-(Scalar a);
inline Scalar operator+(Scalar a, double b) { return a + a.same(b); }
inline Scalar operator-(Scalar a, double b) { return a - a.same(b); }
inline Scalar operator*(Scalar a, double b) { return a * a.same(b); }
inline Scalar operator/(Scalar a, double b) { return a / a.same(b); }
inline Scalar operator-(double a, Scalar b) { return b.same(a) - b; }
inline Scalar operator/(double a, Scalar b) { return b.same(a) / b; }

// The result of a comparison is a bool. Comparisons with NaN are false, but for notEqual.
Scalar operator<(Scalar a, Scalar b);
Scalar operator<=(Scalar a, Scalar b);
inline Scalar operator>(Scalar a, Scalar b) { return b < a; }
inline Scalar operator>=(Scalar a, Scalar b) { return b <= a; }
inline Scalar operator<(Scalar a, double b) { return a < a.same(b); }
inline Scalar operator<=(Scalar a, double b) { return a <= a.same(b); }
inline Scalar operator>(Scalar a, double b) { return a > a.same(b); }
inline Scalar operator>=(Scalar a, double b) { return a >= a.same(b); }
Scalar equal(Scalar a, Scalar b);
Scalar notEqual(Scalar a, Scalar b);

// Bits of integers and bools.
Scalar operator&(Scalar a, Scalar b);
Scalar operator|(Scalar a, Scalar b);
Scalar operator^(Scalar a, Scalar b);
Scalar operator!(Scalar a);
Scalar shiftLeft(Scalar a, Scalar b);
Scalar shiftRight(Scalar a, Scalar b);

Scalar select(Scalar condition, Scalar yes, Scalar no);
/// A NaN of either wins.
Scalar maximum(Scalar a, Scalar b);
Scalar minimum(Scalar a, Scalar b);
inline Scalar clamp(Scalar x, double low, double high) { return minimum(maximum(x, x.same(low)), x.same(high)); }
Scalar absolute(Scalar a);
Scalar sign(Scalar a);
/// The remainder with the sign of the divisor (floor), or of the dividend (truncate).
Scalar remainderFloor(Scalar a, Scalar b);
Scalar remainderTruncate(Scalar a, Scalar b);
Scalar power(Scalar base, Scalar exponent);

/// A function of the math dialect, e.g. unary<math::ExpOp>(x), on floats.
template <typename Op> Scalar unary(Scalar x) { return x.with(x.builder->create<Op>(x.loc, x.value)); }
Scalar exponential(Scalar x);
Scalar logarithm(Scalar x);
Scalar squareRoot(Scalar x);
Scalar hyperbolicTangent(Scalar x);
Scalar errorFunction(Scalar x);
Scalar floorOf(Scalar x);
Scalar roundEven(Scalar x);
Scalar truncated(Scalar x);
Scalar isNan(Scalar x);
/// 1 / (1 + exp(-x)), without overflow on either side.
Scalar sigmoid(Scalar x);
/// log(1 + exp(x)), without overflow.
Scalar softplus(Scalar x);

/// How a float becomes one of eight or four bits: what is too large becomes the largest, or NaN or infinity.
enum class Saturate { No, Yes };
/// How float8e8m0, which has no mantissa, rounds.
enum class RoundScale { Up, Down, Nearest };

/// The ONNX op Cast. Floats to integers are cut towards zero, what has no such integer is clamped to 64 bits first and
/// NaN is 0.
Scalar cast(Scalar x, ElementType to, Saturate saturate = Saturate::Yes, RoundScale roundScale = RoundScale::Up);

/// The codes of float8e4m3fn and its kin as float32, and the other way round (SmallFloats.cpp).
Scalar decodeSmallFloat(Scalar code);
Scalar encodeSmallFloat(Scalar x, ElementType to, Saturate saturate, RoundScale roundScale);

} // namespace weft::frontend::onnx
