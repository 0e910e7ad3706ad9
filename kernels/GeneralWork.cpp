// What a kernel that was made from tensors computes and moves.
#include "kernels/GeneralSteps.h"

using namespace mlir;

namespace weft::kernels {
namespace {

Work operator+(const Work &a, const Work &b) {
  auto sum = [](const RowLinear &x, const RowLinear &y) { return RowLinear{x.base + y.base, x.perRow + y.perRow}; };
  return {a.narrowOperand || b.narrowOperand, sum(a.macs, b.macs),           sum(a.alu, b.alu),
          sum(a.special, b.special),          sum(a.loadBytes, b.loadBytes), sum(a.storeBytes, b.storeBytes)};
}

Work times(Work work, int64_t count) {
  for (RowLinear *each : {&work.macs, &work.alu, &work.special, &work.loadBytes, &work.storeBytes})
    each->base *= count;
  return work;
}

int64_t bytesOf(Type type) { return type.isIntOrFloat() ? llvm::divideCeil(type.getIntOrFloatBitWidth(), 8) : 8; }

/// A product that only a sum takes is part of a multiply-accumulate.
bool isFactorOfSum(Operation &op) {
  return isa<arith::MulFOp, arith::MulIOp>(op) && op.hasOneUse() &&
         isa<arith::AddFOp, arith::AddIOp>(*op.getUsers().begin());
}

bool addsProduct(Operation &op) {
  return isa<arith::AddFOp, arith::AddIOp>(op) && llvm::any_of(op.getOperands(), [](Value operand) {
           Operation *product = operand.getDefiningOp();
           return product && isFactorOfSum(*product);
         });
}

bool isSpecial(Operation &op) {
  if (isa<math::MathDialect>(op.getDialect()))
    return !isa<math::AbsFOp, math::AbsIOp, math::CopySignOp>(op);
  return isa<arith::DivFOp, arith::RemFOp, arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp,
             arith::CeilDivSIOp, arith::CeilDivUIOp, arith::FloorDivSIOp>(op);
}

Work workOf(Block &block);

/// What all iterations of a structured op read is read once.
Work workOf(linalg::LinalgOp op) {
  int64_t iterations = 1;
  for (int64_t extent : op.getStaticLoopRanges())
    iterations *= extent;
  Work work = times(workOf(*op.getBlock()), iterations);
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      continue;
    int64_t bytes = std::min(type.getNumElements(), iterations) * bytesOf(type.getElementType());
    if (op.payloadUsesValueFromOperand(&operand))
      work.loadBytes.base += bytes;
    if (op.isDpsInit(&operand))
      work.storeBytes.base += bytes;
    else
      work.narrowOperand |= work.macs.base > 0 && bytesOf(type.getElementType()) == 2;
  }
  return work;
}

Work workOf(scf::ForOp loop) {
  auto from = getConstantIntValue(loop.getLowerBound()), to = getConstantIntValue(loop.getUpperBound()),
       step = getConstantIntValue(loop.getStep());
  bool known = from && to && step && *step > 0;
  return times(workOf(*loop.getBody()), known ? std::max<int64_t>(0, llvm::divideCeil(*to - *from, *step)) : 1);
}

int64_t sizeOf(const Work &work) {
  return work.macs.base + work.alu.base + work.special.base + work.loadBytes.base + work.storeBytes.base;
}

Work workOf(scf::IfOp branch) {
  Work then = workOf(*branch.thenBlock()), otherwise = branch.elseBlock() ? workOf(*branch.elseBlock()) : Work();
  return sizeOf(then) < sizeOf(otherwise) ? otherwise : then;
}

Work workOf(Operation &op) {
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    return workOf(structured);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return workOf(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return workOf(branch);
  Work work;
  if (auto load = dyn_cast<memref::LoadOp>(op))
    work.loadBytes.base = bytesOf(load.getType());
  else if (auto store = dyn_cast<memref::StoreOp>(op))
    work.storeBytes.base = bytesOf(store.getValueToStore().getType());
  else if (isa<math::FmaOp>(op) || addsProduct(op))
    work.macs.base = 1;
  else if (isSpecial(op))
    work.special.base = 1;
  else if (isa<arith::ArithDialect, math::MathDialect>(op.getDialect()))
    work.alu.base = !isa<arith::ConstantOp, arith::IndexCastOp, arith::IndexCastUIOp>(op) && !isFactorOfSum(op);
  for (Region &region : op.getRegions())
    for (Block &block : region)
      work = work + workOf(block);
  return work;
}

Work workOf(Block &block) {
  Work work;
  for (Operation &op : block)
    work = work + workOf(op);
  return work;
}

} // namespace

Work workOf(func::FuncOp kernel) { return workOf(kernel.getBody().front()); }

} // namespace weft::kernels
