#include "compiler/place/GeneralPlacer.h"

#include "compiler/graph/GraphModule.h"
#include "compiler/place/GeneralBlocks.h"
#include "kernels/General.h"

#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

RankedTensorType GeneralPlacer::gridType(RankedTensorType type, Division division, Axis partial) {
  SmallVector<ShardAttr> dims;
  SmallVector<int64_t> pad;
  for (auto [d, extent] : llvm::enumerate(type.getShape())) {
    int axis = division[0] == static_cast<int64_t>(d) ? 0 : division[1] == static_cast<int64_t>(d) ? 1 : -1;
    int64_t local = axis < 0 ? extent : ceilDiv(extent, cores(axis));
    pad.push_back(axis < 0 ? 0 : local * cores(axis) - extent);
    dims.push_back(ShardAttr::get(builder.getContext(),
                                  axis < 0    ? Axis::None
                                  : axis == 0 ? Axis::X
                                              : Axis::Y,
                                  axis < 0 ? ShardKind::Whole : ShardKind::Overlap, local));
  }
  auto layout =
      LayoutAttr::get(builder.getContext(), FlatSymbolRefAttr::get(builder.getContext(), "mesh"), dims, pad, partial);
  return RankedTensorType::get(type.getShape(), type.getElementType(), layout);
}

/// The tensor that a scalar result of a kernel is.
RankedTensorType GeneralPlacer::boxed(Value value) {
  if (RankedTensorType type = tensorOf(value))
    return type;
  return RankedTensorType::get({}, value.getType().isIndex() ? Type(builder.getI64Type()) : value.getType());
}

// ---- values ---------------------------------------------------------------------------------------------------

bool GeneralPlacer::isResident(Value value) const {
  if (values.count(value) == 0 && storedView(value))
    return true;
  DenseElementsAttr constant;
  return tensorOf(value) && !isMadeInKernel(value) && matchPattern(value, m_Constant(&constant));
}

Division GeneralPlacer::divisionOf(Value value) {
  auto found = values.find(value);
  return found == values.end() ? whole : found->second.forms.front().first;
}

Value GeneralPlacer::resident(Value value, Division division) {
  Placed &placed = values[value];
  for (auto &[known, form] : placed.forms)
    if (known == division)
      return form;
  Value form;
  if (auto view = storedView(value)) {
    form = builder.create<StoredOp>(gridType(tensorOf(value), division), view->name, view->base,
                                    digitsAttr(builder, *view));
  } else {
    DenseElementsAttr constant;
    matchPattern(value, m_Constant(&constant));
    form = builder.create<ConstantOp>(gridType(tensorOf(value), whole), constant);
  }
  placed.forms.emplace_back(division, form);
  return form;
}

Value GeneralPlacer::residentBytes(Value value, Division division) {
  Placed &placed = bytes[value];
  for (auto &[known, form] : placed.forms)
    if (known == division)
      return form;
  const StoredBytes stored = *storedBytes(value, division, {mesh.width, mesh.height});
  Value form = builder.create<StoredOp>(gridType(stored.type, division), stored.view.name, stored.view.base,
                                        digitsAttr(builder, stored.view));
  placed.forms.emplace_back(division, form);
  return form;
}

FailureOr<Value> GeneralPlacer::held(Value value, Division division) {
  if (isResident(value))
    return resident(value, division);
  auto found = values.find(value);
  if (found == values.end())
    return emitError(value.getLoc(), "a value has no place on the mesh");
  for (auto &[known, form] : found->second.forms)
    if (known == division)
      return form;
  // From the form that has the most in common.
  auto common = [&](Division from) { return (from[0] == division[0]) + (from[1] == division[1]); };
  auto best = found->second.forms.front();
  for (auto &form : found->second.forms)
    if (common(form.first) > common(best.first) && llvm::all_of(ArrayRef<int>{0, 1}, [&](int axis) {
          return form.first[axis] == division[axis] || division[axis] < 0;
        }))
      best = form;
  auto [from, form] = best;
  for (int axis : {0, 1}) {
    if (from[axis] == division[axis])
      continue;
    if (division[axis] >= 0)
      return emitError(value.getLoc(), "a value cannot be divided after it was placed");
    form = gathered(form, boxed(value), from, axis);
    from[axis] = -1;
    values[value].forms.emplace_back(from, form);
  }
  return form;
}

