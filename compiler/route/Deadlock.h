// Can a program get stuck? A program is a network of sequential cores joined by bounded FIFO queues, and no core can
// ask whether a word has come without waiting for it. In such a network (Kahn) the words that move do not depend on
// timing: if one schedule brings every core to its end, every schedule does. So one untimed run decides for all
// timings.
//
// The run gives queues no more room than the machine does (`queueWords` for each router that a flow crosses, none
// inside the cores), so a program that passes cannot get stuck on the machine. It assumes what docs/program-model.md
// says: a colour's words wait only for their own flow, and links and ramps are shared fairly.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <cstdint>
#include <vector>

namespace weft::route {

struct DeadlockOptions {
  uint32_t linkBytes = 4;  // a word
  uint32_t queueWords = 4; // depth of a router's queue for one colour
  std::vector<int>
      tokenCounts; // tokens in the cache after the launch to try; empty: both ends of 1..max_seq and two between
  uint64_t stepLimit = 2'000'000'000; // instructions over all cores and token counts
  bool proveFirst = false;            // run only what DeadlockProof.h cannot prove
};

struct DeadlockStatistics {
  uint64_t runs = 0;         // different sets of parameters that were run
  uint64_t proofs = 0;       // or proven
  uint64_t instructions = 0; // that move words, over all cores and runs
};

/// Runs `program` for each token count. Success: every core ends, and every flow has delivered exactly the words that
/// were put into it. Else an error (ours: the compiler made the program) that names the cores that wait for each other
/// in a circle, or the core that ended without its part: class, task, op, instruction, channel.
/// `package` gives mesh, classes and model.max_seq. Memory: about 8 bytes for each core and channel.
Result<void> checkDeadlock(const pkg::PackageT &package, const pkg::ProgramT &program, const DeadlockOptions &options,
                           DeadlockStatistics *statistics = nullptr);
/// All programs of the package.
Result<void> checkDeadlock(const pkg::PackageT &package, const DeadlockOptions &options);

} // namespace weft::route
