// Vector loads and stores, all within the scratch memory, the index tables and the page at the edge.
#include "tests/iss/Encode.h"
#include "tests/iss/Generator.h"
#include "tests/iss/KnownDifferences.h"

namespace weft::isstest {

using hw::rvv::OpClass;

namespace {
bool hasFields(Format format) {
  return format != Format::VLoadWhole && format != Format::VStoreWhole && format != Format::VLoadMask &&
         format != Format::VStoreMask;
}

unsigned otherThan(Generator &generator, unsigned number) {
  for (;;)
    if (const unsigned other = generator.addressRegister(); other != number)
      return other;
}
} // namespace

void Generator::appendMemory(std::vector<uint32_t> &words, const Row &row, const VectorShape &shape, unsigned fields,
                             const VectorRegisters &registers, bool masked) {
  const unsigned base = addressRegister();
  const auto vlmax = static_cast<int32_t>(setting.vlmax(vlenBits));
  const int32_t elementBytes = 1 << (shape.vd.eewLog2 == 0 ? 0 : shape.vd.eewLog2 - 3);
  const int32_t segmentBytes = elementBytes * static_cast<int32_t>(fields);
  const int32_t alignment = random.percent(80) ? elementBytes : 1;
  uint32_t word = row.match | registers.vd << 7 | base << 15;
  if (hasFields(row.format))
    word |= (fields - 1) << 29 | uint32_t{!masked} << 25;
  switch (row.format) {
  case Format::VLoadStrided:
  case Format::VStoreStrided: {
    const int32_t room = context::scratchEnd - context::scratch - segmentBytes - 8;
    const int32_t largest = std::min(vlmax > 1 ? room / (vlmax - 1) : room, 1000);
    auto stride = static_cast<int32_t>(random.between(-largest, largest));
    if (alignment > 1)
      stride = stride / alignment * alignment;
    if (random.percent(10))
      stride = 0;
    const int32_t span = stride * (vlmax - 1);
    words.push_back(scratchAddress(base, std::min(span, 0), std::max(span, 0) + segmentBytes, alignment));
    const unsigned strideRegister = otherThan(*this, base);
    words.push_back(addi(strideRegister, 0, stride));
    word |= strideRegister << 20;
    break;
  }
  case Format::VLoadIndexed:
  case Format::VStoreIndexed: {
    // Offsets are read from the table of their width right before.
    const auto width = static_cast<unsigned>(memoryWidthLog2(row) - 3);
    const uint64_t last = shared::tableBytes - (uint64_t{static_cast<unsigned>(vlmax)} << width);
    uint64_t offset = random.below(last + 1);
    if (alignment > 1)
      offset &= ~uint64_t{(1u << width) - 1};
    else
      offset = offset >> width << width;
    const uint64_t table = shared::table(width) + offset;
    words.push_back(lui(base, upperPart(table)));
    words.push_back(addiw(base, base, lowerPart(table)));
    constexpr uint32_t loads[] = {0x02000007, 0x02005007, 0x02006007, 0x02007007};
    words.push_back(rType(loads[width], registers.vs2, base, 0));
    words.push_back(scratchAddress(base, shared::minimumIndex, shared::maximumIndex + segmentBytes, alignment));
    word |= registers.vs2 << 20;
    break;
  }
  case Format::VLoad:
    if (row.cls == OpClass::VLoadFaultFirst && random.percent(60)) {
      // The first segment lies before the end of the page, the others perhaps not.
      const auto before = static_cast<int64_t>(random.percent(50) ? segmentBytes * random.between(1, 20)
                                                                  : random.between(segmentBytes, 2047));
      words.push_back(lui(base, upperPart(shared::edgeEnd)));
      words.push_back(addi(base, base, static_cast<int32_t>(-std::min<int64_t>(before, 2047))));
      break;
    }
    [[fallthrough]];
  default: {
    int32_t bytes = vlmax * segmentBytes;
    if (row.format == Format::VLoadWhole || row.format == Format::VStoreWhole)
      bytes = static_cast<int32_t>(shape.vd.registers() * vlenBits / 8);
    words.push_back(scratchAddress(base, 0, bytes, alignment));
    break;
  }
  }
  const unsigned largest = largestStart(row);
  const bool later = largest > 0 && random.percent(4);
  if (later)
    words.push_back(csrrwi(0, csr::vstart, static_cast<unsigned>(random.below(largest + 1))));
  words.push_back(word);
  if (later)
    words.push_back(csrrwi(0, csr::vstart, 0));
  if (needsEndOfBlockAfter(row))
    words.push_back(csrrs(destination(), csr::vl, 0));
}

std::optional<Unit> Generator::vectorMemory() {
  const Row &row = randomRow(selection.memory);
  Unit unit;
  const unsigned fields = hasFields(row.format) && random.percent(40) ? static_cast<unsigned>(random.between(2, 8)) : 1;
  const std::optional<VectorShape> shape = prepare(unit.words, row, fields);
  if (!shape)
    return std::nullopt;
  bool masked = shape->masking == Masking::Maybe && random.percent(50);
  std::optional<VectorRegisters> registers = pickRegisters(random, *shape, masked);
  if (!registers)
    registers = pickRegisters(random, *shape, masked = false);
  unit.indivisible = true;
  // The table is read before the access: where it would overwrite the mask, the access stays unmasked by isLegal().
  if (registers)
    appendMemory(unit.words, row, *shape, fields, *registers, masked);
  else if (unit.words.empty())
    return std::nullopt;
  return unit;
}

} // namespace weft::isstest
