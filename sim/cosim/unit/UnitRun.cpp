#include "sim/cosim/unit/UnitRun.h"

#include "sim/cosim/toggles/Toggles.h"
#include "sim/cosim/unit/UnitBench.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <systemc>

#include <algorithm>
#include <bit>
#include <set>

// SystemC's library refers to it; we start the simulation ourselves.
extern "C" [[gnu::weak]] int sc_main(int, char **) { return 0; }

namespace weft::cosim {
namespace {

/// A bench at the clock of the simulation.
class BenchModule : public sc_core::sc_module {
public:
  BenchModule(sc_core::sc_module_name name, UnitBench &bench) : sc_core::sc_module(name), bench(bench) {
    SC_HAS_PROCESS(BenchModule);
    SC_METHOD(step);
    sensitive << clock.pos();
    dont_initialize();
  }
  sc_core::sc_in<bool> clock{"clock"};
  bool runs() const { return running; }

private:
  void step() {
    if (running)
      running = bench.cycle();
  }
  UnitBench &bench;
  bool running = true;
};

/// All instructions of a run: the same again for each source that is made.
UnitBench::Source sourceOf(const units::Unit &unit, const UnitRunOptions &options) {
  struct State {
    Random random;
    uint64_t left;
  };
  auto state = std::make_shared<State>(State{Random(options.seed), options.tests});
  return [&unit, state, vlen = options.variant.vlenBits]() -> std::optional<UnitInstruction> {
    if (!state->left)
      return std::nullopt;
    --state->left;
    return randomInstruction(unit, vlen, state->random);
  };
}

constexpr uint32_t coveredCopy = 1;

/// Of the bits that no reset sets.
uint64_t initialSeed(const UnitRunOptions &options, uint32_t copy) { return options.seed * 2 + copy - 1; }

std::string replayOf(const UnitRunOptions &options, uint32_t copy) {
  return fmt::format("weft cosim {} --param dlen={} --param vlen={} --tests {} --seed {} --wave {}.fst --wave-copy {}",
                     options.unit, options.variant.dlenBits, options.variant.vlenBits, options.tests, options.seed,
                     options.unit, copy);
}

/// `covered`: where the waveform of the copy that counts coverage goes; empty: nowhere.
Result<void> runRandom(const units::Unit &unit, const UnitRunOptions &options, const std::string &covered,
                       UnitReport &report) {
  UnitCoverage coverage(unit, options.variant.vlenBits, options.variant.dlenBits);
  const auto makeCopy = [&](uint32_t copy) {
    UnitModelOptions out;
    out.seed = initialSeed(options, copy);
    if (copy == coveredCopy) {
      out.coverageFile = options.coverageFile;
      out.waveFile = covered;
    } else if (copy == options.waveCopy) {
      out.waveFile = options.waveFile;
    }
    return options.makeModel(options.variant, out);
  };
  std::unique_ptr<UnitModel> models[2] = {makeCopy(1), makeCopy(2)};
  UnitBench first(*models[0], options.variant, sourceOf(unit, options), options.seed, true, &coverage);
  UnitBench second(*models[1], options.variant, sourceOf(unit, options), options.seed, true, nullptr);
  sc_core::sc_clock clock(sc_core::sc_gen_unique_name("clock"), sc_core::sc_time(1, sc_core::SC_NS));
  BenchModule modules[2] = {{sc_core::sc_gen_unique_name("first"), first},
                            {sc_core::sc_gen_unique_name("second"), second}};
  for (BenchModule &module : modules)
    module.clock(clock);
  while (modules[0].runs() || modules[1].runs())
    sc_core::sc_start(sc_core::sc_time(1000, sc_core::SC_NS));

  const UnitBench *benches[] = {&first, &second};
  for (uint32_t copy : {1, 2})
    if (const auto &wrong = benches[copy - 1]->mismatch())
      return userError(fmt::format(
          "unit {}, seed {}, copy {} (bits that no reset sets: seed {}), cycle {}: {}\nreplay: {}", options.unit,
          options.seed, copy, initialSeed(options, copy), wrong->cycle, wrong->text, replayOf(options, copy)));
  if (first.signature() != second.signature() || first.cycles() != second.cycles() ||
      first.completed() != second.completed())
    return userError(fmt::format(
        "unit {}, seed {}: the copies differ, by bits that no reset sets: {} instructions in {} cycles, signature "
        "{:016x}; {} in {}, {:016x}\nreplay: {}",
        options.unit, options.seed, first.completed(), first.cycles(), first.signature(), second.completed(),
        second.cycles(), second.signature(), replayOf(options, 2)));
  report.instructions = first.completed();
  report.cycles = first.cycles();
  report.signature = first.signature();
  report.bins = coverage.declared();
  report.holes = coverage.holes();
  return success();
}

/// Every instruction in every form, twice in a row, with all elements and without stalls. LMUL is the largest one, so
/// that there are several beats however wide a beat is.
Result<void> measure(const units::Unit &unit, const UnitRunOptions &options, UnitReport &report) {
  std::vector<UnitInstruction> stream;
  Random random(options.seed);
  for (const units::Instruction &instruction : unit.instructions) {
    const uint32_t lmulEighths = std::bit_floor(uint32_t(instruction.lmuls)); // bit i of lmuls: 2^i eighths
    for (const units::Form &form : instruction.forms) {
      UnitInstruction each;
      do
        each = randomInstruction(instruction, form, options.variant.vlenBits, random);
      while (each.lmulEighths != lmulEighths || each.vl != options.variant.vlenBits * lmulEighths / 8 / form.sewBits);
      stream.push_back(each);
    }
  }
  UnitModelOptions modelOptions;
  modelOptions.seed = options.seed;
  for (const units::Pipeline &pipeline : unit.pipelines)
    report.pipelines.push_back({std::string(pipeline.name),
                                pipeline.latency(options.variant.vlenBits, options.variant.dlenBits), pipeline.interval,
                                0, 0, true});
  for (const UnitInstruction &each : stream) {
    const std::unique_ptr<UnitModel> model = options.makeModel(options.variant, modelOptions);
    uint32_t left = 2;
    UnitBench bench(
        *model, options.variant, [&]() { return left-- > 0 ? std::optional(each) : std::nullopt; }, options.seed, false,
        nullptr);
    bench.keepTimes = true;
    while (bench.cycle())
      ;
    if (bench.mismatch())
      return userError(fmt::format("unit {}, while its latency is measured: {}", options.unit, bench.mismatch()->text));
    MeasuredPipeline &to = report.pipelines[each.instruction->pipeline];
    const auto note = [&](uint32_t &into, uint64_t value) {
      if (into && into != value)
        to.steady = false;
      into = std::max(into, uint32_t(value));
    };
    for (const UnitTimes &times : bench.times) {
      for (size_t i = 0; i < times.beats.size(); ++i)
        note(to.measuredLatency, times.offered[i] - times.taken[times.beats[i].lastOperandBeat]);
      for (size_t i = 1; i < times.taken.size(); ++i)
        note(to.measuredInterval, times.taken[i] - times.taken[i - 1]);
    }
  }
  return success();
}

} // namespace

Result<UnitVariant> findVariant(const std::string &unit, uint32_t lanes, uint32_t dlenBits, uint32_t vlenBits) {
  std::string built;
  std::set<std::string_view> units;
  for (const UnitVariant &each : unitVariants()) {
    units.insert(each.unit);
    if (each.unit != unit)
      continue;
    if ((!lanes || lanes * 32 == each.dlenBits) && (!dlenBits || dlenBits == each.dlenBits) &&
        (!vlenBits || vlenBits == each.vlenBits))
      return each;
    built += fmt::format("{}lanes={} (dlen={}) vlen={}", built.empty() ? "" : ", ", each.dlenBits / 32, each.dlenBits,
                         each.vlenBits);
  }
  if (built.empty())
    return userError(fmt::format("there is no RTL of a unit {}; units with RTL: {}", unit, fmt::join(units, ", ")));
  return userError(fmt::format("unit {} is not verilated with these parameters; built are {}. More stand in "
                               "sim/cosim/unit/CMakeLists.txt",
                               unit, built));
}

Result<UnitReport> runUnit(const UnitRunOptions &options) {
  const units::Unit *unit = units::find(options.unit);
  if (!unit)
    return userError(fmt::format("there is no unit {}", options.unit));
  UnitReport report;
  const ToggleWave covered(options.toggleFile, options.waveCopy == coveredCopy ? options.waveFile : "");
  if (Result<void> ran = runRandom(*unit, options, covered.path(), report); !ran)
    return ran.error();
  if (Result<void> counted = covered.count(); !counted)
    return counted.error();
  if (Result<void> measured = measure(*unit, options, report); !measured)
    return measured.error();
  return report;
}

} // namespace weft::cosim
