#include "dialects/fabric/Classes.h"

#include "mlir/Analysis/FlatLinearValueConstraints.h"
#include "mlir/IR/AffineExpr.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace weft::fabric {

int64_t valueAt(AffineExpr expr, int64_t point) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return point;
  int64_t a = valueAt(binary.getLHS(), point), b = valueAt(binary.getRHS(), point);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::Mod:
    return llvm::mod(a, b);
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(a, b);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(a, b);
  default:
    llvm_unreachable("all binary operations are handled");
  }
}

bool CoreMask::empty() const {
  for (size_t y = 0; y < ys.size(); ++y)
    for (size_t x = 0; ys[y] && x < xs.size(); ++x)
      if (contains(x, y))
        return false;
  return true;
}

CoreMask intersect(const CoreMask &a, const CoreMask &b) {
  CoreMask both = a;
  for (size_t x = 0; x < both.xs.size(); ++x)
    both.xs[x] = a.xs[x] && b.xs[x];
  for (size_t y = 0; y < both.ys.size(); ++y)
    both.ys[y] = a.ys[y] && b.ys[y];
  if (a.relation == CoreMask::Relation::Any)
    both.relation = b.relation;
  else if (b.relation != CoreMask::Relation::Any && b.relation != a.relation)
    both.xs.assign(both.xs.size(), false); // on and off the diagonal: nothing
  return both;
}

llvm::SmallVector<CoreMask> subtract(const CoreMask &a, const CoreMask &b) {
  llvm::SmallVector<CoreMask> rest;
  auto add = [&](const CoreMask &mask) {
    if (!mask.empty())
      rest.push_back(mask);
  };
  // Beside b's columns; in its columns beside its rows; in both, on the other side of the relation.
  CoreMask beside = a, above = a, across = a;
  for (size_t x = 0; x < a.xs.size(); ++x) {
    beside.xs[x] = a.xs[x] && !b.xs[x];
    above.xs[x] = across.xs[x] = a.xs[x] && b.xs[x];
  }
  for (size_t y = 0; y < a.ys.size(); ++y) {
    above.ys[y] = a.ys[y] && !b.ys[y];
    across.ys[y] = a.ys[y] && b.ys[y];
  }
  add(beside);
  add(above);
  if (b.relation != CoreMask::Relation::Any) {
    CoreMask other = across;
    other.relation =
        b.relation == CoreMask::Relation::OnDiagonal ? CoreMask::Relation::OffDiagonal : CoreMask::Relation::OnDiagonal;
    add(a.relation == CoreMask::Relation::Any ? other : intersect(across, other));
  }
  return rest;
}

namespace {

/// Positions lo, lo + period, … (`repeats` of them), each the start of a run of `length`.
struct PeriodicRun {
  int64_t lo, length, period, repeats;
};

SmallVector<PeriodicRun> splitMask(const std::vector<bool> &mask) {
  SmallVector<PeriodicRun> runs;
  for (int64_t i = 0, n = mask.size(); i < n;) {
    if (!mask[i]) {
      ++i;
      continue;
    }
    int64_t end = i;
    while (end < n && mask[end])
      ++end;
    int64_t length = end - i;
    if (!runs.empty()) {
      PeriodicRun &last = runs.back();
      int64_t expected = last.repeats == 1 ? i - last.lo : last.period;
      if (last.length == length && i == last.lo + last.repeats * expected) {
        last.period = expected;
        ++last.repeats;
        i = end;
        continue;
      }
    }
    runs.push_back({i, length, length, 1});
    i = end;
  }
  return runs;
}

/// Constraints e >= 0 that `position` lies in `run`.
void addConstraints(AffineExpr position, const PeriodicRun &run, SmallVectorImpl<AffineExpr> &constraints) {
  int64_t last = run.lo + (run.repeats - 1) * run.period + run.length - 1;
  constraints.push_back(position - run.lo);
  constraints.push_back(-position + last);
  if (run.repeats > 1)
    constraints.push_back(-((position - run.lo) % run.period) + (run.length - 1));
}

/// A conjunction of affine constraints on (x, y).
struct Conjunction {
  SmallVector<AffineExpr> exprs;
  SmallVector<bool> equalities;

  static Conjunction of(IntegerSet set) {
    Conjunction result;
    for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags()))
      result.add(expr, equality);
    return result;
  }
  void add(AffineExpr expr, bool equality) {
    exprs.push_back(expr);
    equalities.push_back(equality);
  }
  Conjunction with(AffineExpr expr) const {
    Conjunction result = *this;
    result.add(expr, false);
    return result;
  }
  Conjunction with(const Conjunction &other) const {
    Conjunction result = *this;
    for (auto [expr, equality] : llvm::zip(other.exprs, other.equalities))
      result.add(expr, equality);
    return result;
  }
  /// Proven: no integer point meets all constraints.
  bool empty() const {
    if (std::optional<bool> seen = emptyByPoints())
      return *seen;
    return FlatLinearValueConstraints(IntegerSet::get(2, 0, exprs, equalities)).isIntegerEmpty();
  }
  std::optional<bool> emptyByPoints() const;
};

