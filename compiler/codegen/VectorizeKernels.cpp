// linalg on memrefs to loops over vectors: the pass.
#include "compiler/codegen/VectorEmitter.h"

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
