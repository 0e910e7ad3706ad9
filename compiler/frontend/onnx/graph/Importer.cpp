#include "compiler/frontend/onnx/graph/Importer.h"

#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/graph/Dims.h"
#include "compiler/frontend/onnx/graph/Registry.h"
#include "compiler/frontend/onnx/raise/Raise.h"
#include "compiler/graph/GraphModule.h"
#include "compiler/graph/TensorInterpreter.h"
#include "dialects/xf/XfDialect.h"
#include "runtime/support/MappedFile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Transforms/RegionUtils.h"

#include <cstring>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

using Container = ValueType::Container;

bool isSequence(const ValueType &type) {
  return type.container == Container::Sequence || type.container == Container::OptionalSequence;
}

std::optional<std::vector<std::byte>> readRange(const Model &model, const FileRange &range) {
  Result<runtime::MappedFile> file = runtime::MappedFile::open(model.files[range.file]);
  if (!file || range.offset > file->bytes().size() || range.bytes > file->bytes().size() - range.offset)
    return std::nullopt;
  auto bytes = file->bytes().subspan(range.offset, range.bytes);
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

} // namespace

Importer::Importer(MLIRContext &context, const Model &model, const GraphOptions &options,
                   const std::map<std::string, std::vector<int64_t>> &fixed)
    : evaluator([this](const std::string &name) -> std::optional<std::vector<std::byte>> {
        auto weight = this->model.weights.find(name);
        return weight == this->model.weights.end() ? std::nullopt : readRange(this->model, *weight->second.range);
      }),
      model(model), builder(&context), options(options), fixed(fixed) {}

void Importer::fail(const std::string &message) {
  throw LoweringFailure{userError(fmt::format("{}: {}", model.path, message))};
}

void Importer::noteDecidedBy(Value value) {
  decidedBy.clear();
  for (BlockArgument argument : Evaluator::argumentsBehind(value))
    if (auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::nameAttr))
      decidedBy.push_back(name.str());
}

Importer::~Importer() = default;

std::string Importer::firstUnknown() const { return raiser ? raiser->firstUnknown() : std::string(); }

OwningOpRef<ModuleOp> Importer::run() {
  module = ModuleOp::create(builder.getUnknownLoc());
  try {
    main.graph = &model.graph;
    main.opsets = &model.opsets;
    createFunction();
    bindInputs();
    if (options.raise)
      raiser = std::make_unique<Raiser>(*this, main);
    if (options.launch)
      evaluator.allowMore(1 << 20, 1 << 22);
    lowerNodes(model.graph.nodes, main);
    options.launch ? returnLogits() : returnOutputs();
  } catch (const LoweringFailure &lowering) {
    failure = ImportError{lowering.error, decidedBy};
    return {};
  } catch (const std::exception &error) { // of the standard library
    failure = ImportError{internalError(fmt::format("{}: {}", model.path, error.what())), {}};
    return {};
  }
  // What was made only to know its value goes. What the body of an op reads looks used until that op is gone.
  IRRewriter rewriter(builder.getContext());
  while (succeeded(runRegionDCE(rewriter, function->getRegions()))) {
  }
  // What no lowering has checked: a node whose types or shapes do not fit makes IR that is not valid.
  ScopedDiagnosticHandler quiet(builder.getContext(), [&](Diagnostic &diagnostic) {
    auto node = dyn_cast<NameLoc>(diagnostic.getLocation());
    if (!failure)
      failure = ImportError{userError(fmt::format("{}: node '{}': its types or shapes do not fit ({})", model.path,
                                                  node ? node.getName().str() : "?", diagnostic.str())),
                            {}};
    return mlir::success();
  });
  if (mlir::failed(mlir::verify(*module)))
    return {};
  return std::move(module);
}

Sizes Importer::staticShape(const ValueInfo &value) {
  if (!value.type.shape)
    fail(fmt::format("input '{}' has no shape", value.name));
  Sizes shape;
  for (size_t i = 0; i < value.type.shape->size(); ++i) {
    int64_t size = (*value.type.shape)[i].size;
    if (size < 0) {
      std::string name = nameOfDimension(value, i);
      auto bound = options.dims.find(name);
      if (bound == options.dims.end())
        fail(fmt::format("dimension '{}' of input '{}' has no size", name, value.name));
      size = bound->second;
    }
    shape.push_back(size);
  }
  return shape;
}

DictionaryAttr Importer::tensorAttributes(const std::string &name, ElementType type) {
  return builder.getDictionaryAttr({builder.getNamedAttr(graph::nameAttr, builder.getStringAttr(name)),
                                    builder.getNamedAttr(graph::dtypeAttr, builder.getStringAttr(nameOf(type)))});
}

