#include "tests/iss/Shrink.h"

#include "tests/iss/Encode.h"
#include "tests/iss/Simulator.h"

#include <cstring>
#include <fmt/format.h>

namespace weft::isstest {

namespace {
using Units = std::vector<Unit>;

/// All lists with one unit less or with a branch or loop replaced by its body; `edit` says whether to keep the change.
/// True if one was kept.
bool removeOne(Units &units, const std::function<bool()> &stillDiffers) {
  bool changed = false;
  for (size_t i = units.size(); i > 0; --i) {
    const Units before = units;
    Unit removed = units[i - 1];
    units.erase(units.begin() + static_cast<ptrdiff_t>(i - 1));
    if (stillDiffers()) {
      changed = true;
      continue;
    }
    if (removed.kind != Unit::Kind::Plain) {
      units.insert(units.begin() + static_cast<ptrdiff_t>(i - 1), removed.body.begin(), removed.body.end());
      if (stillDiffers()) {
        changed = true;
        continue;
      }
    }
    units = before;
    changed |= removeOne(units[i - 1].body, stillDiffers);
  }
  return changed;
}

/// Units of several words, word by word.
bool removeWords(Units &units, const std::function<bool()> &stillDiffers) {
  bool changed = false;
  for (Unit &unit : units) {
    changed |= removeWords(unit.body, stillDiffers);
    for (size_t i = unit.words.size(); unit.kind == Unit::Kind::Plain && !unit.indivisible && i > 0; --i) {
      const std::vector<uint32_t> before = unit.words;
      unit.words.erase(unit.words.begin() + static_cast<ptrdiff_t>(i - 1));
      if (stillDiffers())
        changed = true;
      else
        unit.words = before;
    }
  }
  return changed;
}
} // namespace

Shrunk shrink(const Stream &stream, const Executor &qemu, const Executor &simulator) {
  Shrunk shrunk{stream, {}};
  const auto differenceOf = [&]() -> std::optional<Difference> {
    const Stream *one[] = {&shrunk.stream};
    const std::vector<Difference> differences = compare(one, qemu, simulator);
    return differences.empty() ? std::nullopt : std::optional(differences.front());
  };
  const std::optional<Difference> first = differenceOf();
  if (!first)
    return shrunk;
  shrunk.what = first->what;
  const bool qemuFailed = first->qemuFailed, simulatorFailed = first->simulatorFailed;
  const auto stillDiffers = [&] {
    const std::optional<Difference> difference = differenceOf();
    if (!difference || difference->qemuFailed != qemuFailed || difference->simulatorFailed != simulatorFailed)
      return false;
    shrunk.what = difference->what;
    return true;
  };
  while (removeOne(shrunk.stream.units, stillDiffers) || removeWords(shrunk.stream.units, stillDiffers))
    ;
  stillDiffers(); // `what` of the stream that is left
  return shrunk;
}

namespace {
uint64_t initial(const Stream &stream, int32_t offset) {
  uint64_t value = 0;
  std::memcpy(&value, stream.context.data() + (offset - context::start), sizeof value);
  return value;
}
} // namespace

std::string report(const Shrunk &shrunk) {
  const Stream &stream = shrunk.stream;
  const hw::Isa isa = isaOfStreams(stream.vlenBits);
  std::string text =
      fmt::format("seed {}, VLEN {}, at the start vtype {:#x}, vl {}, vcsr {:#x}, fcsr {:#x}\n", stream.seed,
                  stream.vlenBits, initial(stream, context::vtype), initial(stream, context::vl),
                  initial(stream, context::vcsr), initial(stream, context::fcsr));
  uint64_t pc = 0;
  for (uint32_t word : flatten(stream.units)) {
    text += fmt::format("  {:4x}: {:08x}  {}\n", pc, word, iss::disassemble(iss::decode(word, isa), pc));
    pc += lengthOf(word);
  }
  text += "after it:\n" + shrunk.what;
  text += "before it:\n";
  for (unsigned i = 1; i < 32; ++i)
    text += fmt::format("  x{:<2} {:016x}{}", i, initial(stream, context::integers + 8 * static_cast<int32_t>(i)),
                        i % 4 == 0 ? "\n" : "");
  text += "\n";
  for (unsigned i = 0; i < 32; ++i)
    text += fmt::format("  f{:<2} {:016x}{}", i, initial(stream, context::floats + 8 * static_cast<int32_t>(i)),
                        i % 4 == 3 ? "\n" : "");
  return text;
}

} // namespace weft::isstest
