// Vector floating point in integers, element by element.
#include "sim/iss/FloatSoft.h"
#include "sim/iss/VectorFloatLoops.h"

#include <type_traits>

namespace weft::iss {

namespace {

using soft::Context;
using soft::Rounding;
using Kind = VectorFloatKind;

template <class T> T load(const std::byte *bytes, size_t element) {
  T value;
  std::memcpy(&value, bytes + element * sizeof(T), sizeof(T));
  return value;
}
template <class T> void store(std::byte *bytes, size_t element, T value) {
  std::memcpy(bytes + element * sizeof(T), &value, sizeof(T));
}

struct Nothing {};

/// What an operation derives from. Its apply() takes a context, the old element if `OldType` is not Nothing, the second
/// operand, and the first if there is one.
template <class DestinationType, class SecondType, class FirstType = Nothing, class OldType = Nothing>
struct Operation {
  using Destination = DestinationType;
  using Second = SecondType;
  using First = FirstType;
  using Old = OldType;
};

template <class O, bool Scalar> uint8_t eachElement(const VectorLoopOperands &operands) {
  using First = typename O::First;
  constexpr bool unary = std::is_same_v<First, Nothing>;
  Context context{static_cast<Rounding>(operands.rounding)};
  for (size_t i = 0; i < operands.count; ++i) {
    const auto second = load<typename O::Second>(operands.vs2, i);
    if constexpr (unary) {
      store(operands.destination, i, O::apply(context, second));
    } else {
      const First first = Scalar ? static_cast<First>(operands.scalar) : load<First>(operands.vs1, i);
      if constexpr (std::is_same_v<typename O::Old, Nothing>)
        store(operands.destination, i, O::apply(context, second, first));
      else
        store(operands.destination, i, O::apply(context, load<typename O::Old>(operands.old, i), second, first));
    }
  }
  return context.flags;
}

template <class O> uint8_t reduce(const VectorLoopOperands &operands) {
  using Result = typename O::Destination;
  Context context{static_cast<Rounding>(operands.rounding)};
  auto result = static_cast<Result>(operands.scalar);
  for (size_t i = 0; i < operands.count; ++i)
    result = O::apply(context, load<typename O::Second>(operands.vs2, i), result);
  store(operands.destination, 0, result);
  return context.flags;
}

template <class F, auto compute> struct Binary : Operation<BitsOf<F>, BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(Context &context, BitsOf<F> second, BitsOf<F> first) {
    return compute(context, second, first);
  }
};
template <class F, auto compute> struct Reverse : Binary<F, compute> {
  static BitsOf<F> apply(Context &context, BitsOf<F> second, BitsOf<F> first) {
    return compute(context, first, second);
  }
};
template <class F, auto compute> struct Unary : Operation<BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(Context &context, BitsOf<F> second) { return compute(context, second); }
};
template <class F> struct Classify : Operation<BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(Context &, BitsOf<F> second) { return soft::classify<F>(second); }
};

template <class F, bool Negate, bool Combine> struct Signs : Operation<BitsOf<F>, BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(Context &, BitsOf<F> second, BitsOf<F> first) {
    const auto from = static_cast<BitsOf<F>>(Combine ? second ^ first : Negate ? ~first : first);
    return static_cast<BitsOf<F>>((second & F::magnitude) | (from & F::sign));
  }
};

template <class F> BitsOf<F> negateIf(bool negate, BitsOf<F> a) {
  return static_cast<BitsOf<F>>(a ^ (negate ? F::sign : 0));
}

template <class F, bool NegateProduct, bool NegateAddend>
struct Accumulate : Operation<BitsOf<F>, BitsOf<F>, BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(Context &context, BitsOf<F> old, BitsOf<F> second, BitsOf<F> first) {
    return soft::fuse<F>(context, negateIf<F>(NegateProduct, first), second, negateIf<F>(NegateAddend, old));
  }
};
template <class F, bool NegateProduct, bool NegateAddend>
struct MultiplyAdd : Operation<BitsOf<F>, BitsOf<F>, BitsOf<F>, BitsOf<F>> {
  static BitsOf<F> apply(Context &context, BitsOf<F> old, BitsOf<F> second, BitsOf<F> first) {
    return soft::fuse<F>(context, negateIf<F>(NegateProduct, first), old, negateIf<F>(NegateAddend, second));
  }
};
template <class W, class N, bool NegateProduct, bool NegateAddend>
struct WidenAccumulate : Operation<BitsOf<W>, BitsOf<N>, BitsOf<N>, BitsOf<W>> {
  static BitsOf<W> apply(Context &context, BitsOf<W> old, BitsOf<N> second, BitsOf<N> first) {
    return soft::fuse<W>(context, negateIf<W>(NegateProduct, soft::convert<W, N>(context, first)),
                         soft::convert<W, N>(context, second), negateIf<W>(NegateAddend, old));
  }
};

