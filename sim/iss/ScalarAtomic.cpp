// The A extension on one hart: what is atomic is so by nature. Misaligned accesses trap.
#include "sim/iss/Executors.h"
#include "sim/iss/Hart.h"

#include <algorithm>
#include <cstring>

using namespace weft::iss;

namespace {

template <typename T> uint64_t extend(T value) {
  return static_cast<uint64_t>(static_cast<int64_t>(static_cast<std::make_signed_t<T>>(value)));
}

template <typename T> bool loadReserved(Hart &hart, const Op &op) {
  uint64_t address = hart.x[op.rs1];
  if (address % sizeof(T))
    return hart.fail(Cause::LoadMisaligned, address);
  const std::byte *from = hart.memory->find(address, sizeof(T), Memory::Read);
  if (!from)
    return hart.fail(Cause::LoadFault, address);
  T value;
  std::memcpy(&value, from, sizeof value);
  hart.reservation = address;
  hart.x[op.rd] = extend(value);
  return true;
}

/// Host address of an aligned value that may be read and written; null after a trap.
template <typename T> std::byte *writable(Hart &hart, const Op &op) {
  uint64_t address = hart.x[op.rs1];
  if (address % sizeof(T)) {
    hart.fail(Cause::StoreMisaligned, address);
    return nullptr;
  }
  std::byte *at = hart.memory->find(address, sizeof(T), Memory::Write);
  if (!at)
    hart.fail(Cause::StoreFault, address);
  return at;
}

template <typename T> bool storeConditional(Hart &hart, const Op &op) {
  std::byte *at = writable<T>(hart, op);
  if (!at)
    return false;
  bool holds = hart.reservation == hart.x[op.rs1];
  hart.reservation = Hart::noReservation;
  if (holds) {
    T value = static_cast<T>(hart.x[op.rs2]);
    std::memcpy(at, &value, sizeof value);
  }
  hart.x[op.rd] = !holds;
  return true;
}

template <typename T, auto combine> bool modify(Hart &hart, const Op &op) {
  std::byte *at = writable<T>(hart, op);
  if (!at)
    return false;
  T before;
  std::memcpy(&before, at, sizeof before);
  T after = static_cast<T>(combine(before, static_cast<T>(hart.x[op.rs2])));
  std::memcpy(at, &after, sizeof after);
  hart.x[op.rd] = extend(before);
  return true;
}

// clang-format off
template <typename T> T swapped(T, T operand) { return operand; }
template <typename T> T sum(T a, T b) { return a + b; }
template <typename T> T exclusiveOr(T a, T b) { return a ^ b; }
template <typename T> T conjunction(T a, T b) { return a & b; }
template <typename T> T disjunction(T a, T b) { return a | b; }
template <typename T> T smaller(T a, T b) { return std::min(a, b); }
template <typename T> T larger(T a, T b) { return std::max(a, b); }
// clang-format on

} // namespace

#define WEFT_WIDTH(suffix, U, S)                                                                                       \
  case Opcode::LR_##suffix:                                                                                            \
    return loadReserved<U>;                                                                                            \
  case Opcode::SC_##suffix:                                                                                            \
    return storeConditional<U>;                                                                                        \
  case Opcode::AMOSWAP_##suffix:                                                                                       \
    return modify<U, swapped<U>>;                                                                                      \
  case Opcode::AMOADD_##suffix:                                                                                        \
    return modify<U, sum<U>>;                                                                                          \
  case Opcode::AMOXOR_##suffix:                                                                                        \
    return modify<U, exclusiveOr<U>>;                                                                                  \
  case Opcode::AMOAND_##suffix:                                                                                        \
    return modify<U, conjunction<U>>;                                                                                  \
  case Opcode::AMOOR_##suffix:                                                                                         \
    return modify<U, disjunction<U>>;                                                                                  \
  case Opcode::AMOMIN_##suffix:                                                                                        \
    return modify<S, smaller<S>>;                                                                                      \
  case Opcode::AMOMAX_##suffix:                                                                                        \
    return modify<S, larger<S>>;                                                                                       \
  case Opcode::AMOMINU_##suffix:                                                                                       \
    return modify<U, smaller<U>>;                                                                                      \
  case Opcode::AMOMAXU_##suffix:                                                                                       \
    return modify<U, larger<U>>;

Execute weft::iss::atomicExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_WIDTH(W, uint32_t, int32_t)
    WEFT_WIDTH(D, uint64_t, int64_t)
  default:
    return nullptr;
  }
}
#undef WEFT_WIDTH
