// A proof that a program cannot get stuck which does not run every core: for meshes on which the run of Deadlock.h
// would take too long. Its time grows with the sides of the mesh and with the steps that differ from each other, not
// with cores, rounds or layers. It proves less than the run decides: what it cannot prove may be fine all the same.
//
// It stands on what Deadlock.h says: if one schedule brings every core to its end, every schedule does. The schedule
// here: the list of tasks is cut into units, and all cores end one unit before any of them begins the next. That is a
// schedule if each unit, run alone on empty queues, ends with empty queues. Of a unit that is proven in one of two
// ways:
//  * Lockstep. No core reduces; each is a row of blocks of Puts and Gets, and of loops around them. Cores that a flow
//    joins have the same row of blocks and loops, with as many rounds, and in each block as many words are put as got.
//    Then all may do one block at a time, and in a block nothing waits for anything but words that are on their way.
//  * Lines. Reductions go along one axis, so that lines are on their own, and lines whose cores do the same are one:
//    each that differs is run by itself, as Deadlock.h does with the whole mesh. Along the other axis blocks may go
//    round rings meanwhile: lines that do the same at the same time hand them on without waiting. Where each core has
//    one loop, and its rounds are alike, one round is run.
// Routes are taken to be good: verifyRoutes (Verify.h) is what checks them.
#pragma once

#include "compiler/route/Deadlock.h"

#include <string>

namespace weft::route {

struct DeadlockProof {
  bool proven = false;
  std::string obstacle;  // the first task that nothing was proven of, and why; empty if proven
  uint64_t units = 0;    // that the program was cut into
  uint64_t distinct = 0; // of these, that were looked at; the others are like one of them
};

/// `params`: the values of the program's launch parameters.
DeadlockProof proveNoDeadlock(const pkg::PackageT &package, const pkg::ProgramT &program,
                              const DeadlockOptions &options, const std::vector<int64_t> &params);

} // namespace weft::route
