// Text in MLIR, for compiler people: linalg on tensors.
#include "compiler/graph/GraphModule.h"
#include "compiler/pipeline/ImportFormats.h"
#include "dialects/grid/GridDialect.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/Extensions/InlinerExtension.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include "llvm/ADT/StringExtras.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>

using namespace mlir;

namespace weft::compiler {

namespace {

class NoWeights : public frontend::WeightSource {
public:
  const frontend::WeightInfo *find(const std::string &) const override { return nullptr; }
  std::vector<std::string> names() const override { return {}; }
  const std::vector<frontend::WeightFileInfo> &files() const override { return none; }

private:
  std::vector<frontend::WeightFileInfo> none;
};

std::string location(Location loc) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  loc->print(stream);
  // loc("file":line:column)
  return text.size() > 5 && text.starts_with("loc(") ? text.substr(4, text.size() - 5) : text;
}

constexpr const char *whatIsTaken =
    "Weft takes linalg on tensors, with ops of arith, func, index, math, scf and tensor";

/// The name of a type of a dialect that is not loaded, of which a diagnostic says so; empty: it says something else.
std::string foreignType(const std::string &diagnostic) {
  // `!"torch"<"vtensor<[2],f32>">` type created with unregistered dialect. ...
  const StringRef text(diagnostic);
  const size_t end = text.find("` type created with unregistered dialect");
  if (!text.starts_with("`!\"") || end == StringRef::npos)
    return "";
  auto [dialect, rest] = text.slice(3, end).split('"');
  return dialect.str() + "." + rest.drop_front(std::min<size_t>(2, rest.size())).drop_back(2).str();
}

/// The op of a dialect that is not loaded, of which a diagnostic says so: the first such word with a dot in its line of
/// the file. Empty: it says something else.
std::string foreignOp(MLIRContext &context, Diagnostic &diagnostic, const std::string &path) {
  auto at = dyn_cast<FileLineColLoc>(diagnostic.getLocation());
  if (!at || diagnostic.str().find("ialect") == std::string::npos)
    return "";
  std::ifstream file(path);
  std::string line;
  for (unsigned i = 0; i < at.getLine(); ++i)
    if (!std::getline(file, line))
      return "";
  auto isPart = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.' || c == '$'; };
  for (size_t from = 0, end = 0; from < line.size(); from = end + 1) {
    for (end = from; end < line.size() && isPart(line[end]);)
      ++end;
    const std::string word = line.substr(from, end - from);
    const size_t dot = word.find('.');
    const bool isValue = from > 0 && StringRef("%@#!^").contains(line[from - 1]);
    if (dot != std::string::npos && llvm::isAlpha(word[0]) && !isValue &&
        !context.getLoadedDialect(word.substr(0, dot)))
      return word;
  }
  return "";
}

/// Why an op or a type of another dialect is refused, and what makes linalg of it where that is known.
std::string refuseForeign(const std::string &name, Location loc, const std::string &path) {
  const std::string dialect = name.substr(0, name.find('.'));
  std::string remedy = "lower it to them first";
  if (dialect == "stablehlo")
    remedy = fmt::format("lower it with: stablehlo-opt --stablehlo-legalize-to-linalg {}", path);
  else if (dialect == "chlo")
    remedy = fmt::format("lower it with: stablehlo-opt --chlo-legalize-to-stablehlo --stablehlo-legalize-to-linalg {}",
                         path);
  else if (dialect == "tosa")
    remedy = fmt::format("lower it with: mlir-opt --pass-pipeline='builtin.module(func.func(tosa-to-linalg-named,"
                         "tosa-to-linalg,tosa-to-arith,tosa-to-tensor))' {}",
                         path);
  else if (dialect == "torch")
    remedy =
        fmt::format("lower it with: torch-mlir-opt --torch-backend-to-linalg-on-tensors-backend-pipeline {}", path);
  return fmt::format("{}: '{}' is of the dialect {}, and {}; {}", location(loc), name, dialect, whatIsTaken, remedy);
}

/// Names the one function @main.
Result<void> findMain(ModuleOp module, const std::string &path) {
  if (module.lookupSymbol<func::FuncOp>(graph::mainFunction))
    return {};
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>())
    if (!function.isDeclaration() && function.isPublic())
      functions.push_back(function);
  if (functions.size() != 1)
    return userError(fmt::format("{}: {} public functions and none is @main; name the one to compile @main", path,
                                 functions.size()));
  functions.front().setName(graph::mainFunction);
  return {};
}

