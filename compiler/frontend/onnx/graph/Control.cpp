// Branches and loops over subgraphs. A subgraph is lowered into a block of its own before the op that holds it is made,
// so that a node of it may fail without a frame of MLIR around it.
#include "compiler/frontend/onnx/graph/Registry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <algorithm>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

SmallVector<Value> valuesOf(ArrayRef<Bound> bounds) {
  SmallVector<Value> values;
  for (const Bound &bound : bounds)
    for (const Tensor &part : bound.parts)
      values.push_back(part.value);
  return values;
}

/// The same names, with `values` for those of valuesOf().
std::vector<Bound> rebound(std::vector<Bound> bounds, ValueRange values) {
  size_t next = 0;
  for (Bound &bound : bounds)
    for (Tensor &part : bound.parts)
      part.value = values[next++];
  return bounds;
}

bool sameTypes(ArrayRef<Bound> a, ArrayRef<Bound> b) {
  SmallVector<Value> left = valuesOf(a), right = valuesOf(b);
  return a.size() == b.size() && TypeRange(ValueRange(left)) == TypeRange(ValueRange(right));
}

/// The one element of a tensor.
Value scalarIn(NodeBuilder &n, Tensor x) {
  return n.at(x, SmallVector<Scalar>(static_cast<size_t>(x.rank()), n.integer(0))).value;
}

Tensor scalarTensor(NodeBuilder &n, Value number, ElementType type) {
  return {n.b.create<linalg::FillOp>(n.loc, number, n.empty(type, {}).value).getResult(0), type};
}

std::optional<bool> knownTruth(NodeBuilder &n, Tensor condition) {
  std::optional<std::vector<int64_t>> known = n.known(condition);
  return known && known->size() == 1 ? std::optional((*known)[0] != 0) : std::nullopt;
}

void ifOp(NodeBuilder &n) {
  Tensor condition = n.in(0);
  n.require(condition.type == ElementType::Bool && condition.elements() == 1, "its condition is no single bool");
  std::vector<Bound> results;
  if (std::optional<bool> known = knownTruth(n, condition)) {
    results = n.runGraph(*known ? "then_branch" : "else_branch", {});
  } else {
    Region yes, no;
    auto lower = [&](const char *name, Region &region) {
      OpBuilder::InsertionGuard guard(n.b);
      n.b.setInsertionPointToStart(&region.emplaceBlock());
      std::vector<Bound> made = n.runGraph(name, {});
      n.b.create<scf::YieldOp>(n.loc, valuesOf(made));
      return made;
    };
    std::vector<Bound> first = lower("then_branch", yes), second = lower("else_branch", no);
    n.require(sameTypes(first, second), "its branches give results of different types or shapes");
    SmallVector<Value> values = valuesOf(first);
    auto op = n.b.create<scf::IfOp>(n.loc, TypeRange(ValueRange(values)), scalarIn(n, condition), true);
    op.getThenRegion().takeBody(yes);
    op.getElseRegion().takeBody(no);
    results = rebound(first, op.getResults());
  }
  n.require(results.size() >= n.outputs(), "its branches give {} results", results.size());
  for (size_t i = 0; i < n.outputs(); ++i)
    n.outBound(i, results[i]);
}

/// `part` as row `place` of `whole`, whose first dimension counts the rows; places outside are left out.
Value insertRow(NodeBuilder &n, Tensor part, Value whole, Value place, int64_t axis) {
  Sizes shape(part.shape());
  shape.insert(shape.begin() + axis, 1);
  Tensor row = n.reshape(part, shape);
  SmallVector<OpFoldResult> offsets(shape.size(), n.b.getIndexAttr(0)), ones(shape.size(), n.b.getIndexAttr(1));
  offsets[static_cast<size_t>(axis)] = place;
  auto sizes = getAsIndexOpFoldResult(n.b.getContext(), shape);
  return n.b.create<tensor::InsertSliceOp>(n.loc, row.value, whole, offsets, sizes, ones);
}

std::vector<Tensor> tensorsOf(NodeBuilder &n, ArrayRef<Bound> bounds) {
  std::vector<Tensor> tensors;
  for (const Bound &bound : bounds) {
    n.require(!bound.isSequence, "a loop over sequences needs a known number of iterations");
    tensors.push_back(bound.parts[0]);
  }
  return tensors;
}

/// One iteration of a Loop: the condition, what is carried on, and what is kept.
struct Iteration {
  Tensor condition;
  std::vector<Bound> carried;
  std::vector<Tensor> kept;
};

