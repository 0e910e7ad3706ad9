#include "compiler/frontend/onnx/graph/Evaluate.h"

#include "compiler/frontend/onnx/graph/Blocks.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <cstring>
#include <set>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Of a value made from a value made from … : what the stack has room for.
constexpr unsigned deepest = 1000;

ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// Calls `visit` for each index of `shape`, row-major; false as soon as `visit` says so.
bool forEachIndex(ArrayRef<int64_t> shape, llvm::function_ref<bool(ArrayRef<int64_t>)> visit) {
  Sizes at(shape.size(), 0);
  if (elementsOf(shape) == 0)
    return true;
  while (true) {
    if (!visit(at))
      return false;
    size_t d = shape.size();
    while (d-- > 0) {
      if (++at[d] < shape[d])
        break;
      at[d] = 0;
    }
    if (d == SIZE_MAX)
      return true;
  }
}

size_t flat(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t at = 0;
  for (auto [i, size] : llvm::zip(index, shape))
    at = at * size + i;
  return static_cast<size_t>(at);
}

std::optional<int64_t> integerOf(Attribute attribute) {
  auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  if (!integer)
    return std::nullopt;
  return integer.getValue().getSExtValue();
}

bool isStatic(ArrayRef<int64_t> numbers) { return !llvm::is_contained(numbers, ShapedType::kDynamic); }

/// What the bytes of a weight mean. A truth has a byte of its own.
std::vector<Attribute> decoded(RankedTensorType type, ArrayRef<char> bytes) {
  DenseElementsAttr dense;
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> truths;
    for (char byte : bytes)
      truths.push_back(byte != 0);
    dense = DenseElementsAttr::get(type, truths);
  } else {
    dense = DenseElementsAttr::getFromRawBuffer(type, bytes);
  }
  auto values = dense.getValues<Attribute>();
  return {values.begin(), values.end()};
}

/// The bytes of some of a weight's elements.
std::vector<char> gathered(ArrayRef<std::byte> bytes, int64_t elements, ArrayRef<size_t> places) {
  const size_t size = bytes.size() / static_cast<size_t>(elements);
  std::vector<char> out(places.size() * size);
  for (auto [i, place] : llvm::enumerate(places))
    std::memcpy(out.data() + i * size, bytes.data() + place * size, size);
  return out;
}

/// What MLIR's own folding leaves alone: rounding to a narrower float, and functions.
Attribute foldMore(Operation &op, ArrayRef<Attribute> operands) {
  if (op.getNumOperands() != 1 || op.getNumResults() != 1)
    return {};
  auto number = dyn_cast_or_null<FloatAttr>(operands[0]);
  auto type = dyn_cast<FloatType>(op.getResult(0).getType());
  if (!number || !type)
    return {};
  if (isa<arith::TruncFOp, arith::ExtFOp>(op)) {
    APFloat value = number.getValue();
    bool loses = false;
    value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
    return FloatAttr::get(type, value);
  }
  double x = number.getValueAsDouble();
  auto give = [&](double y) { return FloatAttr::get(type, type.isF32() ? static_cast<float>(y) : y); };
  return llvm::TypeSwitch<Operation *, Attribute>(&op)
      .Case<math::FloorOp>([&](auto) { return give(std::floor(x)); })
      .Case<math::CeilOp>([&](auto) { return give(std::ceil(x)); })
      .Case<math::TruncOp>([&](auto) { return give(std::trunc(x)); })
      .Case<math::RoundEvenOp>([&](auto) { return give(std::nearbyint(x)); })
      .Case<math::SqrtOp>([&](auto) { return give(std::sqrt(x)); })
      .Case<math::ExpOp>([&](auto) { return give(std::exp(x)); })
      .Case<math::LogOp>([&](auto) { return give(std::log(x)); })
      .Case<math::AbsFOp>([&](auto) { return give(std::fabs(x)); })
      .Default([](Operation *) { return Attribute(); });
}

} // namespace

