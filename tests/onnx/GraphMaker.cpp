#include "tests/onnx/GraphMaker.h"

#include "compiler/frontend/onnx/graph/Import.h"
#include "compiler/graph/OpSummary.h"
#include "runtime/support/MappedFile.h"

#include <cmath>
#include <cstring>

using namespace weft::frontend::onnx;

namespace weft::test {
namespace {

template <typename T> std::vector<std::byte> rawBytes(const std::vector<T> &numbers) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(T));
  if (!bytes.empty())
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

template <typename T> std::vector<T> numbersOf(const std::vector<std::byte> &bytes) {
  std::vector<T> numbers(bytes.size() / sizeof(T));
  if (!bytes.empty())
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

Attribute attributeOf(const AttributeValue &value) {
  Attribute out;
  if (const auto *number = std::get_if<int64_t>(&value)) {
    out.kind = Attribute::Kind::Int;
    out.number = *number;
  } else if (const auto *real = std::get_if<double>(&value)) {
    out.kind = Attribute::Kind::Float;
    out.real = static_cast<float>(*real);
  } else if (const auto *text = std::get_if<std::string>(&value)) {
    out.kind = Attribute::Kind::String;
    out.text = *text;
  } else if (const auto *numbers = std::get_if<std::vector<int64_t>>(&value)) {
    out.kind = Attribute::Kind::Ints;
    out.numbers = *numbers;
  } else if (const auto *reals = std::get_if<std::vector<double>>(&value)) {
    out.kind = Attribute::Kind::Floats;
    out.reals.assign(reals->begin(), reals->end());
  } else {
    out.kind = Attribute::Kind::Strings;
    out.texts = std::get<std::vector<std::string>>(value);
  }
  return out;
}

} // namespace

GraphMaker::GraphMaker(int64_t opset) {
  model.path = "made.onnx";
  model.opsets[""] = opset;
  model.opsets["com.microsoft"] = 1;
  model.graph.name = "made";
}

std::string GraphMaker::input(const std::string &name, ElementType type, const Shape &shape) {
  ValueInfo info;
  info.name = name;
  info.type.container = ValueType::Container::Tensor;
  info.type.element = type;
  info.type.shape.emplace();
  for (int64_t size : shape)
    info.type.shape->push_back({size, ""});
  model.graph.inputs.push_back(info);
  return name;
}

std::string GraphMaker::constant(const Shape &shape, const std::vector<float> &numbers) {
  TensorData data;
  data.name = fresh("constant");
  data.type = ElementType::Float;
  data.shape = shape;
  data.bytes = rawBytes(numbers);
  model.graph.initializers.push_back(data);
  return data.name;
}

std::string GraphMaker::integers(const Shape &shape, const std::vector<int64_t> &numbers) {
  TensorData data;
  data.name = fresh("integers");
  data.type = ElementType::Int64;
  data.shape = shape;
  data.bytes = rawBytes(numbers);
  model.graph.initializers.push_back(data);
  return data.name;
}

std::string GraphMaker::random(const Shape &shape, float scale) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> numbers(static_cast<size_t>(count));
  for (float &number : numbers)
    number = normal(seeded);
  return constant(shape, numbers);
}

std::vector<std::string> GraphMaker::nodes(const std::string &op, const std::vector<std::string> &inputs,
                                           size_t outputs, const Attributes &attributes, const std::string &domain) {
  Node node;
  node.name = fresh(op);
  node.op = op;
  node.domain = domain;
  node.inputs = inputs;
  for (size_t i = 0; i < outputs; ++i)
    node.outputs.push_back(node.name + "." + std::to_string(i));
  for (const auto &[name, value] : attributes)
    node.attributes[name] = attributeOf(value);
  model.graph.nodes.push_back(node);
  return node.outputs;
}

void GraphMaker::output(const std::string &name) { model.graph.outputs.push_back({name, {}}); }

std::vector<float> Computed::floats(size_t output) const { return numbersOf<float>(outputs.at(output)); }
std::vector<int64_t> Computed::longs(size_t output) const { return numbersOf<int64_t>(outputs.at(output)); }

Result<Computed> compute(const Model &model, const std::vector<std::vector<std::byte>> &inputs, bool raise) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  GraphOptions options;
  options.raise = raise;
  auto module = buildGraph(context, model, options);
  if (!module)
    return module.takeError();
  Computed computed;
  computed.raised = graph::summarizeOps(**module).transformer;
  Result<graph::TensorInterpreter> interpreter = graph::TensorInterpreter::create(**module);
  if (!interpreter)
    return interpreter.takeError();
  std::vector<runtime::MappedFile> files;
  for (const std::string &path : model.files) {
    Result<runtime::MappedFile> file = runtime::MappedFile::open(path);
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
  }
  auto weights = [&](const std::string &name) -> std::span<const std::byte> {
    for (const TensorData &data : model.graph.initializers)
      if (data.name == name && data.range)
        return files[data.range->file].bytes().subspan(data.range->offset, data.range->bytes);
    return {};
  };
  std::vector<std::span<const std::byte>> spans(inputs.begin(), inputs.end());
  Result<std::vector<std::vector<std::byte>>> outputs = interpreter->run(spans, weights);
  if (!outputs)
    return outputs.takeError();
  computed.outputs = std::move(*outputs);
  return computed;
}

std::vector<std::byte> bytesOf(const std::vector<float> &numbers) { return rawBytes(numbers); }
std::vector<std::byte> bytesOf(const std::vector<int64_t> &numbers) { return rawBytes(numbers); }

std::vector<std::byte> randomInput(const ValueInfo &input, uint32_t seed) {
  std::mt19937 random(seed);
  size_t count = 1;
  for (const Dimension &dimension : *input.type.shape)
    count *= static_cast<size_t>(dimension.size);
  if (input.type.element == ElementType::Int64) {
    std::vector<int64_t> numbers(count);
    for (int64_t &number : numbers)
      number = static_cast<int64_t>(random() % 100);
    return rawBytes(numbers);
  }
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = normal(random);
  return rawBytes(numbers);
}

double relativeError(const std::vector<float> &got, const std::vector<float> &wanted) {
  if (got.size() != wanted.size())
    return INFINITY;
  double largest = 1e-30, difference = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i]) || !std::isfinite(wanted[i]))
      return INFINITY;
    largest = std::max(largest, std::fabs(static_cast<double>(wanted[i])));
    difference = std::max(difference, std::fabs(static_cast<double>(got[i]) - wanted[i]));
  }
  return difference / largest;
}

} // namespace weft::test
