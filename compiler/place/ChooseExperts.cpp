// What each layer with experts gets: all cores or regions of them.
#include "compiler/place/Geometry.h"
#include "compiler/place/Place.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace weft::place {

static ExpertShape shapeOf(xf::MoeOp op, const PlaceOptions &options) {
  auto router = cast<RankedTensorType>(op.getRouter().getType());
  auto gate = cast<RankedTensorType>(op.getGates().front().getType());
  Type element = options.weightType ? options.weightType : gate.getElementType();
  return {.experts = router.getDimSize(0),
          .topK = static_cast<int64_t>(op.getTopK()),
          .hidden = router.getDimSize(1),
          .inner = gate.getDimSize(0),
          .weightBytes = element.getIntOrFloatBitWidth() / 8.0};
}

std::vector<ExpertChoice> chooseExperts(ModuleOp graph, const PlaceOptions &options) {
  std::vector<ExpertChoice> choices;
  auto functions = graph.getOps<func::FuncOp>();
  if (functions.empty())
    return choices;
  const Mesh mesh = Mesh::make(options.width, options.height, !options.cannon);
  (*functions.begin()).walk([&](xf::MoeOp op) {
    const ExpertShape shape = shapeOf(op, options);
    const ExpertLimits limits{.width = options.width,
                              .height = options.height,
                              .hiddenLocal = contractionLocalX(mesh, shape.hidden),
                              .tokens = options.maxSeq};
    ExpertChoice choice;
    choice.routed = options.experts == ExpertsMode::Routed;
    choice.reason = options.experts == ExpertsMode::Auto ? "predicted" : "requested";
    const ExpertLoad load =
        choices.size() < options.expertLoads.size() ? options.expertLoads[choices.size()] : ExpertLoad{};
    if (choice.routed)
      choice.plan = planExperts(shape, load, limits, {options.costs, options.core});
    choices.push_back(std::move(choice));
  });
  return choices;
}

} // namespace weft::place
