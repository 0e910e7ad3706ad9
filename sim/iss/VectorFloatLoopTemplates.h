// How the fast loops of VectorFloatLoops.h are made. Only for files that weft_vector_sources compiles; everything here
// has internal linkage on purpose.
//
// The host's floating-point unit gathers flags, so that no operation may be done that the guest does not do: there are
// no masks here, and nothing is compared in floating point but results with themselves. Compilers assume that nobody
// looks at flags; they may leave out or reorder operations of these loops, which changes no flag, but not add any: the
// tests compare every loop, flags and all, with VectorFloatSoft.cpp.
#pragma once

#include "sim/iss/FloatFormat.h"
#include "sim/iss/VectorFloatLoops.h"
#include "sim/iss/VectorTarget.h"

#include <cstring>
#include <type_traits>

namespace weft::iss::WEFT_VECTOR_TARGET {
namespace {

constexpr uint8_t invalidFlag = 16; // FloatFlag::Invalid; its header has inline functions

template <class T> inline T load(const std::byte *bytes, size_t element) {
  T value;
  std::memcpy(&value, bytes + element * sizeof(T), sizeof(T));
  return value;
}
template <class T> inline void store(std::byte *bytes, size_t element, T value) {
  std::memcpy(bytes + element * sizeof(T), &value, sizeof(T));
}

/// How the host computes with numbers of a format: read() gives what it computes with, write() the bits of a result.
template <class F> struct Host;

template <> struct Host<Single> {
  using Value = float;
  static Value read(uint32_t bits) { return __builtin_bit_cast(float, bits); }
  static uint32_t write(Value value) {
    return value != value ? Single::canonicalNan : __builtin_bit_cast(uint32_t, value);
  }
};

template <> struct Host<Double> {
  using Value = double;
  static Value read(uint64_t bits) { return __builtin_bit_cast(double, bits); }
  static uint64_t write(Value value) {
    return value != value ? Double::canonicalNan : __builtin_bit_cast(uint64_t, value);
  }
};

#if defined(__FMA__) && defined(__F16C__)
#define WEFT_HOST_FUSES 1
#endif

/// What an operation derives from. apply() takes bits, or what Host::read() gives.
template <class DestinationType, class SecondType, class FirstType = void> struct Operation {
  using Destination = DestinationType;
  using Second = SecondType;
  using First = FirstType;
};

template <class O, bool Scalar> uint8_t binaryLoop(const VectorLoopOperands &operands) {
  using First = typename O::First;
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2, *vs1 = operands.vs1;
  const auto scalar = static_cast<First>(operands.scalar);
  const size_t count = operands.count;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i)
    store(destination, i, O::apply(load<typename O::Second>(vs2, i), Scalar ? scalar : load<First>(vs1, i)));
  return 0;
}

template <class O> uint8_t unaryLoop(const VectorLoopOperands &operands) {
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2;
  const size_t count = operands.count;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i)
    store(destination, i, O::apply(load<typename O::Second>(vs2, i)));
  return 0;
}

/// Operations in integers say themselves what is invalid: invalid() is not 0.
template <class O, bool Scalar> uint8_t checkedLoop(const VectorLoopOperands &operands) {
  using First = typename O::First;
  using Second = typename O::Second;
  std::byte *destination = operands.destination;
  const std::byte *vs2 = operands.vs2, *vs1 = operands.vs1;
  const auto scalar = static_cast<First>(operands.scalar);
  const size_t count = operands.count;
  Second invalid = 0;
  WEFT_INDEPENDENT_ELEMENTS
  for (size_t i = 0; i < count; ++i) {
    const Second second = load<Second>(vs2, i);
    const First first = Scalar ? scalar : load<First>(vs1, i);
    invalid |= O::invalid(second, first);
    store(destination, i, O::apply(second, first));
  }
  return invalid != 0 ? invalidFlag : 0;
}

template <class F> inline bool isNan(BitsOf<F> a) { return (a & F::magnitude) > F::infinity; }
template <class F> inline bool isSignalling(BitsOf<F> a) { return isNan<F>(a) && !(a & F::quiet); }

/// Sets the entries of a table for one SEW.
class Column {
public:
  Column(VectorFloatLoopTable &table, unsigned sewBytesLog2) : table(table), index(sewBytesLog2) {}

  void set(VectorFloatKind kind, VectorFloatLoop vector, VectorFloatLoop scalar = nullptr) {
    auto &row = table.loops[static_cast<size_t>(kind)][index];
    row[0] = vector;
    row[1] = scalar;
  }
  template <class O> void binary(VectorFloatKind kind) { set(kind, binaryLoop<O, false>, binaryLoop<O, true>); }
  template <class O> void checked(VectorFloatKind kind) { set(kind, checkedLoop<O, false>, checkedLoop<O, true>); }
  template <class O> void unary(VectorFloatKind kind) { set(kind, unaryLoop<O>); }

private:
  VectorFloatLoopTable &table;
  unsigned index;
};

} // namespace
} // namespace weft::iss::WEFT_VECTOR_TARGET
