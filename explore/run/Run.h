// Evaluates the points of a space on several threads and keeps what they come to.
#pragma once

#include "explore/space/Points.h"
#include "explore/store/Store.h"

#include <atomic>

namespace weft::explore {

struct SweepProgress {
  std::string_view stage;       // "points", "check", "front"
  uint64_t done = 0, total = 0; // points of the stage
  double perSecond = 0;         // computed, of late
  double secondsLeft = 0;       // at that rate; of the stage
};

struct SweepOptions {
  unsigned jobs = 1;                       // threads
  uint64_t shard = 0, shards = 1;          // of the points those whose ordinal is `shard` modulo `shards`
  const std::atomic<bool> *stop = nullptr; // set by anyone: points in flight are finished and kept, no others begun
  std::function<void(const SweepProgress &)> progress{}; // called by the thread that calls sweep(), ten times a second
};

struct SweepCounts {
  uint64_t points = 0;   // dealt with
  uint64_t computed = 0; // now; the others were in the store, or are equal to another point
  double seconds = 0;
  bool stopped = false;
};

/// Every point of the shard at the space's first fidelity, and its share that is checked at the next one.
Result<SweepCounts> sweep(const Space &space, const Evaluator &evaluator, Store &store, const SweepOptions &options);

/// The points that may be on the front, at the space's `front` fidelity: those that no other is better than by more
/// than the error bound. All shards' points must be in the store.
Result<SweepCounts> sweepFront(const Space &space, const Evaluator &evaluator, Store &store,
                               const SweepOptions &options);

/// An error if the space's method cannot be divided among processes.
Result<void> checkShards(const Space &space, uint64_t shards);

/// One point, and what it comes to.
Result<Row> evaluatePoint(const Points &points, const Evaluator &evaluator, Candidate &candidate, Fidelity fidelity);

/// The next finer fidelity that is offered.
std::optional<Fidelity> finer(const Evaluator &evaluator, Fidelity fidelity);

/// What a store says of the evaluators that filled it.
std::string evaluatorVersions(const Evaluator &evaluator);

} // namespace weft::explore
