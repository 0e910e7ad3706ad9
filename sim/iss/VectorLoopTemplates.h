// How the loops of VectorLoops.h are made from what happens to one element. Only for files that weft_vector_sources
// compiles; everything here has internal linkage on purpose.
#pragma once

#include "sim/iss/VectorLoops.h"
#include "sim/iss/VectorTarget.h"

#include <cstring>

namespace weft::iss::WEFT_VECTOR_TARGET {
namespace {

template <class U> struct Types;
template <> struct Types<uint8_t> {
  using Signed = int8_t;
  using Wide = uint16_t;
  using WideSigned = int16_t;
};
template <> struct Types<uint16_t> {
  using Signed = int16_t;
  using Wide = uint32_t;
  using WideSigned = int32_t;
};
template <> struct Types<uint32_t> {
  using Signed = int32_t;
  using Wide = uint64_t;
  using WideSigned = int64_t;
};
template <> struct Types<uint64_t> {
  using Signed = int64_t;
  using Wide = unsigned __int128;
  using WideSigned = __int128;
};
template <class U> using SignedOf = typename Types<U>::Signed;
template <class U> using WideOf = typename Types<U>::Wide;
template <class U> using WideSignedOf = typename Types<U>::WideSigned;
template <class U> inline constexpr unsigned bitsOf = sizeof(U) * 8;
template <class U> inline constexpr U signBit = static_cast<U>(U{1} << (bitsOf<U> - 1));

template <class T> inline T load(const std::byte *bytes, size_t element) {
  T value;
  std::memcpy(&value, bytes + element * sizeof(T), sizeof(T));
  return value;
}
template <class T> inline void store(std::byte *bytes, size_t element, T value) {
  std::memcpy(bytes + element * sizeof(T), &value, sizeof(T));
}

/// What an operation derives from: its types, and what else than two operands apply() takes.
template <class DestinationType, class SecondType, class FirstType> struct Operation {
  using Destination = DestinationType;
  using Second = SecondType;               // of vs2
  using First = FirstType;                 // of vs1 and the scalar
  static constexpr bool readsOld = false;  // apply(old, second, first)
  static constexpr bool readsMask = false; // apply(second, first, mask)
};

template <class F, bool Scalar, bool Masked> bool eachElement(const VectorLoopOperands &operands) {
  using First = typename F::First;
  using Second = typename F::Second;
  using Destination = typename F::Destination;
  std::byte *destination = operands.destination;
  const std::byte *old = operands.old, *vs2 = operands.vs2, *vs1 = operands.vs1;
  const uint8_t *mask = operands.mask;
  const First scalar = static_cast<First>(operands.scalar);
  const size_t count = operands.count;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    const First first = Scalar ? scalar : load<First>(vs1, i);
    const Second second = load<Second>(vs2, i);
    if constexpr (F::readsOld)
      store(destination, i, static_cast<Destination>(F::apply(load<Destination>(old, i), second, first)));
    else if constexpr (F::readsMask)
      store(destination, i, static_cast<Destination>(F::apply(second, first, Masked ? mask[i] : uint8_t{0})));
    else
      store(destination, i, static_cast<Destination>(F::apply(second, first)));
  }
  return false;
}

template <class F, bool Scalar> bool elementwise(const VectorLoopOperands &operands) {
  if constexpr (F::readsMask)
    return operands.mask ? eachElement<F, Scalar, true>(operands) : eachElement<F, Scalar, false>(operands);
  return eachElement<F, Scalar, false>(operands);
}

template <template <class> class F, class U>
void addWidth(VectorLoopTable &table, VectorLoopKind kind, unsigned index) {
  auto &row = table.loops[static_cast<size_t>(kind)][index];
  row[0] = elementwise<F<U>, false>;
  row[1] = elementwise<F<U>, true>;
}

/// F for SEW 8, 16 and 32.
template <template <class> class F> void addHalf(VectorLoopTable &table, VectorLoopKind kind) {
  addWidth<F, uint8_t>(table, kind, 0);
  addWidth<F, uint16_t>(table, kind, 1);
  addWidth<F, uint32_t>(table, kind, 2);
}

/// F for every SEW.
template <template <class> class F> void addAll(VectorLoopTable &table, VectorLoopKind kind) {
  addHalf<F>(table, kind);
  addWidth<F, uint64_t>(table, kind, 3);
}

} // namespace
} // namespace weft::iss::WEFT_VECTOR_TARGET
