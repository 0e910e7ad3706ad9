// Matrix products. A GEMM is Cannon's algorithm on logical rings for any rectangle; the rings' embedding makes it
// MeshGEMM.
//
// K is cut into S = lcm(W, H) blocks. A core holds d = S/W blocks of A's columns and e = S/H blocks of B's rows, each a
// queue. After A's rows have been rotated by e*rank_y blocks along x and B's columns by d*rank_x blocks along y, the
// heads of a core's two queues are the same block of K, and stay so when each step takes a block from the next rank on
// both axes: block (d*rank_x + e*rank_y + t) mod S at step t. For W = H this is Cannon's alignment (Cannon 1969).
#include "compiler/spmd/BlockQueue.h"

using namespace mlir;

namespace weft::spmd {

static kernels::Element elementOf(Type type) {
  return type.isF32() ? kernels::Element::F32 : type.isF16() ? kernels::Element::F16 : kernels::Element::BF16;
}

void BlockQueue::chooseDirections(const std::vector<int> &rankOfCore) {
  byDown.assign(rankOfCore.size(), false);
  byUp.assign(rankOfCore.size(), false);
  for (size_t i = 0; i < rankOfCore.size(); ++i) {
    int64_t rotation = rankOfCore[i] * blocksPerRank % blocks;
    // Without a ring the rotation is only a matter of where the queue's head is.
    if (rotation != 0 && moving)
      (2 * rotation <= blocks ? byDown : byUp)[i] = true;
  }
}

std::vector<bool> BlockQueue::alignedBy(bool up) const {
  std::vector<bool> positions = byUp;
  if (!up)
    positions.flip();
  return positions;
}

namespace {

/// What the steps of one GEMM share.
struct Gemm {
  std::string name;
  BlockQueue a, b;
  Slot from, weight; // A as it lies, B resident
  Expr rows;         // in use
  std::string pack, copy, zero;
  Product product;
};

} // namespace

Part Lowering::alignPart(const BlockQueue &queue, grid::Axis rankAxis, bool up) {
  return {onAxis(rankAxis, up ? queue.byUp : queue.byDown), [=, this](OpBuilder &b, int64_t level) {
            auto loop = b.create<fabric::LoopOp>(b.getUnknownLoc(), attribute(queue.rotations(up), level));
            OpBuilder body = OpBuilder::atBlockEnd(&loop.getBody().emplaceBlock());
            const std::string &channel = up ? queue.up : queue.down;
            put(body, level + 1, queue.leaving(level, up), channel, queue.bytes);
            get(body, level + 1, queue.arriving(level, up), channel, queue.bytes);
            wait(body);
          }};
}

/// Operands of the kernel that multiplies a block of A by one of B into C. A quantised block of B begins with its
/// scales.
static SmallVector<Slot> operandsOf(const Product &product, const Slot &a, const Slot &b) {
  if (product.stored)
    return {a, b, product.sums, product.result};
  if (!product.quantised)
    return {a, b, product.result};
  Slot bytes = b;
  bytes.offset += product.scaleBytes;
  return {a, b, bytes, product.sums, product.result};
}

Product Lowering::makeProduct(RankedTensorType weight, int64_t rows, const Slot &result) {
  int64_t width = blockRows(weight), outputs = grid::localShape(weight)[1];
  Product product;
  product.result = result;
  if (auto blocks = dyn_cast<grid::BlocksType>(weight.getElementType())) {
    runtime::BlockShape shape = grid::blockShape(blocks, width, outputs);
    product.stored = true;
    product.kernel = use(kernels::buildGemmStored(module, rows, shape));
    product.sums = {
        newBuffer(fabric::BufferKind::Activations, kernels::storedScratchRows(shape) * outputs * 4, "numbers"), 0, {}};
    return product;
  }
  product.quantised = weight.getElementType().isInteger(8);
  if (!product.quantised) {
    product.kernel = use(kernels::buildGemm(module, rows, width, outputs, elementOf(weight.getElementType())));
    return product;
  }
  product.kernel = use(kernels::buildGemmQuantised(module, rows, width, outputs, options.byteOrder));
  product.sums = {newBuffer(fabric::BufferKind::Activations, rows * outputs * 4, "sums"), 0, {}};
  product.scaleBytes = 4 * outputs;
  return product;
}

/// S - 1 steps that move both operands while they multiply, and a last one that only multiplies.
Emit Lowering::computeShift(const BlockQueue &a, const BlockQueue &b, bool upA, bool upB, const Product &product,
                            const Expr &rows) {
  return [=, this](OpBuilder &builder, int64_t level) {
    auto multiplyAt = [&](OpBuilder &at, int64_t depth, int64_t scale, int64_t ahead) {
      kernelCall(at, depth, product.kernel,
                 operandsOf(product, a.aligned(level, scale, ahead, upA), b.aligned(level, scale, ahead, upB)), {rows});
    };
    auto move = [&](OpBuilder &at, const BlockQueue &queue, bool up) {
      if (!queue.moving)
        return;
      put(at, level + 1, queue.aligned(level, 1, 0, up), queue.down, queue.bytes);
      get(at, level + 1, queue.aligned(level, 1, queue.held, up), queue.down, queue.bytes);
    };
    if (mesh.blocks > 1) {
      auto loop = builder.create<fabric::LoopOp>(builder.getUnknownLoc(), attribute(constant(mesh.blocks - 1), level));
      OpBuilder body = OpBuilder::atBlockEnd(&loop.getBody().emplaceBlock());
      move(body, a, upA);
      move(body, b, upB);
      multiplyAt(body, level + 1, 1, 0);
      wait(body);
    }
    multiplyAt(builder, level, 0, mesh.blocks - 1);
  };
}

BlockQueue Lowering::makeQueue(grid::Axis axis, int64_t stride, Expr bytes, StringRef hint) {
  bool alongX = axis == grid::Axis::X;
  BlockQueue queue;
  queue.blocks = mesh.blocks;
  queue.held = alongX ? mesh.blocksX : mesh.blocksY;
  queue.moving = cores(axis) > 1;
  queue.modulus = queue.held + (queue.moving ? 1 : 0);
  queue.stride = stride;
  queue.bytes = bytes;
  // What moves along x is aligned by the core's row, and the other way round.
  queue.rank = alongX ? fabric::Source::RankY : fabric::Source::RankX;
  queue.blocksPerRank = alongX ? mesh.blocksY : mesh.blocksX;
  queue.buffer = newBuffer(fabric::BufferKind::Communication, queue.modulus * stride, hint);
  queue.chooseDirections(alongX ? mesh.rankOfCoreY : mesh.rankOfCoreX);
  if (queue.moving)
    queue.down = ring(axis, -1);
  if (queue.anyUp())
    queue.up = ring(axis, +1);
  return queue;
}

void Lowering::lowerGemm(grid::GemmOp op, std::vector<Step> &steps) {
  Gemm gemm;
  gemm.name = opName(op);
  auto weight = cast<RankedTensorType>(op.getB().getType());
  auto aLocal = grid::localShape(op.getA().getType());
  int64_t rows = aLocal[0], columns = aLocal[1], outputs = grid::localShape(weight)[1], width = blockRows(weight);
  bool quantised = weight.getElementType().isInteger(8);
  int64_t bytesB = blockBytes(weight), rowBytes = quantised ? runtime::quantisedRowBytes(width) : width * 4;
  gemm.rows = {fabric::Source::Param, param("rows", {mesh.height}), 1, 0};
  gemm.a = makeQueue(grid::Axis::X, rows * rowBytes, {fabric::Source::Param, gemm.rows.index, rowBytes, 0}, "blocksA");
  gemm.b = makeQueue(grid::Axis::Y, bytesB, constant(bytesB), "blocksB");
  gemm.from = slots.at(op.getA());
  gemm.weight = slots.at(op.getB());
  Slot result = slotFor(op.getC(), fabric::BufferKind::Activations, "product");
  gemm.pack = use(quantised ? kernels::buildPackQuantised(module, rows, columns, mesh.blocksX, width)
                            : kernels::buildPackColumns(module, rows, columns, mesh.blocksX, width));
  gemm.copy = use(kernels::buildCopyColumns(module, gemm.b.held, bytesB / 4, 0, bytesB / 4));
  gemm.zero = use(kernels::buildZero(module, rows, outputs));
  gemm.product = makeProduct(weight, rows, result);

  // The rings will carry the operands away, so they get copies; C starts at zero.
  steps.push_back({gemm.name, "kernel", {{allCores(), [=, this](OpBuilder &b, int64_t level) {
                                            kernelCall(b, level, gemm.pack, {gemm.from, Slot{gemm.a.buffer, 0, {}}},
                                                       {gemm.rows});
                                            kernelCall(b, level, gemm.copy, {gemm.weight, Slot{gemm.b.buffer, 0, {}}},
                                                       {constant(gemm.b.held)});
                                            kernelCall(b, level, gemm.zero, {gemm.product.result}, {gemm.rows});
                                          }}}});
  for (const BlockQueue *queue : {&gemm.a, &gemm.b}) {
    grid::Axis rankAxis = queue == &gemm.a ? grid::Axis::Y : grid::Axis::X;
    Step step{gemm.name, "align", {}};
    if (queue->anyDown())
      step.parts.push_back(alignPart(*queue, rankAxis, false));
    if (queue->anyUp())
      step.parts.push_back(alignPart(*queue, rankAxis, true));
    if (!step.parts.empty())
      steps.push_back(std::move(step));
  }
  Step step{gemm.name, "compute_shift", {}, true};
  for (bool upA : {false, true})
    for (bool upB : {false, true}) {
      fabric::CoreMask mask = allCores();
      mask.ys = gemm.a.alignedBy(upA);
      mask.xs = gemm.b.alignedBy(upB);
      if (!mask.empty())
        step.parts.push_back({mask, computeShift(gemm.a, gemm.b, upA, upB, gemm.product, gemm.rows)});
    }
  steps.push_back(std::move(step));
}

Emit Lowering::multiplyBlocks(grid::GemvOp op) {
  auto weight = cast<RankedTensorType>(op.getW().getType());
  int64_t rows = grid::localShape(weight)[0], width = blockRows(weight), outputs = grid::localShape(weight)[1];
  Slot x = slots.at(op.getX()), w = slots.at(op.getW()), y = slots.at(op.getY());
  Type element = weight.getElementType();
  int64_t blocks = mesh.blocksY, bytes = blockBytes(weight);
  // Blocks one after the other, `stride` bytes of x for each.
  auto eachBlock = [=, this](OpBuilder &b, int64_t level, const Product &product, const Slot &from, int64_t stride) {
    auto loop = b.create<fabric::LoopOp>(b.getUnknownLoc(), attribute(constant(blocks), level));
    OpBuilder body = OpBuilder::atBlockEnd(&loop.getBody().emplaceBlock());
    auto blockOf = [&](Slot slot, int64_t stride) {
      slot.terms.push_back({level, 1, constant(0), blocks, stride});
      return slot;
    };
    kernelCall(body, level + 1, product.kernel, operandsOf(product, blockOf(from, stride), blockOf(w, bytes)),
               {constant(1)});
  };
  if (isa<grid::BlocksType>(element)) {
    Product product = makeProduct(weight, 1, y);
    return [=](OpBuilder &b, int64_t level) { eachBlock(b, level, product, x, width * 4); };
  }
  if (!element.isInteger(8)) {
    std::string multiply = use(kernels::buildGemm(module, 1, rows, outputs, elementOf(element)));
    return [=, this](OpBuilder &b, int64_t level) { kernelCall(b, level, multiply, {x, w, y}, {constant(1)}); };
  }
  Product product = makeProduct(weight, 1, y);
  int64_t rowBytes = runtime::quantisedRowBytes(width);
  Slot packed{newBuffer(fabric::BufferKind::Activations, blocks * rowBytes, "quantised"), 0, {}};
  std::string pack = use(kernels::buildPackQuantised(module, 1, rows, blocks, width));
  return [=, this](OpBuilder &b, int64_t level) {
    kernelCall(b, level, pack, {x, packed}, {constant(1)});
    eachBlock(b, level, product, packed, rowBytes);
  };
}

LogicalResult Lowering::lowerGemv(grid::GemvOp op, std::vector<Step> &steps) {
  std::string name = opName(op);
  Slot y = slotFor(op.getY(), fabric::BufferKind::Activations, "product");
  std::string zero = use(kernels::buildZero(module, 1, grid::localShape(op.getY().getType())[1]));
  Emit multiply = multiplyBlocks(op);
  steps.push_back({name, "kernel", {{allCores(), [=, this](OpBuilder &b, int64_t level) {
                                       kernelCall(b, level, zero, {y}, {constant(1)});
                                       multiply(b, level);
                                     }}}});
  return reduce(name, y, bytesOf(op.getY().getType()),
                {grid::Axis::Y, grid::ReduceKind::Add, static_cast<int64_t>(op.getLevels()),
                 static_cast<int64_t>(op.getGroups()), op.getInRouter()},
                steps);
}

} // namespace weft::spmd
