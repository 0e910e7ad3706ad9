#include "sim/cosim/mesh/Compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace weft::cosim {
namespace {

class Comparison {
public:
  explicit Comparison(const ComparedDevices &devices) : devices(devices) {}

  void arrivals() {
    const ArrivalLog &engine = *devices.engineLog, &routers = *devices.routerLog;
    result.words += compare(engine.arrivals, routers.arrivals, [&](uint32_t core) { return coreName(core); });
    result.hostWords += compare(engine.hostArrivals, routers.hostArrivals,
                                [](uint32_t line) { return fmt::format("host, line {}", line); });
    if (!devices.routerLog->inOrder)
      differ("words are numbered out of order");
  }

  void ends() {
    for (const auto &[core, cycle] : devices.engineLog->coreEnds) {
      auto found = devices.routerLog->coreEnds.find(core);
      if (found == devices.routerLog->coreEnds.end() || found->second != cycle)
        differ(fmt::format("{} ends in cycle {} of the engine, and {} of the routers", coreName(core), cycle,
                           found == devices.routerLog->coreEnds.end() ? "none" : std::to_string(found->second)));
    }
  }

  Result<void> memory() {
    for (uint32_t y = 0; devices.sramBytes && y < devices.height; ++y)
      for (uint32_t x = 0; x < devices.width; ++x) {
        auto expected = devices.engine->readSram(x, y, 0, devices.sramBytes);
        auto seen = devices.routers->readSram(x, y, 0, devices.sramBytes);
        if (!expected || !seen)
          return expected ? seen.takeError() : expected.takeError();
        result.bytesCompared += devices.sramBytes;
        auto [a, b] = std::mismatch(expected->begin(), expected->end(), seen->begin());
        if (a != expected->end())
          differ(fmt::format("core ({}, {}): byte {} of SRAM is {:#x} in the engine, {:#x} with the routers", x, y,
                             a - expected->begin(), static_cast<unsigned>(*a), static_cast<unsigned>(*b)));
      }
    return success();
  }

  void results(const runtime::LaunchResult &expected, const runtime::LaunchResult &seen) {
    result.engineCycles = expected.report.cycles;
    result.routerCycles = seen.report.cycles;
    if (expected.report.cycles != seen.report.cycles)
      differ(fmt::format("the launch takes {} cycles in the engine, {} with the routers", expected.report.cycles,
                         seen.report.cycles));
    const bool same = std::equal(expected.outputs.begin(), expected.outputs.end(), seen.outputs.begin(),
                                 seen.outputs.end(), [](const auto &a, const auto &b) { return a.bytes == b.bytes; });
    if (!same)
      differ("the outputs differ");
  }

  LaunchComparison result;

private:
  /// The number of words that are expected; `name` of a place's first number.
  template <class Name>
  uint64_t compare(const ArrivalLog::Arrivals &expected, const ArrivalLog::Arrivals &seen, Name name) {
    static const std::vector<uint64_t> none;
    auto at = [](const ArrivalLog::Arrivals &of, std::pair<uint32_t, uint32_t> place) -> const std::vector<uint64_t> & {
      auto found = of.find(place);
      return found == of.end() ? none : found->second;
    };
    uint64_t sum = 0;
    for (const auto &[place, cycles] : expected) {
      sum += cycles.size();
      words(name(place.first), place.second, cycles, at(seen, place));
    }
    for (const auto &[place, cycles] : seen)
      if (!expected.count(place))
        words(name(place.first), place.second, none, cycles);
    return sum;
  }
  void words(const std::string &place, uint32_t channel, const std::vector<uint64_t> &expected,
             const std::vector<uint64_t> &seen) {
    for (size_t i = 0; i < std::max(expected.size(), seen.size()); ++i) {
      auto at = [&](const std::vector<uint64_t> &of) { return i < of.size() ? std::to_string(of[i]) : "none"; };
      if (i >= expected.size() || i >= seen.size() || expected[i] != seen[i])
        differ(fmt::format("{}, channel '{}', word {}: arrives in cycle {} of the engine, {} of the routers", place,
                           devices.program->channels[channel]->name, i, at(expected), at(seen)));
    }
  }
  void differ(const std::string &what) {
    if (!result.mismatches++)
      result.first = what;
  }
  std::string coreName(uint32_t core) const {
    return fmt::format("core ({}, {})", core % devices.width, core / devices.width);
  }

  const ComparedDevices &devices;
};

} // namespace

uint64_t ArrivalLog::words() const {
  uint64_t sum = 0;
  for (const Arrivals *each : {&arrivals, &hostArrivals})
    for (const auto &[place, cycles] : *each)
      sum += cycles.size();
  return sum;
}

Result<LaunchComparison> compareLaunch(const ComparedDevices &devices, const runtime::Launch &launch) {
  auto expected = devices.engine->run(launch);
  if (expected && devices.engineEnded)
    devices.engineEnded(devices.engineLog->cycles, devices.engineLog->words());
  auto seen = devices.routers->run(launch);
  if (!expected && !seen)
    return expected.takeError();
  if (!expected)
    return userError("the engine fails, the routers do not: " + expected.error().message);
  if (!seen)
    return userError("the routers fail, the engine does not: " + seen.error().message);
  Comparison comparison(devices);
  comparison.arrivals();
  comparison.ends();
  comparison.results(*expected, *seen);
  if (auto ok = comparison.memory(); !ok)
    return ok.takeError();
  return std::move(comparison.result);
}

} // namespace weft::cosim
