#include "compiler/pipeline/CheckStack.h"

#include "compiler/codegen/CheckFrames.h"

#include <fmt/format.h>

namespace weft::compiler {

/// The op that calls a kernel.
static std::string callerOf(const runtime::Package &package, const std::string &kernel) {
  for (const auto &program : package.programs)
    for (const auto &task : program->tasks)
      for (const auto &instr : task->instrs)
        if (instr->kind == pkg::InstrKind::Call && package.kernels[instr->kernel]->name == kernel)
          return program->ops[task->op]->name;
  return "kernel " + kernel;
}

Result<void> checkStack(const runtime::Package &package, const hw::Hardware &hardware) {
  const pkg::KernelObjectT *object = runtime::findCoreObject(package.objects);
  if (!object)
    return {};
  auto code = runtime::readCoreCode(*object);
  if (!code)
    return code.takeError();
  auto needs = codegen::stackNeeds(*code, hw::isaOf(hardware.parallelism.core));
  if (!needs)
    return needs.takeError();
  for (const auto &kernel : package.kernels)
    if (auto need = needs->find(kernel->name); need != needs->end() && need->second > hardware.memory.stackBytes)
      return userError(
          fmt::format("{} needs more stack than a core keeps for its kernels: {} takes {} bytes, and there "
                      "are {}; --set memory.reserve_kib.stack={} gives it more",
                      callerOf(package, kernel->name), kernel->name, need->second, hardware.memory.stackBytes,
                      (need->second + 1023) / 1024));
  return {};
}

} // namespace weft::compiler