/// Ops that a function may have when all that it calls is in it.
constexpr uint64_t maxInlinedOps = uint64_t{1} << 20;

/// Ops of functions with all that they call, at most maxInlinedOps + 1. Calls of a function that calls itself are not
/// followed: they stay.
class InlinedSize {
public:
  explicit InlinedSize(ModuleOp module) : table(module) {}

  uint64_t of(func::FuncOp root) {
    SmallVector<func::FuncOp> stack = {root}; // by hand, since chains of calls are as long as a file
    while (!stack.empty()) {
      func::FuncOp function = stack.back();
      if (sizes.contains(function)) {
        stack.pop_back();
        continue;
      }
      const bool calleesAreKnown = !open.insert(function).second;
      uint64_t ops = 0;
      function.walk([&](Operation *op) {
        ++ops;
        auto call = dyn_cast<func::CallOp>(op);
        auto callee = call ? table.lookup<func::FuncOp>(call.getCallee()) : func::FuncOp();
        if (!callee)
          return;
        if (auto size = sizes.find(callee); size != sizes.end())
          ops = std::min(ops + size->second, maxInlinedOps + 1);
        else if (!calleesAreKnown && !open.contains(callee))
          stack.push_back(callee);
      });
      if (calleesAreKnown) {
        sizes[function] = ops;
        stack.pop_back();
      }
    }
    return sizes[root];
  }

private:
  SymbolTable table;
  llvm::DenseMap<Operation *, uint64_t> sizes;
  llvm::DenseSet<Operation *> open;
};

/// Refuses functions that calls make huge: a few that each call the next one twice are enough.
Result<void> boundCalls(ModuleOp module, const std::string &path) {
  InlinedSize sizes(module);
  for (auto function : module.getOps<func::FuncOp>()) {
    const bool calls = function.walk([](func::CallOp) { return WalkResult::interrupt(); }).wasInterrupted();
    if (calls && sizes.of(function) > maxInlinedOps)
      return userError(fmt::format("{}: @{} has more than {} ops with all that it calls", path,
                                   function.getName().str(), maxInlinedOps));
  }
  return {};
}

/// Puts functions where they are called. `problem` is the first that MLIR reports.
Result<void> inlineCalls(ModuleOp module, const std::string &path, const std::string &problem) {
  if (auto bounded = boundCalls(module, path); !bounded)
    return bounded.takeError();
  for (auto function : module.getOps<func::FuncOp>())
    if (function.getName() != graph::mainFunction)
      function.setPrivate();
  PassManager passes(module.getContext());
  passes.addPass(createInlinerPass({}, [](OpPassManager &) {})); // nothing else changes here
  passes.addPass(createSymbolDCEPass());
  if (failed(passes.run(module)))
    return userError(fmt::format("{}: functions cannot be put where they are called{}{}", path,
                                 problem.empty() ? "" : ": ", problem));
  Operation *left = nullptr;
  module.walk([&](CallOpInterface call) { left = call; });
  if (!left)
    return {};
  auto called = left->getAttrOfType<FlatSymbolRefAttr>("callee");
  return userError(
      fmt::format("{}: a call of {}, whose body is not here or calls itself; only functions that can be put "
                  "where they are called are compiled",
                  location(left->getLoc()), called ? "@" + called.getValue().str() : "a value"));
}

/// Why a value of that type is nothing that a program takes or gives; empty: it is.
std::string whyNotTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (isa<BaseMemRefType>(type))
    return "is memory; give tensors, as before bufferization";
  if (!tensor && !isa<UnrankedTensorType>(type))
    return "is no tensor; give a tensor<...> of one element";
  if (!tensor || !tensor.hasStaticShape())
    return "has no fixed shape; write its sizes out";
  if (!grid::isElement(tensor.getElementType()))
    return "has elements that no core holds; those are f32, f64, f16, bf16, i1, i8, i16, i32 and i64";
  return "";
}

