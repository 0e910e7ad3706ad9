// What an op asks of the register file.
#include "compiler/codegen/VectorEmitter.h"
#include "dialects/rv/Rv.h"

using namespace mlir;

namespace weft::codegen {

static int64_t bytesOf(Type type) { return type.isIntOrFloat() ? (type.getIntOrFloatBitWidth() + 7) / 8 : 0; }

/// Values of the widest element that a function of math/ and a widening by integer operations keep alive inside.
static int64_t hiddenBytes(Operation &op, const VectorShape &shape) {
  constexpr int64_t expansion = 5, widening = 3;
  if (isLongFunction(op))
    return expansion * bytesOf(op.getResult(0).getType());
  if (auto extension = dyn_cast<arith::ExtFOp>(op);
      extension && extension.getIn().getType().isF16() && shape.emulatesF16)
    return widening * bytesOf(extension.getType());
  return 0;
}

/// Bytes a lane that vectors of the body take at once, at most, when it is evaluated in its order, beginning with
/// `vectors`: values of those the body makes more. What depends on no vector is a scalar and takes none. A multiply-add
/// to an accumulator stays in its registers.
static int64_t liveBytes(linalg::GenericOp op, const VectorShape &shape, llvm::SetVector<Value> vectors,
                         llvm::SetVector<Value> elsewhere) {
  auto isNeeded = [&](Value value, Operation &at) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) { return user == &at || at.isBeforeInBlock(user); });
  };
  int64_t peak = 0;
  for (Operation &inner : *op.getBody()) {
    int64_t live = 0;
    for (Value value : vectors)
      live += isNeeded(value, inner) ? bytesOf(value.getType()) : 0;
    auto uses = [&](const llvm::SetVector<Value> &values) {
      return llvm::any_of(inner.getOperands(), [&](Value operand) { return values.contains(operand); });
    };
    bool isVector = uses(vectors) || uses(elsewhere);
    if (isVector)
      live += hiddenBytes(inner, shape);
    peak = std::max(peak, live);
    auto fma = dyn_cast<math::FmaOp>(inner);
    auto dot = dyn_cast<rv::Dot4Op>(inner);
    bool accumulates = (fma && elsewhere.contains(fma.getC())) || (dot && elsewhere.contains(dot.getAcc()));
    if (isVector)
      (accumulates ? elsewhere : vectors).insert(inner.result_begin(), inner.result_end());
  }
  return peak;
}

/// True for x * y + sum of extended numbers where the target multiplies them as they are.
static bool multipliesNarrow(linalg::GenericOp op, const VectorShape &shape) {
  auto fma = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<math::FmaOp>();
  auto narrow = [](Value value) {
    auto extension = value.getDefiningOp<arith::ExtFOp>();
    return extension ? extension.getIn().getType() : Type();
  };
  Type type = fma ? narrow(fma.getA()) : Type();
  return type && type == narrow(fma.getB()) &&
         ((type.isF16() && shape.multipliesF16) || (type.isBF16() && shape.multipliesBf16));
}

/// Bytes become 16 bits and are multiplied as such.
static bool multipliesBytes(linalg::GenericOp op) {
  auto sum = op.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::AddIOp>();
  auto product = sum ? sum.getLhs().getDefiningOp<arith::MulIOp>() : nullptr;
  return product && product.getLhs().getDefiningOp<arith::ExtSIOp>() &&
         product.getRhs().getDefiningOp<arith::ExtSIOp>();
}

TileRequest Emitter::request() {
  TileRequest request;
  request.reduces = !reductionLoops.empty();
  if (request.reduces && rowLoop)
    request.rows = largestExtent(*rowLoop);
  if (int64_t columns = largestExtent(vectorLoop); columns != std::numeric_limits<int64_t>::max())
    request.columns = columns;
  request.elementBytes = 1;
  for (Type type : op.getBody()->getArgumentTypes())
    request.elementBytes = std::max(request.elementBytes, bytesOf(type));
  for (Operation &inner : op.getBody()->without_terminator())
    request.elementBytes = std::max(request.elementBytes, bytesOf(inner.getResult(0).getType()));
  llvm::SetVector<Value> inputs, outputs;
  for (BlockArgument argument : op.getBody()->getArguments())
    if (accesses[argument.getArgNumber()].follows(vectorLoop))
      (argument.getArgNumber() < op.getNumDpsInputs() ? inputs : outputs).insert(argument);
  if (!request.reduces) {
    inputs.insert(outputs.begin(), outputs.end());
    request.workBytes = std::max(request.elementBytes, liveBytes(op, shape, inputs, {}));
    // What an outer loop does not change is loaded and converted before it, for all columns that are not in a loop.
    auto stays = [&](unsigned loop) {
      return largestExtent(loop) > 1 && llvm::any_of(accesses, [&](const Access &access) {
               return access.follows(vectorLoop) && !access.follows(loop);
             });
    };
    if (llvm::any_of(outerLoops, stays))
      request.workBytes *= 2;
    return request;
  }
  auto sumOf = [&](const llvm::SetVector<Value> &values) {
    int64_t bytes = 0;
    for (Value value : values)
      bytes += value.use_empty() ? 0 : bytesOf(value.getType());
    return bytes;
  };
  request.accumulatorBytes = std::max<int64_t>(1, sumOf(outputs));
  request.loadedBytes = sumOf(inputs);
  inputs.insert(outputs.begin(), outputs.end());
  request.workBytes = liveBytes(op, shape, {}, inputs);
  request.converts = !llvm::hasSingleElement(op.getBody()->without_terminator());
  if (multipliesNarrow(op, shape))
    request.workBytes = 0, request.converts = false;
  if (shape.grouping > 1 && multipliesBytes(op))
    request.workBytes /= 2;
  auto products = op.getBody()->getOps<math::FmaOp>();
  request.overlapBytes =
      request.elementBytes * std::max<int64_t>(0, std::distance(products.begin(), products.end()) - 1);
  return request;
}

} // namespace weft::codegen