/// Where each constraint is on one dimension, and each dimension has a low and a high end, a look at its points
/// decides; that is much faster than the Presburger library, which has all other cases. A set is a product then: it is
/// empty if one dimension has no point.
std::optional<bool> Conjunction::emptyByPoints() const {
  constexpr int64_t mostPoints = 1 << 16;
  for (unsigned dim : {0u, 1u}) {
    SmallVector<std::pair<AffineExpr, bool>> own;
    std::optional<int64_t> low, high;
    for (auto [expr, equality] : llvm::zip(exprs, equalities)) {
      if (expr.isFunctionOfDim(dim) && expr.isFunctionOfDim(1 - dim))
        return std::nullopt;
      if (expr.isFunctionOfDim(1 - dim))
        continue;
      own.emplace_back(expr, equality);
      if (!expr.isPureAffine() || equality)
        continue;
      // d + c >= 0 or c - d >= 0, if it is one of these.
      int64_t at0 = valueAt(expr, 0), slope = valueAt(expr, 1) - at0;
      if (simplifyAffineExpr(expr - getAffineDimExpr(dim, expr.getContext()) * slope - at0, 2, 0) != 0)
        continue;
      if (slope == 1)
        low = std::max(low.value_or(-at0), -at0);
      else if (slope == -1)
        high = std::min(high.value_or(at0), at0);
    }
    if (low && high && *low > *high)
      return true;
    if (!low || !high || *high - *low > mostPoints)
      return std::nullopt;
    bool any = false;
    for (int64_t point = *low; point <= *high && !any; ++point)
      any = llvm::all_of(own, [&](const auto &constraint) {
        int64_t value = valueAt(constraint.first, point);
        return constraint.second ? value == 0 : value >= 0;
      });
    if (!any)
      return true;
  }
  return false;
}

/// The parts of `whole` outside `cut`, disjoint: those that meet the first constraints of `cut` and miss the next one.
/// PresburgerSet::subtract would do, but in LLVM 19 it takes `0 <= e - 2q <= 0` for the definition of q and drops it.
void subtract(const Conjunction &whole, const Conjunction &cut, SmallVectorImpl<Conjunction> &rest) {
  Conjunction inside = whole;
  for (auto [expr, equality] : llvm::zip(cut.exprs, cut.equalities)) {
    SmallVector<AffineExpr> misses = {-expr - 1};
    if (equality)
      misses.push_back(expr - 1);
    for (AffineExpr miss : misses)
      if (Conjunction part = inside.with(miss); !part.empty())
        rest.push_back(std::move(part));
    inside.add(expr, equality);
    if (inside.empty())
      return;
  }
}

SmallVector<IntegerSet> setsOf(ClassOp op) {
  SmallVector<IntegerSet> sets;
  for (auto attribute : op.getSets().getAsRange<IntegerSetAttr>())
    sets.push_back(attribute.getValue());
  return sets;
}

} // namespace

SmallVector<IntegerSet> toSets(MLIRContext *context, const CoreMask &mask) {
  AffineExpr x = getAffineDimExpr(0, context), y = getAffineDimExpr(1, context);
  SmallVector<IntegerSet> sets;
  auto add = [&](const PeriodicRun &runX, const PeriodicRun &runY, std::optional<AffineExpr> relation, bool equality) {
    SmallVector<AffineExpr> constraints;
    SmallVector<bool> equalities;
    addConstraints(x, runX, constraints);
    addConstraints(y, runY, constraints);
    equalities.assign(constraints.size(), false);
    if (relation) {
      constraints.push_back(*relation);
      equalities.push_back(equality);
    }
    sets.push_back(IntegerSet::get(2, 0, constraints, equalities));
  };
  for (const PeriodicRun &runX : splitMask(mask.xs))
    for (const PeriodicRun &runY : splitMask(mask.ys)) {
      switch (mask.relation) {
      case CoreMask::Relation::Any:
        add(runX, runY, std::nullopt, false);
        break;
      case CoreMask::Relation::OnDiagonal:
        add(runX, runY, x - y, true);
        break;
      case CoreMask::Relation::OffDiagonal:
        add(runX, runY, x - y - 1, false);
        add(runX, runY, y - x - 1, false);
        break;
      }
    }
  return sets;
}

bool contains(ArrayRef<IntegerSet> sets, int64_t x, int64_t y) {
  if (sets.empty())
    return false;
  MLIRContext *context = sets.front().getContext();
  SmallVector<AffineExpr> point = {getAffineConstantExpr(x, context), getAffineConstantExpr(y, context)};
  return llvm::any_of(sets, [&](IntegerSet set) {
    for (auto [expr, equality] : llvm::zip(set.getConstraints(), set.getEqFlags())) {
      int64_t value = cast<AffineConstantExpr>(expr.replaceDims(point)).getValue();
      if (equality ? value != 0 : value < 0)
        return false;
    }
    return true;
  });
}

LogicalResult verifyStepClasses(StepOp step, int64_t width, int64_t height) {
  Conjunction rectangle = Conjunction::of(toSets(step.getContext(), CoreMask::all(width, height)).front());
  SmallVector<Conjunction> taken, uncovered = {rectangle};
  for (auto task : step.getOps<TaskOp>()) {
    auto classOp = SymbolTable::lookupNearestSymbolFrom<ClassOp>(task, task.getOnAttr());
    if (!classOp)
      return task.emitOpError("runs on the class ") << task.getOn() << ", which does not exist";
    SmallVector<Conjunction> members = llvm::map_to_vector(setsOf(classOp), Conjunction::of);
    for (const Conjunction &member : members) {
      for (const Conjunction &other : taken)
        if (!member.with(other).empty()) // F2
          return task.emitOpError("F2: class ") << task.getOn() << " shares cores with another class of this step";
      for (AffineExpr edge : rectangle.exprs)
        if (!member.with(-edge - 1).empty()) // F3
          return task.emitOpError("F3: class ") << task.getOn() << " reaches beyond the mesh";
      if (!step.getAll())
        continue;
      SmallVector<Conjunction> rest;
      for (const Conjunction &part : uncovered)
        subtract(part, member, rest);
      uncovered = std::move(rest);
    }
    llvm::append_range(taken, members);
  }
  if (step.getAll() && !uncovered.empty()) // F3
    return step.emitOpError("F3: no class of this step holds some cores of the mesh");
  return success();
}

} // namespace weft::fabric
