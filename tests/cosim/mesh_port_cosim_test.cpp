// The mesh port's RTL against its golden model.
#include "kernels/units/Units.h"
#include "sim/cosim/port/PortCosim.h"

#include <catch2/catch.hpp>

namespace weft::cosim {

TEST_CASE("The mesh port does what its model does, under random stalls", "[port]") {
  for (const std::string &variant : portVariants())
    for (uint64_t seed : {1, 2, 3}) {
      CAPTURE(variant, seed);
      auto seen = runPortCosim({variant, 20000, seed, 1});
      INFO((seen ? std::string() : seen.error().message));
      REQUIRE(seen);
      CHECK(seen->missing().empty());
      CHECK(seen->latency == units::find("mesh-port")->pipelines[0].latency(0, 0));
      CHECK(seen->interval == units::find("mesh-port")->pipelines[0].interval);
      // What registers hold before their reset makes no difference.
      auto other = runPortCosim({variant, 20000, seed, 77});
      REQUIRE(other);
      CHECK(other->signature == seen->signature);
      CHECK(other->cycles == seen->cycles);
    }
}

TEST_CASE("A mesh port that the build does not have is refused", "[port]") {
  auto seen = runPortCosim({"huge"});
  REQUIRE_FALSE(seen);
  CHECK_THAT(seen.error().message, Catch::Contains("mesh16, small"));
  seen = runPortCosim({.coveragePath = "coverage.dat"});
  REQUIRE_FALSE(seen);
  CHECK_THAT(seen.error().message, Catch::Contains("'small' does"));
}

} // namespace weft::cosim
