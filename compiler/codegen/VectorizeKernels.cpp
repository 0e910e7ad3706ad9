// linalg on memrefs to loops over vectors: the pass.
#include "compiler/codegen/TransposeEmitter.h"
#include "compiler/codegen/VectorEmitter.h"

#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

using namespace mlir;

namespace weft::codegen {
namespace {

struct VectorizeKernels : PassWrapper<VectorizeKernels, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VectorizeKernels)

  VectorizeKernels() = default;
  explicit VectorizeKernels(VectorShape shape) {
    registerBytes = shape.registerBytes;
    registers = shape.registers;
    grouping = shape.grouping;
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
    for (linalg::LinalgOp op : ops)
      if (failed(lower(rewriter, op)))
        return signalPassFailure();
  }

  LogicalResult lower(IRRewriter &rewriter, linalg::LinalgOp op) {
    if (!op.hasPureBufferSemantics())
      return op.emitOpError("works on tensors; kernels are written on memrefs");
    rewriter.setInsertionPoint(op);
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    if (!generic) {
      FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
      if (failed(made))
        return op.emitOpError("has no generic form");
      generic = *made;
      rewriter.setInsertionPoint(generic);
    }
    VectorShape shape{registerBytes, registers, grouping};
    if (!emitTranspose(rewriter, generic, shape)) {
      Emitter emitter(rewriter, generic, shape);
      if (emitter.analyze())
        emitter.emit();
      else if (failed(linalg::linalgOpToLoops(rewriter, generic)))
        return generic.emitOpError("cannot be written as loops");
    }
    rewriter.eraseOp(generic);
    return success();
  }

  Option<unsigned> registerBytes{*this, "register-bytes", llvm::cl::desc("bytes of a vector register"),
                                 llvm::cl::init(VectorShape{}.registerBytes)};
  Option<unsigned> registers{*this, "registers", llvm::cl::desc("vector registers of that size"),
                             llvm::cl::init(VectorShape{}.registers)};
  Option<unsigned> grouping{*this, "grouping", llvm::cl::desc("registers that one value may take"),
                            llvm::cl::init(VectorShape{}.grouping)};
};

} // namespace

std::unique_ptr<Pass> createVectorizeKernelsPass(VectorShape shape) {
  return std::make_unique<VectorizeKernels>(shape);
}

} // namespace weft::codegen
