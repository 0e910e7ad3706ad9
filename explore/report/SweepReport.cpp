#include "explore/report/Report.h"
#include "explore/run/Front.h"
#include "hw-models/Schema.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace weft::explore {

using nlohmann::ordered_json;

namespace {

/// Texts of reasons that are told; of more, their kinds.
constexpr size_t mostReasons = 2000, mostReasonBytes = 400;

/// A column whose values may be missing: `dict` and, by row, the index in it or -1; or, where most values differ,
/// `values`, null where missing.
class Column {
public:
  void set(size_t row, const ordered_json &value) {
    values.resize(row + 1);
    values[row] = value;
  }
  ordered_json packed(size_t rows) {
    values.resize(rows);
    std::map<std::string, int64_t> known;
    ordered_json dict = ordered_json::array(), at = ordered_json::array();
    for (const ordered_json &value : values) {
      if (value.is_null()) {
        at.push_back(-1);
        continue;
      }
      auto [place, isNew] = known.emplace(value.dump(-1, ' ', false, ordered_json::error_handler_t::replace),
                                          static_cast<int64_t>(known.size()));
      if (isNew)
        dict.push_back(value);
      at.push_back(place->second);
    }
    if (known.size() * 2 > rows && rows > 16)
      return {{"values", std::move(values)}};
    return {{"dict", std::move(dict)}, {"at", std::move(at)}};
  }

private:
  std::vector<ordered_json> values;
};

/// Columns in the order in which their names first occur.
class Columns {
public:
  Column &operator[](const std::string &name) {
    auto [place, isNew] = index.emplace(name, columns.size());
    if (isNew) {
      names.push_back(name);
      columns.emplace_back();
    }
    return columns[place->second];
  }
  ordered_json packed(size_t rows) {
    ordered_json out = ordered_json::array();
    for (Column &column : columns)
      out.push_back(column.packed(rows));
    return out;
  }
  std::vector<std::string> names;

private:
  std::map<std::string, size_t> index;
  std::vector<Column> columns;
};

const hw::YamlNode *memberOf(const hw::YamlNode &map, std::string_view key) {
  for (const hw::YamlMember &member : map.members)
    if (member.key == key)
      return &member.value;
  return nullptr;
}

/// What the report needs to know of a space, from its text; the rest of it may lie on another machine.
struct SpaceFacts {
  Space space; // objectives and fidelities
  std::string baseName;
  std::vector<std::string> fidelities; // of the rows, from rough to fine
};

std::optional<Fidelity> fidelityNamed(const std::string &name) {
  for (Fidelity each : {Fidelity::Analytic, Fidelity::Engine, Fidelity::Compiled})
    if (nameOf(each) == name)
      return each;
  return std::nullopt;
}

SpaceFacts factsOf(const Meta &meta, const std::set<std::string> &fidelities) {
  SpaceFacts facts;
  for (Fidelity each : {Fidelity::Compiled, Fidelity::Engine, Fidelity::Analytic})
    if (fidelities.contains(std::string(nameOf(each)))) {
      facts.space.filter = each;
      facts.fidelities.insert(facts.fidelities.begin(), std::string(nameOf(each)));
    }
  for (const std::string &other : fidelities)
    if (!fidelityNamed(other))
      facts.fidelities.push_back(other);
  auto yaml = hw::readYaml(meta.space, meta.name);
  if (!yaml || yaml->kind != hw::YamlNode::Kind::Map)
    return facts;
  if (const hw::YamlNode *base = memberOf(*yaml, "base"))
    facts.baseName = base->scalar;
  if (const hw::YamlNode *objectives = memberOf(*yaml, "objectives"))
    for (const hw::YamlMember &objective : objectives->members)
      facts.space.objectives.push_back({objective.key, objective.value.scalar == "max"});
  if (const hw::YamlNode *fidelity = memberOf(*yaml, "fidelity")) {
    if (const hw::YamlNode *front = memberOf(*fidelity, "front"))
      facts.space.front = fidelityNamed(front->scalar);
    if (const hw::YamlNode *check = memberOf(*fidelity, "check"))
      facts.space.check = std::strtod(check->scalar.c_str(), nullptr);
  }
  return facts;
}

/// The base's values by key, in the schema's order, "" where it has none; null if it is not known.
Result<ordered_json> baseOf(Store &store, const std::string &name) {
  auto kept = store.note(baseNote);
  if (!kept)
    return kept.takeError();
  const std::vector<std::string> presets = hw::presetNames();
  auto machine = *kept ? hw::parse(**kept, store.path())
                 : std::find(presets.begin(), presets.end(), name) != presets.end()
                     ? hw::load(name)
                     : Result<hw::Hardware>(userError("no preset"));
  if (!machine)
    return ordered_json();
  ordered_json out = ordered_json::array();
  for (const hw::Key &key : hw::schema())
    if (hw::appliesTo(key, *machine))
      out.push_back({std::string(key.path), hw::valueText(key, *machine)});
  return out;
}

ordered_json axisJson(const std::string &name) {
  if (const hw::Key *key = hw::findKey(name))
    return {{"name", name}, {"role", "hardware"}, {"unit", key->unit}, {"doc", key->doc}};
  const char *role = name == "workload" ? "workload" : name.starts_with("choice.") ? "choice" : "variable";
  return {{"name", name}, {"role", role}, {"unit", ""}, {"doc", ""}};
}

class SweepData {
public:
  explicit SweepData(Store &store) : store(store) {}

