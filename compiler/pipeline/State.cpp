// The phases: which passes each runs, in one place.
#include "compiler/pipeline/State.h"

#include "compiler/codegen/CoreKernels.h"
#include "compiler/codegen/HostKernels.h"
#include "compiler/codegen/Passes.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/OpSummary.h"
#include "compiler/pipeline/Budget.h"
#include "compiler/pipeline/Capacity.h"
#include "compiler/pipeline/Choices.h"
#include "compiler/pipeline/Emit.h"
#include "compiler/pipeline/Experts.h"
#include "compiler/pipeline/Import.h"
#include "compiler/pipeline/Tuned.h"
#include "compiler/pipeline/UnitChoices.h"
#include "compiler/place/General.h"
#include "compiler/place/Place.h"
#include "compiler/plan/FabricBuffers.h"
#include "compiler/route/Deadlock.h"
#include "compiler/route/FabricChannels.h"
#include "compiler/spmd/Spmd.h"
#include "runtime/package/CoreCode.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"

#include <fmt/format.h>

#include <filesystem>

using namespace mlir;

namespace weft::compiler {

namespace {

/// Up to this size of the mesh programs are run to see that they cannot get stuck, even if that could be proven.
constexpr uint32_t exhaustiveDeadlockCores = 256;

class PipelineState : public State {
public:
  explicit PipelineState(const CompileOptions &options) : options(options) {}

  Result<void> open() {
    auto read = importModel({options.model, options.shapesOnly, options.layers, options.dims, options.as});
    if (!read)
      return read.takeError();
    model = std::move(*read);
    if (!options.meshWidth)
      options.meshWidth = options.hardware.parallelism.meshWidth;
    if (!options.meshHeight)
      options.meshHeight = options.hardware.parallelism.meshHeight;
    if (options.reduce == ReduceChoice::Router && !options.hardware.routing.reduceStage)
      return userError(
          fmt::format("--reduce router: the routers of {} cannot combine words, routing.reduce_stage is 0; "
                      "try --reduce auto, or --set routing.reduce_stage=4",
                      options.hardware.name));
    if (options.meshWidth > options.hardware.parallelism.meshWidth ||
        options.meshHeight > options.hardware.parallelism.meshHeight)
      return userError(fmt::format("a mesh of {}x{} cores is larger than {} has: {}x{}", options.meshWidth,
                                   options.meshHeight, options.hardware.name, options.hardware.parallelism.meshWidth,
                                   options.hardware.parallelism.meshHeight));
    if (auto checked = chooseMaxSeq(); !checked)
      return checked;
    if (!options.stageBytes)
      options.stageBytes = options.hardware.usableBytes();
    context.disableMultithreading();
    return {};
  }

  Result<void> run(Phase phase) override {
    switch (phase) {
    case Phase::Import:
      return import();
    case Phase::Graph:
      if (!model.generator)
        return collectErrors(Fault::User, [&] { return place::prepareGeneral(*module); });
      return runPasses(Fault::Internal, [&](PassManager &passes) {
        passes.addPass(graph::createSplitPhasesPass(options.program));
        passes.addPass(graph::createVerifyGraphPass());
      });
    case Phase::Place:
      return place();
    case Phase::Spmd:
      return spmd();
    case Phase::Route:
      return route();
    case Phase::Plan:
      return plan();
    case Phase::Kernels:
      return collectKernels();
    case Phase::Link:
      return link();
    case Phase::Package:
      return emit();
    }
    llvm_unreachable("all phases are handled");
  }

  std::string print(Phase phase) override {
    std::string text;
    llvm::raw_string_ostream stream(text);
    ModuleOp shown = phase < Phase::Kernels ? *module : *kernels;
    OwningOpRef<ModuleOp> lowered;
    if (phase >= Phase::Kernels) {
      // Link lowers a copy of its own; this one is to be looked at.
      lowered = shown.clone();
      PassManager passes(&context);
      buildShown(passes, phase);
      if (succeeded(passes.run(*lowered)))
        shown = *lowered;
    }
    shown.print(stream);
    return text + "\n";
  }

