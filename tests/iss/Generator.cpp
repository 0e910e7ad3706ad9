#include "tests/iss/Generator.h"

#include "tests/iss/Encode.h"
#include "tests/iss/KnownDifferences.h"
#include "tests/iss/Values.h"

#include <algorithm>
#include <cstring>

namespace weft::isstest {

namespace {
void put(std::vector<std::byte> &bytes, size_t offset, uint64_t value, size_t size = 8) {
  std::memcpy(bytes.data() + offset, &value, size);
}

std::vector<std::byte> randomContext(Random &random, unsigned vlenBits, unsigned floatBytes,
                                     const VectorSetting &setting) {
  std::vector<std::byte> bytes(context::bytes(vlenBits));
  const auto at = [](int32_t offset) { return static_cast<size_t>(offset - context::start); };
  for (int i = 1; i < 32; ++i)
    put(bytes, at(context::integers + 8 * i), randomIntegerRegister(random));
  put(bytes, at(context::integers + 8 * loopRegister), 1);
  for (int i = 0; i < 32; ++i)
    put(bytes, at(context::floats + 8 * i), randomFloatRegister(random, floatBytes));
  const unsigned vlmax = setting.vlmax(vlenBits);
  put(bytes, at(context::vtype), setting.vtype(random.percent(50), random.percent(50)));
  put(bytes, at(context::vl), random.percent(30) ? vlmax : random.below(vlmax + 1));
  put(bytes, at(context::vcsr), random.below(8));
  put(bytes, at(context::fcsr), random.below(5) << 5 | (random.percent(50) ? 0 : random.below(32)));
  const std::span all(bytes);
  constexpr size_t chunk = 64;
  for (size_t offset = at(context::scratch); offset + chunk <= at(context::scratchEnd); offset += chunk)
    fill(random, all.subspan(offset, chunk));
  for (unsigned i = 0; i < 32; ++i)
    fill(random, all.subspan(at(context::vectors) + i * vlenBits / 8, vlenBits / 8));
  return bytes;
}
} // namespace

std::vector<std::byte> indexTables() {
  std::vector<std::byte> bytes(4 * shared::tableBytes);
  Random random(1);
  for (unsigned width = 0; width < 4; ++width)
    for (size_t offset = 0; offset < shared::tableBytes; offset += size_t{1} << width) {
      // Only 64-bit offsets can be negative, the others are zero-extended.
      const int64_t low = width == 3 ? shared::minimumIndex : 0;
      const int64_t high = width == 0 ? 255 : shared::maximumIndex;
      put(bytes, width * shared::tableBytes + offset, random.between(low, high), size_t{1} << width);
    }
  return bytes;
}

std::vector<std::byte> edgePage() {
  std::vector<std::byte> bytes(shared::edgeEnd - shared::edge);
  Random random(2);
  fill(random, bytes);
  return bytes;
}

unsigned Generator::destination() {
  for (;;) {
    const auto number = static_cast<unsigned>(random.below(32));
    if (number != contextRegister && number != linkRegister && number != loopRegister)
      return number;
  }
}

uint32_t Generator::scratchAddress(unsigned base, int32_t low, int32_t high, int32_t alignment) {
  const int32_t first = std::max(context::scratch - low, -2048), last = std::min(context::scratchEnd - high, 2047);
  const auto offset = static_cast<int32_t>(random.between(first, last));
  return addi(base, contextRegister, offset < 0 ? -(-offset / alignment * alignment) : offset / alignment * alignment);
}

Unit Generator::plain() {
  for (;;) {
    const uint64_t choice = random.below(100);
    if (choice < 20) {
      if (selection.scalar.empty())
        continue;
      return scalar();
    }
    if (choice < 26)
      return compressed();
    if (choice < 30)
      return control();
    if (choice < 34 && mayConfigure)
      return configuration();
    const bool memory = choice >= 80;
    if ((memory ? selection.memory : selection.arithmetic).empty())
      continue;
    if (std::optional<Unit> unit = memory ? vectorMemory() : vectorArithmetic())
      return *unit;
  }
}

Unit Generator::any(unsigned depth) {
  if (depth >= 2 || !random.percent(6))
    return plain();
  Unit unit;
  const bool loop = mayUseLoopRegister && random.percent(30);
  const bool hadConfigure = mayConfigure, hadLoop = mayUseLoopRegister;
  mayConfigure = false;
  if (loop) {
    unit.kind = Unit::Kind::Loop;
    unit.iterations = static_cast<unsigned>(random.between(1, 4));
    mayUseLoopRegister = false;
  } else {
    unit.kind = Unit::Kind::Branch;
    const uint32_t match = random.pick({0x63u, 0x1063u, 0x4063u, 0x5063u, 0x6063u, 0x7063u});
    unit.words = {bType(match, source(), source(), 0)};
  }
  for (uint64_t i = random.between(1, 3); i > 0; --i)
    unit.body.push_back(any(depth + 1));
  mayConfigure = hadConfigure;
  mayUseLoopRegister = hadLoop;
  return unit;
}

Selection select(const std::function<bool(const Row &)> &accepts) {
  Selection selection;
  for (const Row &row : rows()) {
    if (!isInQemu(row) || (accepts && !accepts(row)))
      continue;
    if (row.cls >= hw::rvv::OpClass::VLoad)
      selection.memory.push_back(&row);
    else if (row.cls > hw::rvv::OpClass::VSet)
      selection.arithmetic.push_back(&row);
    else if (row.format < Format::VSetVli && row.format != Format::None && row.format != Format::B &&
             row.format != Format::Csr && row.format != Format::CsrImmediate)
      selection.scalar.push_back(&row);
  }
  return selection;
}

Stream generate(uint64_t seed, unsigned vlenBits, unsigned length, const Selection &selection) {
  Generator generator{Random(seed * 8 + vlenBits / 128), vlenBits, selection};
  generator.random.next();
  generator.floatBytes = generator.random.pick({2u, 4u, 8u});
  const auto &settings = legalSettings();
  generator.setting = settings[generator.random.below(settings.size())];
  Stream stream{seed, vlenBits, randomContext(generator.random, vlenBits, generator.floatBytes, generator.setting), {}};
  for (unsigned i = 0; i < length; ++i)
    stream.units.push_back(generator.any(0));
  return stream;
}

} // namespace weft::isstest
