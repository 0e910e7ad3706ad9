#include "compiler/codegen/MathCalls.h"

#include "compiler/codegen/Passes.h"

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"

using namespace mlir;

namespace weft::codegen {

// Made by the build from math/Functions.cpp.
extern const unsigned char mathFunctions[];
extern const size_t mathFunctionsBytes;

static constexpr const char *prefix = "weft_math_";

bool isCalledFunction(Operation &op) {
  if (isa<arith::RemFOp>(op))
    return true;
  if (!isa<math::MathDialect>(op.getDialect()) ||
      isa<math::FmaOp, math::SqrtOp, math::RsqrtOp, math::AbsFOp, math::AbsIOp, math::CopySignOp,
          math::CountLeadingZerosOp, math::CountTrailingZerosOp, math::CtPopOp, math::FloorOp, math::CeilOp,
          math::TruncOp, math::RoundOp, math::RoundEvenOp>(op))
    return false;
  bool isExpanded = isa<math::ExpOp, math::ErfOp, math::TanhOp>(op); // ExpandMath.cpp
  return !(isExpanded && getElementTypeOrSelf(op.getResult(0).getType()).isF32());
}

namespace {

/// Calls take and give f64, or i64.
class CallWriter {
public:
  explicit CallWriter(ModuleOp module) : module(module) {}

  void rewrite(Operation *op) {
    OpBuilder b(op);
    Type type = op->getResult(0).getType();
    bool isReal = isa<FloatType>(type);
    Type wide = isReal ? Type(b.getF64Type()) : Type(b.getI64Type());
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(widen(b, op->getLoc(), operand, wide));
    auto call = b.create<func::CallOp>(op->getLoc(), nameOf(op), wide, operands);
    declare(call, operands);
    Value result = call.getResult(0);
    if (type != wide)
      result = isReal ? b.create<arith::TruncFOp>(op->getLoc(), type, result).getResult()
                      : b.create<arith::TruncIOp>(op->getLoc(), type, result).getResult();
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

private:
  static std::string nameOf(Operation *op) {
    StringRef name = op->getName().stripDialect();
    return prefix + (isa<math::FPowIOp>(op) ? "powf" : name.str());
  }

  static Value widen(OpBuilder &b, Location loc, Value value, Type wide) {
    if (value.getType() == wide)
      return value;
    if (isa<FloatType>(value.getType()))
      return b.create<arith::ExtFOp>(loc, wide, value);
    if (isa<FloatType>(wide))
      return b.create<arith::SIToFPOp>(loc, wide, value);
    return b.create<arith::ExtSIOp>(loc, wide, value);
  }

  void declare(func::CallOp call, ValueRange operands) {
    if (module.lookupSymbol(call.getCallee()))
      return;
    OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
    auto function = b.create<func::FuncOp>(call.getLoc(), call.getCallee(),
                                           b.getFunctionType(operands.getTypes(), call.getResultTypes()));
    function.setPrivate();
  }

  ModuleOp module;
};

struct CallMath : PassWrapper<CallMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CallMath)
  StringRef getArgument() const final { return "weft-call-math"; }
  StringRef getDescription() const final { return "Call the functions of math/ that are not written as arithmetic"; }
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<arith::ArithDialect, func::FuncDialect>();
  }
  void runOnOperation() final {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isCalledFunction(*op))
        ops.push_back(op);
    });
    CallWriter writer(getOperation());
    for (Operation *op : ops) {
      if (isa<ShapedType>(op->getResult(0).getType())) {
        op->emitOpError("is a function of one number at a time");
        return signalPassFailure();
      }
      writer.rewrite(op);
    }
  }
};

} // namespace

std::unique_ptr<Pass> createCallMathPass() { return std::make_unique<CallMath>(); }

Result<void> linkMathFunctions(llvm::Module &module) {
  bool needed = llvm::any_of(module, [](llvm::Function &function) {
    return function.isDeclaration() && function.getName().starts_with(prefix);
  });
  if (!needed)
    return {};
  llvm::MemoryBufferRef bitcode(llvm::StringRef(reinterpret_cast<const char *>(mathFunctions), mathFunctionsBytes),
                                "math");
  llvm::Expected<std::unique_ptr<llvm::Module>> parsed = llvm::parseBitcodeFile(bitcode, module.getContext());
  if (!parsed)
    return internalError("kernels: functions of math: " + llvm::toString(parsed.takeError()));
  (*parsed)->setTargetTriple(module.getTargetTriple());
  (*parsed)->setDataLayout(module.getDataLayout());
  for (llvm::Function &function : **parsed) // compiled for the host's baseline, of which nothing is left
    for (const char *attribute : {"target-cpu", "target-features", "tune-cpu", "frame-pointer", "probe-stack"})
      function.removeFnAttr(attribute);
  for (llvm::GlobalObject &object : (*parsed)->global_objects()) // inline functions and their tables are ours alone
    if (!object.isDeclaration() && !object.getName().starts_with(prefix)) {
      object.setComdat(nullptr);
      object.setLinkage(llvm::GlobalValue::InternalLinkage);
    }
  if (llvm::Linker::linkModules(module, std::move(*parsed), llvm::Linker::LinkOnlyNeeded))
    return internalError("kernels: functions of math do not link");
  for (llvm::Function &function : module)
    if (function.getName().starts_with(prefix))
      function.setLinkage(llvm::GlobalValue::InternalLinkage);
  return {};
}

} // namespace weft::codegen