Iteration iterate(NodeBuilder &n, Tensor number, Tensor condition, ArrayRef<Bound> carried) {
  std::vector<Bound> arguments = {Bound{{number}, false}, Bound{{condition}, false}};
  arguments.insert(arguments.end(), carried.begin(), carried.end());
  std::vector<Bound> results = n.runGraph("body", arguments);
  n.require(results.size() >= 1 + carried.size(), "its body gives {} results for {} carried values", results.size(),
            carried.size());
  Iteration iteration;
  iteration.condition = results[0].parts.at(0);
  iteration.carried.assign(results.begin() + 1, results.begin() + 1 + static_cast<int64_t>(carried.size()));
  for (size_t i = 1 + carried.size(); i < results.size(); ++i)
    iteration.kept.push_back(results[i].parts.at(0));
  return iteration;
}

/// Iteration by iteration, while it is known whether there is a next one. Shapes may change from one to the next.
void unroll(NodeBuilder &n, std::optional<int64_t> times, Tensor condition, std::vector<Bound> carried) {
  constexpr int64_t mostIterations = 1024;
  std::vector<std::vector<Tensor>> kept;
  for (int64_t i = 0; !times || i < *times; ++i) {
    std::optional<bool> on = knownTruth(n, condition);
    n.require(on.has_value(), "whether it goes on after {} iterations is known only when the program runs", i);
    if (!*on)
      break;
    n.require(i < mostIterations, "it has more than {} iterations, each with its own shapes", mostIterations);
    Iteration next = iterate(n, n.integers(ElementType::Int64, {i}, {}), condition, carried);
    condition = next.condition;
    carried = next.carried;
    kept.resize(next.kept.size());
    for (size_t k = 0; k < next.kept.size(); ++k)
      kept[k].push_back(n.unsqueeze(next.kept[k], 0));
  }
  for (size_t i = 0; i < carried.size() && i < n.outputs(); ++i)
    n.outBound(i, carried[i]);
  for (size_t k = 0; carried.size() + k < n.outputs(); ++k) {
    if (k < kept.size()) {
      for (const Tensor &row : kept[k])
        n.require(row.shape() == kept[k][0].shape(), "its results of different shapes cannot be stacked");
      n.out(carried.size() + k, n.concat(kept[k], 0));
      continue;
    }
    std::optional<Sizes> shape = n.declared(carried.size() + k); // no iteration at all
    n.require(shape && elementsOf(*shape) == 0, "the shape of its result {} is not known", carried.size() + k);
    n.out(carried.size() + k, n.empty(n.typeOfResult("body", 1 + carried.size() + k), *shape));
  }
}

void giveResults(NodeBuilder &n, ValueRange results, const std::vector<Bound> &start, const Iteration &iteration) {
  std::vector<Bound> carried = rebound(start, results);
  for (size_t i = 0; i < carried.size(); ++i)
    n.outBound(i, carried[i]);
  for (size_t k = 0; k < iteration.kept.size(); ++k)
    n.out(start.size() + k, {results[start.size() + k], iteration.kept[k].type});
}

/// The same body, whose block has (index, condition, carried…), a known number of times: the condition is always true.
bool asFor(NodeBuilder &n, int64_t times, Region &body, ArrayRef<Value> initial, ArrayRef<Value> carriedOn,
           const std::vector<Bound> &start, const Iteration &iteration) {
  Block &block = body.front();
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToStart(&block);
    block.getArgument(1).replaceAllUsesWith(constantInteger(n.b, n.loc, ElementType::Bool, 1).value);
    block.eraseArgument(1);
    n.b.setInsertionPointToEnd(&block);
    n.b.create<scf::YieldOp>(n.loc, carriedOn.drop_front(2));
  }
  auto loop = n.b.create<scf::ForOp>(n.loc, n.index(0), n.index(times), n.index(1), initial.drop_front(2));
  loop.getRegion().takeBody(body);
  giveResults(n, loop.getResults(), start, iteration);
  return true;
}

