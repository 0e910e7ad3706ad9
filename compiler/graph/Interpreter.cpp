#include "compiler/graph/Interpreter.h"

#include "compiler/graph/InterpreterLowering.h"

#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <cstring>
#include <fmt/format.h>

using namespace mlir;

namespace weft::graph {

struct Interpreter::Program {
  std::unique_ptr<ExecutionEngine> engine;
  std::vector<LoweredArgument> arguments, outputs;
  std::string entry;
  size_t layers = 0;
  bool hasPosition = false;
  int64_t maxSeq = 0, vocab = 0;
};

namespace {

int64_t elementsOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// A memref descriptor as the C interface takes it: allocated, aligned, offset, sizes, strides; eight bytes each.
std::vector<int64_t> descriptor(void *data, const std::vector<int64_t> &shape) {
  auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  std::vector<int64_t> fields = {address, address, 0};
  fields.insert(fields.end(), shape.begin(), shape.end());
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  fields.insert(fields.end(), strides.begin(), strides.end());
  return fields;
}

/// The packed arguments of one call: what stays alive until it returns.
class Call {
public:
  void addIndex(int64_t value) { slots.push_back({{value}, false, {}}); }
  void addBuffer(void *data, const std::vector<int64_t> &shape) {
    slots.push_back({descriptor(data, shape), true, {}});
  }
  /// Weights lie where their file has them; generated code wants them aligned to their type, and only reads them.
  void addWeight(std::span<const std::byte> bytes, const std::vector<int64_t> &shape, unsigned alignment) {
    auto *data = const_cast<std::byte *>(bytes.data());
    std::vector<std::byte> aligned;
    if (reinterpret_cast<uintptr_t>(data) % alignment != 0) {
      aligned.assign(bytes.begin(), bytes.end());
      data = aligned.data();
    }
    slots.push_back({descriptor(data, shape), true, std::move(aligned)});
  }

  llvm::Error invoke(ExecutionEngine &engine, const std::string &entry) {
    std::vector<void *> pointers(slots.size()), packed(slots.size());
    for (size_t i = 0; i < slots.size(); ++i) {
      pointers[i] = slots[i].fields.data();
      packed[i] = slots[i].byReference ? static_cast<void *>(&pointers[i]) : pointers[i];
    }
    return engine.invokePacked(entry, packed);
  }

private:
  struct Slot {
    std::vector<int64_t> fields;
    bool byReference;
    std::vector<std::byte> copy;
  };
  std::vector<Slot> slots;
};

Error fromLlvm(const std::string &doing, llvm::Error error) {
  return internalError(doing + ": " + llvm::toString(std::move(error)));
}

Result<std::unique_ptr<ExecutionEngine>> compile(ModuleOp module) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto host = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return fromLlvm("detecting this machine", host.takeError());
  auto machine = host->createTargetMachine();
  if (!machine)
    return fromLlvm("preparing code generation", machine.takeError());
  ExecutionEngineOptions options;
  auto transformer = makeOptimizingTransformer(2, 0, machine->get());
  options.transformer = transformer;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, options);
  if (!engine)
    return fromLlvm("compiling for this machine", engine.takeError());
  return std::move(*engine);
}

} // namespace

Interpreter::Interpreter(std::unique_ptr<Program> program) : program(std::move(program)) {}
Interpreter::Interpreter(Interpreter &&) noexcept = default;
Interpreter &Interpreter::operator=(Interpreter &&) noexcept = default;
Interpreter::~Interpreter() = default;

Result<Interpreter> Interpreter::create(ModuleOp module, const std::string &function) {
  Result<LoweredFunction> lowered = lowerForHost(module, function);
  if (!lowered)
    return lowered.takeError();
  auto program = std::make_unique<Program>();
  program->arguments = std::move(lowered->arguments);
  program->outputs = std::move(lowered->outputs);
  program->entry = "_mlir_ciface_" + function;
  // ids, perhaps the position, then per layer keys and values, then weights; out come logits, keys, values, …
  if (program->arguments.empty() || program->outputs.size() < 3 || program->outputs.size() % 2 == 0)
    return internalError("@" + function + " is not a function of ids and caches");
  program->hasPosition = program->arguments.size() > 1 && !program->arguments[1].elementType;
  program->layers = (program->outputs.size() - 1) / 2;
  program->vocab = program->outputs[0].shape.back();
  program->maxSeq = program->outputs[1].shape.front();
  Result<std::unique_ptr<ExecutionEngine>> engine = compile(*lowered->module);
  if (!engine)
    return engine.takeError();
  program->engine = std::move(*engine);
  return Interpreter(std::move(program));
}

