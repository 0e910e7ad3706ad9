// What indices that data decides, and loops whose iterations are left out, may be used for.
#include "compiler/place/GeneralRegions.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace weft::place {

static RankedTensorType tensorOf(Value value) { return dyn_cast<RankedTensorType>(value.getType()); }

/// Whether `user` computes something of a value and nothing else: nothing either at a place that the value decides.
static bool computes(Operation *user) {
  bool looksUp = user->walk([](tensor::ExtractOp) { return WalkResult::interrupt(); }).wasInterrupted();
  return isMemoryEffectFree(user) && (user->getNumRegions() == 0 || isa<linalg::LinalgOp>(user)) && !looksUp &&
         !user->hasTrait<OpTrait::IsTerminator>();
}

/// Whether `value`, of what was read at `index` of a dimension, comes to nothing but what is written there.
bool RegionLoops::isForOwner(Value value, unsigned dim, OpFoldResult index) {
  auto isWrittenThere = [&](const RegionPlace &place, Value result) {
    for (auto [d, its] : llvm::enumerate(SmallVector<unsigned>(dimsOf(result))))
      if (place.single[d] && isSame(its, dim) && place.indices[d] == index)
        return true;
    return false;
  };
  SmallVector<Value> open = {value};
  llvm::SmallDenseSet<Value> seen = {value};
  while (!open.empty()) {
    Value next = open.pop_back_val();
    for (Operation *user : next.getUsers()) {
      if (std::optional<RegionPlace> place = placeOf(user)) {
        if (place->written != next || !isWrittenThere(*place, user->getResult(0)))
          return false;
        continue;
      }
      if (!computes(user))
        return false;
      for (Value made : user->getResults())
        if (seen.insert(made).second)
          open.push_back(made);
    }
  }
  return true;
}

/// Whether the loop's body reads and writes what it carries at its own index of dimension `d` alone.
bool RegionLoops::touchesOnly(scf::ForOp loop, BlockArgument carried, Value yielded, int64_t d) {
  SmallVector<Value> open = {carried}, becomeStates = {yielded};
  llvm::SmallDenseSet<Value> states = {carried};
  auto add = [&](Value state) {
    if (states.insert(state).second)
      open.push_back(state);
  };
  while (!open.empty()) {
    Value state = open.pop_back_val();
    for (OpOperand &use : state.getUses()) {
      Operation *user = use.getOwner();
      if (std::optional<RegionPlace> place = placeOf(user)) {
        if (place->tensor != state || place->written == state || !place->single[d] ||
            place->indices[d] != OpFoldResult(loop.getInductionVar()))
          return false;
        if (place->written)
          add(user->getResult(0));
      } else if (auto inner = dyn_cast<scf::ForOp>(user)) {
        BlockArgument argument = inner.getTiedLoopRegionIterArg(&use);
        if (!argument)
          return false;
        add(argument);
        add(inner.getTiedLoopResult(&use));
        becomeStates.push_back(inner.getTiedLoopYieldedValue(argument)->get());
      } else if (isa<scf::YieldOp>(user)) {
        Operation *parent = user->getParentOp();
        if (auto branch = dyn_cast<scf::IfOp>(parent)) {
          add(branch.getResult(use.getOperandNumber()));
          for (Region &region : branch->getRegions())
            becomeStates.push_back(region.front().getTerminator()->getOperand(use.getOperandNumber()));
        } else if (!isa<scf::ForOp>(parent) ||
                   !states.contains(cast<scf::ForOp>(parent).getRegionIterArg(use.getOperandNumber()))) {
          return false;
        }
      } else {
        return false;
      }
    }
  }
  return llvm::all_of(becomeStates, [&](Value value) { return states.contains(value); });
}

/// A core may leave out iterations that concern no index of its own.
void RegionLoops::checkCounter(scf::ForOp loop) {
  unsigned counter = counterOf(loop);
  for (auto outer = loop->getParentOfType<scf::ForOp>(); outer; outer = outer->getParentOfType<scf::ForOp>())
    if (auto found = counters.find(outer); found != counters.end() && isSame(found->second, counter))
      fix(counter);
  for (auto [carried, yielded] : llvm::zip_equal(loop.getRegionIterArgs(), loop.getYieldedValues())) {
    bool fine = false;
    if (tensorOf(carried)) {
      SmallVector<unsigned> its(dimsOf(carried));
      for (auto [d, dim] : llvm::enumerate(its))
        fine |= isSame(dim, counter) && touchesOnly(loop, carried, yielded, static_cast<int64_t>(d));
    }
    if (!fine)
      fix(counter);
  }
}

} // namespace weft::place
