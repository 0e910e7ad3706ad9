// Integer loops whose operands and results differ in width, and reductions.
#include "sim/iss/VectorLoopTemplates.h"

namespace weft::iss::WEFT_VECTOR_TARGET {
namespace {

// A wide result never overflows its type when it is computed as unsigned: operands are extended as they ask, then
// wrap round.
template <class U, class T> WideOf<U> extend(T value) { return static_cast<WideOf<U>>(value); }
template <class W> W product(W a, W b) {
  using Safe = decltype(W{} + 0u);
  return static_cast<W>(Safe{a} * Safe{b});
}

template <class U, class Second, class First> struct WidenAddOf : Operation<WideOf<U>, Second, First> {
  static WideOf<U> apply(Second b, First a) { return extend<U>(b) + extend<U>(a); }
};
template <class U, class Second, class First> struct WidenSubOf : Operation<WideOf<U>, Second, First> {
  static WideOf<U> apply(Second b, First a) { return extend<U>(b) - extend<U>(a); }
};
template <class U> using WidenAddU = WidenAddOf<U, U, U>;
template <class U> using WidenAdd = WidenAddOf<U, SignedOf<U>, SignedOf<U>>;
template <class U> using WidenSubU = WidenSubOf<U, U, U>;
template <class U> using WidenSub = WidenSubOf<U, SignedOf<U>, SignedOf<U>>;
template <class U> using WideAddU = WidenAddOf<U, WideOf<U>, U>;
template <class U> using WideAdd = WidenAddOf<U, WideOf<U>, SignedOf<U>>;
template <class U> using WideSubU = WidenSubOf<U, WideOf<U>, U>;
template <class U> using WideSub = WidenSubOf<U, WideOf<U>, SignedOf<U>>;

template <class U, class Second, class First> struct WidenMultiplyOf : Operation<WideOf<U>, Second, First> {
  static WideOf<U> apply(Second b, First a) { return product(extend<U>(b), extend<U>(a)); }
};
template <class U> using WidenMultiplyU = WidenMultiplyOf<U, U, U>;
template <class U> using WidenMultiply = WidenMultiplyOf<U, SignedOf<U>, SignedOf<U>>;
template <class U> using WidenMultiplySU = WidenMultiplyOf<U, SignedOf<U>, U>; // vs2 signed

template <class U, class Second, class First> struct WidenAccumulateOf : Operation<WideOf<U>, Second, First> {
  static constexpr bool readsOld = true;
  static WideOf<U> apply(WideOf<U> old, Second b, First a) { return old + product(extend<U>(b), extend<U>(a)); }
};
template <class U> using WidenAccumulateU = WidenAccumulateOf<U, U, U>;
template <class U> using WidenAccumulate = WidenAccumulateOf<U, SignedOf<U>, SignedOf<U>>;
template <class U> using WidenAccumulateSU = WidenAccumulateOf<U, U, SignedOf<U>>; // vs1, rs1 signed
template <class U> using WidenAccumulateUS = WidenAccumulateOf<U, SignedOf<U>, U>; // vs2 signed

template <class U> struct NarrowShift : Operation<U, WideOf<U>, U> {
  static U apply(WideOf<U> b, U a) { return static_cast<U>(b >> (a & (2 * bitsOf<U> - 1))); }
};
template <class U> struct NarrowShiftArithmetic : Operation<U, WideSignedOf<U>, U> {
  static U apply(WideSignedOf<U> b, U a) { return static_cast<U>(b >> (a & (2 * bitsOf<U> - 1))); }
};

template <class Destination, class Source> bool extendLoop(const VectorLoopOperands &operands) {
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2;
  const size_t count = operands.count;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i)
    store(destination, i, static_cast<Destination>(load<Source>(vs2, i)));
  return false;
}
template <class Destination, class Source>
void addExtension(VectorLoopTable &table, VectorLoopKind zero, VectorLoopKind sign, unsigned width) {
  table.loops[static_cast<size_t>(zero)][width][0] = extendLoop<Destination, Source>;
  table.loops[static_cast<size_t>(sign)][width][0] = extendLoop<Destination, SignedOf<Source>>;
}

// Reductions. `F::identity` leaves the other operand as it is.
template <class U> struct ReduceSum {
  using Element = U;
  using Result = U;
  static constexpr U identity = 0;
  static U apply(U a, U b) { return a + b; }
};
template <class U> struct ReduceAnd {
  using Element = U;
  using Result = U;
  static constexpr U identity = static_cast<U>(-1);
  static U apply(U a, U b) { return a & b; }
};
template <class U> struct ReduceOr : ReduceSum<U> {
  static U apply(U a, U b) { return a | b; }
};
template <class U> struct ReduceXor : ReduceSum<U> {
  static U apply(U a, U b) { return a ^ b; }
};
template <class U> struct ReduceMaxU : ReduceSum<U> {
  static U apply(U a, U b) { return a > b ? a : b; }
};
template <class U> struct ReduceMinU : ReduceAnd<U> {
  static U apply(U a, U b) { return a < b ? a : b; }
};
template <class U> struct ReduceMax {
  using Element = SignedOf<U>;
  using Result = SignedOf<U>;
  static constexpr Result identity = static_cast<Result>(signBit<U>);
  static Result apply(Result a, Result b) { return a > b ? a : b; }
};
template <class U> struct ReduceMin : ReduceMax<U> {
  using Result = SignedOf<U>;
  static constexpr Result identity = static_cast<Result>(signBit<U> - 1);
  static Result apply(Result a, Result b) { return a < b ? a : b; }
};
template <class U> struct WidenReduceSumU {
  using Element = U;
  using Result = WideOf<U>;
  static constexpr Result identity = 0;
  static Result apply(Result a, Result b) { return a + b; }
};
template <class U> struct WidenReduceSum : WidenReduceSumU<U> {
  using Element = SignedOf<U>;
};

template <class F> bool reduce(const VectorLoopOperands &operands) {
  using Result = typename F::Result;
  using Element = typename F::Element;
  Result result = static_cast<Result>(operands.scalar);
  const std::byte *vs2 = operands.vs2;
  const uint8_t *mask = operands.mask;
  const size_t count = operands.count;
  if (mask) {
    for (size_t i = 0; i < count; ++i) {
      const Result value = static_cast<Result>(load<Element>(vs2, i));
      result = F::apply(result, mask[i] ? value : F::identity);
    }
  } else {
    for (size_t i = 0; i < count; ++i)
      result = F::apply(result, static_cast<Result>(load<Element>(vs2, i)));
  }
  store(operands.destination, 0, result);
  return false;
}
template <template <class> class F>
void addReduction(VectorLoopTable &table, VectorLoopKind kind, bool widens = false) {
  auto &rows = table.loops[static_cast<size_t>(kind)];
  rows[0][0] = reduce<F<uint8_t>>;
  rows[1][0] = reduce<F<uint16_t>>;
  rows[2][0] = reduce<F<uint32_t>>;
  if (!widens)
    rows[3][0] = reduce<F<uint64_t>>;
}

} // namespace

