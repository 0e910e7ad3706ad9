#include "compiler/route/DeadlockUnit.h"

#include "runtime/package/Elements.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace weft::route::detail {

using pkg::InstrKind;

int64_t UnitContext::evaluate(const pkg::Expr &expr, int x, int y) const {
  auto at = [](const auto &values, size_t i) { return i < values.size() ? static_cast<int64_t>(values[i]) : 0; };
  int64_t source = 0;
  switch (expr.source()) {
  case pkg::Source::Constant:
  case pkg::Source::Loop:
    break;
  case pkg::Source::Param:
    source = at(params, expr.index());
    break;
  case pkg::Source::CoordX:
    source = x;
    break;
  case pkg::Source::CoordY:
    source = y;
    break;
  case pkg::Source::RankX:
    source = at(program.rank_x, x);
    break;
  case pkg::Source::RankY:
    source = at(program.rank_y, y);
    break;
  }
  return expr.add() + expr.scale() * source;
}

Unit::Unit(const UnitContext &context, std::span<const std::unique_ptr<pkg::TaskT>> tasks)
    : context(context), tasks(tasks) {
  collect();
}

void Unit::collect() {
  std::set<int> namedClasses, namedChannels;
  for (const auto &task : tasks) {
    namedClasses.insert(static_cast<int>(task->class_id));
    for (const auto &instr : task->instrs) {
      const bool forwards = instr->kind == InstrKind::ReduceForward, moves = instr->kind <= InstrKind::ReduceInto;
      if (moves)
        namedChannels.insert(static_cast<int>(instr->channel));
      if (forwards)
        namedChannels.insert(static_cast<int>(instr->channel_out));
      if (forwards || instr->kind == InstrKind::ReduceInto) {
        reduces = true;
        reductionAxis = context.program.channels[instr->channel]->axis;
      }
      if (moves && instr->bytes)
        exprs.push_back(instr->bytes.get());
      if (instr->kind == InstrKind::LoopBegin && instr->count)
        exprs.push_back(instr->count.get());
    }
  }
  classes.assign(namedClasses.begin(), namedClasses.end());
  channels.assign(namedChannels.begin(), namedChannels.end());
  for (int cls : classes)
    pointwise |= !context.package.classes[cls]->point_x.empty();
  for (int channel : channels)
    for (const pkg::Flow &flow : context.program.channels[channel]->flows)
      pointwise |= flow.line() >= 0;
}

/// By the classes that a position is in and by what expressions are there.
void Unit::groupPositions(pkg::Axis axis) {
  const bool alongX = axis == pkg::Axis::X;
  PositionGroups &groups = alongX ? xs : ys;
  std::vector<const pkg::Expr *> own;
  for (const pkg::Expr *expr : exprs) {
    bool here = alongX ? expr->source() == pkg::Source::CoordX || expr->source() == pkg::Source::RankX
                       : expr->source() == pkg::Source::CoordY || expr->source() == pkg::Source::RankY;
    if (here && expr->scale() != 0)
      own.push_back(expr);
  }
  std::map<std::vector<int64_t>, int> known;
  for (int p = 0; p < context.length(axis); ++p) {
    std::vector<int64_t> signature;
    for (int cls : classes) {
      const std::vector<bool> &mask = alongX ? context.package.classes[cls]->xs : context.package.classes[cls]->ys;
      signature.push_back(p < static_cast<int>(mask.size()) && mask[p]);
    }
    for (const pkg::Expr *expr : own)
      signature.push_back(context.evaluate(*expr, p, p));
    auto [entry, isNew] = known.emplace(std::move(signature), static_cast<int>(groups.representative.size()));
    if (isNew)
      groups.representative.push_back(p);
    groups.groupOf.push_back(entry->second);
  }
}

