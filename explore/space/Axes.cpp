// The axes of a space and how it is sampled.
#include "explore/space/Read.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

namespace weft::explore {

namespace {

constexpr size_t maxValues = 100'000, maxAxes = 64;
constexpr uint64_t maxPoints = uint64_t(1) << 40;
constexpr uint64_t maxStored = 100'000'000; // configurations of a Latin hypercube, whose order is kept in memory

bool isWholeType(hw::ValueType type) {
  return type == hw::ValueType::Whole || type == hw::ValueType::Kibibytes || type == hw::ValueType::PowerOfTwo;
}

bool isPlainWord(const std::string &text) {
  return !text.empty() && text.size() <= hw::maxNameBytes && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

bool isNumber(const std::string &text) {
  double value = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

/// As it stands in JSON: numbers bare, words between quotes.
std::string jsonScalar(const std::string &text) {
  const bool isJsonNumber = isNumber(text) && !text.starts_with('.') && !text.ends_with('.') &&
                            !(text.size() > 1 && text[0] == '0' && std::isdigit(static_cast<unsigned char>(text[1])));
  return isJsonNumber ? text : fmt::format("\"{}\"", text);
}

hw::YamlNode scalar(double value, bool isWhole, int line) {
  hw::YamlNode node;
  node.kind = hw::YamlNode::Kind::Scalar;
  node.line = line;
  node.scalar = isWhole ? fmt::format("{}", int64_t(value)) : fmt::format("{}", value);
  return node;
}

} // namespace

Result<void> SpaceReader::nameAxis(const hw::YamlMember &member, Axis &axis) const {
  axis.name = member.key;
  axis.line = member.line;
  if (axis.name.starts_with("choice.")) {
    axis.kind = Axis::Kind::Choice;
    const std::string choice = axis.name.substr(7);
    if (std::find(vocabulary.choices.begin(), vocabulary.choices.end(), choice) == vocabulary.choices.end())
      return at(member.line, axis.name,
                fmt::format("no program has this choice; there are: {}", listed(vocabulary.choices)));
    return success();
  }
  if (axis.name.starts_with("var.")) {
    axis.kind = Axis::Kind::Variable;
    return isPlainWord(axis.name) && axis.name.size() > 4
               ? success()
               : Result<void>(
                     at(member.line, hw::inQuotes(axis.name), "a variable's name has letters, digits and '_'"));
  }
  axis.key = hw::findKey(axis.name);
  if (!axis.key)
    return at(member.line, hw::inQuotes(axis.name),
              "no key of the hardware (see `weft hw schema`), no choice.NAME and no var.NAME");
  if (axis.key->type == hw::ValueType::Kind)
    return at(member.line, axis.name, "cores of another kind have other keys; make a space for each kind");
  if (axis.key->isLabel)
    return at(member.line, axis.name, "it says nothing about how the machine works");
  if (!hw::appliesTo(*axis.key, space.base))
    return at(member.line, axis.name,
              fmt::format("only cores of kind {} have it; those of {} are of kind {}", axis.key->kind, space.baseName,
                          space.base.parallelism.core.kind));
  axis.isWhole = isWholeType(axis.key->type);
  return success();
}

Result<void> SpaceReader::addValue(const hw::YamlNode &node, Axis &axis) const {
  if (axis.values.size() >= maxValues)
    return at(node.line, axis.name, fmt::format("more than {} values", maxValues));
  std::string text;
  if (axis.kind == Axis::Kind::Hardware) {
    hw::Hardware machine = space.base;
    if (Result<void> set = hw::setValue(*axis.key, node, machine); !set)
      return at(node.line, axis.name, set.error().message);
    text = hw::valueText(*axis.key, machine);
  } else {
    if (node.kind != hw::YamlNode::Kind::Scalar || !isPlainWord(node.scalar) ||
        (axis.kind == Axis::Kind::Variable && !isNumber(node.scalar)))
      return at(node.line, axis.name,
                axis.kind == Axis::Kind::Variable ? "a variable's values are numbers"
                                                  : "a choice's values are words or numbers");
    text = jsonScalar(node.scalar);
  }
  if (std::find(axis.texts.begin(), axis.texts.end(), text) != axis.texts.end())
    return at(node.line, axis.name, fmt::format("{} is listed twice", text));
  axis.texts.push_back(std::move(text));
  axis.values.push_back(node);
  return success();
}

Result<void> SpaceReader::fillRange(const hw::YamlNode &stepNode, Axis &axis) const {
  double step = 1;
  if (stepNode.kind != hw::YamlNode::Kind::Null) {
    Result<double> given = real(stepNode, axis.name + ".step");
    if (!given)
      return given.takeError();
    step = *given;
    if (step <= 0 || (axis.isWhole && step != std::floor(step)))
      return at(stepNode.line, axis.name,
                fmt::format("a step of {} is not allowed; allowed: {} greater than 0", step,
                            axis.isWhole ? "a whole number" : "a number"));
  }
  const double count = std::floor((axis.high - axis.low) / step * (1 + 1e-12)) + 1;
  if (count > double(maxValues))
    return at(axis.line, axis.name, fmt::format("{} values; allowed: {}; take a larger step", count, maxValues));
  const bool isWhole = axis.low == std::floor(axis.low) && step == std::floor(step);
  for (double i = 0; i < count; ++i) // not by adding up, which would drift; rounded to what a person would write
    if (auto added =
            addValue(scalar(isWhole ? axis.low + i * step : std::stod(fmt::format("{:.12g}", axis.low + i * step)),
                            isWhole, axis.line),
                     axis);
        !added)
      return added;
  return success();
}

Result<void> SpaceReader::fillLog(const hw::YamlNode &pointsNode, Axis &axis) const {
  if (axis.low <= 0)
    return at(axis.line, axis.name, "a log range wants numbers greater than 0");
  if (axis.key && axis.key->type == hw::ValueType::PowerOfTwo && pointsNode.kind == hw::YamlNode::Kind::Null) {
    for (double value = std::bit_ceil(uint64_t(axis.low)); value <= axis.high; value *= 2)
      if (auto added = addValue(scalar(value, true, axis.line), axis); !added)
        return added;
    return axis.values.empty() ? Result<void>(at(axis.line, axis.name, "no power of two lies in the range"))
                               : success();
  }
  if (pointsNode.kind == hw::YamlNode::Kind::Null) { // any number in between
    axis.isLog = true;
    return success();
  }
  Result<uint64_t> points = whole(pointsNode, axis.name + ".points", 2, maxValues);
  if (!points)
    return points.takeError();
  for (uint64_t i = 0; i < *points; ++i) {
    const double share = double(i) / double(*points - 1);
    double value = i == 0 ? axis.low
                   : i + 1 == *points
                       ? axis.high
                       : std::stod(fmt::format("{:.6g}", axis.low * std::pow(axis.high / axis.low, share)));
    if (axis.isWhole)
      value = std::round(value);
    if (axis.isWhole && !axis.texts.empty() && axis.texts.back() == fmt::format("{}", int64_t(value)))
      continue; // two points of the range round to the same whole number
    if (auto added = addValue(scalar(value, axis.isWhole, axis.line), axis); !added)
      return added;
  }
  return success();
}

Result<void> SpaceReader::readRange(const hw::YamlNode &map, Axis &axis) const {
  const hw::YamlNode *range = findMember(map, "range"), *log = findMember(map, "log");
  if (bool(range) == bool(log))
    return at(axis.line, axis.name,
              "it wants a list of values, {range: [from, to], step: n} or {log: [from, to], points: n}");
  if (auto checked =
          range ? checkKeys(map, axis.name, {"range", "step"}) : checkKeys(map, axis.name, {"log", "points"});
      !checked)
    return checked;
  const hw::YamlNode &ends = range ? *range : *log;
  if (ends.kind != hw::YamlNode::Kind::List || ends.items.size() != 2)
    return at(ends.line, axis.name, "a range is [from, to]");
  for (const hw::YamlNode &end : ends.items) {
    Result<double> value = real(end, axis.name);
    if (!value)
      return value.takeError();
    if (axis.kind == Axis::Kind::Hardware) { // both ends are allowed, and so is what lies between
      hw::Hardware machine = space.base;
      if (Result<void> set = hw::setValue(*axis.key, end, machine); !set)
        return at(end.line, axis.name, set.error().message);
    }
    (&end == &ends.items[0] ? axis.low : axis.high) = *value;
  }
  if (axis.low > axis.high)
    return at(ends.line, axis.name, fmt::format("the range from {} to {} is empty", axis.low, axis.high));
  static const hw::YamlNode none;
  const hw::YamlNode *detail = findMember(map, range ? "step" : "points");
  if (log)
    return fillLog(detail ? *detail : none, axis);
  const bool isReal = axis.kind == Axis::Kind::Hardware && !axis.isWhole;
  return isReal && !detail ? success() : fillRange(detail ? *detail : none, axis);
}

Result<void> SpaceReader::readAxis(const hw::YamlMember &member) {
  Axis axis;
  if (auto named = nameAxis(member, axis); !named)
    return named;
  if (member.value.kind == hw::YamlNode::Kind::Map) {
    if (auto read = readRange(member.value, axis); !read)
      return read;
  } else if (member.value.kind == hw::YamlNode::Kind::List) {
    if (member.value.items.empty())
      return at(member.line, axis.name, "the list of values is empty");
    for (const hw::YamlNode &item : member.value.items)
      if (auto added = addValue(item, axis); !added)
        return added;
  } else {
    return at(member.line, axis.name,
              "it wants a list of values, {range: [from, to], step: n} or {log: [from, to], points: n}");
  }
  space.axes.push_back(std::move(axis));
  return success();
}

Result<void> SpaceReader::readAxes(const hw::YamlNode &node, int line) {
  if (node.kind != hw::YamlNode::Kind::Map)
    return at(line, "axes", "must be a map: a key of the hardware, choice.NAME or var.NAME each, and its values");
  if (node.members.size() > maxAxes)
    return at(line, "axes", fmt::format("{} axes; allowed: {}", node.members.size(), maxAxes));
  for (const hw::YamlMember &member : node.members)
    if (auto read = readAxis(member); !read)
      return read;
  return success();
}

/// Of an evolution; another method has none.
Result<void> SpaceReader::readPopulation(const hw::YamlNode *node, int line) {
  Method &method = space.method;
  if (method.kind != Method::Kind::Evolution)
    return node ? Result<void>(at(node->line, "method.population", "only nsga2 has one; remove the key")) : success();
  method.population = 40;
  if (node) {
    auto value = whole(*node, "method.population", 8, 100'000);
    if (!value)
      return value.takeError();
    method.population = *value;
  }
  if (method.population % 4 != 0 || method.points % method.population != 0)
    return at(line, "method.population",
              fmt::format("{} points are no whole number of generations of {}; a population is a multiple of 4 and "
                          "points are a multiple of it",
                          method.points, method.population));
  if (space.objectives.size() < 2)
    return at(line, "method.kind", "nsga2 wants two objectives or more; take grid, random or lhs");
  if (space.axes.empty())
    return at(line, "method.kind", "nsga2 wants an axis");
  return success();
}

Result<void> SpaceReader::readMethod(const hw::YamlNode &node, int line) {
  using Kind = Method::Kind;
  Method &method = space.method;
  const hw::YamlNode *kind = nullptr;
  if (node.kind == hw::YamlNode::Kind::Map) {
    if (auto checked = checkKeys(node, "method", {"kind", "points", "seed", "population"}); !checked)
      return checked;
    kind = findMember(node, "kind");
  }
  constexpr std::pair<std::string_view, Kind> kinds[] = {
      {"grid", Kind::Grid}, {"random", Kind::Random}, {"lhs", Kind::LatinHypercube}, {"nsga2", Kind::Evolution}};
  auto found =
      std::find_if(std::begin(kinds), std::end(kinds), [&](auto &each) { return kind && kind->scalar == each.first; });
  if (found == std::end(kinds))
    return at(kind ? kind->line : line, "method.kind", "it wants grid, random, lhs or nsga2");
  method.kind = found->second;
  const hw::YamlNode *points = findMember(node, "points"), *seed = findMember(node, "seed");
  if (method.kind == Kind::Grid && (points || seed))
    return at(points ? points->line : seed->line, points ? "method.points" : "method.seed",
              "a grid has all of its points, in order; remove the key");
  if (method.kind != Kind::Grid && !points)
    return at(kind->line, "method.points", "the key is missing; how many configurations are to be tried?");
  if (points) {
    auto count = whole(*points, "method.points", 1, method.kind == Kind::Random ? maxPoints : maxStored);
    if (!count)
      return count.takeError();
    method.points = *count;
  }
  if (auto read = readPopulation(findMember(node, "population"), kind->line); !read)
    return read;
  if (seed) {
    auto value = whole(*seed, "method.seed", 0, std::numeric_limits<uint32_t>::max());
    if (!value)
      return value.takeError();
    method.seed = *value;
  }
  if (method.kind != Kind::Grid)
    return success();
  method.points = 1;
  for (const Axis &axis : space.axes) {
    if (axis.isContinuous())
      return at(axis.line, axis.name,
                axis.isLog ? "a grid wants `points` of a log range" : "a grid wants the `step` of a range");
    if (method.points > maxPoints / axis.values.size())
      return at(
          line, "method",
          fmt::format("the grid has more than {} configurations; take fewer values, or random or lhs", maxPoints));
    method.points *= axis.values.size();
  }
  return success();
}

} // namespace weft::explore