void Importer::addInput(const ValueInfo &input, SmallVectorImpl<Type> &types,
                        SmallVectorImpl<mlir::Attribute> &attributes) {
  if (input.type.container == Container::None || storedBits(input.type.element) == 0)
    fail(fmt::format("input '{}' has elements of {}, which cannot be computed with", input.name,
                     nameOf(input.type.element)));
  Sizes shape = staticShape(input);
  const bool sequence = isSequence(input.type);
  int64_t count = 1;
  if (sequence) {
    auto bound = options.dims.find(input.name);
    if (bound == options.dims.end())
      fail(fmt::format("input '{}' is a sequence of unknown length", input.name));
    count = bound->second;
  }
  if (elementsOf(shape) > mostElementsOfTensor || count < 0 || count > 1 << 16)
    fail(fmt::format("input '{}' of [{}] is too large", input.name, fmt::join(shape, ", ")));
  auto type = RankedTensorType::get(shape, storageType(builder.getContext(), input.type.element));
  for (int64_t i = 0; i < count; ++i) {
    types.push_back(type);
    std::string name = sequence ? fmt::format("{}.{}", input.name, i) : input.name;
    DictionaryAttr own = tensorAttributes(name, input.type.element);
    if (auto value = fixed.find(input.name); value != fixed.end()) {
      NamedAttrList list(own);
      list.set(graph::valueAttr, builder.getDenseI64ArrayAttr(value->second));
      own = list.getDictionary(builder.getContext());
    }
    attributes.push_back(own);
  }
  inputs.push_back({&input, std::vector<Sizes>(static_cast<size_t>(count), shape), sequence});
}

void Importer::createFunction() {
  std::set<std::string> initialized;
  for (const TensorData &initializer : model.graph.initializers)
    initialized.insert(initializer.name);
  SmallVector<Type> types;
  SmallVector<mlir::Attribute> attributes;
  for (const ValueInfo &input : model.graph.inputs)
    if (!initialized.contains(input.name)) // else the initializer is its value (IR version 3)
      addInput(input, types, attributes);
  builder.setInsertionPointToEnd(module->getBody());
  function = builder.create<func::FuncOp>(NameLoc::get(builder.getStringAttr(model.graph.name)), graph::mainFunction,
                                          builder.getFunctionType(types, {}));
  function.setAllArgAttrs(attributes);
  builder.setInsertionPointToStart(function.addEntryBlock());
}

void Importer::bindInputs() {
  unsigned next = 0;
  for (const Input &input : inputs) {
    Bound bound;
    bound.isSequence = input.isSequence;
    for (const Sizes &shape : input.shapes) {
      Value argument = function.getArgument(next++);
      Tensor tensor{argument, input.info->type.element};
      if (auto value = fixed.find(input.info->name); value != fixed.end())
        tensor = Blocks(builder, argument.getLoc()).integers(tensor.type, value->second, shape);
      bound.parts.push_back(tensor);
    }
    main.values[input.info->name] = std::move(bound);
  }
}

const TensorData *Importer::initializerOf(const Graph &graph, const std::string &name) {
  auto [known, isNew] = initializers.try_emplace(&graph);
  if (isNew)
    for (const TensorData &initializer : graph.initializers)
      known->second.emplace(initializer.name, &initializer);
  auto found = known->second.find(name);
  return found == known->second.end() ? nullptr : found->second;
}

const Bound *Importer::lookup(Scope &scope, const std::string &name) {
  if (auto found = scope.values.find(name); found != scope.values.end())
    return &found->second;
  if (const TensorData *initializer = scope.graph ? initializerOf(*scope.graph, name) : nullptr) {
    // Where every use sees it, within loops and branches too.
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&function.getBody().front());
    return &(scope.values[name] = Bound{{constant(*initializer, name)}, false});
  }
  return scope.parent ? lookup(*scope.parent, name) : nullptr;
}

/// The declared shape of what is computed from `name` element by element: it has the same.
std::optional<Sizes> Importer::shapeOfUser(const Scope &scope, const std::string &name, unsigned depth) {
  constexpr unsigned deepest = 16;
  if (depth == deepest)
    return std::nullopt;
  static const std::set<std::string> keepShape = {"Abs", "Cast",       "CastLike", "Exp",     "Identity", "Log",
                                                  "Neg", "Reciprocal", "Relu",     "Sigmoid", "Sqrt",     "Tanh"};
  for (const Node &node : scope.graph->nodes)
    if (!node.inputs.empty() && node.inputs[0] == name && node.domain.empty() && keepShape.contains(node.op) &&
        !node.outputs.empty() && node.outputs[0] != name)
      if (std::optional<Sizes> shape = declaredShape(scope, node.outputs[0], depth + 1))
        return shape;
  return std::nullopt;
}

