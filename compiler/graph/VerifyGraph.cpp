// `--graph-verify`: what every phase after `graph` relies on.
//
//  P1 the module carries the attributes of GraphModule.h;
//  P2 its functions are @prefill, @decode or both and no other, each of one block;
//  P3 their signatures are those of GraphModule.h, for the vocabulary and the caches that the attributes tell;
//  P4 each op in them is of `xf`, a view of a weight, an index constant, or the return;
//  P5 each cache is appended to once, attention reads only the result of that, and result i is the appended argument i;
//  P6 every position is 0 in @prefill, and the argument in @decode;
//  P7 both phases use the same weights, and one name has one type.
#include "compiler/graph/GraphModule.h"
#include "compiler/graph/GraphPasses.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"

#include <map>

using namespace mlir;

namespace weft::graph {
namespace {

using Weights = std::map<StringRef, Type>;

LogicalResult checkAttributes(ModuleOp module) { // P1
  if (!module->getAttrOfType<StringAttr>(modelAttr))
    return module.emitError() << "a graph module has a string attribute '" << modelAttr << "', the model's name";
  for (StringRef name : {vocabAttr, hiddenAttr, layersAttr, headsAttr, kvHeadsAttr, headDimAttr, maxSeqAttr}) {
    auto number = module->getAttrOfType<IntegerAttr>(name);
    if (!number || !number.getType().isInteger(64) || number.getInt() <= 0)
      return module.emitError() << "a graph module has a positive i64 attribute '" << name << "'";
  }
  return success();
}

/// One phase's function. `prefill`: any number of ids and no position argument.
class PhaseVerifier {
public:
  PhaseVerifier(ModuleOp module, func::FuncOp function, bool prefill)
      : module(module), function(function), prefill(prefill) {}

  LogicalResult verify() {
    if (failed(checkSignature()) || failed(checkOps()) || failed(checkCaches()) || failed(checkWeights()))
      return failure();
    return success();
  }

  const Weights &getWeights() const { return weights; }

private:
  int64_t number(StringRef name) { return module->getAttrOfType<IntegerAttr>(name).getInt(); }
  unsigned firstCache() const { return prefill ? 1 : 2; }

  LogicalResult checkSignature() { // P3
    Builder builder(module.getContext());
    Type cache =
        xf::KvCacheType::get(module.getContext(), number(kvHeadsAttr), number(headDimAttr), number(maxSeqAttr),
                             builder.getF32Type(), number(module->hasAttr(valueDimAttr) ? valueDimAttr : headDimAttr));
    SmallVector<Type> caches(number(layersAttr), cache);
    SmallVector<Type> arguments = {RankedTensorType::get({prefill ? ShapedType::kDynamic : 1}, builder.getI32Type())};
    if (!prefill)
      arguments.push_back(builder.getIndexType());
    SmallVector<Type> results = {RankedTensorType::get({1, number(vocabAttr)}, builder.getF32Type())};
    arguments.append(caches);
    results.append(caches);
    FunctionType expected = builder.getFunctionType(arguments, results);
    if (function.getFunctionType() != expected)
      return function.emitOpError() << "has type " << function.getFunctionType()
                                    << ", but the module's attributes ask for " << expected;
    return success();
  }

  LogicalResult checkOps() {
    for (Operation &op : function.getBody().front()) {
      bool indexConstant = isa<arith::ConstantIndexOp>(op);
      if (!isa_and_nonnull<xf::XfDialect>(op.getDialect()) && !indexConstant && !isa<func::ReturnOp>(op) &&
          !isWeightView(op)) // P4
        return op.emitOpError("does not belong in a graph: only xf ops, views of weights, index constants and the "
                              "return do");
      for (Value operand : op.getOperands())
        if (operand.getType().isIndex() && !isPosition(operand)) // P6
          return op.emitOpError() << "must be at position " << (prefill ? "0 in @prefill" : "%arg1 of @decode");
    }
    return success();
  }

  /// A step from a weight as it is stored to what the model multiplies by.
  static bool isWeightView(Operation &op) {
    if (isa<tensor::EmptyOp>(op))
      return llvm::all_of(op.getUsers(), llvm::IsaPred<linalg::TransposeOp>);
    if (!isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, linalg::TransposeOp>(op))
      return false;
    Operation *source = op.getOperand(0).getDefiningOp();
    return source && cast<RankedTensorType>(op.getResult(0).getType()).hasStaticShape() &&
           (isa<xf::ParamOp>(source) || isWeightView(*source));
  }

  bool isPosition(Value value) {
    return prefill ? matchPattern(value, m_Zero()) : value == Value(function.getArgument(1));
  }

  LogicalResult checkCaches() { // P5
    Operation *terminator = function.getBody().front().getTerminator();
    for (int64_t i = 0; i < number(layersAttr); ++i) {
      BlockArgument cache = function.getArgument(firstCache() + i);
      auto append = cache.hasOneUse() ? dyn_cast<xf::KvAppendOp>(*cache.user_begin()) : xf::KvAppendOp();
      if (!append)
        return function.emitOpError() << "must use cache " << i << " once, to append to it";
      for (Operation *user : append.getResult().getUsers())
        if (!isa<xf::AttentionOp>(user) && user != terminator)
          return user->emitOpError() << "takes cache " << i << " after its append; only attention and the return may";
      if (terminator->getOperand(1 + i) != append.getResult())
        return function.emitOpError() << "must return cache " << i << " as result " << 1 + i << ", after its append";
    }
    return success();
  }

  LogicalResult checkWeights() { // P7, within a phase
    for (xf::ParamOp param : function.getOps<xf::ParamOp>()) {
      auto [known, isNew] = weights.try_emplace(param.getName(), param.getType());
      if (known->second != param.getType())
        return param.emitOpError() << "gives \"" << param.getName() << "\" the type " << param.getType()
                                   << ", but elsewhere it is " << known->second;
    }
    return success();
  }

  ModuleOp module;
  func::FuncOp function;
  bool prefill;
  Weights weights;
};

struct VerifyGraphPass : PassWrapper<VerifyGraphPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(VerifyGraphPass)

  StringRef getArgument() const override { return "graph-verify"; }
  StringRef getDescription() const override { return "Check what every phase after graph relies on"; }

  void runOnOperation() override {
    if (failed(verifyModule(getOperation())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

  LogicalResult verifyModule(ModuleOp module) {
    if (failed(checkAttributes(module)))
      return failure();
    SmallVector<PhaseVerifier, 2> phases;
    for (Operation &op : *module.getBody()) {
      auto function = dyn_cast<func::FuncOp>(op);
      if (!function || (function.getName() != prefillFunction && function.getName() != decodeFunction)) // P2
        return op.emitOpError("does not belong in a graph module, which has @prefill and @decode and nothing else");
      if (function.isDeclaration() || !function.getBody().hasOneBlock()) // P2
        return module.emitError() << "a graph module has a function @" << function.getName() << " of one block";
      phases.emplace_back(module, function, function.getName() == prefillFunction);
    }
    if (phases.empty()) // P2
      return module.emitError() << "a graph module has a function @" << prefillFunction << " or @" << decodeFunction
                                << " of one block";
    for (PhaseVerifier &phase : phases)
      if (failed(phase.verify()))
        return failure();
    if (phases.size() == 2 && phases[0].getWeights() != phases[1].getWeights()) // P7, across phases
      return module.emitError("@prefill and @decode must use the same weights with the same types");
    return success();
  }
};

} // namespace

std::unique_ptr<Pass> createVerifyGraphPass() { return std::make_unique<VerifyGraphPass>(); }

} // namespace weft::graph
