// The place phase as passes.
#include "compiler/place/Placer.h"

#include "compiler/graph/GraphModule.h"
#include "kernels/VectorControl.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassRegistry.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

/// Numbers in the attribute: whether an operand is narrow, then two for each count.
static constexpr size_t workCounts = 15;

void attachWork(ModuleOp module, const kernels::TileKernel &kernel) {
  auto function = cast<func::FuncOp>(SymbolTable::lookupSymbolIn(module, kernel.name));
  const kernels::Work &work = kernel.work;
  const kernels::VectorControl control = kernels::vectorControl(function);
  SmallVector<int64_t> counts = {work.narrowOperand};
  for (const kernels::RowLinear &count :
       {work.macs, work.alu, work.special, work.loadBytes, work.storeBytes, control.vectors, control.descriptors})
    counts.append({count.base, count.perRow});
  function->setAttr(workAttribute, DenseI64ArrayAttr::get(module.getContext(), counts));
}

FailureOr<Value> Placer::placed(Value xfValue, Operation *user) {
  if (auto found = values.find(xfValue); found != values.end())
    return found->second;
  return user->emitOpError("reads a value that has no place on the mesh");
}

FailureOr<Value> Placer::placedInBlocks(Value xfValue, Operation *user) {
  auto value = placed(xfValue, user);
  if (succeeded(value) && layoutOf(value->getType()).getDims()[1].getKind() != ShardKind::Block)
    return user->emitOpError(
        "reads what attention gives, whose columns are heads, and has no lowering to a mesh there");
  return value;
}

LogicalResult Placer::placeOp(Operation *op) {
  if (withAttention.contains(op))
    return success();
  builder.setLoc(op->getLoc());
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](xf::EmbeddingOp op) { return placeEmbedding(op); })
      .Case([&](xf::AddPositionsOp op) { return placeAddPositions(op); })
      .Case([&](xf::RmsNormOp op) { return placeNorm(op); })
      .Case([&](xf::LayerNormOp op) { return placeLayerNorm(op); })
      .Case([&](xf::LinearOp op) { return placeLinear(op); })
      .Case([&](xf::GatedMlpOp op) { return placeMlp(op); })
      .Case([&](xf::MoeOp op) { return placeMoe(op); })
      .Case([&](xf::AddOp op) { return placeBinary(op, kernels::buildAdd); })
      .Case([&](xf::MulOp op) { return placeBinary(op, kernels::buildMul); })
      .Case([&](xf::ScaleOp op) { return placeScale(op); })
      .Case([&](xf::ActivationOp op) { return placeActivation(op); })
      .Case([&](xf::LastRowOp op) { return placeLastRow(op); })
      .Case([&](xf::AttentionOp op) { return placeAttention(op); })
      // Weights and views of them are placed where they are used.
      .Case<xf::ParamOp, arith::ConstantOp, tensor::EmptyOp, tensor::ExtractSliceOp, tensor::ExpandShapeOp,
            tensor::CollapseShapeOp, linalg::TransposeOp>([](Operation *) { return success(); })
      .Default([](Operation *op) { return op->emitOpError("has no lowering to a mesh yet"); });
}

LogicalResult Placer::place(func::FuncOp source, func::FuncOp target) {
  Block *body = target.addEntryBlock();
  builder.setInsertionPointToEnd(body);
  builder.setLoc(NameLoc::get(builder.getStringAttr("host_input")));
  int64_t words = decode ? 2 : 1 + options.maxSeq;
  launch = builder.create<LaunchOp>(tensor({words}, builder.getI32Type(), {whole(words)}));
  if (failed(findAttention(source)))
    return failure();
  for (Operation &op : source.getBody().front().without_terminator())
    if (failed(placeOp(&op)))
      return failure();
  auto result = source.getBody().front().getTerminator();
  auto logits = placed(result->getOperand(0), result);
  if (failed(logits))
    return failure();
  builder.setLoc(NameLoc::get(builder.getStringAttr("host_output")));
  builder.create<OutputOp>(*logits, "logits", StringAttr(), DenseI64ArrayAttr());
  builder.create<func::ReturnOp>();
  return success();
}

