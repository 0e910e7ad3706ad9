#include "compiler/frontend/onnx/graph/Node.h"

#include "compiler/frontend/onnx/graph/Importer.h"
#include "compiler/frontend/onnx/graph/KnownAttributes.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/IR/Location.h"

using namespace mlir;

namespace weft::frontend::onnx {

NodeBuilder::NodeBuilder(Importer &importer, Scope &scope, const Node &node, int64_t opset, OpBuilder &builder)
    : Blocks(builder, NameLoc::get(builder.getStringAttr(node.name))), node(node), opset(opset), importer(importer),
      scope(scope) {}

void NodeBuilder::failWith(const std::string &what) const {
  std::string shapes;
  for (const std::string &name : node.inputs) {
    const Bound *input = name.empty() ? nullptr : importer.lookup(scope, name);
    if (!input || input->parts.empty() || !input->parts[0])
      continue;
    shapes += fmt::format("{}{} {}[{}]", shapes.empty() ? "" : ", ", name, nameOf(input->parts[0].type),
                          fmt::join(input->parts[0].shape(), "x"));
  }
  throw LoweringFailure{userError(fmt::format("{}: node '{}' ({}{}): {}", importer.model.path, node.name, node.op,
                                              shapes.empty() ? "" : " of " + shapes, what))};
}

void NodeBuilder::refuseUnread() const {
  for (size_t i = readInputs; i < node.inputs.size(); ++i)
    require(node.inputs[i].empty(), "it has no input {}, which is given as '{}'", i, node.inputs[i]);
  for (const auto &[name, attribute] : node.attributes) {
    // Tools leave notes of their own.
    require(readAttributes.contains(name) || onnx::hasAttribute(node.domain, node.op, name) || name.starts_with("_") ||
                name.find('.') != std::string::npos,
            "it has no attribute '{}'", name);
    const int64_t since = node.domain.empty() ? becameInput(node.op, name) : 0;
    // Quantisers raise a model's opset and leave its nodes as they are; ONNX Runtime refuses that, too.
    require(
        since == 0 || opset < since,
        "it has no attribute '{}' in opset {}: since opset {} that is an input; make the model's opset the one that "
        "its nodes were written for",
        name, opset, since);
  }
}

bool NodeBuilder::has(size_t i) {
  readInputs = std::max(readInputs, i + 1);
  if (i >= node.inputs.size() || node.inputs[i].empty())
    return false;
  // An optional input of a function that its caller has left out has a name, but no value.
  const Bound *found = importer.lookup(scope, node.inputs[i]);
  return !found || found->isSequence || found->parts.empty() || found->parts[0];
}

const Bound &NodeBuilder::bound(size_t i) {
  require(has(i), "input {} is missing", i);
  const Bound *found = importer.lookup(scope, node.inputs[i]);
  require(found != nullptr, "input '{}' has no value", node.inputs[i]);
  return *found;
}

Tensor NodeBuilder::in(size_t i) {
  const Bound &value = bound(i);
  require(!value.isSequence, "input '{}' is a sequence, but must be a tensor", node.inputs[i]);
  return value.parts[0];
}

Tensor NodeBuilder::floats(size_t i) {
  Tensor x = in(i);
  require(isFloat(x.type), "its input '{}' is of {}, but must be of floats", node.inputs[i], nameOf(x.type));
  return x;
}

Tensor NodeBuilder::numeric(size_t i) {
  Tensor x = in(i);
  require(isFloat(x.type) || (isInteger(x.type) && storedBits(x.type) >= 8), "it is not defined for {}",
          nameOf(x.type));
  return x;
}

std::vector<Tensor> NodeBuilder::all() {
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < inputs(); ++i)
    tensors.push_back(in(i));
  return tensors;
}

void NodeBuilder::out(size_t i, Tensor tensor) { outBound(i, Bound{{tensor}, false}); }

void NodeBuilder::outBound(size_t i, Bound bound) {
  for (const Tensor &part : bound.parts)
    if (part)
      require(part.elements() <= mostElementsOfTensor, "its result of [{}] is too large",
              fmt::join(part.shape(), ", "));
  if (wants(i))
    scope.values[node.outputs[i]] = std::move(bound);
}

const Attribute *NodeBuilder::find(const std::string &name) const {
  readAttributes.insert(name);
  auto found = node.attributes.find(name);
  if (found == node.attributes.end())
    return nullptr;
  if (found->second.kind != Attribute::Kind::Reference)
    return &found->second;
  if (!scope.attributes)
    return nullptr;
  auto given = scope.attributes->find(found->second.text);
  return given == scope.attributes->end() ? nullptr : &given->second;
}