std::vector<HostCache> Interpreter::freshCaches() const {
  std::vector<HostCache> caches(program->layers);
  for (size_t i = 0; i < caches.size(); ++i) {
    caches[i].keys.resize(elementsOf(program->outputs[1 + 2 * i].shape));
    caches[i].values.resize(elementsOf(program->outputs[2 + 2 * i].shape));
  }
  return caches;
}

Result<std::vector<float>> Interpreter::run(std::span<const int32_t> ids, int64_t position, const WeightBytes &weights,
                                            std::vector<HostCache> &caches) const {
  const Program &p = *program;
  const auto count = static_cast<int64_t>(ids.size());
  const int64_t wanted = p.arguments[0].shape[0];
  if (count == 0 || (!ShapedType::isDynamic(wanted) && count != wanted))
    return userError(fmt::format("launch with {} token ids; {} takes {}", count, p.entry,
                                 ShapedType::isDynamic(wanted) ? std::string("one or more") : std::to_string(wanted)));
  if (position < 0 || position + count > p.maxSeq)
    return userError(fmt::format("tokens {} to {} do not fit a cache of {}", position, position + count - 1, p.maxSeq));
  if (!p.hasPosition && position != 0)
    return userError(fmt::format("{} starts at position 0, not {}", p.entry, position));
  for (int32_t id : ids)
    if (id < 0 || id >= p.vocab)
      return userError(fmt::format("token id {} is outside the vocabulary of {}", id, p.vocab));
  if (caches.size() != p.layers)
    return internalError(fmt::format("{} caches for {} layers", caches.size(), p.layers));

  std::vector<int32_t> idsCopy(ids.begin(), ids.end());
  std::vector<float> logits(p.vocab);
  std::vector<HostCache> after = freshCaches();
  for (size_t i = 0; i < p.layers; ++i)
    if (caches[i].keys.size() != after[i].keys.size() || caches[i].values.size() != after[i].values.size())
      return internalError(fmt::format("the cache of layer {} has the wrong size", i));

  Call call;
  call.addBuffer(idsCopy.data(), {count});
  if (p.hasPosition)
    call.addIndex(position);
  size_t next = p.hasPosition ? 2 : 1;
  for (HostCache &cache : caches) {
    call.addBuffer(cache.keys.data(), p.arguments[next++].shape);
    call.addBuffer(cache.values.data(), p.arguments[next++].shape);
  }
  for (; next < p.arguments.size(); ++next) {
    const LoweredArgument &argument = p.arguments[next];
    std::span<const std::byte> bytes = weights(argument.param);
    unsigned elementBytes = argument.elementType.getIntOrFloatBitWidth() / 8;
    uint64_t expected = static_cast<uint64_t>(elementsOf(argument.shape)) * elementBytes;
    if (bytes.size() != expected)
      return userError(fmt::format("weight '{}' has {} bytes, but its type has {}", argument.param, bytes.size(), expected));
    call.addWeight(bytes, argument.shape, elementBytes);
  }
  call.addBuffer(logits.data(), p.outputs[0].shape);
  for (size_t i = 0; i < p.layers; ++i) {
    call.addBuffer(after[i].keys.data(), p.outputs[1 + 2 * i].shape);
    call.addBuffer(after[i].values.data(), p.outputs[2 + 2 * i].shape);
  }
  if (llvm::Error error = call.invoke(*p.engine, p.entry))
    return fromLlvm("running " + p.entry, std::move(error));
  caches = std::move(after);
  return logits;
}

} // namespace weft::graph
