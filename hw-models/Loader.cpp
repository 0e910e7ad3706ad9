// From YAML text to a Hardware whose every value is in range.
#include "hw-models/Schema.h"
#include "hw-models/core/CoreKinds.h"
#include "hw-models/core/rvv/Units.h"
#include "kernels/units/Units.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

using namespace weft;
using namespace weft::hw;

namespace {

/// A value as given, and where: "file:12" or "override 'key=value'".
struct Given {
  YamlNode node;
  std::string where;
};
/// By dotted path.
using Values = std::map<std::string, Given, std::less<>>;

Error errorAt(std::string_view where, std::string_view key, std::string_view reason) {
  return userError(fmt::format("{}: {}: {}", where, key, reason));
}

std::string_view lastPart(std::string_view path) { return path.substr(path.rfind('.') + 1); }

/// True if keys lie below `path`.
bool isGroup(std::string_view path) {
  return std::any_of(schema().begin(), schema().end(), [&](const Key &key) {
    return key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.';
  });
}

/// Edits that make `from` into `to` (Levenshtein).
size_t editDistance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 0; i < from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < to.size(); ++j) {
      size_t replace = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replace, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// The key whose path, or last part, is nearest to `path`; empty if none is near. A last part in the wrong group is
/// near.
std::string_view nearestKey(std::string_view path) {
  constexpr size_t maxLength = 100; // a longer name is no typing error
  if (path.size() > maxLength)
    return {};
  std::string_view best;
  // At most three slips, and fewer than half of what was written: a short word is near to everything.
  size_t bestDistance = std::min<size_t>(4, lastPart(path).size() / 2 + 1);
  for (const Key &key : schema()) {
    size_t byPart = editDistance(lastPart(path), lastPart(key.path)) + (lastPart(path) == path ? 0 : 1);
    size_t distance = std::min(editDistance(path, key.path), byPart);
    if (distance < bestDistance && distance < lastPart(key.path).size()) {
      bestDistance = distance;
      best = key.path;
    }
  }
  return best;
}

/// The keys of a group, or the groups and keys at the top, as a list for a message.
std::string membersOf(std::string_view group) {
  std::string out;
  std::string_view previous;
  for (const Key &key : schema()) {
    std::string_view rest = key.path;
    if (!group.empty()) {
      if (!rest.starts_with(group) || rest.size() <= group.size() || rest[group.size()] != '.')
        continue;
      rest.remove_prefix(group.size() + 1);
    }
    std::string_view member = rest.substr(0, rest.find('.'));
    if (member == previous)
      continue;
    out += fmt::format("{}{}", out.empty() ? "" : ", ", member);
    previous = member;
  }
  return out;
}

Error unknownKey(std::string_view where, std::string_view path, std::string_view group) {
  std::string message = fmt::format("{}: unknown key {}", where, inQuotes(path));
  if (std::string_view near = nearestKey(path); !near.empty())
    message += fmt::format("; did you mean '{}'?", near);
  else
    message +=
        fmt::format("; {} has: {}", group.empty() ? "the top level" : fmt::format("'{}'", group), membersOf(group));
  return userError(message);
}

/// Puts the keys of `map` and of the groups below it into `values`.
Result<void> flatten(const YamlNode &map, const std::string &group, const std::string &origin, Values &values) {
  for (const auto &[name, line, node] : map.members) {
    std::string path = group.empty() ? name : fmt::format("{}.{}", group, name);
    std::string where = fmt::format("{}:{}", origin, line);
    bool isDotted = name.find('.') != std::string::npos; // a path is spelled with groups, not with dots
    if (!isDotted && findKey(path)) {
      values[path] = {node, where};
      continue;
    }
    if (isDotted || !isGroup(path))
      return unknownKey(where, path, group);
    if (node.kind != YamlNode::Kind::Map)
      return errorAt(where, path, "must be a map with the keys " + membersOf(path));
    if (Result<void> done = flatten(node, path, origin, values); !done)
      return done;
  }
  return success();
}

Result<void> applyOverrides(const std::vector<Override> &overrides, Values &values) {
  for (const Override &each : overrides) {
    std::string where = "override " + inQuotes(each.key + "=" + each.value);
    if (!findKey(each.key)) {
      if (isGroup(each.key))
        return errorAt(where, each.key, "is a group; override one of its keys: " + membersOf(each.key));
      return unknownKey(where, each.key, "");
    }
    Result<YamlNode> node = readYaml(each.value, where);
    if (!node)
      return node.error();
    values[each.key] = {*std::move(node), where};
  }
  return success();
}

/// Keys of another kind of core than the machine's.
Result<void> refuseForeignKeys(const Values &values, const Hardware &hardware) {
  for (const Key &key : schema())
    if (auto given = values.find(key.path); given != values.end() && !appliesTo(key, hardware))
      return errorAt(given->second.where, key.path,
                     fmt::format("only cores of kind {} have it, this one is of kind {}; remove the key", key.kind,
                                 hardware.parallelism.core.kind));
  return success();
}

/// Fills `hardware` key by key. `origin` stands for a key that is missing.
Result<void> setAll(const Values &values, const std::string &origin, Hardware &hardware) {
  for (const Key &key : schema()) {
    auto given = values.find(key.path);
    if (!appliesTo(key, hardware)) // the kind is known: its key is the first of the core's
      continue;
    if (given != values.end()) {
      if (Result<void> set = setValue(key, given->second.node, hardware); !set)
        return errorAt(given->second.where, key.path, set.error().message);
      if (key.type == ValueType::Kind)
        if (Result<void> checked = refuseForeignKeys(values, hardware); !checked)
          return checked;
      continue;
    }
    if (key.absence == Absence::Required)
      return errorAt(origin, key.path, "the key is missing; it wants " + describeAllowed(key));
    if (key.absence == Absence::Optional)
      continue;
    Result<YamlNode> fallback = readYaml(std::string(key.fallback), "default");
    Result<void> set = fallback ? setValue(key, *fallback, hardware) : Result<void>(fallback.error());
    if (!set)
      return internalError(fmt::format("default of {}: {}", key.path, set.error().message));
  }
  return success();
}

/// A key of the core and why its value does not fit the units, or no key.
std::pair<std::string_view, std::string> misfitOf(const CoreSpec &core) {
  for (const std::string &name : core.units) {
    const units::Unit *unit = units::find(name);
    if (!unit) // not a name that the schema lets through
      continue;
    for (const auto &[parameter, path, value] :
         {std::tuple("vlen", "parallelism.core.vlen", core.vlenBits), {"dlen", "parallelism.core.dlen", core.dlenBits}})
      for (const units::Parameter &range : unit->parameters)
        if (range.name == parameter && (value < range.low || value > range.high))
          return {path, fmt::format("{} is not allowed; allowed for unit {}: {} to {} (bits)", value, name, range.low,
                                    range.high)};
    if (unit->kind == units::Kind::Vector && core.dlenBits > core.vlenBits)
      return {"parallelism.core.dlen", fmt::format("{} is not allowed; allowed for unit {}: at most vlen, {} (bits)",
                                                   core.dlenBits, name, core.vlenBits)};
  }
  return {};
}

bool anyOf(std::initializer_list<std::optional<double>> figures) {
  return std::ranges::any_of(figures, [](const std::optional<double> &figure) { return figure.has_value(); });
}

/// What holds between keys. The error stands at the key that is named first.
Result<void> checkTogether(const Values &values, const std::string &origin, const Hardware &hardware) {
  const std::optional<Misfit> misfit = findMisfit(hardware);
  if (!misfit)
    return success();
  auto given = values.find(misfit->key);
  return errorAt(given == values.end() ? origin : given->second.where, misfit->key, misfit->reason);
}

/// The values as YAML in the order of the schema: a group a level of indentation.
std::string canonicalYaml(const Hardware &hardware) {
  std::string out;
  std::vector<std::string_view> open; // groups the last line is in
  for (const Key &key : schema()) {
    std::string value = valueText(key, hardware);
    if (value.empty())
      continue;
    std::string_view rest = key.path;
    for (size_t depth = 0;; ++depth) {
      std::string indent(2 * depth, ' ');
      size_t dot = rest.find('.');
      if (dot == std::string_view::npos) {
        open.resize(depth);
        out += fmt::format("{}{}: {}\n", indent, rest, value);
        break;
      }
      std::string_view group = rest.substr(0, dot);
      if (depth >= open.size() || open[depth] != group) {
        open.resize(depth);
        open.push_back(group);
        out += fmt::format("{}{}:\n", indent, group);
      }
      rest.remove_prefix(dot + 1);
    }
  }
  return out;
}

/// Of all values whose key begins with one of `groups`.
uint64_t digestOf(const Hardware &hardware, std::initializer_list<std::string_view> groups) {
  std::string values;
  for (const Key &key : schema())
    if (std::any_of(groups.begin(), groups.end(), [&](std::string_view group) { return key.path.starts_with(group); }))
      if (std::string value = valueText(key, hardware); !key.isLabel && !value.empty())
        values += fmt::format("{}={}\n", key.path, value);
  return XXH3_64bits(values.data(), values.size());
}

} // namespace

