#include "compiler/frontend/onnx/graph/Dims.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

namespace weft::frontend::onnx {
namespace {

constexpr int64_t mostElements = int64_t(1) << 32;

/// The name of a dimension, read as a sum or a product of names and integers.
class Formula {
public:
  Formula(std::string whole, const DimSizes &sizes) : text(std::move(whole)), sizes(sizes) {
    result = sum(0);
    skipSpaces();
    if (at != text.size() || !hasOperator)
      isOne = false;
  }

  /// Whether it is more than a name.
  bool isFormula() const { return isOne; }
  const std::vector<std::string> &names() const { return used; }
  /// None: a name has no size, or the value is beyond what a dimension may have.
  std::optional<int64_t> value() const { return isOne ? result : std::nullopt; }

private:
  using Value = std::optional<int64_t>;
  static constexpr int mostNesting = 16;

  void skipSpaces() {
    while (at < text.size() && text[at] == ' ')
      ++at;
  }
  bool take(char c) {
    skipSpaces();
    if (at == text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }
  /// Both are within 0 and mostElements, so that nothing overflows.
  static Value within(int64_t value) { return value <= mostElements ? Value(value) : std::nullopt; }
  static Value product(Value a, Value b) {
    if (!a || !b || (*a != 0 && *b > mostElements / *a))
      return std::nullopt;
    return *a * *b;
  }

  Value sum(int depth) {
    Value value = product(depth);
    while (isOne && take('+')) {
      hasOperator = true;
      Value other = product(depth);
      value = value && other ? within(*value + *other) : std::nullopt;
    }
    return value;
  }
  Value product(int depth) {
    Value value = factor(depth);
    while (isOne && take('*')) {
      hasOperator = true;
      value = product(value, factor(depth));
    }
    return value;
  }
  Value factor(int depth) {
    if (take('(')) {
      Value value = depth < mostNesting ? sum(depth + 1) : std::nullopt;
      isOne = isOne && take(')');
      return value;
    }
    skipSpaces();
    const size_t from = at;
    auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
    auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    while (at < text.size() && (isDigit(text[at]) || isLetter(text[at]) || text[at] == '.'))
      ++at;
    const std::string word = text.substr(from, at - from);
    if (word.empty() || word.size() > 200) {
      isOne = false;
      return std::nullopt;
    }
    if (std::all_of(word.begin(), word.end(), isDigit))
      return word.size() <= 10 ? within(std::stoll(word)) : std::nullopt;
    if (!isLetter(word[0]))
      isOne = false;
    used.push_back(word);
    auto found = sizes.find(word);
    return found == sizes.end() ? std::nullopt : within(found->second);
  }

  std::string text;
  const DimSizes &sizes;
  size_t at = 0;
  bool isOne = true, hasOperator = false;
  std::vector<std::string> used;
  Value result;
};

bool isSequence(const ValueType &type) {
  return type.container == ValueType::Container::Sequence || type.container == ValueType::Container::OptionalSequence;
}

/// What has no number, as GraphOptions names it: dimensions, and of a sequence its length.
struct OpenDim {
  std::string name;
  const ValueInfo *input;
  bool isNamed = false; // by the file

