// Units that reduce, proven line by line.
#include "compiler/route/DeadlockRun.h"
#include "compiler/route/DeadlockUnit.h"

#include <algorithm>
#include <fmt/format.h>

namespace weft::route::detail {

using pkg::InstrKind;

static bool same(const pkg::Expr &a, const pkg::Expr &b) {
  return a.source() == b.source() && a.index() == b.index() && a.scale() == b.scale() && a.add() == b.add();
}

/// Whether all lines across `channel` are alike and each core puts into it what it gets from it, before it waits for
/// anything: then lines that do the same at the same time never wait for each other, and those transfers may be left
/// out of the run of one line. They are added to `dropped`.
bool Unit::dropRing(int channel, std::set<const pkg::InstrT *> &dropped) const {
  const pkg::ChannelT &spec = *context.program.channels[channel];
  const auto length = static_cast<size_t>(context.length(spec.axis));
  std::vector<int> sent(length, 0), received(length, 0);
  for (const pkg::Flow &flow : spec.flows) {
    const bool isStep = flow.combine() == pkg::Combine::None && flow.lo() >= 0 && flow.lo() < flow.hi() &&
                        (flow.source() == flow.lo() || flow.source() == flow.hi()) &&
                        (!flow.deliver_all() || flow.hi() == flow.lo() + 1);
    if (!isStep)
      return false;
    ++sent[flow.source()];
    ++received[flow.source() == flow.lo() ? flow.hi() : flow.lo()];
  }
  auto once = [](int count) { return count == 1; };
  if (!std::all_of(sent.begin(), sent.end(), once) || !std::all_of(received.begin(), received.end(), once))
    return false;
  for (const auto &task : tasks) {
    const pkg::InstrT *open = nullptr; // a transfer whose counterpart is still to come
    for (const auto &instr : task->instrs) {
      const bool transfers = instr->kind == InstrKind::Put || instr->kind == InstrKind::Get;
      if (!transfers && instr->kind != InstrKind::Call && open)
        return false;
      if (static_cast<int>(instr->channel) != channel || instr->kind > InstrKind::ReduceInto)
        continue;
      if (!transfers ||
          (open && (open->kind == instr->kind || !open->bytes || !instr->bytes || !same(*open->bytes, *instr->bytes))))
        return false;
      dropped.insert(instr.get());
      open = open ? nullptr : instr.get();
    }
    if (open)
      return false;
  }
  return true;
}

/// Whether no core takes part in more than one task.
bool Unit::isOneTaskEach() const {
  for (int y : ys.representative)
    for (int x : xs.representative)
      if (std::count_if(tasks.begin(), tasks.end(),
                        [&](const auto &task) { return isMember(static_cast<int>(task->class_id), x, y); }) > 1)
        return false;
  return true;
}

/// Whether all that a core does is one loop, all with as many rounds and rounds that are alike: if one round leaves
/// empty queues, any number of them does. Of two loops one after the other the rounds do not alternate.
bool Unit::isOneLoop() const {
  if (!isOneTaskEach())
    return false;
  auto changes = [](const std::unique_ptr<pkg::Expr> &expr) {
    return expr && expr->source() == pkg::Source::Loop && expr->scale() != 0;
  };
  const pkg::Expr *rounds = nullptr;
  for (const auto &task : tasks) {
    int depth = 0, loops = 0;
    for (const auto &instr : task->instrs) {
      const bool begins = instr->kind == InstrKind::LoopBegin;
      if (begins && depth == 0) {
        if (!instr->count || instr->count->source() > pkg::Source::Param || (rounds && !same(*rounds, *instr->count)) ||
            ++loops > 1)
          return false;
        rounds = instr->count.get();
      }
      if (depth == 0 && instr->kind <= InstrKind::ReduceInto)
        return false;
      if (changes(instr->bytes) || (begins && changes(instr->count)))
        return false;
      depth += begins - (instr->kind == InstrKind::LoopEnd);
    }
    if (loops != 1)
      return false;
  }
  return true;
}

/// The unit on one line of the mesh, as a program of a mesh that is only this line.
Result<void> Unit::runLine(pkg::Axis axis, int line, const std::set<const pkg::InstrT *> &dropped) const {
  const bool alongX = axis == pkg::Axis::X;
  auto fixed = [&](const std::unique_ptr<pkg::Expr> &expr) {
    if (!expr)
      return std::unique_ptr<pkg::Expr>();
    bool across = alongX ? expr->source() == pkg::Source::CoordY || expr->source() == pkg::Source::RankY
                         : expr->source() == pkg::Source::CoordX || expr->source() == pkg::Source::RankX;
    return std::make_unique<pkg::Expr>(
        across ? pkg::Expr(pkg::Source::Constant, 0, 0, static_cast<int32_t>(context.evaluate(*expr, line, line)))
               : *expr);
  };
  pkg::PackageT package;
  package.mesh_width = alongX ? context.width : 1;
  package.mesh_height = alongX ? 1 : context.height;
  pkg::ProgramT program;
  program.name = context.program.name;
  program.rank_x = alongX ? context.program.rank_x : std::vector<int32_t>{0};
  program.rank_y = alongX ? std::vector<int32_t>{0} : context.program.rank_y;
  std::map<uint32_t, uint32_t> channelOf;
  for (int channel : channels) {
    if (context.program.channels[channel]->axis != axis)
      continue; // all of its transfers are dropped
    channelOf[static_cast<uint32_t>(channel)] = static_cast<uint32_t>(program.channels.size());
    program.channels.push_back(std::make_unique<pkg::ChannelT>(*context.program.channels[channel]));
  }
  for (int cls : classes) {
    const pkg::ClassT &members = *context.package.classes[cls];
    auto onLine = std::make_unique<pkg::ClassT>();
    onLine->name = members.name;
    onLine->xs = alongX ? members.xs : std::vector<bool>{members.xs[line]};
    onLine->ys = alongX ? std::vector<bool>{members.ys[line]} : members.ys;
    package.classes.push_back(std::move(onLine));
  }
  const bool oneRound = isOneLoop();
  for (const auto &task : tasks) {
    int depth = 0;
    auto copy = std::make_unique<pkg::TaskT>();
    copy->class_id = static_cast<uint32_t>(std::find(classes.begin(), classes.end(), static_cast<int>(task->class_id)) -
                                           classes.begin());
    for (const auto &instr : task->instrs) {
      if (instr->kind == InstrKind::Call || dropped.contains(instr.get()))
        continue;
      auto own = std::make_unique<pkg::InstrT>();
      own->kind = instr->kind;
      own->channel = channelOf[instr->channel];
      own->channel_out = channelOf[instr->channel_out];
      own->reduce = instr->reduce;
      own->bytes = fixed(instr->bytes);
      own->count = fixed(instr->count);
      if (oneRound && instr->kind == InstrKind::LoopBegin && depth == 0 && context.evaluate(*instr->count, 0, 0) > 1)
        *own->count = pkg::Expr(pkg::Source::Constant, 0, 0, 1);
      depth += (instr->kind == InstrKind::LoopBegin) - (instr->kind == InstrKind::LoopEnd);
      copy->instrs.push_back(std::move(own));
    }
    program.tasks.push_back(std::move(copy));
  }
  uint64_t instructions = 0;
  return Run(package, program, context.options, context.params).execute(instructions);
}

std::string Unit::proveLines() {
  if (pointwise)
    return "classes that tie columns to rows";
  if (!hostChannels().empty())
    return "reductions beside transfers of the host";
  // Reductions go along one axis; along the other there may be rings.
  std::set<const pkg::InstrT *> dropped;
  pkg::Axis axis = reductionAxis;
  for (int channel : channels)
    if (context.program.channels[channel]->axis != axis) {
      const PositionGroups &own = axis == pkg::Axis::X ? ys : xs;
      if (own.representative.size() != 1 || !dropRing(channel, dropped))
        return fmt::format("reductions beside transfers on channel '{}' along the other axis",
                           context.program.channels[channel]->name);
    }
  const PositionGroups &across = axis == pkg::Axis::X ? ys : xs;
  constexpr size_t mostLines = 64; // so that a line's own run stays the exception
  if (across.representative.size() > mostLines)
    return fmt::format("{} lines that differ", across.representative.size());
  for (int line : across.representative)
    if (Result<void> ran = runLine(axis, line, dropped); !ran)
      return ran.error().message;
  return "";
}

} // namespace weft::route::detail
