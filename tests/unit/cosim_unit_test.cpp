// The RTL of the units beside their golden models. SystemC elaborates once a process, so each test case runs in its
// own.
#include "sim/cosim/unit/RtlPartner.h"
#include "tools/CosimUnitCommand.h"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <sstream>

using namespace weft;

namespace {

void check(const std::string &unit, std::vector<std::string> parameters, uint64_t tests, uint64_t seed) {
  tools::CosimUnitOptions options;
  options.unit = unit;
  options.parameters = std::move(parameters);
  options.tests = tests;
  options.seed = seed;
  options.jsonPath = "-";
  std::ostringstream out;
  Result<void> done = tools::cosimUnit(options, out);
  INFO(out.str() << (done ? "" : done.error().message));
  REQUIRE(done);
  const auto report = nlohmann::json::parse(out.str());
  CHECK(report["instructions"] > tests * 8 / 10);
  CHECK(report["holes"].empty());
}

std::string errorOf(tools::CosimUnitOptions options) {
  std::ostringstream out;
  Result<void> done = tools::cosimUnit(options, out);
  REQUIRE(!done);
  return done.error().message;
}

constexpr uint64_t fast = 20000, many = 500000;

} // namespace

TEST_CASE("dot 64_128") { check("dot", {"dlen=64"}, fast, 1); }
TEST_CASE("dot 128_128") { check("dot", {"dlen=128", "vlen=128"}, fast, 2); }
TEST_CASE("dot 128_256") { check("dot", {}, fast, 3); }
TEST_CASE("dot 256_512") { check("dot", {"lanes=8"}, fast, 4); }
TEST_CASE("dot long") { check("dot", {}, many, 5); }
TEST_CASE("exp 64_128") { check("exp", {"dlen=64"}, fast, 1); }
TEST_CASE("exp 128_128") { check("exp", {"dlen=128", "vlen=128"}, fast, 2); }
TEST_CASE("exp 128_256") { check("exp", {}, fast, 3); }
TEST_CASE("exp 256_512") { check("exp", {"lanes=8"}, fast, 4); }
TEST_CASE("exp long") { check("exp", {}, many, 5); }

TEST_CASE("what weft cosim UNIT refuses", "[errors]") {
  CHECK(errorOf({.unit = "dot", .parameters = {"lanes=3"}}) ==
        "unit dot is not verilated with these parameters; built are lanes=4 (dlen=128) vlen=256, lanes=2 (dlen=64) "
        "vlen=128, "
        "lanes=4 (dlen=128) vlen=128, lanes=8 (dlen=256) vlen=512. More stand in sim/cosim/unit/CMakeLists.txt");
  CHECK(errorOf({.unit = "dot", .parameters = {"width=3"}}) ==
        "--param width=3: not a parameter; give lanes=N (32 bits each), dlen=N or vlen=N");
  CHECK(errorOf({.unit = "dot", .parameters = {"lanes=0"}}) == "--param lanes=0: not a positive number");
  CHECK(errorOf({.unit = "dot", .parameters = {"lanes=4x"}}) == "--param lanes=4x: not a positive number");
  CHECK(errorOf({.unit = "sine"}) == "there is no RTL of a unit sine; units with RTL: dot, exp");
  CHECK(errorOf({.unit = "exp", .parameters = {"lanes=8"}, .wavePath = "x.fst"}) ==
        "--coverage and --wave need the model that is built with them, dlen=128 vlen=256; leave out --param");
}

TEST_CASE("the RTL of exp has the golden model's result for every bfloat16", "[exhaustive]") {
  // That those are correctly rounded and never fall is proven in units_exp_test.cpp.
  const units::Unit &unit = *units::find("exp");
  for (const cosim::UnitVariant &variant : cosim::unitVariants()) {
    if (variant.unit != "exp")
      continue;
    for (const units::Instruction &instruction : unit.instructions) { // exp(x), and exp(x - 0)
      auto stream = cosim::everyBfloat16(instruction, variant.vlenBits);
      const auto model = cosim::makeUnitModel(variant, {});
      const auto next = [&]() -> std::optional<cosim::UnitInstruction> {
        if (stream.empty())
          return std::nullopt;
        cosim::UnitInstruction each = std::move(stream.front());
        stream.pop_front();
        return each;
      };
      cosim::UnitBench bench(*model, variant, next, 1, true, nullptr);
      while (bench.cycle())
        ;
      INFO((bench.mismatch() ? bench.mismatch()->text : ""));
      CHECK(!bench.mismatch());
      CHECK(bench.completed() == 65536 * 16 / 8 / variant.vlenBits);
    }
  }
}

TEST_CASE("the simulator's partner on the RTL does what golden models do", "[partner]") {
  auto partner = cosim::RtlPartner::create({"dot", "exp"}, 256);
  REQUIRE(partner);
  cosim::Random random(6);
  const std::span<const units::Unit> all = units::all();
  uint32_t calls = 0;
  for (uint32_t round = 0; round < 2000; ++round) {
    for (size_t unit = 0; unit < all.size(); ++unit) {
      if (!(*partner)->runs(unit))
        continue;
      cosim::UnitInstruction instruction = cosim::randomInstruction(all[unit], 256, random);
      if (!instruction.instruction)
        continue;
      instruction.killed = false;
      const cosim::Expected expected = cosim::expectedOf(instruction);
      const auto flags = (*partner)->execute(unit, *instruction.instruction, instruction.word, instruction.call());
      INFO((flags ? "" : flags.error().message));
      REQUIRE(flags);
      CHECK(*flags == expected.flags);
      CHECK(instruction.vd == expected.vd);
      ++calls;
    }
  }
  CHECK(calls > 3000);

  // A wrong golden model stands for wrong RTL: the partner says so.
  units::Instruction wrong = *std::find_if(all[0].instructions.begin(), all[0].instructions.end(),
                                           [](const units::Instruction &each) { return each.name == "vqdot.vx"; });
  wrong.golden = [](const units::VectorCall &call) {
    call.vd[0] ^= std::byte(1);
    return uint8_t(0);
  };
  cosim::UnitInstruction instruction = cosim::randomInstruction(wrong, wrong.forms[0], 256, random);
  instruction.vl = 4;
  instruction.masked = false;
  instruction.word = wrong.match | units::maskBit;
  const auto refused = (*partner)->execute(0, wrong, instruction.word, instruction.call());
  REQUIRE(!refused);
  CHECK(refused.error().message.find("another result at byte 0 of vd") != std::string::npos);
}

TEST_CASE("there is a partner only for registers that something is verilated for", "[errors]") {
  auto partner = cosim::RtlPartner::create({"exp"}, 1024);
  REQUIRE(!partner);
  CHECK(partner.error().message.find("built are lanes=4 (dlen=128) vlen=256") != std::string::npos);
}