std::vector<BlockArgument> Evaluator::argumentsBehind(Value value) {
  std::set<unsigned> numbers;
  std::vector<BlockArgument> found;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> open = {value};
  auto take = [&](Operation *op) {
    if (op && seen.insert(op).second)
      op->walk([&](Operation *inner) { open.append(inner->operand_begin(), inner->operand_end()); });
  };
  while (!open.empty()) {
    Value next = open.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      if (isa_and_nonnull<func::FuncOp>(argument.getOwner()->getParentOp()) &&
          numbers.insert(argument.getArgNumber()).second)
        found.push_back(argument);
      continue;
    }
    take(next.getDefiningOp());
  }
  llvm::sort(found, [](BlockArgument a, BlockArgument b) { return a.getArgNumber() < b.getArgNumber(); });
  return found;
}

const std::vector<Attribute> *Evaluator::evaluate(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || type.getNumElements() > mostElements)
    return nullptr;
  auto found = memo.find(tensor.getAsOpaquePointer());
  if (found == memo.end()) {
    if (depth == deepest)
      return nullptr;
    ++depth;
    std::optional<Elements> elements = compute(tensor);
    --depth;
    found = memo.emplace(tensor.getAsOpaquePointer(), std::move(elements)).first;
  }
  return found->second ? &*found->second : nullptr;
}

std::optional<Evaluator::Elements> Evaluator::compute(Value tensor) {
  Operation *op = tensor.getDefiningOp();
  const auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getNumElements() == 0)
    return Elements();
  if (!op)
    return std::nullopt;
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!dense)
      return std::nullopt;
    auto values = dense.getValues<Attribute>();
    return Elements(values.begin(), values.end());
  }
  if (auto param = dyn_cast<xf::ParamOp>(op)) {
    std::optional<std::vector<std::byte>> bytes = readParam ? readParam(param.getName().str()) : std::nullopt;
    return bytes ? std::optional(decoded(type, {reinterpret_cast<const char *>(bytes->data()), bytes->size()}))
                 : std::nullopt;
  }
  if (isa<tensor::EmptyOp>(op)) // never read where it matters
    return Elements(static_cast<size_t>(type.getNumElements()), Builder(op).getZeroAttr(type.getElementType()));
  if (isa<linalg::LinalgOp>(op))
    return computeGeneric(op, cast<OpResult>(tensor).getResultNumber());
  if (isa<scf::ForOp>(op))
    return computeWrites(op);
  return computeMove(op);
}

/// Of loops that carry one tensor and write an element of it a step, as a scatter does.
std::optional<Evaluator::Elements> Evaluator::computeWrites(Operation *op) {
  auto loop = cast<scf::ForOp>(op);
  const Elements *start = loop.getNumResults() == 1 ? evaluate(loop.getInitArgs()[0]) : nullptr;
  if (!start)
    return std::nullopt;
  Elements out = *start;
  int64_t stepsLeft = mostSteps;
  return runWrites(loop, Scalars(), out, stepsLeft) ? std::optional(std::move(out)) : std::nullopt;
}

bool Evaluator::runWrites(Operation *op, Scalars known, Elements &out, int64_t &stepsLeft) {
  auto loop = cast<scf::ForOp>(op);
  std::optional<int64_t> from = getConstantIntValue(loop.getLowerBound()),
                         to = getConstantIntValue(loop.getUpperBound()), step = getConstantIntValue(loop.getStep());
  Value carried = loop.getRegionIterArg(0);
  Block &body = *loop.getBody();
  Operation *last = body.getTerminator()->getOperand(0).getDefiningOp();
  auto insert = dyn_cast_if_present<tensor::InsertOp>(last);
  auto inner = dyn_cast_if_present<scf::ForOp>(last);
  bool writes = (insert && insert.getDest() == carried) ||
                (inner && inner.getNumResults() == 1 && inner.getInitArgs()[0] == carried);
  if (!from || !to || !step || *step < 1 || !writes)
    return false;
  auto placeOf = [&](OperandRange indices) -> std::optional<size_t> {
    Sizes at;
    for (auto [index, size] : llvm::zip(indices, shapeOf(carried))) {
      std::optional<int64_t> number = integerOf(scalarOf(index, known));
      if (!number || *number < 0 || *number >= size)
        return std::nullopt;
      at.push_back(*number);
    }
    return flat(at, shapeOf(carried));
  };
  for (int64_t i = *from; i < *to; i += *step) {
    known[loop.getInductionVar()] = Builder(op).getIndexAttr(i);
    if (--stepsLeft < 0)
      return false;
    for (Operation &each : body.without_terminator()) {
      auto extract = dyn_cast<tensor::ExtractOp>(each);
      if (&each != last && !(extract && extract.getTensor() == carried)) {
        if (!runOp(each, {}, known))
          return false;
        continue;
      }
      if (&each == inner) {
        if (!runWrites(inner, known, out, stepsLeft))
          return false;
        continue;
      }
      std::optional<size_t> place = placeOf(extract ? extract.getIndices() : insert.getIndices());
      if (!place)
        return false;
      if (extract)
        known[extract] = out[*place];
      else if (!(out[*place] = scalarOf(insert.getScalar(), known)))
        return false;
    }
  }
  return true;
}

