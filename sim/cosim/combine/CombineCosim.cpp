#include "sim/cosim/combine/CombineCosim.h"

#include "Vrouter_combine.h"
#include "kernels/units/Router.h"
#include "sim/cosim/toggles/Toggles.h"

#include <fmt/format.h>
#include <verilated.h>
#include <verilated_cov.h>
#include <verilated_fst_c.h>

#include <array>
#include <bit>
#include <random>

namespace weft::cosim {
namespace {

constexpr std::array<const char *, 6> operations = {"add_f32", "max_f32", "add_bf16", "max_bf16", "add_i32", "max_i32"};
constexpr std::array<const char *, 8> classes = {"zero",  "subnormal", "normal", "near",
                                                 "large", "infinite",  "nan",    "any"};

/// A number of 32 or 16 bits with 8 bits of exponent. "near" ones have exponents so close to each other that digits
/// cancel, tie and carry.
uint32_t operand(uint32_t kind, uint32_t fractionBits, std::mt19937 &random) {
  const uint32_t sign = random() & 1, fraction = random() & ((1u << fractionBits) - 1);
  auto pack = [&](uint32_t exponent, uint32_t digits) {
    return sign << (fractionBits + 8) | exponent << fractionBits | digits;
  };
  switch (kind) {
  case 0:
    return pack(0, 0);
  case 1:
    return pack(0, random() & 1 ? fraction | 1 : 1u << random() % fractionBits);
  case 2:
    return pack(1 + random() % 254, fraction);
  case 3: { // few digits: sums tie, cancel and carry often
    const uint32_t digits = random() % 3 ? fraction & ~((1u << random() % fractionBits) - 1) : (1u << fractionBits) - 1;
    return pack(random() % 4 ? 120 + random() % 6 : 120 + random() % 28, digits);
  }
  case 4:
    return pack(252 + random() % 3, random() & 1 ? fraction : (1u << fractionBits) - 1);
  case 5:
    return pack(255, 0);
  case 6:
    return pack(255, fraction | 1u << random() % fractionBits);
  default:
    return pack(random() & 255, fraction);
  }
}

/// A route that combines nothing: the low word passes. The RTL's three bits can say more than there are operations.
template <typename Evaluate>
Result<void> checkNoOperation(Vrouter_combine &unit, std::mt19937 &random, const Evaluate &evaluate) {
  for (const uint32_t operation : {0, 7}) {
    unit.op_i = static_cast<uint8_t>(operation);
    unit.lower_i = random();
    unit.higher_i = random();
    evaluate();
    if (unit.result_o != unit.lower_i)
      return userError(fmt::format("router: with {}, no operation, {:#010x} and {:#010x} give {:#010x} in RTL",
                                   operation, uint32_t{unit.lower_i}, uint32_t{unit.higher_i},
                                   uint32_t{unit.result_o}));
  }
  return success();
}

} // namespace

std::vector<std::string> CombineCosimReport::missing() const {
  std::vector<std::string> names;
  for (const auto &[name, times] : bins)
    if (!times)
      names.push_back(name);
  return names;
}

Result<CombineCosimReport> runCombineCosim(const CombineCosimOptions &options) {
  const ToggleWave toggles(options.togglePath, "");
  VerilatedContext context;
  context.traceEverOn(!toggles.path().empty());
  Vrouter_combine unit(&context);
  VerilatedFstC wave;
  if (!toggles.path().empty()) {
    unit.trace(&wave, 99);
    wave.open(toggles.path().c_str());
  }
  const auto evaluate = [&] {
    unit.eval();
    if (wave.isOpen())
      wave.dump(context.time());
    context.timeInc(1);
  };
  std::mt19937 random(static_cast<uint32_t>(options.seed));
  CombineCosimReport report;
  std::array<std::array<std::array<uint64_t, classes.size()>, classes.size()>, operations.size()> met{};
  for (uint32_t operation = 0; operation < operations.size(); ++operation)
    for (uint64_t test = 0; test < options.tests; ++test) {
      const uint32_t kindA = random() % classes.size(), kindB = random() % classes.size();
      const bool pairs = operation == 2 || operation == 3;
      auto word = [&](uint32_t kind) {
        return pairs ? operand(kind, 7, random) << 16 | operand(random() % 3 ? kind : 7, 7, random)
                     : operand(kind, 23, random);
      };
      const uint32_t a = word(kindA), b = test % 16 == 0 ? a ^ (random() & 1) << 31 : word(kindB);
      unit.op_i = static_cast<uint8_t>(operation + 1);
      unit.lower_i = a;
      unit.higher_i = b;
      evaluate();
      const uint32_t expected = units::combine(static_cast<units::Combine>(operation + 1), a, b);
      if (unit.result_o != expected)
        return userError(fmt::format("router: {} of {:#010x} and {:#010x} is {:#010x} in RTL, {:#010x} in the model; "
                                     "again: weft cosim router --seed {} --tests {}",
                                     operations[operation], a, b, uint32_t{unit.result_o}, expected, options.seed,
                                     options.tests));
      met[operation][kindA][kindB] += test % 16 != 0;
      report.signature = std::rotl(report.signature, 7) ^ expected;
      ++report.operations;
    }
  if (Result<void> passed = checkNoOperation(unit, random, evaluate); !passed)
    return passed.error();
  unit.final();
  wave.close();
  if (!options.coveragePath.empty())
    context.coveragep()->write(options.coveragePath.c_str());
  if (Result<void> counted = toggles.count(); !counted)
    return counted.error();
  for (size_t operation = 0; operation < operations.size(); ++operation)
    for (size_t a = 0; a < classes.size(); ++a)
      for (size_t b = 0; b < classes.size(); ++b)
        report.bins[fmt::format("{} {} {}", operations[operation], classes[a], classes[b])] = met[operation][a][b];
  return report;
}

} // namespace weft::cosim
