// Reductions, shifts, re-layouts and the host's words.
#include "compiler/spmd/Lowering.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::spmd {

LogicalResult Lowering::reduce(const std::string &op, const Slot &slot, Expr bytes, const Reduction &how,
                               std::vector<Step> &steps) {
  int n = static_cast<int>(cores(how.axis));
  if (n == 1 || how.segment == 1)
    return success();
  std::vector<route::Segment> parts;
  for (int64_t i = 0; i < how.segments; ++i)
    parts.push_back({static_cast<int>(i * how.segment), static_cast<int>((i + 1) * how.segment)});
  std::string name = fmt::format("{}_tree_k{}_g{}", how.axis == grid::Axis::X ? "x" : "y", how.levels, how.groups);
  if (how.segment)
    name += fmt::format("_of{}", how.segment);
  auto plan = route::planTree(name, static_cast<pkg::Axis>(how.axis), n, parts, static_cast<int>(how.levels),
                              {static_cast<int>(how.groups)});
  if (!plan)
    return module.emitError(plan.error().message);
  if (how.inRouter)
    reduceInRouters(op, slot, bytes, how, *plan, steps);
  else
    reduceInCores(op, slot, bytes, how, *plan, name, steps);
  std::string cast = channel(how.axis, fabric::PatternKind::TreeCast,
                             {how.levels, how.groups, how.segment, how.segments}, name + "_cast");
  Emit send = [this, slot, bytes, cast](OpBuilder &b, int64_t at) {
    put(b, at, slot, cast, bytes);
    wait(b);
  };
  Emit receive = [this, slot, bytes, cast](OpBuilder &b, int64_t at) {
    get(b, at, slot, cast, bytes);
    wait(b);
  };
  steps.push_back({op,
                   "multicast",
                   {{onAxis(how.axis, plan->isRoot), std::move(send)},
                    {onAxis(how.axis, plan->receivesMulticast), std::move(receive)}}});
  return success();
}

/// Every core sends, and the root gets the sums back where it sent from.
void Lowering::reduceInRouters(const std::string &op, const Slot &slot, Expr bytes, const Reduction &how,
                               const route::TreePlan &plan, std::vector<Step> &steps) {
  bool adds = how.kind == grid::ReduceKind::Add;
  std::string name = fmt::format("{}_router_{}", how.axis == grid::Axis::X ? "x" : "y", adds ? "add" : "max");
  if (how.segment)
    name += fmt::format("_of{}", how.segment);
  std::string sums = channel(how.axis, fabric::PatternKind::Combine, {how.segment, how.segments}, name,
                             adds ? fabric::CombineKind::AddF32 : fabric::CombineKind::MaxF32);
  auto part = [&](const std::vector<bool> &positions, bool isRoot) -> Part {
    return {onAxis(how.axis, positions), [=, this](OpBuilder &b, int64_t at) {
              put(b, at, slot, sums, bytes);
              if (isRoot)
                get(b, at, slot, sums, bytes);
              wait(b);
            }};
  };
  steps.push_back({op, "reduce", {part(plan.isRoot, true), part(plan.receivesMulticast, false)}});
}

void Lowering::reduceInCores(const std::string &op, const Slot &slot, Expr bytes, const Reduction &how,
                             const route::TreePlan &plan, const std::string &name, std::vector<Step> &steps) {
  SmallVector<int64_t> shape = {how.levels, how.groups, how.segment, how.segments};
  auto reduceKind = static_cast<fabric::ReduceKind>(how.kind);
  auto into = [this, slot, bytes, reduceKind](OpBuilder &b, int64_t level, const std::string &in) {
    b.create<fabric::ReduceIntoOp>(b.getUnknownLoc(), reduceKind, reference(slot, level), in, attribute(bytes, level));
  };
  auto forward = [this, slot, bytes, reduceKind](OpBuilder &b, int64_t level, const std::string &through) {
    b.create<fabric::ReduceForwardOp>(b.getUnknownLoc(), reduceKind, reference(slot, level), through, through,
                                      attribute(bytes, level));
  };
  auto send = [this, slot, bytes](OpBuilder &b, int64_t level, const std::string &out) {
    put(b, level, slot, out, bytes);
    wait(b);
  };
  for (auto [index, level] : llvm::enumerate(plan.levels)) {
    SmallVector<int64_t> args = {static_cast<int64_t>(index)};
    llvm::append_range(args, shape);
    std::string suffix = std::to_string(index + 1), low, high;
    if (!level.low.flows.empty())
      low = channel(how.axis, fabric::PatternKind::TreeLow, args, name + "_low" + suffix);
    if (!level.high.flows.empty())
      high = channel(how.axis, fabric::PatternKind::TreeHigh, args, name + "_high" + suffix);
    Step step{op, "reduce", {}};
    for (const route::RoleMask &role : level.roles) {
      Emit emit = [=](OpBuilder &b, int64_t at) {
        switch (role.role) {
        case route::TreeRole::LowEnd:
          return send(b, at, low);
        case route::TreeRole::LowMiddle:
          return forward(b, at, low);
        case route::TreeRole::HighMiddle:
          return forward(b, at, high);
        case route::TreeRole::HighEnd:
          return send(b, at, high);
        case route::TreeRole::Root:
          if (role.receivesFromLow)
            into(b, at, low);
          if (role.receivesFromHigh)
            into(b, at, high);
          return;
        case route::TreeRole::None:
          return;
        }
      };
      step.parts.push_back({onAxis(how.axis, role.positions), std::move(emit)});
    }
    if (!step.parts.empty())
      steps.push_back(std::move(step));
  }
}

