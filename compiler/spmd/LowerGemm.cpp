// Matrix products. A GEMM is Cannon's algorithm on logical rings for any rectangle; the rings' embedding makes it
// MeshGEMM.
//
// K is cut into S = lcm(W, H) blocks. A core holds d = S/W blocks of A's columns and e = S/H blocks of B's rows, each a
// queue. After A's rows have been rotated by e*rank_y blocks along x and B's columns by d*rank_x blocks along y, the
// heads of a core's two queues are the same block of K, and stay so when each step takes a block from the next rank on
// both axes: block (d*rank_x + e*rank_y + t) mod S at step t. For W = H this is Cannon's alignment (Cannon 1969).
#include "compiler/spmd/Lowering.h"

using namespace mlir;

namespace weft::spmd {

namespace {

kernels::Element elementOf(Type type) {
  return type.isF32() ? kernels::Element::F32 : type.isF16() ? kernels::Element::F16 : kernels::Element::BF16;
}

/// One operand's queue of blocks: `modulus` slots in a buffer, `held` of them full, `moving` if there is a ring to move
/// on.
struct BlockQueue {
  std::string buffer, down, up; // channels to the rank below and above
  int64_t held = 1, modulus = 1, stride = 0;
  bool moving = false;
  Expr bytes;                              // of a block
  fabric::Source rank{};                   // whose rank the alignment depends on
  int64_t blocksPerRank = 1;               // rotation by this many blocks a rank
  int64_t blocks = 1;                      // S
  std::vector<bool> aligned, byDown, byUp; // positions on the rank's axis, by the way they are aligned

