// Integer arithmetic, comparison, multiply-add and division on elements of one width.
#include "sim/iss/VectorLoopTemplates.h"

namespace weft::iss::WEFT_VECTOR_TARGET {
namespace {

template <class U> using Unsigned = Operation<U, U, U>;
template <class U> using Signed = Operation<SignedOf<U>, SignedOf<U>, SignedOf<U>>;
template <class U> struct Accumulating : Unsigned<U> {
  static constexpr bool readsOld = true;
};
template <class U> struct Selecting : Unsigned<U> {
  static constexpr bool readsMask = true;
};
/// Small types would be multiplied as int, where the product of two uint16_t overflows.
template <class U> U product(U a, U b) {
  using Safe = decltype(U{} + 0u);
  return static_cast<U>(Safe{a} * Safe{b});
}

template <class U> struct Add : Unsigned<U> {
  static U apply(U b, U a) { return b + a; }
};
template <class U> struct Sub : Unsigned<U> {
  static U apply(U b, U a) { return b - a; }
};
template <class U> struct ReverseSub : Unsigned<U> {
  static U apply(U b, U a) { return a - b; }
};
template <class U> struct And : Unsigned<U> {
  static U apply(U b, U a) { return b & a; }
};
template <class U> struct Or : Unsigned<U> {
  static U apply(U b, U a) { return b | a; }
};
template <class U> struct Xor : Unsigned<U> {
  static U apply(U b, U a) { return b ^ a; }
};
template <class U> struct MinU : Unsigned<U> {
  static U apply(U b, U a) { return b < a ? b : a; }
};
template <class U> struct MaxU : Unsigned<U> {
  static U apply(U b, U a) { return b > a ? b : a; }
};
template <class U> struct Min : Signed<U> {
  static SignedOf<U> apply(SignedOf<U> b, SignedOf<U> a) { return b < a ? b : a; }
};
template <class U> struct Max : Signed<U> {
  static SignedOf<U> apply(SignedOf<U> b, SignedOf<U> a) { return b > a ? b : a; }
};

template <class U> struct ShiftLeft : Unsigned<U> {
  static U apply(U b, U a) { return static_cast<U>(b << (a & (bitsOf<U> - 1))); }
};
template <class U> struct ShiftRight : Unsigned<U> {
  static U apply(U b, U a) { return static_cast<U>(b >> (a & (bitsOf<U> - 1))); }
};
template <class U> struct ShiftRightArithmetic : Operation<SignedOf<U>, SignedOf<U>, U> {
  static SignedOf<U> apply(SignedOf<U> b, U a) { return static_cast<SignedOf<U>>(b >> (a & (bitsOf<U> - 1))); }
};

template <class U> struct Multiply : Unsigned<U> {
  static U apply(U b, U a) { return product(b, a); }
};
template <class U> struct MultiplyHighU : Unsigned<U> {
  static U apply(U b, U a) { return static_cast<U>(product(WideOf<U>{b}, WideOf<U>{a}) >> bitsOf<U>); }
};
template <class U> struct MultiplyHigh : Signed<U> {
  static SignedOf<U> apply(SignedOf<U> b, SignedOf<U> a) {
    return static_cast<SignedOf<U>>((WideSignedOf<U>{b} * WideSignedOf<U>{a}) >> bitsOf<U>);
  }
};
template <class U> struct MultiplyHighSU : Operation<SignedOf<U>, SignedOf<U>, U> {
  static SignedOf<U> apply(SignedOf<U> b, U a) {
    return static_cast<SignedOf<U>>((WideSignedOf<U>{b} * static_cast<WideSignedOf<U>>(a)) >> bitsOf<U>);
  }
};

template <class U> struct DivideU : Unsigned<U> {
  static U apply(U b, U a) { return a == 0 ? static_cast<U>(-1) : b / a; }
};
template <class U> struct RemainderU : Unsigned<U> {
  static U apply(U b, U a) { return a == 0 ? b : b % a; }
};
template <class U> constexpr bool overflows(SignedOf<U> b, SignedOf<U> a) {
  return a == -1 && static_cast<U>(b) == signBit<U>;
}
template <class U> struct Divide : Signed<U> {
  static SignedOf<U> apply(SignedOf<U> b, SignedOf<U> a) { return a == 0 ? -1 : overflows<U>(b, a) ? b : b / a; }
};
template <class U> struct Remainder : Signed<U> {
  static SignedOf<U> apply(SignedOf<U> b, SignedOf<U> a) { return a == 0 ? b : overflows<U>(b, a) ? 0 : b % a; }
};

template <class U> struct Merge : Selecting<U> {
  static U apply(U b, U a, uint8_t mask) { return mask ? a : b; }
};
template <class U> struct AddCarry : Selecting<U> {
  static U apply(U b, U a, uint8_t carry) { return b + a + carry; }
};
template <class U> struct SubBorrow : Selecting<U> {
  static U apply(U b, U a, uint8_t borrow) { return b - a - borrow; }
};

template <class U> struct MultiplyAccumulate : Accumulating<U> {
  static U apply(U old, U b, U a) { return old + product(a, b); }
};
template <class U> struct NegateMultiplyAccumulate : Accumulating<U> {
  static U apply(U old, U b, U a) { return old - product(a, b); }
};
template <class U> struct MultiplyAdd : Accumulating<U> {
  static U apply(U old, U b, U a) { return product(a, old) + b; }
};
template <class U> struct NegateMultiplyAdd : Accumulating<U> {
  static U apply(U old, U b, U a) { return b - product(a, old); }
};

template <class U> using CompareUnsigned = Operation<uint8_t, U, U>;
template <class U> using CompareSigned = Operation<uint8_t, SignedOf<U>, SignedOf<U>>;
template <class U> struct Equal : CompareUnsigned<U> {
  static uint8_t apply(U b, U a) { return b == a; }
};
template <class U> struct NotEqual : CompareUnsigned<U> {
  static uint8_t apply(U b, U a) { return b != a; }
};
template <class U> struct LessU : CompareUnsigned<U> {
  static uint8_t apply(U b, U a) { return b < a; }
};
template <class U> struct LessEqualU : CompareUnsigned<U> {
  static uint8_t apply(U b, U a) { return b <= a; }
};
template <class U> struct GreaterU : CompareUnsigned<U> {
  static uint8_t apply(U b, U a) { return b > a; }
};
template <class U> struct Less : CompareSigned<U> {
  static uint8_t apply(SignedOf<U> b, SignedOf<U> a) { return b < a; }
};
template <class U> struct LessEqual : CompareSigned<U> {
  static uint8_t apply(SignedOf<U> b, SignedOf<U> a) { return b <= a; }
};
template <class U> struct Greater : CompareSigned<U> {
  static uint8_t apply(SignedOf<U> b, SignedOf<U> a) { return b > a; }
};
template <class U> struct CarryOut : CompareUnsigned<U> {
  static constexpr bool readsMask = true;
  static uint8_t apply(U b, U a, uint8_t carry) {
    const U sum = b + a;
    return (sum < b) | static_cast<uint8_t>(static_cast<U>(sum + carry) < sum);
  }
};
template <class U> struct BorrowOut : CompareUnsigned<U> {
  static constexpr bool readsMask = true;
  static uint8_t apply(U b, U a, uint8_t borrow) { return (b < a) | ((b == a) & borrow); }
};

/// vs2 is not there.
template <class U, bool Scalar> bool move(const VectorLoopOperands &operands) {
  if constexpr (!Scalar) {
    std::memmove(operands.destination, operands.vs1, operands.count * sizeof(U));
  } else {
    const U value = static_cast<U>(operands.scalar);
    for (size_t i = 0; i < operands.count; ++i)
      store<U>(operands.destination, i, value);
  }
  return false;
}
template <class U> bool index(const VectorLoopOperands &operands) {
  U value = static_cast<U>(operands.scalar);
  for (size_t i = 0; i < operands.count; ++i)
    store<U>(operands.destination, i, static_cast<U>(value + i));
  return false;
}
template <class U> void addMoves(VectorLoopTable &table, unsigned width) {
  auto &row = table.loops[static_cast<size_t>(VectorLoopKind::Move)][width];
  row[0] = move<U, false>;
  row[1] = move<U, true>;
  table.loops[static_cast<size_t>(VectorLoopKind::Index)][width][1] = index<U>;
}

} // namespace

void addArithmeticLoops(VectorLoopTable &table) {
  using Kind = VectorLoopKind;
  addAll<Add>(table, Kind::Add);
  addAll<Sub>(table, Kind::Sub);
  addAll<ReverseSub>(table, Kind::ReverseSub);
  addAll<MinU>(table, Kind::MinU);
  addAll<Min>(table, Kind::Min);
  addAll<MaxU>(table, Kind::MaxU);
  addAll<Max>(table, Kind::Max);
  addAll<And>(table, Kind::And);
  addAll<Or>(table, Kind::Or);
  addAll<Xor>(table, Kind::Xor);
  addAll<ShiftLeft>(table, Kind::ShiftLeft);
  addAll<ShiftRight>(table, Kind::ShiftRight);
  addAll<ShiftRightArithmetic>(table, Kind::ShiftRightArithmetic);
  addAll<Multiply>(table, Kind::Multiply);
  addAll<MultiplyHigh>(table, Kind::MultiplyHigh);
  addAll<MultiplyHighU>(table, Kind::MultiplyHighU);
  addAll<MultiplyHighSU>(table, Kind::MultiplyHighSU);
  addAll<Divide>(table, Kind::Divide);
  addAll<DivideU>(table, Kind::DivideU);
  addAll<Remainder>(table, Kind::Remainder);
  addAll<RemainderU>(table, Kind::RemainderU);
  addAll<Merge>(table, Kind::Merge);
  addAll<AddCarry>(table, Kind::AddCarry);
  addAll<SubBorrow>(table, Kind::SubBorrow);
  addAll<MultiplyAccumulate>(table, Kind::MultiplyAccumulate);
  addAll<MultiplyAdd>(table, Kind::MultiplyAdd);
  addAll<NegateMultiplyAccumulate>(table, Kind::NegateMultiplyAccumulate);
  addAll<NegateMultiplyAdd>(table, Kind::NegateMultiplyAdd);
  addAll<Equal>(table, Kind::Equal);
  addAll<NotEqual>(table, Kind::NotEqual);
  addAll<Less>(table, Kind::Less);
  addAll<LessU>(table, Kind::LessU);
  addAll<LessEqual>(table, Kind::LessEqual);
  addAll<LessEqualU>(table, Kind::LessEqualU);
  addAll<Greater>(table, Kind::Greater);
  addAll<GreaterU>(table, Kind::GreaterU);
  addAll<CarryOut>(table, Kind::CarryOut);
  addAll<BorrowOut>(table, Kind::BorrowOut);
  addMoves<uint8_t>(table, 0);
  addMoves<uint16_t>(table, 1);
  addMoves<uint32_t>(table, 2);
  addMoves<uint64_t>(table, 3);
}

} // namespace weft::iss::WEFT_VECTOR_TARGET