/// As scf: carried values keep their shapes, and what is kept has as many rows as declared or as there are iterations.
bool asLoop(NodeBuilder &n, Tensor count, std::optional<int64_t> times, Tensor condition,
            const std::vector<Bound> &start) {
  std::vector<Tensor> initial = tensorsOf(n, start);
  Region before, after;
  Block &test = before.emplaceBlock(), &body = after.emplaceBlock();
  // Carried: the index, the condition, the values, and the rows kept so far.
  SmallVector<Type> types = {n.b.getIndexType(), n.b.getI1Type()};
  for (const Tensor &value : initial)
    types.push_back(value.value.getType());
  SmallVector<Location> locations(types.size(), n.loc);
  body.addArguments(types, locations);
  Iteration iteration;
  SmallVector<Value> carriedOn;
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToStart(&body);
    Value index = body.getArgument(0);
    Value number = n.b.create<arith::IndexCastOp>(n.loc, n.b.getI64Type(), index);
    std::vector<Bound> carried = rebound(start, body.getArguments().drop_front(2));
    iteration = iterate(n, scalarTensor(n, number, ElementType::Int64),
                        scalarTensor(n, body.getArgument(1), ElementType::Bool), carried);
    if (!sameTypes(iteration.carried, start))
      return false;
    carriedOn = {n.b.create<arith::AddIOp>(n.loc, index, n.index(1)), scalarIn(n, iteration.condition)};
    carriedOn.append(valuesOf(iteration.carried));
  }
  SmallVector<Value> initialValues = {n.index(0), scalarIn(n, condition)};
  initialValues.append(valuesOf(start));
  for (size_t k = 0; k < iteration.kept.size(); ++k) {
    const Tensor &row = iteration.kept[k];
    std::optional<Sizes> declared = n.declared(start.size() + k);
    Sizes shape(row.shape());
    n.require(declared ? declared->size() == shape.size() + 1 : times.has_value(),
              "how many rows its result {} has is known only when the program runs", start.size() + k);
    shape.insert(shape.begin(), declared ? (*declared)[0] : *times);
    if (declared)
      n.require(*declared == shape, "its result {} is declared as [{}], but its rows are [{}]", start.size() + k,
                fmt::join(*declared, ", "), fmt::join(row.shape(), ", "));
    Tensor rows = n.filled(row.type, shape, 0);
    initialValues.push_back(rows.value);
    Value sofar = body.addArgument(rows.value.getType(), n.loc);
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&body);
    // The declared number of rows is the number of iterations; more of them must not write outside.
    Value last = n.index(std::max<int64_t>(shape[0] - 1, 0));
    Value place = n.b.create<arith::MinSIOp>(n.loc, body.getArgument(0), last);
    carriedOn.push_back(shape[0] == 0 ? sofar : insertRow(n, row, sofar, place, 0));
  }
  if (times && knownTruth(n, condition).value_or(false) && n.goesOnAlways("body"))
    return asFor(n, *times, after, initialValues, carriedOn, start, iteration);
  TypeRange all = TypeRange(ValueRange(initialValues));
  test.addArguments(all, SmallVector<Location>(all.size(), n.loc));
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&body);
    n.b.create<scf::YieldOp>(n.loc, carriedOn);
    n.b.setInsertionPointToStart(&test);
    Value on = test.getArgument(1);
    if (count) {
      Value limit = n.b.create<arith::IndexCastOp>(n.loc, n.b.getIndexType(), scalarIn(n, count));
      Value within = n.b.create<arith::CmpIOp>(n.loc, arith::CmpIPredicate::slt, test.getArgument(0), limit);
      on = n.b.create<arith::AndIOp>(n.loc, on, within);
    }
    n.b.create<scf::ConditionOp>(n.loc, on, test.getArguments());
  }
  auto loop = n.b.create<scf::WhileOp>(n.loc, all, initialValues);
  loop.getBefore().takeBody(before);
  loop.getAfter().takeBody(after);
  giveResults(n, loop.getResults().drop_front(2), start, iteration);
  return true;
}

void loopOp(NodeBuilder &n) {
  Tensor count = n.optional(0), condition = n.optional(1);
  n.require(!count || count.elements() == 1, "its number of iterations has {} elements", count ? count.elements() : 0);
  std::optional<std::vector<int64_t>> known = count ? n.known(0) : std::nullopt;
  std::optional<int64_t> times = known ? std::optional(std::max<int64_t>((*known)[0], 0)) : std::nullopt;
  if (!condition)
    condition = n.integers(ElementType::Bool, {1}, {});
  std::vector<Bound> carried;
  for (size_t i = 2; i < n.inputs(); ++i)
    carried.push_back(n.bound(i));
  const bool sequences = llvm::any_of(carried, [](const Bound &bound) { return bound.isSequence; });
  constexpr int64_t fewIterations = 4; // no loop is worth it
  if (sequences || (times && *times <= fewIterations && knownTruth(n, condition)))
    if (sequences || n.goesOnAlways("body"))
      return unroll(n, times, condition, carried);
  if (asLoop(n, count, times, condition, carried))
    return;
  n.forgetKnown(); // what the rejected body has made is gone
  unroll(n, times, condition, carried);
}

