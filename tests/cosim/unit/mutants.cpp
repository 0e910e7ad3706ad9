// cosim_mutants_UNIT LIST COUNT: runs the co-simulation of a unit on each mutant of its netlist, and prints how many it
// kills and which survive; rtl/mutants/equivalent.py judges that. LIST has the COUNT mutants, a line each, in the order
// of their numbers, as Yosys wrote it.
// The build says which unit: its name in WEFT_MUTANTS_UNIT, the class of the netlist in WEFT_MUTANTS_MODEL.
#include "sim/cosim/unit/UnitBench.h"
#include "sim/cosim/unit/VerilatedUnit.h"
#include "tests/cosim/unit/ExpAim.h"

#include WEFT_MUTANTS_HEADER

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <vector>

using namespace weft;
using namespace weft::cosim;

namespace {

constexpr UnitVariant variant = {"", 64, 128}; // tests/cosim/unit/CMakeLists.txt
constexpr uint64_t instructionsPerRun = 8000;
constexpr uint64_t runs = 2; // and a short one in which the core's ready waits for valid
/// What comes before the random instructions of a run; made once for all mutants.
const std::deque<UnitInstruction> &directed(const units::Unit &unit, uint64_t seed) {
  static const std::deque<UnitInstruction> none,
      everyHalf = everyBfloat16(units::find("exp")->instructions[0], variant.vlenBits),
      aimed = aimedAtExp(variant.vlenBits, 1);
  return unit.name != "exp" ? none : seed == 1 ? aimed : everyHalf;
}

/// Accumulators of bf16 products that cancel their sum, or nearly so: how the two compare is in their last bits then.
void aimAccumulators(UnitInstruction &instruction, Random &random) {
  if (!instruction.instruction || instruction.killed || instruction.instruction->name != "vfwbdota.vv" || random() % 2)
    return;
  std::fill(instruction.vd.begin(), instruction.vd.end(), std::byte{0});
  std::vector<std::byte> sums = expectedOf(instruction).vd;
  for (size_t at = 0; at + 4 <= sums.size(); at += 4) {
    uint32_t sum;
    std::memcpy(&sum, &sums[at], 4);
    sum ^= uint32_t(random() % 4 != 0) << 31 ^ uint32_t(random()) % (1u << random() % 20);
    std::memcpy(&sums[at], &sum, 4);
  }
  instruction.vd = std::move(sums);
}

/// What kills it, in which cycle; empty: it survives.
std::string killerOf(const units::Unit &unit, uint32_t mutant) {
  for (uint64_t seed = 1; seed <= runs + 1; ++seed) {
    UnitModelOptions options;
    options.seed = seed;
    options.mutant = mutant;
    const std::unique_ptr<UnitModel> model = makeVerilatedUnit<WEFT_MUTANTS_MODEL>(options);
    Random random(seed);
    const bool waits = seed > runs;
    std::deque<UnitInstruction> first;
    if (!waits)
      first = directed(unit, seed);
    uint64_t left = waits ? instructionsPerRun / 8 : instructionsPerRun;
    const auto next = [&]() -> std::optional<UnitInstruction> {
      if (!first.empty()) {
        UnitInstruction each = std::move(first.front());
        first.pop_front();
        return each;
      }
      if (left-- == 0)
        return std::nullopt;
      UnitInstruction each = randomInstruction(unit, variant.vlenBits, random);
      aimAccumulators(each, random);
      return each;
    };
    UnitBench bench(*model, variant, next, seed, true, nullptr);
    if (waits)
      bench.readyWaitsForValid();
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
  return 0;
}
