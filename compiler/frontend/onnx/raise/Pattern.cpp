#include "compiler/frontend/onnx/raise/Pattern.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <cstring>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

constexpr int64_t mostNumbers = 1 << 22;

template <typename T> std::vector<double> numbersOf(const std::vector<std::byte> &bytes) {
  std::vector<double> out(bytes.size() / sizeof(T));
  for (size_t i = 0; i < out.size(); ++i) {
    T number;
    std::memcpy(&number, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(number);
  }
  return out;
}

std::vector<double> halvesOf(const std::vector<std::byte> &bytes, const llvm::fltSemantics &semantics) {
  std::vector<double> out(bytes.size() / 2);
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t code;
    std::memcpy(&code, bytes.data() + i * 2, 2);
    out[i] = llvm::APFloat(semantics, llvm::APInt(16, code)).convertToDouble();
  }
  return out;
}

/// Tables of cosines and masks are larger than what is evaluated.
std::optional<std::vector<double>> numbersOf(const TensorData &data, const std::vector<std::byte> &bytes) {
  switch (data.type) {
  case ElementType::Float:
    return numbersOf<float>(bytes);
  case ElementType::Double:
    return numbersOf<double>(bytes);
  case ElementType::Float16:
    return halvesOf(bytes, llvm::APFloat::IEEEhalf());
  case ElementType::BFloat16:
    return halvesOf(bytes, llvm::APFloat::BFloat());
  case ElementType::Int64:
    return numbersOf<int64_t>(bytes);
  case ElementType::Int32:
    return numbersOf<int32_t>(bytes);
  case ElementType::Bool:
  case ElementType::UInt8:
    return numbersOf<uint8_t>(bytes);
  default:
    return std::nullopt;
  }
}

} // namespace

void Pattern::add(const Node &node) {
  for (size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty())
      makers[node.outputs[i]] = {&node, i};
}

std::pair<const Node *, size_t> Pattern::maker(const std::string &name) {
  auto found = makers.find(source(name));
  return found == makers.end() ? std::pair<const Node *, size_t>(nullptr, 0) : found->second;
}

std::string Pattern::source(const std::string &name) {
  if (auto other = same.find(name); other != same.end())
    return other->second;
  auto found = makers.find(name);
  if (found == makers.end() || found->second.second != 0)
    return name;
  const Node &node = *found->second.first;
  const bool cast = node.op == "Cast" && node.domain.empty();
  if (node.inputs.empty() || !(node.op == "Identity" || node.op == "Dropout" || cast))
    return name;
  if (cast) {
    Tensor before = value(node.inputs[0]), after = value(name);
    if (!before || !after || (before.type != after.type && !(isReal(before.type) && isReal(after.type))))
      return name;
  }
  return source(node.inputs[0]);
}

std::optional<std::string> Pattern::headsTurned(const std::string &name) {
  const Node *node = madeBy(name, "Transpose");
  auto order = node ? node->attributes.find("perm") : std::map<std::string, Attribute>::const_iterator();
  if (!node || order == node->attributes.end() || order->second.numbers != std::vector<int64_t>{0, 2, 1, 3})
    return std::nullopt;
  return source(node->inputs[0]);
}

const Node *Pattern::madeBy(const std::string &name, StringRef op) {
  auto [node, output] = maker(name);
  return node && output == 0 && node->op == op ? node : nullptr;
}

Tensor Pattern::value(const std::string &name) {
  const Bound *bound = name.empty() ? nullptr : importer.lookup(scope, name);
  return bound && !bound->isSequence && bound->parts.size() == 1 ? bound->parts[0] : Tensor{};
}

std::optional<std::vector<double>> Pattern::numbers(const std::string &name) {
  auto found = memo.find(name);
  if (found != memo.end())
    return found->second;
  std::optional<std::vector<double>> &out = memo[name];
  if (const TensorData *data = importer.initializerOf(importer.model.graph, source(name));
      data && data->elements() <= mostNumbers)
    if (std::optional<std::vector<std::byte>> bytes = importer.bytesOf(*data))
      return out = numbersOf(*data, *bytes);
  return out = numbers(value(name));
}

