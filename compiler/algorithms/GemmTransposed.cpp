// GEMM-T: C = A B^T without transposing anything (WaferLLM, OSDI 2025). A [M, K] and B [N, K] lie alike: K over the
// columns of cores, M and N over the rows. Blocks of B go round a folded ring along y, two hops a step; in each step
// every core multiplies its blocks and each row of cores adds up the products along x, towards the column whose turn it
// is. So column t has, in row y, the block of C for the rows of B that met row y in step t: C's columns are skewed by
// the rank of the row, as the alignment of a following Cannon or MeshGEMM would leave them.
#include "compiler/algorithms/Gemms.h"

namespace weft::algorithms {
namespace {

using route::Axis;
using route::Embedding;

struct GemmTransposed {
  Emission &out;
  ProgramBuilder &builder;
  const GemmPart &part;
  int64_t rows = 0, inner = 0, cols = 0; // Mt, Kt, Nt
  int64_t bytesB = 0, bytesC = 0;
  uint32_t a = 0, b = 0, partial = 0, c = 0; // buffers
  uint32_t ring = 0, down = 0, up = 0;       // channels; down: towards lower columns
  uint32_t op = 0;

  void emit();
  void allocate();
  void steps(int64_t firstStep, int columns, uint32_t slot);
  enum class Side { Below, Root, Above }; // of the column whose turn it is, where the core is
  void step(Code &code, Side side, int column, int last, pkg::Expr at, uint32_t slot) const;
};

void GemmTransposed::allocate() {
  const int64_t size = out.elementSize(), w = out.width(), h = out.height();
  const int64_t word = builder.hardware.routing.linkBytes;
  rows = ceilDiv(part.m, h);
  inner = ceilDiv(part.k, w);
  cols = ceilDiv(part.n, h);
  bytesB = ceilDiv(cols * inner * size, word) * word;
  bytesC = ceilDiv(rows * cols * size, word) * word;
  const int64_t slots = ceilDiv(h, w);
  a = builder.buffer(part.prefix + "a", static_cast<uint64_t>(rows * inner * size));
  b = builder.buffer(part.prefix + "b", static_cast<uint64_t>((h > 1 ? 2 : 1) * bytesB),
                     pkg::BufferKind::Communication);
  partial = builder.buffer(part.prefix + "partial", static_cast<uint64_t>(bytesC));
  c = builder.buffer(part.prefix + "c", static_cast<uint64_t>(slots * bytesC));
  std::vector<int> rank = route::coreToRank(out.height(), Embedding::Interleave);
  builder.ranks(route::coreToRank(out.width(), Embedding::Interleave), rank);
  using Blocks = std::vector<std::pair<int64_t, int64_t>>;
  auto own = [](uint32_t x, uint32_t y) { return Blocks{{y, x}}; };
  auto byRank = [rank](uint32_t x, uint32_t y) { return Blocks{{rank[y], x}}; };
  out.inputs[part.prefix + "a"] = {builder.offsetOf(a), 0, rows, inner, part.m, part.k, own};
  out.inputs[part.prefix + "b"] = {builder.offsetOf(b), 0, cols, inner, part.n, part.k, byRank};
  out.outputs[part.prefix + "c"] = {builder.offsetOf(c),
                                    static_cast<uint32_t>(bytesC),
                                    rows,
                                    cols,
                                    part.m,
                                    part.n,
                                    [rank, w, h](uint32_t x, uint32_t y) {
                                      Blocks list;
                                      for (int64_t step = x; step < h; step += w)
                                        list.emplace_back(y, (rank[y] + step) % h);
                                      return list;
                                    }};
  Facts &facts = out.facts;
  facts.tile = {rows, inner, cols};
  facts.padded = {rows * h, inner * w, cols * h};
  facts.steps += static_cast<uint64_t>(h);
  facts.macs += product({rows * h, inner * w, cols * h});
}

/// One step of a core in `column` of 0 to `last`; `at` is the step's number where a block's place depends on it.
void GemmTransposed::step(Code &code, Side side, int column, int last, pkg::Expr at, uint32_t slot) const {
  const bool moves = out.height() > 1, counts = at.source() == pkg::Source::Loop;
  const auto stride = static_cast<int32_t>(bytesB);
  // A term's phase is no loop counter: a step inside a loop is its counter and a coordinate or a constant.
  auto slotOf = [&](int32_t add) {
    pkg::Expr phase = at;
    if (counts)
      phase = side == Side::Above ? constant(at.add() + add) : pkg::Expr(pkg::Source::CoordX, 0, 1, at.add() + add + 1);
    else
      phase = {at.source(), at.index(), at.scale(), at.add() + add};
    return slotTerm(counts ? 1 : 0, phase, moves ? 2 : 1, stride);
  };
  if (moves)
    code.put(ring, constant(bytesB), {b, 0, {slotOf(0)}}).get(ring, constant(bytesB), {b, 0, {slotOf(1)}});
  const int64_t size = out.elementSize();
  const uint32_t kernel = builder.kernel("gemm_transposed", {static_cast<uint64_t>(rows * inner * size),
                                                             static_cast<uint64_t>(cols * inner * size),
                                                             static_cast<uint64_t>(rows * cols * size)});
  const bool root = side == Side::Root;
  const Place sum = root ? Place{c, slot * static_cast<uint32_t>(bytesC), {}} : Place{partial, 0, {}};
  // Zeros first, then as the tile of a GEMM.
  code.call(kernel, out.narrow(),
            {.macs = rows * inner * cols,
             .alu = rows * cols,
             .loadBytes = (rows + cols) * inner * size,
             .storeBytes = rows * cols * size,
             .vectors = inner * cols + 1,
             .descriptors = inner + 1},
            {{a, 0, {}}, {b, 0, {slotOf(0)}}, sum}, {constant(rows), constant(inner), constant(cols)});
  const pkg::Expr bytes = constant(bytesC);
  if (root) {
    if (column > 0)
      code.reduceInto(up, bytes, sum);
    if (column < last)
      code.reduceInto(down, bytes, sum);
  } else if (side == Side::Above) {
    column == last ? code.put(down, bytes, sum) : code.reduceForward(down, down, bytes, sum);
  } else {
    column == 0 ? code.put(up, bytes, sum) : code.reduceForward(up, up, bytes, sum);
  }
  const uint32_t next = builder.kernel("next_step");
  code.wait().call(next, out.narrow(), {.activations = moves ? 3 : 1});
}

/// Steps firstStep to firstStep + columns - 1, in which columns 0 to columns - 1 have their turn.
void GemmTransposed::steps(int64_t firstStep, int columns, uint32_t slot) {
  const int w = out.width(), last = w - 1;
  const auto first = static_cast<int32_t>(firstStep);
  const auto turns = static_cast<uint32_t>(columns), width = builder.width;
  struct Part {
    Mask mask;
    int column; // a core of the mask
  };
  std::vector<Part> parts = {
      {positions(width, 0, 1), 0}, {positions(width, 1, width - 1), 1}, {positions(width, width - 1, width), last}};
  if (w == 1)
    parts.resize(1);
  for (const Part &each : parts)
    for (bool takesTurn : {true, false}) {
      Mask mask(width, false);
      bool any = false;
      for (uint32_t x = 0; x < width; ++x)
        any |= mask[x] = each.mask[x] && (x < turns) == takesTurn;
      if (!any)
        continue;
      Code code;
      // Columns below have their turn first.
      if (each.column > 0) {
        code.begin(takesTurn ? pkg::Expr(pkg::Source::CoordX, 0, 1, 0) : constant(columns));
        step(code, Side::Above, each.column, last, loopCounter(1, first), slot);
        code.end();
      }
      if (takesTurn) {
        step(code, Side::Root, each.column, last, {pkg::Source::CoordX, 0, 1, first}, slot);
        if (each.column < last) {
          code.begin({pkg::Source::CoordX, 0, -1, columns - 1});
          step(code, Side::Below, each.column, last, loopCounter(1, first), slot);
          code.end();
        }
      }
      builder.task(op, mask, everywhere(builder.height), std::move(code));
    }
}

void GemmTransposed::emit() {
  allocate();
  op = builder.op(part.prefix + "multiply", "gemm");
  if (out.height() > 1)
    ring = builder.channel(route::ringShift("b", Axis::Y, out.height(), Embedding::Interleave, -1));
  if (out.width() > 1) {
    route::ChannelSpec low{"sum.down", Axis::X, {}, 0, {}}, high{"sum.up", Axis::X, {}, 0, {}};
    for (int x = 0; x + 1 < out.width(); ++x) {
      high.flows.push_back({-1, x, x, x + 1, false, 0});
      low.flows.push_back({-1, x + 1, x, x + 1, false, 0});
    }
    down = builder.channel(std::move(low));
    up = builder.channel(std::move(high));
  }
  uint32_t slot = 0;
  for (int64_t step = 0; step < out.height(); step += out.width())
    steps(step, static_cast<int>(std::min<int64_t>(out.width(), out.height() - step)), slot++);
}

} // namespace

void emitTransposedGemm(Emission &out, const GemmPart &part) {
  GemmTransposed{.out = out, .builder = out.builder, .part = part}.emit();
}

Result<void> emitGemmTransposed(Emission &out) {
  const std::vector<int64_t> &shape = out.request.shape;
  emitTransposedGemm(out, {"", shape[0], shape[1], shape[2]});
  return success();
}

} // namespace weft::algorithms
