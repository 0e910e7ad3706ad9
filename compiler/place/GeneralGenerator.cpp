// Text generators on the general path: prefill and decode as functions of static tensors.
//
// Rows are as many as the cache holds in prefill and one in decode; ids beyond those in use are 0, and what is computed
// of them nobody reads: attention sees no token after its own. Caches are arguments and results that stay in SRAM.
#include "compiler/place/GeneralPlacer.h"

#include "compiler/graph/GraphModule.h"
#include "dialects/xf/XfDialect.h"
#include "dialects/xf/XfPasses.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace weft::grid;

namespace weft::place {

static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

namespace {

Type staticType(Type type, int64_t rows) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.hasStaticShape())
    return type;
  SmallVector<int64_t> shape(tensor.getShape());
  std::replace(shape.begin(), shape.end(), ShapedType::kDynamic, rows);
  return RankedTensorType::get(shape, tensor.getElementType());
}

void setTypes(ValueRange values, int64_t rows) {
  for (Value value : values)
    value.setType(staticType(value.getType(), rows));
}

/// Every dynamic extent becomes `rows`.
void makeStatic(func::FuncOp function, int64_t rows) {
  SmallVector<Operation *> ops;
  function.walk([&](Operation *op) { ops.push_back(op); });
  setTypes(function.getArguments(), rows);
  for (Operation *op : ops) {
    setTypes(op->getResults(), rows);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        setTypes(block.getArguments(), rows);
    OpBuilder b(op);
    auto replace = [&](Value made) {
      op->getResult(0).replaceAllUsesWith(made);
      op->erase();
    };
    // The sizes with `rows` for those that are not fixed; none: all are.
    auto fixedSizes = [&](SmallVector<OpFoldResult> sizes) -> std::optional<SmallVector<OpFoldResult>> {
      if (llvm::all_of(sizes, [](OpFoldResult size) { return isa<Attribute>(size); }))
        return std::nullopt;
      for (OpFoldResult &size : sizes)
        if (isa<Value>(size))
          size = b.getIndexAttr(rows);
      return sizes;
    };
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](tensor::EmptyOp empty) {
          if (!empty.getDynamicSizes().empty())
            replace(
                b.create<tensor::EmptyOp>(op->getLoc(), empty.getType().getShape(), empty.getType().getElementType()));
        })
        .Case([&](tensor::ExtractSliceOp slice) {
          if (auto sizes = fixedSizes(slice.getMixedSizes()))
            replace(b.create<tensor::ExtractSliceOp>(op->getLoc(), slice.getType(), slice.getSource(),
                                                     slice.getMixedOffsets(), *sizes, slice.getMixedStrides()));
        })
        .Case([&](tensor::InsertSliceOp slice) {
          if (auto sizes = fixedSizes(slice.getMixedSizes()))
            replace(b.create<tensor::InsertSliceOp>(op->getLoc(), slice.getSource(), slice.getDest(),
                                                    slice.getMixedOffsets(), *sizes, slice.getMixedStrides()));
        })
        .Case([&](tensor::ExpandShapeOp expand) {
          if (!expand.getOutputShape().empty())
            replace(b.create<tensor::ExpandShapeOp>(op->getLoc(), expand.getType(), expand.getSrc(),
                                                    expand.getReassociationIndices()));
        });
  }
  function.setType(FunctionType::get(
      function.getContext(), function.getArgumentTypes(),
      llvm::map_to_vector(function.getResultTypes(), [&](Type type) { return staticType(type, rows); })));
}

