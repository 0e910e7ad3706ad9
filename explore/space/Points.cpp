#include "explore/space/Points.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>

namespace weft::explore {

namespace {

// ---- numbers that are the same on every machine
// ----------------------------------------------------------------------

/// SplitMix64 (Steele, Lea, Flood 2014), as a hash.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// In [0, 1), from the seed and two numbers: any point can be made alone, in any order.
double uniform(uint64_t seed, uint64_t a, uint64_t b) { return double(mix(mix(mix(seed) ^ a) ^ b) >> 11) * 0x1p-53; }

std::vector<uint32_t> permutation(uint64_t size, uint64_t seed, uint64_t axis) {
  std::vector<uint32_t> order(size);
  for (uint64_t i = 0; i < size; ++i)
    order[i] = uint32_t(i);
  for (uint64_t i = size; i > 1; --i) // Fisher and Yates
    std::swap(order[i - 1], order[size_t(uniform(~seed, axis, i) * double(i))]);
  return order;
}

double numberOf(const hw::Key &key, const hw::Hardware &hardware) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  auto &fields = const_cast<hw::Hardware &>(hardware); // the fields' accessors give writable references
  if (auto *whole = std::get_if<uint32_t &(*)(hw::Hardware &)>(&key.field))
    return key.type == hw::ValueType::Kibibytes ? double((*whole)(fields)) / 1024 : double((*whole)(fields));
  if (auto *real = std::get_if<double &(*)(hw::Hardware &)>(&key.field))
    return (*real)(fields);
  if (auto *perhaps = std::get_if<std::optional<double> &(*)(hw::Hardware &)>(&key.field))
    return (*perhaps)(fields).value_or(none);
  if (auto *flag = std::get_if<bool &(*)(hw::Hardware &)>(&key.field))
    return (*flag)(fields);
  return none;
}

hw::YamlNode scalar(double value) {
  hw::YamlNode node;
  node.kind = hw::YamlNode::Kind::Scalar;
  node.scalar = value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{}", int64_t(value))
                                                                     : fmt::format("{}", value);
  return node;
}

std::string textOf(const Workload &workload) {
  std::string text = fmt::format("{} {} {} {} {}x{}", workload.phase, workload.context, workload.batch, workload.kernel,
                                 workload.meshWidth, workload.meshHeight);
  for (int64_t extent : workload.shape)
    text += fmt::format(" {}", extent);
  if (!workload.traceText.empty()) {
    const XXH128_hash_t trace = XXH3_128bits(workload.traceText.data(), workload.traceText.size());
    text += fmt::format(" {:016x}{:016x} {}", trace.high64, trace.low64, workload.requests);
  }
  const XXH128_hash_t model = XXH3_128bits(workload.modelText.data(), workload.modelText.size());
  return text + fmt::format(" {} {:016x}{:016x}", workload.element, model.high64, model.low64);
}

} // namespace

/// What expressions may ask for; what is not needed is not computed.
struct Points::Known {
  const Evaluator &evaluator;
  const hw::Hardware *hardware;
  const Workload *workload;
  const std::vector<double> *axisNumbers;
  const std::map<std::string, double> *metrics = nullptr;
  std::vector<double> lets{};
  std::optional<std::map<std::string, double>> figures{};

  double figure(const std::string &name) {
    if (metrics)
      if (auto found = metrics->find(name); found != metrics->end())
        return found->second;
    if (!figures)
      figures = evaluator.figures(*hardware);
    auto found = figures->find(name);
    return found == figures->end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
  }
};

