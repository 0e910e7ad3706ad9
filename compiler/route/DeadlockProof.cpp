#include "compiler/route/DeadlockProof.h"

#include "compiler/route/DeadlockUnit.h"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_map>

namespace weft::route {

namespace {

void spell(std::string &key, const std::unique_ptr<pkg::Expr> &expr) {
  if (expr)
    fmt::format_to(std::back_inserter(key), "{},{},{},{};", static_cast<int>(expr->source()), expr->index(),
                   expr->scale(), expr->add());
}

/// All of a task that the proof looks at.
std::string spell(const pkg::TaskT &task) {
  std::string key = fmt::format("@{}:", task.class_id);
  for (const auto &instr : task.instrs) {
    if (instr->kind == pkg::InstrKind::Call)
      continue;
    fmt::format_to(std::back_inserter(key), "{},{},{}:", static_cast<int>(instr->kind), instr->channel,
                   instr->channel_out);
    spell(key, instr->bytes);
    spell(key, instr->count);
  }
  return key;
}

/// Indices that the proof follows without looking again.
std::string checkIndices(const pkg::PackageT &package, const pkg::ProgramT &program) {
  for (const auto &channel : program.channels) {
    if (channel->axis != pkg::Axis::X && channel->axis != pkg::Axis::Y)
      return fmt::format("channel '{}' has no axis", channel->name);
    const auto length = static_cast<int>(channel->axis == pkg::Axis::X ? package.mesh_width : package.mesh_height);
    for (const pkg::Flow &flow : channel->flows)
      if (flow.lo() < -1 || flow.lo() > flow.source() || flow.source() > flow.hi() || flow.hi() >= length)
        return fmt::format("channel '{}' has a flow off the mesh", channel->name);
  }
  for (const auto &cls : package.classes)
    if (cls->xs.size() != package.mesh_width || cls->ys.size() != package.mesh_height)
      return fmt::format("class '{}' has masks of another mesh", cls->name);
  for (const auto &input : program.inputs)
    if (input->channel >= program.channels.size())
      return "an input on no channel";
  for (const auto &output : program.outputs)
    if (output->channel >= program.channels.size())
      return "an output on no channel";
  for (const auto &task : program.tasks) {
    int depth = 0;
    if (task->class_id >= package.classes.size())
      return "a task of no class";
    for (const auto &instr : task->instrs) {
      if (instr->kind <= pkg::InstrKind::ReduceInto &&
          std::max(instr->channel, instr->channel_out) >= program.channels.size())
        return "an instruction on no channel";
      depth += (instr->kind == pkg::InstrKind::LoopBegin) - (instr->kind == pkg::InstrKind::LoopEnd);
      if (depth < 0)
        return "a loop without begin";
    }
    if (depth != 0)
      return "a loop without end";
  }
  return "";
}

std::string useHost(const detail::Unit &unit, std::vector<bool> &used) {
  std::vector<int> channels = unit.hostChannels();
  for (int channel : channels)
    if (used[channel])
      return "words of the host in an earlier task as well";
  for (int channel : channels)
    used[channel] = true;
  return "";
}

} // namespace

DeadlockProof proveNoDeadlock(const pkg::PackageT &package, const pkg::ProgramT &program,
                              const DeadlockOptions &options, const std::vector<int64_t> &params) {
  DeadlockProof proof;
  proof.obstacle = checkIndices(package, program);
  if (!proof.obstacle.empty())
    return proof;
  detail::UnitContext context{
      package, program, options, params, static_cast<int>(package.mesh_width), static_cast<int>(package.mesh_height)};
  std::unordered_map<std::string, std::string> known;         // units by their tasks: what stood in the way
  std::vector<bool> hostUsed(program.channels.size(), false); // one unit deals with the host
  constexpr size_t mostTasks = 64;                            // of a unit
  const std::span<const std::unique_ptr<pkg::TaskT>> tasks = program.tasks;
  for (size_t begin = 0; begin < tasks.size();) {
    std::string key, obstacle, reported; // reported: of all tasks of the first one's op
    size_t end = begin;
    // The shortest unit that is proven: it leaves empty queues, so that what follows is on its own.
    do {
      key += spell(*tasks[end++]);
      auto [entry, isNew] = known.emplace(key, "");
      if (isNew) {
        entry->second = detail::Unit(context, tasks.subspan(begin, end - begin)).prove();
        ++proof.distinct;
      }
      obstacle = entry->second;
      if (obstacle.empty())
        obstacle = useHost(detail::Unit(context, tasks.subspan(begin, end - begin)), hostUsed);
      if (reported.empty() && (end == tasks.size() || tasks[end]->op != tasks[begin]->op))
        reported = obstacle;
    } while (!obstacle.empty() && end < tasks.size() && end - begin < mostTasks);
    if (!obstacle.empty()) {
      proof.obstacle =
          fmt::format("task {} of op '{}': {}", begin,
                      tasks[begin]->op < program.ops.size() ? program.ops[tasks[begin]->op]->name : "?", obstacle);
      return proof;
    }
    ++proof.units;
    begin = end;
  }
  for (const auto &input : program.inputs)
    if (!hostUsed[input->channel] && input->bytes && context.evaluate(*input->bytes, 0, 0) > 0) {
      proof.obstacle = fmt::format("nobody takes the host's input '{}'", input->name);
      return proof;
    }
  for (const auto &output : program.outputs)
    if (!hostUsed[output->channel] && !output->index.empty()) {
      proof.obstacle = fmt::format("nobody sends the host's output '{}'", output->name);
      return proof;
    }
  proof.proven = true;
  return proof;
}

} // namespace weft::route