void addWideningLoops(VectorLoopTable &table) {
  using Kind = VectorLoopKind;
  addHalf<WidenAdd>(table, Kind::WidenAdd);
  addHalf<WidenAddU>(table, Kind::WidenAddU);
  addHalf<WidenSub>(table, Kind::WidenSub);
  addHalf<WidenSubU>(table, Kind::WidenSubU);
  addHalf<WideAdd>(table, Kind::WideAdd);
  addHalf<WideAddU>(table, Kind::WideAddU);
  addHalf<WideSub>(table, Kind::WideSub);
  addHalf<WideSubU>(table, Kind::WideSubU);
  addHalf<WidenMultiply>(table, Kind::WidenMultiply);
  addHalf<WidenMultiplyU>(table, Kind::WidenMultiplyU);
  addHalf<WidenMultiplySU>(table, Kind::WidenMultiplySU);
  addHalf<WidenAccumulate>(table, Kind::WidenAccumulate);
  addHalf<WidenAccumulateU>(table, Kind::WidenAccumulateU);
  addHalf<WidenAccumulateSU>(table, Kind::WidenAccumulateSU);
  addHalf<WidenAccumulateUS>(table, Kind::WidenAccumulateUS);
  addHalf<NarrowShift>(table, Kind::NarrowShift);
  addHalf<NarrowShiftArithmetic>(table, Kind::NarrowShiftArithmetic);
  addExtension<uint16_t, uint8_t>(table, Kind::ZeroExtend2, Kind::SignExtend2, 1);
  addExtension<uint32_t, uint16_t>(table, Kind::ZeroExtend2, Kind::SignExtend2, 2);
  addExtension<uint64_t, uint32_t>(table, Kind::ZeroExtend2, Kind::SignExtend2, 3);
  addExtension<uint32_t, uint8_t>(table, Kind::ZeroExtend4, Kind::SignExtend4, 2);
  addExtension<uint64_t, uint16_t>(table, Kind::ZeroExtend4, Kind::SignExtend4, 3);
  addExtension<uint64_t, uint8_t>(table, Kind::ZeroExtend8, Kind::SignExtend8, 3);
  addReduction<ReduceSum>(table, Kind::ReduceSum);
  addReduction<ReduceAnd>(table, Kind::ReduceAnd);
  addReduction<ReduceOr>(table, Kind::ReduceOr);
  addReduction<ReduceXor>(table, Kind::ReduceXor);
  addReduction<ReduceMin>(table, Kind::ReduceMin);
  addReduction<ReduceMinU>(table, Kind::ReduceMinU);
  addReduction<ReduceMax>(table, Kind::ReduceMax);
  addReduction<ReduceMaxU>(table, Kind::ReduceMaxU);
  addReduction<WidenReduceSum>(table, Kind::WidenReduceSum, true);
  addReduction<WidenReduceSumU>(table, Kind::WidenReduceSumU, true);
}

} // namespace weft::iss::WEFT_VECTOR_TARGET
