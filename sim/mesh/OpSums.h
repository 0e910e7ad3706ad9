// What an op took, over all cores of a launch: what each evaluator of a program counts, and the report of it.
#pragma once

#include "runtime/Device.h"
#include "sim/mesh/Decode.h"

#include <algorithm>
#include <span>

namespace weft::sim {

/// Cycles of all cores together; `end`: the cycle in which the last core ended the op.
struct OpSum {
  uint64_t compute = 0, communicate = 0, wait = 0, hidden = 0, end = 0;
};

/// Fills in `report.ops` of a launch of `report.cycles`. `opCores`: how many cores take part in each op.
inline void reportOps(runtime::LaunchReport &report, const ProgramImage &image, std::span<const OpSum> ops,
                      std::span<const uint64_t> opCores) {
  report.ops.resize(image.ops.size());
  uint64_t frontier = 0;
  for (uint32_t op : image.opOrder) {
    report.ops[op].cycles = ops[op].end > frontier ? ops[op].end - frontier : 0;
    frontier = std::max(frontier, ops[op].end);
  }
  if (!image.opOrder.empty()) // what the host still receives when all cores have ended
    report.ops[image.opOrder.back()].cycles += report.cycles - frontier;
  for (uint32_t op = 0; op < ops.size(); ++op) {
    const auto cores = static_cast<double>(std::max<uint64_t>(opCores[op], 1));
    report.ops[op].op = op;
    report.ops[op].compute = static_cast<double>(ops[op].compute) / cores;
    report.ops[op].communicate = static_cast<double>(ops[op].communicate) / cores;
    report.ops[op].wait = static_cast<double>(ops[op].wait) / cores;
    report.ops[op].hidden = static_cast<double>(ops[op].hidden) / cores;
  }
}

} // namespace weft::sim
