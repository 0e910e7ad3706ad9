#include "compiler/graph/Interpreter.h"

#include "compiler/graph/HostCall.h"
#include "compiler/graph/InterpreterLowering.h"

#include "mlir/IR/BuiltinTypes.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::graph {

struct Interpreter::Program {
  std::unique_ptr<ExecutionEngine> engine;
  std::vector<LoweredArgument> arguments, outputs;
  std::string entry;
  size_t layers = 0, observed = 0;
  bool hasPosition = false;
  int64_t maxSeq = 0, vocab = 0;
};

Interpreter::Interpreter(std::unique_ptr<Program> program) : program(std::move(program)) {}
Interpreter::Interpreter(Interpreter &&) noexcept = default;
Interpreter &Interpreter::operator=(Interpreter &&) noexcept = default;
Interpreter::~Interpreter() = default;

Result<Interpreter> Interpreter::create(ModuleOp module, const std::string &function, size_t observed) {
  Result<LoweredFunction> lowered = lowerForHost(module, function);
  if (!lowered)
    return lowered.takeError();
  auto program = std::make_unique<Program>();
  program->arguments = std::move(lowered->arguments);
  program->outputs = std::move(lowered->outputs);
  program->entry = "_mlir_ciface_" + function;
  // ids, perhaps the position, then per layer keys and values, then weights; out come logits, keys, values, …, and what
  // is observed.
  const size_t plain = program->outputs.size() - observed;
  if (program->arguments.empty() || plain > program->outputs.size() || plain < 3 || plain % 2 == 0)
    return internalError("@" + function + " is not a function of ids and caches");
  program->hasPosition = program->arguments.size() > 1 && !program->arguments[1].elementType;
  program->layers = (plain - 1) / 2;
  program->observed = observed;
  program->vocab = program->outputs[0].shape.back();
  program->maxSeq = program->outputs[1].shape.front();
  Result<std::unique_ptr<ExecutionEngine>> engine = compileForHost(*lowered->module);
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
                                            std::vector<HostCache> &caches,
                                            std::vector<std::vector<float>> *observed) const {
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

  HostCall call;
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
      return userError(
          fmt::format("weight '{}' has {} bytes, but its type has {}", argument.param, bytes.size(), expected));
    call.addWeight(bytes, argument.shape, elementBytes);
  }
  call.addBuffer(logits.data(), p.outputs[0].shape);
  for (size_t i = 0; i < p.layers; ++i) {
    call.addBuffer(after[i].keys.data(), p.outputs[1 + 2 * i].shape);
    call.addBuffer(after[i].values.data(), p.outputs[2 + 2 * i].shape);
  }
  std::vector<std::vector<float>> seen(p.observed);
  for (size_t i = 0; i < p.observed; ++i) {
    std::vector<int64_t> shape = {count, p.outputs[1 + 2 * p.layers + i].shape.back()};
    seen[i].resize(elementsOf(shape));
    call.addBuffer(seen[i].data(), shape);
  }
  if (llvm::Error error = call.invoke(*p.engine, p.entry))
    return fromLlvm("running " + p.entry, std::move(error));
  caches = std::move(after);
  if (observed)
    *observed = std::move(seen);
  return logits;
}

} // namespace weft::graph