bool Unit::isMember(int cls, int x, int y) const {
  const pkg::ClassT &members = *context.package.classes[cls];
  bool inside = x < static_cast<int>(members.xs.size()) && members.xs[x] && y < static_cast<int>(members.ys.size()) &&
                members.ys[y];
  if (!inside || members.point_x.empty())
    return inside;
  return y < static_cast<int>(members.point_x.size()) && (members.point_x[y] == x) != members.point_negated;
}

bool Unit::addInstr(Kind &kind, const pkg::InstrT &instr, int x, int y, bool &inBlock) const {
  auto fail = [&](const char *why) {
    kind.problem = why;
    return false;
  };
  switch (instr.kind) {
  case InstrKind::Call:
    return true;
  case InstrKind::Wait:
    inBlock = false;
    return true;
  case InstrKind::LoopEnd:
    kind.skeleton += ']';
    inBlock = false;
    return true;
  case InstrKind::LoopBegin: {
    if (!instr.count || (instr.count->source() == pkg::Source::Loop && instr.count->scale() != 0))
      return fail("rounds that depend on another loop");
    int64_t rounds = context.evaluate(*instr.count, x, y);
    if (rounds < 0)
      return fail("a negative number of rounds");
    kind.skeleton += fmt::format("{}[", rounds);
    inBlock = false;
    return true;
  }
  case InstrKind::Put:
  case InstrKind::Get:
    break;
  default:
    return fail("a reduction");
  }
  if (!inBlock) {
    kind.skeleton += '.';
    kind.puts.emplace_back();
    kind.gets.emplace_back();
    inBlock = true;
  }
  const bool varies = instr.bytes && instr.bytes->source() == pkg::Source::Loop && instr.bytes->scale() != 0;
  const int64_t bytes = instr.bytes ? context.evaluate(*instr.bytes, x, y) : 0, link = context.options.linkBytes;
  if (bytes < 0 || (varies && instr.bytes->scale() < 0))
    return fail("a size that may be negative");
  auto &amounts = instr.kind == InstrKind::Put ? kind.puts.back() : kind.gets.back();
  auto [entry, isNew] = amounts.emplace(static_cast<int>(instr.channel), Amount{});
  Amount &amount = entry->second;
  if (!isNew && (varies || amount.loop >= 0))
    return fail("several transfers of one channel whose size varies");
  if (varies)
    amount = {0, instr.bytes->index(), instr.bytes->scale(), instr.bytes->add()};
  else
    amount.words += (bytes + link - 1) / link;
  return true;
}

Unit::Kind Unit::makeKind(int x, int y) const {
  Kind kind;
  bool inBlock = false;
  for (const auto &task : tasks)
    if (isMember(static_cast<int>(task->class_id), x, y))
      for (const auto &instr : task->instrs)
        if (!addInstr(kind, *instr, x, y, inBlock))
          return kind;
  return kind;
}

void Unit::fillKinds() {
  std::map<std::vector<bool>, int> known;
  if (!pointwise) {
    for (int y : ys.representative)
      for (int x : xs.representative) {
        kindOf.push_back(static_cast<int>(kinds.size()));
        kinds.push_back(makeKind(x, y));
      }
    return;
  }
  // Where x is tied to y, no expression may depend on a position: membership is all.
  for (int y = 0; y < context.height; ++y)
    for (int x = 0; x < context.width; ++x) {
      std::vector<bool> memberOf;
      for (int cls : classes)
        memberOf.push_back(isMember(cls, x, y));
      auto [entry, isNew] = known.emplace(std::move(memberOf), static_cast<int>(kinds.size()));
      if (isNew)
        kinds.push_back(makeKind(x, y));
      kindOf.push_back(entry->second);
    }
}

int Unit::kindAt(int x, int y) const {
  return pointwise ? kindOf[static_cast<size_t>(y) * context.width + x]
                   : kindOf[ys.groupOf[y] * xs.representative.size() + xs.groupOf[x]];
}

