// Which instructions a core has: ISA strings and the extensions of a hardware description.
#include "hw-models/Hardware.h"
#include "hw-models/core/rvv/Isa.h"

#include <catch2/catch.hpp>

using namespace weft;
using Catch::Matchers::Contains;

namespace {

hw::Isa isa(std::string_view text) {
  Result<hw::Isa> parsed = hw::parseIsa(text);
  if (!parsed)
    FAIL(parsed.error().message);
  return *parsed;
}

std::string errorOf(std::string_view text) {
  Result<hw::Isa> parsed = hw::parseIsa(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().fault == Fault::User);
  return parsed.error().message;
}

} // namespace

TEST_CASE("ISA strings name VLEN and extensions") {
  CHECK(isa("rv64gcv") == hw::Isa{.vlenBits = 128});
  CHECK(isa("RV64GCV_Zvl512b").vlenBits == 512);
  CHECK(isa("rv64imafdcv_zicsr_zifencei_zvl32b") == isa("rv64gcv"));
  CHECK(isa("rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_v1p0_zicsr2p0_zve64d1p0_zvl256b1p0_zfh1p0") ==
        hw::Isa{.vlenBits = 256, .zfhmin = true, .zfh = true});
  CHECK(isa("rv64gcv_zvl1024b_zvl128b").vlenBits == 1024); // zvl128b is true of it too
  CHECK(isa("rv64gcvzfh") == isa("rv64gcv_zfh"));
  hw::Isa half = isa("rv64gcv_zvfh");
  CHECK((half.zvfh && half.zvfhmin && half.zfhmin && !half.zfh && !half.zvfbfmin));
  hw::Isa brain = isa("rv64gcv_zvfbfwma");
  CHECK((brain.zvfbfwma && brain.zvfbfmin && brain.zfbfmin && !brain.zfhmin));
}

TEST_CASE("ISA strings that no core here can be are refused by part") {
  CHECK_THAT(errorOf(""), Contains("must begin with rv64"));
  CHECK_THAT(errorOf("rv32gcv"), Contains("must begin with rv64"));
  CHECK_THAT(errorOf("rv64gc"), Contains("'v' is missing"));
  CHECK_THAT(errorOf("rv64v"), Contains("the base is missing"));
  CHECK_THAT(errorOf("rv64gcvh"), Contains("'h' is not supported"));
  CHECK_THAT(errorOf("rv64gcv_zvl2048b"), Contains("zvl2048b: VLEN is 128 to 1024"));
  for (const char *bad : {"rv64gcv_zvl300b", "rv64gcv_zvlb", "rv64gcv_zvl99999999999b", "rv64gcv_zbb", "rv64gcv_xfoo",
                          "rv64gcv_zfh1p", "rv64gcv_zfh_1p0", "rv64gcv__zfh", "rv64gcv_", "rv64gcv zfh"})
    CHECK(errorOf(bad).size() < 250);
  CHECK_THAT(errorOf("rv64gcv_zbb"), Contains("'zbb' is not supported") && Contains("zvfbfwma"));
  CHECK(errorOf("rv64" + std::string(100000, '\n')).size() < 400);
}

TEST_CASE("isaText is what parseIsa reads") {
  for (unsigned set = 0; set < 128; ++set)
    for (uint32_t vlen : {128u, 256u, 1024u}) {
      std::string text = "rv64gcv_zvl" + std::to_string(vlen) + "b";
      for (size_t index = 0; index < hw::optionalExtensions().size(); ++index)
        if (set >> index & 1)
          text += "_" + std::string(hw::optionalExtensions()[index]);
      hw::Isa one = isa(text);
      CHECK(isa(hw::isaText(one)) == one);
    }
  CHECK(hw::isaText(isa("rv64gcv_zvl256b_zvfhmin_zfhmin_zvfh_zfh")) == "rv64gcv_zvl256b_zfh_zvfh");
}

TEST_CASE("a description's extensions become the same type") {
  Result<hw::Hardware> machine = hw::load("rvv-mesh-16");
  REQUIRE(machine);
  CHECK(hw::isaOf(machine->parallelism.core) == isa("rv64gcv_zvl256b_zfh_zvfh_zvfbfwma"));
  machine = hw::load("rvv-mesh-16", {{"parallelism.core.extensions", "[]"}, {"parallelism.core.vlen", "1024"}});
  REQUIRE(machine);
  CHECK(hw::isaOf(machine->parallelism.core) == isa("rv64gcv_zvl1024b"));
}

TEST_CASE("custom units are extensions by their own names") {
  hw::Isa both = isa("rv64gcv_zvl256b_xweftexp_xweftdot");
  CHECK(hw::isaText(both) == "rv64gcv_zvl256b_xweftdot_xweftexp");
  CHECK(isa(hw::isaText(both)) == both);
  CHECK(hw::unitNames(both) == std::vector<std::string>{"dot", "exp"});
  CHECK_FALSE(isa("rv64gcv_zvl256b") == both);
  CHECK_THAT(errorOf("rv64gcv_xweft"), Contains("'xweft' is not supported") && Contains("xweftdot"));
  CHECK_THAT(errorOf("rv64gcv_dot"), Contains("not supported"));

  Result<hw::Hardware> machine = hw::load("rvv-mesh-16", {{"parallelism.core.units", "[exp, dot]"}});
  REQUIRE(machine);
  CHECK(hw::isaOf(machine->parallelism.core) == isa("rv64gcv_zvl256b_zfh_zvfh_zvfbfwma_xweftdot_xweftexp"));
  Result<hw::Hardware> plain = hw::load("rvv-mesh-16");
  REQUIRE(plain);
  CHECK(hw::coreDigest(*plain) != hw::coreDigest(*machine));
  CHECK_FALSE(hw::isaOf(plain->parallelism.core).hasUnits());
}
