// From tensors to buffers, none of which is allocated when the kernel runs.
#include "kernels/General.h"
#include "kernels/GeneralSteps.h"

#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/Bufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/TensorInferTypeOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

#include <algorithm>

using namespace mlir;

namespace weft::kernels {

void registerBufferization(MLIRContext *context) {
  DialectRegistry registry;
  arith::registerBufferizableOpInterfaceExternalModels(registry);
  bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerBufferizableOpInterfaceExternalModels(registry);
  linalg::registerSubsetOpInterfaceExternalModels(registry);
  scf::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerBufferizableOpInterfaceExternalModels(registry);
  tensor::registerSubsetOpInterfaceExternalModels(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<bufferization::BufferizationDialect, memref::MemRefDialect>();
}

static MemRefType bufferOf(Type tensor) {
  auto type = cast<RankedTensorType>(tensor);
  return MemRefType::get(type.getShape(), type.getElementType());
}

/// The operand whose tensor `value` is an update of; null if it is none.
static OpOperand *updatedBy(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto destination = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return destination.getTiedOpOperand(cast<OpResult>(value));
  if (auto loop = dyn_cast_if_present<scf::ForOp>(op))
    return &loop.getInitsMutable()[cast<OpResult>(value).getResultNumber()];
  if (auto loop = dyn_cast_if_present<scf::WhileOp>(op))
    return &loop.getInitsMutable()[cast<OpResult>(value).getResultNumber()];
  return nullptr;
}

/// Whether a result may be computed in its buffer from its first update on: what the result is an update of is used for
/// nothing else, which could be read after the result is written.
static bool isOwnTensor(Value result) {
  for (Value value = result;;) {
    OpOperand *next = updatedBy(value);
    if (!next)
      return !value.getDefiningOp() || value.getDefiningOp()->getNumRegions() == 0;
    value = next->get();
    if (!value.hasOneUse() && !value.getDefiningOp<bufferization::ToTensorOp>())
      return false;
  }
}

/// Each use of an uninitialised tensor gets one of its own: it may become part of a result.
static void separateEmptyTensors(func::FuncOp function) {
  SmallVector<tensor::EmptyOp> shared;
  function.walk([&](tensor::EmptyOp op) { shared.push_back(op); });
  for (tensor::EmptyOp op : shared)
    for (OpOperand &use : llvm::make_early_inc_range(llvm::drop_begin(op->getUses())))
      use.set(OpBuilder(op).clone(*op)->getResult(0));
}

/// A result that other ops use, too, is copied as soon as it is there: one of them may be computed in its place.
static void copySharedResults(func::FuncOp function) {
  Operation *end = function.getBody().front().getTerminator();
  for (OpOperand &result : end->getOpOperands()) {
    Operation *source = result.get().getDefiningOp();
    if (!source || result.get().hasOneUse() || !isa<RankedTensorType>(result.get().getType()) ||
        isa<arith::ConstantOp>(source))
      continue;
    ImplicitLocOpBuilder b(source->getLoc(), function.getContext());
    b.setInsertionPointAfter(source);
    auto type = cast<RankedTensorType>(result.get().getType());
    Value empty = b.create<tensor::EmptyOp>(type.getShape(), type.getElementType());
    result.set(b.create<linalg::CopyOp>(ValueRange{result.get()}, ValueRange{empty}).getResult(0));
  }
}

/// A result that is an argument with some updates, or a part of one: that is copied to where the result is wanted, and
/// updated there.
static void updateInPlace(bufferization::MaterializeInDestinationOp write) {
  auto isGiven = [](Value value) {
    if (auto part = value.getDefiningOp<tensor::ExtractSliceOp>())
      value = part.getSource();
    return value.getDefiningOp<bufferization::ToTensorOp>() != nullptr;
  };
  OpOperand *link = &write.getSourceMutable();
  while (!isGiven(link->get())) {
    OpOperand *next = link->get().hasOneUse() ? updatedBy(link->get()) : nullptr;
    if (!next)
      return;
    link = next;
  }
  if (link->getOwner() == write)
    return;
  OpBuilder b(link->getOwner());
  Location loc = write.getLoc();
  Value out = b.create<bufferization::ToTensorOp>(loc, link->get().getType(), write.getDest(), /*restrict=*/true,
                                                  /*writable=*/true);
  link->set(b.create<linalg::CopyOp>(loc, link->get(), out).getResult(0));
  write.setRestrict(false);
}

/// Arguments become buffers that are read, results arguments that are written; argument `updated` and the first result
/// are one of these.
static void passBuffers(func::FuncOp function, std::optional<unsigned> updated) {
  Block &entry = function.getBody().front();
  auto ret = cast<func::ReturnOp>(entry.getTerminator());
  OpBuilder b = OpBuilder::atBlockBegin(&entry);
  unsigned tensors = 0;
  for (BlockArgument argument : entry.getArguments()) {
    if (!isa<RankedTensorType>(argument.getType()) || argument.getArgNumber() == updated)
      continue;
    ++tensors;
    Type type = argument.getType();
    argument.setType(bufferOf(type));
    auto tensor = b.create<bufferization::ToTensorOp>(argument.getLoc(), type, argument, /*restrict=*/true,
                                                      /*writable=*/false);
    argument.replaceAllUsesExcept(tensor, tensor);
  }
  b.setInsertionPoint(ret);
  SmallVector<Value> results(ret.getOperands());
  ret.getOperandsMutable().clear();
  if (updated) { // stands where results do
    BlockArgument given = entry.getArgument(*updated);
    const Location loc = given.getLoc();
    Value out = entry.insertArgument(++tensors, bufferOf(given.getType()), loc);
    b.setInsertionPointToStart(&entry);
    Value before = b.create<bufferization::ToTensorOp>(loc, given.getType(), out, /*restrict=*/true, /*writable=*/true);
    given.replaceAllUsesWith(before);
    std::replace(results.begin(), results.end(), Value(given), before);
    entry.eraseArgument(*updated);
    b.setInsertionPoint(ret);
    auto write = b.create<bufferization::MaterializeInDestinationOp>(loc, results.front(), out);
    write.setWritable(true);
  }
  for (Value result : ArrayRef(results).drop_front(updated ? 1 : 0)) {
    Value out = entry.insertArgument(tensors++, bufferOf(result.getType()), result.getLoc());
    auto write = b.create<bufferization::MaterializeInDestinationOp>(result.getLoc(), result, out);
    write.setRestrict(isOwnTensor(result));
    write.setWritable(true);
    updateInPlace(write);
  }
  function.setType(b.getFunctionType(entry.getArgumentTypes(), {}));
}

static LogicalResult runPasses(func::FuncOp function) {
  bufferization::OneShotBufferizationOptions options;
  options.bufferAlignment = 0;
  options.memCpyFn = [](OpBuilder &b, Location loc, Value from, Value to) {
    b.create<linalg::CopyOp>(loc, ValueRange{from}, ValueRange{to});
    return success();
  };
  IRRewriter rewriter(function.getContext());
  if (failed(bufferization::eliminateEmptyTensors(rewriter, function)))
    return failure();
  RewritePatternSet patterns(function.getContext());
  bufferization::populateEmptyTensorToAllocTensorPattern(patterns);
  if (failed(applyPatternsAndFoldGreedily(function, std::move(patterns))) ||
      failed(bufferization::runOneShotBufferize(function, options)))
    return failure();
  PassManager tidy(function.getContext(), func::FuncOp::getOperationName());
  tidy.addPass(createCanonicalizerPass());
  tidy.addPass(createCSEPass());
  return tidy.run(function);
}

/// What has no element is not looked at; some of its types the lowering of functions does not know.
static void emptyArguments(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (type && type.getNumElements() == 0 && argument.use_empty())
      argument.setType(MemRefType::get({0}, type.getElementType()));
  }
  function.setType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(), {}));
}

