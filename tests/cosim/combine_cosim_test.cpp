// The router's combine operations in RTL against their golden model.
#include "sim/cosim/combine/CombineCosim.h"

#include <catch2/catch.hpp>

namespace weft::cosim {

TEST_CASE("The combine unit computes what its model does, in all classes of operands", "[combine]") {
  auto seen = runCombineCosim({100000, 1});
  INFO((seen ? std::string() : seen.error().message));
  REQUIRE(seen);
  CHECK(seen->missing().empty());
}

TEST_CASE("The combine unit computes what its model does, often", "[.long]") {
  for (uint64_t seed = 2; seed < 8; ++seed) {
    auto seen = runCombineCosim({2000000, seed});
    INFO((seen ? std::string() : seen.error().message));
    REQUIRE(seen);
  }
}

} // namespace weft::cosim
