// The rule for control flow. Its loops are sets of dimensions that all ops inside treat alike: what is done at one
// index there depends on nothing at another, so that each core does what concerns its own block. Indices that data
// decides are written where they lie in the block (the owner computes), and read only for that.
#include "compiler/place/GeneralRegions.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace weft::place {

static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

std::optional<int64_t> countOf(scf::ForOp loop) {
  std::optional<int64_t> end = getConstantIntValue(loop.getUpperBound());
  bool plain = getConstantIntValue(loop.getLowerBound()) == 0 && getConstantIntValue(loop.getStep()) == 1;
  return plain && end && *end > 0 ? end : std::nullopt;
}

std::optional<RegionPlace> placeOf(Operation *op) {
  auto ofElement = [](Value tensor, OperandRange indices, Value written) {
    RegionPlace place{tensor, getAsOpFoldResult(indices), {}, written};
    for (int64_t extent : tensorOf(tensor).getShape())
      place.single.push_back(extent > 1);
    return place;
  };
  auto ofSlice = [](Value tensor, OffsetSizeAndStrideOpInterface slice, Value written) {
    RegionPlace place{tensor, slice.getMixedOffsets(), {}, written};
    for (auto [size, extent] : llvm::zip(slice.getMixedSizes(), tensorOf(tensor).getShape()))
      place.single.push_back(getConstantIntValue(size) == 1 && extent > 1);
    return place;
  };
  return llvm::TypeSwitch<Operation *, std::optional<RegionPlace>>(op)
      .Case([&](tensor::ExtractOp read) { return ofElement(read.getTensor(), read.getIndices(), {}); })
      .Case([&](tensor::InsertOp write) { return ofElement(write.getDest(), write.getIndices(), write.getScalar()); })
      .Case([&](tensor::ExtractSliceOp slice) { return ofSlice(slice.getSource(), slice, {}); })
      .Case([&](tensor::InsertSliceOp slice) { return ofSlice(slice.getDest(), slice, slice.getSource()); })
      .Default([](Operation *) { return std::nullopt; });
}

namespace {

/// The loop whose iterations `index` counts.
scf::ForOp countedBy(OpFoldResult index) {
  auto argument = dyn_cast_if_present<BlockArgument>(dyn_cast<Value>(index));
  auto loop = argument ? dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()) : scf::ForOp();
  return loop && loop.getInductionVar() == argument && countOf(loop) ? loop : scf::ForOp();
}

/// What a kernel makes by itself can have any form.
bool isFree(Value value) { return tensorOf(value) && isMadeInKernel(value); }

} // namespace

// ---- sets -------------------------------------------------------------------------------------------------------

unsigned RegionLoops::node(int64_t extent) {
  extents.push_back(extent);
  fixed.push_back(false);
  sets.grow(extents.size());
  return extents.size() - 1;
}

ArrayRef<unsigned> RegionLoops::dimsOf(Value tensor) {
  auto [found, isNew] = dims.insert({tensor, {}});
  if (isNew) {
    for (int64_t extent : tensorOf(tensor).getShape())
      found->second.push_back(node(extent));
    apart.emplace_back(found->second.begin(), found->second.end());
  }
  return found->second;
}

unsigned RegionLoops::counterOf(scf::ForOp loop) {
  auto [found, isNew] = counters.insert({loop, 0});
  if (isNew)
    found->second = node(*countOf(loop));
  return found->second;
}

void RegionLoops::join(unsigned a, unsigned b) {
  if (extents[a] == extents[b]) {
    sets.join(a, b);
    return;
  }
  fix(a);
  fix(b);
}

void RegionLoops::join(Value a, Value b) {
  if (!tensorOf(a) || isFree(a) || isFree(b))
    return;
  SmallVector<unsigned> first(dimsOf(a)), second(dimsOf(b));
  for (auto [one, other] : llvm::zip_equal(first, second))
    join(one, other);
}

void RegionLoops::fix(Value tensor) {
  if (tensorOf(tensor) && !isFree(tensor))
    for (unsigned dim : dimsOf(tensor))
      fix(dim);
}