  Result<ordered_json> make() {
    auto read = store.forEach([&](const Row &row) { return add(row); });
    if (!read)
      return read.takeError();
    SpaceFacts facts = factsOf(store.meta(), fidelities);
    auto findings = findingsOf(facts.space, store);
    if (!findings)
      return findings.takeError();
    auto base = baseOf(store, facts.baseName);
    if (!base)
      return base.takeError();
    return json(facts, *findings, *std::move(base));
  }

private:
  Result<void> add(const Row &row) {
    const auto in = ordered_json::parse(row.inputs, nullptr, false),
               out = ordered_json::parse(row.results, nullptr, false);
    if (!in.is_object() || !out.is_object())
      return userError(fmt::format("{}: point {} is no JSON; the file is damaged", store.path(), row.ordinal));
    const size_t at = ordinals.size();
    ordinals.push_back(row.ordinal);
    rowFidelities.push_back(row.fidelity);
    fidelities.insert(row.fidelity);
    statuses.push_back(row.status == "ok" ? 0 : 1);
    reasonOfRow.push_back(row.status == "ok" ? -1 : reasonNumber(row));
    for (const auto &[name, value] : in.items())
      inputs[name].set(at, value);
    for (const auto &[name, value] : out.items())
      if (value.is_number())
        results[name].set(at, value);
    return success();
  }

  int64_t reasonNumber(const Row &row) {
    std::string text = row.reason.size() > mostReasonBytes ? row.reason.substr(0, mostReasonBytes) + " …" : row.reason;
    if (reasons.size() >= mostReasons && !reasons.contains({row.reasonKind, text}))
      text = "(other reasons)";
    return reasons.emplace(std::pair(row.reasonKind, text), static_cast<int64_t>(reasons.size())).first->second;
  }

  ordered_json json(const SpaceFacts &facts, const Findings &findings, ordered_json base) {
    const Meta &meta = store.meta();
    ordered_json out = {{"kind", "sweep"},
                        {"name", meta.name},
                        {"title", "Search: " + meta.name},
                        {"space", meta.space},
                        {"evaluators", meta.evaluators},
                        {"baseName", facts.baseName},
                        {"base", std::move(base)},
                        {"check", facts.space.check},
                        {"fidelities", facts.fidelities}};
    // As `weft explore` takes it: where the front's fidelity has no points, there is none.
    out["front"] = nameOf(facts.space.front.value_or(facts.space.filter));
    out["axes"] = ordered_json::array();
    for (const std::string &name : inputs.names)
      out["axes"].push_back(axisJson(name));
    out["objectives"] = ordered_json::array();
    for (const Objective &objective : facts.space.objectives)
      out["objectives"].push_back({{"metric", objective.metric}, {"max", objective.isMaximised}});
    out["metrics"] = results.names;
    out["ordinal"] = ordinals;
    out["fidelity"] = ordered_json::array();
    for (const std::string &fidelity : rowFidelities)
      out["fidelity"].push_back(std::find(facts.fidelities.begin(), facts.fidelities.end(), fidelity) -
                                facts.fidelities.begin());
    out["status"] = statuses;
    out["reason"] = reasonOfRow;
    out["reasons"] = std::vector<ordered_json>(reasons.size());
    for (const auto &[reason, number] : reasons)
      out["reasons"][static_cast<size_t>(number)] = {{"kind", reason.first}, {"text", reason.second}};
    out["inputs"] = inputs.packed(ordinals.size());
    out["results"] = results.packed(ordinals.size());
    out["differences"] = ordered_json::array();
    for (const Difference &difference : findings.differences)
      out["differences"].push_back({{"metric", difference.metric},
                                    {"rough", difference.rough},
                                    {"fine", difference.fine},
                                    {"points", difference.points},
                                    {"mean", difference.mean},
                                    {"worst", difference.worst}});
    return out;
  }

  Store &store;
  std::vector<uint64_t> ordinals;
  std::vector<std::string> rowFidelities;
  std::set<std::string> fidelities;
  std::vector<int> statuses;
  std::vector<int64_t> reasonOfRow;
  std::map<std::pair<std::string, std::string>, int64_t> reasons;
  Columns inputs, results;
};

} // namespace

Result<ordered_json> sweepData(Store &store) { return SweepData(store).make(); }

} // namespace weft::explore
