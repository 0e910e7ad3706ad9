// Fused multiply-adds.
#include "sim/iss/VectorFloatLoopsHalf.h"

namespace weft::iss::WEFT_VECTOR_TARGET {

#if defined(WEFT_HOST_FUSES)

namespace {

float fuse(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
double fuse(double a, double b, double c) { return __builtin_fma(a, b, c); }

/// The value of a factor, as the accumulator's format computes.
template <class W, class N> struct Factor {
  static typename Host<W>::Value read(BitsOf<N> bits) { return Host<N>::read(bits); }
};
template <> struct Factor<Single, BFloat> {
  static float read(uint16_t bits) { return Host<Single>::read(uint32_t{bits} << 16); }
};

/// W = N * N + W. The second factor is vs2 and the addend the old destination, or the other way round.
template <class AccumulatorFormat, class FactorFormat, bool NegateProduct, bool NegateAddend, bool AddsOld>
struct Fused {
  using W = AccumulatorFormat;
  using N = FactorFormat;
  static constexpr bool addsOld = AddsOld;

  static BitsOf<W> apply(BitsOf<N> first, BitsOf<N> second, BitsOf<W> addend) {
    if constexpr (NegateProduct)
      first ^= N::sign;
    if constexpr (NegateAddend)
      addend ^= W::sign;
    const auto a = Factor<W, N>::read(first), b = Factor<W, N>::read(second), c = Host<W>::read(addend);
    return Host<W>::write(fuse(a, b, c));
  }
};

/// a * b + c of half-precision numbers given in single precision. In double precision the product is exact, and the sum
/// too unless the product is so small that it only tells on which side of c the result lies. What that has beyond
/// single precision is kept in its lowest bit, and so the one rounding that counts is the later one to half precision.
template <bool NegateProduct, bool NegateAddend, bool AddsOld> struct FusedHalf {
  using W = Single;
  using N = Single;
  static constexpr bool addsOld = AddsOld;

  static uint32_t apply(uint32_t first, uint32_t second, uint32_t addend) {
    if constexpr (NegateProduct)
      first ^= Single::sign;
    if constexpr (NegateAddend)
      addend ^= Single::sign;
    auto read = [](uint32_t bits) { return static_cast<double>(Host<Single>::read(bits)); };
    const double sum = fuse(read(first), read(second), read(addend));
    constexpr uint64_t lost = (uint64_t{1} << (Double::fractionBits - Single::fractionBits)) - 1;
    const auto bits = __builtin_bit_cast(uint64_t, sum);
    const uint64_t odd = (bits & ~lost) | ((bits & lost) != 0 ? lost + 1 : 0);
    return Host<Single>::write(static_cast<float>(__builtin_bit_cast(double, odd)));
  }
};

/// Whether an element is NaN.
template <class F> bool anyNan(const std::byte *elements, size_t count) {
  BitsOf<F> found = 0;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i)
    found |= static_cast<BitsOf<F>>(isNan<F>(load<BitsOf<F>>(elements, i)));
  return found != 0;
}

template <class F> bool isZeroOrInfinite(BitsOf<F> a) {
  return (a & F::magnitude) == 0 || (a & F::magnitude) == F::infinity;
}

/// Whether infinity is multiplied by zero. The host finds that invalid unless a quiet NaN is added to the product;
/// RISC-V does always. Rare, and so not in the loop that computes, which may overwrite the operands.
template <class F, bool Scalar>
[[gnu::noinline]] uint8_t productFlags(const std::byte *left, BitsOf<F> scalar, const std::byte *right, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const BitsOf<F> a = (Scalar ? scalar : load<BitsOf<F>>(left, i)) & F::magnitude;
    const BitsOf<F> b = load<BitsOf<F>>(right, i) & F::magnitude;
    if ((a == F::infinity && b == 0) || (a == 0 && b == F::infinity))
      return invalidFlag;
  }
  return 0;
}

template <class O, bool Scalar> uint8_t fusedLoop(const VectorLoopOperands &operands) {
  using Accumulator = BitsOf<typename O::W>;
  using Factor = BitsOf<typename O::N>;
  std::byte *destination = operands.destination;
  const std::byte *first = operands.vs1, *second = O::addsOld ? operands.vs2 : operands.old,
                  *addend = O::addsOld ? operands.old : operands.vs2;
  const auto scalar = static_cast<Factor>(operands.scalar);
  const size_t count = operands.count;
  uint8_t flags = 0;
  if (!Scalar || isZeroOrInfinite<typename O::N>(scalar))
    if (anyNan<typename O::W>(addend, count)) [[unlikely]]
      flags = productFlags<typename O::N, Scalar>(first, scalar, second, count);
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i)
    store(destination, i,
          O::apply(Scalar ? scalar : load<Factor>(first, i), load<Factor>(second, i), load<Accumulator>(addend, i)));
  return flags;
}

