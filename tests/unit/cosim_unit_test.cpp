// The RTL of the units beside their golden models. SystemC elaborates once a process, so each test case runs in its
// own.
#include "sim/cosim/unit/RtlPartner.h"
#include "sim/cosim/unit/UnitRun.h"
#include "tools/CosimUnitCommand.h"

#include <catch2/catch.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sstream>
#include <utility>

using namespace weft;

namespace {

/// What the build's tests set for one of them.
std::string setting(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::string errorOf(tools::CosimOptions options) {
  std::ostringstream out;
  Result<void> done = tools::cosimUnit(options, out);
  REQUIRE(!done);
  return done.error().message;
}

std::vector<std::string> unitsWithRtl() {
  std::vector<std::string> out;
  for (const cosim::UnitVariant &variant : cosim::unitVariants())
    if (out.empty() || out.back() != variant.unit)
      out.emplace_back(variant.unit);
  return out;
}

/// A unit that goes wrong: `change` alters what it answers.
class FaultyUnit : public cosim::UnitModel {
public:
  using Change = std::function<void(const cosim::UnitInputs &, cosim::UnitOutputs &)>;
  FaultyUnit(std::unique_ptr<cosim::UnitModel> good, Change change)
      : good(std::move(good)), change(std::move(change)) {}
  cosim::UnitOutputs settle(const cosim::UnitInputs &in) override {
    cosim::UnitOutputs out = good->settle(in);
    change(in, out);
    return out;
  }
  bool tick() override { return good->tick(); }

private:
  std::unique_ptr<cosim::UnitModel> good;
  Change change;
};

/// A unit that is right and slow: every other cycle it has no completion.
class SlowUnit : public cosim::UnitModel {
public:
  explicit SlowUnit(std::unique_ptr<cosim::UnitModel> good) : good(std::move(good)) {}
  cosim::UnitOutputs settle(const cosim::UnitInputs &in) override {
    cosim::UnitInputs slower = in;
    slower.completionReady = in.completionReady && !holdsBack;
    cosim::UnitOutputs out = good->settle(slower);
    out.completionValid = out.completionValid && !holdsBack;
    return out;
  }
  bool tick() override {
    holdsBack = !holdsBack;
    return good->tick();
  }

private:
  std::unique_ptr<cosim::UnitModel> good;
  bool holdsBack = false;
};

/// The message of a run whose copy `copy` has a wrong bit in its first result.
std::string errorOfFault(const std::string &unit, const cosim::UnitVariant &variant, uint32_t copy) {
  cosim::UnitRunOptions options{
      .unit = unit, .variant = variant, .tests = 200, .seed = 7, .coverageFile = "", .waveFile = ""};
  options.makeModel = [copy, made = 0u](const auto &of, const auto &modelOptions) mutable {
    auto model = cosim::makeUnitModel(of, modelOptions);
    if (++made == copy)
      model = std::make_unique<FaultyUnit>(std::move(model), [](const auto &, cosim::UnitOutputs &out) {
        for (uint32_t &word : out.data)
          word ^= 0x01010101;
      });
    return model;
  };
  auto report = cosim::runUnit(options);
  REQUIRE(!report);
  return report.error().message;
}

/// Runs the command that the message of a fault prints: it must do what the message promises.
void checkReplay(const std::string &unit, uint32_t dlen, uint32_t vlen, uint32_t copy) {
  const std::string message = errorOfFault(unit, *cosim::findVariant(unit, 0, dlen, vlen), copy);
  INFO(message);
  CHECK(message.starts_with(
      fmt::format("unit {}, seed 7, copy {} (bits that no reset sets: seed {}), cycle ", unit, copy, 13 + copy)));
  const std::string label = "\nreplay: weft ";
  const size_t at = message.find(label);
  REQUIRE(at != std::string::npos);
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("weft_replay_{}_{}_{}", unit, dlen, vlen);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string command = fmt::format("cd '{}' && '{}' {} > out.txt 2>&1", folder.string(), WEFT_PROGRAM,
                                          message.substr(at + label.size()));
  CHECK(std::system(command.c_str()) == 0); // the RTL itself is right
  REQUIRE(std::filesystem::exists(folder / (unit + ".fst")));
  CHECK(std::filesystem::file_size(folder / (unit + ".fst")) > 1000);
  std::filesystem::remove_all(folder);
}

} // namespace

TEST_CASE("the RTL of a unit", "[.unit]") { // one process for each unit and variant: tests/unit/CMakeLists.txt
  const std::string widths = setting("WEFT_TEST_WIDTHS"), count = setting("WEFT_TEST_COUNT");
  const size_t line = widths.find('_');
  REQUIRE(line != std::string::npos);
  tools::CosimOptions options;
  options.unit = setting("WEFT_TEST_UNIT");
  options.parameters = {"dlen=" + widths.substr(0, line), "vlen=" + widths.substr(line + 1)};
  options.tests = count.empty() ? 20000 : std::stoull(count);
  options.seed = std::stoull(setting("WEFT_TEST_SEED"));
  options.jsonPath = "-";
  std::ostringstream out;
  Result<void> done = tools::cosimUnit(options, out);
  INFO(out.str() << (done ? "" : done.error().message));
  REQUIRE(done);
  const auto report = nlohmann::json::parse(out.str());
  CHECK(report["instructions"] > options.tests * 8 / 10);
  CHECK(report["holes"].empty());
}

TEST_CASE("every vector unit is built, first with its description's defaults", "[variants]") {
  cosim::UnitModelOptions counting;
  counting.coverageFile = "/dev/null";
  for (const units::Unit &unit : units::all()) {
    if (unit.kind != units::Kind::Vector)
      continue;
    INFO(unit.name);
    bool isFirst = true;
    for (const cosim::UnitVariant &variant : cosim::unitVariants()) {
      if (variant.unit != unit.name)
        continue;
      for (const units::Parameter &parameter : unit.parameters) {
        if (parameter.name != "dlen" && parameter.name != "vlen")
          continue;
        const uint32_t width = parameter.name == "dlen" ? variant.dlenBits : variant.vlenBits;
        CHECK((!isFirst || width == parameter.fallback));
        CHECK((parameter.low <= width && width <= parameter.high));
      }
      CHECK((cosim::makeUnitModel(variant, counting) != nullptr) == isFirst);
      CHECK(cosim::makeUnitModel(variant, {}) != nullptr);
      isFirst = false;
    }
    CHECK(!isFirst);
  }
  CHECK(cosim::makeUnitModel({"sine", 128, 256}, {}) == nullptr);
  CHECK(cosim::makeUnitModel({"dot", 96, 256}, {}) == nullptr);
}

TEST_CASE("replay 64_128") { checkReplay("dot", 64, 128, 2); }
TEST_CASE("replay 128_256") { checkReplay("exp", 128, 256, 1); }

TEST_CASE("copies that only differ in time are an error", "[errors]") {
  // The second copy holds completions back now and then.
  cosim::UnitRunOptions options{
      .unit = "exp", .variant = *cosim::findVariant("exp", 0, 0, 0), .tests = 200, .coverageFile = "", .waveFile = ""};
  options.makeModel = [made = 0u](const auto &of, const auto &modelOptions) mutable {
    auto model = cosim::makeUnitModel(of, modelOptions);
    if (++made == 2)
      model = std::make_unique<SlowUnit>(std::move(model));
    return model;
  };
  auto report = cosim::runUnit(options);
  REQUIRE(!report);
  CHECK(report.error().message.starts_with("unit exp, seed 1: the copies differ, by bits that no reset sets: "));
}

TEST_CASE("what weft cosim UNIT refuses", "[errors]") {
  CHECK(errorOf({.unit = "dot", .parameters = {"lanes=3"}}) ==
        "unit dot is not verilated with these parameters; built are lanes=4 (dlen=128) vlen=256, lanes=2 (dlen=64) "
        "vlen=128, "
        "lanes=4 (dlen=128) vlen=128, lanes=8 (dlen=256) vlen=512. More stand in sim/cosim/unit/CMakeLists.txt");
  CHECK(errorOf({.unit = "dot", .parameters = {"width=3"}}) ==
        "--param width=3: not a parameter; give lanes=N (32 bits each), dlen=N or vlen=N");
  CHECK(errorOf({.unit = "dot", .parameters = {"lanes=0"}}) == "--param lanes=0: not a positive number");
  CHECK(errorOf({.unit = "dot", .parameters = {"lanes=4x"}}) == "--param lanes=4x: not a positive number");
  CHECK(errorOf({.unit = "sine"}) ==
        "there is no RTL of a unit sine; units with RTL: " + fmt::format("{}", fmt::join(unitsWithRtl(), ", ")));
  CHECK(errorOf({.unit = "exp", .parameters = {"lanes=8"}, .coverageDirectory = "x"}) ==
        "--coverage needs the model that counts it, dlen=128 vlen=256; leave out --param");
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
  auto partner = cosim::RtlPartner::create(unitsWithRtl(), 256);
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

TEST_CASE("what comes after the last completion is an error", "[errors]") {
  const units::Unit &unit = *units::find("dot");
  const cosim::UnitVariant variant = *cosim::findVariant("dot", 0, 0, 0);
  // After the only completion each of these happens once, as if something were left in the unit.
  const std::pair<std::string_view, void (*)(cosim::UnitOutputs &)> faults[] = {
      {"a completion that nobody waits for", [](cosim::UnitOutputs &out) { out.completionValid = true; }},
      {"a result beat that nobody waits for", [](cosim::UnitOutputs &out) { out.resultBeatValid = true; }},
      {"operands are taken that belong to no instruction", [](cosim::UnitOutputs &out) { out.operandReady = true; }}};
  for (const auto &[message, fault] : faults) {
    uint32_t after = 0; // settled since the completion
    FaultyUnit model(cosim::makeUnitModel(variant, {}),
                     [&after, fault = fault](const cosim::UnitInputs &in, cosim::UnitOutputs &out) {
                       if (after && ++after == 10)
                         fault(out);
                       if (!after && out.completionValid && in.completionReady)
                         after = 1;
                     });
    cosim::Random random(1);
    bool once = true;
    const auto next = [&]() -> std::optional<cosim::UnitInstruction> {
      if (!std::exchange(once, false))
        return std::nullopt;
      return cosim::randomInstruction(unit.instructions[0], unit.instructions[0].forms[0], variant.vlenBits, random);
    };
    cosim::UnitBench bench(model, variant, next, 1, false, nullptr);
    while (bench.cycle())
      ;
    REQUIRE(bench.mismatch());
    CHECK(bench.mismatch()->text == message);
    CHECK(bench.completed() == 1);
  }
}

TEST_CASE("there is a partner only for registers that something is verilated for", "[errors]") {
  auto partner = cosim::RtlPartner::create({"exp"}, 1024);
  REQUIRE(!partner);
  CHECK(partner.error().message.find("built are lanes=4 (dlen=128) vlen=256") != std::string::npos);
}
