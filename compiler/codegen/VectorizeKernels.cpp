// linalg on memrefs to loops over vectors: the pass.
#include "compiler/codegen/VectorEmitter.h"
#include "kernels/LinearIndex.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

using namespace mlir;

namespace weft::codegen {
namespace {

/// What has been chosen for a kernel; what its names mean stands in kernels/Tuning.h.
TileTuning tuningOf(func::FuncOp kernel) {
  TileTuning tuning;
  auto chosen = kernel->getAttrOfType<DictionaryAttr>(tuningAttribute);
  auto value = [&](const char *name) {
    auto number = chosen ? chosen.getAs<IntegerAttr>(name) : IntegerAttr();
    return number ? number.getInt() : 0;
  };
  tuning.group = value("group");
  tuning.rows = value("rows");
  tuning.vectors = value("vectors");
  tuning.unroll = value("unroll");
  tuning.depthBlock = value("kblock");
  tuning.prefetch = value("prefetch") != 0;
  tuning.byVector = value("order") != 0;
  tuning.halvesTail = value("tail") != 0;
  return tuning;
}

/// How far one step of each loop goes in memory, and where the loops begin; nothing if an index is no sum of multiples
/// of loops, or a step goes back.
std::optional<std::pair<SmallVector<int64_t>, int64_t>> stepsOf(AffineMap map, MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(getStridesAndOffset(type, strides, offset)) || llvm::is_contained(strides, ShapedType::kDynamic))
    return std::nullopt;
  SmallVector<int64_t> steps(map.getNumDims());
  int64_t origin = 0;
  for (auto [expr, stride] : llvm::zip(map.getResults(), strides)) {
    std::optional<kernels::LinearIndex> linear = kernels::linearIndex(expr, map.getNumDims());
    if (!linear)
      return std::nullopt;
    origin += stride * linear->origin;
    for (auto [step, factor] : llvm::zip(steps, linear->factors))
      step += stride * factor;
  }
  if (llvm::any_of(steps, [](int64_t step) { return step < 0; }))
    return std::nullopt;
  return std::pair(steps, origin);
}

/// Inputs in which an index follows several loops, or none, as views with a dimension for each loop: windows of a
/// convolution and broadcast dimensions then are vectors, too.
void followSingleLoops(RewriterBase &b, linalg::GenericOp op) {
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  if (llvm::any_of(extents, ShapedType::isDynamic))
    return;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap &map = maps[input->getOperandNumber()];
    auto type = dyn_cast<MemRefType>(input->get().getType());
    if (!type || map.isProjectedPermutation())
      continue;
    auto steps = stepsOf(map, type);
    if (!steps)
      continue;
    SmallVector<OpFoldResult> sizes, strides;
    SmallVector<AffineExpr> loops;
    for (auto [loop, extent] : llvm::enumerate(extents)) {
      if (!map.isFunctionOfDim(loop))
        continue;
      sizes.push_back(b.getIndexAttr(extent));
      strides.push_back(b.getIndexAttr(steps->first[loop]));
      loops.push_back(b.getAffineDimExpr(loop));
    }
    auto whole = b.create<memref::ExtractStridedMetadataOp>(op.getLoc(), input->get());
    Value origin = b.create<arith::ConstantIndexOp>(op.getLoc(), steps->second);
    OpFoldResult offset = b.createOrFold<arith::AddIOp>(op.getLoc(), whole.getOffset(), origin);
    SmallVector<int64_t> shape, fixed;
    for (auto [size, stride] : llvm::zip(sizes, strides)) {
      shape.push_back(*getConstantIntValue(size));
      fixed.push_back(*getConstantIntValue(stride));
    }
    auto layout = StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, fixed);
    auto view = MemRefType::get(shape, type.getElementType(), layout);
    input->set(b.create<memref::ReinterpretCastOp>(op.getLoc(), view, whole.getBaseBuffer(), offset, sizes, strides));
    map = AffineMap::get(map.getNumDims(), 0, loops, b.getContext());
  }
  op.setIndexingMapsAttr(b.getAffineMapArrayAttr(maps));
}

