#include "compiler/frontend/onnx/generate/Launch.h"

#include "compiler/frontend/onnx/graph/Dims.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <functional>

namespace weft::frontend::onnx {
namespace {

using Kind = GeneratorInputs::Kind;

bool has(const std::string &name, std::string_view part) { return name.find(part) != std::string::npos; }

std::string lower(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

bool isHalfOrFloat(ElementType type) { return isFloat(type) && type != ElementType::Double; }

size_t rankOf(const ValueInfo &value) { return value.type.shape ? value.type.shape->size() : SIZE_MAX; }

/// None: a generator has no such input.
std::optional<Kind> kindOf(const ValueInfo &input) {
  const std::string name = lower(input.name);
  const ElementType type = input.type.element;
  const size_t rank = rankOf(input);
  if (input.type.container != ValueType::Container::Tensor || rank > 5)
    return std::nullopt;
  if (isHalfOrFloat(type) && (rank == 4 || rank == 5) &&
      (has(name, "past") || has(name, "cache") || has(name, "key") || has(name, "value")))
    return Kind::Cache;
  if (isHalfOrFloat(type) && rank == 3 && name.ends_with("key_value"))
    return Kind::Cache; // of the only head: keys and values side by side
  const bool isBool = type == ElementType::Bool;
  if ((!isInteger(type) && !isBool) || rank > 2)
    return std::nullopt;
  if (has(name, "mask"))
    return rank == 2 ? std::optional(Kind::Mask) : std::nullopt;
  if (isBool)
    return choosesCaches(input) ? std::optional(Kind::One) : std::nullopt;
  const std::pair<std::string_view, Kind> parts[] = {
      {"input_ids", Kind::Ids}, {"seqlens", Kind::LastKey}, {"total_seq", Kind::Total}, {"past_seq", Kind::Past},
      {"past_len", Kind::Past}, {"logits", Kind::One},      {"token_type", Kind::Zero}, {"pos", Kind::Position},
  };
  for (auto [part, kind] : parts)
    if (has(name, part))
      return kind;
  return std::nullopt;
}

const ValueInfo *outputNamed(const Model &model, const std::string &name) {
  for (const ValueInfo &output : model.graph.outputs)
    if (output.name == name)
      return &output;
  return nullptr;
}

/// The value of a cache after a launch has the cache's name with "present" for "past", or what comes at its place.
std::string afterwards(const Model &model, const std::string &cache, const std::vector<std::string> &others, size_t i) {
  for (std::string_view past : {"past_key_values", "past"})
    if (size_t at = cache.find(past); at != std::string::npos) {
      std::string name = cache;
      name.replace(at, past.size(), "present");
      if (outputNamed(model, name))
        return name;
    }
  return i < others.size() ? others[i] : "";
}

Result<void> findOutputs(const Model &model, GeneratorInputs &found, const std::vector<std::string> &caches) {
  std::vector<std::string> others;
  for (const ValueInfo &output : model.graph.outputs) {
    const bool isReal = isHalfOrFloat(output.type.element), mayBe = rankOf(output) == 2 || rankOf(output) == 3;
    if (found.logits.empty() && isReal && (output.name == "logits" || (mayBe && !outputNamed(model, "logits"))))
      found.logits = output.name;
    else if (isReal)
      others.push_back(output.name);
  }
  if (found.logits.empty())
    return userError("it has no output of logits");
  for (size_t i = 0; i < caches.size(); ++i) {
    std::string after = afterwards(model, caches[i], others, i);
    if (after.empty())
      return userError(fmt::format("its cache '{}' comes out of no output", caches[i]));
    found.caches[caches[i]] = after;
  }
  return success();
}

/// Which dimension of a cache counts tokens: [batch, heads, tokens, size], keys and values stacked, or side by side in
/// [batch, tokens, 2 * size].
size_t tokenDimension(const ValueInfo &cache) { return rankOf(cache) - 2; }

/// The numbers of a constant of float32; empty: it is another one, or its file has gone.
std::vector<float> numbersOf(const Model &model, const TensorData &data, int64_t most) {
  const int64_t count = data.elements();
  if (data.type != ElementType::Float || count > most)
    return {};
  std::vector<float> numbers(static_cast<size_t>(count));
  const size_t size = numbers.size() * sizeof(float);
  if (!data.range && data.bytes.size() == size)
    std::memcpy(numbers.data(), data.bytes.data(), size);
  std::ifstream file;
  if (data.range)
    file.open(model.files.at(data.range->file), std::ios::binary);
  if (data.range && !file.seekg(static_cast<std::streamoff>(data.range->offset))
                         .read(reinterpret_cast<char *>(numbers.data()), static_cast<std::streamsize>(size)))
    return {};
  return numbers;
}

/// Whether a tensor has ALiBi's slopes: 2^(-8/n), its square, and so on, of n heads. Of other numbers of heads more
/// follow.
bool hasSlopes(const Model &model, const TensorData &data) {
  const std::vector<float> numbers = numbersOf(model, data, 1024);
  const size_t heads = std::bit_floor(numbers.size());
  for (size_t i = 0; i < heads; ++i)
    if (!(std::fabs(numbers[i] / std::exp2(-8.0 * double(i + 1) / double(heads)) - 1) < 1e-3))
      return false;
  return heads > 1;
}

/// Calls `visit` for each node of the graph and of the branches in it.
void forEachNode(const Graph &graph, const std::function<void(const Node &)> &visit) {
  for (const Node &node : graph.nodes) {
    visit(node);
    for (const auto &[name, attribute] : node.attributes)
      if (attribute.graph)
        forEachNode(*attribute.graph, visit);
  }
}

std::string whyUnknown(const Model &model, const ValueInfo &input) {
  const bool isCache = isHalfOrFloat(input.type.element) && rankOf(input) == 3 && has(lower(input.name), "past");
  if (!isCache)
    return fmt::format("its input '{}' is none of a text generator's", input.name);
  const auto &constants = model.graph.initializers;
  bool slopes =
      std::any_of(constants.begin(), constants.end(), [&](const auto &data) { return hasSlopes(model, data); });
  std::string softmax;
  forEachNode(model.graph, [&](const Node &node) {
    for (const auto &[name, attribute] : node.attributes)
      slopes |= attribute.tensor && hasSlopes(model, *attribute.tensor);
    if (node.op == "Softmax" && softmax.empty())
      softmax = node.name;
  });
  const std::string merged = fmt::format("its cache '{}' has batch and heads in one dimension", input.name);
  return slopes
             ? fmt::format("node '{}' is of attention whose scores have a bias of their own, ALiBi (a slope for each "
                           "head), which no text generator has here; {}, too",
                           softmax, merged)
             : fmt::format("{}, which does not say how many heads there are", merged);
}

} // namespace

bool choosesCaches(const ValueInfo &input) {
  return input.type.container == ValueType::Container::Tensor && input.type.element == ElementType::Bool &&
         has(lower(input.name), "use_cache");
}

Result<GeneratorInputs> generatorInputs(const Model &model) {
  GeneratorInputs found;
  std::vector<std::string> caches;
  std::vector<const ValueInfo *> unknown;
  for (const ValueInfo &input : model.graph.inputs) {
    if (std::any_of(model.graph.initializers.begin(), model.graph.initializers.end(),
                    [&](const TensorData &data) { return data.name == input.name; }))
      continue;
    std::optional<Kind> kind = kindOf(input);
    if (!kind) {
      unknown.push_back(&input);
      continue;
    }
    found.inputs.push_back({&input, *kind});
    if (*kind == Kind::Ids)
      found.ids = input.name;
    if (*kind == Kind::Cache)
      caches.push_back(input.name);
  }
  // Ids by another name: the only input of integers that is nothing else.
  if (found.ids.empty() && unknown.size() == 1 && isInteger(unknown[0]->type.element) && rankOf(*unknown[0]) <= 2) {
    found.ids = unknown[0]->name;
    found.inputs.push_back({unknown[0], Kind::Ids});
    unknown.clear();
  }
  if (!unknown.empty())
    return userError(whyUnknown(model, *unknown[0]));
  if (found.ids.empty())
    return userError("it has no input of token ids");
  for (const GeneratorInputs::Input &input : found.inputs) {
    const auto &shape = *input.info->type.shape;
    if (input.kind == Kind::Ids && !shape.empty() && shape.back().size >= 0)
      found.tokens = shape.back().size;
    if (input.kind == Kind::Cache && shape[tokenDimension(*input.info)].size >= 0)
      found.past = shape[tokenDimension(*input.info)].size;
  }
  if (Result<void> outputs = findOutputs(model, found, caches); !outputs)
    return outputs.takeError();
  return found;
}

namespace {

/// Sizes that a launch gives the dimensions of an input; -1: the input must say.
std::vector<int64_t> launchShape(const GeneratorInputs::Input &input, int64_t past, int64_t tokens) {
  const size_t rank = rankOf(*input.info);
  std::vector<int64_t> shape(rank, 1);
  switch (input.kind) {
  case Kind::Ids:
  case Kind::Position:
  case Kind::Zero:
    if (rank > 0)
      shape.back() = tokens;
    break;
  case Kind::Mask:
    shape.back() = past + tokens;
    break;
  case Kind::Cache:
    std::fill(shape.begin(), shape.end(), -1);
    shape[rank == 5 ? 1 : 0] = 1;
    shape[tokenDimension(*input.info)] = past;
    break;
  default:
    break;
  }
  // A position of one number is that of the first token.
  if (input.kind == Kind::Position && rank == 1 && (*input.info->type.shape)[0].size == 1)
    shape[0] = 1;
  return shape;
}

std::vector<int64_t> launchValues(Kind kind, int64_t count, int64_t past, int64_t tokens) {
  std::vector<int64_t> values(static_cast<size_t>(count), 0);
  for (size_t i = 0; i < values.size(); ++i)
    switch (kind) {
    case Kind::Mask:
    case Kind::One:
      values[i] = 1;
      break;
    case Kind::Position:
      values[i] = past + static_cast<int64_t>(i);
      break;
    case Kind::LastKey:
      values[i] = past + tokens - 1;
      break;
    case Kind::Total:
      values[i] = past + tokens;
      break;
    case Kind::Past:
      values[i] = past;
      break;
    default:
      break;
    }
  return values;
}

} // namespace

Result<BoundLaunch> bindLaunch(const GeneratorInputs &inputs, int64_t past, int64_t tokens) {
  BoundLaunch bound;
  bound.launch.ids = inputs.ids;
  bound.launch.logits = inputs.logits;
  bound.launch.caches = inputs.caches;
  bound.launch.past = past;
  bound.launch.tokens = tokens;
  for (const GeneratorInputs::Input &input : inputs.inputs) {
    const std::vector<int64_t> shape = launchShape(input, past, tokens);
    int64_t count = 1;
    for (size_t i = 0; i < shape.size(); ++i) {
      const Dimension &dimension = (*input.info->type.shape)[i];
      count *= shape[i];
      if (shape[i] < 0 && dimension.size < 0)
        return userError(
            fmt::format("its cache '{}' does not say how many heads of which size it has", input.info->name));
      if (shape[i] < 0 || dimension.size == shape[i])
        continue;
      const std::string name = nameOfDimension(*input.info, i);
      if (dimension.size >= 0)
        return userError(fmt::format("its input '{}' has {} for dimension {}, which is {} for {} tokens after {}",
                                     input.info->name, dimension.size, i, shape[i], tokens, past));
      if (auto [known, isNew] = bound.dims.emplace(name, shape[i]); !isNew && known->second != shape[i])
        return userError(fmt::format("its dimension '{}' is both {} and {} for {} tokens after {}", name, known->second,
                                     shape[i], tokens, past));
    }
    if (input.kind != Kind::Ids && input.kind != Kind::Cache)
      bound.launch.fixed[input.info->name] = launchValues(input.kind, count, past, tokens);
  }
  return bound;
}

} // namespace weft::frontend::onnx
