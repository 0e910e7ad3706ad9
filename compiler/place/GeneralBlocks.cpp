#include "compiler/place/GeneralBlocks.h"

#include "dialects/xf/XfDialect.h"
#include "kernels/BlockNumber.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using weft::runtime::BlockFacts;

namespace weft::place {

static std::optional<runtime::BlockFormat> formatOf(xf::ParamOp param) {
  return param && param.getStored() ? runtime::blockFormatNamed(param.getStored()->str()) : std::nullopt;
}

std::optional<StoredBytes> storedBytes(Value value, Division held, std::array<int64_t, 2> cores) {
  xf::ParamOp param = storedParam(value);
  auto format = formatOf(param);
  std::optional<StoredView> view = format ? storedView(value) : std::nullopt;
  if (!view)
    return std::nullopt;
  const BlockFacts &facts = factsOf(*format);
  const int64_t length = cast<RankedTensorType>(param.getType()).getShape().back(), weights = facts.weights,
                bytes = facts.bytes;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  StoredBytes stored{*format, -1, *view, {}};
  if (view->base % weights != 0)
    return std::nullopt;
  stored.view.base = view->base / weights * bytes;
  for (auto [d, digits] : llvm::enumerate(stored.view.digits)) {
    if (digits.size() == 2 && digits[1] == 1 && digits[0] % weights == 0 && stored.dim < 0) { // along a row
      stored.dim = static_cast<int64_t>(d);
      digits[0] = shape[d] = digits[0] / weights * bytes;
      continue;
    }
    for (size_t i = 0; i < digits.size(); i += 2) {
      if (digits[i] > 1 && digits[i + 1] % length != 0)
        return std::nullopt;
      digits[i + 1] = digits[i + 1] / weights * bytes;
    }
  }
  int64_t last = 0; // packages have 32 bits for offsets in a weight
  for (const auto &digits : stored.view.digits)
    for (size_t i = 0; i < digits.size(); i += 2)
      last += (digits[i] - 1) * digits[i + 1];
  if (stored.dim < 0 || !llvm::isInt<32>(last))
    return std::nullopt;
  for (int axis : {0, 1})
    if (held[axis] == stored.dim && type.getDimSize(stored.dim) % (weights * cores[axis]) != 0)
      return std::nullopt;
  stored.type = RankedTensorType::get(shape, IntegerType::get(value.getContext(), 8));
  return stored;
}

/// The number at `indices`, of which that of dimension `dim` is an index of numbers.
static Value numberAt(OpBuilder &builder, Location loc, runtime::BlockFormat format, Value bytes,
                      ArrayRef<Value> indices, int64_t dim) {
  const BlockFacts &facts = factsOf(format);
  auto constant = [&](int64_t value) { return builder.create<arith::ConstantIndexOp>(loc, value); };
  Value weights = constant(facts.weights);
  Value block = builder.create<arith::DivUIOp>(loc, indices[dim], weights),
        place = builder.create<arith::RemUIOp>(loc, indices[dim], weights);
  Value first = builder.create<arith::MulIOp>(loc, block, constant(facts.bytes));
  return kernels::blockNumber(builder, loc, format, place, [&](Value at) -> Value {
    SmallVector<Value> where(indices);
    where[dim] = builder.create<arith::AddIOp>(loc, first, at);
    return builder.create<tensor::ExtractOp>(loc, bytes, where);
  });
}

Value numbersOf(OpBuilder &builder, Location loc, Value bytes, const StoredBytes &stored) {
  const BlockFacts &facts = factsOf(stored.format);
  SmallVector<int64_t> shape(cast<RankedTensorType>(bytes.getType()).getShape());
  shape[stored.dim] = shape[stored.dim] / facts.bytes * facts.weights;
  Value empty = builder.create<tensor::EmptyOp>(loc, shape, builder.getF32Type());
  auto rank = static_cast<unsigned>(shape.size());
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto generic =
      builder.create<linalg::GenericOp>(loc, empty.getType(), ValueRange(), empty, builder.getMultiDimIdentityMap(rank),
                                        iterators, [&](OpBuilder &body, Location loc, ValueRange) {
                                          SmallVector<Value> indices;
                                          for (unsigned d = 0; d < rank; ++d)
                                            indices.push_back(body.create<linalg::IndexOp>(loc, d));
                                          Value number = numberAt(body, loc, stored.format, bytes, indices, stored.dim);
                                          body.create<linalg::YieldOp>(loc, number);
                                        });
  return generic.getResult(0);
}

void lookUpInBytes(Value numbers, Value bytes, const StoredBytes &stored) {
  for (Operation *user : llvm::make_early_inc_range(numbers.getUsers())) {
    auto lookUp = dyn_cast<tensor::ExtractOp>(user);
    if (!lookUp)
      continue;
    OpBuilder builder(lookUp);
    SmallVector<Value> indices(lookUp.getIndices());
    lookUp.replaceAllUsesWith(numberAt(builder, lookUp.getLoc(), stored.format, bytes, indices, stored.dim));
    lookUp.erase();
  }
  if (numbers.use_empty())
    numbers.getDefiningOp()->erase();
}

} // namespace weft::place
