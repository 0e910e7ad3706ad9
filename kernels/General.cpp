#include "kernels/General.h"

#include "kernels/GeneralSteps.h"
#include "kernels/KernelBuilder.h"

#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

#include "llvm/Support/xxhash.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::kernels {
namespace {

/// On a kernel's function: bytes of its scratch buffer, an i64.
constexpr const char *generalName = "weft.general";

bool isElement(Type type) {
  return type.isF32() || type.isF64() || type.isF16() || type.isBF16() || type.isInteger(1) || type.isInteger(8) ||
         type.isInteger(16) || type.isInteger(32) || type.isInteger(64);
}

LogicalResult checkTensor(func::FuncOp function, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.hasStaticShape() && isElement(tensor.getElementType()))
    return success();
  return function.emitError(
             "a kernel takes and gives tensors of fixed shape, with elements f32, f64, f16, bf16, i1, i8, "
             "i16, i32 or i64; not ")
         << type;
}

LogicalResult checkSignature(func::FuncOp function) {
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    return function.emitError("a kernel is made of a function whose body is one block");
  bool scalars = false;
  for (Type type : function.getArgumentTypes()) {
    if (type.isIndex()) {
      scalars = true;
      continue;
    }
    if (failed(checkTensor(function, type)))
      return failure();
    if (scalars)
      return function.emitError("the tensors of a kernel come before its indices");
  }
  for (Type type : function.getResultTypes())
    if (failed(checkTensor(function, type)))
      return failure();
  return success();
}

/// A copy in a module of its own, without what says nothing about its meaning.
OwningOpRef<ModuleOp> copyOf(func::FuncOp function) {
  OwningOpRef<ModuleOp> module(ModuleOp::create(function.getLoc()));
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  auto copy = cast<func::FuncOp>(b.clone(*function));
  copy.setName("kernel");
  copy.setPublic();
  copy.removeArgAttrsAttr();
  copy.removeResAttrsAttr();
  for (NamedAttribute attribute : llvm::to_vector(copy->getDiscardableAttrs()))
    copy->removeDiscardableAttr(attribute.getName());
  return module;
}

std::string nameOf(func::FuncOp function, StringRef kind) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  function->print(stream, OpPrintingFlags().useLocalScope().elideLargeElementsAttrs(INT64_MAX));
  return fmt::format("{}_{:016x}", kind.str(), llvm::xxh3_64bits(text));
}

LogicalResult onBuffers(func::FuncOp function, bool trust, std::optional<unsigned> updated) {
  return failure(failed(prepareTensors(function, trust)) || failed(bufferize(function, updated)));
}

bool hasLoops(func::FuncOp function) {
  return function.walk([](LoopLikeOpInterface) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// The form with the fewest copies, which cannot always be had.
LogicalResult tryOnBuffers(func::FuncOp function, std::optional<unsigned> updated) {
  ScopedDiagnosticHandler silence(function.getContext(), [](Diagnostic &) { return success(); });
  return onBuffers(function, /*trust=*/true, updated);
}

/// The kernel and its constants, which are called after it.
void moveInto(ModuleOp module, ModuleOp made, func::FuncOp kernel, const std::string &name) {
  unsigned next = 0;
  for (auto global : llvm::make_early_inc_range(made.getOps<memref::GlobalOp>())) {
    auto called = StringAttr::get(made.getContext(), fmt::format("{}.constant{}", name, next++));
    (void)SymbolTable::replaceAllSymbolUses(global, called, made);
    SymbolTable::setSymbolName(global, called);
    SymbolTable::setSymbolVisibility(global, SymbolTable::Visibility::Private);
    global->remove();
    module.push_back(global);
  }
  kernel->remove();
  kernel.setName(name);
  kernel->setLoc(NameLoc::get(StringAttr::get(module.getContext(), name)));
  module.push_back(kernel);
}

} // namespace

bool isGeneral(func::FuncOp kernel) { return kernel->hasAttr(generalName); }

GeneralKernel describeGeneral(func::FuncOp kernel) {
  GeneralKernel result;
  result.name = kernel.getName().str();
  result.work = workOf(kernel);
  result.scratchBytes = kernel->getAttrOfType<IntegerAttr>(generalName).getInt();
  return result;
}

FailureOr<GeneralKernel> buildGeneral(ModuleOp module, func::FuncOp function, StringRef kind,
                                      std::optional<unsigned> updated) {
  MLIRContext *context = function.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect, index::IndexDialect, linalg::LinalgDialect,
                       math::MathDialect, memref::MemRefDialect, scf::SCFDialect, tensor::TensorDialect>();
  registerBufferization(context);
  if (failed(checkSignature(function)))
    return failure();
  OwningOpRef<ModuleOp> made = copyOf(function);
  func::FuncOp kernel = *made->getOps<func::FuncOp>().begin();
  std::string name = nameOf(kernel, updated ? fmt::format("{}_in{}", kind.str(), *updated) : kind.str());
  if (auto known = module.lookupSymbol<func::FuncOp>(name))
    return describeGeneral(known);
  bool done = hasLoops(kernel) && succeeded(tryOnBuffers(kernel, updated));
  if (!done) {
    made = copyOf(function);
    kernel = *made->getOps<func::FuncOp>().begin();
  }
  if ((!done && failed(onBuffers(kernel, /*trust=*/false, updated))) || failed(defineArithmetic(kernel)))
    return failure();
  storeBooleansAsBytes(kernel);
  int64_t scratchBytes = shareScratch(kernel);
  Builder b(context);
  kernel->setAttr("weft.kernel", b.getUnitAttr());
  kernel->setAttr(generalName, b.getI64IntegerAttr(scratchBytes));
  moveInto(module, *made, kernel, name);
  Probe probe;
  probe.rows = Probe::noRows;
  probe.scalars.assign(llvm::count_if(kernel.getArgumentTypes(), [](Type type) { return type.isIndex(); }), 0);
  setProbe(module, name, probe);
  return describeGeneral(kernel);
}

} // namespace weft::kernels