const Attribute *NodeBuilder::typed(const std::string &name, Attribute::Kind kind, std::string_view what) const {
  const Attribute *attribute = find(name);
  if (attribute && attribute->kind != kind)
    fail("the attribute '{}' is not {}", name, what);
  return attribute;
}

int64_t NodeBuilder::number(const std::string &name, int64_t otherwise) const {
  const Attribute *attribute = typed(name, Attribute::Kind::Int, "an integer");
  return attribute ? attribute->number : otherwise;
}
int64_t NodeBuilder::number(const std::string &name) {
  const Attribute *attribute = find(name);
  require(attribute && attribute->kind == Attribute::Kind::Int, "the attribute '{}' is missing or no integer", name);
  return attribute->number;
}
double NodeBuilder::real(const std::string &name, double otherwise) const {
  const Attribute *attribute = typed(name, Attribute::Kind::Float, "a number");
  return attribute ? attribute->real : otherwise;
}
std::string NodeBuilder::text(const std::string &name, const std::string &otherwise) const {
  const Attribute *attribute = typed(name, Attribute::Kind::String, "a text");
  return attribute ? attribute->text : otherwise;
}
std::vector<int64_t> NodeBuilder::numbers(const std::string &name) const {
  const Attribute *attribute = typed(name, Attribute::Kind::Ints, "a list of integers");
  return attribute ? attribute->numbers : std::vector<int64_t>();
}
std::vector<float> NodeBuilder::reals(const std::string &name) const {
  const Attribute *attribute = typed(name, Attribute::Kind::Floats, "a list of numbers");
  return attribute ? attribute->reals : std::vector<float>();
}

std::optional<std::vector<int64_t>> NodeBuilder::known(Tensor tensor) {
  const std::vector<mlir::Attribute> *elements = tensor ? importer.evaluator.evaluate(tensor.value) : nullptr;
  if (!elements)
    return std::nullopt;
  std::vector<int64_t> numbers;
  for (mlir::Attribute element : *elements) {
    auto integer = dyn_cast<IntegerAttr>(element);
    if (!integer)
      return std::nullopt;
    const bool plain = isUnsigned(tensor.type) || tensor.type == ElementType::Bool;
    numbers.push_back(plain ? static_cast<int64_t>(integer.getValue().getZExtValue())
                            : integer.getValue().getSExtValue());
  }
  return numbers;
}

std::optional<std::vector<int64_t>> NodeBuilder::known(size_t i) { return has(i) ? known(in(i)) : std::nullopt; }

std::optional<std::vector<double>> NodeBuilder::knownReals(Tensor tensor) {
  const std::vector<mlir::Attribute> *elements = tensor ? importer.evaluator.evaluate(tensor.value) : nullptr;
  if (!elements)
    return std::nullopt;
  std::vector<double> numbers;
  for (mlir::Attribute element : *elements) {
    if (auto real = dyn_cast<FloatAttr>(element))
      numbers.push_back(real.getValueAsDouble());
    else if (auto integer = dyn_cast<IntegerAttr>(element))
      numbers.push_back(static_cast<double>(integer.getValue().getSExtValue()));
    else
      return std::nullopt;
  }
  return numbers;
}

std::vector<int64_t> NodeBuilder::mustKnow(size_t i) {
  if (std::optional<std::vector<int64_t>> numbers = known(i))
    return *numbers;
  decidesShape(i);
}

void NodeBuilder::decidesShape(size_t i) {
  importer.noteDecidedBy(in(i).value);
  fail("its input '{}' decides the shape of the result, but is known only when the program runs", node.inputs[i]);
}

std::optional<std::vector<int64_t>> NodeBuilder::attributeOrKnown(const std::string &name, size_t i) {
  if (hasAttribute(name))
    return numbers(name);
  if (!has(i))
    return std::nullopt;
  return mustKnow(i);
}

std::optional<Sizes> NodeBuilder::declared(size_t i) {
  return wants(i) ? importer.declaredShape(scope, node.outputs[i]) : std::nullopt;
}

Sizes NodeBuilder::mustDeclare(size_t i) {
  if (std::optional<Sizes> shape = declared(0))
    return *shape;
  decidesShape(i);
}

int64_t NodeBuilder::axisOf(int64_t axis, int64_t rank) {
  require(axis >= -rank && axis < rank, "axis {} does not exist in a tensor of {} dimensions", axis, rank);
  return axis < 0 ? axis + rank : axis;
}

