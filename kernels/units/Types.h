// The vocabulary of unit descriptions: what operands hold, where an encoding has them. Descriptions (YAML), the tables
// generated from them and all that reads those tables speak with these words.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weft::units {

/// Where a unit sits and with what it works.
enum class Kind : uint8_t {
  Vector, // beside the vector unit: instructions on vector registers
  Scalar, // beside the scalar core: instructions on x registers, control and status registers
  Network // outside the core: no instructions, operations on passing words
};

/// Cycles, on a core of these widths in bits. A scalar unit's do not depend on them.
using Latency = uint32_t (*)(uint32_t vlen, uint32_t dlen);

/// Of a number below `count`, as descriptions write it: at least one.
constexpr uint32_t bits(uint32_t count) { return count <= 2 ? 1 : static_cast<uint32_t>(std::bit_width(count - 1)); }

/// What an operand holds. S8x4 and U8x4 are four bytes in 32 bits, the first one lowest; I32 has no sign because
/// arithmetic on it is modulo 2^32.
enum class ElementType : uint8_t { None, S8, U8, I32, S8x4, U8x4, F32, Bf16 };

/// Operands of an encoding, in the order of assembly.
enum class Format : uint8_t {
  VectorVector,    // vd, vs2, vs1[, v0.t]
  VectorScalar,    // vd, vs2, rs1[, v0.t]
  VectorFloat,     // vd, vs2, fs1[, v0.t]
  VectorImmediate, // vd, vs2, imm5[, v0.t]: zero-extended
  Vector,          // vd, vs2[, v0.t]
  Batched,         // vd, vs2, vs1, ci[, v0.t]: eight registers from vs2, whose number's low bits are ci
  RoutePut,        // route, rs1
  RouteGet         // rd, route
};

struct FormatRule {
  std::string_view name;     // in YAML
  std::string_view operands; // for people
  Kind kind;                 // of unit that may have it
  uint32_t operandBits;      // of the encoding; a maskable one has bit 25 (vm) besides
  std::string_view third;    // what a form calls the operand beside vd and vs2: vs1, rs1, …; empty if there is none
  bool mayBeMasked;
};

inline constexpr uint32_t maskBit = 1u << 25;

std::span<const FormatRule> formatRules(); // by Format
const FormatRule &ruleOf(Format format);
std::optional<Format> findFormat(std::string_view name);

/// Bits of one element.
uint32_t bitsOf(ElementType type);
std::string_view nameOf(ElementType type);
std::optional<ElementType> findElementType(std::string_view name);
std::string_view nameOf(Kind kind);
std::optional<Kind> findKind(std::string_view name);

/// How LLVM's generic vector coprocessor interface (VCIX) emits an instruction: an intrinsic and its opcode immediate.
struct Vcix {
  std::string_view intrinsic; // "llvm.riscv.sf.vc.v.iv", without the suffixes for types
  uint32_t opcode = 0;        // 0 to 3; of forms with an f register 0 or 1
};
/// None if the encoding is not of that interface.
std::optional<Vcix> vcixOf(uint32_t match, uint32_t mask, Format format, bool readsDestination);

} // namespace weft::units
