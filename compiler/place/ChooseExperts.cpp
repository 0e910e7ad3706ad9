// What each layer with experts gets: all cores or regions of them.
#include "compiler/graph/GraphModule.h"
#include "compiler/place/CutBlocks.h"
#include "compiler/place/GeneralWeights.h"
#include "compiler/place/Placer.h"
#include "runtime/weights/BlockShapes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <fmt/format.h>

#include <cmath>
#include <map>

using namespace mlir;

namespace weft::place {
namespace {

/// Of a core's SRAM, what choices leave to buffers that only the plan phase knows.
constexpr double sramLeft = 0.125;
/// Where a model does not fit at all and lies on several meshes, regions may take this much more than dense experts.
constexpr double mostPadding = 1.1;

double bytesOf(Type element) { return element.getIntOrFloatBitWidth() / 8.0; }

/// Of a number of a stored weight, which may be in blocks.
double bytesOfNumber(xf::ParamOp param) {
  auto type = cast<RankedTensorType>(param.getType());
  if (param.getStored())
    if (auto format = runtime::blockFormatNamed(param.getStored()->str())) {
      const runtime::BlockFacts &facts = runtime::factsOf(*format);
      return static_cast<double>(facts.bytes) / static_cast<double>(facts.weights);
    }
  return bytesOf(type.getElementType());
}

bool isQuantised(const PlaceOptions &options) { return options.weightType && options.weightType.isInteger(); }

/// All matrices of all experts.
SmallVector<Value> matricesOf(xf::MoeOp op) {
  SmallVector<Value> all;
  for (ValueRange matrices : {op.getGates(), op.getUps(), op.getDowns()})
    all.append(matrices.begin(), matrices.end());
  return all;
}

/// What experts in blocks are on regions of each height; empty: numbers on all.
std::map<int64_t, RegionCosts> blocksOnRegions(xf::MoeOp op, const PlaceOptions &options) {
  auto costsOf = [](const runtime::BlockShape &shape) {
    return BlockCosts{shape.bytes(), kernels::storedOperations(shape), 4 * kernels::pairScratch(shape)};
  };
  const Mesh mesh = Mesh::make(options.width, options.height, !options.cannon);
  std::map<int64_t, RegionCosts> costs;
  for (int64_t rows : regionHeights(options.height)) {
    const RegionBlocks blocks = regionBlocks(op, mesh, rows);
    RegionCosts of;
    if (blocks.gateUp)
      of.gateUp = costsOf(*blocks.gateUp);
    if (blocks.down)
      of.down = costsOf(*blocks.down);
    if (of.gateUp || of.down)
      costs[rows] = of;
  }
  return costs;
}

/// Operations that make a number of a stored weight; 0: it is one.
double operationsOfNumber(xf::ParamOp param) {
  auto shape = param.getStored() ? runtime::shapeForNamed(param.getStored()->str()) : std::nullopt;
  if (!shape)
    return 0;
  shape->rows = shape->super;
  shape->columns = 1;
  return static_cast<double>(kernels::storedOperations(*shape)) / static_cast<double>(shape->rows);
}

ExpertShape shapeOf(xf::MoeOp op, const PlaceOptions &options) {
  auto router = cast<RankedTensorType>(op.getRouter().getType());
  auto gate = cast<RankedTensorType>(op.getGates().front().getType());
  ExpertShape shape{.experts = router.getDimSize(0),
                    .topK = static_cast<int64_t>(op.getTopK()),
                    .hidden = router.getDimSize(1),
                    .inner = gate.getDimSize(0)};
  if (options.weightType) {
    shape.weightBytes = shape.denseWeightBytes = bytesOf(options.weightType);
    return shape;
  }
  // On regions numbers have one type; on all cores each has its own.
  const SmallVector<Value> matrices = matricesOf(op);
  const Type first = gate.getElementType();
  const bool alike = llvm::all_of(
      matrices, [&](Value each) { return cast<RankedTensorType>(each.getType()).getElementType() == first; });
  shape.weightBytes = alike ? bytesOf(first) : 4;
  shape.blocks = blocksOnRegions(op, options);
  double stored = 0, operations = 0;
  for (Value matrix : matrices) {
    xf::ParamOp param = storedParam(matrix);
    stored += param ? bytesOfNumber(param) : bytesOf(cast<RankedTensorType>(matrix.getType()).getElementType());
    operations += param ? operationsOfNumber(param) : 0;
  }
  shape.denseWeightBytes = stored / static_cast<double>(matrices.size());
  shape.denseOperations = operations / static_cast<double>(matrices.size());
  return shape;
}

/// Bytes of a core for all but experts, if all is divided evenly: weights, caches.
double otherBytes(func::FuncOp function, const PlaceOptions &options) {
  double bytes = 0;
  llvm::SmallPtrSet<Operation *, 16> ofExperts;
  function.walk([&](xf::MoeOp op) {
    for (Value matrix : matricesOf(op))
      if (xf::ParamOp param = storedParam(matrix))
        ofExperts.insert(param);
  });
  function.walk([&](xf::ParamOp param) {
    auto type = cast<RankedTensorType>(param.getType());
    const bool matrix = type.getRank() > 1;
    const double each = matrix && options.weightType ? bytesOf(options.weightType) : bytesOfNumber(param);
    if (!ofExperts.contains(param))
      bytes += static_cast<double>(type.getNumElements()) * each;
  });
  function.walk([&](xf::AttentionOp op) { bytes += 4.0 * static_cast<double>(cacheNumbers(op) * options.maxSeq); });
  return bytes / static_cast<double>(options.width * options.height);
}

/// Of one of the phases, which have them in the same order.
SmallVector<xf::MoeOp> expertOps(ModuleOp graph) {
  SmallVector<xf::MoeOp> layers;
  auto functions = graph.getOps<func::FuncOp>();
  if (!functions.empty())
    (*functions.begin()).walk([&](xf::MoeOp op) { layers.push_back(op); });
  return layers;
}

std::string nameOf(xf::MoeOp op) {
  auto name = op.getLoc()->findInstanceOf<NameLoc>();
  return name ? name.getName().str() : "xf.moe";
}

/// Which way, and why.
void decide(ExpertChoice &choice, const ExpertLimits &limits, const PlaceOptions &options) {
  const uint64_t routedBytes = neededBytes(choice.plan, choice.shape, limits), dense = denseBytes(choice.shape, limits);
  choice.routed = options.experts == ExpertsMode::Routed;
  choice.reason = "requested";
  if (options.experts != ExpertsMode::Auto)
    return;
  if (isQuantised(options)) {
    choice.reason = "weights that the loader quantises lie on all cores";
    return;
  }
  if (limits.sramBytes && routedBytes > limits.sramBytes && dense < routedBytes) {
    choice.reason = fmt::format("regions would take {} bytes of SRAM a core, of about {} that there are", routedBytes,
                                limits.sramBytes);
    return;
  }
  choice.reason = "predicted";
  choice.routed = choice.routedCycles < choice.denseCycles;
}

} // namespace

std::vector<ExpertLayer> expertLayers(ModuleOp graph) {
  std::vector<ExpertLayer> layers;
  for (xf::MoeOp op : expertOps(graph)) {
    auto router = cast<RankedTensorType>(op.getRouter().getType()),
         gate = cast<RankedTensorType>(op.getGates().front().getType());
    layers.push_back({nameOf(op), router.getDimSize(0), static_cast<int64_t>(op.getTopK()), router.getDimSize(1),
                      gate.getDimSize(0)});
  }
  return layers;
}

std::vector<ExpertChoice> chooseExperts(ModuleOp graph, const PlaceOptions &options) {
  std::vector<ExpertChoice> choices;
  auto functions = llvm::to_vector(graph.getOps<func::FuncOp>());
  const SmallVector<xf::MoeOp> layers = expertOps(graph);
  if (layers.empty())
    return choices;
  auto has = [&](StringRef name) {
    return llvm::any_of(functions, [&](func::FuncOp each) { return each.getName() == name; });
  };
  const bool prefill = has(graph::prefillFunction), decode = has(graph::decodeFunction);
  const double room = static_cast<double>(options.sramBytes) * (1 - sramLeft) - otherBytes(functions.front(), options);
  const ExpertCosts costs{options.costs, options.core, options.prefillTreeLevels, options.decodeTreeLevels};
  double denseTotal = 0;
  for (xf::MoeOp op : layers)
    denseTotal +=
        static_cast<double>(denseBytes(shapeOf(op, options), {.width = options.width, .height = options.height}));
  struct Uniform {
    ExpertShape shape;
    uint64_t sramBytes;
    ExpertPlan plan;
  };
  std::vector<Uniform> uniform; // layers are mostly alike
  for (auto [i, op] : llvm::enumerate(layers)) {
    ExpertChoice choice;
    choice.shape = shapeOf(op, options);
    choice.layer = nameOf(op);
    ExpertLimits limits{
        .width = options.width, .height = options.height, .tokens = prefill ? options.maxSeq : 0, .decode = decode};
    // Of a model that lies on several meshes, nobody knows yet how many layers share one.
    limits.layers = denseTotal <= room ? static_cast<int64_t>(layers.size()) : 0;
    if (options.sramBytes)
      limits.sramBytes = static_cast<uint64_t>(
          denseTotal <= room ? room / static_cast<double>(layers.size())
                             : mostPadding * static_cast<double>(denseBytes(choice.shape, limits)));
    const ExpertShape &shape = choice.shape;
    auto known = llvm::find_if(
        uniform, [&](const Uniform &each) { return each.shape == shape && each.sramBytes == limits.sramBytes; });
    if (known == uniform.end())
      known = uniform.insert(known, {shape, limits.sramBytes, planExperts(shape, {}, limits, costs)});
    choice.loadKnown = i < options.expertLoads.size();
    choice.plan =
        choice.loadKnown ? planExperts(shape, options.expertLoads[i], limits, costs, &known->plan) : known->plan;
    choice.routedCycles = planCycles(choice.plan, limits);
    choice.denseCycles = denseCycles(shape, limits, costs);
    decide(choice, limits, options);
    choices.push_back(std::move(choice));
  }
  return choices;
}

} // namespace weft::place
