// The route phase as passes.
#include "compiler/route/FabricChannels.h"

#include "compiler/route/Colors.h"
#include "compiler/route/Tree.h"
#include "compiler/route/Verify.h"
#include "kernels/units/Router.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

namespace weft::route {

namespace {

// Fabric, package and router number the operations alike.
static_assert(units::hasCombineNumbers<fabric::CombineKind>() && units::hasCombineNumbers<pkg::Combine>());

std::vector<Segment> segmentsOf(int64_t length, int64_t count) {
  std::vector<Segment> segments;
  for (int64_t i = 0; i < count; ++i)
    segments.push_back({static_cast<int>(i * length), static_cast<int>((i + 1) * length)});
  return segments;
}

Result<TreePlan> treeOf(fabric::ChannelOp op, Axis axis, int n, ArrayRef<int64_t> shape) {
  return planTree(op.getSymName().str(), axis, n, segmentsOf(shape[2], shape[3]), static_cast<int>(shape[0]),
                  {static_cast<int>(shape[1])});
}

Result<ChannelSpec> treeChannel(fabric::ChannelOp op, Axis axis, int n) {
  ArrayRef<int64_t> args = op.getArgs();
  bool cast = op.getPattern() == fabric::PatternKind::TreeCast;
  if (args.size() != (cast ? 4 : 5))
    return internalError("channel @" + op.getSymName().str() + " of a tree has the wrong number of arguments");
  auto plan = treeOf(op, axis, n, cast ? args : args.drop_front());
  if (!plan)
    return plan.takeError();
  if (cast)
    return std::move(plan->multicast);
  if (args[0] < 0 || args[0] >= static_cast<int64_t>(plan->levels.size()))
    return internalError("channel @" + op.getSymName().str() + " names a level that its tree has not");
  TreeLevel &level = plan->levels[args[0]];
  return std::move(op.getPattern() == fabric::PatternKind::TreeLow ? level.low : level.high);
}

/// The class of a flow as an affine map of its source's position, by piecewise steps where the formula has exceptions.
AffineMap classMap(MLIRContext *context, const ClassMap &map) {
  AffineExpr p = getAffineDimExpr(0, context);
  AffineExpr formula = (p.floorDiv(map.div) * map.divScale + (p % map.modBase) * map.modScale + map.add) % map.modulus;
  return AffineMap::get(1, 0, formula, context);
}

struct RoutePass : PassWrapper<RoutePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RoutePass)
  RoutePass() = default;
  explicit RoutePass(int available) { colors = available; }
  RoutePass(const RoutePass &other) : PassWrapper(other) { colors = other.colors; }
  StringRef getArgument() const override { return "route"; }
  StringRef getDescription() const override { return "Give every channel its colours"; }

  void runOnOperation() override {
    for (auto program : getOperation().getOps<fabric::ProgramOp>()) {
      std::vector<ChannelSpec> specs;
      auto channels = llvm::to_vector(program.getOps<fabric::ChannelOp>());
      for (fabric::ChannelOp channel : channels) {
        auto spec = channelSpec(channel);
        if (!spec)
          return channel.emitError(spec.error().message), signalPassFailure();
        specs.push_back(std::move(*spec));
      }
      auto assignment =
          assignColors(static_cast<int>(program.getWidth()), static_cast<int>(program.getHeight()), specs, colors);
      if (!assignment)
        return program.emitError("program '") << program.getSymName() << "': " << assignment.error().message,
               signalPassFailure();
      for (auto [channel, spec, assigned] : llvm::zip(channels, specs, assignment->colors)) {
        SmallVector<int64_t> classColors(assigned.begin(), assigned.end());
        channel.setColorClassAttr(AffineMapAttr::get(classMap(&getContext(), spec.classMap)));
        channel.setColorsAttr(DenseI64ArrayAttr::get(&getContext(), classColors));
      }
    }
  }

  Option<int> colors{*this, "colors", llvm::cl::desc("colours a router has for programs"), llvm::cl::init(24)};
};