/// What slices of slices begin with is read where they end, however large it is: masks are cut from stored ones.
std::optional<Evaluator::Elements> Evaluator::computeSlice(Operation *slice) {
  const auto type = cast<RankedTensorType>(slice->getResult(0).getType());
  Value whole = slice->getResult(0);
  Sizes offsets(static_cast<size_t>(type.getRank()), 0), strides(static_cast<size_t>(type.getRank()), 1);
  while (auto step = whole.getDefiningOp<tensor::ExtractSliceOp>()) {
    if (!isStatic(step.getStaticOffsets()) || !isStatic(step.getStaticStrides()) ||
        step.getType().getRank() != step.getSourceType().getRank())
      break;
    for (auto [offset, stride, from, by] :
         llvm::zip(offsets, strides, step.getStaticOffsets(), step.getStaticStrides())) {
      offset = from + offset * by;
      stride *= by;
    }
    whole = step.getSource();
  }
  if (whole == slice->getResult(0))
    return std::nullopt;
  std::vector<size_t> places;
  forEachIndex(type.getShape(), [&](ArrayRef<int64_t> at) {
    Sizes from;
    for (auto [i, offset, stride] : llvm::zip(at, offsets, strides))
      from.push_back(offset + i * stride);
    places.push_back(flat(from, shapeOf(whole)));
    return true;
  });
  if (auto param = whole.getDefiningOp<xf::ParamOp>()) {
    std::optional<std::vector<std::byte>> bytes = readParam ? readParam(param.getName().str()) : std::nullopt;
    return bytes ? std::optional(decoded(type, gathered(*bytes, elementsOf(shapeOf(whole)), places))) : std::nullopt;
  }
  Elements out;
  auto constant = whole.getDefiningOp<arith::ConstantOp>();
  if (auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr()) {
    auto values = dense.getValues<Attribute>().begin();
    for (size_t place : places)
      out.push_back(*(values + static_cast<ptrdiff_t>(place)));
    return out;
  }
  const Elements *source = evaluate(whole);
  if (!source)
    return std::nullopt;
  for (size_t place : places)
    out.push_back((*source)[place]);
  return out;
}

std::optional<Evaluator::Elements> Evaluator::computeMove(Operation *op) {
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)) {
    const Elements *source = evaluate(op->getOperand(0));
    return source ? std::optional(*source) : std::nullopt;
  }
  if (isa<tensor::ExtractSliceOp>(op))
    return computeSlice(op);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    const Elements *into = evaluate(insert.getDest());
    if (!into || llvm::is_contained(insert.getStaticOffsets(), ShapedType::kDynamic) ||
        insert.getSourceType().getRank() != insert.getType().getRank())
      return std::nullopt;
    Elements out = *into;
    const Elements *part = evaluate(insert.getSource());
    if (!part)
      return std::nullopt;
    size_t next = 0;
    forEachIndex(insert.getSourceType().getShape(), [&](ArrayRef<int64_t> at) {
      Sizes to;
      for (auto [i, offset, stride] : llvm::zip(at, insert.getStaticOffsets(), insert.getStaticStrides()))
        to.push_back(offset + i * stride);
      out[flat(to, insert.getType().getShape())] = (*part)[next++];
      return true;
    });
    return out;
  }
  return std::nullopt;
}