Digest Candidate::digest(Fidelity fidelity, std::string_view version) const {
  const std::string all = fmt::format("{}\n{} {}", identity, nameOf(fidelity), version);
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Points::Points(const Space &space, const Evaluator &evaluator) : space(space), evaluator(evaluator), base(space.base) {
  base.yaml.clear();
  base.description.clear();
  base.digest = 0;
  for (const Axis &axis : space.axes)
    if (axis.key)
      keys.push_back(axis.key);
  for (const Derived &derived : space.derives)
    keys.push_back(derived.key);
  std::sort(keys.begin(), keys.end(), [](auto *a, auto *b) { return a->path < b->path; });
  for (const hw::Key *key : keys)
    baseTexts.push_back(hw::valueText(*key, base));
  for (const Workload &workload : space.workloads)
    workloadTexts.push_back(textOf(workload));
  for (const Derived &let : space.lets)
    letSources.push_back(sourcesOf(let.parts[0]));
  for (const Derived &derived : space.derives) {
    deriveSources.emplace_back();
    for (const Expression &part : derived.parts)
      deriveSources.back().push_back(sourcesOf(part));
  }
  for (const Constraint &constraint : space.constraints)
    constraintSources.push_back(sourcesOf(constraint.expression));
  if (space.method.kind == Method::Kind::LatinHypercube)
    for (size_t axis = 0; axis < space.axes.size(); ++axis)
      strata.push_back(permutation(space.method.points, space.method.seed, axis));
}

// ---- expressions
// -----------------------------------------------------------------------------------------------------

Points::Source Points::sourceOf(const std::string &name) const {
  using Kind = Source::Kind;
  for (const auto &[known, kind] : {std::pair<std::string_view, Kind>{"mesh.width", Kind::Width},
                                    {"mesh.height", Kind::Height},
                                    {"mesh.cores", Kind::Cores},
                                    {"workload.context", Kind::Context},
                                    {"workload.batch", Kind::Batch}})
    if (name == known)
      return {kind};
  for (size_t i = 0; i < space.lets.size(); ++i)
    if (space.lets[i].name == name)
      return {Kind::Let, nullptr, i};
  for (size_t i = 0; i < space.axes.size(); ++i)
    if (space.axes[i].kind != Axis::Kind::Hardware && space.axes[i].name == name)
      return {Kind::Axis, nullptr, i};
  if (isHardwareNumber(name))
    return {Kind::Number, hw::findKey(name)};
  return {Kind::Figure, nullptr, 0, name};
}

Points::Sources Points::sourcesOf(const Expression &expression) const {
  Sources sources;
  for (const std::string &name : expression.names())
    sources.push_back(sourceOf(name));
  return sources;
}

double Points::value(const Expression &expression, const Sources &sources, Known &known) const {
  using Kind = Source::Kind;
  std::vector<double> values;
  values.reserve(sources.size());
  const hw::Parallelism &parallelism = known.hardware->parallelism;
  for (const Source &source : sources)
    switch (source.kind) {
    case Kind::Number:
      values.push_back(numberOf(*source.key, *known.hardware));
      break;
    case Kind::Width:
      values.push_back(parallelism.meshWidth);
      break;
    case Kind::Height:
      values.push_back(parallelism.meshHeight);
      break;
    case Kind::Cores:
      values.push_back(double(parallelism.meshWidth) * parallelism.meshHeight);
      break;
    case Kind::Context:
      values.push_back(known.workload->context);
      break;
    case Kind::Batch:
      values.push_back(known.workload->batch);
      break;
    case Kind::Let:
      values.push_back(known.lets[source.index]);
      break;
    case Kind::Axis:
      values.push_back((*known.axisNumbers)[source.index]);
      break;
    case Kind::Figure:
      values.push_back(known.figure(source.name));
      break;
    }
  return expression.evaluate(values);
}

void Points::computeLets(Known &known) const {
  known.lets.clear();
  known.figures.reset();
  for (size_t i = 0; i < space.lets.size(); ++i)
    known.lets.push_back(value(space.lets[i].parts[0], letSources[i], known));
}

/// Sets the keys of `derive`, each seeing those before it; the refusal of a value that is not allowed.
std::optional<Outcome> Points::derive(Known &known, hw::Hardware &hardware) const {
  for (size_t i = 0; i < space.derives.size(); ++i) {
    const Derived &derived = space.derives[i];
    hw::YamlNode node;
    for (size_t part = 0; part < derived.parts.size(); ++part) {
      const double number = value(derived.parts[part], deriveSources[i][part], known);
      if (!std::isfinite(number))
        return Outcome::refused("derive", fmt::format("{}: {} has no value", derived.name, derived.parts[part].text()));
      if (derived.parts.size() == 1) {
        node = scalar(number);
      } else {
        node.kind = hw::YamlNode::Kind::List;
        node.items.push_back(scalar(number));
      }
    }
    if (auto set = hw::setValue(*derived.key, node, hardware); !set)
      return Outcome::refused("derive", fmt::format("{}: {}", derived.name, set.error().message));
    known.figures.reset();
  }
  return std::nullopt;
}

std::optional<Outcome> Points::firstBroken(Known &known, bool ofMetrics) const {
  for (size_t i = 0; i < space.constraints.size(); ++i) {
    const Constraint &constraint = space.constraints[i];
    if (constraint.needsMetrics != ofMetrics)
      continue;
    const double holds = value(constraint.expression, constraintSources[i], known);
    if (std::isnan(holds))
      return Outcome::refused("constraint", fmt::format("{} has no value", constraint.expression.text()));
    if (holds == 0)
      return Outcome::refused("constraint", fmt::format("{} does not hold", constraint.expression.text()));
  }
  return std::nullopt;
}

void Points::judge(const Candidate &candidate, Outcome &outcome) const {
  if (outcome.status != Outcome::Status::Ok)
    return;
  std::optional<Outcome> refusal;
  for (const Objective &objective : space.objectives)
    if (auto found = outcome.metrics.find(objective.metric);
        found == outcome.metrics.end() || !std::isfinite(found->second))
      refusal = Outcome::refused("no figure", fmt::format("{} is not known of this point", objective.metric));
  Known known{evaluator, &candidate.point.hardware, candidate.point.workload, &candidate.axisNumbers, &outcome.metrics};
  if (!refusal && std::any_of(space.constraints.begin(), space.constraints.end(),
                              [](const Constraint &each) { return each.needsMetrics; })) {
    computeLets(known);
    refusal = firstBroken(known, true);
  }
  if (!refusal)
    return;
  refusal->metrics = std::move(outcome.metrics);
  outcome = *std::move(refusal);
}

// ---- points
// ------------------------------------------------------------------------------------------------------------

Coordinates Points::coordinates(uint64_t configuration) const {
  Coordinates out(space.axes.size());
  uint64_t rest = configuration;
  for (size_t i = space.axes.size(); i-- > 0;) {
    const Axis &axis = space.axes[i];
    const auto count = double(axis.values.size());
    if (space.method.kind == Method::Kind::Grid) { // the last axis changes first
      out[i] = double(rest % axis.values.size());
      rest /= axis.values.size();
      continue;
    }
    double share = uniform(space.method.seed, configuration, i);
    if (!strata.empty())
      share = (strata[i][configuration] + share) / double(space.method.points);
    out[i] = axis.isContinuous() ? share : std::min(std::floor(share * count), count - 1);
  }
  return out;
}

/// Of a continuous axis, to nine digits: what is stored is what was computed with.
static hw::YamlNode valueBetween(const Axis &axis, double share) {
  const double value =
      axis.isLog ? axis.low * std::pow(axis.high / axis.low, share) : axis.low + (axis.high - axis.low) * share;
  if (axis.isWhole)
    return scalar(std::round(value));
  return scalar(std::clamp(std::stod(fmt::format("{:.9g}", value)), axis.low, axis.high));
}

void Points::setAxis(size_t index, double coordinate, Candidate &candidate) const {
  const Axis &axis = space.axes[index];
  const hw::YamlNode node = axis.isContinuous() ? valueBetween(axis, coordinate) : axis.values[size_t(coordinate)];
  if (axis.kind == Axis::Kind::Hardware) {
    if (auto set = hw::setValue(*axis.key, node, candidate.point.hardware); !set) // only between the ends of a range
      candidate.refusal = Outcome::refused("hardware", fmt::format("{}: {}", axis.name, set.error().message));
    return;
  }
  if (axis.kind == Axis::Kind::Choice)
    candidate.point.choices[axis.name.substr(7)] = node.scalar;
  char *end = nullptr;
  const double number = std::strtod(node.scalar.c_str(), &end);
  candidate.axisNumbers[index] = *end == '\0' ? number : std::numeric_limits<double>::quiet_NaN();
}

void Points::describe(Candidate &candidate, size_t workload, const Coordinates &coordinates) const {
  const hw::Hardware &hardware = candidate.point.hardware;
  candidate.identity = fmt::format("{:016x}\n{}\n", space.base.digest, workloadTexts[workload]);
  for (size_t i = 0; i < keys.size(); ++i)
    if (std::string text = hw::valueText(*keys[i], hardware); text != baseTexts[i])
      candidate.identity += fmt::format("{}={}\n", keys[i]->path, text);
  for (const auto &[name, choice] : candidate.point.choices)
    candidate.identity += fmt::format("choice.{}={}\n", name, choice);
  candidate.inputs = fmt::format("{{\"workload\":\"{}\"", candidate.point.workload->name);
  for (size_t i = 0; i < space.axes.size(); ++i) {
    const Axis &axis = space.axes[i];
    candidate.inputs += fmt::format(",\"{}\":{}", axis.name,
                                    !axis.isContinuous() ? axis.texts[size_t(coordinates[i])]
                                    : axis.key           ? hw::valueText(*axis.key, hardware)
                                                         : valueBetween(axis, coordinates[i]).scalar);
  }
  for (const Derived &derived : space.derives)
    candidate.inputs += fmt::format(",\"{}\":{}", derived.name, hw::valueText(*derived.key, hardware));
  candidate.inputs += '}';
}

void Points::place(uint64_t ordinal, Coordinates coordinates) {
  placed.insert_or_assign(ordinal, std::move(coordinates));
}

Candidate Points::at(uint64_t ordinal) const {
  if (space.method.kind == Method::Kind::Evolution)
    return make(ordinal, placed.at(ordinal), ordinal / space.method.points);
  const uint64_t workloads = space.workloads.size();
  return make(ordinal, coordinates(ordinal / workloads), ordinal % workloads);
}

Candidate Points::make(uint64_t ordinal, const Coordinates &coordinates, size_t workload) const {
  Candidate candidate;
  candidate.point.hardware = base;
  candidate.point.workload = &space.workloads[workload];
  candidate.point.ordinal = ordinal;
  candidate.axisNumbers.resize(space.axes.size());
  for (size_t i = 0; i < space.axes.size(); ++i)
    setAxis(i, coordinates[i], candidate);
  Known known{evaluator, &candidate.point.hardware, candidate.point.workload, &candidate.axisNumbers};
  if (!candidate.refusal && !space.derives.empty()) {
    computeLets(known);
    candidate.refusal = derive(known, candidate.point.hardware);
  }
  if (!candidate.refusal)
    if (auto misfit = hw::findMisfit(candidate.point.hardware))
      candidate.refusal = Outcome::refused("hardware", fmt::format("{}: {}", misfit->key, misfit->reason));
  describe(candidate, workload, coordinates);
  if (!candidate.refusal && !space.constraints.empty()) {
    computeLets(known); // of the finished machine
    candidate.refusal = firstBroken(known, false);
  }
  // What derive refused left the machine half made: the reason belongs to the identity of such a point.
  if (candidate.refusal && candidate.refusal->reasonKind != "constraint")
    candidate.identity += candidate.inputs;
  return candidate;
}

Result<void> Points::checkFeasible(uint64_t most) const {
  if (count() > most || space.method.kind == Method::Kind::Evolution)
    return success();
  std::map<std::string, uint64_t> reasons;
  for (uint64_t ordinal = 0; ordinal < count(); ++ordinal) {
    const Candidate candidate = at(ordinal);
    if (!candidate.refusal)
      return success();
    if (reasons.size() < 64 || reasons.contains(candidate.refusal->reason))
      ++reasons[candidate.refusal->reason];
  }
  std::vector<std::pair<uint64_t, std::string>> sorted;
  for (const auto &[reason, points] : reasons)
    sorted.emplace_back(points, reason);
  std::sort(sorted.rbegin(), sorted.rend());
  std::string why;
  for (size_t i = 0; i < std::min<size_t>(3, sorted.size()); ++i)
    why += fmt::format("{}{} points: {}", i ? "; " : "", sorted[i].first, sorted[i].second);
  return userError(fmt::format("{}: none of the {} points can work; {}", space.origin, count(), why));
}

} // namespace weft::explore
