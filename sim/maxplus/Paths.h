// Critical paths of a max-plus evaluation: beside it, for each core and each message under way, the path that led to it
// (sim/mesh/CausePath.h). What came last of all that a core or a message waited for follows from the times that the
// evaluation found. Where none of what is known here fits, the path says `Wait` and no more.
//
// A loop in lockstep keeps when its steps began, and nothing of the steps: if the path goes through it, it runs again.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/maxplus/CoreSet.h"
#include "sim/maxplus/Lockstep.h"
#include "sim/maxplus/Messages.h"
#include "sim/mesh/CausePath.h"
#include "sim/mesh/Decode.h"

#include <array>
#include <map>
#include <optional>

namespace weft::sim::maxplus {

/// A stretch of a step's body that does not depend on others.
struct StepPiece {
  Cause cause = Cause::Compute;
  uint32_t what = runtime::noName;
  uint32_t cycles = 0;
};

/// A loop, or a part of it, that ran in lockstep.
struct LockstepRun {
  CoreSet cores;
  LockstepBody body;
  std::vector<StepPiece> before, after; // the wait
  uint32_t op = 0;
  uint64_t rounds = 0;
  std::vector<uint32_t> begins, paths; // by core, at the first step
  bool wanted = false;
};

/// What Paths looks at.
struct PathsContext {
  const ProgramImage &image;
  const std::vector<ChannelShape> &shapes;
  const FabricCycles fabric;
  const std::vector<uint32_t> &time; // by core, when it begins its next instruction
  Messages &messages;
  uint32_t width = 0, height = 0;
};

class Paths {
public:
  explicit Paths(const PathsContext &context);

  // What cores do. All are called before `time` moves on.
  void spends(const CoreSet &cores, Cause cause, uint32_t op, uint32_t what, uint32_t cycles);
  void spends(uint32_t core, Cause cause, uint32_t op, uint32_t what, uint32_t cycles);
  /// `behind`: the core's transfer into that channel before this one, if it is not done; `at`: when the words can go.
  void sends(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t words, const std::vector<uint32_t> &at,
             const Transfer *behind);
  void receives(uint32_t channel, uint32_t number, const CoreSet &cores);
  void hostSends(uint32_t channel, uint32_t words);
  void forwards(const Transfer &transfer, const CoreSet &cores);
  /// Cores go on when the last of their transfers has ended; `ends` says when.
  void waits(const CoreSet &cores, const std::vector<Transfer> &pending, const std::vector<uint32_t> &ends);
  /// What they did not wait for ends by itself.
  void drains(const CoreSet &cores, const std::vector<Transfer> &pending, const std::vector<uint32_t> &ends);
  void reduces(const CoreSet &cores, const Transfer &transfer, const std::vector<uint32_t> &ends);
  void closes(const CoreSet &cores, const std::vector<Transfer> &pending);
  /// Cores have gone through the loop: `time` is already that of its end.
  void stepped(LockstepRun run);
  /// Of all cores, as they are.
  const std::vector<uint32_t> &coresPaths() const { return path; }

  /// Between instructions: forgets paths that lead nowhere. Error: too much is left.
  Result<void> collect();
  runtime::Explanation explain(uint64_t cycles) const;

private:
  struct Ends {                                          // of message `number` of a channel
    std::vector<uint32_t> sent, asked, head;             // paths, by core; `sent` also of the host
    std::vector<std::pair<uint32_t, uint32_t>> forwards; // channel and number of what is sent on
    std::vector<uint32_t> from;                          // by core: index into `forwards`, from 1; else empty
  };
  struct Past { // of a message to a core that has ended
    uint32_t head = 0, tail = 0, path = PathStore::nothing;
  };
  struct Latest {
    uint64_t at = 0;
    uint32_t path = PathStore::nothing, where = 0;
  };

  Ends &endsOf(uint32_t channel, uint32_t number);
  uint32_t add(Cause cause, uint64_t begin, uint32_t parent, uint32_t where, uint32_t channel, const FlowShape *flow);
  uint32_t coreAt(const ChannelShape &shape, uint32_t x, uint32_t y, int32_t position) const;
  /// What a channel has at the core.
  struct Site {
    const ChannelShape &shape;
    const Line &line;
    const Stop &stop;
  };
  Site siteOf(uint32_t channel, uint32_t core) const;
  /// From where message `number` comes to the core, and how long its first word takes at least.
  struct Way {
    uint32_t source = 0;
    int32_t position = 0;
    uint32_t cycles = 0;
  };
  Way wayOf(uint32_t channel, uint32_t number, uint32_t core) const;
  uint32_t endOf(const Transfer &transfer, uint32_t core);
  uint32_t sentPath(uint32_t channel, uint32_t number, uint32_t source);
  uint32_t headPath(uint32_t channel, uint32_t number, uint32_t core);
  uint32_t lastWord(uint32_t channel, uint32_t number, uint32_t core);
  uint32_t putPath(const Transfer &transfer, uint32_t core, uint32_t left);
  uint32_t heldPath(uint32_t channel, uint32_t number, uint32_t core, uint32_t words, uint32_t left);
  uint32_t behindPast(uint32_t channel, uint32_t number, uint32_t receiver, const Stop &stop, uint32_t left);
  uint32_t endPath(const Transfer &transfer, uint32_t core, uint32_t end);
  void happens(uint64_t cycle, uint32_t reached, uint32_t where);
  void count(uint32_t channel, const CoreSet &cores, uint64_t words);
  void countTurns(const LockstepRun &run, const Exchange &exchange);

  // LockstepPaths.cpp
  /// Appends the nodes of the steps before `core` ended its last one, the last first; returns the core of the first
  /// step.
  uint32_t expand(const LockstepRun &run, uint32_t core, std::vector<PathNode> &nodes) const;
  uint32_t stepBack(const LockstepRun &run, uint32_t step, uint32_t core, uint32_t end,
                    const std::vector<uint32_t> &begins, std::vector<PathNode> &nodes) const;
  template <typename F> void forEachLoad(F f) const;
  std::optional<runtime::LinkLoad> busiest() const;

  const ProgramImage &image;
  const std::vector<ChannelShape> &shapes;
  const FabricCycles fabric;
  const std::vector<uint32_t> &time;
  Messages &messages;
  const uint32_t width, height, coreCount;
  std::vector<uint32_t> linksTo[2]; // see linkCyclesTo, along y and x
  PathStore paths;
  std::vector<uint32_t> path;                 // by core
  std::vector<uint32_t> compute, issue, wait; // by core, cycles
  std::map<std::pair<uint32_t, uint32_t>, Ends> ends;
  std::vector<std::vector<std::array<Past, 3>>> past; // by channel, receiver
  std::vector<std::vector<uint64_t>> words;           // by channel, source: sent; the host last
  std::vector<LockstepRun> runs;
  Latest end, hostEnd;
};

} // namespace weft::sim::maxplus