/// Blocks go round the ring of `axis`, and each core puts those that pass into their places.
Value GeneralPlacer::gathered(Value value, RankedTensorType type, Division from, int axis) {
  Division to = from;
  to[axis] = -1;
  auto blockType = cast<RankedTensorType>(value.getType()), wholeType = gridType(type, to);
  auto shape = localShape(wholeType);
  int64_t outer = 1, inner = 1, ranks = cores(axis);
  for (auto [d, extent] : llvm::enumerate(shape))
    (static_cast<int64_t>(d) < from[axis]   ? outer
     : static_cast<int64_t>(d) > from[axis] ? inner
                                            : extent) *= static_cast<int64_t>(d) == from[axis] ? 1 : extent;
  auto kernel = kernels::buildPlaceBlock(module, type.getElementType(), outer, localShape(blockType)[from[axis]],
                                         shape[from[axis]], inner, ranks);
  Attribute rank = scalar(axis == 0 ? ScalarKind::RankX : ScalarKind::RankY);
  Axis along = axis == 0 ? Axis::X : Axis::Y;
  auto put = [&](Value block, Value into, Attribute first, Attribute step) {
    return call(kernel, block, into, {rank, first, step})[0];
  };
  Attribute zero = scalar(ScalarKind::Constant, 0), one = scalar(ScalarKind::Constant, 1);
  Value into = put(value, builder.create<EmptyOp>(wholeType), zero, zero);
  Value block = builder.create<ShiftOp>(blockType, value, along, true);
  if (ranks > 2) {
    Value low = builder.create<arith::ConstantIndexOp>(0), high = builder.create<arith::ConstantIndexOp>(ranks - 2),
          step = builder.create<arith::ConstantIndexOp>(1);
    auto loop = builder.create<scf::ForOp>(low, high, step, ValueRange{block, into});
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value next = builder.create<ShiftOp>(blockType, loop.getRegionIterArg(0), along, true);
    Value filled = put(loop.getRegionIterArg(0), loop.getRegionIterArg(1), one, scalar(ScalarKind::Loop, 0));
    builder.create<scf::YieldOp>(ValueRange{next, filled});
    block = loop.getResult(0);
    into = loop.getResult(1);
  }
  return put(block, into, scalar(ScalarKind::Constant, ranks - 1), zero);
}

SmallVector<Value> GeneralPlacer::call(const kernels::TileKernel &kernel, ValueRange ins, ValueRange outs,
                                       ArrayRef<Attribute> scalars) {
  attachWork(module, kernel);
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, ins.size() + outs.size()));
  auto op = builder.create<CallOp>(outs.getTypes(), kernel.name, ins, outs, order, builder.getArrayAttr(scalars),
                                   DenseI64ArrayAttr());
  return llvm::to_vector_of<Value>(op.getResults());
}

// ---- ops ------------------------------------------------------------------------------------------------------

namespace {

/// What the host calls elements that nothing else is said of.
std::string defaultDtype(Type element) {
  if (element.isBF16())
    return "bfloat16";
  if (element.isInteger(1))
    return "bool";
  return (isa<FloatType>(element) ? "float" : "int") + std::to_string(element.getIntOrFloatBitWidth());
}

std::string textOf(DictionaryAttr attributes, StringRef key, const std::string &otherwise) {
  auto text = attributes ? attributes.getAs<StringAttr>(key) : StringAttr();
  return text ? text.str() : otherwise;
}

std::string nameOf(Operation *op) {
  if (auto name = op->getLoc()->findInstanceOf<NameLoc>())
    return name.getName().str();
  return op->getName().getStringRef().str();
}

/// The dimension of the reshaped tensor that dimension `d` of the operand becomes; -1: a part of one, or several.
/// `cores` that divide it.
int64_t dimensionAfter(Operation *op, int64_t d, int64_t cores) {
  auto reassociation = isa<tensor::CollapseShapeOp>(op) ? cast<tensor::CollapseShapeOp>(op).getReassociationIndices()
                                                        : cast<tensor::ExpandShapeOp>(op).getReassociationIndices();
  bool collapses = isa<tensor::CollapseShapeOp>(op);
  RankedTensorType from = tensorOf(op->getOperand(0)), to = tensorOf(op->getResult(0));
  RankedTensorType many = collapses ? from : to;
  for (auto [one, group] : llvm::enumerate(reassociation)) {
    if (collapses ? !llvm::is_contained(group, d) : static_cast<int64_t>(one) != d)
      continue;
    // The first dimension of the group that is more than 1; blocks of it are blocks of the product if they are even.
    auto first = llvm::find_if(group, [&](int64_t i) { return many.getDimSize(i) != 1; });
    if (first == group.end())
      return collapses ? static_cast<int64_t>(one) : group.front();
    int64_t extent = many.getDimSize(*first), product = (collapses ? to : from).getDimSize(one);
    if ((collapses && *first != d) || (extent != product && extent % cores != 0))
      return -1;
    return collapses ? static_cast<int64_t>(one) : *first;
  }
  return -1;
}

} // namespace