template <class W, class N, auto compute> struct Widen : Operation<BitsOf<W>, BitsOf<N>, BitsOf<N>> {
  static BitsOf<W> apply(Context &context, BitsOf<N> second, BitsOf<N> first) {
    return compute(context, soft::convert<W, N>(context, second), soft::convert<W, N>(context, first));
  }
};
template <class W, class N, auto compute> struct WideSecond : Operation<BitsOf<W>, BitsOf<W>, BitsOf<N>> {
  static BitsOf<W> apply(Context &context, BitsOf<W> second, BitsOf<N> first) {
    return compute(context, second, soft::convert<W, N>(context, first));
  }
};
template <class W, class N> struct WidenSum : Operation<BitsOf<W>, BitsOf<N>, BitsOf<W>> {
  static BitsOf<W> apply(Context &context, BitsOf<N> second, BitsOf<W> sum) {
    return soft::add<W>(context, sum, soft::convert<W, N>(context, second));
  }
};

template <class F, auto compare, bool Swap, bool Negate> struct Compare : Operation<uint8_t, BitsOf<F>, BitsOf<F>> {
  static uint8_t apply(Context &context, BitsOf<F> second, BitsOf<F> first) {
    return (Swap ? compare(context, first, second) : compare(context, second, first)) != Negate;
  }
};

template <class F, class Integer, bool Truncate> struct ToInteger : Operation<Integer, BitsOf<F>> {
  static Integer apply(Context &context, BitsOf<F> second) {
    const Rounding rounding = context.rounding;
    if (Truncate)
      context.rounding = Rounding::TowardZero;
    const uint64_t value = soft::toInteger<F>(context, second, std::is_signed_v<Integer>, sizeof(Integer) * 8);
    context.rounding = rounding;
    return static_cast<Integer>(value);
  }
};
template <class F, class Integer> struct FromInteger : Operation<BitsOf<F>, Integer> {
  static BitsOf<F> apply(Context &context, Integer second) {
    if constexpr (std::is_signed_v<Integer>)
      return soft::fromSigned<F>(context, second);
    else
      return soft::fromUnsigned<F>(context, second);
  }
};
template <class To, class From, bool ToOdd> struct Convert : Operation<BitsOf<To>, BitsOf<From>> {
  static BitsOf<To> apply(Context &context, BitsOf<From> second) {
    if (ToOdd)
      context.rounding = Rounding::ToOdd;
    return soft::convert<To, From>(context, second);
  }
};

/// Fills one column of the table: the instructions under one SEW.
class Column {
public:
  Column(VectorFloatLoopTable &table, unsigned sewBytesLog2) : table(table), index(sewBytesLog2) {}

  template <class O> void add(Kind kind) {
    auto &row = table.loops[static_cast<size_t>(kind)][index];
    row[0] = eachElement<O, false>;
    if constexpr (!std::is_same_v<typename O::First, Nothing>)
      row[1] = eachElement<O, true>;
  }
  template <class O> void addReduction(Kind kind) { table.loops[static_cast<size_t>(kind)][index][0] = reduce<O>; }

private:
  VectorFloatLoopTable &table;
  unsigned index;
};

template <class F> void addArithmetic(Column column) {
  column.add<Binary<F, soft::add<F>>>(Kind::Add);
  column.add<Binary<F, soft::subtract<F>>>(Kind::Subtract);
  column.add<Reverse<F, soft::subtract<F>>>(Kind::ReverseSubtract);
  column.add<Binary<F, soft::multiply<F>>>(Kind::Multiply);
  column.add<Binary<F, soft::divide<F>>>(Kind::Divide);
  column.add<Reverse<F, soft::divide<F>>>(Kind::ReverseDivide);
  column.add<Binary<F, soft::minimum<F>>>(Kind::Minimum);
  column.add<Binary<F, soft::maximum<F>>>(Kind::Maximum);
  column.add<Signs<F, false, false>>(Kind::SignInject);
  column.add<Signs<F, true, false>>(Kind::SignInjectNegated);
  column.add<Signs<F, false, true>>(Kind::SignInjectCombined);
  column.add<Unary<F, soft::squareRoot<F>>>(Kind::SquareRoot);
  column.add<Unary<F, soft::reciprocalSquareRoot7<F>>>(Kind::ReciprocalSquareRoot7);
  column.add<Unary<F, soft::reciprocal7<F>>>(Kind::Reciprocal7);
  column.add<Classify<F>>(Kind::Classify);
  column.add<Accumulate<F, false, false>>(Kind::Accumulate);
  column.add<Accumulate<F, true, true>>(Kind::NegatedAccumulate);
  column.add<Accumulate<F, false, true>>(Kind::AccumulateSubtracted);
  column.add<Accumulate<F, true, false>>(Kind::NegatedAccumulateSubtracted);
  column.add<MultiplyAdd<F, false, false>>(Kind::MultiplyAdd);
  column.add<MultiplyAdd<F, true, true>>(Kind::NegatedMultiplyAdd);
  column.add<MultiplyAdd<F, false, true>>(Kind::MultiplySubtract);
  column.add<MultiplyAdd<F, true, false>>(Kind::NegatedMultiplySubtract);
  column.add<Compare<F, soft::equal<F>, false, false>>(Kind::Equal);
  column.add<Compare<F, soft::equal<F>, false, true>>(Kind::NotEqual);
  column.add<Compare<F, soft::less<F>, false, false>>(Kind::Less);
  column.add<Compare<F, soft::lessEqual<F>, false, false>>(Kind::LessEqual);
  column.add<Compare<F, soft::less<F>, true, false>>(Kind::Greater);
  column.add<Compare<F, soft::lessEqual<F>, true, false>>(Kind::GreaterEqual);
  column.addReduction<Reverse<F, soft::add<F>>>(Kind::ReduceSum);
  column.addReduction<Reverse<F, soft::minimum<F>>>(Kind::ReduceMinimum);
  column.addReduction<Reverse<F, soft::maximum<F>>>(Kind::ReduceMaximum);
}