LogicalResult Lowering::lowerAllReduce(grid::AllReduceOp op, std::vector<Step> &steps) {
  Slot slot = slots.at(op.getInput());
  slots[op.getResult()] = slot;
  return reduce(opName(op), slot, bytesOf(op.getInput().getType()),
                {op.getAxis(), op.getKind(), static_cast<int64_t>(op.getLevels()), static_cast<int64_t>(op.getGroups()),
                 op.getInRouter(), static_cast<int64_t>(op.getSegment()), static_cast<int64_t>(op.getSegments())},
                steps);
}

void Lowering::lowerShift(grid::ShiftOp op, std::vector<Step> &steps) {
  Slot from = slots.at(op.getInput());
  int64_t n = cores(op.getAxis());
  if (n == 1) {
    slots[op.getResult()] = from;
    return;
  }
  Slot to = slotFor(op.getResult(), fabric::BufferKind::Communication, "shifted");
  Expr bytes = bytesOf(op.getInput().getType());
  std::string channel = ring(op.getAxis(), -1);
  // Inside a loop the transfer runs beside the rest of the body, whose end waits for it.
  bool overlapped = isa<scf::ForOp>(op->getParentOp());
  pendingTransfers |= overlapped;
  auto part = [&](const std::vector<bool> &positions, bool sends, bool receives) -> Part {
    return {onAxis(op.getAxis(), positions), [=, this](OpBuilder &b, int64_t level) {
              if (sends)
                put(b, level, from, channel, bytes);
              if (receives)
                get(b, level, to, channel, bytes);
              if (!overlapped)
                wait(b);
            }};
  };
  Step step{opName(op), "shift", {}, true};
  std::vector<bool> first(n), last(n), others(n, true);
  if (!op.getWrap()) {
    const auto &coreOfRank = op.getAxis() == grid::Axis::X ? mesh.coreOfRankX : mesh.coreOfRankY;
    first[coreOfRank.front()] = last[coreOfRank.back()] = true;
    others[coreOfRank.front()] = others[coreOfRank.back()] = false;
    step.parts.push_back(part(first, false, true));
    step.parts.push_back(part(last, true, false));
  }
  if (llvm::is_contained(others, true))
    step.parts.push_back(part(others, true, true));
  steps.push_back(std::move(step));
}

LogicalResult Lowering::lowerToLayout(grid::ToLayoutOp op, std::vector<Step> &steps) {
  std::string name = opName(op);
  Slot from = slots.at(op.getInput()), to = slotFor(op.getResult(), fabric::BufferKind::Activations, "onY");
  int64_t local = grid::localShape(op.getInput().getType())[1],
          width = grid::localShape(op.getResult().getType())[1] / mesh.blocksY;
  if (op.getAlgo() == grid::RelayoutAlgo::MaskedSum) {
    std::string select = use(kernels::buildSelectBlocks(module, local, mesh.blocksX, mesh.blocksY, width));
    steps.push_back({name, "kernel", {{allCores(), [=, this](OpBuilder &b, int64_t level) {
                                         kernelCall(
                                             b, level, select, {from, to},
                                             {{fabric::Source::RankX, 0, 1, 0}, {fabric::Source::RankY, 0, 1, 0}});
                                       }}}});
    return reduce(name, to, bytesOf(op.getResult().getType()),
                  {grid::Axis::X, grid::ReduceKind::Add, static_cast<int64_t>(op.getLevels()),
                   static_cast<int64_t>(op.getGroups()), op.getInRouter()},
                  steps);
  }
  std::string pack = use(kernels::buildPackColumns(module, 1, local, 1, width));
  Expr bytes = bytesOf(op.getResult().getType());
  bool alone = mesh.width == 1;
  std::string channelName = alone ? "" : channel(grid::Axis::X, fabric::PatternKind::Diagonal, {}, "x_diagonal");
  fabric::CoreMask on = allCores(), off = allCores();
  on.relation = fabric::CoreMask::Relation::OnDiagonal;
  off.relation = fabric::CoreMask::Relation::OffDiagonal;
  Step step{name, "relayout", {}, true};
  step.parts.push_back({alone ? allCores() : on, [=, this](OpBuilder &b, int64_t level) {
                          kernelCall(b, level, pack, {from, to}, {constant(1)});
                          if (alone)
                            return;
                          put(b, level, to, channelName, bytes);
                          wait(b);
                        }});
  if (!alone)
    step.parts.push_back({off, [=, this](OpBuilder &b, int64_t level) {
                            get(b, level, to, channelName, bytes);
                            wait(b);
                          }});
  steps.push_back(std::move(step));
  return success();
}

