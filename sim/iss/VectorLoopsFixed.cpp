// Fixed point: results that are rounded as vxrm says, or saturate.
#include "sim/iss/VectorLoopTemplates.h"

namespace weft::iss::WEFT_VECTOR_TARGET {
namespace {

enum Rounding { NearestUp = 0, NearestEven = 1, Down = 2, Odd = 3 };

/// What vxrm adds to `value >> shift`. `Bits` is the unsigned type of the value.
template <Rounding Mode, class Bits> inline Bits increment(Bits value, unsigned shift) {
  const Bits discarded = static_cast<Bits>(value & static_cast<Bits>((Bits{1} << shift) - 1));
  const Bits half = static_cast<Bits>((Bits{1} << shift) >> 1); // 0 if nothing is discarded
  const bool odd = (value >> shift) & 1;
  if constexpr (Mode == NearestUp)
    return (discarded & half) != 0;
  if constexpr (Mode == NearestEven)
    return (discarded > half) | ((discarded == half) & (half != 0) & odd);
  if constexpr (Mode == Odd)
    return (discarded != 0) & !odd;
  return 0;
}

/// Saturation of the element: apply() may set it to anything but 0. As wide as the result, so that a vector of results
/// goes with one vector of flags.
template <class F> using Flag = typename F::Destination;

template <class U> constexpr SignedOf<U> largest = static_cast<SignedOf<U>>(signBit<U> - 1);
template <class U> constexpr SignedOf<U> smallest = static_cast<SignedOf<U>>(signBit<U>);

template <class U> struct SaturatingAddU : Operation<U, U, U> {
  static U apply(U b, U a, U &saturated) {
    const U sum = b + a;
    const U carry = static_cast<U>(-static_cast<U>(sum < b));
    saturated = carry;
    return sum | carry;
  }
};
template <class U> struct SaturatingSubU : Operation<U, U, U> {
  static U apply(U b, U a, U &saturated) {
    saturated = b < a;
    return b < a ? 0 : static_cast<U>(b - a);
  }
};
/// The sign of vs2 tells which end it is.
template <class U> U clampFor(U b) { return static_cast<U>((b >> (bitsOf<U> - 1)) + static_cast<U>(largest<U>)); }
template <class U> struct SaturatingAdd : Operation<U, U, U> {
  static U apply(U b, U a, U &saturated) {
    const U sum = b + a;
    saturated = static_cast<U>((sum ^ b) & (sum ^ a)) >> (bitsOf<U> - 1);
    return saturated ? clampFor(b) : sum;
  }
};
template <class U> struct SaturatingSub : Operation<U, U, U> {
  static U apply(U b, U a, U &saturated) {
    const U difference = b - a;
    saturated = static_cast<U>((difference ^ b) & (b ^ a)) >> (bitsOf<U> - 1);
    return saturated ? clampFor(b) : difference;
  }
};

// Sums and differences of averages need one more bit. With halves first: (b + a) >> 1 is (b >> 1) + (a >> 1) and the
// carry of the low bits; the bit that is discarded is b ^ a, and the bit above it the result's lowest.
template <Rounding Mode> struct Halving {
  template <class T> static T round(T floor, T discarded) {
    if constexpr (Mode == NearestUp)
      return floor + discarded;
    if constexpr (Mode == NearestEven)
      return floor + (discarded & floor & 1);
    if constexpr (Mode == Odd)
      return floor | discarded;
    return floor;
  }
};
template <Rounding Mode> struct AveragingLoops {
  template <class U, class T> struct AddOf : Operation<T, T, T> {
    static T apply(T b, T a, T &) {
      const T floor = static_cast<T>(static_cast<U>(b >> 1) + static_cast<U>(a >> 1) + static_cast<U>(b & a & 1));
      return static_cast<T>(Halving<Mode>::template round<U>(static_cast<U>(floor), static_cast<U>((b ^ a) & 1)));
    }
  };
  template <class U, class T> struct SubOf : Operation<T, T, T> {
    static T apply(T b, T a, T &) { // borrows if the low bits are 0 - 1
      const T floor = static_cast<T>(static_cast<U>(b >> 1) - static_cast<U>(a >> 1) - static_cast<U>(~b & a & 1));
      return static_cast<T>(Halving<Mode>::template round<U>(static_cast<U>(floor), static_cast<U>((b ^ a) & 1)));
    }
  };
  template <class U> using AveragingAdd = AddOf<U, SignedOf<U>>;
  template <class U> using AveragingAddU = AddOf<U, U>;
  template <class U> using AveragingSub = SubOf<U, SignedOf<U>>;
  template <class U> using AveragingSubU = SubOf<U, U>;
};

template <Rounding Mode> struct ShiftingLoops {
  template <class U> struct ScalingShiftU : Operation<U, U, U> {
    static U apply(U b, U a, U &) {
      const unsigned shift = a & (bitsOf<U> - 1);
      return static_cast<U>((b >> shift) + increment<Mode>(b, shift));
    }
  };
  template <class U> struct ScalingShift : Operation<U, SignedOf<U>, U> {
    static U apply(SignedOf<U> b, U a, U &) {
      const unsigned shift = a & (bitsOf<U> - 1);
      return static_cast<U>(static_cast<U>(b >> shift) + increment<Mode>(static_cast<U>(b), shift));
    }
  };
  template <class U> struct SaturatingMultiply : Operation<U, SignedOf<U>, SignedOf<U>> {
    static U apply(SignedOf<U> b, SignedOf<U> a, U &saturated) {
      constexpr unsigned shift = bitsOf<U> - 1;
      const WideSignedOf<U> product = WideSignedOf<U>{b} * WideSignedOf<U>{a};
      const U rounded = static_cast<U>(static_cast<WideOf<U>>(product >> shift) +
                                       increment<Mode>(static_cast<WideOf<U>>(product), shift));
      saturated = (b == smallest<U>)&(a == smallest<U>); // the one product that does not fit
      return saturated ? static_cast<U>(largest<U>) : rounded;
    }
  };
  template <class U> struct NarrowClipU : Operation<U, WideOf<U>, U> {
    static U apply(WideOf<U> b, U a, U &saturated) {
      const unsigned shift = a & (2 * bitsOf<U> - 1);
      const WideOf<U> rounded = static_cast<WideOf<U>>((b >> shift) + increment<Mode>(b, shift));
      saturated = rounded > static_cast<U>(-1);
      return saturated ? static_cast<U>(-1) : static_cast<U>(rounded);
    }
  };
  template <class U> struct NarrowClip : Operation<U, WideSignedOf<U>, U> {
    static U apply(WideSignedOf<U> b, U a, U &saturated) {
      const unsigned shift = a & (2 * bitsOf<U> - 1);
      const WideSignedOf<U> rounded = static_cast<WideSignedOf<U>>(
          (b >> shift) + static_cast<WideSignedOf<U>>(increment<Mode>(static_cast<WideOf<U>>(b), shift)));
      saturated = (rounded > largest<U>) | (rounded < smallest<U>);
      return static_cast<U>(rounded > largest<U> ? largest<U> : rounded < smallest<U> ? smallest<U> : rounded);
    }
  };
};

template <class F, bool Scalar, bool Masked> bool eachSaturating(const VectorLoopOperands &operands) {
  using First = typename F::First;
  using Second = typename F::Second;
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2, *vs1 = operands.vs1;
  const uint8_t *mask = operands.mask;
  const First scalar = static_cast<First>(operands.scalar);
  const size_t count = operands.count;
  Flag<F> any = 0;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    Flag<F> saturated = 0;
    const First first = Scalar ? scalar : load<First>(vs1, i);
    store(destination, i, static_cast<Flag<F>>(F::apply(load<Second>(vs2, i), first, saturated)));
    any |= Masked ? static_cast<Flag<F>>(mask[i] ? saturated : 0) : saturated;
  }
  return any != 0;
}
template <class F, bool Scalar> bool saturating(const VectorLoopOperands &operands) {
  return operands.mask ? eachSaturating<F, Scalar, true>(operands) : eachSaturating<F, Scalar, false>(operands);
}

/// The four functions' loops in one, which asks vxrm once.
template <class Up, class Even, class Floor, class ToOdd, bool Scalar>
bool rounded(const VectorLoopOperands &operands) {
  switch (operands.rounding) {
  case NearestUp:
    return saturating<Up, Scalar>(operands);
  case NearestEven:
    return saturating<Even, Scalar>(operands);
  case Down:
    return saturating<Floor, Scalar>(operands);
  default:
    return saturating<ToOdd, Scalar>(operands);
  }
}

template <template <class> class F, class U>
void addSaturatingWidth(VectorLoopTable &table, VectorLoopKind kind, unsigned width) {
  auto &row = table.loops[static_cast<size_t>(kind)][width];
  row[0] = saturating<F<U>, false>;
  row[1] = saturating<F<U>, true>;
}
template <template <class> class F> void addSaturating(VectorLoopTable &table, VectorLoopKind kind) {
  addSaturatingWidth<F, uint8_t>(table, kind, 0);
  addSaturatingWidth<F, uint16_t>(table, kind, 1);
  addSaturatingWidth<F, uint32_t>(table, kind, 2);
  addSaturatingWidth<F, uint64_t>(table, kind, 3);
}

template <template <class> class Up, template <class> class Even, template <class> class Floor,
          template <class> class ToOdd, class U>
void addRoundedWidth(VectorLoopTable &table, VectorLoopKind kind, unsigned width) {
  auto &row = table.loops[static_cast<size_t>(kind)][width];
  row[0] = rounded<Up<U>, Even<U>, Floor<U>, ToOdd<U>, false>;
  row[1] = rounded<Up<U>, Even<U>, Floor<U>, ToOdd<U>, true>;
}
template <template <class> class Up, template <class> class Even, template <class> class Floor,
          template <class> class ToOdd>
void addRoundedHalf(VectorLoopTable &table, VectorLoopKind kind) {
  addRoundedWidth<Up, Even, Floor, ToOdd, uint8_t>(table, kind, 0);
  addRoundedWidth<Up, Even, Floor, ToOdd, uint16_t>(table, kind, 1);
  addRoundedWidth<Up, Even, Floor, ToOdd, uint32_t>(table, kind, 2);
}
template <template <class> class Up, template <class> class Even, template <class> class Floor,
          template <class> class ToOdd>
void addRounded(VectorLoopTable &table, VectorLoopKind kind) {
  addRoundedHalf<Up, Even, Floor, ToOdd>(table, kind);
  addRoundedWidth<Up, Even, Floor, ToOdd, uint64_t>(table, kind, 3);
}

// The four instances of a loop, one for each value of vxrm.
#define WEFT_AVERAGING(name)                                                                                           \
  AveragingLoops<NearestUp>::name, AveragingLoops<NearestEven>::name, AveragingLoops<Down>::name,                      \
      AveragingLoops<Odd>::name
#define WEFT_SHIFTING(name)                                                                                            \
  ShiftingLoops<NearestUp>::name, ShiftingLoops<NearestEven>::name, ShiftingLoops<Down>::name, ShiftingLoops<Odd>::name

} // namespace

