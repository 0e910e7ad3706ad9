#include "compiler/place/GeneralLoops.h"

#include "kernels/LinearIndex.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace weft::place {

namespace {

using Kind = OpLoops::Kind;

RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

/// The index that `expr` is, as a LoopDim; nothing if it is not linear.
std::optional<LoopDim> dimOf(AffineExpr expr, unsigned loops) {
  LoopDim dim;
  if (auto single = dyn_cast<AffineDimExpr>(expr)) {
    dim.loop = single.getPosition();
    return dim;
  }
  std::optional<kernels::LinearIndex> linear = kernels::linearIndex(expr, loops);
  if (!linear)
    return std::nullopt;
  dim.factors.assign(linear->factors.begin(), linear->factors.end());
  return dim;
}

/// Whether the op adds up f32 in its one output.
bool addsUp(ArrayRef<Operation *> combiners) {
  return combiners.size() == 1 && isa<arith::AddFOp>(combiners[0]) && combiners[0]->getResult(0).getType().isF32();
}

/// The tensors that the body reads with tensor.extract and not otherwise.
void findCaptures(linalg::GenericOp op, OpLoops &loops) {
  llvm::MapVector<Value, SmallVector<tensor::ExtractOp>> reads;
  op.getBody()->walk([&](tensor::ExtractOp extract) {
    Operation *owner = extract.getTensor().getParentRegion()->getParentOp();
    if (owner != op && !op->isProperAncestor(owner))
      reads[extract.getTensor()].push_back(extract);
  });
  for (auto &[tensor, extracts] : reads) {
    size_t inside = llvm::count_if(tensor.getUsers(), [&](Operation *user) { return op->isProperAncestor(user); });
    if (inside != extracts.size())
      continue;
    LoopCapture capture{tensor, {}};
    for (int64_t d = 0; d < tensorOf(tensor).getRank(); ++d) {
      LoopDim dim;
      auto first = extracts.front().getIndices()[d].getDefiningOp<linalg::IndexOp>();
      bool same = first && llvm::all_of(extracts, [&](tensor::ExtractOp extract) {
                    auto index = extract.getIndices()[d].getDefiningOp<linalg::IndexOp>();
                    return index && index.getDim() == first.getDim();
                  });
      if (same && loops.extents[first.getDim()] == tensorOf(tensor).getDimSize(d))
        dim.loop = static_cast<int64_t>(first.getDim());
      capture.dims.push_back(dim);
    }
    loops.captures.push_back(std::move(capture));
  }
}

/// Whether the op gives nothing but what it reads from one capture, in f32, with one index that data decides: then that
/// dimension may be divided, too.
void findLookup(linalg::GenericOp op, OpLoops &loops) {
  if (loops.captures.size() != 1 || op.getNumReductionLoops() || op->getNumResults() != 1 ||
      !tensorOf(op->getResult(0)).getElementType().isF32())
    return;
  LoopCapture &capture = loops.captures.front();
  auto rows = llvm::find_if(capture.dims, [](const LoopDim &dim) { return dim.loop < 0; });
  auto isOpen = [](const LoopDim &dim) { return dim.loop < 0; };
  if (rows == capture.dims.end() || std::any_of(std::next(rows), capture.dims.end(), isOpen))
    return;
  Value given = op.getBody()->getTerminator()->getOperand(0);
  if (auto widened = given.getDefiningOp<arith::ExtFOp>())
    given = widened.getIn();
  auto extract = given.getDefiningOp<tensor::ExtractOp>();
  if (!extract || extract.getTensor() != capture.value || !isa<FloatType>(given.getType()))
    return;
  loops.lookup = static_cast<int64_t>(loops.extents.size());
  loops.extents.push_back(tensorOf(capture.value).getDimSize(rows - capture.dims.begin()));
  loops.kinds.push_back(Kind::Sum);
  rows->loop = loops.lookup;
}

std::optional<OpLoops> loopsOfGeneric(linalg::GenericOp op) {
  OpLoops loops;
  llvm::append_range(loops.extents, op.getStaticLoopRanges());
  SmallVector<Operation *, 1> combiners = combinersOf(op);
  Kind reduction = addsUp(combiners) ? Kind::Sum : combiners.empty() ? Kind::Fixed : Kind::Reduction;
  for (utils::IteratorType kind : op.getIteratorTypesArray())
    loops.kinds.push_back(kind == utils::IteratorType::parallel ? Kind::Parallel : reduction);
  unsigned count = loops.extents.size();
  for (OpOperand &operand : op->getOpOperands()) {
    loops.operands.emplace_back();
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      auto dim = dimOf(expr, count);
      if (!dim || llvm::any_of(dim->factors, [](int64_t factor) { return factor < 0; })) { // its loops stay whole
        dim.emplace();
        for (unsigned i = 0; i < count; ++i)
          if (expr.isFunctionOfDim(i))
            loops.kinds[i] = Kind::Fixed;
      }
      loops.operands.back().push_back(*dim);
    }
  }
  for (OpOperand &init : op.getDpsInitsMutable()) {
    loops.results.emplace_back();
    llvm::SmallDenseSet<int64_t> used;
    for (AffineExpr expr : op.getMatchingIndexingMap(&init).getResults()) {
      auto single = dyn_cast<AffineDimExpr>(expr);
      if (!single)
        return std::nullopt;
      loops.results.back().push_back(single.getPosition());
      used.insert(single.getPosition());
    }
    for (unsigned i = 0; i < count; ++i) // a parallel loop that a result does not follow is written many times
      if (loops.kinds[i] == Kind::Parallel && !used.contains(i))
        loops.kinds[i] = Kind::Fixed;
  }
  findCaptures(op, loops);
  findLookup(op, loops);
  return loops;
}