// ---- ops --------------------------------------------------------------------------------------------------------

void RegionLoops::visitLoops(Operation *op, const OpLoops &loops) {
  SmallVector<unsigned> own;
  for (auto [extent, kind] : llvm::zip(loops.extents, loops.kinds)) {
    own.push_back(node(extent));
    if (kind != OpLoops::Kind::Parallel)
      fix(own.back());
  }
  apart.emplace_back(own);
  auto follow = [&](Value value, ArrayRef<LoopDim> loopDims) {
    if (!tensorOf(value) || isFree(value))
      return;
    if (loopDims.empty())
      return fix(value);
    SmallVector<unsigned> its(dimsOf(value));
    for (auto [dim, loop] : llvm::zip_equal(its, loopDims))
      loop.loop < 0 ? fix(dim) : join(dim, own[loop.loop]);
  };
  for (auto [value, loopDims] : llvm::zip_equal(op->getOperands(), loops.operands))
    follow(value, loopDims);
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(op->getRegions(), above);
  for (const LoopCapture &capture : loops.captures) {
    follow(capture.value, capture.dims);
    above.remove(capture.value);
  }
  for (Value value : above)
    fix(value);
  for (auto [value, loopOfDim] : llvm::zip_equal(op->getResults(), loops.results)) {
    SmallVector<unsigned> its(dimsOf(value));
    for (auto [dim, loop] : llvm::zip_equal(its, loopOfDim))
      join(dim, own[loop]);
  }
}

/// An index that a loop counts is one of that loop; any other one, when it is written, is the owner's alone.
void RegionLoops::visitPlace(const RegionPlace &place, Value result) {
  if (isFree(place.tensor) && !place.written)
    return;
  SmallVector<unsigned> its(dimsOf(place.written ? result : place.tensor));
  for (auto [d, dim] : llvm::enumerate(its)) {
    if (!place.single[d])
      continue;
    scf::ForOp loop = countedBy(place.indices[d]);
    if (loop && root->isAncestor(loop) && *countOf(loop) == extents[dim])
      join(dim, counterOf(loop));
    else if (!place.written)
      reads.emplace_back(result.getDefiningOp(), static_cast<int64_t>(d));
  }
}

void RegionLoops::visitReshape(Value many, Value few, ArrayRef<ReassociationIndices> groups) {
  if (isFree(many) || isFree(few))
    return;
  SmallVector<unsigned> parts(dimsOf(many)), wholes(dimsOf(few));
  for (auto [dim, group] : llvm::zip_equal(wholes, groups))
    for (int64_t part : group)
      if (extents[parts[part]] != 1)
        join(parts[part], dim); // fixes both where there are several
}

void RegionLoops::visitOther(Operation *op) {
  for (Value value : op->getOperands())
    fix(value);
  for (Value value : op->getResults())
    fix(value);
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(op->getRegions(), above);
  for (Value value : above)
    fix(value);
}

