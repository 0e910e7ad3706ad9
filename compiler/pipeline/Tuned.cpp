#include "compiler/pipeline/Tuned.h"

#include "compiler/codegen/LowerKernels.h"
#include "compiler/codegen/SourceDigest.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

#include <optional>

using namespace mlir;

namespace weft::compiler {

/// On a kernel: which of its records says in what order its loops are to be, an i32.
static constexpr const char *scheduleAttribute = "weft.schedule";

/// The fastest record of the kernel as it is now.
static std::optional<size_t> currentOf(const std::vector<TunedKernel> &records, const std::string &source) {
  std::optional<size_t> best;
  for (size_t i = 0; i < records.size(); ++i)
    if (records[i].source == source && (!best || records[i].cycles < records[*best].cycles))
      best = i;
  return best;
}

TuningUse tuneKernels(const TunedKernels &tuned, ModuleOp kernels, std::vector<Decision> &decisions) {
  TuningUse use;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    if (!codegen::isKernel(kernel))
      continue;
    ++use.kernels;
    auto found = tuned.find(kernel.getName().str());
    if (found == tuned.end())
      continue;
    const std::string source = codegen::sourceDigest(kernel);
    const std::optional<size_t> current = currentOf(found->second, source);
    for (const TunedKernel &record : found->second)
      use.stale += record.source == source ? 0 : 1;
    if (!current)
      continue;
    const TunedKernel &record = found->second[*current];
    ++use.hits;
    codegen::setTuning(kernel, record.tuning);
    if (!record.schedule.empty())
      kernel->setAttr(scheduleAttribute,
                      Builder(kernel.getContext()).getI32IntegerAttr(static_cast<int32_t>(*current)));
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

void reorderKernels(const TunedKernels &tuned, ModuleOp kernels, pkg::KernelObjectT &object, TuningUse &use) {
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    auto which = kernel->getAttrOfType<IntegerAttr>(scheduleAttribute);
    if (!which)
      continue;
    const std::string name = kernel.getName().str();
    const TunedKernel &record = tuned.at(name)[static_cast<size_t>(which.getInt())];
    ++(codegen::applySchedule(object, name, record.schedule) ? use.reordered : use.notReordered);
  }
}

} // namespace weft::compiler