LogicalResult GeneralPlacer::placeInputs(func::FuncOp source) {
  for (BlockArgument argument : source.getArguments()) {
    RankedTensorType type = tensorOf(argument);
    if (!type || !type.hasStaticShape() || !isElement(type.getElementType()))
      return emitError(argument.getLoc(), "a tensor program takes tensors of fixed shape whose elements a core holds; "
                                          "argument ")
             << argument.getArgNumber() << " is " << argument.getType();
    DictionaryAttr attributes = source.getArgAttrDict(argument.getArgNumber());
    std::string name = textOf(attributes, graph::nameAttr, "input" + std::to_string(argument.getArgNumber()));
    builder.setLoc(NameLoc::get(builder.getStringAttr(name)));
    std::string dtype = textOf(attributes, graph::dtypeAttr, defaultDtype(type.getElementType()));
    auto input =
        builder.create<InputOp>(gridType(type, whole), builder.getStringAttr(name), builder.getStringAttr(dtype),
                                attributes ? attributes.getAs<IntegerAttr>(graph::defaultAttr) : IntegerAttr());
    if (Attribute fixed = attributes ? attributes.get(graph::valueAttr) : Attribute())
      input->setAttr(graph::valueAttr, fixed);
    values[argument].forms.emplace_back(whole, input);
  }
  return success();
}

LogicalResult GeneralPlacer::placeReshape(Operation *op) {
  Value source = op->getOperand(0);
  Division from = divisionOf(source), to = whole;
  if (isResident(source))
    from = whole;
  Division kept = from;
  for (int axis : {0, 1})
    if (from[axis] >= 0) {
      to[axis] =
          isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op) ? dimensionAfter(op, from[axis], cores(axis)) : -1;
      if (to[axis] < 0)
        kept[axis] = -1;
    }
  auto form = held(source, kept);
  if (failed(form))
    return failure();
  Value view = builder.create<ViewOp>(gridType(tensorOf(op->getResult(0)), to), *form, 0);
  values[op->getResult(0)].forms.emplace_back(to, view);
  return success();
}

LogicalResult GeneralPlacer::pass(const KernelInput &input, SmallVector<Value> &ins) {
  auto form = input.asBytes ? FailureOr<Value>(residentBytes(input.value, input.held)) : held(input.value, input.held);
  if (failed(form))
    return failure();
  ins.push_back(*form);
  return success();
}

SmallVector<Value> GeneralPlacer::callGeneral(const kernels::GeneralKernel &kernel, ValueRange ins, ValueRange outs,
                                              const Split &split) {
  SmallVector<Value> buffers(outs);
  if (kernel.scratchBytes)
    buffers.push_back(
        builder.create<EmptyOp>(gridType(RankedTensorType::get({kernel.scratchBytes}, builder.getI8Type()), whole)));
  SmallVector<Attribute> scalars;
  if (split.any())
    scalars = {scalar(ScalarKind::RankX), scalar(ScalarKind::RankY)};
  return call(kernel, ins, buffers, scalars);
}