  Formula formula(const DimSizes &sizes) const { return {isNamed ? name : std::string(), sizes}; }
};

std::vector<OpenDim> openDims(const Model &model) {
  std::vector<OpenDim> open;
  for (const ValueInfo &input : model.graph.inputs) {
    if (isSequence(input.type))
      open.push_back({input.name, &input, false});
    if (input.type.shape)
      for (size_t i = 0; i < input.type.shape->size(); ++i)
        if ((*input.type.shape)[i].size < 0)
          open.push_back({nameOfDimension(input, i), &input, !(*input.type.shape)[i].name.empty()});
  }
  return open;
}

/// A name in which spaces do not count where it is a sum or a product.
std::string canonical(const std::string &name) {
  std::string joined = name;
  if (Formula(name, {}).isFormula())
    std::erase(joined, ' ');
  return joined;
}

/// `given` with each dimension called as the file calls it.
DimSizes asInFile(const Model &model, const DimSizes &given) {
  DimSizes named = given;
  for (const OpenDim &dim : openDims(model))
    for (const auto &[name, size] : given)
      if (dim.isNamed && canonical(name) == canonical(dim.name))
        named.emplace(dim.name, size);
  return named;
}

struct Unbound {
  std::string name;
  OpenDim dim; // that needs it
};

std::vector<Unbound> unbound(const Model &model, const DimSizes &asGiven) {
  const DimSizes given = asInFile(model, asGiven);
  std::vector<Unbound> missing;
  std::set<std::string> seen;
  auto need = [&](const std::string &name, const OpenDim &dim) {
    if (!given.contains(name) && seen.insert(name).second)
      missing.push_back({name, dim});
  };
  for (const OpenDim &dim : openDims(model)) {
    if (given.contains(dim.name))
      continue;
    const Formula formula = dim.formula(given);
    if (!formula.isFormula())
      need(dim.name, dim);
    else
      for (const std::string &name : formula.names())
        need(name, dim);
  }
  return missing;
}

/// A size that many models take, as an example.
int64_t exampleOf(const std::string &name) { return name.find("atch") != std::string::npos ? 1 : 8; }

} // namespace

std::string nameOfDimension(const ValueInfo &value, size_t i) {
  const Dimension &dimension = (*value.type.shape)[i];
  return dimension.name.empty() ? fmt::format("{}.{}", value.name, i) : dimension.name;
}

std::vector<std::string> unboundDims(const Model &model, const DimSizes &given) {
  std::vector<std::string> names;
  for (Unbound &each : unbound(model, given))
    names.push_back(std::move(each.name));
  return names;
}

std::string dimOption(const Model &model, const DimSizes &given) {
  std::vector<std::string> example;
  bool plain = true; // for a shell
  for (const auto &[name, dim] : unbound(model, given)) {
    example.push_back(fmt::format("{}={}", name, exampleOf(name)));
    plain = plain && std::all_of(name.begin(), name.end(), [](unsigned char c) {
              return std::isalnum(c) || c == '_' || c == '.' || c == '-' || c == '/' || c == ':';
            });
  }
  const char *quote = plain ? "" : "'";
  return example.empty() ? "" : fmt::format("--dim {}{}{}", quote, fmt::join(example, ","), quote);
}

std::string askForDims(const Model &model, const DimSizes &given) {
  std::vector<std::string> dims;
  for (const auto &[name, dim] : unbound(model, given)) {
    const bool length = isSequence(dim.input->type) && name == dim.input->name;
    dims.push_back(length             ? fmt::format("the length of the sequence '{}'", name)
                   : name == dim.name ? fmt::format("'{}' of input '{}'", name, dim.input->name)
                                      : fmt::format("'{}' in '{}' of input '{}'", name, dim.name, dim.input->name));
  }
  if (dims.empty())
    return "";
  return fmt::format("{} without a size: {}; bind {}, as in {}",
                     dims.size() == 1 ? "a dimension is" : fmt::format("{} dimensions are", dims.size()),
                     fmt::join(dims, ", "), dims.size() == 1 ? "it" : "them", dimOption(model, given));
}

Result<void> checkDims(const Model &model, const DimSizes &given) {
  std::set<std::string> known, canonicals;
  for (const OpenDim &dim : openDims(model)) {
    known.insert(dim.name);
    canonicals.insert(canonical(dim.name));
    if (const Formula formula = dim.formula(given); formula.isFormula())
      known.insert(formula.names().begin(), formula.names().end());
  }
  DimSizes sizes;
  for (const auto &[name, size] : given) {
    if (auto [other, isNew] = sizes.emplace(canonical(name), size); !isNew && other->second != size)
      return userError(fmt::format("{}: --dim {}={}: that dimension is {} by another spelling of its name", model.path,
                                   name, size, other->second));
    if (!known.contains(name) && !canonicals.contains(canonical(name)))
      return userError(fmt::format("{}: --dim {}: the model has no such dimension; it has {}", model.path, name,
                                   known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
    if (size < 0 || size > mostElements)
      return userError(
          fmt::format("{}: --dim {}={}: a dimension has between 0 and 2^32 elements", model.path, name, size));
  }
  return success();
}

Result<BoundDims> bindDims(const Model &model, const DimSizes &given) {
  if (Result<void> checked = checkDims(model, given); !checked)
    return checked.takeError();
  if (std::string missing = askForDims(model, given); !missing.empty())
    return userError(fmt::format("{}: {}", model.path, missing));
  BoundDims bound{asInFile(model, given), {}};
  for (const OpenDim &dim : openDims(model)) {
    if (bound.all.contains(dim.name))
      continue;
    const std::optional<int64_t> value = dim.formula(given).value();
    if (!value)
      return userError(fmt::format("{}: dimension '{}' of input '{}' has more than 2^32 elements by its name; bind it "
                                   "itself with --dim '{}=N'",
                                   model.path, dim.name, dim.input->name, dim.name));
    bound.all[dim.name] = *value;
    bound.computed.push_back(dim.name);
  }
  return bound;
}

} // namespace weft::frontend::onnx