/// The words that cores of kind `source` put into a flow are those that cores of kind `receiver` get, block by block.
std::string Unit::provePair(int channel, int source, int receiver) {
  auto [known, isNew] = sound.emplace(std::pair(source, receiver), true);
  if (!isNew)
    return known->second ? "" : "words that do not match";
  const Kind &from = kinds[source], &to = kinds[receiver];
  auto amountOf = [&](const std::map<int, Amount> &amounts) {
    auto found = amounts.find(channel);
    return found == amounts.end() ? Amount{} : found->second;
  };
  auto touches = [&](const std::vector<std::map<int, Amount>> &blocks) {
    return std::any_of(blocks.begin(), blocks.end(), [&](const auto &amounts) { return amounts.contains(channel); });
  };
  if (!touches(from.puts) && !touches(to.gets))
    return "";
  bool fits = from.skeleton == to.skeleton;
  for (size_t block = 0; fits && block < from.puts.size(); ++block)
    fits = amountOf(from.puts[block]) == amountOf(to.gets[block]);
  known->second = fits;
  return fits ? "" : fmt::format("on channel '{}' words that do not match", context.program.channels[channel]->name);
}

/// Words of the host on a line of `channel`: those of its input, or what its output has.
int64_t Unit::hostWords(int channel, bool output) const {
  const int64_t link = context.options.linkBytes;
  int64_t words = 0;
  for (const auto &input : context.program.inputs)
    if (!output && static_cast<int>(input->channel) == channel && input->bytes)
      words += (context.evaluate(*input->bytes, 0, 0) + link - 1) / link;
  for (const auto &result : context.program.outputs)
    if (output && static_cast<int>(result->channel) == channel) {
      const bool alongX = context.program.channels[channel]->axis == pkg::Axis::X;
      const int64_t lines = alongX ? context.height : context.width;
      const int64_t bytes = static_cast<int64_t>(result->index.size()) / lines * runtime::elementBytes(result->element);
      words += (bytes + link - 1) / link;
    }
  return words;
}

/// What the host sends is got, or what it wants is put, all in one row of blocks.
std::string Unit::proveHost(int channel, int core, bool output) const {
  const Kind &kind = kinds[core];
  int64_t words = 0;
  bool plain = kind.skeleton.find('[') == std::string::npos;
  for (const auto &amounts : output ? kind.puts : kind.gets)
    if (auto found = amounts.find(channel); found != amounts.end()) {
      words += found->second.words;
      plain &= found->second.loop < 0;
    }
  return plain && words == hostWords(channel, output) ? "" : "words of the host that do not match";
}

/// Whoever puts has a flow to put into, and whoever gets one to get from.
std::string Unit::proveEnds(int channel) {
  const pkg::ChannelT &spec = *context.program.channels[channel];
  const int length = context.length(spec.axis),
            lines = context.length(spec.axis == pkg::Axis::X ? pkg::Axis::Y : pkg::Axis::X);
  auto touches = [&](const std::vector<std::map<int, Amount>> &blocks) {
    return std::any_of(blocks.begin(), blocks.end(), [&](const auto &amounts) { return amounts.contains(channel); });
  };
  std::vector<bool> puts, gets; // by kind
  for (const Kind &kind : kinds) {
    puts.push_back(touches(kind.puts));
    gets.push_back(touches(kind.gets));
  }
  std::vector<bool> source(length), receiver(length);
  for (int line = 0; line < lines; ++line) {
    if (line == 0 || pointwise) {
      source.assign(length, false);
      receiver.assign(length, false);
      for (const pkg::Flow &flow : spec.flows) {
        if (flow.line() >= 0 && flow.line() != line)
          continue;
        if (flow.source() >= 0 && flow.lo() < flow.hi())
          source[flow.source()] = true;
        for (int p = std::max(flow.lo(), 0); p <= flow.hi(); ++p)
          if (p != flow.source() && (flow.deliver_all() || p == flow.lo() || p == flow.hi()))
            receiver[p] = true;
      }
    }
    const PositionGroups &across = spec.axis == pkg::Axis::X ? ys : xs;
    if (!pointwise && across.representative[across.groupOf[line]] != line)
      continue;
    for (int p = 0; p < length; ++p) {
      int kind = spec.axis == pkg::Axis::X ? kindAt(p, line) : kindAt(line, p);
      if ((puts[kind] && !source[p]) || (gets[kind] && !receiver[p]))
        return fmt::format("channel '{}' has no flow at a core that uses it", spec.name);
    }
  }
  return "";
}

