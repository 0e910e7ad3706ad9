#include "sim/loads/Counting.h"

namespace weft::sim::loads {

void Amounts::add(uint64_t amount, const Needs &needs, uint32_t x, uint32_t y, uint32_t width, uint32_t height) {
  if (!needs.x && !needs.y) {
    all += amount;
    return;
  }
  std::vector<uint64_t> &values = needs.x && needs.y ? cores : needs.x ? columns : rows;
  values.resize(needs.x && needs.y ? size_t{width} * height : needs.x ? width : height);
  values[needs.x && needs.y ? size_t{y} * width + x : needs.x ? x : y] += amount;
}

void Amounts::spread(const Members &members, uint32_t width, std::vector<uint64_t> &plane) const {
  maxplus::forEachCore(members.cores, width, [&](uint32_t core, uint32_t x, uint32_t y) {
    plane[core] +=
        all + (columns.empty() ? 0 : columns[x]) + (rows.empty() ? 0 : rows[y]) + (cores.empty() ? 0 : cores[core]);
  });
}

std::vector<Site> sitesOf(const ProgramImage &image, const TaskCode &task) {
  std::vector<Site> sites;
  Nest nest;
  for (uint32_t i = task.instrs.begin; i < task.instrs.end; ++i) {
    const InstrCode &instr = image.instrs[i];
    if (instr.kind == pkg::InstrKind::LoopBegin)
      nest.push_back(&instr);
    else if (instr.kind == pkg::InstrKind::LoopEnd)
      nest.pop_back();
    else
      sites.push_back({&instr, nest});
  }
  return sites;
}

void Needs::add(const pkg::Expr &expr) {
  if (!expr.scale())
    return;
  x |= expr.source() == pkg::Source::CoordX || expr.source() == pkg::Source::RankX;
  y |= expr.source() == pkg::Source::CoordY || expr.source() == pkg::Source::RankY;
  loop |= expr.source() == pkg::Source::Loop;
}

} // namespace weft::sim::loads