/// Arguments (ids, position?, caches…) become (launch words, caches…); the words are [n, id…].
void takeLaunchWords(func::FuncOp function, int64_t rows, bool decode) {
  MLIRContext *context = function.getContext();
  auto wordsType = RankedTensorType::get({1 + rows}, IntegerType::get(context, 32));
  Location loc = NameLoc::get(StringAttr::get(context, "host_input"));
  function.insertArgument(0, wordsType, {}, loc);
  Block &body = function.getBody().front();
  ImplicitLocOpBuilder b(loc, context);
  b.setInsertionPointToStart(&body);
  Value words = body.getArgument(0), zero = b.create<arith::ConstantIndexOp>(0),
        one = b.create<arith::ConstantIndexOp>(1);
  Value n = b.create<arith::IndexCastOp>(b.getIndexType(), b.create<tensor::ExtractOp>(words, zero));
  auto idsType = RankedTensorType::get({rows}, b.getI32Type());
  Value none = b.create<arith::ConstantIntOp>(0, 32);
  auto ids = b.create<linalg::GenericOp>(
      idsType, ValueRange{}, ValueRange{b.create<tensor::EmptyOp>(ArrayRef<int64_t>{rows}, b.getI32Type())},
      ArrayRef<AffineMap>{b.getMultiDimIdentityMap(1)}, ArrayRef<utils::IteratorType>{utils::IteratorType::parallel},
      [&](OpBuilder &nested, Location at, ValueRange) {
        Value row = nested.create<linalg::IndexOp>(at, 0);
        Value id = nested.create<tensor::ExtractOp>(at, words, ValueRange{nested.create<arith::AddIOp>(at, row, one)});
        if (!decode) {
          Value used = nested.create<arith::CmpIOp>(at, arith::CmpIPredicate::ult, row, n);
          id = nested.create<arith::SelectOp>(at, used, id, none);
        }
        nested.create<linalg::YieldOp>(at, id);
      });
  // Costs are measured on words of zero, where there is no last token.
  Value last = b.create<arith::MaxSIOp>(b.create<arith::SubIOp>(n, one), zero);
  body.getArgument(1).replaceAllUsesWith(ids.getResult(0));
  bool position = body.getNumArguments() > 2 && body.getArgument(2).getType().isIndex();
  if (position)
    body.getArgument(2).replaceAllUsesWith(decode ? last : zero);
  if (position)
    function.eraseArgument(2);
  function.eraseArgument(1);
  // Rows beyond the tokens in use make no sequence long.
  function.walk([&](xf::RopeOp op) {
    if (op.getLongFrom())
      op.getUsedMutable().assign(n);
  });
  // The newest token's row is the last one in use.
  if (!decode)
    function.walk([&](xf::LastRowOp op) {
      b.setInsertionPoint(op);
      b.setLoc(op.getLoc());
      int64_t columns = cast<RankedTensorType>(op.getType()).getDimSize(1);
      SmallVector<OpFoldResult> offsets = {last, b.getIndexAttr(0)},
                                sizes = {b.getIndexAttr(1), b.getIndexAttr(columns)}, strides(2, b.getIndexAttr(1));
      Value row =
          b.create<tensor::ExtractSliceOp>(cast<RankedTensorType>(op.getType()), op.getX(), offsets, sizes, strides);
      op.replaceAllUsesWith(row);
      op.erase();
    });
}

} // namespace

LogicalResult prepareGenerator(ModuleOp module, int64_t maxSeq) {
  for (auto function : module.getOps<func::FuncOp>()) {
    bool decode = function.getName() == graph::decodeFunction;
    if (!decode && function.getName() != graph::prefillFunction)
      return function.emitError("a text generator has the phases prefill and decode");
    makeStatic(function, decode ? 1 : maxSeq);
    takeLaunchWords(function, decode ? 1 : maxSeq, decode);
    xf::splitCachesInSignature(function);
  }
  RewritePatternSet decompose(module.getContext());
  xf::populateDecomposeToLinalgPatterns(decompose);
  if (failed(applyPatternsAndFoldGreedily(module, std::move(decompose))))
    return module.emitError("the ops of the model do not decompose to linalg");
  // What is left are tokens in the cache: all that it holds, since those to come are masked.
  for (auto function : module.getOps<func::FuncOp>())
    makeStatic(function, maxSeq);
  return prepareGeneral(module);
}

// ---- what stays between launches --------------------------------------------------------------------------------

Division GeneralPlacer::stateDivision(RankedTensorType type) const {
  Division division = whole;
  auto divides = [&](int64_t dimension) { return type.getRank() > dimension && type.getDimSize(dimension) > 1; };
  if (cores(1) > 1 && divides(0))
    division[1] = 0;
  if (cores(0) > 1 && (divides(1) || divides(2)))
    division[0] = divides(1) ? 1 : 2;
  return division;
}

LogicalResult GeneralPlacer::placeState(func::FuncOp source) {
  BlockArgument words = source.getArgument(0);
  builder.setLoc(words.getLoc());
  values[words].forms.emplace_back(whole, builder.create<LaunchOp>(gridType(tensorOf(words), whole)));
  for (BlockArgument cache : source.getArguments().drop_front()) {
    RankedTensorType type = tensorOf(cache);
    if (!type || !type.hasStaticShape())
      return source.emitError("a text generator carries tensors of fixed shape from launch to launch, not ")
             << cache.getType();
    Division division = stateDivision(type);
    unsigned number = cache.getArgNumber() - 1;
    std::string name = "cache" + std::to_string(number / 2) + (number % 2 ? ".values" : ".keys");
    builder.setLoc(NameLoc::get(builder.getStringAttr(name)));
    values[cache].forms.emplace_back(division, builder.create<CacheOp>(gridType(type, division), name));
  }
  return success();
}