/// Ops that do nothing: copies of a buffer to itself, loops of no step.
static void removeIdle(func::FuncOp function) {
  function.walk([](linalg::LinalgOp op) {
    auto copy = dyn_cast<linalg::CopyOp>(op.getOperation());
    bool toItself = copy && copy.getInputs().front() == copy.getOutputs().front();
    if (toItself || llvm::is_contained(op.getStaticLoopRanges(), 0))
      op->erase();
  });
}

/// The same place serves all iterations: what a loop carries is written to buffers that are no allocations inside it.
static void hoistAllocations(func::FuncOp function) {
  Block &entry = function.getBody().front();
  function.walk([&](memref::AllocOp op) { op->moveBefore(&entry, entry.begin()); });
}

/// An op that has no form on buffers.
static LogicalResult checkOps(func::FuncOp function) {
  auto isTensor = [](Type type) { return isa<TensorType>(type); };
  WalkResult result = function.walk([&](Operation *op) {
    bool isKnown = isa<bufferization::BufferizableOpInterface, func::FuncOp, func::ReturnOp>(op) ||
                   (llvm::none_of(op->getResultTypes(), isTensor) && llvm::none_of(op->getOperandTypes(), isTensor));
    if (isKnown)
      return WalkResult::advance();
    op->emitOpError("cannot be part of a kernel");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult bufferize(func::FuncOp function, std::optional<unsigned> updated) {
  if (failed(checkOps(function)))
    return failure();
  separateEmptyTensors(function);
  copySharedResults(function);
  passBuffers(function, updated);
  if (failed(runPasses(function)))
    return failure();
  removeIdle(function);
  emptyArguments(function);
  hoistAllocations(function);
  return success();
}

// ---- booleans ---------------------------------------------------------------------------------------------------

static Type asBytes(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref || !memref.getElementType().isInteger(1))
    return type;
  return MemRefType::Builder(memref).setElementType(IntegerType::get(type.getContext(), 8));
}

static Value toBoolean(OpBuilder &b, Location loc, Value byte) {
  Value zero = b.create<arith::ConstantOp>(loc, b.getZeroAttr(byte.getType()));
  return b.create<arith::CmpIOp>(loc, arith::CmpIPredicate::ne, byte, zero);
}

/// The elements of a structured op that lie in bytes.
static void readAsBytes(linalg::GenericOp op) {
  Block *body = op.getBody();
  OpBuilder b = OpBuilder::atBlockBegin(body);
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument element = body->getArgument(operand.getOperandNumber());
    if (!isa<MemRefType>(operand.get().getType()) || !element.getType().isInteger(1))
      continue;
    element.setType(b.getI8Type());
    if (element.use_empty())
      continue;
    Value value = toBoolean(b, op.getLoc(), element);
    element.replaceAllUsesExcept(value, value.getDefiningOp());
  }
  Operation *yield = body->getTerminator();
  b.setInsertionPoint(yield);
  for (OpOperand &yielded : yield->getOpOperands())
    if (yielded.get().getType().isInteger(1))
      yielded.set(b.create<arith::ExtUIOp>(op.getLoc(), b.getI8Type(), yielded.get()));
}

/// Constants of booleans as bytes.
static void storeAsBytes(memref::GlobalOp global) {
  Type bytes = asBytes(global.getType());
  if (bytes == global.getType())
    return;
  global.setTypeAttr(TypeAttr::get(bytes));
  auto values = dyn_cast_if_present<DenseElementsAttr>(global.getInitialValueAttr());
  if (!values)
    return;
  SmallVector<int8_t> numbers;
  for (bool value : values.getValues<bool>())
    numbers.push_back(value);
  auto type = RankedTensorType::get(global.getType().getShape(), IntegerType::get(global.getContext(), 8));
  global.setInitialValueAttr(DenseElementsAttr::get(type, ArrayRef<int8_t>(numbers)));
}

void storeBooleansAsBytes(func::FuncOp function) {
  auto hasBooleans = [](Operation *op) {
    return llvm::any_of(op->getOperandTypes(), [](Type type) { return asBytes(type) != type; });
  };
  SmallVector<Operation *> users;
  function.walk([&](Operation *op) {
    if (hasBooleans(op) && isa<linalg::LinalgOp, memref::LoadOp, memref::StoreOp>(op))
      users.push_back(op);
  });
  IRRewriter rewriter(function.getContext());
  SmallVector<linalg::GenericOp> structured;
  for (Operation *op : users) {
    rewriter.setInsertionPoint(op);
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      structured.push_back(generic);
    else if (auto named = dyn_cast<linalg::LinalgOp>(op))
      structured.push_back(*linalg::generalizeNamedOp(rewriter, named));
    else if (auto store = dyn_cast<memref::StoreOp>(op)) {
      Value byte = rewriter.create<arith::ExtUIOp>(op->getLoc(), rewriter.getI8Type(), store.getValueToStore());
      store.getValueMutable().set(byte);
    }
  }
  function.walk([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        argument.setType(asBytes(argument.getType()));
    for (OpResult result : op->getResults())
      result.setType(asBytes(result.getType()));
  });
  for (linalg::GenericOp op : structured)
    readAsBytes(op);
  for (Operation *op : users)
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      load.getResult().setType(rewriter.getI8Type());
      rewriter.setInsertionPointAfter(load);
      Value value = toBoolean(rewriter, load.getLoc(), load);
      load.getResult().replaceAllUsesExcept(value, value.getDefiningOp());
    }
  for (auto global : function->getParentOfType<ModuleOp>().getOps<memref::GlobalOp>())
    storeAsBytes(global);
  function.setType(FunctionType::get(function.getContext(), function.getBody().getArgumentTypes(), {}));
}