namespace {

struct PlacePass : PassWrapper<PlacePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PlacePass)
  PlacePass() = default;
  explicit PlacePass(const PlaceOptions &options) : options(options) {}
  PlacePass(const PlacePass &other) : PassWrapper(other), options(other.options) {
    width = other.width;
    height = other.height;
    maxSeq = other.maxSeq;
    algorithm = other.algorithm;
  }
  StringRef getArgument() const override { return "place"; }
  StringRef getDescription() const override {
    return "Give every value of the graph a layout on a mesh and every op an algorithm";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<GridDialect, scf::SCFDialect, arith::ArithDialect, linalg::LinalgDialect, memref::MemRefDialect,
                    math::MathDialect>();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (width.hasValue())
      options.width = width;
    if (height.hasValue())
      options.height = height;
    if (maxSeq.hasValue())
      options.maxSeq = maxSeq;
    if (algorithm.hasValue() && algorithm != "cannon" && algorithm != "meshgemm")
      return module.emitError("place knows the algorithms meshgemm and cannon, not '") << algorithm << "'",
             signalPassFailure();
    if (algorithm.hasValue())
      options.cannon = algorithm == "cannon";
    if (auto limit = module->getAttrOfType<IntegerAttr>(graph::maxSeqAttr);
        limit && !maxSeq.hasValue() && options.maxSeq == 0)
      options.maxSeq = limit.getInt();
    if (options.width < 1 || options.height < 1 || options.maxSeq < 1)
      return module.emitError("place needs a mesh of at least 1x1 and room for at least one token"),
             signalPassFailure();
    Mesh mesh = Mesh::make(options.width, options.height, !options.cannon);
    if (options.expertChoices.empty())
      options.expertChoices = chooseExperts(module, options);
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    builder.create<MeshOp>(module.getLoc(), "mesh", mesh.width, mesh.height,
                           options.cannon ? RankOrder::Identity : RankOrder::Interleave);
    SmallVector<func::FuncOp> sources = llvm::to_vector(module.getOps<func::FuncOp>());
    for (func::FuncOp source : sources) {
      std::string name = source.getName().str();
      if (name != "prefill" && name != "decode")
        return source.emitError("place expects the phases prefill and decode, not '") << name << "'",
               signalPassFailure();
      if (source.isDeclaration() || !source.getBody().hasOneBlock() || source.getNumResults() == 0)
        return source.emitError("place expects '") << name << "' to be one block that returns the logits first",
               signalPassFailure();
      source.setName(name + ".graph");
      builder.setInsertionPointAfter(source);
      auto target = builder.create<func::FuncOp>(source.getLoc(), name, builder.getFunctionType({}, {}));
      if (failed(Placer(module, mesh, options, name == "decode").place(source, target)))
        return signalPassFailure();
      source.erase();
    }
  }

  PlaceOptions options;
  Option<int64_t> width{*this, "width", llvm::cl::desc("cores along x")};
  Option<int64_t> height{*this, "height", llvm::cl::desc("cores along y")};
  Option<int64_t> maxSeq{*this, "max-seq", llvm::cl::desc("tokens the cache holds; without it the graph's own limit")};
  Option<std::string> algorithm{*this, "algorithm", llvm::cl::desc("meshgemm or cannon")};
};

