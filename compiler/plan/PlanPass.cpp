// The plan phase as passes.
#include "compiler/plan/FabricBuffers.h"

#include "compiler/plan/Stages.h"
#include "dialects/fabric/FabricDialect.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace weft::plan {

namespace {

PlanBuffer describe(fabric::BufferOp op, bool resident) {
  auto stage = op->getAttrOfType<IntegerAttr>(stageAttribute);
  return {op.getSymName().str(),
          static_cast<BufferKind>(op.getKind()),
          static_cast<uint64_t>(op.getBytes()),
          0,
          0,
          resident,
          stage ? static_cast<int>(stage.getInt()) : -1};
}

/// Lives of a program's own buffers, from the first to the last step that names them.
std::vector<PlanBuffer> programBuffers(fabric::ProgramOp program) {
  llvm::StringMap<std::pair<int, int>> lives;
  int index = 0;
  for (auto step : program.getOps<fabric::StepOp>()) {
    step.walk([&](Operation *op) {
      op->getAttrDictionary().walk([&](fabric::RefAttr reference) {
        auto [entry, inserted] = lives.try_emplace(reference.getBuffer().getValue(), std::pair(index, index));
        entry->second.second = index;
      });
    });
    ++index;
  }
  std::vector<PlanBuffer> buffers;
  for (auto op : program.getOps<fabric::BufferOp>()) {
    PlanBuffer buffer = describe(op, false);
    std::tie(buffer.firstUse, buffer.lastUse) = lives.lookup(op.getSymName());
    buffers.push_back(std::move(buffer));
  }
  return buffers;
}

/// "layers.12.mlp" -> "layers.12.": where this changes from step to step, the model may be cut.
StringRef layerOf(StringRef op) {
  if (!op.consume_front("layers."))
    return "";
  return op.take_while(llvm::isDigit);
}

/// Divides the resident buffers of `module` among stages, if they need more than one.
void divide(ModuleOp module, uint64_t limit, uint32_t align) {
  ModuleBuffers buffers = collectBuffers(module);
  if (buffers.programs.empty() || planPrograms(buffers.resident, buffers.programs, align).peakBytes <= limit)
    return;
  uint64_t transient = transientBytes(buffers, align);
  ResidentUse use = residentUse(module, *module.getOps<fabric::ProgramOp>().begin());
  StagePlan plan =
      divideStages(buffers.resident, use.segmentsOf, use.segments, limit > transient ? limit - transient : 0, align);
  for (auto [op, stage] : llvm::zip(module.getOps<fabric::BufferOp>(), plan.stageOfBuffer))
    if (stage >= 0)
      op->setAttr(stageAttribute, Builder(module.getContext()).getI64IntegerAttr(stage));
}

struct PlanPass : PassWrapper<PlanPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanPass)
  PlanPass() = default;
  PlanPass(uint32_t bytes, uint64_t stage) {
    align = bytes;
    stageBytes = stage;
  }
  PlanPass(const PlanPass &other) : PassWrapper(other) {
    align = other.align;
    stageBytes = other.stageBytes;
  }
  StringRef getArgument() const override { return "plan"; }
  StringRef getDescription() const override { return "Give every buffer its offset in SRAM"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (stageBytes)
      divide(module, stageBytes, align);
    ModuleBuffers buffers = collectBuffers(module);
    SharedPlan plan = planPrograms(buffers.resident, buffers.programs, align);
    auto place = [&](auto ops, const SramPlan &offsets) {
      for (auto [op, offset] : llvm::zip(ops, offsets.offsets))
        op.setOffset(static_cast<int64_t>(offset));
    };
    place(module.getOps<fabric::BufferOp>(), plan.resident);
    for (auto [program, offsets] : llvm::zip(module.getOps<fabric::ProgramOp>(), plan.programs))
      place(program.getOps<fabric::BufferOp>(), offsets);
  }

  Option<uint32_t> align{*this, "align", llvm::cl::desc("alignment of buffers in bytes"), llvm::cl::init(16)};
  Option<uint64_t> stageBytes{*this, "stage-bytes",
                              llvm::cl::desc("what a core has for buffers, if layers may lie on "
                                             "several meshes")};
};