// ---- scratch ----------------------------------------------------------------------------------------------------

namespace {
/// An allocation and the ops of the function's body between which it holds something.
struct Allocation {
  memref::AllocOp op;
  int64_t bytes = 0, first = 0, last = -1, offset = 0;
};
} // namespace

/// All ops that reach the buffer of `op`, under any name.
static void extendLife(Allocation &allocation, const DenseMap<Operation *, int64_t> &places, Block &entry) {
  SmallVector<Value> names{allocation.op.getResult()};
  llvm::SmallDenseSet<Value> seen;
  auto alsoCalled = [&](ValueRange values) {
    for (Value value : values)
      if (isa<BaseMemRefType>(value.getType()))
        names.push_back(value);
  };
  bool used = false;
  while (!names.empty()) {
    Value name = names.pop_back_val();
    if (!seen.insert(name).second)
      continue;
    for (Operation *user : name.getUsers()) {
      int64_t place = places.lookup(entry.findAncestorOpInBlock(*user));
      allocation.first = used ? std::min(allocation.first, place) : place;
      allocation.last = std::max(allocation.last, place);
      used = true;
      alsoCalled(user->getResults());
      for (Region &region : user->getRegions())
        if (!isa<linalg::LinalgOp>(user))
          alsoCalled(region.getArguments());
      if (user->hasTrait<OpTrait::IsTerminator>()) {
        alsoCalled(user->getParentOp()->getResults());
        for (Region &region : user->getParentOp()->getRegions())
          alsoCalled(region.getArguments());
      }
    }
  }
}

