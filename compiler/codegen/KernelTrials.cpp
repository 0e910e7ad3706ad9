#include "compiler/codegen/KernelTrials.h"

#include "compiler/codegen/CoreKernels.h"
#include "compiler/codegen/HostKernels.h"
#include "compiler/codegen/LowerKernels.h"
#include "compiler/codegen/Passes.h"
#include "compiler/codegen/SourceDigest.h"
#include "dialects/rv/Rv.h"
#include "kernels/TileKernels.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Parser/Parser.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::codegen {

static void loadDialects(MLIRContext &context) {
  context.disableMultithreading();
  context.loadDialect<func::FuncDialect, arith::ArithDialect, linalg::LinalgDialect, math::MathDialect,
                      memref::MemRefDialect, scf::SCFDialect, rv::RvDialect>();
}

static std::string textOf(Operation *operation) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  operation->print(stream);
  return text;
}

static std::string elementOf(Type type) {
  if (type.isInteger(8) || type.isInteger(32))
    return type.isInteger(8) ? "i8" : "i32";
  return type.isF16() ? "f16" : type.isBF16() ? "bf16" : "f32";
}

static std::vector<TrialKernel> listKernels(ModuleOp module) {
  std::vector<TrialKernel> kernels;
  auto described = describeKernels(module);
  size_t next = 0;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!isKernel(function))
      continue;
    TrialKernel kernel{
        function.getName().str(), sourceDigest(function), textOf(function), {}, std::move(described[next++])};
    for (Type type : function.getArgumentTypes())
      if (auto buffer = dyn_cast<MemRefType>(type))
        kernel.elements.push_back(elementOf(buffer.getElementType()));
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

static Result<OwningOpRef<ModuleOp>> parseKernels(const std::string &text, MLIRContext &context) {
  std::string problem;
  ScopedDiagnosticHandler diagnostics(&context, [&](Diagnostic &diagnostic) {
    problem = problem.empty() ? diagnostic.str() : problem;
    return mlir::success();
  });
  auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  if (!module)
    return internalError("kernels that were written as text cannot be read: " + problem);
  return module;
}

Result<std::vector<TrialKernel>> readKernels(const std::string &text) {
  MLIRContext context;
  loadDialects(context);
  auto module = parseKernels(text, context);
  if (!module)
    return module.takeError();
  return listKernels(**module);
}

/// Writes the kernel that `shape` names into `module`; its symbol, or nothing if none is called so.
static std::string buildProduct(ModuleOp module, const kernels::KernelShape &shape) {
  const int64_t r = shape.of("r"), k = shape.of("k"), n = shape.of("n");
  using kernels::Element;
  if (shape.suffix == "f32")
    return kernels::buildGemm(module, r, k, n, Element::F32).name;
  if (shape.suffix == "f16")
    return kernels::buildGemm(module, r, k, n, Element::F16).name;
  if (shape.suffix == "bf16")
    return kernels::buildGemm(module, r, k, n, Element::BF16).name;
  if (shape.suffix == "f16_f16")
    return kernels::buildGemmNarrow(module, r, k, n, Element::F16).name;
  if (shape.suffix == "bf16_bf16")
    return kernels::buildGemmNarrow(module, r, k, n, Element::BF16).name;
  if (shape.suffix == "i8_i8")
    return kernels::buildGemmInt8(module, r, k, n).name;
  if (shape.suffix == "q8_f32")
    return kernels::buildGemmQuantised(module, r, k, n, kernels::ByteOrder::Rows).name;
  if (shape.suffix == "q8_dot")
    return kernels::buildGemmQuantised(module, r, k, n, kernels::ByteOrder::Words).name;
  return {};
}

Result<TrialKernel> makeKernel(const std::string &symbol) {
  const kernels::KernelShape shape = kernels::parseSymbol(symbol);
  constexpr int64_t most = 1 << 20;
  for (const char *extent : {"r", "k", "n"})
    if (shape.kind == "gemm" && (shape.of(extent) < 1 || shape.of(extent) > most))
      return userError(fmt::format("kernel {}: {} is {}, but must be 1 to {}; a product is called gemm_r8_k64_n96_f32",
                                   symbol, extent, shape.of(extent), most));
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> module(ModuleOp::create(UnknownLoc::get(&context)));
  if (shape.kind != "gemm" || shape.extents.size() != 3 || buildProduct(*module, shape) != symbol)
    return userError(fmt::format("no kernel is called '{}'; products are called gemm_r8_k64_n96_f32, with one of f32, "
                                 "f16, bf16, f16_f16, bf16_bf16, i8_i8, q8_f32, q8_dot at the end; other kernels are "
                                 "tuned with the model that has them",
                                 symbol));
  return std::move(listKernels(*module).front());
}

Result<TrialCode> compileTrial(const TrialKernel &kernel, const kernels::Tuning &tuning, const CoreTarget &target) {
  MLIRContext context;
  loadDialects(context);
  auto module = parseKernels(kernel.text, context);
  if (!module)
    return module.takeError();
  for (func::FuncOp function : (*module)->getOps<func::FuncOp>())
    setTuning(function, tuning);
  if (tuning.empty()) { // what a compilation makes of it, with fewer registers if need be
    auto object = compileCoreKernels(**module, target);
    return object ? Result<TrialCode>(TrialCode{std::move(*object), {}}) : object.takeError();
  }
  auto compiled = compileTunedKernels(**module, target);
  if (!compiled)
    return compiled.takeError();
  TrialCode code{std::move(compiled->object), {}};
  if (auto spill = compiled->spills.find(kernel.name); spill != compiled->spills.end())
    code.spill = spill->second;
  return code;
}

} // namespace weft::codegen
