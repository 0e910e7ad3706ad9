// Vector configuration and arithmetic.
#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"
#include "tests/iss/KnownDifferences.h"

namespace weft::isstest {

using hw::rvv::OpClass;

namespace {
/// Fields rd and rs1 where they are not vector registers.
bool writesInteger(Format format) { return format == Format::VMaskToX || format == Format::VToX; }
bool readsVs1(const VectorShape &shape) { return shape.vs1.used; }
} // namespace

void Generator::appendConfiguration(std::vector<uint32_t> &words, const VectorSetting &wanted) {
  const auto vtype = static_cast<uint32_t>(wanted.vtype(random.percent(50), random.percent(50)));
  const unsigned vlmax = wanted.vlmax(vlenBits);
  const bool sameRatio = wanted.vlmax(vlenBits) == setting.vlmax(vlenBits);
  setting = wanted;
  const uint64_t form = random.below(10);
  if (form == 0 && sameRatio) { // keeps vl
    words.push_back(iType(0x7057, 0, 0, static_cast<int32_t>(vtype)));
    return;
  }
  if (form == 1) { // vl = VLMAX
    words.push_back(iType(0x7057, static_cast<unsigned>(random.between(5, 29)), 0, static_cast<int32_t>(vtype)));
    return;
  }
  if (form == 2) {
    words.push_back(
        iType(0xc0007057, destination(), static_cast<unsigned>(random.below(32)), static_cast<int32_t>(vtype)));
    return;
  }
  const unsigned length = addressRegister();
  // Short and odd lengths as often as long ones; more than VLMAX now and then, and any 64-bit value.
  const uint64_t elements = random.percent(15)   ? vlmax
                            : random.percent(10) ? random.below(2047)
                            : random.percent(50) ? random.below(std::min(vlmax, 8u) + 1)
                                                 : random.below(vlmax + 1);
  if (!random.percent(5))
    words.push_back(addi(length, 0, static_cast<int32_t>(elements)));
  if (form > 7) {
    words.push_back(iType(0x7057, destination(), length, static_cast<int32_t>(vtype)));
    return;
  }
  unsigned type = addressRegister();
  while (type == length)
    type = addressRegister();
  words.push_back(addi(type, 0, static_cast<int32_t>(vtype)));
  words.push_back(vsetvl(destination(), length, type));
}

Unit Generator::configuration() {
  Unit unit;
  if (random.percent(15)) { // a setting that does not exist: vill and vl = 0, seen through the CSRs
    const int32_t vtype = random.pick({4, 0x20, 0x38, 0x100, 0x1d, 0x1f, 0x17, 0x7ff});
    unit.words = {iType(0x7057, destination(), source(), vtype), csrrs(destination(), csr::vtype, 0),
                  csrrs(destination(), csr::vl, 0)};
    const VectorSetting before = setting;
    unit.words.push_back(addi(5, 0, static_cast<int32_t>(random.below(100))));
    unit.words.push_back(iType(0x7057, destination(), 5, static_cast<int32_t>(before.vtype(true, false))));
    return unit;
  }
  const auto &settings = legalSettings();
  appendConfiguration(unit.words, settings[random.below(settings.size())]);
  return unit;
}

std::optional<VectorShape> Generator::prepare(std::vector<uint32_t> &words, const Row &row, unsigned fields) {
  if (std::optional<VectorShape> shape = shapeOf(row, setting, fields))
    return shape;
  if (!mayConfigure)
    return std::nullopt;
  std::vector<VectorSetting> possible;
  for (const VectorSetting &candidate : legalSettings())
    if (shapeOf(row, candidate, fields))
      possible.push_back(candidate);
  if (possible.empty())
    return std::nullopt;
  appendConfiguration(words, possible[random.below(possible.size())]);
  return shapeOf(row, setting, fields);
}

std::optional<Unit> Generator::vectorArithmetic() {
  const Row &row = randomRow(selection.arithmetic);
  Unit unit;
  const std::optional<VectorShape> shape = prepare(unit.words, row, 1);
  if (!shape)
    return std::nullopt;
  bool masked = shape->masking == Masking::Always || (shape->masking == Masking::Maybe && random.percent(50));
  std::optional<VectorRegisters> registers = pickRegisters(random, *shape, masked);
  if (!registers && shape->masking == Masking::Maybe)
    registers = pickRegisters(random, *shape, masked = false);
  if (!registers) {
    if (!unit.words.empty())
      return unit; // the vset* that it came with is on its way
    return std::nullopt;
  }

  unsigned rs1 = readsVs1(*shape) ? registers->vs1 : source(); // also f registers and immediates
  const bool position = row.cls == OpClass::VSlide || row.cls == OpClass::VGatherScalar;
  if (position && row.format == Format::VVX && random.percent(75)) {
    rs1 = addressRegister();
    unit.words.push_back(addi(rs1, 0, static_cast<int32_t>(random.below(setting.vlmax(vlenBits) + 2))));
  }
  unsigned rd = registers->vd;
  if (writesInteger(row.format))
    rd = destination();
  if (row.format == Format::VToF)
    rd = source();

  uint32_t word = row.match | rd << 7;
  if (!(row.mask & 0x000f8000))
    word |= rs1 << 15;
  if (shape->vs2.used)
    word |= registers->vs2 << 20;
  if (shape->masking == Masking::Maybe)
    word |= uint32_t{!masked} << 25;
  const unsigned largest = largestStart(row);
  const bool later = largest > 0 && random.percent(4);
  if (later)
    unit.words.push_back(csrrwi(0, csr::vstart, static_cast<unsigned>(random.below(largest + 1))));
  if (needsDynamicRoundingBefore(row)) { // fcvt.d.w, exact, with the dynamic mode
    unit.indivisible = true;
    unit.words.push_back(rType(0xd2007053, source(), source(), 0));
  }
  unit.words.push_back(word);
  if (later) {
    unit.indivisible = true;
    unit.words.push_back(csrrwi(0, csr::vstart, 0));
  }
  if (row.name.starts_with("vf") || row.name.starts_with("vmf"))
    appendFlagsRead(unit.words);
  return unit;
}

} // namespace weft::isstest