std::optional<bool> GeneralPlacer::placeUpdate(Operation *op) {
  auto slice = dyn_cast<tensor::InsertSliceOp>(op);
  auto found = llvm::find_if(states, [&](auto &state) {
    return slice && state.first == slice.getResult() && state.second == slice.getDest() && state.second.hasOneUse();
  });
  if (found == states.end())
    return std::nullopt;
  auto [division, cache] = values[slice.getDest()].forms.front();
  const Split split{division};
  const std::optional<OpLoops> loops = loopsOf(op);
  for (int64_t loop : division)
    if (loop >= 0 && loops->kinds[loop] == OpLoops::Kind::Fixed)
      return std::nullopt;
  LocalFunction function = LocalBuilder(op, loops, split, {mesh.width, mesh.height}, [&](Value value, auto dims) {
                             return value == slice.getDest() ? division : wanted(value, dims, split);
                           }).build();
  auto isCache = [&](const KernelInput &input) { return input.value == slice.getDest(); };
  const auto updated = static_cast<unsigned>(llvm::find_if(function.inputs, isCache) - function.inputs.begin());
  if (updated == function.inputs.size()) // nothing is written
    return std::nullopt;
  auto kernel = kernels::buildGeneral(module, function.function, "insert_slice", updated);
  SmallVector<Value> ins;
  for (const KernelInput &input : function.inputs)
    if (!isCache(input) && failed(pass(input, ins)))
      return false;
  if (failed(kernel))
    return false;
  values[slice.getResult()].forms.emplace_back(division, callGeneral(*kernel, ins, cache, split)[0]);
  states.erase(found);
  note(op, split, describe(*loops, split));
  return true;
}

/// Whether `op` is no step of its own: a view, or what kernels make again where they use it.
static bool standsElsewhere(Operation *op) {
  bool isView = isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ReshapeOp>(op);
  return isView || llvm::all_of(op->getResults(), isMadeInKernel);
}

/// Whether an op after `op` looks at `value`, at a view of it or at a scalar of it.
static bool isReadAfter(Value value, Operation *op) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    Operation *top = op->getBlock()->findAncestorOpInBlock(*user);
    return (op->isBeforeInBlock(top) && !top->hasTrait<OpTrait::IsTerminator>()) ||
           (standsElsewhere(top) && llvm::any_of(top->getResults(), [&](Value made) { return isReadAfter(made, op); }));
  });
}

/// The cache that `value` is, perhaps seen in another shape; null: it is none.
static BlockArgument cacheOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp, tensor::ReshapeOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return cast<BlockArgument>(value);
}

LogicalResult GeneralPlacer::storeStates(Operation *op) {
  SmallVector<std::pair<Value, Value>> later;
  auto becomesAnother = [&](Value state) {
    return llvm::any_of(states, [&](auto &other) { return other.second != state && cacheOf(other.first) == state; });
  };
  if (!op && failed(keepCaches()))
    return failure();
  for (auto [value, state] : states) {
    Operation *maker = value.getDefiningOp();
    bool isThere = !op || (maker && (maker == op || maker->isBeforeInBlock(op)));
    if (!isThere || (op && (isReadAfter(state, op) || becomesAnother(state))))
      later.emplace_back(value, state);
    else if (failed(storeState(value, state, op ? op : state.getParentBlock()->getTerminator())))
      return failure();
  }
  states = std::move(later);
  return success();
}

/// All of `value`, where placement has passed.
static Operation *copyBefore(Operation *before, Value value) {
  RankedTensorType type = tensorOf(value);
  OpBuilder copies(before);
  SmallVector<OpFoldResult> offsets(type.getRank(), copies.getIndexAttr(0)),
      strides(type.getRank(), copies.getIndexAttr(1)), sizes;
  for (int64_t extent : type.getShape())
    sizes.push_back(copies.getIndexAttr(extent));
  return copies.create<tensor::ExtractSliceOp>(value.getLoc(), type, value, offsets, sizes, strides);
}

/// Caches that become others are copied before any is overwritten.
LogicalResult GeneralPlacer::keepCaches() {
  for (auto &[value, state] : states) {
    if (BlockArgument cache = cacheOf(value); !cache || cache == state)
      continue;
    Operation *copy = copyBefore(state.getParentBlock()->getTerminator(), value);
    if (failed(placeKernel(copy, {}, Split{values[state].forms.front().first})))
      return failure();
    value = copy->getResult(0);
  }
  return success();
}

LogicalResult GeneralPlacer::storeState(Value value, Value state, Operation *before) {
  if (value == state)
    return success();
  builder.setLoc(value.getLoc());
  auto &[division, cache] = values[state].forms.front();
  return placeKernel(copyBefore(before, value), cache, Split{division});
}

} // namespace weft::place