/// `first` is the kind of the conversion to unsigned integers; signed and truncating ones follow it.
template <class F, class Unsigned> void addToInteger(Column column, Kind first) {
  using Signed = std::make_signed_t<Unsigned>;
  auto next = [&](unsigned i) { return static_cast<Kind>(static_cast<unsigned>(first) + i); };
  column.add<ToInteger<F, Unsigned, false>>(next(0));
  column.add<ToInteger<F, Signed, false>>(next(1));
  column.add<ToInteger<F, Unsigned, true>>(next(2));
  column.add<ToInteger<F, Signed, true>>(next(3));
}
template <class F, class Unsigned> void addFromInteger(Column column, Kind first) {
  column.add<FromInteger<F, Unsigned>>(first);
  column.add<FromInteger<F, std::make_signed_t<Unsigned>>>(static_cast<Kind>(static_cast<unsigned>(first) + 1));
}

template <class W, class N> void addBetween(Column column) {
  column.add<Widen<W, N, soft::add<W>>>(Kind::WidenAdd);
  column.add<Widen<W, N, soft::subtract<W>>>(Kind::WidenSubtract);
  column.add<WideSecond<W, N, soft::add<W>>>(Kind::WideAdd);
  column.add<WideSecond<W, N, soft::subtract<W>>>(Kind::WideSubtract);
  column.add<Widen<W, N, soft::multiply<W>>>(Kind::WidenMultiply);
  column.add<WidenAccumulate<W, N, false, false>>(Kind::WidenAccumulate);
  column.add<WidenAccumulate<W, N, true, true>>(Kind::WidenNegatedAccumulate);
  column.add<WidenAccumulate<W, N, false, true>>(Kind::WidenAccumulateSubtracted);
  column.add<WidenAccumulate<W, N, true, false>>(Kind::WidenNegatedAccumulateSubtracted);
  column.add<Convert<W, N, false>>(Kind::WidenFloat);
  column.add<Convert<N, W, false>>(Kind::NarrowFloat);
  column.add<Convert<N, W, true>>(Kind::NarrowFloatToOdd);
  column.addReduction<WidenSum<W, N>>(Kind::WidenReduceSum);
}

} // namespace

void addSoftLoops(VectorFloatLoopTable &table) {
  const Column sew8(table, 0), sew16(table, 1), sew32(table, 2), sew64(table, 3);
  addArithmetic<Half>(sew16);
  addArithmetic<Single>(sew32);
  addArithmetic<Double>(sew64);
  addToInteger<Half, uint16_t>(sew16, Kind::ToUnsigned);
  addToInteger<Single, uint32_t>(sew32, Kind::ToUnsigned);
  addToInteger<Double, uint64_t>(sew64, Kind::ToUnsigned);
  addFromInteger<Half, uint16_t>(sew16, Kind::FromUnsigned);
  addFromInteger<Single, uint32_t>(sew32, Kind::FromUnsigned);
  addFromInteger<Double, uint64_t>(sew64, Kind::FromUnsigned);

  addBetween<Single, Half>(sew16);
  addBetween<Double, Single>(sew32);
  addToInteger<Half, uint32_t>(sew16, Kind::WidenToUnsigned);
  addToInteger<Single, uint64_t>(sew32, Kind::WidenToUnsigned);
  addFromInteger<Half, uint8_t>(sew8, Kind::WidenFromUnsigned);
  addFromInteger<Single, uint16_t>(sew16, Kind::WidenFromUnsigned);
  addFromInteger<Double, uint32_t>(sew32, Kind::WidenFromUnsigned);
  addToInteger<Half, uint8_t>(sew8, Kind::NarrowToUnsigned);
  addToInteger<Single, uint16_t>(sew16, Kind::NarrowToUnsigned);
  addToInteger<Double, uint32_t>(sew32, Kind::NarrowToUnsigned);
  addFromInteger<Half, uint32_t>(sew16, Kind::NarrowFromUnsigned);
  addFromInteger<Single, uint64_t>(sew32, Kind::NarrowFromUnsigned);

  Column bfloat = sew16;
  bfloat.add<WidenAccumulate<Single, BFloat, false, false>>(Kind::WidenAccumulateBFloat);
  bfloat.add<Convert<Single, BFloat, false>>(Kind::WidenBFloat);
  bfloat.add<Convert<BFloat, Single, false>>(Kind::NarrowBFloat);
}

} // namespace weft::iss