Sizes NodeBuilder::axesOf(ArrayRef<int64_t> axes, int64_t rank) {
  std::optional<Sizes> normalized = normalizedAxes(axes, rank);
  require(normalized.has_value(), "axes [{}] are twice the same or do not exist in a tensor of {} dimensions",
          fmt::join(axes, ", "), rank);
  return *normalized;
}

int64_t NodeBuilder::sizeOf(int64_t size) {
  require(size >= 0 && size <= mostElementsOfTensor, "a size of {}", size);
  return size;
}

void NodeBuilder::requireSameType(ArrayRef<Tensor> tensors) {
  for (const Tensor &tensor : tensors)
    require(tensor.type == tensors[0].type, "its operands are of {} and {}, but must be of one type",
            nameOf(tensors[0].type), nameOf(tensor.type));
}

Sizes NodeBuilder::broadcastOf(ArrayRef<Tensor> tensors) {
  Sizes shape;
  for (const Tensor &tensor : tensors) {
    std::optional<Sizes> both = broadcastShapes(shape, tensor.shape());
    require(both.has_value(), "shapes [{}] and [{}] cannot be broadcast to one", fmt::join(shape, ", "),
            fmt::join(tensor.shape(), ", "));
    shape = *both;
  }
  return shape;
}

Tensor NodeBuilder::combined(ElementType out, ArrayRef<Tensor> operands, Body body) {
  requireSameType(operands);
  broadcastOf(operands);
  return elementwise(out, operands, body);
}

const Graph &NodeBuilder::graphOf(const std::string &name) {
  const Attribute *attribute = find(name);
  require(attribute && attribute->graph, "the graph '{}' is missing", name);
  return *attribute->graph;
}

ElementType NodeBuilder::typeOfResult(const std::string &name, size_t i) {
  const Graph &graph = graphOf(name);
  require(i < graph.outputs.size() && storedBits(graph.outputs[i].type.element) != 0,
          "the type of its result {} is not declared", i);
  return graph.outputs[i].type.element;
}

bool NodeBuilder::goesOnAlways(const std::string &name) {
  const Graph &graph = graphOf(name);
  if (graph.outputs.empty() || graph.inputs.size() < 2)
    return false;
  std::string value = graph.outputs[0].name;
  for (auto made = graph.nodes.rbegin(); made != graph.nodes.rend(); ++made) { // in order, so that one pass is enough
    if (!llvm::is_contained(made->outputs, value))
      continue;
    if (made->op == "Identity" && made->inputs.size() == 1) {
      value = made->inputs[0];
      continue;
    }
    auto constant = made->attributes.find("value");
    return made->op == "Constant" && constant != made->attributes.end() && constant->second.tensor &&
           constant->second.tensor->bytes == std::vector<std::byte>(1, std::byte(1));
  }
  return value == graph.inputs[1].name;
}

void NodeBuilder::forgetKnown() { importer.evaluator.forget(); }

std::vector<Bound> NodeBuilder::runGraph(const std::string &name, ArrayRef<Bound> arguments) {
  const Graph &graph = graphOf(name);
  require(graph.inputs.size() == arguments.size(), "its graph '{}' has {} inputs instead of {}", name,
          graph.inputs.size(), arguments.size());
  return importer.runGraph(graph, scope, arguments);
}

Tensor NodeBuilder::constant(const TensorData &data) {
  return importer.constant(data, data.name.empty() ? node.name : data.name);
}

Result<Tensor> NodeBuilder::packedWeight() {
  return paramOf([&](const FindInitializer &find) { return onnx::packedWeight(node, find); });
}

Result<Tensor> NodeBuilder::codedWeight(const CodedMatrix &matrix, bool transposed) {
  return paramOf([&](const FindInitializer &find) { return onnx::codedWeight(matrix, transposed, find); });
}

Result<Tensor> NodeBuilder::paramOf(llvm::function_ref<Result<WeightInfo>(const FindInitializer &find)> read) {
  const Graph &graph = importer.model.graph; // weightsOf() knows of those in it
  if (!importer.launch() || scope.graph != &graph)
    return userError("it is not in a text generator's own graph");
  Result<WeightInfo> info = read([&](const std::string &name) { return importer.initializerOf(graph, name); });
  if (!info)
    return info.takeError();
  if (importer.model.weights.contains(info->name))
    return userError(fmt::format("the file has another weight '{}'", info->name));
  const Sizes shape(info->shape.begin(), info->shape.end());
  return Tensor{b.create<xf::ParamOp>(loc, RankedTensorType::get(shape, b.getF32Type()), b.getStringAttr(info->name),
                                      b.getStringAttr(nameOf(info->apart->format))),
                ElementType::Float};
}

} // namespace weft::frontend::onnx