std::optional<Misfit> hw::findMisfit(const Hardware &hardware) {
  const Memory &memory = hardware.memory;
  uint64_t reserved = uint64_t(memory.codeBytes) + memory.stackBytes;
  if (reserved >= memory.sramBytes)
    return Misfit{"memory.reserve_kib.code",
                  fmt::format("code and stack together are {} KiB; allowed: less than memory.sram_kib, {} KiB",
                              reserved / 1024, memory.sramBytes / 1024)};
  if (memory.alignBytes < hardware.routing.linkBytes)
    return Misfit{"memory.align_bytes", fmt::format("{} is not allowed; allowed: at least routing.link_bytes, {}",
                                                    memory.alignBytes, hardware.routing.linkBytes)};
  if (hardware.routing.reservedColors >= hardware.routing.colors)
    return Misfit{"routing.reserved_colors", fmt::format("{} is not allowed; allowed: less than routing.colors, {}",
                                                         hardware.routing.reservedColors, hardware.routing.colors)};
  if (hardware.parallelism.core.kind == "rvv")
    if (std::string_view unit = rvv::missingUnit(hardware.parallelism.core.rvv); !unit.empty())
      return Misfit{"parallelism.core.rvv.pipes",
                    fmt::format("no pipe that takes masked instructions has the unit {}; add it to one", unit)};
  if (const CoreSpec &core = hardware.parallelism.core; core.kind != "rvv" && !core.units.empty())
    return Misfit{
        "parallelism.core.units",
        fmt::format("'{}' has instructions, which cores of kind {} do not run; allowed: []", core.units[0], core.kind)};
  if (const auto &[path, reason] = misfitOf(hardware.parallelism.core); !path.empty())
    return Misfit{path, reason};
  const Energy &energy = hardware.energy;
  if (anyOf({energy.macPj, energy.sramBytePj, energy.hopBytePj, energy.dieCrossingBytePj, energy.leakagePerCyclePj,
             energy.sramKibPerCyclePj, energy.unitPerCyclePj}) &&
      energy.source.empty())
    return Misfit{"energy.source", "the key is missing; energy figures need their source"};
  const Area &area = hardware.area;
  if (anyOf({area.logicMm2, area.laneMm2, area.registerKibMm2, area.sramKibMm2, area.routerMm2, area.linkByteMm2,
             area.dieCrossingMm2, area.unitMm2}) &&
      area.source.empty())
    return Misfit{"area.source", "the key is missing; area figures need their source"};
  return std::nullopt;
}

