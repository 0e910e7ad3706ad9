#include "sim/cosim/unit/RtlPartner.h"

#include "sim/cosim/unit/UnitRun.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace weft::cosim {

namespace {

constexpr uint64_t stallSeed = 1, initialSeed = 1;

UnitInstruction copyOf(const units::Instruction &instruction, uint32_t word, const units::VectorCall &call) {
  UnitInstruction out;
  out.instruction = &instruction;
  out.word = word;
  out.vlenBits = call.vlenBits;
  out.sewBits = call.sewBits;
  out.lmulEighths = call.lmulEighths;
  out.vl = call.vl;
  out.alternate = call.alternate;
  out.masked = call.mask != nullptr;
  out.scalar = call.scalar;
  const uint32_t registerBytes = call.vlenBits / 8;
  const uint32_t groupBytes = std::max(registerBytes * call.lmulEighths / 8, registerBytes);
  if (instruction.format == units::Format::Batched)
    out.batch = call.immediate;
  const bool batched = out.isBatched();
  const auto copy = [](const std::byte *from, uint32_t bytes) {
    return from ? std::vector<std::byte>(from, from + bytes) : std::vector<std::byte>();
  };
  out.vs2 = copy(call.vs2, batched ? 8 * registerBytes : groupBytes);
  out.vs1 = copy(call.vs1, groupBytes);
  out.vd = copy(call.vd, batched ? std::max(registerBytes, 32u) : groupBytes);
  out.mask = copy(call.mask, registerBytes);
  return out;
}

} // namespace

std::optional<UnitInstruction> RtlPartner::Bench::take() { return std::exchange(next, std::nullopt); }

RtlPartner::Bench::Bench(std::unique_ptr<UnitModel> unitModel, const UnitVariant &variant)
    : model(std::move(unitModel)), bench(*model, variant, [this] { return take(); }, stallSeed, true, nullptr) {}

Result<std::unique_ptr<RtlPartner>> RtlPartner::create(const std::vector<std::string> &names, uint32_t vlenBits) {
  auto partner = std::make_unique<RtlPartner>();
  const std::span<const units::Unit> all = units::all();
  partner->benches.resize(all.size());
  for (const std::string &name : names) {
    const Result<UnitVariant> variant = findVariant(name, 0, 0, vlenBits);
    if (!variant)
      return variant.error();
    const auto unit = std::find_if(all.begin(), all.end(), [&](const units::Unit &each) { return each.name == name; });
    partner->benches[size_t(unit - all.begin())] = std::make_unique<Bench>(
        makeUnitModel(*variant, {.seed = initialSeed, .coverageFile = {}, .waveFile = {}}), *variant);
  }
  return partner;
}

Result<uint8_t> RtlPartner::execute(size_t unit, const units::Instruction &instruction, uint32_t word,
                                    const units::VectorCall &call) {
  Bench &with = *benches[unit];
  with.next = copyOf(instruction, word, call);
  with.bench.resume();
  while (with.bench.cycle())
    ;
  if (const auto &wrong = with.bench.mismatch())
    return userError(fmt::format("the RTL of unit {}, call {}, cycle {}: {}\n{}", units::all()[unit].name, calls,
                                 wrong->cycle, wrong->text, replay()));
  std::memcpy(call.vd, with.bench.lastDestination.data(), with.bench.lastDestination.size());
  return uint8_t(with.bench.lastFlags);
}

std::vector<std::pair<std::string, uint64_t>> RtlPartner::instructions() const {
  std::vector<std::pair<std::string, uint64_t>> out;
  for (size_t unit = 0; unit < benches.size(); ++unit)
    if (benches[unit])
      out.emplace_back(units::all()[unit].name, benches[unit]->bench.completed());
  return out;
}

std::string RtlPartner::replay() const {
  return fmt::format(
      "replay: the same command again, it makes the same calls; the RTL's stalls come from seed {}, bits "
      "that no reset sets from seed {}",
      stallSeed, initialSeed);
}

} // namespace weft::cosim