std::optional<Sizes> Importer::declaredShape(const Scope &scope, const std::string &name, unsigned depth) {
  if (!scope.graph)
    return std::nullopt;
  const ValueType *type = nullptr;
  if (auto found = scope.graph->values.find(name); found != scope.graph->values.end())
    type = &found->second;
  for (const ValueInfo &output : scope.graph->outputs)
    if (output.name == name)
      type = &output.type;
  if (!type || !type->shape || type->container != Container::Tensor)
    return shapeOfUser(scope, name, depth);
  Sizes shape;
  for (const Dimension &dimension : *type->shape) {
    auto bound = options.dims.find(dimension.name);
    if (dimension.size < 0 && (dimension.name.empty() || bound == options.dims.end()))
      return std::nullopt;
    shape.push_back(dimension.size < 0 ? bound->second : dimension.size);
  }
  return shape;
}

Tensor Importer::unpacked(const TensorData &data, Location loc) {
  // Two or four elements a byte, the first in the lowest bits; in memory each has a byte, signed ones extended.
  const unsigned bits = storedBits(data.type), perByte = 8 / bits;
  auto type = RankedTensorType::get({static_cast<int64_t>(data.range->bytes)}, builder.getI8Type());
  Tensor packed{builder.create<xf::ParamOp>(loc, type, data.weight), ElementType::UInt8};
  Blocks blocks(builder, loc);
  return blocks.generate(data.type, data.shape, [&](ArrayRef<Scalar> at) {
    Scalar flat = blocks.integer(0);
    for (auto [index, size] : llvm::zip(at, data.shape))
      flat = flat * blocks.integer(size) + index;
    Scalar place = flat.with(flat.value, ElementType::UInt64);
    Scalar byte = blocks.at(packed, {shiftRight(place, place.same(perByte == 2 ? 1 : 2))});
    Scalar low = cast(place & place.same(perByte - 1), ElementType::UInt8) * byte.same(bits);
    Scalar code = shiftLeft(shiftRight(byte, low), byte.same(8 - bits)); // its bits at the top
    const bool isSigned = data.type == ElementType::Int4 || data.type == ElementType::Int2;
    code = code.with(code.value, isSigned ? ElementType::Int8 : ElementType::UInt8);
    Scalar whole = shiftRight(code, code.same(8 - bits));
    return whole.with(whole.value, data.type);
  });
}

Tensor Importer::constant(const TensorData &data, const std::string &name) {
  Location loc = NameLoc::get(builder.getStringAttr(name));
  Type element = storageType(builder.getContext(), data.type);
  auto type = RankedTensorType::get(data.shape, element);
  if (data.range && storedBits(data.type) < 8)
    return unpacked(data, loc);
  // A launch's small weights stay in their file as others do, but numbers that decide shapes are no weights.
  const bool decides =
      data.range && data.range->bytes <= largestInline && (!isFloat(data.type) || data.elements() == 1);
  std::optional<std::vector<std::byte>> read = decides ? readRange(model, *data.range) : std::nullopt;
  if (data.range && !read)
    return {builder.create<xf::ParamOp>(loc, type, data.weight), data.type};
  const std::vector<std::byte> &bytes = read ? *read : data.bytes;
  if (data.type == ElementType::Bool) {
    SmallVector<bool> bits;
    for (std::byte byte : bytes)
      bits.push_back(byte != std::byte(0));
    return {builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(type, bits)), data.type};
  }
  ArrayRef<char> raw(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  return {builder.create<arith::ConstantOp>(loc, DenseElementsAttr::getFromRawBuffer(type, raw)), data.type};
}

std::optional<std::vector<std::byte>> Importer::bytesOf(const TensorData &data) const {
  return data.range ? readRange(model, *data.range) : data.bytes;
}

void Importer::lowerNodes(const std::vector<Node> &nodes, Scope &scope) {
  for (const Node &node : nodes)
    lowerNode(node, scope);
}

/// Of the domain ai.onnx. What later ones change is not known.
static constexpr int64_t newestOpset = 28;

