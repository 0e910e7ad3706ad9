// What instructions work on: expressions, and what kernels cost.
#include "sim/maxplus/Evaluation.h"

#include <fmt/format.h>

namespace weft::sim::maxplus {

Evaluation::Needs Evaluation::needsOf(const pkg::Expr &expr) const {
  const pkg::Source source = expr.scale() ? expr.source() : pkg::Source::Constant;
  return {source == pkg::Source::CoordX || source == pkg::Source::RankX,
          source == pkg::Source::CoordY || source == pkg::Source::RankY};
}

int64_t Evaluation::evaluate(const pkg::Expr &expr, const Strand &strand, uint32_t x, uint32_t y) const {
  const auto loop = [&](uint32_t level) { return strand.loops[strand.loops.size() - 1 - level].counter; };
  return valueOf(expr, program.image, params, loop, [&] { return x; }, [&] { return y; });
}

int64_t Evaluation::settle(const pkg::Expr &expr, Strand &strand) {
  const Stretch first = strand.cores.stretches.front();
  const int64_t value = evaluate(expr, strand, first.begin, first.y);
  const Needs needs = needsOf(expr);
  if (!needs.x && !needs.y)
    return value;
  std::map<int64_t, CoreSet> others;
  CoreSet same;
  forEachCore(strand.cores, width, [&](uint32_t, uint32_t x, uint32_t y) {
    const int64_t here = evaluate(expr, strand, x, y);
    (here == value ? same : others[here]).add(x, y);
  });
  for (auto &[other, cores] : others) {
    Strand part = strand;
    part.cores = std::move(cores);
    born.push_back(std::move(part));
  }
  strand.cores = std::move(same);
  return value;
}

std::vector<const pkg::Expr *> Evaluation::costExprs(const InstrCode &instr) const {
  const ProgramImage &image = program.image;
  if (options.kernelCosts) {
    const int32_t rows = image.kernelRows[instr.kernel];
    if (rows < 0)
      return {};
    return {&image.scalars[instr.scalars.begin + static_cast<uint32_t>(rows)]};
  }
  if (instr.work == none)
    return {};
  const WorkCode &work = image.works[instr.work];
  return {&work.macs,       &work.alu,     &work.special,     &work.loadBytes,
          &work.storeBytes, &work.vectors, &work.descriptors, &work.activations};
}

uint32_t Evaluation::kernelCycles(const InstrCode &instr, const Strand &strand, uint32_t x, uint32_t y) {
  const ProgramImage &image = program.image;
  uint64_t cycles = 0;
  if (options.kernelCosts) {
    const int32_t rows = image.kernelRows[instr.kernel];
    Result<uint64_t> cost = options.kernelCosts(
        instr.kernel,
        rows < 0 ? 1 : evaluate(image.scalars[instr.scalars.begin + static_cast<uint32_t>(rows)], strand, x, y));
    if (!cost) {
      refuse(cost.error().message);
      return 0;
    }
    cycles = *cost;
  } else {
    const hw::KernelWork work = kernelWork(image, instr, [&](const pkg::Expr &expr) {
      const int64_t value = evaluate(expr, strand, x, y);
      if (value < 0)
        refuse(
            fmt::format("kernel '{}' is asked for a negative amount of work ({})", image.kernels[instr.kernel], value));
      return static_cast<uint64_t>(value);
    });
    if (!failure)
      cycles = options.coreModel->kernelCycles(work);
  }
  if (cycles > latest)
    refuse(fmt::format("kernel '{}' takes {} cycles", image.kernels[instr.kernel], cycles));
  return static_cast<uint32_t>(cycles);
}

} // namespace weft::sim::maxplus