  uint64_t peakBytes() override {
    plan::ModuleBuffers buffers = plan::collectBuffers(*module);
    return plan::planPrograms(buffers.resident, buffers.programs, alignBytes()).peakBytes;
  }
  Result<std::string> coreCode(Product product) override {
    std::optional<codegen::CoreTarget> target = coreTarget();
    if (!target)
      return userError(fmt::format("the cores of {} are of kind {} and run no RISC-V code; machines with cores of kind "
                                   "rvv do",
                                   options.hardware.name, options.hardware.parallelism.core.kind));
    if (product == Product::Assembly)
      return codegen::assembleCoreKernels(*kernels, *target);
    const pkg::KernelObjectT *object = runtime::findCoreObject(objects);
    return std::string(object->image.begin(), object->image.end());
  }
  uint32_t maxSeq() const override { return options.maxSeq; }
  std::vector<Decision> takeDecisions() override { return std::move(decisions); }
  std::optional<ImportedOps> takeOps() override { return std::move(ops); }
  std::vector<OpPlacement> takePlacements() override { return std::move(placements); }
  std::vector<place::ExpertChoice> takeExperts() override { return std::move(experts); }
  std::vector<std::string> takeWarnings() override { return std::move(warnings); }
  TuningUse tuning() const override { return tuningUse; }
  std::string kernelText() const override { return keptKernels; }
  std::optional<Stages> stages() const override { return found; }
  std::optional<Capacity> capacity() override {
    // A budget's own compilations ask for none, and a prefill alone keeps no cache for others.
    if (!found || options.program == "prefill")
      return std::nullopt;
    return capacityOf(options, *module, *found, alignBytes());
  }
  uint64_t transientBytes() override { return plan::transientBytes(plan::collectBuffers(*module), alignBytes()); }
  std::unique_ptr<runtime::Package> takePackage() override { return std::move(package); }

private:
  /// What asks for text of a tensor program, or for products as layers have them, would go unheard.
  Result<void> checkTensorOptions() const {
    const std::pair<const char *, bool> given[] = {{"--max-seq", options.maxSeq != 0},
                                                   {"--phase", !options.program.empty()},
                                                   {"--dtype", !options.dtype.empty()},
                                                   {"--gemm", options.gemm != GemmChoice::Auto},
                                                   {"--place", options.place == PlaceChoice::Whole},
                                                   {"--experts", options.experts != place::ExpertsMode::Auto},
                                                   {"--expert-load", options.expertLoads.has_value()}};
    for (auto [name, isGiven] : given)
      if (isGiven)
        return userError(
            fmt::format("{} is for models that generate text; {} is a tensor program, whose ops are placed "
                        "one by one as they are stored{}{}",
                        name, model.name, model.noText.empty() ? "" : ". It gives no text: ", model.noText));
    return {};
  }

  /// The longest sequence, of a model that generates text.
  Result<void> chooseMaxSeq() {
    if (!model.generator)
      return checkTensorOptions();
    const uint32_t positions = model.generator->maxPositions;
    if (options.maxSeq > positions)
      return userError(fmt::format("--max-seq {} is more than the {} positions that '{}' was made for", options.maxSeq,
                                   positions, model.name));
    if (!options.maxSeq)
      options.maxSeq = std::min(positions, defaultMaxSeq);
    return {};
  }

  int programColors() const { return static_cast<int>(options.hardware.routing.usableColors()); }

  uint32_t alignBytes() const { return std::max(options.hardware.memory.alignBytes, 16u); }

  /// Runs passes on the module; their diagnostics become the error. `fault`: whose it is that they fail.
  Result<void> runPasses(Fault fault, llvm::function_ref<void(PassManager &)> add) {
    return collectErrors(fault, [&] {
      PassManager passes(&context);
      add(passes);
      return passes.run(*module);
    });
  }

  /// The diagnostics of `work` become the error if it fails. They name the model's op where they know it.
  Result<void> collectErrors(Fault fault, llvm::function_ref<LogicalResult()> work) {
    std::string messages;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return mlir::success();
      messages += messages.empty() ? "" : "\n";
      if (auto name = diagnostic.getLocation()->findInstanceOf<NameLoc>(); name && !model.generator)
        messages += name.getName().str() + ": ";
      messages += diagnostic.str();
      return mlir::success();
    });
    if (failed(work()))
      return Error{messages.empty() ? "a pass failed without a message" : messages, fault};
    return {};
  }

  Result<void> import() {
    auto built = model.build(context, options.maxSeq);
    if (!built)
      return built.takeError();
    module = std::move(*built);
    if (!model.generator || model.fromGraph) {
      graph::OpSummary summary = graph::summarizeOps(*module);
      ops = ImportedOps{std::move(summary.transformer), std::move(summary.generic), model.roundedProducts};
    }
    return {};
  }