void hw::refresh(Hardware &hardware) {
  hardware.yaml = canonicalYaml(hardware);
  hardware.digest = digestOf(hardware, {""});
}

uint64_t hw::coreDigest(const Hardware &hardware) {
  uint64_t digest = digestOf(hardware, {"parallelism.core."});
  for (const std::string &name : hardware.parallelism.core.units) // a description may change, its name may not
    if (const units::Unit *unit = units::find(name))
      digest = XXH3_64bits_withSeed(&unit->digest, sizeof unit->digest, digest);
  return digest;
}

Result<Override> hw::parseOverride(const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error{fmt::format("override {}: not of the form key=value, such as memory.sram_kib=64", inQuotes(text)),
                 Fault::Usage};
  return Override{text.substr(0, equals), text.substr(equals + 1)};
}

Result<std::vector<Override>> hw::parseOverrides(const std::vector<std::string> &texts) {
  std::vector<Override> overrides;
  overrides.reserve(texts.size());
  for (const std::string &text : texts) {
    Result<Override> each = parseOverride(text);
    if (!each)
      return each.takeError();
    overrides.push_back(std::move(*each));
  }
  return overrides;
}

Result<Hardware> hw::parse(const std::string &text, const std::string &origin, const std::vector<Override> &overrides) {
  Result<YamlNode> root = readYaml(text, origin);
  if (!root)
    return root.error();
  if (root->kind == YamlNode::Kind::Null)
    return userError(fmt::format("{}: the description is empty; it wants the keys {}", origin, membersOf("")));
  if (root->kind != YamlNode::Kind::Map)
    return userError(
        fmt::format("{}:{}: a hardware description is a map with the keys {}", origin, root->line, membersOf("")));

  Values values;
  Hardware hardware;
  if (Result<void> done = flatten(*root, "", origin, values); !done)
    return done.error();
  if (Result<void> done = applyOverrides(overrides, values); !done)
    return done.error();
  if (Result<void> done = setAll(values, origin, hardware); !done)
    return done.error();
  if (Result<void> done = checkTogether(values, origin, hardware); !done)
    return done.error();
  refresh(hardware);
  return hardware;
}