void Importer::lowerNode(const Node &node, Scope &scope) {
  auto function = model.functions.find({node.domain, node.op});
  if (function != model.functions.end())
    return callFunction(function->second, node, scope);
  auto opset = scope.opsets->find(node.domain);
  if (opset == scope.opsets->end() && node.domain.empty())
    fail(fmt::format("the model does not say which opset its ops are of"));
  const int64_t version = opset == scope.opsets->end() ? 1 : opset->second;
  if (node.domain.empty() && version > newestOpset)
    fail(fmt::format("the model is of opset {}; ops are known up to opset {}", version, newestOpset));
  NodeBuilder nodeBuilder(*this, scope, node, version, builder);
  Lowering lowering = allOps().find(node.domain, node.op, version);
  if (!lowering)
    nodeBuilder.fail("the op is not known{}", node.domain.empty() ? fmt::format(" (opset {})", version)
                                                                  : fmt::format(" (domain {})", node.domain));
  lowering(nodeBuilder);
  nodeBuilder.refuseUnread();
  if (raiser && &scope == &main)
    raiser->visit(nodeBuilder);
  for (const std::string &output : node.outputs)
    if (!output.empty() && !scope.values.contains(output))
      nodeBuilder.fail("its output '{}' is not supported", output);
}

void Importer::callFunction(const Function &function, const Node &node, Scope &scope) {
  // Functions may call others, but not themselves: the depth of calls is bounded by their number.
  static thread_local size_t depth = 0;
  struct Depth {
    Depth() { ++depth; }
    ~Depth() { --depth; }
  } deeper;
  if (depth > model.functions.size())
    fail(fmt::format("node '{}': function '{}' calls itself", node.name, function.name));
  std::map<std::string, Attribute> attributes;
  NodeBuilder caller(*this, scope, node, 1, builder);
  for (const auto &[name, otherwise] : function.attributes)
    if (const Attribute *given = caller.find(name))
      attributes[name] = *given;
    else if (otherwise)
      attributes[name] = *otherwise;
  Scope body;
  body.attributes = &attributes;
  body.opsets = &function.opsets;
  for (size_t i = 0; i < function.inputs.size(); ++i)
    body.values[function.inputs[i]] = caller.has(i) ? caller.bound(i) : Bound{{Tensor{}}, false};
  lowerNodes(function.nodes, body);
  for (size_t i = 0; i < function.outputs.size() && i < node.outputs.size(); ++i)
    if (caller.wants(i))
      caller.outBound(i, *lookup(body, function.outputs[i]));
}

std::vector<Bound> Importer::runGraph(const Graph &graph, Scope &around, ArrayRef<Bound> arguments) {
  Scope scope;
  scope.parent = &around;
  scope.graph = &graph;
  scope.opsets = around.opsets;
  scope.attributes = around.attributes;
  for (auto [input, argument] : llvm::zip(graph.inputs, arguments))
    scope.values[input.name] = argument;
  lowerNodes(graph.nodes, scope);
  std::vector<Bound> results;
  for (const ValueInfo &output : graph.outputs)
    results.push_back(*lookup(scope, output.name));
  return results;
}

/// The rows of a launch's logits, or the value as it is, where they are not made of rows.
void Importer::returnLogits() {
  if (std::string stray = raiser->strayCache(); !stray.empty())
    fail(raiser->firstUnknown().empty() ? stray : raiser->firstUnknown());
  Value rows = raiser->rowsBehind(options.launch->logits);
  if (!rows)
    rows = lookup(main, options.launch->logits)->parts.at(0).value;
  builder.create<func::ReturnOp>(function.getLoc(), rows);
  function.setType(builder.getFunctionType(function.getArgumentTypes(), rows.getType()));
}

void Importer::returnOutputs() {
  SmallVector<Value> values;
  SmallVector<Type> types;
  SmallVector<mlir::Attribute> attributes;
  for (const ValueInfo &output : model.graph.outputs) {
    const Bound *bound = lookup(main, output.name);
    std::optional<Sizes> declared = declaredShape(main, output.name);
    for (size_t i = 0; i < bound->parts.size(); ++i) {
      const Tensor &part = bound->parts[i];
      if (!part)
        fail(fmt::format("output '{}' is an optional without a value", output.name));
      if (declared && ArrayRef<int64_t>(*declared) != part.shape())
        fail(fmt::format("output '{}' is declared as [{}], but its node gives [{}]", output.name,
                         fmt::join(*declared, ", "), fmt::join(part.shape(), ", ")));
      if (output.type.container != Container::None && output.type.element != part.type)
        fail(fmt::format("output '{}' is declared as {}, but its node gives {}", output.name,
                         nameOf(output.type.element), nameOf(part.type)));
      values.push_back(part.value);
      types.push_back(part.value.getType());
      attributes.push_back(
          tensorAttributes(bound->isSequence ? fmt::format("{}.{}", output.name, i) : output.name, part.type));
    }
  }
  builder.create<func::ReturnOp>(function.getLoc(), values);
  function.setType(builder.getFunctionType(function.getArgumentTypes(), types));
  function.setAllResultAttrs(attributes);
}

} // namespace weft::frontend::onnx
