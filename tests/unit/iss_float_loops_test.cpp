// Vector loops on the host's floating-point unit against those in integers: results and flags.
#include "iss_float_support.h"
#include "sim/iss/VectorFloatLoops.h"
#include "sim/iss/VectorTarget.h"

#include <catch2/catch.hpp>

#include <array>

// clang-format off
#if defined(__x86_64__)
namespace weft::iss {
WEFT_DECLARE_FOR_VECTOR_TARGETS(
  void addFloatArithmeticLoops(VectorFloatLoopTable &table);
  void addFusedLoops(VectorFloatLoopTable &table);
  void addFloatConvertLoops(VectorFloatLoopTable &table);
)
} // namespace weft::iss
#endif
// clang-format on

using namespace weft::iss;

namespace {

using Bytes = std::array<std::byte, 1024>;

/// Fills with numbers of 16, 32 or 64 bits, as formats or as plain bits.
void fill(Bytes &bytes, std::mt19937_64 &random, unsigned type) {
  for (size_t i = 0; i < bytes.size() / 8; ++i) {
    uint64_t value = random();
    if (type == 0)
      for (int part = 0; part < 4; ++part)
        value = value << 16 | test::anyNumber<Half>(random);
    if (type == 1)
      value = uint64_t{test::anyNumber<Single>(random)} << 32 | test::anyNumber<Single>(random);
    if (type == 2)
      value = test::anyNumber<Double>(random);
    if (type == 3)
      for (int part = 0; part < 4; ++part)
        value = value << 16 | test::anyNumber<BFloat>(random);
    std::memcpy(bytes.data() + i * 8, &value, 8);
  }
}

struct Result {
  Bytes bytes;
  uint8_t flags;
  bool operator==(const Result &) const = default;
};

Result runSoft(const VectorFloatLoopTable &table, size_t kind, unsigned width, unsigned scalar,
               VectorLoopOperands operands, const Bytes &old) {
  Result result{old, 0};
  operands.destination = result.bytes.data();
  result.flags = table.loops[kind][width][scalar](operands);
  return result;
}

Result runHost(const VectorFloatLoopTable &table, size_t kind, unsigned width, unsigned scalar,
               VectorLoopOperands operands, const Bytes &old) {
  Hart hart;
  hart.frm = operands.rounding;
  Result result{old, 0};
  operands.destination = result.bytes.data();
  const VectorFloatLoop loop = table.loops[kind][width][scalar];
  uint8_t flags;
  {
    FloatEnvironment environment(hart);
    flags = loop(operands);
  }
  result.flags = flags | hart.fflags;
  return result;
}

size_t compareTables(const VectorFloatLoopTable &soft, const VectorFloatLoopTable &host, int repeats) {
  std::mt19937_64 random(7);
  size_t compared = 0;
  Bytes old, vs2, vs1;
  for (size_t kind = 0; kind < static_cast<size_t>(VectorFloatKind::Count); ++kind)
    for (unsigned width = 0; width < 4; ++width)
      for (unsigned scalar = 0; scalar < 2; ++scalar) {
        if (host.loops[kind][width][scalar])
          REQUIRE(soft.loops[kind][width][scalar]);
        if (!host.loops[kind][width][scalar] || host.loops[kind][width][scalar] == soft.loops[kind][width][scalar])
          continue;
        for (int repeat = 0; repeat < repeats; ++repeat) {
          // Now and then all operands have the width that the kind does not expect: any bits will do.
          const unsigned narrow = width == 0 ? 4 : width - 1, type = repeat % 8 == 7 ? 4 : narrow;
          const bool wide = kind >= static_cast<size_t>(VectorFloatKind::WidenAdd) && repeat % 2;
          fill(old, random, kind >= static_cast<size_t>(VectorFloatKind::WidenAdd) && type < 2 ? type + 1 : type);
          fill(vs2, random, repeat % 3 == 2 && width == 1 ? 3 : wide ? width : type);
          fill(vs1, random, repeat % 3 == 2 && width == 1 ? 3 : type);
          VectorLoopOperands operands;
          operands.old = old.data();
          operands.vs2 = vs2.data();
          operands.vs1 = vs1.data();
          std::memcpy(&operands.scalar, vs1.data() + 512, 8);
          operands.count = repeat % 4 == 0 ? 1 : random() % 65;
          if (operands.count == 0)
            continue;
          operands.rounding = static_cast<uint8_t>(repeat / 2 % 4);
          const Result expected = runSoft(soft, kind, width, scalar, operands, old);
          const Result found = runHost(host, kind, width, scalar, operands, old);
          if (found.flags & notDone)
            continue;
          INFO("kind " << kind << " width " << width << " scalar " << scalar << " count " << operands.count << " frm "
                       << int{operands.rounding} << " flags " << int{found.flags} << " expected "
                       << int{expected.flags});
          size_t differs = 0;
          while (differs < 1023 && expected.bytes[differs] == found.bytes[differs])
            ++differs;
          INFO("byte " << differs);
          REQUIRE(found == expected);
          compared += operands.count;
        }
      }
  return compared;
}

} // namespace

TEST_CASE("vector loops of the host agree with arithmetic in integers") {
  const size_t compared = compareTables(vectorFloatLoops().soft, vectorFloatLoops().host, 500);
#if defined(__x86_64__)
  CHECK(compared > 1'000'000);
#endif
}

#if defined(__x86_64__)
TEST_CASE("vector loops of the baseline agree with arithmetic in integers") {
  VectorFloatLoopTable table;
  baseline::addFloatArithmeticLoops(table);
  baseline::addFusedLoops(table);
  baseline::addFloatConvertLoops(table);
  CHECK(compareTables(vectorFloatLoops().soft, table, 250) > 500'000);
}
#endif