std::optional<Evaluator::Elements> Evaluator::computeGeneric(Operation *operation, unsigned result) {
  auto op = cast<linalg::LinalgOp>(operation);
  SmallVector<int64_t> loops = op.getStaticLoopRanges();
  if (elementsOf(loops) > mostSteps || op.hasDynamicShape() || op.getNumDpsInits() != 1)
    return std::nullopt;
  std::vector<Elements> operands;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType())) {
      Attribute scalar = scalarOf(operand.get(), Scalars());
      if (!scalar)
        return std::nullopt;
      operands.push_back(Elements(1, scalar));
      continue;
    }
    const Elements *elements = evaluate(operand.get());
    if (!elements)
      return std::nullopt;
    operands.push_back(*elements);
  }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  Block &block = *op.getBlock();
  Elements &out = operands.back();
  OpOperand *init = op.getDpsInitOperand(result);
  bool done = forEachIndex(loops, [&](ArrayRef<int64_t> at) {
    Scalars known;
    size_t place = 0;
    for (auto [i, operand] : llvm::enumerate(op->getOpOperands())) {
      SmallVector<int64_t> from = maps[i].compose(at);
      auto type = dyn_cast<RankedTensorType>(operand.get().getType());
      size_t here = type ? flat(from, type.getShape()) : 0;
      if (&operand == init)
        place = here;
      if (Attribute value = operands[i][here])
        known[block.getArgument(static_cast<unsigned>(i))] = value;
    }
    if (!runBody(block, at, known))
      return false;
    Attribute value = scalarOf(block.getTerminator()->getOperand(result), known);
    out[place] = value;
    return static_cast<bool>(value);
  });
  return done ? std::optional(std::move(out)) : std::nullopt;
}

Attribute Evaluator::scalarOf(Value value, const Scalars &known) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  Attribute constant;
  return matchPattern(value, m_Constant(&constant)) ? constant : Attribute();
}

bool Evaluator::runBody(Block &block, ArrayRef<int64_t> indices, Scalars &known) {
  for (Operation &op : block.without_terminator())
    if (!runOp(op, indices, known))
      return false;
  return true;
}

bool Evaluator::runOp(Operation &op, ArrayRef<int64_t> indices, Scalars &known) {
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    known[index] = Builder(&op).getIndexAttr(indices[index.getDim()]);
    return true;
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Sizes at;
    for (Value index : extract.getIndices()) {
      std::optional<int64_t> number = integerOf(scalarOf(index, known));
      if (!number || *number < 0 ||
          *number >= extract.getTensor().getType().getDimSize(static_cast<unsigned>(at.size())))
        return false;
      at.push_back(*number);
    }
    const Elements *source = evaluate(extract.getTensor());
    if (!source)
      return false;
    known[extract] = (*source)[flat(at, shapeOf(extract.getTensor()))];
    return true;
  }
  SmallVector<Attribute> operands;
  for (Value operand : op.getOperands())
    operands.push_back(scalarOf(operand, known));
  // A selection needs only what it selects.
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    std::optional<int64_t> condition = integerOf(operands[0]);
    Attribute chosen = !condition ? Attribute() : *condition ? operands[1] : operands[2];
    if (chosen)
      known[select] = chosen;
    return static_cast<bool>(chosen);
  }
  if (llvm::any_of(operands, [](Attribute a) { return !a; }))
    return false;
  SmallVector<OpFoldResult> results;
  if (Attribute more = foldMore(op, operands))
    results.push_back(more);
  else if (failed(op.fold(operands, results)) || results.size() != op.getNumResults())
    return false;
  for (auto [value, result] : llvm::zip(op.getResults(), results)) {
    Attribute attribute = dyn_cast<Attribute>(result);
    if (!attribute)
      attribute = scalarOf(cast<Value>(result), known);
    if (!attribute)
      return false;
    known[value] = attribute;
  }
  return true;
}

} // namespace weft::frontend::onnx
