#include "compiler/place/GeneralWeights.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace weft::place {

namespace {

using Digits = SmallVector<int64_t, 2>;

/// Neighbouring digits that count on are one digit; those of size 1 say nothing.
Digits merged(ArrayRef<int64_t> digits) {
  Digits result;
  for (size_t i = 0; i < digits.size(); i += 2) {
    int64_t size = digits[i], stride = digits[i + 1];
    if (size == 1)
      continue;
    if (!result.empty() && result.back() == size * stride) {
      result[result.size() - 2] *= size;
      result.back() = stride;
    } else {
      result.append({size, stride});
    }
  }
  if (result.empty())
    result.append({1, 0});
  return result;
}

int64_t extentOf(ArrayRef<int64_t> digits) {
  int64_t extent = 1;
  for (size_t i = 0; i < digits.size(); i += 2)
    extent *= digits[i];
  return extent;
}

/// Takes the innermost `extent` indices of a dimension away from `digits`.
std::optional<Digits> takeInner(Digits &digits, int64_t extent) {
  Digits inner;
  while (extent > 1) {
    if (digits.size() < 2)
      return std::nullopt;
    int64_t stride = digits.pop_back_val(), size = digits.pop_back_val();
    if (size > extent) {
      if (size % extent != 0)
        return std::nullopt;
      digits.append({size / extent, stride * extent});
      size = extent;
    } else if (extent % size != 0) {
      return std::nullopt;
    }
    inner.insert(inner.begin(), {size, stride});
    extent /= size;
  }
  return merged(inner);
}

std::optional<StoredView> slice(StoredView view, tensor::ExtractSliceOp op) {
  if (!op.hasZeroOffset() && llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic))
    return std::nullopt;
  if (llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic) ||
      llvm::any_of(op.getStaticStrides(), ShapedType::isDynamic))
    return std::nullopt;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  StoredView result{view.name, view.base, {}};
  for (size_t d = 0; d < view.digits.size(); ++d) {
    int64_t offset = op.getStaticOffsets()[d], size = op.getStaticSizes()[d], stride = op.getStaticStrides()[d];
    Digits digits = merged(view.digits[d]);
    if (offset != 0 || size != extentOf(digits)) {
      int64_t inner = digits.size() > 2 ? extentOf(ArrayRef<int64_t>(digits).drop_front(2)) : 1;
      if (inner > 1 && (stride != 1 || offset % inner != 0 || size % inner != 0))
        return std::nullopt;
      result.base += offset / inner * digits[1];
      digits[0] = size / inner;
      digits[1] *= stride;
    }
    if (!dropped[d])
      result.digits.push_back(digits);
  }
  return result;
}

std::optional<StoredView> transposed(const StoredView &view, ArrayRef<int64_t> permutation) {
  StoredView result{view.name, view.base, {}};
  for (int64_t from : permutation)
    result.digits.push_back(view.digits[from]);
  return result;
}

std::optional<StoredView> collapsed(const StoredView &view, tensor::CollapseShapeOp op) {
  StoredView result{view.name, view.base, {}};
  for (const auto &group : op.getReassociationIndices()) {
    Digits digits;
    for (int64_t d : group)
      llvm::append_range(digits, view.digits[d]);
    result.digits.push_back(merged(digits));
  }
  return result;
}

std::optional<StoredView> expanded(const StoredView &view, tensor::ExpandShapeOp op) {
  StoredView result{view.name, view.base, {}};
  for (auto [d, group] : llvm::enumerate(op.getReassociationIndices())) {
    Digits rest = merged(view.digits[d]);
    SmallVector<Digits> parts;
    for (int64_t to : llvm::reverse(group)) {
      auto inner = takeInner(rest, op.getResultType().getDimSize(to));
      if (!inner)
        return std::nullopt;
      parts.insert(parts.begin(), *inner);
    }
    llvm::append_range(result.digits, parts);
  }
  return result;
}

} // namespace

xf::ParamOp storedParam(Value value) {
  Operation *op = value.getDefiningOp();
  while (
      isa_and_nonnull<tensor::ExtractSliceOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, linalg::TransposeOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return dyn_cast_or_null<xf::ParamOp>(op);
}

std::optional<StoredView> storedView(Value value) {
  Operation *op = value.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type || type.getNumElements() == 0)
    return std::nullopt;
  if (auto param = dyn_cast<xf::ParamOp>(op)) {
    StoredView view{param.getName().str(), 0, {}};
    int64_t stride = 1;
    for (int64_t extent : llvm::reverse(type.getShape())) {
      view.digits.insert(view.digits.begin(), Digits{extent, stride});
      stride *= extent;
    }
    return view;
  }
  if (!isa<tensor::ExtractSliceOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, linalg::TransposeOp>(op))
    return std::nullopt;
  auto source = storedView(op->getOperand(0));
  if (!source)
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, std::optional<StoredView>>(op)
      .Case([&](tensor::ExtractSliceOp op) { return slice(*source, op); })
      .Case([&](linalg::TransposeOp op) { return transposed(*source, op.getPermutation()); })
      .Case([&](tensor::CollapseShapeOp op) { return collapsed(*source, op); })
      .Case([&](tensor::ExpandShapeOp op) { return expanded(*source, op); });
}

} // namespace weft::place