  /// Slot (scale * loop + offset + phase of the core) mod modulus.
  Slot slot(int64_t level, int64_t scale, int64_t offset, bool afterUp, bool phase) const {
    Expr start{phase ? rank : fabric::Source::Constant, 0, phase ? blocksPerRank : 0, offset - (afterUp ? blocks : 0)};
    return {buffer, 0, {{level, scale, start, modulus, stride}}};
  }
};

} // namespace

/// Which positions rotate down, which up (the shorter way) and which not at all.
static void chooseDirections(BlockQueue &queue, const std::vector<int> &rankOfCore) {
  size_t n = rankOfCore.size();
  queue.aligned.assign(n, false);
  queue.byDown.assign(n, false);
  queue.byUp.assign(n, false);
  for (size_t i = 0; i < n; ++i) {
    int64_t rotation = rankOfCore[i] * queue.blocksPerRank % queue.blocks;
    // Without a ring the rotation is only a matter of where the queue's head is.
    if (rotation == 0 || !queue.moving)
      queue.aligned[i] = true;
    else
      (2 * rotation <= queue.blocks ? queue.byDown : queue.byUp)[i] = true;
  }
}

void Lowering::lowerGemm(grid::GemmOp op, int64_t outerLevel, std::vector<Step> &steps) {
  std::string name = opName(op);
  auto aLocal = grid::localShape(op.getA().getType()), bLocal = grid::localShape(op.getB().getType());
  int64_t rows = aLocal[0], columns = aLocal[1], outputs = bLocal[1], width = bLocal[0] / mesh.blocksY;
  Type element = cast<RankedTensorType>(op.getB().getType()).getElementType();
  int64_t blockBytes = width * outputs * (element.getIntOrFloatBitWidth() / 8);
  Expr m{fabric::Source::Param, param("rows", {mesh.height}), 1, 0};

  BlockQueue a, b;
  a.held = mesh.blocksX;
  b.held = mesh.blocksY;
  a.moving = mesh.width > 1;
  b.moving = mesh.height > 1;
  a.blocks = b.blocks = mesh.blocks;
  a.stride = rows * width * 4;
  b.stride = blockBytes;
  a.bytes = {fabric::Source::Param, m.index, width * 4, 0};
  b.bytes = constant(blockBytes);
  a.rank = fabric::Source::RankY;
  b.rank = fabric::Source::RankX;
  a.blocksPerRank = mesh.blocksY;
  b.blocksPerRank = mesh.blocksX;
  for (BlockQueue *queue : {&a, &b}) {
    grid::Axis axis = queue == &a ? grid::Axis::X : grid::Axis::Y;
    queue->modulus = queue->held + (queue->moving ? 1 : 0);
    queue->buffer = newBuffer(fabric::BufferKind::Communication, queue->modulus * queue->stride,
                              queue == &a ? "blocksA" : "blocksB");
    chooseDirections(*queue, axis == grid::Axis::X ? mesh.rankOfCoreY : mesh.rankOfCoreX);
    if (queue->moving)
      queue->down = ring(axis, -1);
    if (llvm::is_contained(queue->byUp, true))
      queue->up = ring(axis, +1);
  }

  Slot from = slots.at(op.getA()), weight = slots.at(op.getB());
  Slot result = slotFor(op.getC(), fabric::BufferKind::Activations, "product");
  std::string pack = use(kernels::buildPackColumns(module, rows, columns, mesh.blocksX, width));
  std::string copy = use(kernels::buildCopyColumns(module, b.held, blockBytes / 4, 0, blockBytes / 4));
  std::string zero = use(kernels::buildZero(module, rows, outputs));
  std::string multiply = use(kernels::buildGemm(module, rows, width, outputs, elementOf(element)));
  Slot startA{a.buffer, 0, {}}, startB{b.buffer, 0, {}};
  Expr heldB = constant(b.held);
  steps.push_back({name, "kernel", {{allCores(), [=, this](OpBuilder &builder, int64_t level) {
                                       kernelCall(builder, level, pack, {from, startA}, {m});
                                       kernelCall(builder, level, copy, {weight, startB}, {heldB});
                                       kernelCall(builder, level, zero, {result}, {m});
                                     }}}});

  // Alignment. Going down, step i sends the head (slot i) and receives behind the tail (slot i + held); going up, it
  // sends the tail and receives before the head, which moves backwards.
  for (const BlockQueue *queue : {&a, &b}) {
    grid::Axis rankAxis = queue == &a ? grid::Axis::Y : grid::Axis::X;
    auto align = [&](const std::vector<bool> &positions, bool up) -> Part {
      Expr count{queue->rank, 0, up ? -queue->blocksPerRank : queue->blocksPerRank, up ? queue->blocks : 0};
      return {onAxis(rankAxis, positions), [=, this, queue = *queue](OpBuilder &builder, int64_t level) {
                auto loop = builder.create<fabric::LoopOp>(builder.getUnknownLoc(), attribute(count, level));
                OpBuilder body = OpBuilder::atBlockEnd(&loop.getBody().emplaceBlock());
                Slot send =
                    up ? queue.slot(level, -1, queue.held - 1, false, false) : queue.slot(level, 1, 0, false, false);
                Slot receive =
                    up ? queue.slot(level, -1, -1, false, false) : queue.slot(level, 1, queue.held, false, false);
                put(body, level + 1, send, up ? queue.up : queue.down, queue.bytes);
                get(body, level + 1, receive, up ? queue.up : queue.down, queue.bytes);
                wait(body);
              }};
    };
    Step step{name, "align", {}};
    if (llvm::is_contained(queue->byDown, true))
      step.parts.push_back(align(queue->byDown, false));
    if (llvm::is_contained(queue->byUp, true))
      step.parts.push_back(align(queue->byUp, true));
    if (!step.parts.empty())
      steps.push_back(std::move(step));
  }

  // Compute and shift: S - 1 steps that move both operands while they multiply, and a last one that only multiplies.
  Step step{name, "compute_shift", {}, true};
  for (bool upA : {false, true})
    for (bool upB : {false, true}) {
      fabric::CoreMask mask = allCores();
      auto chosen = [](const BlockQueue &queue, bool up) {
        std::vector<bool> positions = up ? queue.byUp : queue.byDown;
        for (size_t i = 0; i < positions.size() && !up; ++i)
          positions[i] = positions[i] || queue.aligned[i];
        return positions;
      };
      mask.ys = chosen(a, upA);
      mask.xs = chosen(b, upB);
      if (mask.empty())
        continue;
      step.parts.push_back(
          {mask, [=, this](OpBuilder &builder, int64_t level) {
             auto multiplyAt = [&](OpBuilder &at, int64_t depth, int64_t scale, int64_t offset) {
               kernelCall(at, depth, multiply,
                          {a.slot(level, scale, offset, upA, true), b.slot(level, scale, offset, upB, true), result},
                          {m});
             };
             if (mesh.blocks > 1) {
               auto loop =
                   builder.create<fabric::LoopOp>(builder.getUnknownLoc(), attribute(constant(mesh.blocks - 1), level));
               OpBuilder body = OpBuilder::atBlockEnd(&loop.getBody().emplaceBlock());
               for (const BlockQueue *queue : {&a, &b}) {
                 if (!queue->moving)
                   continue;
                 bool up = queue == &a ? upA : upB;
                 put(body, level + 1, queue->slot(level, 1, 0, up, true), queue->down, queue->bytes);
                 get(body, level + 1, queue->slot(level, 1, queue->held, up, true), queue->down, queue->bytes);
               }
               multiplyAt(body, level + 1, 1, 0);
               wait(body);
             }
             multiplyAt(builder, level, 0, mesh.blocks - 1);
           }});
    }
  steps.push_back(std::move(step));
}

LogicalResult Lowering::lowerGemv(grid::GemvOp op, std::vector<Step> &steps) {
  std::string name = opName(op);
  auto local = grid::localShape(op.getW().getType());
  Type element = cast<RankedTensorType>(op.getW().getType()).getElementType();
  Slot x = slots.at(op.getX()), w = slots.at(op.getW());
  Slot y = slotFor(op.getY(), fabric::BufferKind::Activations, "product");
  std::string zero = use(kernels::buildZero(module, 1, local[1]));
  std::string multiply = use(kernels::buildGemm(module, 1, local[0], local[1], elementOf(element)));
  steps.push_back({name, "kernel", {{allCores(), [=, this](OpBuilder &b, int64_t level) {
                                       kernelCall(b, level, zero, {y}, {constant(1)});
                                       kernelCall(b, level, multiply, {x, w, y}, {constant(1)});
                                     }}}});
  return reduce(name, y, bytesOf(op.getY().getType()), grid::Axis::Y, grid::ReduceKind::Add, op.getLevels(),
                op.getGroups(), 0, 0, steps);
}

} // namespace weft::spmd