FailureOr<kernels::GeneralKernel> GeneralPlacer::buildKernel(Operation *op, const std::optional<OpLoops> &loops,
                                                             Split &split, SmallVector<KernelInput> &inputs) {
  auto build = [&] {
    LocalBuilder local(op, loops, split, {mesh.width, mesh.height},
                       [&](Value value, ArrayRef<LoopDim> dims) { return wanted(value, dims, split); });
    LocalFunction function = local.build();
    inputs = function.inputs;
    return kernels::buildGeneral(module, function.function, op->getName().stripDialect());
  };
  if (!split.any() || !isa<scf::ForOp, scf::IfOp, scf::WhileOp>(op))
    return build();
  {
    ScopedDiagnosticHandler silence(module.getContext(), [](Diagnostic &) { return success(); });
    if (auto divided = build(); succeeded(divided))
      return divided;
  }
  split = Split();
  return build();
}

LogicalResult GeneralPlacer::placeKernel(Operation *op, Value into, std::optional<Split> forced) {
  std::optional<OpLoops> loops = loopsOf(op);
  Split split = forced ? *forced : loops ? chooseSplit(op, *loops) : Split();
  const bool isWorthIt = split.any();
  SmallVector<KernelInput> inputs;
  auto kernel = buildKernel(op, loops, split, inputs);
  if (failed(kernel))
    return failure();
  SmallVector<Value> ins, outs;
  for (const KernelInput &input : inputs)
    if (failed(pass(input, ins)))
      return failure();
  SmallVector<Division> divisions;
  SmallVector<Value> results;
  const int reduced = loops ? split.axisOf(*loops, OpLoops::Kind::Reduction) : -1;
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    RankedTensorType type = boxed(result);
    if (type.getNumElements() == 0)
      continue;
    Division division = whole;
    Axis partial = Axis::None;
    for (int axis : {0, 1}) {
      int64_t loop = split.loops[axis];
      if (loop < 0)
        continue;
      if (loops->kinds[loop] == OpLoops::Kind::Sum)
        partial = axis == 0 ? Axis::X : Axis::Y;
      else
        division[axis] = loops->dimensionOf(i, loop);
    }
    results.push_back(result);
    divisions.push_back(division);
    if (reduced >= 0)
      std::tie(type, divisions.back()) = amongCores(type, division, reduced);
    outs.push_back(into ? into : Value(builder.create<EmptyOp>(gridType(type, divisions.back(), partial))));
  }
  SmallVector<Value> made = callGeneral(*kernel, ins, outs, split);
  for (auto [i, result] : llvm::enumerate(results)) {
    auto type = cast<RankedTensorType>(made[i].getType());
    Value form = made[i];
    if (reduced >= 0) {
      if (failed(reduceAmongCores(cast<OpResult>(result), form, divisions[i])))
        return failure();
      continue;
    }
    if (Axis partial = layoutOf(type).getPartial(); partial != Axis::None) {
      int64_t line = partial == Axis::X ? mesh.width : mesh.height;
      Reduction how = chooseReduction(options.costs, line, ceilDiv(localBytes(type), 4), options.prefillTreeLevels);
      form = builder.create<AllReduceOp>(gridType(boxed(result), divisions[i]), form, partial, ReduceKind::Add,
                                         how.levels, how.groups, 0, 0, how.inRouter);
    }
    values[result].forms.emplace_back(divisions[i], form);
  }
  if (forced) // is no op of the model
    return success();
  std::string how = !loops        ? "no rule divides this op"
                    : split.any() ? describe(*loops, split)
                    : isWorthIt   ? "what a core would do of it has no form on buffers"
                                  : "dividing it would cost more than it saves";
  note(op, split, how);
  return success();
}

void GeneralPlacer::note(Operation *op, const Split &split, std::string how) {
  report.ops.push_back({nameOf(op), op->getName().getStringRef().str(), split.any(), std::move(how)});
}

