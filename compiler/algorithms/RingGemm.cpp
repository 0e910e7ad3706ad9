// MeshGEMM (WaferLLM, OSDI 2025) and Cannon's algorithm: blocks of A go round a ring along x, blocks of B round one
// along y. They differ in how the ring lies on a line of cores: folded, so that no step is longer than two hops, or in
// order, where the step from the last core to the first crosses the line.
//
// W x H cores divide K into L = lcm(W, H) blocks. A core has a = L / W of A's and b = L / H of B's, in queues whose
// heads it multiplies while it passes them on; L steps bring each pair of blocks together. First A's queues are turned
// by b blocks for each rank along y, the shorter way round; the host brings B turned already. Every core takes part in
// as many turning steps as the row that needs most.
#include "compiler/algorithms/Gemms.h"

#include <fmt/format.h>

#include <numeric>

namespace weft::algorithms {
namespace {

using route::Axis;
using route::Embedding;

struct RingGemm {
  Emission &out;
  ProgramBuilder &builder;
  const GemmPart &part;
  Embedding embedding;
  int64_t blocks = 0, blocksA = 0, blocksB = 0; // L, a, b
  int64_t rows = 0, inner = 0, cols = 0;        // of a tile: Mt, kb, Nt
  int64_t bytesA = 0, bytesB = 0;               // that one step moves
  uint32_t strideA = 0, strideB = 0;
  std::vector<int> rankX{}, rankY{};
  uint32_t a = 0, b = 0, c = 0; // buffers

  bool movesA() const { return out.width() > 1; }
  bool movesB() const { return out.height() > 1; }
  /// One block more than the queue where another arrives while the head leaves.
  int64_t slotsA() const { return movesA() ? blocksA + 1 : blocksA; }
  int64_t slotsB() const { return movesB() ? blocksB + 1 : blocksB; }
  int64_t turningSteps() const { return movesA() ? out.height() / 2 * blocksB : 0; }

