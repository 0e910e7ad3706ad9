// The plan phase as passes.
#include "compiler/plan/FabricBuffers.h"

#include "dialects/fabric/FabricDialect.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace weft::plan {

namespace {

PlanBuffer describe(fabric::BufferOp op, bool resident) {
  return {op.getSymName().str(),
          static_cast<BufferKind>(op.getKind()),
          static_cast<uint64_t>(op.getBytes()),
          0,
          0,
          resident};
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

struct PlanPass : PassWrapper<PlanPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlanPass)
  PlanPass() = default;
  explicit PlanPass(uint32_t bytes) { align = bytes; }
  PlanPass(const PlanPass &other) : PassWrapper(other) { align = other.align; }
  StringRef getArgument() const override { return "plan"; }
  StringRef getDescription() const override { return "Give every buffer its offset in SRAM"; }

  void runOnOperation() override {
    ModuleOp module = getOperation();
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
  for (auto program : module.getOps<fabric::ProgramOp>())
    buffers.programs.push_back(programBuffers(program));
  return buffers;
}

std::unique_ptr<Pass> createPlanPass(uint32_t alignBytes) { return std::make_unique<PlanPass>(alignBytes); }
std::unique_ptr<Pass> createPlanVerifyPass(uint32_t alignBytes) { return std::make_unique<PlanVerifyPass>(alignBytes); }

void registerPlanPasses() {
  PassRegistration<PlanPass>();
  PassRegistration<PlanVerifyPass>();
}

} // namespace weft::plan
