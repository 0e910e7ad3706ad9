#include "compiler/frontend/onnx/generate/Convert.h"

#include "compiler/frontend/onnx/graph/Evaluate.h"
#include "compiler/frontend/onnx/raise/Raise.h"
#include "compiler/graph/GraphModule.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"

#include <fmt/format.h>

#include <set>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

std::string nodeOf(Operation *op) {
  auto name = op->getLoc()->findInstanceOf<NameLoc>();
  return name ? fmt::format("node '{}'", name.getName().str()) : op->getName().getStringRef().str();
}

bool isView(Operation *op) {
  return isa_and_nonnull<tensor::ExtractSliceOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, linalg::TransposeOp>(
      op);
}

/// A weight as it is stored, or part of one.
bool isStored(Value value) {
  Operation *op = value.getDefiningOp();
  while (isView(op))
    op = op->getOperand(0).getDefiningOp();
  return isa_and_nonnull<xf::ParamOp>(op);
}

class Converter {
public:
  Converter(func::FuncOp main, const GeneratorLaunch &launch, const std::string &name, uint32_t maxSeq)
      : main(main), launch(launch), name(name), maxSeq(maxSeq), builder(main.getContext()) {}

  Result<Converted> convert() {
    if (Result<void> checked = check(); !checked)
      return checked.takeError();
    result.module = ModuleOp::create(NameLoc::get(builder.getStringAttr(name)));
    setAttributes();
    createFunction();
    for (Operation &op : main.getBody().front().without_terminator())
      convertOp(&op);
    SmallVector<Value> results = {rows.lookup(logits)};
    if (tail.empty())
      results[0] = makeLast(results[0]);
    results.append(caches);
    builder.create<func::ReturnOp>(main.getLoc(), results);
    if (failed(mlir::verify(*result.module)))
      return internalError("the graph of a text generator is not valid");
    describe();
    return std::move(result);
  }

private:
  // ---- what a launch must be
  static Error notALayers(Operation *op) {
    return userError(fmt::format("{} is none of the ops that a decoder's layers are made of", nodeOf(op)));
  }
  Error notA(Operation *op, const std::string &why) { return userError(fmt::format("{} {}", nodeOf(op), why)); }