template <class O> void add(Column &column, VectorFloatKind kind) {
  column.set(kind, fusedLoop<O, false>, fusedLoop<O, true>);
}

using Kind = VectorFloatKind;

template <class F> void addSame(Column column) {
  add<Fused<F, F, false, false, true>>(column, Kind::Accumulate);
  add<Fused<F, F, true, true, true>>(column, Kind::NegatedAccumulate);
  add<Fused<F, F, false, true, true>>(column, Kind::AccumulateSubtracted);
  add<Fused<F, F, true, false, true>>(column, Kind::NegatedAccumulateSubtracted);
  add<Fused<F, F, false, false, false>>(column, Kind::MultiplyAdd);
  add<Fused<F, F, true, true, false>>(column, Kind::NegatedMultiplyAdd);
  add<Fused<F, F, false, true, false>>(column, Kind::MultiplySubtract);
  add<Fused<F, F, true, false, false>>(column, Kind::NegatedMultiplySubtract);
}

template <bool NegateProduct, bool NegateAddend, bool AddsOld> void addHalf(Column &column, VectorFloatKind kind) {
  using O = FusedHalf<NegateProduct, NegateAddend, AddsOld>;
  column.set(kind, throughSingle < fusedLoop<O, false>, halfVs2 | halfVs1 | halfOld | halfResult >,
             throughSingle < fusedLoop<O, true>, halfVs2 | halfScalar | halfOld | halfResult >);
}

void addHalf(Column column) {
  addHalf<false, false, true>(column, Kind::Accumulate);
  addHalf<true, true, true>(column, Kind::NegatedAccumulate);
  addHalf<false, true, true>(column, Kind::AccumulateSubtracted);
  addHalf<true, false, true>(column, Kind::NegatedAccumulateSubtracted);
  addHalf<false, false, false>(column, Kind::MultiplyAdd);
  addHalf<true, true, false>(column, Kind::NegatedMultiplyAdd);
  addHalf<false, true, false>(column, Kind::MultiplySubtract);
  addHalf<true, false, false>(column, Kind::NegatedMultiplySubtract);
}

template <bool NegateProduct, bool NegateAddend> void addWideningHalf(Column &column, VectorFloatKind kind) {
  using O = Fused<Single, Single, NegateProduct, NegateAddend, true>;
  column.set(kind, throughSingle < fusedLoop<O, false>, halfVs2 | halfVs1 >, throughSingle < fusedLoop<O, true>,
             halfVs2 | halfScalar >);
}

void addWideningHalf(Column column) {
  addWideningHalf<false, false>(column, Kind::WidenAccumulate);
  addWideningHalf<true, true>(column, Kind::WidenNegatedAccumulate);
  addWideningHalf<false, true>(column, Kind::WidenAccumulateSubtracted);
  addWideningHalf<true, false>(column, Kind::WidenNegatedAccumulateSubtracted);
}

template <class W, class N> void addWidening(Column column) {
  add<Fused<W, N, false, false, true>>(column, Kind::WidenAccumulate);
  add<Fused<W, N, true, true, true>>(column, Kind::WidenNegatedAccumulate);
  add<Fused<W, N, false, true, true>>(column, Kind::WidenAccumulateSubtracted);
  add<Fused<W, N, true, false, true>>(column, Kind::WidenNegatedAccumulateSubtracted);
}

} // namespace

void addFusedLoops(VectorFloatLoopTable &table) {
  Column sew16(table, 1), sew32(table, 2), sew64(table, 3);
  addHalf(sew16);
  addSame<Single>(sew32);
  addSame<Double>(sew64);
  addWideningHalf(sew16);
  addWidening<Double, Single>(sew32);
  add<Fused<Single, BFloat, false, false, true>>(sew16, Kind::WidenAccumulateBFloat);
}

#else

void addFusedLoops(VectorFloatLoopTable &) {} // the host multiplies and adds with two roundings

#endif

} // namespace weft::iss::WEFT_VECTOR_TARGET
