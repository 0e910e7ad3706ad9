#include "tests/iss/VectorShape.h"

namespace weft::isstest {

using hw::rvv::OpClass;

namespace {
constexpr int reservedWidth = -1;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
bool endsWith(std::string_view text, std::string_view part) { return text.ends_with(part); }

VectorOperand group(int eewLog2, int emulLog2) { return {true, eewLog2, emulLog2}; }
VectorOperand mask() { return {true, 0, 0}; }
VectorOperand element(int eewLog2) { return {true, eewLog2, 0}; }

bool isValid(const VectorOperand &operand) {
  return !operand.used || (operand.emulLog2 >= -3 && operand.emulLog2 <= 3 &&
                           (operand.eewLog2 == 0 || (operand.eewLog2 >= 3 && operand.eewLog2 <= 6)));
}

/// Do all operands of width SEW hold floats?
bool isFloat(const Row &row) {
  return (row.name.starts_with("vf") && row.name != "vfirst.m") || row.name.starts_with("vmf");
}

/// Is this setting one with a float of that width? Widening and narrowing conversions have rules of their own.
bool hasFloat(const Row &row, int sew) {
  if (row.extension == "Zvfbfmin" || row.extension == "Zvfbfwma") // reserved at all but 16 bits
    return sew == 4;
  if (row.cls == OpClass::VFWidenConvert) // the narrow side is an integer of 8 bits, or a float
    return sew >= (contains(row.name, ".f.x") ? 3 : 4);
  if (row.cls == OpClass::VFNarrowConvert)
    return sew >= (contains(row.name, ".x.f") || contains(row.name, ".xu.f") ? 3 : 4);
  return !isFloat(row) || sew >= 4;
}

bool hasVs1(Format format) {
  return format == Format::VVV || format == Format::VMacV || format == Format::VVVCarry ||
         format == Format::VVVUnmasked || format == Format::VMoveV;
}
bool hasVs2(Format format) {
  switch (format) {
  case Format::VMoveV:
  case Format::VMoveX:
  case Format::VMoveI:
  case Format::VMoveF:
  case Format::VIndex:
  case Format::VFromX:
  case Format::VFromF:
    return false;
  default:
    return true;
  }
}

Masking maskingOf(Format format) {
  switch (format) {
  case Format::VVV:
  case Format::VVX:
  case Format::VVI:
  case Format::VVIU:
  case Format::VVF:
  case Format::VMacV:
  case Format::VMacX:
  case Format::VMacF:
  case Format::VUnary:
  case Format::VIndex:
  case Format::VMaskToX:
  case Format::VLoad:
  case Format::VStore:
  case Format::VLoadStrided:
  case Format::VStoreStrided:
  case Format::VLoadIndexed:
  case Format::VStoreIndexed:
    return Masking::Maybe;
  case Format::VVVCarry:
  case Format::VVXCarry:
  case Format::VVICarry:
  case Format::VVFCarry:
    return Masking::Always;
  default:
    return Masking::Never;
  }
}

/// Widths and group sizes of the operands of an arithmetic instruction.
void setArithmeticOperands(VectorShape &shape, const Row &row, int sew, int lmul) {
  const VectorOperand narrow = group(sew, lmul), wide = group(sew + 1, lmul + 1);
  shape.vd = shape.vs2 = shape.vs1 = narrow;
  switch (row.cls) {
  case OpClass::VWidenAlu:
  case OpClass::VFWidenAdd:
    shape.vd = wide;
    if (contains(row.name, ".w"))
      shape.vs2 = wide;
    return;
  case OpClass::VWidenMultiply:
  case OpClass::VWidenMacc:
  case OpClass::VFWidenMultiply:
  case OpClass::VFWidenFma:
  case OpClass::VFWidenConvert:
    shape.vd = wide;
    return;
  case OpClass::VNarrowShift:
  case OpClass::VClip:
  case OpClass::VFNarrowConvert:
    shape.vs2 = wide;
    return;
  case OpClass::VCompare:
  case OpClass::VFCompare:
    shape.vd = mask();
    shape.vdMayBeMaskRegister = true;
    return;
  case OpClass::VMaskLogic:
    shape.vd = shape.vs2 = shape.vs1 = mask();
    return;
  case OpClass::VMaskSet:
    shape.vd = shape.vs2 = mask();
    shape.disjoint = true;
    return;
  case OpClass::VMaskCount:
  case OpClass::VMaskFirst:
    shape.vs2 = mask();
    return;
  case OpClass::VIota:
    shape.vs2 = mask();
    shape.disjoint = true;
    return;
  case OpClass::VReduce:
  case OpClass::VFReduceMinMax:
  case OpClass::VFReduceUnordered:
  case OpClass::VFReduceOrdered:
    shape.vd = shape.vs1 = element(sew);
    shape.vdMayBeMaskRegister = shape.vdMayOverlapAny = true;
    return;
  case OpClass::VWidenReduce:
  case OpClass::VFWidenReduceUnordered:
  case OpClass::VFWidenReduceOrdered:
    shape.vd = shape.vs1 = element(sew + 1);
    shape.vdMayBeMaskRegister = shape.vdMayOverlapAny = true;
    return;
  case OpClass::VSlide:
  case OpClass::VSlideOne:
    shape.disjoint = contains(row.name, "up");
    return;
  case OpClass::VGather:
    shape.disjoint = true;
    if (contains(row.name, "ei16"))
      shape.vs1 = group(4, lmul + 4 - sew);
    return;
  case OpClass::VGatherScalar:
    shape.disjoint = true;
    return;
  case OpClass::VCompress:
    shape.disjoint = true;
    shape.vs1 = mask();
    return;
  case OpClass::VToScalar:
  case OpClass::VFromScalar:
    shape.vd = shape.vs2 = element(sew);
    return;
  case OpClass::VMoveWhole: {
    const int registersLog2 = row.name[3] == '1' ? 0 : row.name[3] == '2' ? 1 : row.name[3] == '4' ? 2 : 3;
    shape.vd = shape.vs2 = group(sew, registersLog2);
    return;
  }
  default:
    if (endsWith(row.name, ".vf2") || endsWith(row.name, ".vf4") || endsWith(row.name, ".vf8")) {
      const int shift = row.name.back() == '2' ? 1 : row.name.back() == '4' ? 2 : 3;
      shape.vs2 = group(sew - shift >= 3 ? sew - shift : reservedWidth, lmul - shift);
    }
    return;
  }
}

std::optional<VectorShape> arithmeticShape(const Row &row, const VectorSetting &setting) {
  if (!hasFloat(row, setting.sewLog2))
    return std::nullopt;
  VectorShape shape;
  shape.masking = maskingOf(row.format);
  setArithmeticOperands(shape, row, setting.sewLog2, setting.lmulLog2);
  shape.vs1.used = hasVs1(row.format);
  shape.vs2.used = hasVs2(row.format);
  shape.vd.used = row.format != Format::VMaskToX && row.format != Format::VToX && row.format != Format::VToF;
  shape.vdIsSource = row.format == Format::VMacV || row.format == Format::VMacX || row.format == Format::VMacF;
  // Masks as results: `vmadc` and the like may write the register that they read the carry from.
  if (!isValid(shape.vd) || !isValid(shape.vs2) || !isValid(shape.vs1))
    return std::nullopt;
  return shape;
}

std::optional<VectorShape> memoryShape(const Row &row, const VectorSetting &setting, unsigned fields) {
  VectorShape shape;
  shape.masking = maskingOf(row.format);
  const int width = memoryWidthLog2(row);
  const int emul = width - setting.sewLog2 + setting.lmulLog2;
  shape.vd = group(width, emul);
  switch (row.format) {
  case Format::VLoadIndexed:
  case Format::VStoreIndexed:
    shape.vd = group(setting.sewLog2, setting.lmulLog2);
    shape.vs2 = group(width, emul);
    shape.disjoint = row.format == Format::VLoadIndexed && fields > 1;
    break;
  case Format::VLoadMask:
  case Format::VStoreMask:
    shape.vd = mask();
    break;
  case Format::VLoadWhole:
  case Format::VStoreWhole: {
    const unsigned registers = (row.match >> 29) + 1;
    shape.vd = group(width, registers == 1 ? 0 : registers == 2 ? 1 : registers == 4 ? 2 : 3);
    break;
  }
  default:
    break;
  }
  shape.vd.fields = fields;
  const bool isStore = (row.match & 0x7f) == 0x27;
  shape.vdIsSource = isStore;
  shape.vdIsDestination = !isStore;
  if (!isValid(shape.vd) || !isValid(shape.vs2) || shape.vd.registers() > 8)
    return std::nullopt;
  return shape;
}

bool overlap(unsigned a, unsigned aCount, unsigned b, unsigned bCount) { return a < b + bCount && b < a + aCount; }

/// May a destination of this kind overlap the source in the way these registers do (section 5.2)?
bool mayOverlap(const VectorOperand &vd, unsigned d, const VectorOperand &source, unsigned s) {
  if (!overlap(d, vd.registers(), s, source.registers()) || vd.eewLog2 == source.eewLog2)
    return true;
  if (vd.eewLog2 < source.eewLog2)
    return d == s;                                                             // the lowest-numbered part
  return source.emulLog2 >= 0 && d + vd.registers() == s + source.registers(); // the highest-numbered
}

/// No register is read with two widths.
bool mayShareRead(const VectorOperand &a, unsigned ra, const VectorOperand &b, unsigned rb) {
  return a.eewLog2 == b.eewLog2 || !overlap(ra, a.registers(), rb, b.registers());
}

bool aligned(const VectorOperand &operand, unsigned number) {
  return !operand.used || (number % operand.groupRegisters() == 0 && number + operand.registers() <= 32);
}
} // namespace

const std::vector<VectorSetting> &legalSettings() {
  static const std::vector<VectorSetting> settings = [] {
    std::vector<VectorSetting> all;
    for (int sew = 3; sew <= 6; ++sew)
      for (int lmul = -3; lmul <= 3; ++lmul)
        if (sew <= 6 + lmul)
          all.push_back({sew, lmul});
    return all;
  }();
  return settings;
}

int memoryWidthLog2(const Row &row) {
  const unsigned width = row.match >> 12 & 7;
  return width == 0 ? 3 : static_cast<int>(width) - 1;
}

std::optional<VectorShape> shapeOf(const Row &row, const VectorSetting &setting, unsigned fields) {
  return row.cls >= OpClass::VLoad ? memoryShape(row, setting, fields) : arithmeticShape(row, setting);
}

bool isLegal(const VectorShape &shape, const VectorRegisters &registers, bool masked, SharedReads sharedReads) {
  const auto &[vd, vs2, vs1] = registers;
  if (!aligned(shape.vd, vd) || !aligned(shape.vs2, vs2) || !aligned(shape.vs1, vs1))
    return false;
  const VectorOperand v0 = mask();
  struct Source {
    const VectorOperand *operand;
    unsigned number;
  };
  std::vector<Source> sources;
  if (shape.vs2.used)
    sources.push_back({&shape.vs2, vs2});
  if (shape.vs1.used)
    sources.push_back({&shape.vs1, vs1});
  if (shape.vd.used && shape.vdIsDestination) {
    if (masked && !shape.vdMayBeMaskRegister && vd == 0)
      return false;
    for (const Source &source : sources) {
      if (shape.disjoint && overlap(vd, shape.vd.registers(), source.number, source.operand->registers()))
        return false;
      if (!shape.vdMayOverlapAny && !mayOverlap(shape.vd, vd, *source.operand, source.number))
        return false;
    }
  }
  if (sharedReads == SharedReads::Allowed)
    return true;
  if (shape.vdIsSource)
    sources.push_back({&shape.vd, vd});
  if (masked)
    sources.push_back({&v0, 0});
  for (size_t i = 0; i < sources.size(); ++i)
    for (size_t j = 0; j < i; ++j)
      if (!mayShareRead(*sources[i].operand, sources[i].number, *sources[j].operand, sources[j].number))
        return false;
  return true;
}

std::optional<VectorRegisters> pickRegisters(Random &random, const VectorShape &shape, bool masked) {
  const auto any = [&](const VectorOperand &operand) -> unsigned {
    if (!operand.used)
      return 0;
    const unsigned step = operand.groupRegisters();
    return static_cast<unsigned>(random.below(32 / step)) * step;
  };
  for (int attempt = 0; attempt < 64; ++attempt) {
    const VectorRegisters registers{any(shape.vd), any(shape.vs2), any(shape.vs1)};
    if (isLegal(shape, registers, masked))
      return registers;
  }
  return std::nullopt;
}

} // namespace weft::isstest