  Result<void> check() {
    for (BlockArgument argument : main.getArguments())
      if (auto own = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), graph::nameAttr);
          own && own.getValue() == launch.ids)
        ids = argument;
    logits = main.getBody().front().getTerminator()->getOperand(0);
    // What a graph is missing it most likely shows at its attention, then where something else is computed.
    Operation *moved = nullptr;
    main.walk([&](xf::AttendOp op) { attentions.push_back(op); });
    for (xf::AttendOp op : attentions)
      if (Result<void> checked = checkAttention(op); !checked)
        return checked;
    for (Operation &op : main.getBody().front().without_terminator()) {
      if (isView(&op) && !isStored(op.getResult(0)) && !isOfIds(&op)) {
        moved = moved ? moved : &op;
        continue;
      }
      if (Result<void> checked = checkOp(&op); !checked)
        return checked;
    }
    if (moved)
      return notALayers(moved);
    const auto type = dyn_cast<RankedTensorType>(logits.getType());
    if (attentions.empty() || !isRows(logits) || !embedding)
      return userError("its logits are not those of attention over its tokens");
    result.vocabSize = static_cast<uint32_t>(type.getDimSize(1));
    result.layers = static_cast<uint32_t>(attentions.size());
    if (cast<RankedTensorType>(embedding.getTable().getType()).getDimSize(0) < type.getDimSize(1))
      return notA(embedding, "has fewer rows than there are logits");
    return success();
  }

  bool isRows(Value value) const {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getRank() == 2 && type.getElementType().isF32() && value.getDefiningOp() &&
           isa_and_nonnull<xf::XfDialect>(value.getDefiningOp()->getDialect()) &&
           !isa<xf::ParamOp>(value.getDefiningOp()) &&
           (type.getDimSize(0) == launch.tokens || isa<xf::LastRowOp>(value.getDefiningOp()) || afterLast(value));
  }
  bool afterLast(Value value) const {
    while (Operation *op = value.getDefiningOp()) {
      if (isa<xf::LastRowOp>(op))
        return true;
      if (op->getNumOperands() == 0 || isa<xf::ParamOp>(op))
        return false;
      value = op->getOperand(0);
    }
    return false;
  }

  Result<void> checkOp(Operation *op) {
    if (isa<xf::ParamOp, arith::ConstantOp, tensor::EmptyOp>(op) || (isView(op) && isStored(op->getResult(0))) ||
        isOfIds(op))
      return success();
    if (!isa_and_nonnull<xf::XfDialect>(op->getDialect()))
      return notALayers(op);
    for (Value operand : op->getOperands()) {
      if (operand.getType().isIndex()) {
        APInt position;
        if (!matchPattern(operand, m_ConstantInt(&position)) || position.getSExtValue() != launch.past)
          return notA(op, fmt::format("is not at position {}, that of its tokens", launch.past));
      } else if (!isRows(operand) && !isStored(operand) && !isOfIds(operand.getDefiningOp())) {
        const bool isWeight = Evaluator::argumentsBehind(operand).empty();
        return isWeight || !operand.getDefiningOp() ? notA(op, "has a weight that is not stored as it is used")
                                                    : notALayers(operand.getDefiningOp());
      }
    }
    if (auto found = dyn_cast<xf::EmbeddingOp>(op)) {
      if (embedding)
        return notA(op, "is a second embedding of the tokens");
      embedding = found;
    }
    return success();
  }

  Result<void> checkAttention(xf::AttendOp op) {
    auto rowsOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(0); };
    if (op->hasAttr(alibiAttr))
      return notA(op,
                  "is attention whose scores have a bias of their own, ALiBi (a slope for each head), which no text "
                  "generator has here");
    if (op.getBias())
      return notA(op, fmt::format("{}, or has a bias", notCausal));
    if (!op.getCausal())
      return notA(op, launch.caches.empty()
                          ? notCausal
                          : fmt::format("{}: it has no mask, as what is exported for one token at a time; {}",
                                        notCausal, exportAgain));
    if (op.getBatch() != 1 || rowsOf(op.getK()) != launch.tokens || rowsOf(op.getQ()) != launch.tokens)
      return notA(op, "is attention of other rows than those of its tokens");
    if (cacheType(op) != cacheType(attentions.front()))
      return notA(op, "has other heads than the attention before it");
    return success();
  }

  /// The ids themselves, without the dimension for sequences.
  bool isOfIds(Operation *op) const {
    while (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)) {
      if (op->getOperand(0) == ids)
        return true;
      op = op->getOperand(0).getDefiningOp();
    }
    return false;
  }

  // ---- what holds for all
  xf::KvCacheType cacheType(xf::AttendOp op) {
    auto columns = [](Value value) { return cast<RankedTensorType>(value.getType()).getDimSize(1); };
    const auto heads = static_cast<int64_t>(op.getKvHeads());
    return xf::KvCacheType::get(builder.getContext(), heads, columns(op.getK()) / heads, maxSeq, builder.getF32Type(),
                                columns(op.getV()) / heads);
  }

  void setAttributes() {
    ModuleOp module = *result.module;
    module->setAttr(graph::modelAttr, builder.getStringAttr(name));
    xf::KvCacheType cache = cacheType(attentions.front());
    const std::pair<StringRef, int64_t> numbers[] = {
        {graph::vocabAttr, result.vocabSize},
        {graph::hiddenAttr, cast<RankedTensorType>(embedding.getType()).getDimSize(1)},
        {graph::layersAttr, result.layers},
        {graph::headsAttr, static_cast<int64_t>(attentions.front().getHeads())},
        {graph::kvHeadsAttr, cache.getKvHeads()},
        {graph::headDimAttr, cache.getHeadDim()},
        {graph::maxSeqAttr, maxSeq},
    };
    for (auto [key, value] : numbers)
      module->setAttr(key, builder.getI64IntegerAttr(value));
    if (cache.getValueDim() != cache.getHeadDim())
      module->setAttr(graph::valueDimAttr, builder.getI64IntegerAttr(cache.getValueDim()));
  }

  void createFunction() {
    SmallVector<Type> all(result.layers, cacheType(attentions.front()));
    SmallVector<Type> arguments = {RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()),
                                   builder.getIndexType()};
    SmallVector<Type> results = {RankedTensorType::get({1, result.vocabSize}, builder.getF32Type())};
    arguments.append(all);
    results.append(all);
    builder.setInsertionPointToEnd(result.module->getBody());
    auto function = builder.create<func::FuncOp>(main.getLoc(), graph::forwardFunction,
                                                 builder.getFunctionType(arguments, results));
    builder.setInsertionPointToStart(function.addEntryBlock());
    newIds = function.getArgument(0);
    position = function.getArgument(1);
    caches.assign(function.getArguments().begin() + 2, function.getArguments().end());
    findTail();
  }

  /// What only the last token's row is needed of: what comes after the last sum.
  void findTail() {
    Value value = logits;
    while (isa<xf::LinearOp, xf::RmsNormOp, xf::LayerNormOp, xf::ScaleOp, xf::ActivationOp, xf::LastRowOp>(
        value.getDefiningOp())) {
      tail.insert(value.getDefiningOp());
      value = value.getDefiningOp()->getOperand(0);
    }
    beforeTail = value;
  }

  /// A weight, with the steps from what is stored.
  Value weight(Value value) {
    if (Value known = rows.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    IRMapping operands;
    for (Value operand : op->getOperands())
      operands.map(operand, weight(operand));
    Value made = builder.clone(*op, operands)->getResult(0);
    rows.map(value, made);
    return made;
  }

  Value makeLast(Value all) {
    return builder.create<xf::LastRowOp>(NameLoc::get(builder.getStringAttr("last_row")), all);
  }

  void convertOp(Operation *op) {
    if (!isa_and_nonnull<xf::XfDialect>(op->getDialect()) || isa<xf::ParamOp>(op))
      return; // a weight is made where it is used
    if (tail.contains(op)) {
      if (!lastRow)
        rows.map(beforeTail, lastRow = makeLast(rows.lookup(beforeTail)));
      if (isa<xf::LastRowOp>(op))
        return rows.map(op->getResult(0), rows.lookup(op->getOperand(0)));
    }
    IRMapping operands;
    for (Value operand : op->getOperands())
      operands.map(operand, operand.getType().isIndex()        ? position
                            : isOfIds(operand.getDefiningOp()) ? newIds
                            : rows.contains(operand)           ? rows.lookup(operand)
                                                               : weight(operand));
    if (auto attend = dyn_cast<xf::AttendOp>(op))
      return convertAttention(attend, operands);
    Operation *made = builder.clone(*op, operands);
    const auto type = cast<RankedTensorType>(op->getResult(0).getType());
    const auto input = cast<RankedTensorType>(made->getOperand(0).getType());
    made->getResult(0).setType(RankedTensorType::get({input.getDimSize(0), type.getDimSize(1)}, type.getElementType()));
    rows.map(op->getResult(0), made->getResult(0));
    if (auto rope = dyn_cast<xf::RopeOp>(made)) {
      auto values = cast<DenseElementsAttr>(rope.getInverseFrequencies()).getValues<double>();
      result.rotations.push_back(
          {{values.begin(), values.end()}, rope.getScale() ? rope.getScale()->convertToDouble() : 1});
    }
  }

  void convertAttention(xf::AttendOp op, const IRMapping &operands) {
    const size_t layer = result.windows.size();
    Value &cache = caches[layer];
    Location loc = op.getLoc();
    cache =
        builder.create<xf::KvAppendOp>(loc, cache, operands.lookup(op.getK()), operands.lookup(op.getV()), position);
    Value made = builder.create<xf::AttentionOp>(loc, operands.lookup(op.getQ()), cache, position, op.getHeadsAttr(),
                                                 op.getScaleAttr(), op.getWindowAttr(), op.getSoftcapAttr());
    result.windows.push_back(op.getWindow() ? static_cast<int64_t>(*op.getWindow()) : 0);
    rows.map(op.getResult(), made);
  }

  /// The module as text, without what two launches may show differently.
  void describe() {
    OwningOpRef<ModuleOp> copy = result.module->clone();
    copy->walk([&](Operation *op) {
      if (auto attention = dyn_cast<xf::AttentionOp>(op))
        attention.removeWindowAttr();
      if (auto rope = dyn_cast<xf::RopeOp>(op)) {
        const int64_t count = rope.getInverseFrequencies().getNumElements();
        auto type = RankedTensorType::get({count}, builder.getF64Type());
        rope.setInverseFrequenciesAttr(DenseElementsAttr::get(type, ArrayRef<double>(std::vector<double>(count, 0))));
        rope.removeScaleAttr();
      }
    });
    llvm::raw_string_ostream(result.rest) << *copy;
  }

  func::FuncOp main;
  const GeneratorLaunch &launch;
  const std::string &name;
  uint32_t maxSeq;
  OpBuilder builder;
  Converted result;
  Value ids, logits, newIds, position, beforeTail, lastRow;
  xf::EmbeddingOp embedding;
  SmallVector<xf::AttendOp> attentions;
  SmallVector<Value> caches;
  std::set<Operation *> tail;
  IRMapping rows; // rows and weights
};

} // namespace

Result<Converted> convertLaunch(ModuleOp main, const GeneratorLaunch &launch, const std::string &name,
                                uint32_t maxSeq) {
  auto function = main.lookupSymbol<func::FuncOp>(graph::mainFunction);
  return Converter(function, launch, name, maxSeq).convert();
}

} // namespace weft::frontend::onnx
