// cosim_mutants_UNIT LIST COUNT: runs the co-simulation of a unit on each mutant of its netlist, and prints how many it
// kills and which survive. LIST has the COUNT mutants, a line each, in the order of their numbers, as Yosys wrote it.
// The build says which unit: its name in WEFT_MUTANTS_UNIT, the class of the netlist in WEFT_MUTANTS_MODEL.
#include "sim/cosim/unit/UnitBench.h"
#include "sim/cosim/unit/VerilatedUnit.h"
#include "tests/cosim/unit/ExpAim.h"

#include WEFT_MUTANTS_HEADER

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <fstream>
#include <vector>

using namespace weft;
using namespace weft::cosim;

namespace {

constexpr UnitVariant variant = {"", 64, 128}; // tests/cosim/unit/CMakeLists.txt
constexpr uint64_t instructionsPerRun = 8000, runs = 2;
/// Just below what is reached; docs/rtl.md says what is known of the others.
double leastKilledPercent(const units::Unit &unit) { return unit.name == "dot" ? 86 : 80; }

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
    const std::unique_ptr<UnitModel> model = makeVerilatedUnit<WEFT_MUTANTS_MODEL>(options);
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

/// The mutants of a list: what follows "-mode" says which they are.
std::vector<std::string> readList(std::istream &list) {
  std::vector<std::string> mutants;
  for (std::string line; std::getline(list, line);)
    if (const size_t mode = line.find("-mode"); mode != std::string::npos)
      mutants.push_back(line.substr(mode));
  return mutants;
}

} // namespace

int main(int count, char **values) {
  const units::Unit *unit = units::find(WEFT_MUTANTS_UNIT);
  std::ifstream list(count == 3 ? values[1] : "");
  size_t wanted = 0;
  if (count == 3)
    std::from_chars(values[2], values[2] + std::strlen(values[2]), wanted);
  if (!unit || !list || !wanted) {
    fmt::print(stderr, "usage: cosim_mutants_" WEFT_MUTANTS_UNIT " LIST COUNT\n");
    return 2;
  }
  const std::vector<std::string> mutants = readList(list);
  if (mutants.size() != wanted) {
    fmt::print(stderr, "{} has {} mutants instead of {}\n", values[1], mutants.size(), wanted);
    return 2;
  }
  if (const std::string killer = killerOf(*unit, 0); !killer.empty()) {
    fmt::print("the netlist without a mutant fails: {}\n", killer);
    return 1;
  }
  uint32_t killed = 0;
  for (uint32_t mutant = 1; mutant <= wanted; ++mutant) {
    const bool dies = !killerOf(*unit, mutant).empty();
    killed += dies;
    if (!dies)
      fmt::print("mutant {} survives: {}\n", mutant, mutants[mutant - 1]);
  }
  fmt::print("unit {}: {} of {} mutants killed, {:.1f} %\n", unit->name, killed, wanted, 100.0 * killed / wanted);
  return 100.0 * killed < leastKilledPercent(*unit) * wanted;
}
