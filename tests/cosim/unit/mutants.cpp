// cosim_mutants UNIT LIST: runs the co-simulation of a unit on each mutant of its netlist, and prints how many it kills
// and which survive. LIST has the mutants, a line each, in the order of their numbers, as Yosys wrote it.
#include "sim/cosim/unit/UnitBench.h"
#include "sim/cosim/unit/VerilatedUnit.h"
#include "tests/cosim/unit/ExpAim.h"

#include "Vweft_mutants_dot.h"
#include "Vweft_mutants_exp.h"

#include <fmt/format.h>

#include <fstream>

using namespace weft;
using namespace weft::cosim;

namespace {

constexpr UnitVariant variant = {"", 64, 128}; // tests/cosim/unit/CMakeLists.txt
constexpr uint64_t instructionsPerRun = 8000, runs = 2;
/// Just below what is reached; docs/rtl.md shows of each of the others that it changes nothing.
double leastKilledPercent(const units::Unit &unit) { return unit.name == "dot" ? 87 : 84.5; }

/// What comes before the random instructions of a run; made once for all mutants.
const std::deque<UnitInstruction> &directed(const units::Unit &unit, uint64_t seed) {
  static const std::deque<UnitInstruction> none,
      everyHalf = everyBfloat16(units::find("exp")->instructions[0], variant.vlenBits),
      aimed = aimedAtExp(variant.vlenBits, 1);
  return unit.name != "exp" ? none : seed == 1 ? aimed : everyHalf;
}

/// What kills it, in which cycle; empty: it survives.
std::string killerOf(const units::Unit &unit, uint32_t mutant) {
  for (uint64_t seed = 1; seed <= runs; ++seed) {
    UnitModelOptions options;
    options.seed = seed;
    options.mutant = mutant;
    const std::unique_ptr<UnitModel> model = unit.name == "dot" ? makeVerilatedUnit<Vweft_mutants_dot>(options)
                                                                : makeVerilatedUnit<Vweft_mutants_exp>(options);
    Random random(seed);
    std::deque<UnitInstruction> first = directed(unit, seed);
    uint64_t left = instructionsPerRun;
    const auto next = [&]() -> std::optional<UnitInstruction> {
      if (!first.empty()) {
        UnitInstruction each = std::move(first.front());
        first.pop_front();
        return each;
      }
      return left-- > 0 ? std::optional(randomInstruction(unit, variant.vlenBits, random)) : std::nullopt;
    };
    UnitBench bench(*model, variant, next, seed, true, nullptr);
    while (bench.cycle())
      ;
    if (bench.mismatch())
      return fmt::format("cycle {}: {}", bench.mismatch()->cycle,
                         bench.mismatch()->text.substr(0, bench.mismatch()->text.find_first_of(":\n")));
  }
  return {};
}

} // namespace

int main(int count, char **values) {
  const units::Unit *unit = count == 3 ? units::find(values[1]) : nullptr;
  std::ifstream list(count == 3 ? values[2] : "");
  if (!unit || !list) {
    fmt::print(stderr, "usage: cosim_mutants UNIT LIST\n");
    return 2;
  }
  if (const std::string killer = killerOf(*unit, 0); !killer.empty()) {
    fmt::print("the netlist without a mutant fails: {}\n", killer);
    return 1;
  }
  uint32_t mutants = 0, killed = 0;
  for (std::string line; std::getline(list, line);) {
    ++mutants;
    const std::string killer = killerOf(*unit, mutants);
    killed += !killer.empty();
    if (killer.empty())
      fmt::print("mutant {} survives: {}\n", mutants, line.substr(line.find("-mode")));
  }
  fmt::print("unit {}: {} of {} mutants killed, {:.1f} %\n", unit->name, killed, mutants, 100.0 * killed / mutants);
  return 100.0 * killed < leastKilledPercent(*unit) * mutants;
}
