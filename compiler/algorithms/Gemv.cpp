// y = x W: each core multiplies its part of x (the same in each row of cores) with its tile of W; the partial results
// are added up along y and all cores of a column get the sum (MeshGEMV, WaferLLM, OSDI 2025, with ktree).
#include "compiler/algorithms/Collectives.h"

namespace weft::algorithms {

Result<void> emitGemv(Emission &out) {
  ProgramBuilder &builder = out.builder;
  const std::vector<int64_t> &shape = out.request.shape;
  const int64_t rows = ceilDiv(shape[0], out.height()), cols = ceilDiv(shape[1], out.width()), size = out.elementSize();
  SumRequest sum{.algorithm = out.request.algorithm, .axis = "y", .elements = cols};
  const uint64_t resultBytes = sumBytes(out, sum.algorithm, sum.axis, cols);
  uint32_t x = builder.buffer("x", static_cast<uint64_t>(rows * size));
  uint32_t w = builder.buffer("w", static_cast<uint64_t>(rows * cols * size));
  uint32_t y = builder.buffer("y", resultBytes);
  using Blocks = std::vector<std::pair<int64_t, int64_t>>;
  out.inputs["x"] = {
      builder.offsetOf(x), 0, rows, 1, shape[0], 1, [](uint32_t, uint32_t coreY) { return Blocks{{coreY, 0}}; }};
  out.inputs["w"] = {builder.offsetOf(w), 0, rows, cols, shape[0], shape[1], [](uint32_t coreX, uint32_t coreY) {
                       return Blocks{{coreY, coreX}};
                     }};
  out.outputs["y"] = {
      builder.offsetOf(y), 0, 1, cols, 1, shape[1], [](uint32_t coreX, uint32_t) { return Blocks{{0, coreX}}; }};
  out.facts.tile = {rows, cols};
  out.facts.padded = {rows * out.height(), cols * out.width()};
  out.facts.macs = product({out.facts.padded[0], out.facts.padded[1]});
  uint32_t product =
      builder.kernel("gemv", {static_cast<uint64_t>(rows * size), static_cast<uint64_t>(rows * cols * size),
                              static_cast<uint64_t>(cols * size)});
  // Zeros, then a vector of `cols` sums for each of the tile's rows; descriptors of both and of the sum to be sent.
  const Cost cost = {.macs = rows * cols,
                     .alu = cols,
                     .loadBytes = (rows + rows * cols) * size,
                     .storeBytes = cols * size,
                     .vectors = rows + 1,
                     .descriptors = 3};
  Code code;
  code.call(product, out.narrow(), cost, {{x, 0, {}}, {w, 0, {}}, {y, 0, {}}}, {constant(rows), constant(cols)});
  builder.task(builder.op("product", "gemv"), everywhere(builder.width), everywhere(builder.height), std::move(code));
  sum.op = builder.op("sum", "all_reduce");
  sum.local = {y, 0, {}};
  return emitSum(out, sum);
}

} // namespace weft::algorithms