std::optional<std::vector<double>> Pattern::numbers(Tensor tensor) {
  const std::vector<mlir::Attribute> *elements = tensor ? importer.evaluator.evaluate(tensor.value) : nullptr;
  if (!elements)
    return std::nullopt;
  std::vector<double> numbers;
  for (mlir::Attribute element : *elements) {
    if (auto real = dyn_cast<FloatAttr>(element))
      numbers.push_back(real.getValueAsDouble());
    else if (auto integer = dyn_cast<IntegerAttr>(element))
      numbers.push_back(tensor.type == ElementType::Bool ? static_cast<double>(integer.getValue().getZExtValue())
                                                         : static_cast<double>(integer.getValue().getSExtValue()));
    else
      return std::nullopt;
  }
  return numbers;
}

std::optional<std::vector<double>> Pattern::tableRows(const std::string &name, int64_t first, int64_t count) {
  Tensor table = value(name);
  if (!table || table.rank() != 2 || first < 0 || count < 1 || first + count > table.size(0))
    return std::nullopt;
  const int64_t columns = table.size(1);
  if (const TensorData *data = importer.initializerOf(importer.model.graph, source(name));
      data && data->range && storedBits(data->type) >= 8) {
    TensorData part = *data;
    const auto rowBytes = static_cast<uint64_t>(columns) * storageBytes(data->type);
    part.range->offset += static_cast<uint64_t>(first) * rowBytes;
    part.range->bytes = static_cast<uint64_t>(count) * rowBytes;
    std::optional<std::vector<std::byte>> bytes = importer.bytesOf(part);
    return bytes ? numbersOf(part, *bytes) : std::nullopt;
  }
  std::optional<std::vector<double>> all = numbers(name);
  if (!all)
    return std::nullopt;
  return std::vector<double>(all->begin() + first * columns, all->begin() + (first + count) * columns);
}

std::optional<std::vector<int64_t>> Pattern::integers(const std::string &name) {
  std::optional<std::vector<double>> all = numbers(name);
  if (!all)
    return std::nullopt;
  std::vector<int64_t> out;
  for (double number : *all)
    out.push_back(number >= 9e18 ? std::numeric_limits<int64_t>::max() : static_cast<int64_t>(number));
  return out;
}

std::optional<double> Pattern::number(const std::string &name) {
  Tensor tensor = value(name);
  if (!tensor || tensor.elements() != 1)
    return std::nullopt;
  std::optional<std::vector<double>> all = numbers(name);
  return all && all->size() == 1 ? std::optional((*all)[0]) : std::nullopt;
}

bool Pattern::isNumber(const std::string &name, double wanted) {
  std::optional<double> found = number(name);
  return found && std::fabs(*found - wanted) <= 1e-6 * std::fabs(wanted);
}

bool Pattern::isAbout(const std::string &name, double number, double wanted) {
  const Tensor tensor = value(name);
  const bool isHalf = tensor && tensor.type == ElementType::Float16,
             isBf16 = tensor && tensor.type == ElementType::BFloat16;
  return std::fabs(number - wanted) <= (isHalf ? 0x1p-11 : isBf16 ? 0x1p-8 : 1e-5) * std::fabs(wanted);
}

bool Pattern::isWeight(const std::string &name) {
  Tensor tensor = value(name);
  return tensor && Evaluator::argumentsBehind(tensor.value).empty();
}

std::optional<Pattern::WithNumber> Pattern::scaled(const std::string &name) {
  if (auto both = operands(name, "Mul", [&](const std::string &x) { return number(x).has_value(); }))
    return WithNumber{both->second, *number(both->first)};
  if (auto both = operands(name, "Div"))
    if (std::optional<double> divisor = number(both->second); divisor && *divisor != 0)
      return WithNumber{both->first, 1 / *divisor};
  return std::nullopt;
}

std::optional<Pattern::WithNumber> Pattern::shifted(const std::string &name) {
  if (auto both = operands(name, "Add", [&](const std::string &x) { return number(x).has_value(); }))
    return WithNumber{both->second, *number(both->first)};
  if (auto both = operands(name, "Sub"))
    if (std::optional<double> less = number(both->second))
      return WithNumber{both->first, -*less};
  return std::nullopt;
}

std::optional<std::pair<std::string, std::string>> Pattern::operands(const std::string &name, StringRef op) {
  const Node *node = madeBy(name, op);
  if (!node || node->inputs.size() != 2)
    return std::nullopt;
  return std::pair(source(node->inputs[0]), source(node->inputs[1]));
}

std::optional<std::pair<std::string, std::string>>
Pattern::operands(const std::string &name, StringRef op, llvm::function_ref<bool(const std::string &)> first) {
  auto both = operands(name, op);
  if (!both)
    return std::nullopt;
  if (first(both->first))
    return both;
  if (first(both->second))
    return std::pair(both->second, both->first);
  return std::nullopt;
}

