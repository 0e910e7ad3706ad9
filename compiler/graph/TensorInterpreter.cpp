#include "compiler/graph/TensorInterpreter.h"

#include "compiler/graph/HostCall.h"
#include "compiler/graph/InterpreterLowering.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::graph {

struct TensorInterpreter::Program {
  std::unique_ptr<ExecutionEngine> engine;
  std::string entry;
  std::vector<TensorSpec> inputs, outputs, weights;
};

uint64_t TensorSpec::bytes() const { return static_cast<uint64_t>(elementsOf(shape)) * elementBytes; }

TensorInterpreter::TensorInterpreter(std::unique_ptr<Program> program) : program(std::move(program)) {}
TensorInterpreter::TensorInterpreter(TensorInterpreter &&) noexcept = default;
TensorInterpreter &TensorInterpreter::operator=(TensorInterpreter &&) noexcept = default;
TensorInterpreter::~TensorInterpreter() = default;

const std::vector<TensorSpec> &TensorInterpreter::inputs() const { return program->inputs; }
const std::vector<TensorSpec> &TensorInterpreter::outputs() const { return program->outputs; }

static Result<TensorSpec> specOf(const LoweredArgument &lowered, DictionaryAttr attributes) {
  if (!lowered.elementType || llvm::any_of(lowered.shape, ShapedType::isDynamic))
    return userError("a tensor program takes and gives tensors of fixed shape");
  TensorSpec spec;
  auto text = [&](StringRef key) {
    auto value = attributes ? attributes.getAs<StringAttr>(key) : StringAttr();
    return value ? value.str() : std::string();
  };
  spec.name = text(nameAttr);
  spec.dtype = text(dtypeAttr);
  spec.shape = lowered.shape;
  spec.elementBytes = (lowered.elementType.getIntOrFloatBitWidth() + 7) / 8;
  return spec;
}

Result<TensorInterpreter> TensorInterpreter::create(ModuleOp module, const std::string &function) {
  auto source = module.lookupSymbol<func::FuncOp>(function);
  if (!source || source.isDeclaration())
    return userError("the module has no function @" + function);
  Result<LoweredFunction> lowered = lowerForHost(module, function);
  if (!lowered)
    return lowered.takeError();
  auto program = std::make_unique<Program>();
  program->entry = "_mlir_ciface_" + function;
  for (auto [i, argument] : llvm::enumerate(lowered->arguments)) {
    bool isWeight = i >= source.getNumArguments(); // xf.param became an argument at the end
    auto spec = specOf(argument, isWeight ? DictionaryAttr() : source.getArgAttrDict(i));
    if (!spec)
      return spec.takeError();
    if (isWeight)
      spec->name = argument.param;
    (isWeight ? program->weights : program->inputs).push_back(std::move(*spec));
  }
  for (auto [i, output] : llvm::enumerate(lowered->outputs)) {
    auto spec = specOf(output, source.getResultAttrDict(i));
    if (!spec)
      return spec.takeError();
    program->outputs.push_back(std::move(*spec));
  }
  Result<std::unique_ptr<ExecutionEngine>> engine = compileForHost(*lowered->module);
  if (!engine)
    return engine.takeError();
  program->engine = std::move(*engine);
  return TensorInterpreter(std::move(program));
}

Result<std::vector<std::vector<std::byte>>> TensorInterpreter::run(std::span<const std::span<const std::byte>> inputs,
                                                                   const WeightBytes &weights) const {
  const Program &p = *program;
  if (inputs.size() != p.inputs.size())
    return userError(fmt::format("{} inputs instead of {}", inputs.size(), p.inputs.size()));
  HostCall call;
  std::vector<std::vector<std::byte>> copies, results; // generated code may write to its inputs
  for (auto [spec, bytes] : llvm::zip(p.inputs, inputs)) {
    if (bytes.size() != spec.bytes())
      return userError(fmt::format("input '{}' has {} bytes instead of {}", spec.name, bytes.size(), spec.bytes()));
    copies.emplace_back(bytes.begin(), bytes.end());
    call.addBuffer(copies.back().data(), spec.shape);
  }
  for (const TensorSpec &spec : p.weights) {
    std::span<const std::byte> bytes = weights ? weights(spec.name) : std::span<const std::byte>();
    if (bytes.size() != spec.bytes())
      return userError(
          fmt::format("weight '{}' has {} bytes, but its type has {}", spec.name, bytes.size(), spec.bytes()));
    call.addWeight(bytes, spec.shape, static_cast<unsigned>(spec.elementBytes));
  }
  for (const TensorSpec &spec : p.outputs) {
    results.emplace_back(spec.bytes());
    call.addBuffer(results.back().data(), spec.shape);
  }
  if (llvm::Error error = call.invoke(*p.engine, p.entry))
    return fromLlvm("running " + p.entry, std::move(error));
  return results;
}

} // namespace weft::graph