/// Scan of opset 9 on: a Loop over slices of its inputs.
void scanOp(NodeBuilder &n) {
  const auto scanned = static_cast<size_t>(n.number("num_scan_inputs"));
  n.require(scanned >= 1 && scanned <= n.inputs(), "it scans {} of {} inputs", scanned, n.inputs());
  const size_t states = n.inputs() - scanned;
  std::vector<int64_t> inAxes = n.numbers("scan_input_axes"), inTurns = n.numbers("scan_input_directions");
  std::vector<int64_t> outAxes = n.numbers("scan_output_axes"), outTurns = n.numbers("scan_output_directions");
  inAxes.resize(scanned, 0);
  inTurns.resize(scanned, 0);
  const size_t kept = n.outputs() - std::min(states, n.outputs());
  outAxes.resize(kept, 0);
  outTurns.resize(kept, 0);
  std::vector<Tensor> inputs = n.all();
  int64_t count = -1;
  for (size_t i = 0; i < scanned; ++i) {
    Tensor &x = inputs[states + i];
    inAxes[i] = n.axisOf(inAxes[i], x.rank());
    n.require(count < 0 || x.size(inAxes[i]) == count, "it scans axes of {} and {} elements", count, x.size(inAxes[i]));
    count = x.size(inAxes[i]);
  }
  Region region;
  Block &block = region.emplaceBlock();
  block.addArgument(n.b.getIndexType(), n.loc);
  SmallVector<Value> start, yielded;
  for (size_t i = 0; i < states; ++i) {
    block.addArgument(inputs[i].value.getType(), n.loc);
    start.push_back(inputs[i].value);
  }
  auto turned = [&](Value index, bool backwards) -> Value {
    return backwards ? n.b.create<arith::SubIOp>(n.loc, n.index(count - 1), index).getResult() : index;
  };
  std::vector<Bound> results;
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToStart(&block);
    std::vector<Bound> arguments;
    for (size_t i = 0; i < states; ++i)
      arguments.push_back(Bound{{Tensor{block.getArgument(static_cast<unsigned>(1 + i)), inputs[i].type}}, false});
    for (size_t i = 0; i < scanned; ++i) {
      Tensor x = inputs[states + i];
      Sizes shape(x.shape()), row(x.shape());
      shape[static_cast<size_t>(inAxes[i])] = 1;
      row.erase(row.begin() + inAxes[i]);
      SmallVector<OpFoldResult> offsets(shape.size(), n.b.getIndexAttr(0)), ones(shape.size(), n.b.getIndexAttr(1));
      offsets[static_cast<size_t>(inAxes[i])] = turned(block.getArgument(0), inTurns[i] != 0);
      auto sizes = getAsIndexOpFoldResult(n.b.getContext(), shape);
      Tensor part{n.b.create<tensor::ExtractSliceOp>(n.loc, x.value, offsets, sizes, ones), x.type};
      arguments.push_back(Bound{{n.reshape(part, row)}, false});
    }
    results = n.runGraph("body", arguments);
    n.require(results.size() >= n.outputs(), "its body gives {} results", results.size());
    std::vector<Bound> after(results.begin(), results.begin() + static_cast<int64_t>(states));
    yielded = valuesOf(after);
    n.require(TypeRange(ValueRange(yielded)) == TypeRange(ValueRange(start)),
              "its states change their shapes or types");
  }
  for (size_t k = 0; k < kept; ++k) {
    Tensor row = results[states + k].parts.at(0);
    outAxes[k] = n.axisOf(outAxes[k], row.rank() + 1);
    Sizes shape(row.shape());
    shape.insert(shape.begin() + outAxes[k], count);
    Tensor rows = n.empty(row.type, shape);
    start.push_back(rows.value);
    Value sofar = block.addArgument(rows.value.getType(), n.loc);
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&block);
    yielded.push_back(insertRow(n, row, sofar, turned(block.getArgument(0), outTurns[k] != 0), outAxes[k]));
  }
  auto loop = n.b.create<scf::ForOp>(n.loc, n.index(0), n.index(count), n.index(1), start);
  {
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&block);
    n.b.create<scf::YieldOp>(n.loc, yielded);
  }
  loop.getRegion().takeBody(region);
  for (size_t i = 0; i < n.outputs(); ++i)
    n.out(i, {loop.getResult(static_cast<unsigned>(i)), results[i].parts.at(0).type});
}

void oldScan(NodeBuilder &n) {
  n.fail("Scan of opset 8, with a batch dimension, is not supported; convert the model to a newer opset");
}

} // namespace

void addControl(Registry &r) {
  r.add("If", ifOp);
  r.add("Loop", loopOp);
  r.add("Scan", oldScan, 8);
  r.add("Scan", scanOp, 9);
}

} // namespace weft::frontend::onnx
