// Arithmetic but fused multiply-adds; comparison; reductions.
#include "sim/iss/VectorFloatLoopsHalf.h"

namespace weft::iss::WEFT_VECTOR_TARGET {

namespace {

using Kind = VectorFloatKind;

template <class F> struct Same : Operation<BitsOf<F>, BitsOf<F>, BitsOf<F>> {};

#define WEFT_BINARY(name, expression)                                                                                  \
  template <class F> struct name : Same<F> {                                                                           \
    static BitsOf<F> apply(BitsOf<F> second, BitsOf<F> first) {                                                        \
      const auto a = Host<F>::read(second), b = Host<F>::read(first);                                                  \
      return Host<F>::write(expression);                                                                               \
    }                                                                                                                  \
  };
WEFT_BINARY(Add, a + b)
WEFT_BINARY(Subtract, a - b)
WEFT_BINARY(ReverseSubtract, b - a)
WEFT_BINARY(Multiply, a *b)
WEFT_BINARY(Divide, a / b)
WEFT_BINARY(ReverseDivide, b / a)
#undef WEFT_BINARY

/// W from N op N, or from W op N if `WideSecond`.
template <class W, class N> typename Host<W>::Value widened(BitsOf<N> bits) {
  return static_cast<typename Host<W>::Value>(Host<N>::read(bits));
}
#define WEFT_WIDENING(name, expression)                                                                                \
  template <class W, class N, bool WideSecond>                                                                         \
  struct name : Operation<BitsOf<W>, BitsOf<std::conditional_t<WideSecond, W, N>>, BitsOf<N>> {                        \
    using From = std::conditional_t<WideSecond, W, N>;                                                                 \
    static BitsOf<W> apply(BitsOf<From> second, BitsOf<N> first) {                                                     \
      const auto a = widened<W, From>(second), b = widened<W, N>(first);                                               \
      return Host<W>::write(expression);                                                                               \
    }                                                                                                                  \
  };
WEFT_WIDENING(WidenAdd, a + b)
WEFT_WIDENING(WidenSubtract, a - b)
WEFT_WIDENING(WidenMultiply, a *b)
#undef WEFT_WIDENING

template <class F> struct SquareRoot : Operation<BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(BitsOf<F> second) { return Host<F>::write(root(Host<F>::read(second))); }
  static float root(float value) { return __builtin_elementwise_sqrt(value); }
  static double root(double value) { return __builtin_elementwise_sqrt(value); }
};

template <class F, bool Negate, bool Combine> struct Signs : Same<F> {
  static BitsOf<F> apply(BitsOf<F> second, BitsOf<F> first) {
    const BitsOf<F> from = Combine ? second ^ first : Negate ? ~first : first;
    return (second & F::magnitude) | (from & F::sign);
  }
};

// Comparisons are made in integers: those of the host differ in which NaN they mind, and compilers choose among them.

template <class Bits> struct SignedOf;
template <> struct SignedOf<uint16_t> {
  using Type = int16_t;
};
template <> struct SignedOf<uint32_t> {
  using Type = int32_t;
};
template <> struct SignedOf<uint64_t> {
  using Type = int64_t;
};

/// -0 before +0; of numbers.
template <class F> bool before(BitsOf<F> a, BitsOf<F> b) {
  using Signed = typename SignedOf<BitsOf<F>>::Type;
  auto key = [](BitsOf<F> bits) {
    const auto mask = static_cast<BitsOf<F>>(static_cast<Signed>(bits) >> (F::width - 1));
    return static_cast<Signed>(bits ^ (mask & F::magnitude));
  };
  return key(a) < key(b);
}
template <class F> bool bothZero(BitsOf<F> a, BitsOf<F> b) { return ((a | b) & F::magnitude) == 0; }

template <class F, bool Least> BitsOf<F> choose(BitsOf<F> a, BitsOf<F> b) {
  const BitsOf<F> chosen = before<F>(a, b) == Least ? a : b;
  const BitsOf<F> withoutB = isNan<F>(a) ? F::canonicalNan : a;
  return isNan<F>(b) ? withoutB : isNan<F>(a) ? b : chosen;
}

template <class F> struct Quiet {
  static BitsOf<F> invalid(BitsOf<F> second, BitsOf<F> first) {
    return isSignalling<F>(second) || isSignalling<F>(first);
  }
};
template <class F> struct Signalling {
  static BitsOf<F> invalid(BitsOf<F> second, BitsOf<F> first) { return isNan<F>(second) || isNan<F>(first); }
};

template <class F, bool Least> struct Choose : Same<F>, Quiet<F> {
  static BitsOf<F> apply(BitsOf<F> second, BitsOf<F> first) { return choose<F, Least>(second, first); }
};

template <class F> struct Comparison : Operation<uint8_t, BitsOf<F>, BitsOf<F>> {};
template <class F, bool Negate> struct Equal : Comparison<F>, Quiet<F> {
  static uint8_t apply(BitsOf<F> a, BitsOf<F> b) {
    const bool equal = !isNan<F>(a) && !isNan<F>(b) && ((a == b) || bothZero<F>(a, b));
    return equal != Negate;
  }
};
template <class F, bool Swap> struct Less : Comparison<F>, Signalling<F> {
  static uint8_t apply(BitsOf<F> a, BitsOf<F> b) {
    return !isNan<F>(a) && !isNan<F>(b) && (Swap ? before<F>(b, a) : before<F>(a, b)) && !bothZero<F>(a, b);
  }
};
template <class F, bool Swap> struct LessEqual : Comparison<F>, Signalling<F> {
  static uint8_t apply(BitsOf<F> a, BitsOf<F> b) {
    return !isNan<F>(a) && !isNan<F>(b) && (!(Swap ? before<F>(a, b) : before<F>(b, a)) || bothZero<F>(a, b));
  }
};

/// Element after element: the order is part of the result.
template <class W, class N> uint8_t sumLoop(const VectorLoopOperands &operands) {
  auto sum = Host<W>::read(static_cast<BitsOf<W>>(operands.scalar));
  BitsOf<W> bits = 0;
  for (size_t i = 0; i < operands.count; ++i) {
    bits = Host<W>::write(sum + widened<W, N>(load<BitsOf<N>>(operands.vs2, i)));
    sum = Host<W>::read(bits);
  }
  store(operands.destination, 0, bits);
  return 0;
}

template <class F, bool Least> uint8_t chooseLoop(const VectorLoopOperands &operands) {
  auto chosen = static_cast<BitsOf<F>>(operands.scalar);
  BitsOf<F> invalid = 0;
  for (size_t i = 0; i < operands.count; ++i) {
    const auto element = load<BitsOf<F>>(operands.vs2, i);
    invalid |= Quiet<F>::invalid(element, chosen);
    chosen = choose<F, Least>(chosen, element);
  }
  store(operands.destination, 0, chosen);
  return invalid != 0 ? invalidFlag : 0;
}

template <class F> void addComputed(Column column) {
  column.binary<Add<F>>(Kind::Add);
  column.binary<Subtract<F>>(Kind::Subtract);
  column.binary<ReverseSubtract<F>>(Kind::ReverseSubtract);
  column.binary<Multiply<F>>(Kind::Multiply);
  column.binary<Divide<F>>(Kind::Divide);
  column.binary<ReverseDivide<F>>(Kind::ReverseDivide);
  column.unary<SquareRoot<F>>(Kind::SquareRoot);
  column.set(Kind::ReduceSum, sumLoop<F, F>);
}

template <class F> void addCompared(Column column) {
  column.binary<Signs<F, false, false>>(Kind::SignInject);
  column.binary<Signs<F, true, false>>(Kind::SignInjectNegated);
  column.binary<Signs<F, false, true>>(Kind::SignInjectCombined);
  column.checked<Choose<F, true>>(Kind::Minimum);
  column.checked<Choose<F, false>>(Kind::Maximum);
  column.checked<Equal<F, false>>(Kind::Equal);
  column.checked<Equal<F, true>>(Kind::NotEqual);
  column.checked<Less<F, false>>(Kind::Less);
  column.checked<LessEqual<F, false>>(Kind::LessEqual);
  column.checked<Less<F, true>>(Kind::Greater);
  column.checked<LessEqual<F, true>>(Kind::GreaterEqual);
  column.set(Kind::ReduceMinimum, chooseLoop<F, true>);
  column.set(Kind::ReduceMaximum, chooseLoop<F, false>);
}

template <class W, class N> void addWidening(Column column) {
  column.binary<WidenAdd<W, N, false>>(Kind::WidenAdd);
  column.binary<WidenSubtract<W, N, false>>(Kind::WidenSubtract);
  column.binary<WidenAdd<W, N, true>>(Kind::WideAdd);
  column.binary<WidenSubtract<W, N, true>>(Kind::WideSubtract);
  column.binary<WidenMultiply<W, N, false>>(Kind::WidenMultiply);
  column.set(Kind::WidenReduceSum, sumLoop<W, N>);
}

#if defined(WEFT_HOST_FUSES)

/// Sums, differences, products, quotients and roots of half-precision numbers may be rounded to single precision first:
/// 24 bits are twice 11 and two more, which makes the second rounding harmless in every mode, also among subnormal
/// results (sums are exact there, products always, and no quotient comes that near to a number of fewer bits).
template <class O> void addHalf(Column &column, Kind kind) {
  column.set(kind, throughSingle < binaryLoop<O, false>, halfVs2 | halfVs1 | halfResult >,
             throughSingle < binaryLoop<O, true>, halfVs2 | halfScalar | halfResult >);
}
template <class O> void addWideningHalf(Column &column, Kind kind) {
  column.set(kind, throughSingle < binaryLoop<O, false>, halfVs2 | halfVs1 >, throughSingle < binaryLoop<O, true>,
             halfVs2 | halfScalar >);
}
template <class O> void addWideHalf(Column &column, Kind kind) {
  column.set(kind, throughSingle<binaryLoop<O, false>, halfVs1>, throughSingle<binaryLoop<O, true>, halfScalar>);
}

void addHalf(Column column) {
  addHalf<Add<Single>>(column, Kind::Add);
  addHalf<Subtract<Single>>(column, Kind::Subtract);
  addHalf<ReverseSubtract<Single>>(column, Kind::ReverseSubtract);
  addHalf<Multiply<Single>>(column, Kind::Multiply);
  addHalf<Divide<Single>>(column, Kind::Divide);
  addHalf<ReverseDivide<Single>>(column, Kind::ReverseDivide);
  column.set(Kind::SquareRoot, throughSingle < unaryLoop<SquareRoot<Single>>, halfVs2 | halfResult >);
  addWideningHalf<Add<Single>>(column, Kind::WidenAdd);
  addWideningHalf<Subtract<Single>>(column, Kind::WidenSubtract);
  addWideningHalf<Multiply<Single>>(column, Kind::WidenMultiply);
  addWideHalf<Add<Single>>(column, Kind::WideAdd);
  addWideHalf<Subtract<Single>>(column, Kind::WideSubtract);
  column.set(Kind::WidenReduceSum, throughSingle<sumLoop<Single, Single>, halfVs2>);
}

#endif

} // namespace

void addFloatArithmeticLoops(VectorFloatLoopTable &table) {
  const Column sew16(table, 1), sew32(table, 2), sew64(table, 3);
  addCompared<Half>(sew16);
  addCompared<Single>(sew32);
  addCompared<Double>(sew64);
  addComputed<Single>(sew32);
  addComputed<Double>(sew64);
  addWidening<Double, Single>(sew32);
#if defined(WEFT_HOST_FUSES)
  addHalf(sew16);
#endif
}

} // namespace weft::iss::WEFT_VECTOR_TARGET
