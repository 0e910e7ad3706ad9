#include "compiler/pipeline/Choices.h"

#include "dialects/xf/XfDialect.h"
#include "hw-models/CoreModel.h"

#include "mlir/IR/Builders.h"

#include <algorithm>

namespace weft::compiler {

place::PlaceOptions placeOptions(const CompileOptions &options, mlir::MLIRContext &context) {
  place::PlaceOptions place;
  place.width = options.meshWidth;
  place.height = options.meshHeight;
  place.maxSeq = options.maxSeq;
  mlir::Builder builder(&context);
  if (options.dtype == "f32")
    place.weightType = builder.getF32Type();
  else if (options.dtype == "f16")
    place.weightType = builder.getF16Type();
  else if (options.dtype == "bf16")
    place.weightType = builder.getBF16Type();
  else if (options.dtype == "i8")
    place.weightType = builder.getI8Type();
  const hw::Latency &latency = options.hardware.latency;
  place.costs = {latency.hop,
                 latency.ramp,
                 latency.streamStage,
                 latency.streamStartup,
                 options.reduce == ReduceChoice::Core ? 0 : options.hardware.routing.reduceStage,
                 options.reduce == ReduceChoice::Router};
  place.core = hw::ratesOf(options.hardware);
  place.sramBytes = options.hardware.usableBytes();
  return place;
}

int64_t gemmCycles(const CompileOptions &options, int64_t rows, int64_t inner, int64_t columns, bool cannon) {
  place::Mesh mesh = place::Mesh::make(options.meshWidth, options.meshHeight, !cannon);
  const hw::Hardware &hardware = options.hardware;
  int64_t width = place::blockWidth(mesh, inner), localRows = place::ceilDiv(rows, mesh.height),
          localColumns = place::plainLocal(columns, mesh.width);
  int64_t words = std::max(localRows * width, width * localColumns) * 4 / hardware.routing.linkBytes;
  int64_t hops = 0;
  for (int64_t cores : {mesh.width, mesh.height})
    hops = std::max(hops, cannon ? cores - 1 : std::min<int64_t>(2, cores - 1));
  int64_t step = words + hops * hardware.latency.hop + 2 * hardware.latency.ramp;
  hw::CoreRates rates = hw::ratesOf(hardware);
  int64_t compute = static_cast<int64_t>(localRows * width * localColumns / rates.macsF32) + rates.startup;
  return mesh.blocks * std::max(step, compute) + mesh.blocks / 2 * step;
}

/// The largest weight matrix of the graph, [out, in].
static std::pair<int64_t, int64_t> widestProduct(mlir::ModuleOp graph) {
  std::pair<int64_t, int64_t> widest = {1, 1};
  graph.walk([&](xf::ParamOp param) {
    auto type = mlir::cast<mlir::RankedTensorType>(param.getType());
    bool lookedUp = llvm::all_of(
        param->getUsers(), [](mlir::Operation *user) { return mlir::isa<xf::EmbeddingOp, xf::AddPositionsOp>(user); });
    if (type.getRank() == 2 && !lookedUp && type.getNumElements() > widest.first * widest.second)
      widest = {type.getDimSize(0), type.getDimSize(1)};
  });
  return widest;
}

std::vector<Decision> chooseAlgorithms(const CompileOptions &options, mlir::ModuleOp graph,
                                       place::PlaceOptions &place) {
  std::vector<Decision> decisions;
  // One order of ranks serves the whole program, so the largest product decides.
  auto [outputs, inputs] = widestProduct(graph);
  int64_t mesh = gemmCycles(options, options.maxSeq, inputs, outputs, false);
  int64_t cannon = gemmCycles(options, options.maxSeq, inputs, outputs, true);
  bool open = options.gemm == GemmChoice::Auto;
  place.cannon = open ? cannon < mesh : options.gemm == GemmChoice::Cannon;
  decisions.push_back({"place",
                       "gemm",
                       place.cannon ? "cannon" : "meshgemm",
                       open ? "predicted" : "requested",
                       {{"meshgemm", mesh}, {"cannon", cannon}}});
  auto tree = [&](const char *op, int64_t cores, int64_t words, int64_t maxLevels) {
    auto [levels, groups, inRouter] = place::chooseReduction(place.costs, cores, words, maxLevels);
    std::string chosen =
        inRouter ? "in_router" : "levels=" + std::to_string(levels) + " groups=" + std::to_string(groups);
    Decision decision{
        "place", op, std::move(chosen), options.reduce == ReduceChoice::Auto ? "predicted" : "requested", {}};
    for (int64_t candidate = 1; candidate <= maxLevels; ++candidate) {
      auto [count, cycles] = place::bestGroups(place.costs, cores, words, candidate);
      decision.alternatives.push_back(
          {"levels=" + std::to_string(candidate) + " groups=" + std::to_string(count), cycles});
    }
    if (place.costs.reduceStage)
      decision.alternatives.push_back({"in_router", place::routerCycles(place.costs, cores, words)});
    decisions.push_back(std::move(decision));
  };
  tree("all_reduce along x, one word, prefill", place.width, 1, place.prefillTreeLevels);
  tree("all_reduce along x, one word, decode", place.width, 1, place.decodeTreeLevels);
  tree("gemv of the largest product, decode", place.height, place::plainLocal(outputs, place.width),
       place.decodeTreeLevels);
  return decisions;
}

} // namespace weft::compiler
