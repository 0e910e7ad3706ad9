#include "sim/maxplus/OneLine.h"

#include <algorithm>

namespace weft::sim {
namespace {

/// Whether the expression is the same on all lines.
bool isAlike(const pkg::Expr &expr, bool alongX) {
  const pkg::Source source = expr.scale() ? expr.source() : pkg::Source::Constant;
  return alongX ? source != pkg::Source::CoordY && source != pkg::Source::RankY
                : source != pkg::Source::CoordX && source != pkg::Source::RankX;
}

bool isAlike(const std::unique_ptr<pkg::Expr> &expr, bool alongX) { return !expr || isAlike(*expr, alongX); }

bool isAlike(const pkg::InstrT &instr, bool alongX) {
  // Where its operands lie takes no time.
  bool alike = isAlike(instr.bytes, alongX) && isAlike(instr.count, alongX) &&
               std::ranges::all_of(instr.scalars, [&](const pkg::Expr &expr) { return isAlike(expr, alongX); });
  if (instr.work)
    for (const auto *each :
         {&instr.work->macs, &instr.work->alu, &instr.work->special, &instr.work->load_bytes, &instr.work->store_bytes,
          &instr.work->vectors, &instr.work->descriptors, &instr.work->activations})
      alike = alike && isAlike(*each, alongX);
  return alike;
}

/// Whether each line has the same cores of the class.
bool isAlike(const pkg::ClassT &each, bool alongX) {
  const std::vector<bool> across(alongX ? each.ys.begin() : each.xs.begin(), alongX ? each.ys.end() : each.xs.end());
  return each.point_x.empty() && std::ranges::all_of(across, [&](bool member) { return member == across.front(); });
}

bool areLinesAlike(const runtime::Package &package, const pkg::ProgramT &program, bool alongX) {
  if (!program.inputs.empty() || !program.outputs.empty())
    return false;
  for (const auto &channel : program.channels)
    for (const pkg::Flow &flow : channel->flows)
      if ((channel->axis == pkg::Axis::X) != alongX || flow.line() >= 0 || flow.lo() < 0)
        return false;
  return std::ranges::all_of(program.tasks, [&](const auto &task) {
    return isAlike(*package.classes[task->class_id], alongX) &&
           std::ranges::all_of(task->instrs, [&](const auto &instr) { return isAlike(*instr, alongX); });
  });
}

} // namespace

OneLine findOneLine(const runtime::Package &package, const std::string &name) {
  OneLine one;
  const auto program = std::ranges::find_if(package.programs, [&](const auto &each) { return each->name == name; });
  if (program == package.programs.end())
    return one;
  for (bool alongX : {true, false}) {
    if (!areLinesAlike(package, **program, alongX))
      continue;
    one.lines = alongX ? package.mesh_height : package.mesh_width;
    one.package = std::make_unique<runtime::Package>();
    runtime::Package &made = *one.package;
    made.mesh_width = alongX ? package.mesh_width : 1;
    made.mesh_height = alongX ? 1 : package.mesh_height;
    for (const auto &each : package.classes) {
      auto &copy = made.classes.emplace_back(std::make_unique<pkg::ClassT>(*each));
      copy->xs.resize(made.mesh_width);
      copy->ys.resize(made.mesh_height);
      if (!copy->point_x.empty())
        copy->point_x.resize(made.mesh_height);
    }
    for (const auto &each : package.resident)
      made.resident.push_back(std::make_unique<pkg::BufferT>(*each));
    for (const auto &each : package.kernels)
      made.kernels.push_back(std::make_unique<pkg::KernelT>(*each));
    auto &copy = made.programs.emplace_back(std::make_unique<pkg::ProgramT>(**program));
    if (!copy->rank_x.empty() && !alongX)
      copy->rank_x = {0};
    if (!copy->rank_y.empty() && alongX)
      copy->rank_y = {0};
    break;
  }
  return one;
}

void countAllLines(runtime::LaunchReport &report, uint32_t lines) {
  for (runtime::ChannelTraffic &channel : report.channels) {
    channel.messages *= lines;
    channel.words *= lines;
    channel.wordHops *= lines;
  }
  report.counters.wordHops *= lines;
  report.counters.wordsInjected *= lines;
  report.counters.kernelCalls *= lines;
  report.busyCoreCycles *= lines;
}

} // namespace weft::sim