/// Loops over the dimensions of the one result.
OpLoops overResult(Operation *op) {
  OpLoops loops;
  RankedTensorType type = tensorOf(op->getResult(0));
  llvm::append_range(loops.extents, type.getShape());
  loops.kinds.assign(type.getRank(), Kind::Parallel);
  loops.operands.resize(op->getNumOperands());
  loops.results.emplace_back(llvm::to_vector<4>(llvm::seq<int64_t>(0, type.getRank())));
  return loops;
}

OpLoops loopsOfExtract(tensor::ExtractSliceOp op) {
  OpLoops loops = overResult(op);
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t next = 0;
  for (auto [d, extent] : llvm::enumerate(op.getSourceType().getShape())) {
    LoopDim dim;
    if (!dropped[d]) {
      auto offset = getConstantIntValue(op.getMixedOffsets()[d]);
      int64_t stride = getConstantIntValue(op.getMixedStrides()[d]).value_or(0);
      if (offset == 0 && stride == 1 && loops.extents[next] == extent) {
        dim.loop = next;
      } else if (stride) { // the result may be divided where the source is whole
        dim.factors.assign(loops.extents.size(), 0);
        dim.factors[next] = stride;
      } else {
        loops.kinds[next] = Kind::Fixed;
      }
      ++next;
    }
    loops.operands[0].push_back(dim);
  }
  return loops;
}

OpLoops loopsOfInsert(tensor::InsertSliceOp op) {
  OpLoops loops = overResult(op);
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (int64_t d = 0; d < op.getDestType().getRank(); ++d) {
    loops.operands[1].push_back({d, {}});
    auto size = getConstantIntValue(op.getMixedSizes()[d]);
    bool dense = size && getConstantIntValue(op.getMixedStrides()[d]) == 1;
    bool all = dense && !dropped[d] && *size == op.getDestType().getDimSize(d);
    if (!dense) // else a core writes what is in its block
      loops.kinds[d] = Kind::Fixed;
    if (!dropped[d])
      loops.operands[0].push_back({all ? d : -1, {}});
  }
  return loops;
}

OpLoops loopsOfPad(tensor::PadOp op) {
  OpLoops loops = overResult(op);
  for (int64_t d = 0; d < op.getResultType().getRank(); ++d) {
    bool none = op.getSourceType().getDimSize(d) == op.getResultType().getDimSize(d);
    if (!none)
      loops.kinds[d] = Kind::Fixed;
    loops.operands[0].push_back({none ? d : -1, {}});
  }
  // Indices in the padding's region would be local ones.
  if (!op.getConstantPaddingValue())
    loops.kinds.assign(loops.kinds.size(), Kind::Fixed);
  return loops;
}

OpLoops loopsOfConcat(tensor::ConcatOp op) {
  OpLoops loops = overResult(op);
  auto along = static_cast<int64_t>(op.getDim());
  loops.kinds[along] = Kind::Fixed;
  for (auto &dims : loops.operands)
    for (int64_t d = 0; d < op.getResultType().getRank(); ++d)
      dims.push_back({d == along ? -1 : d, {}});
  return loops;
}

} // namespace

double OpLoops::trips(llvm::function_ref<double(int64_t)> share) const {
  double product = 1, sum = 0;
  for (auto [loop, extent] : llvm::enumerate(extents))
    product *= static_cast<int64_t>(loop) == lookup ? 1.0 : static_cast<double>(extent) * share(loop);
  for (const Work &each : work) {
    double own = each.trips;
    for (int64_t loop : each.loops)
      own *= share(loop);
    sum += own;
  }
  return work.empty() ? product : sum;
}

SmallVector<Operation *, 1> combinersOf(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumReductionLoops() == 0)
    return {};
  SmallVector<Operation *, 1> combiners;
  for (auto [i, argument] : llvm::enumerate(generic.getRegionOutputArgs())) {
    Operation *combiner = generic.getBody()->getTerminator()->getOperand(i).getDefiningOp();
    bool known = combiner && combiner->getBlock() == generic.getBody() && combiner->getNumOperands() == 2 &&
                 combiner->getNumResults() == 1 && combiner->hasOneUse() && argument.hasOneUse() &&
                 *argument.getUsers().begin() == combiner && combiner->hasTrait<OpTrait::IsCommutative>() &&
                 arith::getNeutralElement(combiner);
    if (!known)
      return {};
    combiners.push_back(combiner);
  }
  return combiners;
}

std::optional<OpLoops> loopsOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<OpLoops>>(op)
      .Case([](linalg::GenericOp generic) { return loopsOfGeneric(generic); })
      .Case([](tensor::ExtractSliceOp slice) { return loopsOfExtract(slice); })
      .Case([](tensor::InsertSliceOp slice) { return loopsOfInsert(slice); })
      .Case([](tensor::PadOp pad) { return loopsOfPad(pad); })
      .Case([](tensor::ConcatOp concat) { return loopsOfConcat(concat); })
      .Case([](tensor::GenerateOp generate) { return overResult(generate); })
      .Case<scf::ForOp, scf::IfOp, scf::WhileOp>([](auto control) { return loopsOfRegions(control); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace weft::place