/// A call's buffers and scalars are those that its kernel takes.
LogicalResult verifyCall(CallOp call, ModuleOp module) {
  auto kernel = module.lookupSymbol<func::FuncOp>(call.getKernel());
  auto work = kernel ? kernel->getAttrOfType<DenseI64ArrayAttr>(workAttribute) : DenseI64ArrayAttr();
  if (!work || work.size() != workCounts || kernel.isDeclaration())
    return call.emitOpError("calls @") << call.getKernel() << ", which is not a kernel of this module";
  size_t buffers = call.getOrder().size();
  if (kernel.getNumArguments() != buffers + call.getScalars().size())
    return call.emitOpError("gives @") << call.getKernel() << " " << buffers << " buffers and "
                                       << call.getScalars().size() << " scalars, but it takes "
                                       << kernel.getNumArguments() << " arguments";
  for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    if (i >= buffers) {
      if (!type.isIndex())
        return call.emitOpError("gives @") << call.getKernel() << " a scalar where it takes " << type;
      continue;
    }
    auto buffer = dyn_cast<MemRefType>(type);
    auto shard = cast<RankedTensorType>(call->getOperand(call.getOrder()[i]).getType());
    int64_t elements = 1;
    for (int64_t extent : localShape(shard))
      elements *= extent;
    // A boolean is a byte in memory, and blocks are some.
    Type element = shard.getElementType();
    if (isa<BlocksType>(element))
      elements = localBytes(shard);
    if (element.isInteger(1) || isa<BlocksType>(element))
      element = IntegerType::get(module.getContext(), 8);
    if (!buffer || !buffer.hasStaticShape() || buffer.getElementType() != element ||
        buffer.getNumElements() != elements)
      return call.emitOpError("gives @") << call.getKernel() << " a shard of " << elements << " "
                                         << shard.getElementType() << " where it takes " << type;
  }
  int64_t depth = 0;
  for (Operation *parent = call->getParentOp(); parent; parent = parent->getParentOp())
    depth += isa<scf::ForOp>(parent);
  for (auto scalar : call.getScalars().getAsRange<ScalarAttr>())
    if (scalar.getKind() == ScalarKind::Loop && (scalar.getValue() < 0 || scalar.getValue() >= depth))
      return call.emitOpError("uses the counter of a loop that does not enclose it");
  return success();
}

/// A function of the program: straight-line code and loops over values of the mesh.
LogicalResult verifyProgram(func::FuncOp function) {
  if (function.isDeclaration() || !function.getBody().hasOneBlock() || function.getNumArguments() != 0 ||
      function.getNumResults() != 0)
    return function.emitOpError("must be one block without arguments and results");
  auto result = function.walk([](Operation *op) -> WalkResult {
    auto loop = dyn_cast<scf::ForOp>(op);
    if (loop && !llvm::all_of(loop.getInitArgs().getTypes(), [](Type type) { return layoutOf(type) != nullptr; }))
      return loop.emitOpError("carries a value that is not on the mesh");
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

struct GridVerifyPass : PassWrapper<GridVerifyPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(GridVerifyPass)
  StringRef getArgument() const override { return "grid-verify"; }
  StringRef getDescription() const override { return "Check that the module is a whole grid program"; }
  void runOnOperation() override {
    if (failed(verifyGrid(getOperation())))
      signalPassFailure();
  }
};

} // namespace

LogicalResult verifyGrid(ModuleOp module) {
  auto meshes = llvm::to_vector(module.getOps<MeshOp>());
  if (meshes.size() != 1)
    return module.emitError("a grid program needs one grid.mesh, not ") << meshes.size();
  WalkResult result = module.walk([&](Operation *op) -> WalkResult {
    if (isa_and_nonnull<xf::XfDialect>(op->getDialect()))
      return op->emitOpError("is left over from the graph");
    auto call = dyn_cast<CallOp>(op);
    return call ? verifyCall(call, module) : success();
  });
  if (result.wasInterrupted())
    return failure();
  for (auto function : module.getOps<func::FuncOp>())
    if (!function->hasAttr(workAttribute) && failed(verifyProgram(function)))
      return failure();
  return success();
}

std::unique_ptr<Pass> createPlacePass(const PlaceOptions &options) { return std::make_unique<PlacePass>(options); }
std::unique_ptr<Pass> createGridVerifyPass() { return std::make_unique<GridVerifyPass>(); }

void registerPlacePasses() {
  PassRegistration<PlacePass>();
  PassRegistration<GridVerifyPass>();
}

} // namespace weft::place
