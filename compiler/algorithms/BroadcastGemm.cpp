// SUMMA and all-gather GEMM: blocks are not passed round but sent to the whole line of cores. K is divided as in
// RingGemm.cpp into L = lcm(W, H) blocks, of which a column has a = L / W of A's and a row b = L / H of B's.
//
// In SUMMA columns (rows) multicast in turn by one route, which routers turn round for the one whose turn it is; or
// each has a route of its own, which takes W + H colours; or blocks are passed on in software, from core to core away
// from the column whose turn it is.
#include "compiler/algorithms/BroadcastGemm.h"

#include "compiler/algorithms/Gemms.h"

#include <fmt/format.h>

#include <numeric>

namespace weft::algorithms {

using route::Axis;

Result<void> BroadcastGemm::measure() {
  const std::vector<int64_t> &shape = out.request.shape;
  const int64_t w = out.width(), h = out.height(), size = out.elementSize();
  blocks = std::lcm(w, h);
  blocksA = blocks / w;
  blocksB = blocks / h;
  rows = ceilDiv(shape[0], h);
  inner = ceilDiv(shape[1], blocks);
  cols = ceilDiv(shape[2], w);
  const int64_t word = builder.hardware.routing.linkBytes;
  bytesA = ceilDiv(rows * inner * size, word) * word;
  bytesB = ceilDiv(inner * cols * size, word) * word;
  return success();
}

void BroadcastGemm::describe() {
  using Blocks = std::vector<std::pair<int64_t, int64_t>>;
  const std::vector<int64_t> &shape = out.request.shape;
  auto base = [&](uint32_t buffer) { return builder.offsetOf(buffer); };
  out.inputs["a"] = {
      base(a), static_cast<uint32_t>(bytesA), rows, inner, shape[0], shape[1], [n = blocksA](uint32_t x, uint32_t y) {
        Blocks list;
        for (int64_t i = 0; i < n; ++i)
          list.emplace_back(y, x * n + i);
        return list;
      }};
  out.inputs["b"] = {
      base(b), static_cast<uint32_t>(bytesB), inner, cols, shape[1], shape[2], [n = blocksB](uint32_t x, uint32_t y) {
        Blocks list;
        for (int64_t i = 0; i < n; ++i)
          list.emplace_back(y * n + i, x);
        return list;
      }};
  out.outputs["c"] = {
      base(c), 0, rows, cols, shape[0], shape[2], [](uint32_t x, uint32_t y) { return Blocks{{y, x}}; }};
  notePadding(out, shape[1], inner * blocks);
  Facts &facts = out.facts;
  facts.tile = {rows, inner * blocksA, cols};
  facts.padded = {rows * out.height(), inner * blocks, cols * out.width()};
  facts.steps = static_cast<uint64_t>(blocks);
  facts.macs = product({facts.padded[0], facts.padded[1], facts.padded[2]});
}

uint32_t BroadcastGemm::multicasts(Axis axis) {
  const int n = axis == Axis::X ? out.width() : out.height();
  const uint32_t first = builder.channelCount();
  for (int source = 0; n > 1 && source < n; ++source)
    builder.channel(route::broadcast(fmt::format("{}.{}", axis == Axis::X ? "a" : "b", source), axis, n, source));
  return first;
}

Code &BroadcastGemm::clearSums(Code &code) const {
  const auto bytes = static_cast<uint64_t>(rows * cols) * out.elementSize();
  return code.call(builder.kernel("clear", {bytes}), out.narrow(), {.alu = rows * cols, .vectors = 1, .descriptors = 1},
                   {{c, 0, {}}}, {constant(static_cast<int64_t>(bytes))});
}

Code &BroadcastGemm::multiply(Code &code, Place left, Place right) const {
  const int64_t size = out.elementSize();
  const uint32_t kernel = builder.kernel("gemm", {static_cast<uint64_t>(bytesA), static_cast<uint64_t>(bytesB),
                                                  static_cast<uint64_t>(rows * cols * size)});
  return code.call(kernel, out.narrow(),
                   {.macs = rows * inner * cols,
                    .loadBytes = (rows * inner + inner * cols + rows * cols) * size,
                    .storeBytes = rows * cols * size,
                    .vectors = inner * cols,
                    .descriptors = inner},
                   {std::move(left), std::move(right), {c, 0, {}}}, {constant(rows), constant(inner), constant(cols)});
}

namespace {

/// Every core gets all blocks of its row and its column, then multiplies them one after the other.
Result<void> allGather(BroadcastGemm &gemm) {
  ProgramBuilder &builder = gemm.builder;
  const Emission &out = gemm.out;
  const auto words = static_cast<uint64_t>(gemm.blocks);
  gemm.a = builder.buffer("a", words * static_cast<uint64_t>(gemm.bytesA), pkg::BufferKind::Communication);
  gemm.b = builder.buffer("b", words * static_cast<uint64_t>(gemm.bytesB), pkg::BufferKind::Communication);
  gemm.c = builder.buffer("c", static_cast<uint64_t>(gemm.rows * gemm.cols) * out.elementSize());
  gemm.describe();
  // Own blocks arrive where the whole begins; block k of the line lies at (k - own first) mod L.
  const uint32_t op = builder.op("gather", "all_gather");
  for (Axis axis : {Axis::X, Axis::Y}) {
    const bool alongX = axis == Axis::X;
    const uint32_t n = alongX ? builder.width : builder.height;
    const int64_t own = alongX ? gemm.blocksA : gemm.blocksB, stride = alongX ? gemm.bytesA : gemm.bytesB;
    const uint32_t buffer = alongX ? gemm.a : gemm.b, first = gemm.multicasts(axis);
    const pkg::Source position = alongX ? pkg::Source::CoordX : pkg::Source::CoordY;
    for (uint32_t source = 0; n > 1 && source < n; ++source) {
      Code send, receive;
      send.put(first + source, constant(own * stride), {buffer, 0, {}});
      // In whole runs of blocks, so that the distance along the line is the place.
      const pkg::Expr distance(position, 0, -1, static_cast<int32_t>(source + n));
      receive.get(first + source, constant(own * stride), {buffer, 0, {slotTerm(0, distance, n, own * stride)}});
      Mask one = positions(n, source, source + 1), others(n, true);
      others[source] = false;
      builder.task(op, alongX ? one : everywhere(builder.width), alongX ? everywhere(builder.height) : one,
                   std::move(send));
      builder.task(op, alongX ? others : everywhere(builder.width), alongX ? everywhere(builder.height) : others,
                   std::move(receive));
    }
  }
  Code join;
  join.wait().call(builder.kernel("next_step"), out.narrow(), {.activations = 2});
  builder.task(op, everywhere(builder.width), everywhere(builder.height), std::move(join));
  Code code;
  gemm.clearSums(code).begin(constant(gemm.blocks));
  auto block = [&](uint32_t buffer, pkg::Source position, int64_t own, int64_t stride) {
    const pkg::Expr start(position, 0, -static_cast<int32_t>(own), static_cast<int32_t>(gemm.blocks));
    return Place{buffer, 0, {slotTerm(1, start, gemm.blocks, stride)}};
  };
  gemm.multiply(code, block(gemm.a, pkg::Source::CoordX, gemm.blocksA, gemm.bytesA),
                block(gemm.b, pkg::Source::CoordY, gemm.blocksB, gemm.bytesB));
  code.end();
  builder.task(builder.op("multiply", "gemm"), everywhere(builder.width), everywhere(builder.height), std::move(code));
  gemm.out.facts.steps = static_cast<uint64_t>(out.width() + out.height() - 2);
  return success();
}

/// Blocks on their own colours, a step a block; two places where they arrive, in turn.
void multicastSumma(BroadcastGemm &gemm) {
  ProgramBuilder &builder = gemm.builder;
  const uint32_t w = builder.width, h = builder.height;
  const uint32_t channelsA = gemm.multicasts(Axis::X), channelsB = gemm.multicasts(Axis::Y);
  const uint32_t op = builder.op("multiply", "gemm");
  Code clear;
  gemm.clearSums(clear);
  builder.task(op, everywhere(w), everywhere(h), std::move(clear));
  for (int64_t k = 0; k < gemm.blocks; ++k) {
    const auto column = static_cast<uint32_t>(k / gemm.blocksA), row = static_cast<uint32_t>(k / gemm.blocksB);
    const Place ownA = {gemm.a, static_cast<uint32_t>(k % gemm.blocksA * gemm.bytesA), {}};
    const Place ownB = {gemm.b, static_cast<uint32_t>(k % gemm.blocksB * gemm.bytesB), {}};
    const Place inA = {gemm.arrivedA, static_cast<uint32_t>(k % 2 * gemm.bytesA), {}};
    const Place inB = {gemm.arrivedB, static_cast<uint32_t>(k % 2 * gemm.bytesB), {}};
    for (bool turnA : {true, false})
      for (bool turnB : {true, false}) {
        Mask xs(w, !turnA), ys(h, !turnB);
        xs[column] = turnA;
        ys[row] = turnB;
        Code code;
        if (w > 1)
          turnA ? code.put(channelsA + column, constant(gemm.bytesA), ownA)
                : code.get(channelsA + column, constant(gemm.bytesA), inA);
        if (h > 1)
          turnB ? code.put(channelsB + row, constant(gemm.bytesB), ownB)
                : code.get(channelsB + row, constant(gemm.bytesB), inB);
        code.wait().call(builder.kernel("next_step"), gemm.out.narrow(), {.activations = (w > 1) + (h > 1) + 1});
        gemm.multiply(code, turnA ? ownA : inA, turnB ? ownB : inB);
        builder.task(op, xs, ys, std::move(code));
      }
  }
}

/// By one route a line, on which cores take turns. A block comes back to its own sender, too, so that all do the same.
void turningSumma(BroadcastGemm &gemm) {
  ProgramBuilder &builder = gemm.builder;
  const int w = gemm.out.width(), h = gemm.out.height();
  const auto turnA = static_cast<uint32_t>(gemm.blocksA), turnB = static_cast<uint32_t>(gemm.blocksB);
  const uint32_t op = builder.op("multiply", "gemm");
  Code code;
  gemm.clearSums(code).begin(constant(gemm.blocks));
  // The block that is sent is number k mod own; in another's turn this is not looked at.
  auto place = [](uint32_t buffer, int64_t own, int64_t bytes) {
    return Place{buffer, 0, {slotTerm(1, constant(0), own, bytes)}};
  };
  const Place ownA = place(gemm.a, gemm.blocksA, gemm.bytesA), ownB = place(gemm.b, gemm.blocksB, gemm.bytesB);
  const Place inA = w > 1 ? Place{gemm.arrivedA, 0, {}} : ownA, inB = h > 1 ? Place{gemm.arrivedB, 0, {}} : ownB;
  if (w > 1) {
    const uint32_t channel = builder.channel(route::broadcastInTurn("a", Axis::X, w, turnA));
    code.get(channel, constant(gemm.bytesA), inA).put(channel, constant(gemm.bytesA), ownA);
  }
  if (h > 1) {
    const uint32_t channel = builder.channel(route::broadcastInTurn("b", Axis::Y, h, turnB));
    code.get(channel, constant(gemm.bytesB), inB).put(channel, constant(gemm.bytesB), ownB);
  }
  // A task for the end of each broadcast, and the one that multiplies.
  code.wait().call(builder.kernel("next_step"), gemm.out.narrow(), {.activations = (w > 1) + (h > 1) + 1});
  gemm.multiply(code, inA, inB);
  code.end();
  builder.task(op, everywhere(builder.width), everywhere(builder.height), std::move(code));
}

/// In software: a core stores a block and sends it on while it multiplies. Square meshes: one block a core.
class RelaySumma {
public:
  explicit RelaySumma(BroadcastGemm &gemm) : gemm(gemm), builder(gemm.builder), n(gemm.builder.width) {}
  void emit();

private:
  enum class Turn { Later, Now, Past }; // of the column (row) that sends, seen from the core
  struct Steps {
    pkg::Expr count, first; // first: a constant or a coordinate
    Turn column, row;
  };
  uint32_t neighbours(Axis axis, bool ascending);
  void run(uint32_t row, uint32_t from, uint32_t to);
  void step(Code &code, uint32_t x, uint32_t y, const Steps &steps, bool loops) const;