struct VectorizeKernels : PassWrapper<VectorizeKernels, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VectorizeKernels)

  VectorizeKernels() = default;
  explicit VectorizeKernels(VectorShape shape) {
    registerBytes = shape.registerBytes;
    registers = shape.registers;
    grouping = shape.grouping;
    multipliesF16 = shape.multipliesF16;
    multipliesBf16 = shape.multipliesBf16;
    emulatesF16 = shape.emulatesF16;
  }
  VectorizeKernels(const VectorizeKernels &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "weft-vectorize-kernels"; }
  StringRef getDescription() const final { return "Lower linalg on memrefs to loops over vectors held in registers"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, memref::MemRefDialect, scf::SCFDialect, vector::VectorDialect>();
  }

  void runOnOperation() final {
    bool powers = llvm::isPowerOf2_32(registerBytes) && llvm::isPowerOf2_32(registers) && llvm::isPowerOf2_32(grouping);
    if (!powers || registerBytes < 4 || registers < 4 * grouping) {
      getOperation().emitError("a register file needs powers of two: 4 bytes or more a register, and 4 of the longest "
                               "groups or more; got ")
          << registers << " registers of " << registerBytes << " bytes in groups of up to " << grouping;
      return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    auto fewer = getOperation()->getAttrOfType<IntegerAttr>(registerLimitAttribute);
    unsigned limit = fewer ? std::min<unsigned>(registers, fewer.getInt()) : registers;
    tuning = grouping > 1 ? tuningOf(getOperation()) : TileTuning();
    for (linalg::LinalgOp op : ops)
      if (failed(lower(rewriter, op, limit)))
        return signalPassFailure();
  }

  LogicalResult lower(IRRewriter &rewriter, linalg::LinalgOp op, unsigned limit) {
    if (!op.hasPureBufferSemantics())
      return op.emitOpError("works on tensors; kernels are written on memrefs");
    rewriter.setInsertionPoint(op);
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    if (isa<linalg::MapOp>(op.getOperation())) { // has no generic form; padding and tensor.generate become one
      if (failed(linalg::linalgOpToLoops(rewriter, op)))
        return op.emitOpError("cannot be written as loops");
      rewriter.eraseOp(op);
      return success();
    }
    if (!generic) {
      FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
      if (failed(made))
        return op.emitOpError("has no generic form");
      generic = *made;
      rewriter.setInsertionPoint(generic);
    }
    followSingleLoops(rewriter, generic);
    Emitter emitter(rewriter, generic, {registerBytes, limit, grouping, multipliesF16, multipliesBf16, emulatesF16},
                    tuning);
    if (emitter.analyze())
      emitter.emit();
    else if (failed(linalg::linalgOpToLoops(rewriter, generic)))
      return generic.emitOpError("cannot be written as loops");
    rewriter.eraseOp(generic);
    return success();
  }

  TileTuning tuning; // of the kernel at hand

  Option<unsigned> registerBytes{*this, "register-bytes", llvm::cl::desc("bytes of a vector register"),
                                 llvm::cl::init(VectorShape{}.registerBytes)};
  Option<unsigned> registers{*this, "registers", llvm::cl::desc("vector registers of that size"),
                             llvm::cl::init(VectorShape{}.registers)};
  Option<unsigned> grouping{*this, "grouping", llvm::cl::desc("registers that one value may take"),
                            llvm::cl::init(VectorShape{}.grouping)};
  Option<bool> multipliesF16{*this, "multiplies-f16", llvm::cl::desc("f16 vectors are multiplied to sums in f32"),
                             llvm::cl::init(VectorShape{}.multipliesF16)};
  Option<bool> multipliesBf16{*this, "multiplies-bf16", llvm::cl::desc("bf16 vectors are multiplied to sums in f32"),
                              llvm::cl::init(VectorShape{}.multipliesBf16)};
  Option<bool> emulatesF16{*this, "emulates-f16", llvm::cl::desc("f16 is widened with integer operations"),
                           llvm::cl::init(VectorShape{}.emulatesF16)};
};

} // namespace

std::unique_ptr<Pass> createVectorizeKernelsPass(VectorShape shape) {
  return std::make_unique<VectorizeKernels>(shape);
}

} // namespace weft::codegen
