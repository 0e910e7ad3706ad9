// What one repetition takes of a program that does the same several times.
#pragma once

#include "runtime/Device.h"

#include <string>
#include <vector>

namespace weft::runtime {

/// One op, of one repetition; in cycles.
struct RepetitionOp {
  std::string name, kind;
  double cycles = 0, compute = 0, communicate = 0, wait = 0;
  double hidden = 0; // of compute: while transfers were under way
};

/// Where there are several repetitions, the first one is left out and the mean taken over the others, so that `cycles`
/// is what a repetition adds when they follow each other without a barrier.
struct Repetition {
  std::vector<RepetitionOp> ops;
  double cycles = 0, compute = 0, communicate = 0, wait = 0; // summed over ops
};

/// `program` has the ops of one repetition `repeats` times, at least once.
Repetition repetitionOf(const LaunchReport &report, const pkg::ProgramT &program, uint32_t repeats);

} // namespace weft::runtime
