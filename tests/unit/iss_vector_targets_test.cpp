// The loops for the baseline and those for this host give the same results: other tests see only the latter.
#include "sim/iss/VectorLoops.h"
#include "sim/iss/VectorTarget.h"

#include <catch2/catch.hpp>

#include <array>
#include <random>

// clang-format off
namespace weft::iss {
WEFT_DECLARE_FOR_VECTOR_TARGETS(
  void addArithmeticLoops(VectorLoopTable &table);
  void addWideningLoops(VectorLoopTable &table);
  void addFixedPointLoops(VectorLoopTable &table);
)
} // namespace weft::iss
// clang-format on

using namespace weft::iss;

TEST_CASE("loops for every instruction set of the host agree") {
  VectorLoopTable plain;
  baseline::addArithmeticLoops(plain);
  baseline::addWideningLoops(plain);
  baseline::addFixedPointLoops(plain);
  std::mt19937_64 random(5);
  std::array<std::byte, 2048> old, vs2, vs1, first, second;
  std::array<uint8_t, 256> mask;
  size_t compared = 0;
  for (size_t kind = 0; kind < static_cast<size_t>(VectorLoopKind::Count); ++kind)
    for (unsigned width = 0; width < 4; ++width)
      for (unsigned scalar = 0; scalar < 2; ++scalar) {
        const VectorLoop here = vectorLoops().loops[kind][width][scalar], there = plain.loops[kind][width][scalar];
        REQUIRE((here == nullptr) == (there == nullptr));
        for (int repeat = 0; here && repeat < 20; ++repeat) {
          for (auto *bytes : {&old, &vs2, &vs1})
            for (std::byte &byte : *bytes)
              byte = static_cast<std::byte>(random());
          for (uint8_t &byte : mask)
            byte = random() % 2;
          first = second = old;
          VectorLoopOperands operands;
          operands.old = old.data();
          operands.vs2 = vs2.data();
          operands.vs1 = vs1.data();
          operands.scalar = random();
          const bool selects = kind == static_cast<size_t>(VectorLoopKind::Merge);
          operands.mask = selects || repeat % 2 ? mask.data() : nullptr;
          operands.count = random() % 129;
          operands.rounding = static_cast<uint8_t>(random() % 4);
          operands.destination = first.data();
          const bool saturated = here(operands);
          operands.destination = second.data();
          INFO("kind " << kind << " width " << width << " scalar " << scalar << " count " << operands.count);
          REQUIRE(there(operands) == saturated);
          REQUIRE(first == second);
          ++compared;
        }
      }
  REQUIRE(compared > 5000);
}
