#include "compiler/pipeline/Tuned.h"

#include "compiler/codegen/LowerKernels.h"
#include "compiler/codegen/SourceDigest.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace weft::compiler {

/// On a kernel: its loops are to be in another order.
static constexpr const char *scheduleAttribute = "weft.schedule";

TuningUse tuneKernels(const std::map<std::string, TunedKernel> &tuned, ModuleOp kernels,
                      std::vector<Decision> &decisions) {
  TuningUse use;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    if (!codegen::isKernel(kernel))
      continue;
    ++use.kernels;
    auto found = tuned.find(kernel.getName().str());
    if (found == tuned.end())
      continue;
    const TunedKernel &record = found->second;
    if (codegen::sourceDigest(kernel) != record.source) {
      ++use.stale;
      continue;
    }
    ++use.hits;
    codegen::setTuning(kernel, record.tuning);
    if (!record.schedule.empty())
      kernel->setAttr(scheduleAttribute, UnitAttr::get(kernel.getContext()));
    std::string choice = kernels::toText(record.tuning);
    if (!record.schedule.empty())
      choice += ", reordered";
    decisions.push_back(
        {"kernels",
         "loops of " + kernel.getName().str(),
         choice,
         "tuned",
         {{choice, static_cast<int64_t>(record.cycles)}, {"as compiled", static_cast<int64_t>(record.defaultCycles)}}});
  }
  return use;
}

void reorderKernels(const std::map<std::string, TunedKernel> &tuned, ModuleOp kernels, pkg::KernelObjectT &object,
                    TuningUse &use) {
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    if (!kernel->hasAttr(scheduleAttribute))
      continue;
    const std::string name = kernel.getName().str();
    ++(codegen::applySchedule(object, name, tuned.at(name).schedule) ? use.reordered : use.notReordered);
  }
}

} // namespace weft::compiler
