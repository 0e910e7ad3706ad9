#include "kernels/units/Types.h"

#include <algorithm>
#include <array>
#include <cstddef>

using namespace weft::units;

namespace {

constexpr uint32_t vd = 0x00000f80, rs1 = 0x000f8000, vs2 = 0x01f00000, wideImmediate = 0xfff00000;

constexpr std::array<FormatRule, 8> rules = {{
    {"vector-vector", "vd, vs2, vs1", Kind::Vector, vd | vs2 | rs1, "vs1", true},
    {"vector-scalar", "vd, vs2, rs1", Kind::Vector, vd | vs2 | rs1, "rs1", true},
    {"vector-float", "vd, vs2, fs1", Kind::Vector, vd | vs2 | rs1, "fs1", true},
    {"vector-immediate", "vd, vs2, imm", Kind::Vector, vd | vs2 | rs1, "", true},
    {"vector", "vd, vs2", Kind::Vector, vd | vs2, "", true},
    {"batched", "vd, vs2, vs1, ci", Kind::Vector, vd | vs2 | rs1, "vs1", true},
    {"route-put", "route, rs1", Kind::Scalar, wideImmediate | rs1, "", false},
    {"route-get", "rd, route", Kind::Scalar, wideImmediate | vd, "", false},
}};

struct TypeName {
  std::string_view name;
  uint32_t bits;
};
constexpr std::array<TypeName, 8> types = {
    {{"none", 0}, {"s8", 8}, {"u8", 8}, {"i32", 32}, {"s8x4", 32}, {"u8x4", 32}, {"f32", 32}, {"bf16", 16}}};

constexpr std::array<std::string_view, 3> kinds = {"vector", "scalar", "network"};

/// Where a form of VCIX has which bits. The opcode lies in bits 27 and 26, of the form with an f register in bit 26.
struct VcixForm {
  Format format;
  bool readsDestination;
  uint32_t match;
  std::string_view intrinsic;
};
constexpr uint32_t floatBit = 1u << 27, opcodeBits = 3u << 26;
constexpr VcixForm vcixForms[] = {
    {Format::Vector, false, 0x2000305b, "llvm.riscv.sf.vc.v.iv"},
    {Format::VectorImmediate, false, 0x2000305b, "llvm.riscv.sf.vc.v.iv"},
    {Format::VectorScalar, false, 0x2000405b, "llvm.riscv.sf.vc.v.xv"},
    {Format::VectorFloat, false, 0x2800505b, "llvm.riscv.sf.vc.v.fv"},
    {Format::VectorVector, false, 0x2000005b, "llvm.riscv.sf.vc.v.vv"},
    {Format::VectorImmediate, true, 0xa000305b, "llvm.riscv.sf.vc.v.ivv"},
    {Format::Vector, true, 0xa000305b, "llvm.riscv.sf.vc.v.ivv"},
    {Format::VectorScalar, true, 0xa000405b, "llvm.riscv.sf.vc.v.xvv"},
    {Format::VectorFloat, true, 0xa800505b, "llvm.riscv.sf.vc.v.fvv"},
    {Format::VectorVector, true, 0xa000005b, "llvm.riscv.sf.vc.v.vvv"},
};

} // namespace

std::span<const FormatRule> weft::units::formatRules() { return rules; }
const FormatRule &weft::units::ruleOf(Format format) { return rules[static_cast<size_t>(format)]; }

std::optional<Format> weft::units::findFormat(std::string_view name) {
  auto found = std::find_if(rules.begin(), rules.end(), [&](const FormatRule &rule) { return rule.name == name; });
  return found == rules.end() ? std::nullopt : std::optional(static_cast<Format>(found - rules.begin()));
}

uint32_t weft::units::bitsOf(ElementType type) { return types[static_cast<size_t>(type)].bits; }
std::string_view weft::units::nameOf(ElementType type) { return types[static_cast<size_t>(type)].name; }

std::optional<ElementType> weft::units::findElementType(std::string_view name) {
  auto found = std::find_if(types.begin() + 1, types.end(), [&](const TypeName &type) { return type.name == name; });
  return found == types.end() ? std::nullopt : std::optional(static_cast<ElementType>(found - types.begin()));
}

std::string_view weft::units::nameOf(Kind kind) { return kinds[static_cast<size_t>(kind)]; }

std::optional<Kind> weft::units::findKind(std::string_view name) {
  auto found = std::find(kinds.begin(), kinds.end(), name);
  return found == kinds.end() ? std::nullopt : std::optional(static_cast<Kind>(found - kinds.begin()));
}

std::optional<Vcix> weft::units::vcixOf(uint32_t match, uint32_t mask, Format format, bool readsDestination) {
  constexpr uint32_t fixedBits = 0xfe00707f; // all but operands: VCIX has no masks
  for (const VcixForm &form : vcixForms) {
    bool isFloat = form.match & floatBit;
    uint32_t codeBits = isFloat ? opcodeBits & ~floatBit : opcodeBits;
    if (form.format == format && form.readsDestination == readsDestination && (mask & fixedBits) == fixedBits &&
        (match & fixedBits & ~codeBits) == form.match)
      return Vcix{form.intrinsic, (match & codeBits) >> 26};
  }
  return std::nullopt;
}