struct PlanVerifyPass : PassWrapper<PlanVerifyPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanVerifyPass)
  PlanVerifyPass() = default;
  explicit PlanVerifyPass(uint32_t bytes) { align = bytes; }
  PlanVerifyPass(const PlanVerifyPass &other) : PassWrapper(other) { align = other.align; }
  StringRef getArgument() const override { return "plan-verify"; }
  StringRef getDescription() const override { return "Check that no two live buffers overlap"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    ModuleBuffers buffers = collectBuffers(module);
    auto offsets = [](auto ops, SramPlan &plan) {
      for (fabric::BufferOp op : ops)
        plan.offsets.push_back(op.getOffset().value_or(0));
    };
    SramPlan resident;
    offsets(module.getOps<fabric::BufferOp>(), resident);
    for (auto [program, own] : llvm::zip(module.getOps<fabric::ProgramOp>(), buffers.programs)) {
      std::vector<PlanBuffer> all = buffers.resident;
      all.insert(all.end(), own.begin(), own.end());
      SramPlan plan = resident;
      offsets(program.getOps<fabric::BufferOp>(), plan);
      if (auto verified = plan::verify(all, plan, 0, UINT64_MAX, align); !verified)
        return program.emitError("program '") << program.getSymName() << "': " << verified.error().message,
               signalPassFailure();
    }
  }

  Option<uint32_t> align{*this, "align", llvm::cl::desc("alignment of buffers in bytes"), llvm::cl::init(16)};
};

} // namespace

ModuleBuffers collectBuffers(ModuleOp module) {
  ModuleBuffers buffers;
  for (auto op : module.getOps<fabric::BufferOp>())
    buffers.resident.push_back(describe(op, true));
  for (auto program : module.getOps<fabric::ProgramOp>()) {
    buffers.names.push_back(program.getSymName().str());
    buffers.programs.push_back(programBuffers(program));
  }
  return buffers;
}

ResidentUse residentUse(ModuleOp module, fabric::ProgramOp program) {
  ResidentUse use;
  llvm::StringMap<std::vector<int>> named;
  StringRef layer;
  for (auto step : program.getOps<fabric::StepOp>()) {
    if (StringRef now = layerOf(step.getOp()); use.segments == 0 || now != layer) {
      ++use.segments;
      layer = now;
    }
    step.walk([&](Operation *op) {
      op->getAttrDictionary().walk([&](fabric::RefAttr reference) {
        std::vector<int> &users = named[reference.getBuffer().getValue()];
        if (users.empty() || users.back() != use.segments - 1)
          users.push_back(use.segments - 1);
      });
    });
  }
  for (auto op : module.getOps<fabric::BufferOp>())
    use.segmentsOf.push_back(named.lookup(op.getSymName()));
  return use;
}

uint64_t transientBytes(const ModuleBuffers &buffers, uint32_t alignBytes) {
  uint64_t most = 0;
  for (const std::vector<PlanBuffer> &program : buffers.programs)
    most = std::max(most, planSram(program, 0, alignBytes).peakBytes);
  return most;
}

int64_t countStages(ModuleOp module) {
  int64_t count = 1;
  for (auto op : module.getOps<fabric::BufferOp>())
    count = std::max<int64_t>(count, describe(op, true).stage + 1);
  return count;
}

std::unique_ptr<Pass> createPlanPass(uint32_t alignBytes, uint64_t stageBytes) {
  return std::make_unique<PlanPass>(alignBytes, stageBytes);
}
std::unique_ptr<Pass> createPlanVerifyPass(uint32_t alignBytes) { return std::make_unique<PlanVerifyPass>(alignBytes); }

void registerPlanPasses() {
  PassRegistration<PlanPass>();
  PassRegistration<PlanVerifyPass>();
}

} // namespace weft::plan