  Result<void> place() {
    place::PlaceOptions place = placeOptions(options, context);
    if (!model.generator)
      return placeOps(place);
    if (options.place == PlaceChoice::General)
      return placeGeneratorOps(place, "requested");
    decisions = chooseAlgorithms(options, *module, place);
    if (auto placed = placeExperts(options, *module, place); !placed)
      return placed;
    if (options.expertLoads)
      if (std::string doubts = place::doubtsAbout(*options.expertLoads, model.name); !doubts.empty())
        warnings.push_back(std::move(doubts));
    experts = place.expertChoices;
    llvm::append_range(decisions, expertDecisions(experts));
    OwningOpRef<ModuleOp> graph = module->clone();
    auto placed = runPasses(Fault::User, [&](PassManager &passes) {
      passes.addPass(place::createPlacePass(place));
      passes.addPass(place::createGridVerifyPass());
    });
    if (placed || options.place == PlaceChoice::Whole || placed.error().fault != Fault::User)
      return placed;
    // What has no lowering of its own goes op by op.
    module = std::move(graph);
    decisions.clear();
    experts.clear();
    return placeGeneratorOps(place, placed.error().message);
  }

  Result<void> placeGeneratorOps(const place::PlaceOptions &place, const std::string &why) {
    if (!options.dtype.empty())
      return userError(fmt::format("--dtype {}: the ops of {} are placed one by one, where weights stay as they are "
                                   "stored ({})",
                                   options.dtype, model.name, why));
    if (auto refused = refuseExpertsByOps(options, why); !refused)
      return refused;
    decisions.push_back({"place", "path", "general", why, {}});
    auto prepared = collectErrors(Fault::User, [&] { return place::prepareGenerator(*module, options.maxSeq); });
    return prepared ? placeOps(place) : prepared;
  }

  Result<void> placeOps(const place::PlaceOptions &place) {
    place::GeneralReport report;
    auto placed = collectErrors(Fault::User, [&] { return place::placeGeneral(*module, place, report); });
    if (!placed)
      return Error{fmt::format("{}: {}", options.model, placed.error().message), placed.error().fault};
    for (place::OpPlacement &op : report.ops)
      placements.push_back({std::move(op.name), std::move(op.op), op.distributed, std::move(op.how)});
    return runPasses(Fault::Internal, [](PassManager &passes) { passes.addPass(place::createGridVerifyPass()); });
  }

  Result<void> spmd() {
    spmd::SpmdOptions chosen;
    if (auto core = coreTarget()) {
      auto order = chooseByteOrder(options, *core, *module, decisions);
      if (!order)
        return order.takeError();
      chosen.byteOrder = *order;
    }
    return runPasses(Fault::Internal, [&](PassManager &passes) {
      passes.addPass(spmd::createSpmdPass(chosen));
      passes.addPass(spmd::createFabricVerifyPass());
    });
  }

  Result<void> route() {
    // Too few colours is a matter of machine and model; routes that do not check out are ours.
    auto colored = runPasses(
        Fault::User, [&](PassManager &passes) { passes.addPass(weft::route::createRoutePass(programColors())); });
    if (!colored)
      return colored;
    return runPasses(Fault::Internal,
                     [&](PassManager &passes) { passes.addPass(weft::route::createRouteVerifyPass(programColors())); });
  }

  Result<void> plan() {
    uint32_t align = alignBytes();
    auto planned = runPasses(Fault::Internal, [&](PassManager &passes) {
      passes.addPass(plan::createPlanPass(align, options.shapesOnly ? options.stageBytes : 0));
      passes.addPass(plan::createPlanVerifyPass(align));
    });
    if (!planned)
      return planned;
    if (options.shapesOnly)
      found = stagesOf(options, *module);
    return checkBudget(options, *module, align);
  }

  Result<void> collectKernels() {
    kernels = ModuleOp::create(module->getLoc());
    OpBuilder builder = OpBuilder::atBlockEnd(kernels->getBody());
    for (Operation &op : *module->getBody())
      if (isa<func::FuncOp, memref::GlobalOp>(op))
        builder.clone(op);
    std::optional<codegen::CoreTarget> core = coreTarget();
    if (!core)
      return {};
    if (auto chosen = chooseExp(options, *core, *module, *kernels, decisions); !chosen)
      return chosen;
    if (options.keepKernels)
      llvm::raw_string_ostream(keptKernels) << *kernels;
    tuningUse = tuneKernels(options.tuned, *kernels, decisions);
    return {};
  }

  /// The core that kernels are compiled for, beside the host; none for a core that runs no RISC-V code.
  std::optional<codegen::CoreTarget> coreTarget() const {
    const hw::CoreSpec &core = options.hardware.parallelism.core;
    if (core.kind != "rvv")
      return std::nullopt;
    codegen::CoreTarget target{hw::isaOf(core)};
    target.stackBytes = options.hardware.memory.stackBytes;
    return target;
  }