std::string Unit::proveChannel(int channel) {
  const pkg::ChannelT &spec = *context.program.channels[channel];
  const bool alongX = spec.axis == pkg::Axis::X;
  const PositionGroups &along = alongX ? xs : ys, &across = alongX ? ys : xs;
  sound.clear();
  if (std::string problem = proveEnds(channel); !problem.empty())
    return problem;
  std::set<std::pair<int, int>> seen; // pairs of groups along the line, of a unit that is not pointwise
  auto prove = [&](const pkg::Flow &flow, int receiver) -> std::string {
    if (!pointwise && flow.source() >= 0 && receiver >= 0 &&
        !seen.emplace(along.groupOf[flow.source()], along.groupOf[receiver]).second)
      return "";
    const int first = flow.line() < 0 ? 0 : flow.line();
    const int last = flow.line() < 0 ? context.length(alongX ? pkg::Axis::Y : pkg::Axis::X) - 1 : flow.line();
    for (int line = first; line <= last; ++line) {
      if (!pointwise && across.representative[across.groupOf[line]] != line)
        continue;
      auto kindOn = [&](int p) { return alongX ? kindAt(p, line) : kindAt(line, p); };
      std::string problem = flow.source() < 0 ? proveHost(channel, kindOn(receiver), false)
                            : receiver < 0    ? proveHost(channel, kindOn(flow.source()), true)
                                              : provePair(channel, kindOn(flow.source()), kindOn(receiver));
      if (!problem.empty())
        return problem;
    }
    return "";
  };
  for (const pkg::Flow &flow : spec.flows) {
    if (flow.combine() != pkg::Combine::None)
      return "routers that combine";
    for (int p = flow.lo(); p <= flow.hi(); ++p)
      if (p != flow.source() && (flow.deliver_all() || p == flow.lo() || p == flow.hi()))
        if (std::string problem = prove(flow, p); !problem.empty())
          return problem;
  }
  return "";
}

std::string Unit::proveLockstep() {
  if (reduces)
    return "a reduction";
  fillKinds();
  for (const Kind &kind : kinds)
    if (!kind.problem.empty())
      return kind.problem;
  for (int channel : channels)
    if (std::string problem = proveChannel(channel); !problem.empty())
      return problem;
  return "";
}

std::vector<int> Unit::hostChannels() const {
  std::set<int> found;
  for (const auto &task : tasks)
    for (const auto &instr : task->instrs) {
      if (instr->kind > InstrKind::ReduceInto)
        continue;
      for (uint32_t channel :
           {instr->channel, instr->kind == InstrKind::ReduceForward ? instr->channel_out : instr->channel}) {
        const auto &flows = context.program.channels[channel]->flows;
        if (std::any_of(flows.begin(), flows.end(), [](const pkg::Flow &flow) { return flow.lo() < 0; }))
          found.insert(static_cast<int>(channel));
      }
    }
  return {found.begin(), found.end()};
}

std::string Unit::prove() {
  if (channels.empty())
    return "";
  for (const pkg::Expr *expr : exprs)
    if (pointwise && expr->scale() != 0 && expr->source() > pkg::Source::Loop)
      return "sizes that depend on the position, in classes that tie columns to rows";
  groupPositions(pkg::Axis::X);
  groupPositions(pkg::Axis::Y);
  std::string problem = proveLockstep();
  return problem.empty() || !reduces ? problem : proveLines();
}

} // namespace weft::route::detail