/// Whether @main goes from tensors to tensors.
Result<void> checkMain(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>(graph::mainFunction);
  auto refuse = [&](Location loc, StringRef kind, size_t i, Type type) -> Result<void> {
    const std::string why = whyNotTensor(type);
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return why.empty() ? success()
                       : userError(fmt::format("{}: {} {} of @main, {}, {}", location(loc), kind.str(), i, text, why));
  };
  for (BlockArgument argument : main.isDeclaration() ? Block::BlockArgListType() : main.getArguments())
    if (auto taken = refuse(argument.getLoc(), "argument", argument.getArgNumber(), argument.getType()); !taken)
      return taken;
  for (auto [i, type] : llvm::enumerate(main.getResultTypes()))
    if (auto given = refuse(main.getLoc(), "result", i, type); !given)
      return given;
  return {};
}

/// What no parser should see.
Result<void> checkIsText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  const std::string magic = {'M', 'L', '\xef', 'R'};
  std::string head(magic.size(), '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (file.gcount() == 0)
    return userError(path + ": the file is empty");
  if (head == magic)
    return userError(fmt::format("{}: it is MLIR's bytecode, and Weft takes its text; write that with: mlir-opt {} -o "
                                 "FILE.mlir",
                                 path, path));
  return {};
}

Result<OwningOpRef<ModuleOp>> parse(MLIRContext &context, const std::string &path) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect, index::IndexDialect, linalg::LinalgDialect,
                      math::MathDialect, scf::SCFDialect, tensor::TensorDialect, xf::XfDialect>();
  DialectRegistry registry;
  func::registerInlinerExtension(registry);
  context.appendDialectRegistry(registry);
  std::string problem;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error || !problem.empty())
      return mlir::success();
    std::string foreign = foreignType(diagnostic.str());
    if (foreign.empty())
      foreign = foreignOp(context, diagnostic, path);
    problem = foreign.empty() ? location(diagnostic.getLocation()) + ": " + diagnostic.str()
                              : refuseForeign(foreign, diagnostic.getLocation(), path);
    return mlir::success();
  });
  ParserConfig config(&context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(path, config);
  if (!module)
    return userError(problem.empty() ? path + ": cannot be read" : problem);
  if (auto found = findMain(*module, path); !found)
    return found.takeError();
  if (auto checked = checkMain(*module); !checked)
    return checked.takeError();
  if (auto inlined = inlineCalls(*module, path, problem); !inlined)
    return inlined.takeError();
  xf::ParamOp weight;
  module->walk([&](xf::ParamOp param) { weight = param; });
  if (weight)
    return userError(fmt::format("{}: xf.param \"{}\" names a weight, and a file of MLIR has no weights; give it as an "
                                 "argument of @main, or its values with arith.constant",
                                 location(weight.getLoc()), weight.getName().str()));
  return module;
}

} // namespace

bool claimsMlir(const ImportOptions &options) {
  const std::string &path = options.model;
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return false;
  if (path.ends_with(".mlir"))
    return true;
  std::ifstream file(path, std::ios::binary);
  std::string head(4096, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  if (head.starts_with("ML\xefR")) // bytecode, of which the import says what to do
    return true;
  return head.find('\0') == std::string::npos && head.find("func.func ") != std::string::npos;
}

Result<Imported> importMlir(const ImportOptions &options) {
  if (!options.dims.empty())
    return userError(fmt::format("--dim {}: shapes in {} are written out", options.dims.begin()->first, options.model));
  if (options.shapesOnly || options.layers)
    return userError(fmt::format("{}: --weights none and --layers go with models that have weights", options.model));
  if (auto checked = checkIsText(options.model); !checked)
    return checked.takeError();
  Imported imported;
  imported.name = std::filesystem::path(options.model).stem().string();
  imported.architecture = "mlir";
  imported.weights = std::make_unique<NoWeights>();
  imported.build = [path = options.model](MLIRContext &context, uint32_t) { return parse(context, path); };
  return imported;
}

} // namespace weft::compiler
