#include "runtime/LoadMap.h"

#include "hw-models/CoreModel.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <span>

namespace weft::runtime {

Bins Bins::of(uint32_t width, uint32_t height, uint32_t most) {
  const uint32_t longer = std::max(width, height);
  return {width, height, std::max(1u, (longer + most - 1) / most)};
}

namespace {

/// Of the numbers of `parts` at core (x, y), those that there are.
template <typename Has> Plane binned(std::span<const std::vector<uint64_t>> parts, const Bins &bins, Has has) {
  Plane plane;
  const uint32_t columns = bins.columns();
  std::vector<uint64_t> sums(size_t{columns} * bins.rows()), largest(sums.size()), counts(sums.size());
  for (uint32_t part = 0; part < parts.size(); ++part)
    for (uint32_t y = 0; y < bins.height; ++y)
      for (uint32_t x = 0; x < bins.width; ++x) {
        if (!has(part, x, y))
          continue;
        const uint64_t value = parts[part][size_t{y} * bins.width + x];
        const size_t bin = size_t{y / bins.side} * columns + x / bins.side;
        sums[bin] += value;
        largest[bin] = std::max(largest[bin], value);
        ++counts[bin];
      }
  for (size_t bin = 0; bin < sums.size(); ++bin) {
    plane.mean.push_back(
        static_cast<float>(static_cast<double>(sums[bin]) / static_cast<double>(std::max<uint64_t>(counts[bin], 1))));
    plane.largest.push_back(static_cast<float>(largest[bin]));
    plane.sum += static_cast<double>(sums[bin]);
    plane.highest = std::max(plane.highest, static_cast<double>(largest[bin]));
  }
  return plane;
}

} // namespace

Plane binned(const std::vector<uint64_t> &cores, const Bins &bins) {
  return binned(std::span(&cores, 1), bins, [](uint32_t, uint32_t, uint32_t) { return true; });
}

Plane binned(const LinkWords &links, const Bins &bins) {
  return binned(std::span<const std::vector<uint64_t>>(links), bins, [&](uint32_t to, uint32_t x, uint32_t y) {
    return (to != East || x + 1 < bins.width) && (to != South || y + 1 < bins.height);
  });
}

Plane sramPlane(const std::vector<SramClass> &classes, size_t program, const Bins &bins) {
  std::vector<uint64_t> bytes(size_t{bins.width} * bins.height);
  for (const SramClass &cls : classes)
    for (uint32_t y = 0; y < bins.height; ++y)
      for (uint32_t x = 0; x < bins.width; ++x)
        if (cls.cores.contains(x, y))
          bytes[size_t{y} * bins.width + x] = cls.programs[program].total;
  return binned(bytes, bins);
}

nlohmann::json machineJson(const hw::Hardware &hardware) {
  const hw::CoreRates rates = hw::ratesOf(hardware);
  return {{"macs_f32", rates.macsF32},
          {"macs_f16", rates.macsF16},
          {"load_bytes", rates.loadBytes},
          {"store_bytes", rates.storeBytes},
          {"link_bytes", hardware.routing.linkBytes},
          {"sram_bytes", hardware.usableBytes()}};
}

namespace {

/// "5 5 5 7" -> "5*3 7"
template <typename T> std::string runs(const T *values, size_t count) {
  std::string out;
  for (size_t i = 0; i < count;) {
    size_t end = i + 1;
    while (end < count && values[end] == values[i])
      ++end;
    out += fmt::format("{}{:.6g}", out.empty() ? "" : " ", static_cast<double>(values[i]));
    if (end - i > 1)
      out += fmt::format("*{}", end - i);
    i = end;
  }
  return out;
}

nlohmann::json grid(const std::vector<float> &values, const Bins &bins) {
  std::map<std::string, size_t> known;
  std::vector<size_t> rows;
  nlohmann::json lines = nlohmann::json::array();
  for (uint32_t row = 0; row < bins.rows(); ++row) {
    const std::string line = runs(values.data() + size_t{row} * bins.columns(), bins.columns());
    auto [place, isNew] = known.emplace(line, known.size());
    if (isNew)
      lines.push_back(line);
    rows.push_back(place->second);
  }
  return {{"lines", std::move(lines)}, {"rows", runs(rows.data(), rows.size())}};
}

nlohmann::json toJson(const Plane &plane, const Bins &bins) {
  nlohmann::json json = {{"sum", plane.sum}, {"highest", plane.highest}, {"mean", grid(plane.mean, bins)}};
  if (plane.largest != plane.mean)
    json["max"] = grid(plane.largest, bins);
  return json;
}

} // namespace

nlohmann::json toJson(const LoadMap &map) {
  nlohmann::json json = {{"program", map.program},
                         {"cycles", map.cycles},
                         {"bin", map.bins.side},
                         {"columns", map.bins.columns()},
                         {"rows", map.bins.rows()},
                         {"busy", toJson(map.busy, map.bins)},
                         {"link", toJson(map.link, map.bins)},
                         {"sram", toJson(map.sram, map.bins)},
                         {"ops", nlohmann::json::array()}};
  constexpr const char *names[directions] = {"west", "east", "north", "south"};
  for (uint32_t direction = 0; direction < directions; ++direction)
    json["links"][names[direction]] = toJson(map.byDirection[direction], map.bins);
  for (const OpLoad &op : map.ops)
    json["ops"].push_back({{"op", op.op},
                           {"cycles", op.cycles},
                           {"macs", op.macs},
                           {"narrow_macs", op.narrowMacs},
                           {"alu", op.alu},
                           {"special", op.special},
                           {"load_bytes", op.loadBytes},
                           {"store_bytes", op.storeBytes},
                           {"word_hops", op.wordHops},
                           {"busy", toJson(op.busy, map.bins)},
                           {"link", toJson(op.link, map.bins)}});
  return json;
}

} // namespace weft::runtime