struct RouteVerifyPass : PassWrapper<RouteVerifyPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RouteVerifyPass)
  RouteVerifyPass() = default;
  explicit RouteVerifyPass(int available) { colors = available; }
  RouteVerifyPass(const RouteVerifyPass &other) : PassWrapper(other) { colors = other.colors; }
  StringRef getArgument() const override { return "route-verify"; }
  StringRef getDescription() const override { return "Follow every flow through the routers' tables"; }

  void runOnOperation() override {
    for (auto program : getOperation().getOps<fabric::ProgramOp>()) {
      std::vector<std::unique_ptr<pkg::ChannelT>> channels;
      for (auto channel : program.getOps<fabric::ChannelOp>()) {
        auto spec = channelSpec(channel);
        if (!spec || !channel.getColors())
          return channel.emitError(spec ? "has no colours" : spec.error().message), signalPassFailure();
        std::vector<int> classColors(channel.getColors()->begin(), channel.getColors()->end());
        if (static_cast<int>(classColors.size()) != spec->classCount)
          return channel.emitError("has ") << classColors.size() << " colours for " << spec->classCount << " classes",
                 signalPassFailure();
        channels.push_back(std::make_unique<pkg::ChannelT>(toPackage(*spec, classColors)));
      }
      auto verified =
          verifyRoutes(static_cast<int>(program.getWidth()), static_cast<int>(program.getHeight()), channels, colors);
      if (!verified)
        return program.emitError("program '") << program.getSymName() << "': " << verified.error().message,
               signalPassFailure();
    }
  }

  Option<int> colors{*this, "colors", llvm::cl::desc("colours a router has for programs"), llvm::cl::init(24)};
};

} // namespace

/// The pattern's flows, under whatever names the builders of patterns give them.
static Result<ChannelSpec> patternOf(fabric::ChannelOp op) {
  auto program = op->getParentOfType<fabric::ProgramOp>();
  auto axis = static_cast<Axis>(op.getAxis());
  int n = static_cast<int>(axis == Axis::X ? program.getWidth() : program.getHeight());
  std::string name = op.getSymName().str();
  Embedding embedding = program.getInterleave() ? Embedding::Interleave : Embedding::Identity;
  switch (op.getPattern()) {
  case fabric::PatternKind::Ring:
    if (op.getArgs().size() != 1)
      return internalError("channel @" + name + " of a ring has the wrong number of arguments");
    return ringShift(name, axis, n, embedding, static_cast<int>(op.getArgs()[0]));
  case fabric::PatternKind::TreeLow:
  case fabric::PatternKind::TreeHigh:
  case fabric::PatternKind::TreeCast:
    return treeChannel(op, axis, n);
  case fabric::PatternKind::Combine:
    if (op.getArgs().size() != 2 || !op.getBy())
      return internalError("channel @" + name + " has the wrong number of arguments or nothing to combine by");
    return combineTree(name, axis, n, segmentsOf(op.getArgs()[0], op.getArgs()[1]),
                       static_cast<pkg::Combine>(*op.getBy()));
  case fabric::PatternKind::Diagonal:
    return diagonalBroadcast(name, axis, n);
  case fabric::PatternKind::HostIn:
    return hostInput(name, axis, n);
  case fabric::PatternKind::HostOut:
    return hostOutput(name, axis);
  }
  llvm_unreachable("all patterns are handled");
}

Result<ChannelSpec> channelSpec(fabric::ChannelOp op) {
  auto spec = patternOf(op);
  if (spec)
    spec->name = op.getSymName().str();
  return spec;
}

std::unique_ptr<Pass> createRoutePass(int colors) { return std::make_unique<RoutePass>(colors); }
std::unique_ptr<Pass> createRouteVerifyPass(int colors) { return std::make_unique<RouteVerifyPass>(colors); }

void registerRoutePasses() {
  PassRegistration<RoutePass>();
  PassRegistration<RouteVerifyPass>();
}

} // namespace weft::route