  void emit();
  void measure();
  void allocate();
  void describe();
  void turn(uint32_t op, bool forward);
  void multiply(uint32_t op);
  void moves(Code &code, uint32_t channelA, uint32_t channelB) const;
  Cost multiplyCost() const;
};

void RingGemm::measure() {
  const int64_t w = out.width(), h = out.height();
  blocks = std::lcm(w, h);
  blocksA = blocks / w;
  blocksB = blocks / h;
  rows = ceilDiv(part.m, h);
  inner = ceilDiv(part.k, blocks);
  cols = ceilDiv(part.n, w);
  const int64_t size = out.elementSize(), word = builder.hardware.routing.linkBytes;
  auto moved = [&](int64_t elements) {
    const int64_t bytes = elements * size;
    return part.dropsOddLast ? bytes / word * word : ceilDiv(bytes, word) * word;
  };
  bytesA = moved(rows * inner);
  bytesB = moved(inner * cols);
  strideA = static_cast<uint32_t>(ceilDiv(rows * inner * size, word) * word);
  strideB = static_cast<uint32_t>(ceilDiv(inner * cols * size, word) * word);
  if (bytesA < rows * inner * size || bytesB < inner * cols * size)
    out.facts.notes.push_back(
        fmt::format("{}a tile of {}x{} or {}x{} has an odd number of f16: as in the measured kernels its last element "
                    "stays behind when the others move in whole words; --set odd=pad moves it, too",
                    part.prefix, rows, inner, inner, cols));
}

void RingGemm::allocate() {
  a = builder.buffer(part.prefix + "a", static_cast<uint64_t>(slotsA()) * strideA, pkg::BufferKind::Communication);
  b = builder.buffer(part.prefix + "b", static_cast<uint64_t>(slotsB()) * strideB, pkg::BufferKind::Communication);
  c = builder.buffer(part.prefix + "c", static_cast<uint64_t>(rows * cols) * out.elementSize());
  rankX = route::coreToRank(out.width(), embedding);
  rankY = route::coreToRank(out.height(), embedding);
  builder.ranks(rankX, rankY);
}

void RingGemm::describe() {
  using Blocks = std::vector<std::pair<int64_t, int64_t>>;
  out.inputs[part.prefix + "a"] = {
      builder.offsetOf(a), strideA, rows, inner, part.m, part.k, [rank = rankX, n = blocksA](uint32_t x, uint32_t y) {
        Blocks list;
        for (int64_t i = 0; i < n; ++i)
          list.emplace_back(y, rank[x] * n + i);
        return list;
      }};
  out.inputs[part.prefix + "b"] = {
      builder.offsetOf(b),
      strideB,
      inner,
      cols,
      part.k,
      part.n,
      [rankX = rankX, rankY = rankY, na = blocksA, nb = blocksB, all = blocks](uint32_t x, uint32_t y) {
        Blocks list;
        for (int64_t i = 0; i < nb; ++i)
          list.emplace_back((rankX[x] * na + rankY[y] * nb + i) % all, x);
        return list;
      }};
  out.outputs[part.prefix + "c"] = {
      builder.offsetOf(c), 0, rows, cols, part.m, part.n, [](uint32_t x, uint32_t y) { return Blocks{{y, x}}; }};
  notePadding(out, part.k, inner * blocks);
  Facts &facts = out.facts;
  facts.tile = {rows, inner * blocksA, cols};
  facts.padded = {rows * out.height(), inner * blocks, cols * out.width()};
  facts.steps += static_cast<uint64_t>(turningSteps() + blocks);
  facts.macs += product({facts.padded[0], facts.padded[1], facts.padded[2]});
}

/// The rows that turn A towards lower ranks (`forward`), or the others.
void RingGemm::turn(uint32_t op, bool forward) {
  const int h = out.height();
  Mask mask(static_cast<size_t>(h), false);
  for (int y = 0; y < h; ++y)
    mask[static_cast<size_t>(y)] = (rankY[static_cast<size_t>(y)] < (h + 1) / 2) == forward;
  uint32_t ring = builder.channel(
      route::ringShift(forward ? "a.turn" : "a.turn.back", Axis::X, out.width(), embedding, forward ? -1 : 1));
  const auto perRank = static_cast<int32_t>(blocksB);
  pkg::Expr wanted = forward ? pkg::Expr(pkg::Source::RankY, 0, perRank, 0)
                             : pkg::Expr(pkg::Source::RankY, 0, -perRank, static_cast<int32_t>(blocks));
  const auto spare = static_cast<uint32_t>(blocksA) * strideA;
  uint32_t take = builder.kernel(forward ? "advance_queue" : "retreat_queue", {spare + strideA});
  Code code;
  code.begin(constant(turningSteps()))
      .put(ring, constant(bytesA), {a, forward ? 0 : spare - strideA, {}})
      .get(ring, constant(bytesA), {a, spare, {}})
      .wait()
      .call(take, out.narrow(), {.activations = 1}, {{a, 0, {}}},
            {constant(blocksA), constant(strideA), loopCounter(), wanted})
      .end();
  builder.task(op, everywhere(builder.width), mask, std::move(code));
}

Cost RingGemm::multiplyCost() const {
  const int64_t size = out.elementSize();
  // A vector of a row's Mt sums for each of the tile's inner * cols elements of B; a loop over vectors for each of the
  // inner ones.
  return {.macs = rows * inner * cols,
          .loadBytes = (rows * inner + inner * cols + rows * cols) * size,
          .storeBytes = rows * cols * size,
          .vectors = inner * cols,
          .descriptors = inner};
}

void RingGemm::moves(Code &code, uint32_t channelA, uint32_t channelB) const {
  const pkg::Expr zero = constant(0);
  if (movesA())
    code.put(channelA, constant(bytesA), {a, 0, {slotTerm(1, zero, slotsA(), strideA)}})
        .get(channelA, constant(bytesA), {a, 0, {slotTerm(1, constant(blocksA), slotsA(), strideA)}});
  if (movesB())
    code.put(channelB, constant(bytesB), {b, 0, {slotTerm(1, zero, slotsB(), strideB)}})
        .get(channelB, constant(bytesB), {b, 0, {slotTerm(1, constant(blocksB), slotsB(), strideB)}});
}

void RingGemm::multiply(uint32_t op) {
  uint32_t channelA = 0, channelB = 0;
  if (movesA())
    channelA = builder.channel(route::ringShift("a", Axis::X, out.width(), embedding, -1));
  if (movesB())
    channelB = builder.channel(route::ringShift("b", Axis::Y, out.height(), embedding, -1));
  const auto bytesC = static_cast<uint64_t>(rows * cols) * out.elementSize();
  uint32_t clear = builder.kernel("clear", {bytesC});
  uint32_t gemm = builder.kernel("gemm", {strideA, strideB, bytesC});
  uint32_t next = builder.kernel("next_step");
  // Alone on its line a core turns A's queue by beginning elsewhere in it.
  const pkg::Expr begin = movesA() ? constant(0) : pkg::Expr(pkg::Source::RankY, 0, static_cast<int32_t>(blocksB), 0);
  std::vector<Place> operands = {{a, 0, {slotTerm(1, begin, slotsA(), strideA)}},
                                 {b, 0, {slotTerm(1, constant(0), slotsB(), strideB)}},
                                 {c, 0, {}}};
  std::vector<pkg::Expr> extents = {constant(rows), constant(inner), constant(cols)};
  // A task for each of the two moves that ended, one that joins them, one for the next step.
  const Cost activations = {.activations = movesA() + movesB() + 2};
  Code code;
  code.call(clear, out.narrow(), {.alu = rows * cols, .vectors = 1, .descriptors = 1}, {{c, 0, {}}},
            {constant(static_cast<int64_t>(bytesC))})
      .begin(constant(blocks));
  if (part.overlap)
    moves(code, channelA, channelB);
  code.call(gemm, out.narrow(), multiplyCost(), operands, extents);
  if (!part.overlap)
    moves(code, channelA, channelB);
  code.wait().call(next, out.narrow(), activations).end();
  builder.task(op, everywhere(builder.width), everywhere(builder.height), std::move(code));
}

void RingGemm::emit() {
  measure();
  allocate();
  describe();
  if (turningSteps() > 0) {
    uint32_t op = builder.op(part.prefix + "align", "shift");
    turn(op, true);
    turn(op, false);
  }
  multiply(builder.op(part.prefix + "multiply", "gemm"));
}

Result<void> emitWhole(Emission &out, Embedding embedding) {
  auto odd = out.request.settings.choice("odd", "drop", {"drop", "pad"});
  if (!odd)
    return odd.takeError();
  auto overlap = out.request.settings.flag("double_buffer", true);
  if (!overlap)
    return overlap.takeError();
  const std::vector<int64_t> &shape = out.request.shape;
  emitRingGemm(out, {"", shape[0], shape[1], shape[2], *overlap, out.narrow() && *odd == "drop"}, embedding);
  return success();
}

} // namespace

void notePadding(Emission &out, int64_t k, int64_t padded) {
  if (out.width() == out.height() || 4 * padded <= 5 * k)
    return;
  out.facts.notes.push_back(fmt::format(
      "K = {} is padded to {}, a multiple of lcm({}, {}): zeros are multiplied, too; a mesh whose sides have "
      "more factors in common needs fewer",
      k, padded, out.width(), out.height()));
}

void emitRingGemm(Emission &out, const GemmPart &part, Embedding embedding) {
  RingGemm{.out = out, .builder = out.builder, .part = part, .embedding = embedding}.emit();
}

Result<void> emitMeshGemm(Emission &out) { return emitWhole(out, Embedding::Interleave); }
Result<void> emitCannon(Emission &out) { return emitWhole(out, Embedding::Identity); }

} // namespace weft::algorithms