/// Whether the op is known.
bool RegionLoops::visit(Operation *op) {
  if (op->getNumResults() > 0 && llvm::all_of(op->getResults(), [](Value value) { return isFree(value); }))
    return true;
  auto joinAll = [&](ValueRange some, ValueRange others) {
    for (auto [one, other] : llvm::zip_equal(some, others))
      join(one, other);
  };
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    joinAll(loop.getInitArgs(), loop.getRegionIterArgs());
    joinAll(loop.getYieldedValues(), loop.getRegionIterArgs());
    joinAll(loop.getResults(), loop.getRegionIterArgs());
  } else if (auto branch = dyn_cast<scf::IfOp>(op)) {
    for (Region &region : branch->getRegions())
      if (!region.empty())
        joinAll(region.front().getTerminator()->getOperands(), branch.getResults());
  } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    joinAll(loop.getInits(), loop.getBeforeArguments());
    joinAll(loop.getYieldOp().getOperands(), loop.getBeforeArguments());
    joinAll(loop.getConditionOp().getArgs(), loop.getAfterArguments());
    joinAll(loop.getResults(), loop.getAfterArguments());
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    visitReshape(collapse.getSrc(), collapse.getResult(), collapse.getReassociationIndices());
  } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    visitReshape(expand.getResult(), expand.getSrc(), expand.getReassociationIndices());
  } else if (auto read = dyn_cast<tensor::ExtractOp>(op)) {
    visitPlace(*placeOf(op), read);
  } else if (auto write = dyn_cast<tensor::InsertOp>(op)) {
    join(write.getDest(), write.getResult());
    visitPlace(*placeOf(op), write.getResult());
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    std::optional<OpLoops> loops = loopsOf(op);
    RegionPlace place = *placeOf(op);
    for (auto [d, dim] : llvm::enumerate(loops->operands[0]))
      if (place.single[d])
        dim.loop = -2; // left to visitPlace
    SmallVector<unsigned> source, dest(dimsOf(slice.getResult()));
    if (!isFree(slice.getSource()))
      source.assign(dimsOf(slice.getSource()).begin(), dimsOf(slice.getSource()).end());
    for (auto [dim, loop] : llvm::zip(source, loops->operands[0]))
      if (loop.loop >= 0)
        join(dim, dest[loop.loop]);
      else if (loop.loop == -1)
        fix(dim);
    for (auto [dim, kind] : llvm::zip(dest, loops->kinds))
      if (kind == OpLoops::Kind::Fixed)
        fix(dim);
    visitPlace(place, slice.getResult());
  } else if (std::optional<OpLoops> loops = loopsOf(op)) {
    visitLoops(op, *loops);
    if (auto slice = dyn_cast<tensor::InsertSliceOp>(op))
      visitPlace(*placeOf(op), slice.getResult());
  } else if (op->getNumRegions() > 0 && !isa<linalg::LinalgOp>(op)) {
    return false;
  } else if (!op->hasTrait<OpTrait::IsTerminator>()) {
    visitOther(op);
  }
  return true;
}

// ---- what all of them come to -----------------------------------------------------------------------------------

/// One core cannot have two indices of one set at a time.
void RegionLoops::fixDoubles() {
  for (auto &group : apart)
    for (size_t i = 0; i < group.size(); ++i)
      for (size_t j = i + 1; j < group.size(); ++j)
        if (isSame(group[i], group[j]))
          fix(group[i]);
}

SmallVector<LoopDim, 4> RegionLoops::numbered(Value tensor) {
  SmallVector<LoopDim, 4> loopDims;
  SmallVector<unsigned> its(dimsOf(tensor));
  for (unsigned dim : its) {
    auto found = numbers.find(sets.findLeader(dim));
    loopDims.push_back({found == numbers.end() ? -1 : found->second, {}});
  }
  return loopDims;
}

/// What each op does, as often as the loops around it run, and the copy of what it begins with.
void RegionLoops::addWork(OpLoops &loops) {
  constexpr double unknownTimes = 8, scalarTrips = 2;
  for (auto [value, loopOfDim] : llvm::zip_equal(root->getResults(), loops.results))
    if (RankedTensorType type = tensorOf(value)) {
      loops.work.push_back({static_cast<double>(type.getNumElements()), {}});
      llvm::copy_if(loopOfDim, std::back_inserter(loops.work.back().loops), [](int64_t loop) { return loop >= 0; });
    }
  root->walk([&](Operation *op) {
    if (op == root || isa<scf::ForOp, scf::IfOp, scf::WhileOp>(op) || op->hasTrait<OpTrait::IsTerminator>() ||
        op->hasTrait<OpTrait::ConstantLike>() || op->getParentOfType<linalg::LinalgOp>() || op->getNumResults() == 0)
      return;
    OpLoops::Work work{scalarTrips, {}};
    Value result = op->getResult(0);
    if (tensorOf(result)) {
      std::optional<OpLoops> own = isa<tensor::InsertOp, tensor::InsertSliceOp>(op) ? std::nullopt : loopsOf(op);
      Value written = result;
      if (auto slice = dyn_cast<tensor::InsertSliceOp>(op))
        written = slice.getSource();
      if (!isa<tensor::InsertOp>(op))
        work.trips = own ? own->trips() : static_cast<double>(tensorOf(written).getNumElements());
      for (const LoopDim &dim : numbered(result))
        if (dim.loop >= 0)
          work.loops.push_back(dim.loop);
    }
    for (Operation *parent = op->getParentOp(); root->isAncestor(parent); parent = parent->getParentOp()) {
      auto loop = dyn_cast<scf::ForOp>(parent);
      std::optional<int64_t> count = loop ? countOf(loop) : std::nullopt;
      work.trips *= count ? static_cast<double>(*count) : isa<scf::IfOp>(parent) ? 1.0 : unknownTimes;
      auto counter = loop ? loops.counters.find(loop.getInductionVar()) : loops.counters.end();
      if (counter != loops.counters.end() && !llvm::is_contained(work.loops, counter->second))
        work.loops.push_back(counter->second);
    }
    loops.work.push_back(std::move(work));
  });
}

