#include "compiler/graph/HostCall.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"

#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/SectionMemoryManager.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Pass.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar.h"

#include <algorithm>
#include <system_error>

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

/// Takes the descriptors of buffers apart: LLVM's fast way to select instructions has none for aggregates.
static llvm::Error takeDescriptorsApart(llvm::Module *module) {
  llvm::legacy::FunctionPassManager passes(module);
  passes.add(llvm::createEarlyCSEPass());
  for (llvm::Function &function : *module)
    passes.run(function);
  return llvm::Error::success();
}

namespace {
/// Keeps the sections of a program within the reach of 32-bit offsets from each other, as small code expects them.
class NearMemory final : public llvm::SectionMemoryManager::MemoryMapper {
public:
  static NearMemory &get() {
    static NearMemory memory; // without a state
    return memory;
  }

  llvm::sys::MemoryBlock allocateMappedMemory(llvm::SectionMemoryManager::AllocationPurpose, size_t bytes,
                                              const llvm::sys::MemoryBlock *const nearBlock, unsigned flags,
                                              std::error_code &error) override {
    if (!nearBlock || !nearBlock->base())
      return llvm::sys::Memory::allocateMappedMemory(bytes, nullptr, flags, error);
    // Where the system puts it, and if that is too far, below and above in steps.
    constexpr ptrdiff_t step = ptrdiff_t{1} << 24, steps = 48;
    for (ptrdiff_t i = 0; i <= 2 * steps; ++i) {
      auto *hint = static_cast<char *>(nearBlock->base()) + (i % 2 ? -1 : 1) * ((i + 1) / 2) * step;
      const llvm::sys::MemoryBlock there(hint, i ? 0 : nearBlock->allocatedSize());
      llvm::sys::MemoryBlock block = llvm::sys::Memory::allocateMappedMemory(bytes, &there, flags, error);
      if (error || reaches(*nearBlock, block))
        return block;
      llvm::sys::Memory::releaseMappedMemory(block);
    }
    error = std::make_error_code(std::errc::not_enough_memory);
    return {};
  }
  std::error_code protectMappedMemory(const llvm::sys::MemoryBlock &block, unsigned flags) override {
    return llvm::sys::Memory::protectMappedMemory(block, flags);
  }
  std::error_code releaseMappedMemory(llvm::sys::MemoryBlock &block) override {
    return llvm::sys::Memory::releaseMappedMemory(block);
  }

private:
  /// Half of what an offset reaches, since others lie as near to `one`.
  static bool reaches(const llvm::sys::MemoryBlock &one, const llvm::sys::MemoryBlock &other) {
    auto begin = [](const llvm::sys::MemoryBlock &block) { return reinterpret_cast<uintptr_t>(block.base()); };
    auto end = [&](const llvm::sys::MemoryBlock &block) { return begin(block) + block.allocatedSize(); };
    return std::max(end(one), end(other)) - std::min(begin(one), begin(other)) < uintptr_t{1} << 30;
  }
};
} // namespace

Result<std::unique_ptr<ExecutionEngine>> compileForHost(ModuleOp module) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  auto host = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!host)
    return fromLlvm("detecting this machine", host.takeError());
  host->setCodeGenOptLevel(llvm::CodeGenOptLevel::None); // most models run for less time than they are compiled
  ExecutionEngineOptions options;
  // The fast way to select instructions has no calls in large code, which is what LLVM's JIT takes here otherwise.
  if (host->getTargetTriple().getArch() == llvm::Triple::x86_64) {
    host->setCodeModel(llvm::CodeModel::Small);
    host->setRelocationModel(llvm::Reloc::PIC_);
    options.sectionMemoryMapper = &NearMemory::get();
  }
  auto machine = host->createTargetMachine();
  if (!machine)
    return fromLlvm("preparing code generation", machine.takeError());
  // The rest of LLVM's optimizer stays off, too: it takes ten times as long as all the rest, to make small loops a
  // little faster.
  options.transformer = takeDescriptorsApart;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, options, std::move(*machine));
  if (!engine)
    return fromLlvm("compiling for this machine", engine.takeError());
  return std::move(*engine);
}

} // namespace weft::graph
