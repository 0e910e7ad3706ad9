// What scalar integer instructions compute, once: the executors and the fast dispatcher are both made from these lists.
#pragma once

#include <cstdint>
#include <limits>

namespace weft::iss::scalar {

using Signed = int64_t;
using Unsigned = uint64_t;

constexpr Unsigned extendWord(Unsigned value) { return static_cast<Unsigned>(static_cast<int32_t>(value)); }

// clang-format off
constexpr Unsigned add(Unsigned a, Unsigned b) { return a + b; }
constexpr Unsigned sub(Unsigned a, Unsigned b) { return a - b; }
constexpr Unsigned sll(Unsigned a, Unsigned b) { return a << (b & 63); }
constexpr Unsigned srl(Unsigned a, Unsigned b) { return a >> (b & 63); }
constexpr Unsigned sra(Unsigned a, Unsigned b) { return static_cast<Unsigned>(static_cast<Signed>(a) >> (b & 63)); }
constexpr Unsigned slt(Unsigned a, Unsigned b) { return static_cast<Signed>(a) < static_cast<Signed>(b); }
constexpr Unsigned sltu(Unsigned a, Unsigned b) { return a < b; }
constexpr Unsigned bitXor(Unsigned a, Unsigned b) { return a ^ b; }
constexpr Unsigned bitOr(Unsigned a, Unsigned b) { return a | b; }
constexpr Unsigned bitAnd(Unsigned a, Unsigned b) { return a & b; }
constexpr Unsigned addw(Unsigned a, Unsigned b) { return extendWord(a + b); }
constexpr Unsigned subw(Unsigned a, Unsigned b) { return extendWord(a - b); }
constexpr Unsigned sllw(Unsigned a, Unsigned b) { return extendWord(static_cast<uint32_t>(a) << (b & 31)); }
constexpr Unsigned srlw(Unsigned a, Unsigned b) { return extendWord(static_cast<uint32_t>(a) >> (b & 31)); }
constexpr Unsigned sraw(Unsigned a, Unsigned b) { return static_cast<Unsigned>(static_cast<int32_t>(a) >> (b & 31)); }
// clang-format on

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

constexpr Unsigned mul(Unsigned a, Unsigned b) { return a * b; }
constexpr Unsigned mulw(Unsigned a, Unsigned b) { return extendWord(a * b); }
constexpr Unsigned mulh(Unsigned a, Unsigned b) {
  return static_cast<Unsigned>((Wide{static_cast<Signed>(a)} * static_cast<Signed>(b)) >> 64);
}
constexpr Unsigned mulhu(Unsigned a, Unsigned b) { return static_cast<Unsigned>((UnsignedWide{a} * b) >> 64); }
constexpr Unsigned mulhsu(Unsigned a, Unsigned b) { return mulhu(a, b) - (static_cast<Signed>(a) < 0 ? b : 0); }

// Division by zero gives all ones and leaves the dividend as remainder; the one overflow gives the dividend and 0.
template <typename T> constexpr T quotient(T a, T b) {
  if (b == 0)
    return static_cast<T>(-1);
  if (std::numeric_limits<T>::is_signed && a == std::numeric_limits<T>::min() && b == static_cast<T>(-1))
    return a;
  return a / b;
}
template <typename T> constexpr T remainder(T a, T b) {
  if (b == 0)
    return a;
  if (std::numeric_limits<T>::is_signed && a == std::numeric_limits<T>::min() && b == static_cast<T>(-1))
    return 0;
  return a % b;
}
// clang-format off
constexpr Unsigned div(Unsigned a, Unsigned b) { return static_cast<Unsigned>(quotient<Signed>(static_cast<Signed>(a), static_cast<Signed>(b))); }
constexpr Unsigned divu(Unsigned a, Unsigned b) { return quotient<Unsigned>(a, b); }
constexpr Unsigned rem(Unsigned a, Unsigned b) { return static_cast<Unsigned>(remainder<Signed>(static_cast<Signed>(a), static_cast<Signed>(b))); }
constexpr Unsigned remu(Unsigned a, Unsigned b) { return remainder<Unsigned>(a, b); }
constexpr Unsigned divw(Unsigned a, Unsigned b) { return static_cast<Unsigned>(quotient<int32_t>(static_cast<int32_t>(a), static_cast<int32_t>(b))); }
constexpr Unsigned divuw(Unsigned a, Unsigned b) { return extendWord(quotient<uint32_t>(static_cast<uint32_t>(a), static_cast<uint32_t>(b))); }
constexpr Unsigned remw(Unsigned a, Unsigned b) { return static_cast<Unsigned>(remainder<int32_t>(static_cast<int32_t>(a), static_cast<int32_t>(b))); }
constexpr Unsigned remuw(Unsigned a, Unsigned b) { return extendWord(remainder<uint32_t>(static_cast<uint32_t>(a), static_cast<uint32_t>(b))); }

constexpr bool equal(Unsigned a, Unsigned b) { return a == b; }
constexpr bool notEqual(Unsigned a, Unsigned b) { return a != b; }
constexpr bool less(Unsigned a, Unsigned b) { return static_cast<Signed>(a) < static_cast<Signed>(b); }
constexpr bool notLess(Unsigned a, Unsigned b) { return static_cast<Signed>(a) >= static_cast<Signed>(b); }
constexpr bool below(Unsigned a, Unsigned b) { return a < b; }
constexpr bool notBelow(Unsigned a, Unsigned b) { return a >= b; }
// clang-format on

// rd = f(rs1, rs2)
#define WEFT_SCALAR_REGISTER(X)                                                                                        \
  X(ADD, add)                                                                                                          \
  X(SUB, sub)                                                                                                          \
  X(SLL, sll)                                                                                                          \
  X(SLT, slt)                                                                                                          \
  X(SLTU, sltu)                                                                                                        \
  X(XOR, bitXor)                                                                                                       \
  X(SRL, srl)                                                                                                          \
  X(SRA, sra)                                                                                                          \
  X(OR, bitOr)                                                                                                         \
  X(AND, bitAnd)                                                                                                       \
  X(ADDW, addw)                                                                                                        \
  X(SUBW, subw)                                                                                                        \
  X(SLLW, sllw)                                                                                                        \
  X(SRLW, srlw)                                                                                                        \
  X(SRAW, sraw)                                                                                                        \
  X(MUL, mul)                                                                                                          \
  X(MULH, mulh)                                                                                                        \
  X(MULHSU, mulhsu)                                                                                                    \
  X(MULHU, mulhu)                                                                                                      \
  X(DIV, div)                                                                                                          \
  X(DIVU, divu)                                                                                                        \
  X(REM, rem)                                                                                                          \
  X(REMU, remu)                                                                                                        \
  X(MULW, mulw)                                                                                                        \
  X(DIVW, divw)                                                                                                        \
  X(DIVUW, divuw)                                                                                                      \
  X(REMW, remw)                                                                                                        \
  X(REMUW, remuw)

// rd = f(rs1, immediate)
#define WEFT_SCALAR_IMMEDIATE(X)                                                                                       \
  X(ADDI, add)                                                                                                         \
  X(SLTI, slt)                                                                                                         \
  X(SLTIU, sltu)                                                                                                       \
  X(XORI, bitXor)                                                                                                      \
  X(ORI, bitOr)                                                                                                        \
  X(ANDI, bitAnd)                                                                                                      \
  X(SLLI, sll)                                                                                                         \
  X(SRLI, srl)                                                                                                         \
  X(SRAI, sra)                                                                                                         \
  X(ADDIW, addw)                                                                                                       \
  X(SLLIW, sllw)                                                                                                       \
  X(SRLIW, srlw)                                                                                                       \
  X(SRAIW, sraw)

#define WEFT_SCALAR_BRANCH(X)                                                                                          \
  X(BEQ, equal)                                                                                                        \
  X(BNE, notEqual)                                                                                                     \
  X(BLT, less)                                                                                                         \
  X(BGE, notLess)                                                                                                      \
  X(BLTU, below)                                                                                                       \
  X(BGEU, notBelow)

// The type read, extended to 64 bits as its sign says.
#define WEFT_SCALAR_LOAD(X)                                                                                            \
  X(LB, int8_t)                                                                                                        \
  X(LH, int16_t)                                                                                                       \
  X(LW, int32_t)                                                                                                       \
  X(LD, int64_t)                                                                                                       \
  X(LBU, uint8_t)                                                                                                      \
  X(LHU, uint16_t)                                                                                                     \
  X(LWU, uint32_t)

#define WEFT_SCALAR_STORE(X)                                                                                           \
  X(SB, uint8_t)                                                                                                       \
  X(SH, uint16_t)                                                                                                      \
  X(SW, uint32_t)                                                                                                      \
  X(SD, uint64_t)

} // namespace weft::iss::scalar