LogicalResult GeneralPlacer::placeOp(Operation *op) {
  builder.setLoc(op->getLoc());
  bool leftOver = op->getDialect() && op->getDialect()->getNamespace() == "xf" && !isa<xf::ParamOp>(op);
  if (leftOver)
    return op->emitOpError("has no meaning in linalg, and so none on a mesh");
  // Made where it is used, or not at all.
  if (llvm::all_of(op->getResults(), [&](Value result) { return isMadeInKernel(result) || isResident(result); }))
    return success();
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ReshapeOp>(op) &&
      !isMadeInKernel(op->getOperand(0)))
    return placeReshape(op);
  if (std::optional<bool> placed = placeUpdate(op))
    return success(*placed);
  return placeKernel(op);
}

LogicalResult GeneralPlacer::placeOutput(Value value, StringRef name, StringRef dtype) {
  builder.setLoc(NameLoc::get(builder.getStringAttr(name)));
  RankedTensorType type = tensorOf(value);
  auto shape = builder.getDenseI64ArrayAttr(type.getShape());
  int64_t elements = type.getNumElements();
  auto flat = RankedTensorType::get({elements}, type.getElementType());
  // Whole words a core.
  int64_t bytes = elementBytes(type.getElementType());
  int64_t block = std::max<int64_t>(roundUp(ceilDiv(elements, mesh.width) * bytes, 4) / bytes, 1);
  auto layout = LayoutAttr::get(builder.getContext(), FlatSymbolRefAttr::get(builder.getContext(), "mesh"),
                                ShardAttr::get(builder.getContext(), Axis::X, ShardKind::Block, block),
                                block * mesh.width - elements, Axis::None);
  auto blocks = RankedTensorType::get({elements}, type.getElementType(), layout);
  if (elements == 0) {
    builder.create<OutputOp>(builder.create<EmptyOp>(blocks), name, builder.getStringAttr(dtype), shape);
    return success();
  }
  if (isMadeInKernel(value) && values.count(value) == 0 && failed(placeKernel(value.getDefiningOp())))
    return failure();
  Division division = divisionOf(value);
  if (isResident(value))
    division = whole;
  auto form = held(value, {division[0], -1});
  if (failed(form))
    return failure();
  if (division[0] < 0) {
    Value vector = builder.create<ViewOp>(gridType(flat, whole), *form, 0);
    form = Value(builder.create<OwnBlockOp>(blocks, vector));
  }
  builder.create<OutputOp>(*form, name, builder.getStringAttr(dtype), shape);
  return success();
}

LogicalResult GeneralPlacer::place(func::FuncOp source, func::FuncOp target) {
  builder.setInsertionPointToEnd(target.addEntryBlock());
  double weightBytes = 0;
  source.walk([&](xf::ParamOp param) {
    auto type = cast<RankedTensorType>(param.getType());
    auto stored = storedBytes(param, whole, {1, 1});
    if (stored)
      type = stored->type;
    weightBytes += static_cast<double>(type.getNumElements() * elementBytes(type.getElementType()));
  });
  if (options.sramBytes)
    weightPressure = weightBytes / static_cast<double>(options.sramBytes);
  bool generates = source.getName() != graphName(graph::mainFunction);
  if (failed(generates ? placeState(source) : placeInputs(source)))
    return failure();
  auto results = llvm::to_vector(source.getBody().front().getTerminator()->getOperands());
  for (size_t i = 1; generates && i < results.size(); ++i)
    states.emplace_back(results[i], source.getArgument(i));
  for (Operation &op : source.getBody().front().without_terminator())
    if (failed(placeOp(&op)) || failed(storeStates(&op)))
      return failure();
  if (failed(storeStates(nullptr)))
    return failure();
  if (generates)
    results.resize(1);
  for (auto [i, value] : llvm::enumerate(results)) {
    RankedTensorType type = tensorOf(value);
    if (!type || !type.hasStaticShape())
      return source.emitError("a tensor program gives tensors of fixed shape; result ")
             << i << " is " << value.getType();
    DictionaryAttr attributes = source.getResultAttrDict(i);
    if (failed(placeOutput(value,
                           generates ? "logits" : textOf(attributes, graph::nameAttr, "output" + std::to_string(i)),
                           textOf(attributes, graph::dtypeAttr, defaultDtype(type.getElementType())))))
      return failure();
  }
  builder.setLoc(source.getLoc());
  builder.create<func::ReturnOp>();
  return success();
}

} // namespace weft::place
