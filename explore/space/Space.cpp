#include "explore/space/Space.h"

#include "explore/space/Read.h"

#include "hw-models/support/RegularFile.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL // the header alone: no library to link
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>

namespace weft::explore {

using Kind = hw::YamlNode::Kind;

// ---- what the sections share --------------------------------------------------------------------------------------

const hw::YamlNode *findMember(const hw::YamlNode &map, std::string_view key) {
  auto found = std::find_if(map.members.begin(), map.members.end(), [&](auto &member) { return member.key == key; });
  return found == map.members.end() ? nullptr : &found->value;
}

std::string listed(std::span<const std::string> names) {
  std::string out;
  for (const std::string &name : names)
    out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

Error SpaceReader::at(int line, std::string_view key, std::string_view reason) const {
  return userError(fmt::format("{}:{}: {}: {}", origin, line, key, reason));
}

Result<void> SpaceReader::checkKeys(const hw::YamlNode &map, std::string_view what,
                                    std::initializer_list<std::string_view> keys) const {
  for (const hw::YamlMember &member : map.members)
    if (std::find(keys.begin(), keys.end(), member.key) == keys.end()) {
      std::string known;
      for (std::string_view key : keys)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", key);
      return userError(
          fmt::format("{}:{}: unknown key {}; {} has: {}", origin, member.line, hw::inQuotes(member.key), what, known));
    }
  return success();
}

Result<uint64_t> SpaceReader::whole(const hw::YamlNode &node, std::string_view key, uint64_t low, uint64_t high) const {
  uint64_t value = 0;
  const std::string &text = node.scalar;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (node.kind != Kind::Scalar || code != std::errc() || end != text.data() + text.size() || value < low ||
      value > high)
    return at(node.line, key,
              fmt::format("{} is not allowed; allowed: a whole number from {} to {}",
                          node.kind == Kind::Scalar ? hw::inQuotes(text) : "this", low, high));
  return value;
}

Result<double> SpaceReader::real(const hw::YamlNode &node, std::string_view key) const {
  double value = 0;
  const std::string &text = node.scalar;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (node.kind != Kind::Scalar || code != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      std::abs(value) > 1e15)
    return at(node.line, key,
              fmt::format("{} is not a number", node.kind == Kind::Scalar ? hw::inQuotes(text) : "this"));
  return value;
}

Result<Expression> SpaceReader::expression(const hw::YamlNode &node, std::string_view key) const {
  if (node.kind != Kind::Scalar)
    return at(node.line, key, "it wants an expression");
  Result<Expression> parsed = Expression::parse(node.scalar);
  if (!parsed)
    return at(node.line, key, parsed.error().message);
  return parsed;
}

std::string SpaceReader::fromHere(const std::string &path) const {
  return (std::filesystem::path(origin).parent_path() / path).string(); // an absolute path stays as it is
}

Result<std::string> readSmallFile(const std::string &path, size_t mostBytes) {
  if (Result<void> regular = checkRegularFile(path); !regular)
    return regular.takeError();
  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(path, failed);
  std::ifstream file(path, std::ios::binary);
  std::string text(failed ? mostBytes + 1 : std::min<uint64_t>(size, mostBytes) + 1, '\0');
  file.read(text.data(), std::streamsize(text.size()));
  if (file.bad() || !file.is_open())
    return userError(fmt::format("{}: cannot be read", path));
  text.resize(size_t(file.gcount()));
  if (text.size() > mostBytes)
    return userError(fmt::format("{}: more than {} bytes", path, mostBytes));
  return text;
}

Vocabulary vocabularyOf(const Evaluator &evaluator) {
  Vocabulary out;
  out.metrics = evaluator.metricNames();
  out.choices = evaluator.choiceNames();
  for (Fidelity fidelity : {Fidelity::Analytic, Fidelity::Engine, Fidelity::Compiled})
    if (evaluator.offers(fidelity))
      out.fidelities.push_back(fidelity);
  out.figures = [&evaluator](const hw::Hardware &hardware) { return evaluator.figures(hardware); };
  out.checkWorkload = [&evaluator](const Workload &workload) { return evaluator.check(workload); };
  return out;
}

bool isHardwareNumber(std::string_view name) {
  if (name == "mesh.width" || name == "mesh.height" || name == "mesh.cores")
    return true;
  const hw::Key *key = hw::findKey(name);
  return key && (std::holds_alternative<uint32_t &(*)(hw::Hardware &)>(key->field) ||
                 std::holds_alternative<double &(*)(hw::Hardware &)>(key->field) ||
                 std::holds_alternative<std::optional<double> &(*)(hw::Hardware &)>(key->field) ||
                 std::holds_alternative<bool &(*)(hw::Hardware &)>(key->field));
}

std::string Space::digest() const {
  std::string identity = fmt::format("{}\n{:016x}\n", text, base.digest);
  for (const Workload &workload : workloads)
    identity += fmt::format("{} {}\n", workload.modelText.size(), workload.modelText);
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

namespace {

// ---- expressions and what they may name ---------------------------------------------------------------------------

struct ExpressionSections {
  SpaceReader &reader;
  Space &space = reader.space;
  std::map<std::string, double> figures = reader.vocabulary.figures(space.base);

  bool isMetric(const std::string &name) const {
    const auto &names = reader.vocabulary.metrics;
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  bool isKnown(const std::string &name) const {
    auto isNamed = [&](const auto &each) { return each.name == name; };
    if (std::any_of(space.axes.begin(), space.axes.end(),
                    [&](const Axis &axis) { return axis.kind != Axis::Kind::Hardware && axis.name == name; }))
      return true;
    return isHardwareNumber(name) || figures.contains(name) || name == "workload.context" || name == "workload.batch" ||
           std::any_of(space.lets.begin(), space.lets.end(), isNamed);
  }

  /// The error for a name that nothing has. Metrics are known where `mayMeasure` is given, which is then set.
  Result<void> checkNames(const Expression &expression, std::string_view key, int line, bool *mayMeasure) const {
    for (const std::string &name : expression.names()) {
      if (isKnown(name))
        continue;
      if (mayMeasure && isMetric(name)) {
        *mayMeasure = true;
        continue;
      }
      if (isMetric(name))
        return reader.at(line, key,
                         name.starts_with("area.")
                             ? fmt::format("{} has no figures for {}", space.baseName, name)
                             : fmt::format("{} is known only when a point has been evaluated", name));
      return reader.at(
          line, key,
          fmt::format("unknown name {}; an expression may name keys of the hardware with a number, mesh.width, "
                      "mesh.height, mesh.cores, workload.context, workload.batch, axes var.NAME and choice.NAME, "
                      "names of `let` above it, and: {}",
                      hw::inQuotes(name), listed(reader.vocabulary.metrics)));
    }
    return success();
  }

  Result<void> readLets(const hw::YamlNode &node, int line) {
    if (node.kind != Kind::Map)
      return reader.at(line, "let", "must be a map of names and expressions");
    for (const auto &[name, at, value] : node.members) {
      const bool isWord = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_';
      }) && !std::isdigit(static_cast<unsigned char>(name[0]));
      if (!isWord || name == "and" || name == "or" || name == "not" || name.size() > hw::maxNameBytes || isKnown(name))
        return reader.at(at, hw::inQuotes(name),
                         "a name of `let` has letters, digits and '_', begins with a letter, and is new");
      auto parsed = reader.expression(value, name);
      if (!parsed)
        return parsed.takeError();
      if (auto checked = checkNames(*parsed, name, at, nullptr); !checked)
        return checked;
      space.lets.push_back({name, nullptr, {*std::move(parsed)}, at});
    }
    return success();
  }

  /// The parts of "[a, b]", parted at the comma that no parenthesis holds.
  static std::vector<std::string> partsOf(const hw::YamlNode &node) {
    std::vector<std::string> parts;
    for (const hw::YamlNode &item : node.items)
      parts.push_back(item.scalar);
    std::string text = node.scalar;
    if (node.kind != Kind::Scalar || text.size() < 2 || text.front() != '[' || text.back() != ']')
      return parts;
    int depth = 0;
    parts.emplace_back();
    for (char c : text.substr(1, text.size() - 2)) {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (c == ',' && depth == 0)
        parts.emplace_back();
      else
        parts.back() += c;
    }
    return parts;
  }

  Result<void> readDerives(const hw::YamlNode &node, int line) {
    if (node.kind != Kind::Map)
      return reader.at(line, "derive", "must be a map of keys of the hardware and expressions");
    for (const auto &[name, at, value] : node.members) {
      Derived derived{name, hw::findKey(name), {}, at};
      const bool isExtent = derived.key && derived.key->type == hw::ValueType::Extent;
      if (!derived.key || (!isExtent && (!isHardwareNumber(name) || derived.key->type == hw::ValueType::Flag)) ||
          !hw::appliesTo(*derived.key, space.base))
        return reader.at(at, hw::inQuotes(name), "no key of this machine with a number (see `weft hw schema`)");
      if (std::any_of(space.axes.begin(), space.axes.end(), [&](const Axis &axis) { return axis.name == name; }))
        return reader.at(at, name, "it is an axis, too; remove one of them");
      std::vector<std::string> texts = isExtent ? partsOf(value) : std::vector{value.scalar};
      if (texts.size() != (isExtent ? 2 : 1) || (!isExtent && value.kind != Kind::Scalar))
        return reader.at(at, name,
                         isExtent ? "it wants [width, height], an expression each" : "it wants an expression");
      for (const std::string &text : texts) {
        auto parsed = Expression::parse(text);
        if (!parsed)
          return reader.at(at, name, parsed.error().message);
        if (auto checked = checkNames(*parsed, name, at, nullptr); !checked)
          return checked;
        derived.parts.push_back(*std::move(parsed));
      }
      space.derives.push_back(std::move(derived));
    }
    return success();
  }

  Result<void> readConstraints(const hw::YamlNode &node, int line) {
    if (node.kind != Kind::List)
      return reader.at(line, "constraints", "must be a list of expressions");
    for (const hw::YamlNode &item : node.items) {
      auto parsed = reader.expression(item, "constraints");
      if (!parsed)
        return parsed.takeError();
      Constraint constraint{*std::move(parsed), item.line, false};
      if (auto checked = checkNames(constraint.expression, "constraints", item.line, &constraint.needsMetrics);
          !checked)
        return checked;
      space.constraints.push_back(std::move(constraint));
    }
    return checkContradictions();
  }

  /// Bounds of one thing that leave it no value.
  Result<void> checkContradictions() const {
    struct Range {
      double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
      bool strict = false;
      const Constraint *lowest = nullptr, *highest = nullptr;
    };
    std::map<std::string, Range> ranges;
    for (const Constraint &constraint : space.constraints)
      if (auto bound = constraint.expression.bound()) {
        Range &range = ranges[bound->what];
        if (bound->low > range.low || (bound->low == range.low && bound->strictLow)) {
          range.low = bound->low;
          range.lowest = &constraint;
          range.strict |= bound->strictLow;
        }
        if (bound->high < range.high || (bound->high == range.high && bound->strictHigh)) {
          range.high = bound->high;
          range.highest = &constraint;
          range.strict |= bound->strictHigh;
        }
        if (range.lowest && range.highest && (range.low > range.high || (range.low == range.high && range.strict)))
          return reader.at(
              constraint.line, "constraints",
              fmt::format("{} and {} (line {}) contradict each other", hw::inQuotes(constraint.expression.text()),
                          hw::inQuotes((range.lowest == &constraint ? range.highest : range.lowest)->expression.text()),
                          (range.lowest == &constraint ? range.highest : range.lowest)->line));
      }
    return success();
  }

  Result<void> readObjectives(const hw::YamlNode &node, int line) {
    constexpr size_t most = 8;
    if (node.kind != Kind::Map || node.members.empty() || node.members.size() > most)
      return reader.at(line, "objectives", fmt::format("must be a map of 1 to {} metrics, each max or min", most));
    for (const auto &[name, at, value] : node.members) {
      if (!isMetric(name))
        return reader.at(at, hw::inQuotes(name),
                         fmt::format("no such objective; there are: {}", listed(reader.vocabulary.metrics)));
      if (value.scalar != "max" && value.scalar != "min")
        return reader.at(at, name, "an objective is max or min");
      if (name.starts_with("area.") && !figures.contains(name))
        return reader.at(at, name, fmt::format("{} has no area figures", space.baseName));
      space.objectives.push_back({name, value.scalar == "max"});
    }
    return success();
  }
};

Result<Fidelity> fidelityOf(const SpaceReader &reader, const hw::YamlNode &node, std::string_view key) {
  std::vector<std::string> names;
  for (Fidelity fidelity : reader.vocabulary.fidelities) {
    if (node.scalar == nameOf(fidelity))
      return fidelity;
    names.emplace_back(nameOf(fidelity));
  }
  return reader.at(node.line, key,
                   fmt::format("{} is not offered; there are: {}", hw::inQuotes(node.scalar), listed(names)));
}

Result<void> readFidelity(SpaceReader &reader, const hw::YamlNode *node, int line) {
  Space &space = reader.space;
  if (reader.vocabulary.fidelities.empty())
    return internalError("an evaluator without fidelities");
  space.filter = reader.vocabulary.fidelities.front();
  if (!node)
    return success();
  if (node->kind != Kind::Map)
    return reader.at(line, "fidelity", "must be a map with the keys filter, front, check");
  if (auto checked = reader.checkKeys(*node, "fidelity", {"filter", "front", "check"}); !checked)
    return checked;
  if (const hw::YamlNode *filter = findMember(*node, "filter")) {
    auto fidelity = fidelityOf(reader, *filter, "fidelity.filter");
    if (!fidelity)
      return fidelity.takeError();
    space.filter = *fidelity;
  }
  if (const hw::YamlNode *front = findMember(*node, "front")) {
    auto fidelity = fidelityOf(reader, *front, "fidelity.front");
    if (!fidelity)
      return fidelity.takeError();
    if (*fidelity < space.filter)
      return reader.at(front->line, "fidelity.front", "it is rougher than the filter");
    if (*fidelity != space.filter)
      space.front = *fidelity;
  }
  if (const hw::YamlNode *check = findMember(*node, "check")) {
    auto share = reader.real(*check, "fidelity.check");
    if (!share)
      return share.takeError();
    if (*share < 0 || *share > 1)
      return reader.at(check->line, "fidelity.check", "it is a share, from 0 to 1");
    if (*share > 0 && reader.vocabulary.fidelities.back() <= space.filter)
      return reader.at(check->line, "fidelity.check",
                       fmt::format("nothing is finer than {}; remove the key", nameOf(space.filter)));
    space.check = *share;
  }
  return success();
}

} // namespace

// ---- the whole ----------------------------------------------------------------------------------------------------

static Result<void> readBase(SpaceReader &reader, const hw::YamlNode &node) {
  if (node.kind != Kind::Scalar || node.scalar.empty())
    return reader.at(node.line, "base", "it wants a preset's name or a file");
  const std::vector<std::string> presets = hw::presetNames();
  Space &space = reader.space;
  space.baseName = node.scalar;
  if (std::find(presets.begin(), presets.end(), node.scalar) == presets.end()) {
    const std::string path = reader.fromHere(node.scalar);
    auto text = reader.readFile(path, maxFileBytes);
    if (!text)
      return reader.at(node.line, "base",
                       fmt::format("no preset, and {}; presets: {}", text.error().message, listed(presets)));
    auto machine = hw::parse(*text, path);
    if (!machine)
      return machine.takeError();
    space.base = *std::move(machine);
    space.baseName = path;
    return success();
  }
  auto machine = hw::load(node.scalar);
  if (!machine)
    return machine.takeError();
  space.base = *std::move(machine);
  return success();
}

Result<Space> parseSpace(const std::string &text, const std::string &origin, const Vocabulary &vocabulary,
                         const ReadFile &readFile) {
  auto root = hw::readYaml(text, origin);
  if (!root)
    return root.takeError();
  SpaceReader reader{origin, vocabulary, readFile};
  if (root->kind != Kind::Map)
    return userError(fmt::format("{}: a space is a map with the keys name, base, workloads, axes, let, derive, "
                                 "constraints, objectives, method, fidelity",
                                 origin));
  if (auto checked = reader.checkKeys(
          *root, "a space",
          {"name", "base", "workloads", "axes", "let", "derive", "constraints", "objectives", "method", "fidelity"});
      !checked)
    return checked.takeError();
  for (std::string_view key : {"name", "base", "workloads", "objectives", "method"})
    if (!findMember(*root, key))
      return userError(fmt::format("{}: {}: the key is missing", origin, key));
  auto lineOf = [&](std::string_view key) {
    for (const auto &member : root->members)
      if (member.key == key)
        return member.line;
    return 1;
  };
  reader.space.origin = origin;
  reader.space.text = text;
  reader.space.name = findMember(*root, "name")->scalar;
  if (const std::string &name = reader.space.name;
      name.empty() || name.size() > hw::maxNameBytes ||
      !std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; }))
    return reader.at(lineOf("name"), "name", "it wants a word of letters, digits, '_' and '-'");
  if (auto read = readBase(reader, *findMember(*root, "base")); !read)
    return read.takeError();
  if (auto read = reader.readWorkloads(*findMember(*root, "workloads"), lineOf("workloads")); !read)
    return read.takeError();
  if (const hw::YamlNode *axes = findMember(*root, "axes"))
    if (auto read = reader.readAxes(*axes, lineOf("axes")); !read)
      return read.takeError();
  ExpressionSections sections{reader};
  using Section = Result<void> (ExpressionSections::*)(const hw::YamlNode &, int);
  for (const auto &[key, read] : {std::pair<std::string_view, Section>{"let", &ExpressionSections::readLets},
                                  {"derive", &ExpressionSections::readDerives},
                                  {"constraints", &ExpressionSections::readConstraints},
                                  {"objectives", &ExpressionSections::readObjectives}})
    if (const hw::YamlNode *node = findMember(*root, key))
      if (auto done = (sections.*read)(*node, lineOf(key)); !done)
        return done.takeError();
  if (auto read = reader.readMethod(*findMember(*root, "method"), lineOf("method")); !read)
    return read.takeError();
  if (auto read = readFidelity(reader, findMember(*root, "fidelity"), lineOf("fidelity")); !read)
    return read.takeError();
  return std::move(reader.space);
}

} // namespace weft::explore