std::optional<std::string> Pattern::squared(const std::string &name) {
  if (auto both = operands(name, "Pow"); both && isNumber(both->second, 2))
    return both->first;
  if (auto both = operands(name, "Mul"); both && both->first == both->second)
    return both->first;
  return std::nullopt;
}

std::optional<Pattern::Part> Pattern::partOf(const std::string &name) {
  auto [node, output] = maker(name);
  Tensor part = value(name);
  if (!node || !part || (node->op != "Split" && node->op != "Slice" && node->op != "Gather") || !node->domain.empty())
    return std::nullopt;
  Tensor whole = value(node->inputs[0]);
  auto onAxis = [&](int64_t axis, int64_t offset) -> std::optional<Part> {
    axis = axis < 0 ? axis + whole.rank() : axis;
    if (axis < 0 || axis >= whole.rank() || part.rank() != whole.rank() || offset < 0 ||
        part.size(axis) > whole.size(axis) || offset > whole.size(axis) - part.size(axis))
      return std::nullopt;
    return Part{source(node->inputs[0]), axis, offset, part.size(axis)};
  };
  if (node->op == "Gather") {
    auto index = integers(node->inputs[1]);
    const int64_t given = node->number("axis", 0), axis = given < 0 ? given + whole.rank() : given;
    if (!index || index->size() != 1 || axis < 0 || axis >= whole.rank())
      return std::nullopt;
    return onAxis(axis, (*index)[0] < 0 ? (*index)[0] + whole.size(axis) : (*index)[0]);
  }
  if (node->op == "Split") {
    const int64_t axis = node->number("axis", 0);
    int64_t offset = 0;
    for (size_t i = 0; i < output; ++i)
      if (Tensor before = value(node->outputs[i]); before && before.rank() == whole.rank())
        offset += before.size(axis < 0 ? axis + whole.rank() : axis);
      else
        return std::nullopt;
    return onAxis(axis, offset);
  }
  if (node->inputs.size() < 4) // an older opset's, with attributes, or of the first dimensions
    return std::nullopt;
  auto starts = integers(node->inputs[1]), axes = integers(node->inputs[3]);
  auto steps = node->inputs.size() > 4 && !node->inputs[4].empty() ? integers(node->inputs[4])
                                                                   : std::optional(std::vector<int64_t>{1});
  if (!starts || !axes || !steps || starts->size() != 1 || axes->size() != 1 || *steps != std::vector<int64_t>{1})
    return std::nullopt;
  const int64_t axis = (*axes)[0] < 0 ? (*axes)[0] + whole.rank() : (*axes)[0];
  if (axis < 0 || axis >= whole.rank())
    return std::nullopt;
  const int64_t size = whole.size(axis), start = (*starts)[0] < 0 ? (*starts)[0] + size : (*starts)[0];
  return onAxis(axis, std::clamp<int64_t>(start, 0, size));
}

std::optional<Pattern::Part> Pattern::lastOf(const std::string &name) {
  if (auto part = partOf(name); part && part->size == 1)
    return part->offset + 1 == value(part->whole).size(part->axis) ? part : std::nullopt;
  auto [node, output] = maker(name);
  if (!node || node->op != "Gather" || !node->domain.empty())
    return std::nullopt;
  Tensor whole = value(node->inputs[0]);
  auto index = integers(node->inputs[1]);
  const int64_t given = node->number("axis", 0), axis = given < 0 ? given + whole.rank() : given;
  if (!index || index->size() != 1 || axis < 0 || axis >= whole.rank())
    return std::nullopt;
  const int64_t size = whole.size(axis);
  return (*index)[0] == -1 || (*index)[0] == size - 1 ? std::optional(Part{source(node->inputs[0]), axis, size - 1, 1})
                                                      : std::nullopt;
}

bool Pattern::overLastAxis(const Node &node, const std::string &name) {
  Tensor x = value(node.inputs[0]);
  if (!x)
    return false;
  std::vector<int64_t> axes;
  auto found = node.attributes.find(name);
  if (found != node.attributes.end())
    axes =
        found->second.kind == Attribute::Kind::Int ? std::vector<int64_t>{found->second.number} : found->second.numbers;
  else if (name == "axis")
    axes = {-1};
  else if (node.inputs.size() > 1) // without axes all dimensions are meant
    axes = integers(node.inputs[1]).value_or(std::vector<int64_t>());
  return axes.size() == 1 && (axes[0] == -1 || axes[0] == x.rank() - 1);
}

} // namespace weft::frontend::onnx
