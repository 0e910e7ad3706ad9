// The programs of layers. Timing: what a layer computes is tested part by part.
#include "compiler/algorithms/Collectives.h"
#include "compiler/algorithms/Gemms.h"
#include "compiler/algorithms/LayerSteps.h"

namespace weft::algorithms {
namespace {

class Layer {
public:
  Layer(Emission &out, int64_t batch)
      : out(out), builder(out.builder), on(layerExtents(out.request.shape, out.request.width, batch)) {}

  Result<void> decode();
  Result<void> prefill();

private:
  Result<void> emit(const std::vector<LayerStep> &steps);
  void local(const std::string &name, const Cost &cost) {
    Code code;
    code.call(builder.kernel("local"), out.narrow(), cost);
    builder.task(builder.op(name, "local"), everywhere(builder.width), everywhere(builder.height), std::move(code));
    out.facts.macs += product({cost.macs, on.cores, on.cores});
  }
  Result<void> sum(const std::string &name, const LayerStep &step) {
    SumRequest request{.algorithm = "ktree", .axis = {step.axis}, .elements = step.elements, .reduce = step.reduce};
    request.levels = levels;
    request.op = builder.op(name, "all_reduce");
    request.local = {vector, 0, {}};
    return emitSum(out, request);
  }

  Emission &out;
  ProgramBuilder &builder;
  LayerExtents on;
  uint32_t vector = 0; // where sums are made
  int levels = 0;      // of their trees; 0: as set
};

Result<void> Layer::emit(const std::vector<LayerStep> &steps) {
  for (const LayerStep &step : steps) {
    const std::string name = std::string(step.part) + std::string(step.name);
    switch (step.kind) {
    case LayerStep::Kind::Local:
      local(name, step.cost);
      break;
    case LayerStep::Kind::Sum:
      if (auto done = sum(name, step); !done)
        return done;
      break;
    case LayerStep::Kind::Gemm:
      emitRingGemm(out, {name + ".", step.m, step.k, step.n, true, out.narrow()}, route::Embedding::Interleave);
      break;
    case LayerStep::Kind::GemmTransposed:
      emitTransposedGemm(out, {name + ".", step.m, step.k, step.n});
      break;
    }
  }
  return success();
}

Result<void> Layer::decode() {
  const int64_t longest = std::max({3 * on.dim, 2 * on.ffn, on.seq}) * on.batch;
  vector = builder.buffer("vector", sumBytes(out, "ktree", "xy", longest));
  const auto size = static_cast<uint64_t>(out.elementSize());
  builder.buffer("weights", static_cast<uint64_t>(4 * on.dim * on.dim + 3 * on.dim * on.ffn) * size,
                 pkg::BufferKind::Communication);
  builder.buffer("cache", static_cast<uint64_t>(2 * on.dim * on.seq * on.batch) * size, pkg::BufferKind::Communication);
  return emit(decodeSteps(on));
}

Result<void> Layer::prefill() {
  levels = 1; // rows of cores chain from both ends to their middle
  vector = builder.buffer("vector", sumBytes(out, "ktree", "xy", on.seq));
  return emit(prefillSteps(on));
}

Result<void> checkSquare(const Emission &out) {
  if (out.width() == out.height())
    return success();
  return userError("a layer needs a square of cores, since its vectors lie along x and along y in turn");
}

void setFacts(Emission &out) {
  const std::vector<int64_t> &shape = out.request.shape;
  out.facts.tile = out.facts.padded = {};
  for (int64_t extent : shape) {
    out.facts.tile.push_back(ceilDiv(extent, out.width()));
    out.facts.padded.push_back(ceilDiv(extent, out.width()) * out.width());
  }
}

} // namespace

Result<void> emitDecodeLayer(Emission &out) {
  if (auto square = checkSquare(out); !square)
    return square;
  auto batch = out.request.settings.number("batch", 1, 1, 1 << 20);
  if (!batch)
    return batch.takeError();
  auto done = Layer(out, *batch).decode();
  setFacts(out);
  return done;
}

Result<void> emitPrefillLayer(Emission &out) {
  if (auto square = checkSquare(out); !square)
    return square;
  auto done = Layer(out, 1).prefill();
  setFacts(out);
  return done;
}

} // namespace weft::algorithms