void Lowering::lowerLaunch(grid::LaunchOp op, std::vector<Step> &steps) {
  Slot slot = slotFor(op.getWords(), fabric::BufferKind::HostIo, "launch");
  int64_t words = grid::localShape(op.getWords().getType())[0];
  // [n, ids]: all n tokens in prefill, one in decode.
  Expr bytes =
      program.getSymName() == "decode" ? constant(4 * words) : Expr{fabric::Source::Param, param("tokens", {}), 4, 4};
  std::string from = channel(grid::Axis::Y, fabric::PatternKind::HostIn, {}, "host_in");
  declarations.create<fabric::InputOp>(op.getLoc(), "tokens", from, attribute(bytes, 0), StringAttr(), TypeAttr(),
                                       IntegerAttr());
  steps.push_back({opName(op), "host_input", {{allCores(), [=, this](OpBuilder &b, int64_t level) {
                                                 get(b, level, slot, from, bytes);
                                                 wait(b);
                                               }}}});
}

void Lowering::lowerInput(grid::InputOp op, std::vector<Step> &steps) {
  Slot slot = slotFor(op.getResult(), fabric::BufferKind::HostIo, "input");
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Expr bytes = constant(grid::localBytes(type));
  std::string from = channel(grid::Axis::Y, fabric::PatternKind::HostIn, {}, "host_in");
  auto input = declarations.create<fabric::InputOp>(
      op.getLoc(), op.getName(), from, attribute(bytes, 0), op.getDtypeAttr(),
      TypeAttr::get(RankedTensorType::get(type.getShape(), type.getElementType())), op.getFallbackAttr());
  input->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  steps.push_back({opName(op), "host_input", {{allCores(), [=, this](OpBuilder &b, int64_t level) {
                                                 get(b, level, slot, from, bytes);
                                                 wait(b);
                                               }}}});
}

/// Each core's block is a part of the whole that it has already; the whole's buffer gets room for the last one.
void Lowering::lowerOwnBlock(grid::OwnBlockOp op) {
  Slot slot = slots.at(op.getInput());
  auto type = cast<RankedTensorType>(op.getResult().getType());
  grid::Axis axis = grid::layoutOf(type).getDims()[0].getAxis();
  int64_t block = grid::localBytes(type), end = alignUp(slot.offset + block * cores(axis));
  auto buffer = program.lookupSymbol<fabric::BufferOp>(slot.buffer);
  if (!buffer)
    buffer = module.lookupSymbol<fabric::BufferOp>(slot.buffer);
  if (static_cast<int64_t>(buffer.getBytes()) < end)
    buffer.setBytes(end);
  fabric::Source rank = axis == grid::Axis::X ? fabric::Source::RankX : fabric::Source::RankY;
  slot.terms.push_back({0, 0, {rank, 0, 1, 0}, cores(axis), block});
  slots[op.getResult()] = slot;
}

void Lowering::lowerOutput(grid::OutputOp op, std::vector<Step> &steps) {
  Slot slot = slots.at(op.getInput());
  Expr bytes = bytesOf(op.getInput().getType());
  std::string to = channel(grid::Axis::Y, fabric::PatternKind::HostOut, {}, "host_out");
  declarations.create<fabric::OutputOp>(op.getLoc(), op.getName(), to, op.getInput().getType(), op.getDtypeAttr(),
                                        op.getShapeAttr());
  std::vector<bool> firstRow(mesh.height);
  firstRow[0] = true;
  steps.push_back(
      {opName(op), "host_output", {{onAxis(grid::Axis::Y, firstRow), [=, this](OpBuilder &b, int64_t level) {
                                      put(b, level, slot, to, bytes);
                                      wait(b);
                                    }}}});
}

} // namespace weft::spmd
