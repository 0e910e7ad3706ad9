// The very packets of a run of BookSim, from its random numbers: so its figures can be compared as they are, without
// the noise of two samples.
#pragma once

#include "sim/noc/Measure.h"

namespace weft::noc {

/// A run is a number of periods, three of which warm up.
struct ReplayRun {
  uint32_t seed = 1;
  uint64_t periodCycles = 5000;
  uint32_t periods = 6;
  bool throughput = false;        // stop after the last period; else wait for the packets that were created in them
  uint64_t drainCycles = 100'000; // at most
};

/// `experiment` says what router, traffic and load; its seed and cycles do not matter. `Measured::cycles` is the
/// length of the whole run, with which two runs can be told to be the same one.
Result<Measured> replay(const Experiment &experiment, const ReplayRun &run);

} // namespace weft::noc