OpLoops RegionLoops::result() {
  llvm::SmallDenseSet<unsigned> stay; // leaders
  for (auto [one, isFixed] : llvm::enumerate(fixed))
    if (isFixed)
      stay.insert(sets.findLeader(one));
  OpLoops loops;
  for (Value value : root->getResults()) // what reaches no result is not worth a loop
    if (tensorOf(value))
      for (unsigned dim : SmallVector<unsigned>(dimsOf(value)))
        if (unsigned leader = sets.findLeader(dim);
            extents[dim] > 1 && !stay.contains(leader) && numbers.try_emplace(leader, numbers.size()).second)
          loops.extents.push_back(extents[dim]);
  loops.kinds.assign(loops.extents.size(), OpLoops::Kind::Parallel);
  for (Value value : root->getOperands())
    loops.operands.push_back(tensorOf(value) ? numbered(value) : SmallVector<LoopDim, 4>());
  for (Value value : root->getResults()) {
    loops.results.emplace_back();
    if (tensorOf(value))
      for (const LoopDim &dim : numbered(value))
        loops.results.back().push_back(dim.loop);
  }
  llvm::SetVector<Value> above;
  getUsedValuesDefinedAbove(root->getRegions(), above);
  for (Value value : above)
    if (tensorOf(value) && !isFree(value))
      loops.captures.push_back({value, numbered(value)});
  for (auto &[value, ignored] : SmallVector<std::pair<Value, SmallVector<unsigned, 4>>>(dims.begin(), dims.end()))
    loops.inside[value] = numbered(value);
  for (auto [loop, counter] : counters)
    if (auto found = numbers.find(sets.findLeader(counter)); found != numbers.end())
      loops.counters[cast<scf::ForOp>(loop).getInductionVar()] = found->second;
  addWork(loops);
  return loops;
}

std::optional<OpLoops> RegionLoops::run() {
  WalkResult known = root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!visit(op))
      return WalkResult::interrupt();
    bool goesOn = isa<scf::ForOp, scf::IfOp, scf::WhileOp>(op);
    return goesOn ? WalkResult::advance() : WalkResult::skip();
  });
  if (known.wasInterrupted())
    return std::nullopt;
  fixDoubles();
  for (auto [op, d] : reads) {
    RegionPlace place = *placeOf(op);
    if (unsigned dim = dimsOf(place.tensor)[d]; !isForOwner(op->getResult(0), dim, place.indices[d]))
      fix(dim);
  }
  for (auto [loop, ignored] : SmallVector<std::pair<Operation *, unsigned>>(counters.begin(), counters.end()))
    checkCounter(cast<scf::ForOp>(loop));
  OpLoops loops = result();
  return loops.extents.empty() ? std::nullopt : std::optional(std::move(loops));
}

std::optional<OpLoops> loopsOfRegions(Operation *op) { return RegionLoops(op).run(); }

} // namespace weft::place