  BroadcastGemm &gemm;
  ProgramBuilder &builder;
  uint32_t n, op = 0;
  uint32_t east = 0, west = 0, south = 0, north = 0; // channels
};

uint32_t RelaySumma::neighbours(Axis axis, bool ascending) {
  route::ChannelSpec spec{
      fmt::format("{}.{}", axis == Axis::X ? "a" : "b", ascending ? "up" : "down"), axis, {}, 0, {}};
  for (int i = 0; i + 1 < static_cast<int>(n); ++i)
    spec.flows.push_back({-1, ascending ? i : i + 1, i, i + 1, false, 0});
  return builder.channel(std::move(spec));
}

void RelaySumma::step(Code &code, uint32_t x, uint32_t y, const Steps &steps, bool loops) const {
  auto placeOf = [&](Turn turn, uint32_t own, uint32_t arrived, int64_t bytes) {
    if (turn == Turn::Now)
      return Place{own, 0, {}};
    return Place{arrived, 0, {slotTerm(loops ? 1 : 0, steps.first, 2, bytes)}};
  };
  const Place a = placeOf(steps.column, gemm.a, gemm.arrivedA, gemm.bytesA);
  const Place b = placeOf(steps.row, gemm.b, gemm.arrivedB, gemm.bytesB);
  const pkg::Expr bytesA = constant(gemm.bytesA), bytesB = constant(gemm.bytesB);
  // Before the core's own turn blocks come from lower positions and go up, after it they come from higher ones.
  auto receive = [&](Turn turn, uint32_t up, uint32_t down, pkg::Expr bytes, const Place &place) {
    if (turn != Turn::Now)
      code.get(turn == Turn::Past ? down : up, bytes, place);
  };
  auto send = [&](Turn turn, uint32_t position, uint32_t up, uint32_t down, pkg::Expr bytes, const Place &place) {
    if (turn != Turn::Past && position + 1 < n)
      code.put(up, bytes, place);
    if (turn != Turn::Later && position > 0)
      code.put(down, bytes, place);
  };
  receive(steps.column, east, west, bytesA, a);
  receive(steps.row, south, north, bytesB, b);
  code.wait().call(builder.kernel("next_step"), gemm.out.narrow(), {.activations = 3});
  send(steps.column, x, east, west, bytesA, a);
  send(steps.row, y, south, north, bytesB, b);
  gemm.multiply(code, a, b);
}

/// Cores [from, to) of a row, which do the same.
void RelaySumma::run(uint32_t row, uint32_t from, uint32_t to) {
  if (from >= to)
    return;
  const auto y = static_cast<int32_t>(row), last = static_cast<int32_t>(n) - 1;
  const pkg::Expr x(pkg::Source::CoordX, 0, 1, 0), afterX(pkg::Source::CoordX, 0, 1, 1), one = constant(1);
  std::vector<Steps> parts;
  if (to <= row) // x < y
    parts = {{x, constant(0), Turn::Later, Turn::Later},
             {one, x, Turn::Now, Turn::Later},
             {{pkg::Source::CoordX, 0, -1, y - 1}, afterX, Turn::Past, Turn::Later},
             {one, constant(y), Turn::Past, Turn::Now},
             {constant(last - y), constant(y + 1), Turn::Past, Turn::Past}};
  else if (from > row)
    parts = {{constant(y), constant(0), Turn::Later, Turn::Later},
             {one, constant(y), Turn::Later, Turn::Now},
             {{pkg::Source::CoordX, 0, 1, -y - 1}, constant(y + 1), Turn::Later, Turn::Past},
             {one, x, Turn::Now, Turn::Past},
             {{pkg::Source::CoordX, 0, -1, last}, afterX, Turn::Past, Turn::Past}};
  else
    parts = {{constant(y), constant(0), Turn::Later, Turn::Later},
             {one, constant(y), Turn::Now, Turn::Now},
             {constant(last - y), constant(y + 1), Turn::Past, Turn::Past}};
  Code code;
  for (const Steps &part : parts) {
    const bool single = part.column == Turn::Now || part.row == Turn::Now;
    // A core at an end of the line has no sender beyond it and never gets there.
    const bool never = (part.column == Turn::Later && from == 0) || (part.row == Turn::Later && row == 0) ||
                       (part.column == Turn::Past && from + 1 == n) || (part.row == Turn::Past && row + 1 == n);
    if (never)
      continue;
    if (!single)
      code.begin(part.count);
    step(code, from, row, part, !single);
    if (!single)
      code.end();
  }
  builder.task(op, positions(n, from, to), positions(n, row, row + 1), std::move(code.wait()));
}

void RelaySumma::emit() {
  east = neighbours(Axis::X, true);
  west = neighbours(Axis::X, false);
  south = neighbours(Axis::Y, true);
  north = neighbours(Axis::Y, false);
  op = builder.op("multiply", "gemm");
  Code clear;
  gemm.clearSums(clear);
  builder.task(op, everywhere(n), everywhere(n), std::move(clear));
  for (uint32_t y = 0; y < n; ++y) {
    // The ends of a row differ from what lies between, and so does the diagonal.
    const uint32_t cuts[] = {0, std::min(1u, y), y, y + 1, std::max(n - 1, y + 1), n};
    for (size_t i = 0; i + 1 < std::size(cuts); ++i)
      run(y, cuts[i], cuts[i + 1]);
  }
}

} // namespace

Result<void> emitAllGather(Emission &out) {
  BroadcastGemm gemm{.out = out, .builder = out.builder};
  if (auto measured = gemm.measure(); !measured)
    return measured;
  return allGather(gemm);
}

Result<void> emitSumma(Emission &out) {
  BroadcastGemm gemm{.out = out, .builder = out.builder};
  if (auto measured = gemm.measure(); !measured)
    return measured;
  auto how = out.request.settings.choice("broadcast", "turns", {"turns", "multicast", "relay"});
  if (!how)
    return how.takeError();
  if (*how == "relay" && out.width() != out.height())
    return userError(
        fmt::format("--set broadcast=relay needs a square mesh, {}x{} is none", out.width(), out.height()));
  const int64_t places = *how == "turns" ? 1 : 2; // where blocks arrive: others do before the last one is done with
  gemm.a = out.builder.buffer("a", static_cast<uint64_t>(gemm.blocksA * gemm.bytesA));
  gemm.b = out.builder.buffer("b", static_cast<uint64_t>(gemm.blocksB * gemm.bytesB));
  gemm.arrivedA =
      out.builder.buffer("a.in", static_cast<uint64_t>(places * gemm.bytesA), pkg::BufferKind::Communication);
  gemm.arrivedB =
      out.builder.buffer("b.in", static_cast<uint64_t>(places * gemm.bytesB), pkg::BufferKind::Communication);
  gemm.c = out.builder.buffer("c", static_cast<uint64_t>(gemm.rows * gemm.cols) * out.elementSize());
  gemm.describe();
  if (*how == "turns")
    turningSumma(gemm);
  else if (*how == "relay" && out.width() > 1)
    RelaySumma(gemm).emit();
  else
    multicastSumma(gemm);
  return success();
}

} // namespace weft::algorithms