/// The lowest place for each, the largest first, that none of those it meets has. Returns the bytes of all together.
static int64_t placeAll(MutableArrayRef<Allocation> allocations) {
  SmallVector<Allocation *> order;
  for (Allocation &each : allocations)
    order.push_back(&each);
  llvm::sort(order, [](auto *a, auto *b) { return std::pair(-a->bytes, a) < std::pair(-b->bytes, b); });
  int64_t total = 0;
  for (auto [i, each] : llvm::enumerate(order)) {
    SmallVector<Allocation *> met;
    for (Allocation *other : ArrayRef(order).take_front(i))
      if (other->first <= each->last && each->first <= other->last)
        met.push_back(other);
    llvm::sort(met, [](auto *a, auto *b) { return a->offset < b->offset; });
    for (Allocation *other : met)
      if (each->offset + each->bytes > other->offset)
        each->offset = std::max(each->offset, other->offset + other->bytes);
    total = std::max(total, each->offset + each->bytes);
  }
  return total;
}

int64_t shareScratch(func::FuncOp function) {
  Block &entry = function.getBody().front();
  DenseMap<Operation *, int64_t> places;
  for (auto [i, op] : llvm::enumerate(entry))
    places[&op] = static_cast<int64_t>(i);
  SmallVector<Allocation> allocations;
  for (memref::AllocOp op : entry.getOps<memref::AllocOp>()) {
    MemRefType type = op.getType();
    int64_t bytes = type.getElementType().isIndex() ? 8 : llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    bytes = llvm::alignTo(bytes * type.getNumElements(), scratchAlignBytes);
    allocations.push_back({op, bytes});
    extendLife(allocations.back(), places, entry);
  }
  if (allocations.empty())
    return 0;
  int64_t total = std::max(placeAll(allocations), scratchAlignBytes);
  OpBuilder b = OpBuilder::atBlockBegin(&entry);
  unsigned position = llvm::count_if(entry.getArgumentTypes(), [](Type type) { return isa<MemRefType>(type); });
  Value scratch = entry.insertArgument(position, MemRefType::get({total}, b.getI8Type()), function.getLoc());
  for (Allocation &each : allocations) {
    b.setInsertionPoint(each.op);
    Value offset = b.create<arith::ConstantIndexOp>(each.op.getLoc(), each.offset);
    Value view = b.create<memref::ViewOp>(each.op.getLoc(), each.op.getType(), scratch, offset, ValueRange());
    each.op.replaceAllUsesWith(view);
    each.op->erase();
  }
  function.setType(b.getFunctionType(entry.getArgumentTypes(), {}));
  return total;
}

} // namespace weft::kernels
