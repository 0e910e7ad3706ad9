// rv.extend_bytes: forming it from vector code, and the instruction it stands for.
#include "compiler/codegen/Passes.h"
#include "dialects/rv/Rv.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace weft::codegen {
namespace {

struct FormExtendBytes : OpRewritePattern<arith::ExtSIOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtSIOp op, PatternRewriter &rewriter) const final {
    auto from = dyn_cast<VectorType>(op.getIn().getType()), to = dyn_cast<VectorType>(op.getType());
    bool bytes = from && from.getRank() == 1 && !from.isScalable() && from.getElementType().isInteger(8) &&
                 to.getElementType().isInteger(32);
    // LLVM cannot put a vector of another length into a scalable one.
    bytes = bytes && llvm::isPowerOf2_64(from.getDimSize(0));
    auto becomesReal = [](Operation *user) { return isa<arith::SIToFPOp>(user); };
    if (!bytes || !llvm::all_of(op->getUsers(), becomesReal))
      return failure();
    rewriter.replaceOpWithNewOp<rv::ExtendBytesOp>(op, to, op.getIn());
    return success();
  }
};

struct FormByteExtension : PassWrapper<FormByteExtension, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormByteExtension)
  StringRef getArgument() const final { return "rv-form-byte-extension"; }
  StringRef getDescription() const final { return "Form rv.extend_bytes where bytes become real numbers"; }
  void getDependentDialects(DialectRegistry &registry) const final { registry.insert<rv::RvDialect>(); }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    patterns.add<FormExtendBytes>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

struct LowerToExtension : OpRewritePattern<rv::ExtendBytesOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(rv::ExtendBytesOp op, PatternRewriter &rewriter) const final {
    rewriter.replaceOpWithNewOp<arith::ExtSIOp>(op, op.getType(), op.getSource());
    return success();
  }
};

/// Through the scalable types that stand for as many registers as the words take.
struct LowerToInstruction : OpRewritePattern<rv::ExtendBytesOp> {
  LowerToInstruction(MLIRContext *context, unsigned vlenBits) : OpRewritePattern(context), vlenBits(vlenBits) {}

  LogicalResult matchAndRewrite(rv::ExtendBytesOp op, PatternRewriter &rewriter) const final {
    constexpr int64_t blockBits = 64; // of VLEN, for each unit of a scalable length
    auto to = cast<VectorType>(op.getType());
    int64_t lanes = to.getDimSize(0);
    int64_t units = llvm::divideCeil(llvm::bit_ceil<uint64_t>(lanes) * blockBits, vlenBits);
    Location loc = op.getLoc();
    auto scalable = [&](unsigned bits) { return VectorType::get({units}, rewriter.getIntegerType(bits), {true}); };
    auto undefined = [&](Type type) -> Value { return rewriter.create<LLVM::PoisonOp>(loc, type); };
    Value source =
        rewriter.create<LLVM::vector_insert>(loc, scalable(8), undefined(scalable(8)), op.getSource(), int64_t{0});
    Value length = rewriter.create<LLVM::ConstantOp>(loc, rewriter.getI64IntegerAttr(lanes));
    auto name =
        rewriter.getStringAttr("llvm.riscv.vsext.nxv" + llvm::Twine(units) + "i32.nxv" + llvm::Twine(units) + "i8.i64");
    auto call = rewriter.create<LLVM::CallIntrinsicOp>(loc, scalable(32), name,
                                                       ValueRange{undefined(scalable(32)), source, length});
    rewriter.replaceOpWithNewOp<LLVM::vector_extract>(op, to, call.getResult(0), int64_t{0});
    return success();
  }

  unsigned vlenBits;
};

struct LowerByteExtension : PassWrapper<LowerByteExtension, OperationPass<func::FuncOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerByteExtension)

  LowerByteExtension() = default;
  explicit LowerByteExtension(unsigned vlenBits) { this->vlenBits = vlenBits; }
  LowerByteExtension(const LowerByteExtension &other) : PassWrapper(other) {}

  StringRef getArgument() const final { return "rv-lower-byte-extension"; }
  StringRef getDescription() const final { return "Lower rv.extend_bytes for a host or for a RISC-V core"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect>();
  }
  void runOnOperation() final {
    RewritePatternSet patterns(&getContext());
    if (vlenBits == 0)
      patterns.add<LowerToExtension>(&getContext());
    else
      patterns.add<LowerToInstruction>(&getContext(), vlenBits);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  Option<unsigned> vlenBits{*this, "vlen", llvm::cl::desc("bits of a vector register; 0: not a RISC-V core"),
                            llvm::cl::init(0)};
};

} // namespace

std::unique_ptr<Pass> createFormByteExtensionPass() { return std::make_unique<FormByteExtension>(); }
std::unique_ptr<Pass> createLowerByteExtensionPass(unsigned vlenBits) {
  return std::make_unique<LowerByteExtension>(vlenBits);
}

} // namespace weft::codegen
