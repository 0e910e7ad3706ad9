// Ops that compute each element from those at its place: arithmetic, comparisons, activations.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

namespace weft::frontend::onnx {
namespace {

using Scalars = llvm::ArrayRef<Scalar>;

/// What types an op is defined for. Numbers are floats and integers of a byte and more.
enum class For { Numbers, Floats, Integers, Bools, Any };

bool isOf(ElementType type, For allowed) {
  const bool whole = isInteger(type) && storedBits(type) >= 8;
  switch (allowed) {
  case For::Numbers:
    return whole || isFloat(type);
  case For::Floats:
    return isFloat(type);
  case For::Integers:
    return whole;
  case For::Bools:
    return type == ElementType::Bool;
  case For::Any:
    return whole || isFloat(type) || type == ElementType::Bool;
  }
  llvm_unreachable("a class of types");
}

/// Of the first `count` inputs, as many as the op has.
void requireTypes(NodeBuilder &n, For allowed, size_t count = 2) {
  for (size_t i = 0; i < std::min(count, n.inputs()); ++i)
    if (Tensor x = n.optional(i))
      n.require(isOf(x.type, allowed), "it is not defined for {}", nameOf(x.type));
}

/// `formula` of the operands' elements, with the operands' type.
template <Scalar (*formula)(Scalar, Scalar), For allowed = For::Numbers> void binaryOp(NodeBuilder &n) {
  requireTypes(n, allowed);
  Tensor a = n.in(0), b = n.in(1);
  n.out(0, n.combined(a.type, {a, b}, [](Scalars x) { return formula(x[0], x[1]); }));
}

template <Scalar (*formula)(Scalar, Scalar), For allowed = For::Numbers> void comparisonOp(NodeBuilder &n) {
  requireTypes(n, allowed);
  Tensor a = n.in(0), b = n.in(1);
  n.out(0, n.combined(ElementType::Bool, {a, b}, [](Scalars x) { return formula(x[0], x[1]); }));
}

template <Scalar (*formula)(Scalar), For allowed = For::Numbers> void unaryOp(NodeBuilder &n) {
  requireTypes(n, allowed, 1);
  Tensor x = n.in(0);
  n.out(0, n.map(x, [](Scalar s) { return formula(s); }));
}

/// A function on floats only.
template <Scalar (*formula)(Scalar)> void floatOp(NodeBuilder &n) { unaryOp<formula, For::Floats>(n); }

template <typename Op> Scalar mathOf(Scalar x) { return unary<Op>(x); }

template <Scalar (*formula)(Scalar, Scalar)> Tensor foldOperands(NodeBuilder &n) {
  requireTypes(n, For::Numbers, n.inputs());
  std::vector<Tensor> operands = n.all();
  n.require(!operands.empty(), "it has no operands");
  Tensor result = operands[0];
  for (size_t i = 1; i < operands.size(); ++i)
    result = n.combined(result.type, {result, operands[i]}, [](Scalars x) { return formula(x[0], x[1]); });
  return result;
}

template <Scalar (*formula)(Scalar, Scalar)> void variadicOp(NodeBuilder &n) { n.out(0, foldOperands<formula>(n)); }

Scalar plus(Scalar a, Scalar b) { return a + b; }
Scalar minus(Scalar a, Scalar b) { return a - b; }
Scalar times(Scalar a, Scalar b) { return a * b; }
Scalar over(Scalar a, Scalar b) { return a / b; }
Scalar both(Scalar a, Scalar b) { return a & b; }
Scalar either(Scalar a, Scalar b) { return a | b; }
Scalar one(Scalar a, Scalar b) { return a ^ b; }
Scalar below(Scalar a, Scalar b) { return a < b; }
Scalar notAbove(Scalar a, Scalar b) { return a <= b; }
Scalar above(Scalar a, Scalar b) { return a > b; }
Scalar notBelow(Scalar a, Scalar b) { return a >= b; }
Scalar negative(Scalar a) { return -a; }
Scalar inverted(Scalar a) { return !a; }
Scalar reciprocal(Scalar a) { return 1.0 / a; }
Scalar rectified(Scalar a) { return maximum(a, a.same(0)); }
Scalar softsign(Scalar x) { return x / (absolute(x) + 1.0); }
Scalar hardSwish(Scalar x) { return x * clamp(x / 6.0 + 0.5, 0, 1); }
Scalar mish(Scalar x) { return x * hyperbolicTangent(softplus(x)); }

void mean(NodeBuilder &n) {
  const auto count = static_cast<double>(n.inputs());
  n.out(0, n.map(foldOperands<plus>(n), [&](Scalar s) { return s / count; }));
}

void pow(NodeBuilder &n) {
  requireTypes(n, For::Numbers);
  Tensor base = n.in(0), exponent = n.in(1);
  n.broadcastOf({base, exponent});
  n.out(0, n.elementwise(base.type, {base, exponent}, [](Scalars x) { return power(x[0], x[1]); }));
}

void mod(NodeBuilder &n) {
  requireTypes(n, For::Numbers);
  Tensor a = n.in(0), b = n.in(1);
  const bool truncate = n.number("fmod", 0) != 0;
  n.out(0, n.combined(a.type, {a, b}, [&](Scalars x) {
    return truncate ? remainderTruncate(x[0], x[1]) : remainderFloor(x[0], x[1]);
  }));
}

void bitShift(NodeBuilder &n) {
  requireTypes(n, For::Integers);
  Tensor a = n.in(0), b = n.in(1);
  const bool left = n.text("direction", "LEFT") == "LEFT";
  n.out(0,
        n.combined(a.type, {a, b}, [&](Scalars x) { return left ? shiftLeft(x[0], x[1]) : shiftRight(x[0], x[1]); }));
}

/// Least and largest as inputs (opset 11 on) or attributes.
void clip(NodeBuilder &n) {
  requireTypes(n, For::Numbers, 1);
  Tensor x = n.in(0);
  if (n.hasAttribute("min") || n.hasAttribute("max")) {
    const double low = n.real("min", -INFINITY), high = n.real("max", INFINITY);
    return n.out(0, n.map(x, [&](Scalar s) { return clamp(s, low, high); }));
  }
  if (Tensor low = n.optional(1))
    x = n.combined(x.type, {x, low}, [](Scalars s) { return maximum(s[0], s[1]); });
  if (Tensor high = n.optional(2))
    x = n.combined(x.type, {x, high}, [](Scalars s) { return minimum(s[0], s[1]); });
  n.out(0, x);
}

void where(NodeBuilder &n) {
  Tensor condition = n.in(0), yes = n.in(1), no = n.in(2);
  n.require(condition.type == ElementType::Bool, "its condition is {}, but must be bool", nameOf(condition.type));
  n.requireSameType({yes, no});
  n.broadcastOf({condition, yes, no});
  n.out(0, n.elementwiseRaw(yes.type, {condition, yes, no}, [](Scalars x) { return select(x[0], x[1], x[2]); }));
}

void isInf(NodeBuilder &n) {
  requireTypes(n, For::Floats, 1);
  const bool positive = n.number("detect_positive", 1) != 0, negative = n.number("detect_negative", 1) != 0;
  n.out(0, n.elementwise(ElementType::Bool, {n.in(0)}, [&](Scalars x) {
    Scalar none = constantInteger(*x[0].builder, x[0].loc, ElementType::Bool, 0);
    Scalar up = positive ? equal(x[0], x[0].same(INFINITY)) : none;
    Scalar down = negative ? equal(x[0], x[0].same(-INFINITY)) : none;
    return up | down;
  }));
}

void isNanOp(NodeBuilder &n) {
  requireTypes(n, For::Floats, 1);
  n.out(0, n.elementwise(ElementType::Bool, {n.in(0)}, [](Scalars x) { return isNan(x[0]); }));
}

/// An activation with the parameters that it has in ONNX.
template <Scalar (*formula)(Scalar x, double alpha, double beta)>
void activation(NodeBuilder &n, double alpha, double beta = 0) {
  requireTypes(n, For::Floats, 1);
  const double a = n.real("alpha", alpha), b = n.real("beta", beta);
  n.out(0, n.map(n.in(0), [&](Scalar x) { return formula(x, a, b); }));
}

Scalar leakyFormula(Scalar x, double alpha, double) { return select(x < 0, x * alpha, x); }
Scalar eluFormula(Scalar x, double alpha, double) { return select(x < 0, unary<mlir::math::ExpM1Op>(x) * alpha, x); }
Scalar celuFormula(Scalar x, double alpha, double) {
  Scalar zero = x.same(0);
  return maximum(x, zero) + minimum(unary<mlir::math::ExpM1Op>(x / alpha) * alpha, zero);
}
Scalar hardSigmoidFormula(Scalar x, double alpha, double beta) { return clamp(x * alpha + beta, 0, 1); }
Scalar thresholdFormula(Scalar x, double alpha, double) { return select(x > alpha, x, x.same(0)); }
Scalar swishFormula(Scalar x, double alpha, double) { return x * sigmoid(x * alpha); }

void selu(NodeBuilder &n) {
  requireTypes(n, For::Floats, 1);
  const double alpha = n.real("alpha", 1.67326319217681884765625), gamma = n.real("gamma", 1.05070102214813232421875);
  n.out(0, n.map(n.in(0), [&](Scalar x) { return eluFormula(x, alpha, 0) * gamma; }));
}

void shrink(NodeBuilder &n) {
  requireTypes(n, For::Numbers, 1);
  const double lambda = n.real("lambd", 0.5), bias = n.real("bias", 0);
  n.out(0, n.map(n.in(0), [&](Scalar x) {
    return select(x < x.same(-lambda), x + bias, select(x > x.same(lambda), x - bias, x.same(0)));
  }));
}

void prelu(NodeBuilder &n) {
  requireTypes(n, For::Numbers);
  Tensor x = n.in(0), slope = n.in(1);
  n.out(0, n.combined(x.type, {x, slope}, [](Scalars s) { return select(s[0] < 0, s[0] * s[1], s[0]); }));
}

void gelu(NodeBuilder &n) {
  requireTypes(n, For::Floats, 1);
  const bool approximate = n.text("approximate", "none") == "tanh";
  n.out(0, n.map(n.in(0), [&](Scalar x) {
    if (!approximate)
      return x * 0.5 * (errorFunction(x * std::sqrt(0.5)) + 1.0);
    Scalar inner = (x + x * x * x * 0.044715) * std::sqrt(2 / M_PI);
    return x * 0.5 * (hyperbolicTangent(inner) + 1.0);
  }));
}

void castOp(NodeBuilder &n) {
  const auto to = static_cast<ElementType>(n.number("to"));
  n.require(storedBits(to) != 0, "a cast to {} is not supported", nameOf(to));
  const std::string mode = n.text("round_mode", "up");
  n.out(0, n.castTo(n.in(0), to, n.number("saturate", 1) ? Saturate::Yes : Saturate::No,
                    mode == "up"     ? RoundScale::Up
                    : mode == "down" ? RoundScale::Down
                                     : RoundScale::Nearest));
}

void castLike(NodeBuilder &n) {
  const std::string mode = n.text("round_mode", "up");
  n.out(0, n.castTo(n.in(0), n.in(1).type, n.number("saturate", 1) ? Saturate::Yes : Saturate::No,
                    mode == "up"     ? RoundScale::Up
                    : mode == "down" ? RoundScale::Down
                                     : RoundScale::Nearest));
}

void addActivations(Registry &r) {
  r.add("Relu", unaryOp<rectified>);
  r.add("Sigmoid", floatOp<sigmoid>);
  r.add("Softplus", floatOp<softplus>);
  r.add("Softsign", floatOp<softsign>);
  r.add("HardSwish", floatOp<hardSwish>);
  r.add("Mish", floatOp<mish>);
  r.add("LeakyRelu", [](NodeBuilder &n) { activation<leakyFormula>(n, 0.01); });
  r.add("Elu", [](NodeBuilder &n) { activation<eluFormula>(n, 1); });
  r.add("Celu", [](NodeBuilder &n) { activation<celuFormula>(n, 1); });
  r.add("HardSigmoid", [](NodeBuilder &n) { activation<hardSigmoidFormula>(n, 0.2, 0.5); });
  r.add("ThresholdedRelu", [](NodeBuilder &n) { activation<thresholdFormula>(n, 1); });
  r.add("Swish", [](NodeBuilder &n) { activation<swishFormula>(n, 1); });
  r.add("Selu", selu);
  r.add("Shrink", shrink);
  r.add("PRelu", prelu);
  r.add("Gelu", gelu);
}

} // namespace

void addElementwise(Registry &r) {
  using namespace mlir::math;
  r.add("Add", binaryOp<plus>);
  r.add("Sub", binaryOp<minus>);
  r.add("Mul", binaryOp<times>);
  r.add("Div", binaryOp<over>);
  r.add("And", binaryOp<both, For::Bools>);
  r.add("Or", binaryOp<either, For::Bools>);
  r.add("Xor", binaryOp<one, For::Bools>);
  r.add("BitwiseAnd", binaryOp<both, For::Integers>);
  r.add("BitwiseOr", binaryOp<either, For::Integers>);
  r.add("BitwiseXor", binaryOp<one, For::Integers>);
  r.add("BitwiseNot", unaryOp<inverted, For::Integers>);
  r.add("Not", unaryOp<inverted, For::Bools>);
  r.add("BitShift", bitShift);
  r.add("Less", comparisonOp<below>);
  r.add("LessOrEqual", comparisonOp<notAbove>);
  r.add("Greater", comparisonOp<above>);
  r.add("GreaterOrEqual", comparisonOp<notBelow>);
  r.add("Equal", comparisonOp<equal, For::Any>);
  r.add("Max", variadicOp<maximum>);
  r.add("Min", variadicOp<minimum>);
  r.add("Sum", variadicOp<plus>);
  r.add("Mean", mean);
  r.add("Pow", pow);
  r.add("Mod", mod);
  r.add("Clip", clip);
  r.add("Where", where);
  r.add("IsInf", isInf);
  r.add("IsNaN", isNanOp);
  r.add("Abs", unaryOp<absolute>);
  r.add("Neg", unaryOp<negative>);
  r.add("Sign", unaryOp<sign>);
  r.add("Reciprocal", floatOp<reciprocal>);
  r.add("Floor", floatOp<floorOf>);
  r.add("Ceil", floatOp<mathOf<CeilOp>>);
  r.add("Round", floatOp<roundEven>);
  r.add("Sqrt", floatOp<squareRoot>);
  r.add("Exp", floatOp<exponential>);
  r.add("Log", floatOp<logarithm>);
  r.add("Erf", floatOp<errorFunction>);
  r.add("Sin", floatOp<mathOf<SinOp>>);
  r.add("Cos", floatOp<mathOf<CosOp>>);
  r.add("Tan", floatOp<mathOf<TanOp>>);
  r.add("Asin", floatOp<mathOf<AsinOp>>);
  r.add("Acos", floatOp<mathOf<AcosOp>>);
  r.add("Atan", floatOp<mathOf<AtanOp>>);
  r.add("Sinh", floatOp<mathOf<SinhOp>>);
  r.add("Cosh", floatOp<mathOf<CoshOp>>);
  r.add("Tanh", floatOp<hyperbolicTangent>);
  r.add("Asinh", floatOp<mathOf<AsinhOp>>);
  r.add("Acosh", floatOp<mathOf<AcoshOp>>);
  r.add("Atanh", floatOp<mathOf<AtanhOp>>);
  r.add("Cast", castOp);
  r.add("CastLike", castLike);
  addActivations(r);
}

} // namespace weft::frontend::onnx