  /// The passes that show the kernels as they are after `phase`: for the core where it runs code, else for the host.
  void buildShown(PassManager &passes, Phase phase) const {
    codegen::HostTarget host = codegen::defaultHostTarget();
    if (auto core = coreTarget())
      phase == Phase::Kernels
          ? codegen::buildVectorPipeline(passes, codegen::vectorShape(core->isa), codegen::hasUnit(core->isa, "dot"))
          : codegen::buildCorePipeline(passes, *core);
    else
      phase == Phase::Kernels ? codegen::buildVectorPipeline(passes, codegen::vectorShape(host))
                              : codegen::buildHostPipeline(passes, host);
  }

  Result<void> link() {
    // Without weights nothing is computed here.
    if (options.shapesOnly)
      return linkCore();
    auto host = codegen::compileHostKernels(*kernels, codegen::defaultHostTarget());
    if (!host)
      return host.takeError();
    objects.push_back(std::make_unique<pkg::KernelObjectT>(std::move(*host)));
    return linkCore();
  }

  Result<void> linkCore() {
    std::optional<codegen::CoreTarget> target = coreTarget();
    if (!target)
      return {};
    auto core = codegen::compileCoreKernels(*kernels, *target);
    if (!core)
      return core.takeError();
    reorderKernels(options.tuned, *kernels, *core, tuningUse);
    objects.push_back(std::make_unique<pkg::KernelObjectT>(std::move(*core)));
    // Code that is only looked at may be too large to run.
    return options.product == Product::Package ? checkCode(options, *objects.back(), peakBytes()) : Result<void>();
  }

  Result<void> emit() {
    package = std::make_unique<runtime::Package>();
    package->producer = "weft " WEFT_VERSION;
    package->hardware_name = options.hardware.name;
    package->hardware_yaml = options.hardware.yaml;
    package->hardware_digest = options.hardware.digest;
    package->mesh_width = options.meshWidth;
    package->mesh_height = options.meshHeight;
    package->model = std::make_unique<pkg::ModelT>();
    package->model->name = model.name;
    package->model->architecture = model.architecture;
    std::error_code failure;
    std::filesystem::path place = std::filesystem::canonical(options.model, failure);
    package->model->directory = (std::filesystem::is_directory(place) ? place : place.parent_path()).string();
    package->model->tokenizer = std::filesystem::path(model.tokenizer).filename().string();
    package->shapes_only = options.shapesOnly;
    package->model->max_seq = 1;
    package->model->bos = -1;
    if (model.generator) {
      package->model->vocab_size = model.generator->vocabSize;
      package->model->max_seq = options.maxSeq;
      package->model->bos = model.generator->bosToken;
      package->model->eos = model.generator->eosTokens;
    }
    for (const frontend::WeightFileInfo &info : model.weights->files()) {
      auto file = std::make_unique<pkg::WeightFileT>();
      file->path = std::filesystem::canonical(info.path, failure).string();
      file->size = info.size;
      file->header_digest = info.headerDigest;
      file->header_bytes = info.headerBytes;
      package->files.push_back(std::move(file));
    }
    package->kernels = codegen::describeKernels(*kernels);
    package->objects = std::move(objects);
    if (auto emitted = emitPrograms(*module, *model.weights, *package); !emitted)
      return emitted;
    route::DeadlockOptions deadlock;
    deadlock.linkBytes = options.hardware.routing.linkBytes;
    deadlock.queueWords = options.hardware.routing.queueWords;
    deadlock.proveFirst = options.meshWidth * options.meshHeight > exhaustiveDeadlockCores;
    if (auto live = route::checkDeadlock(*package, deadlock); !live)
      return live;
    if (auto checked = runtime::checkPackage(*package); !checked)
      return internalError("the compiler made a package that does not pass its own check: " + checked.error().message);
    return {};
  }

  CompileOptions options;
  Imported model;
  MLIRContext context;
  OwningOpRef<ModuleOp> module, kernels;
  std::vector<std::unique_ptr<pkg::KernelObjectT>> objects;
  std::unique_ptr<runtime::Package> package;
  std::vector<Decision> decisions;
  std::optional<ImportedOps> ops;
  std::vector<OpPlacement> placements;
  std::vector<place::ExpertChoice> experts;
  std::vector<std::string> warnings;
  std::optional<Stages> found;
  TuningUse tuningUse;
  std::string keptKernels;
};

} // namespace

Result<std::unique_ptr<State>> State::create(const CompileOptions &options) {
  auto state = std::make_unique<PipelineState>(options);
  if (auto opened = state->open(); !opened)
    return opened.takeError();
  return std::unique_ptr<State>(std::move(state));
}

} // namespace weft::compiler
