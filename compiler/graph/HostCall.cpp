#include "compiler/graph/HostCall.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace weft::graph {

int64_t elementsOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// A memref descriptor as the C interface takes it: allocated, aligned, offset, sizes, strides; eight bytes each.
static std::vector<int64_t> descriptor(void *data, const std::vector<int64_t> &shape) {
  auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  std::vector<int64_t> fields = {address, address, 0};
  fields.insert(fields.end(), shape.begin(), shape.end());
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * shape[i];
  fields.insert(fields.end(), strides.begin(), strides.end());
  return fields;
}

void HostCall::addBuffer(void *data, const std::vector<int64_t> &shape) {
  slots.push_back({descriptor(data, shape), true, {}});
}

void HostCall::addWeight(std::span<const std::byte> bytes, const std::vector<int64_t> &shape, unsigned alignment) {
  auto *data = const_cast<std::byte *>(bytes.data());
  std::vector<std::byte> aligned;
  if (reinterpret_cast<uintptr_t>(data) % alignment != 0) {
    aligned.assign(bytes.begin(), bytes.end());
    data = aligned.data();
  }
  slots.push_back({descriptor(data, shape), true, std::move(aligned)});
}

llvm::Error HostCall::invoke(ExecutionEngine &engine, const std::string &entry) {
  std::vector<void *> pointers(slots.size()), packed(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    pointers[i] = slots[i].fields.data();
    packed[i] = slots[i].byReference ? static_cast<void *>(&pointers[i]) : pointers[i];
  }
  return engine.invokePacked(entry, packed);
}

Error fromLlvm(const std::string &doing, llvm::Error error) {
  return internalError(doing + ": " + llvm::toString(std::move(error)));
}

Result<std::unique_ptr<ExecutionEngine>> compileForHost(ModuleOp module) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto host = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return fromLlvm("detecting this machine", host.takeError());
  host->setCodeGenOptLevel(llvm::CodeGenOptLevel::None); // most models run for less time than they are compiled
  auto machine = host->createTargetMachine();
  if (!machine)
    return fromLlvm("preparing code generation", machine.takeError());
  ExecutionEngineOptions options;
  // LLVM's optimizer stays off, too: it takes ten times as long as all the rest, to make small loops a little faster.
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, options, std::move(*machine));
  if (!engine)
    return fromLlvm("compiling for this machine", engine.takeError());
  return std::move(*engine);
}

} // namespace weft::graph