void addFixedPointLoops(VectorLoopTable &table) {
  using Kind = VectorLoopKind;
  addSaturating<SaturatingAdd>(table, Kind::SaturatingAdd);
  addSaturating<SaturatingAddU>(table, Kind::SaturatingAddU);
  addSaturating<SaturatingSub>(table, Kind::SaturatingSub);
  addSaturating<SaturatingSubU>(table, Kind::SaturatingSubU);
  addRounded<WEFT_AVERAGING(AveragingAdd)>(table, Kind::AveragingAdd);
  addRounded<WEFT_AVERAGING(AveragingAddU)>(table, Kind::AveragingAddU);
  addRounded<WEFT_AVERAGING(AveragingSub)>(table, Kind::AveragingSub);
  addRounded<WEFT_AVERAGING(AveragingSubU)>(table, Kind::AveragingSubU);
  addRounded<WEFT_SHIFTING(SaturatingMultiply)>(table, Kind::SaturatingMultiply);
  addRounded<WEFT_SHIFTING(ScalingShift)>(table, Kind::ScalingShift);
  addRounded<WEFT_SHIFTING(ScalingShiftU)>(table, Kind::ScalingShiftU);
  addRoundedHalf<WEFT_SHIFTING(NarrowClip)>(table, Kind::NarrowClip);
  addRoundedHalf<WEFT_SHIFTING(NarrowClipU)>(table, Kind::NarrowClipU);
}

#undef WEFT_AVERAGING
#undef WEFT_SHIFTING

} // namespace weft::iss::WEFT_VECTOR_TARGET
