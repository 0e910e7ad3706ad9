// Loops in which each core of a strand hands something to others of the strand and waits for what it gets: all take a
// step together, and when a core ends it is the maximum of when it and those it exchanges with began it, plus
// constants.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/maxplus/CoreSet.h"
#include "sim/maxplus/LockstepRow.h"

#include <span>

namespace weft::sim::maxplus {

/// A channel's part of a step; cycles count from the step's begin.
struct Exchange {
  uint32_t channel = 0, words = 0;
  uint32_t put = 0, get = 0; // when its ends are open
  uint32_t number = 0;       // of the first message
};

/// A step: exchanges, a wait for them, calls after that.
struct LockstepBody {
  std::vector<Exchange> exchanges;
  uint32_t wait = 0;                     // when the wait begins
  uint32_t overlap = 0;                  // from when on calls last until then
  uint32_t after = 0;                    // cycles of calls after the wait
  uint32_t compute = 0, communicate = 0; // cycles of a core
  uint32_t instrs = 0, calls = 0;
};

class Lockstep {
public:
  /// `cores` must be closed: who they send to and receive from by the body's channels is among them, one a channel, or
  /// all of the line where cores take turns, and all lines of a channel are alike.
  Lockstep(const std::vector<ChannelShape> &shapes, const FabricCycles &cycles, uint32_t width, uint32_t height,
           const CoreSet &cores, const LockstepBody &body);

  /// Begins with these times.
  void start(const std::vector<uint32_t> &time);
  /// A step. False, with nothing done, if a core may be held up by words of the step before, or words of a turn by a
  /// core.
  bool step();
  /// Whether the last step took all cores equally long. Then so does every later one: what a step makes of times is
  /// made of the same times some cycles later, too.
  bool isSteady() const;
  /// Takes up to so many more steps like the last one, which must have been steady. Fewer if times would grow beyond
  /// `latest`; how many.
  uint64_t repeat(uint64_t steps);
  /// When cores begin the next step, and began the last one.
  uint32_t begins(uint32_t core) const { return base + static_cast<uint32_t>(now[padding + core]); }
  uint32_t began(uint32_t core) const { return base + static_cast<uint32_t>(before[padding + core]); }
  /// Cycles in calls before the wait while transfers are under way, of all cores.
  uint64_t hidden() const { return hiddenCycles; }
  /// Whether times grew too far from the first ones to be followed.
  bool isFull() const;

private:
  /// Sources that lie `shift` cores away, for all but a few cores of a row, or rows.
  struct Along {
    int32_t shift = 0;
    std::vector<int32_t> adds;
  };
  struct Alone {
    uint32_t x = 0, from = 0;
    int32_t add = 0;
  };
  struct Terms {
    std::vector<Along> along; // of channels along x
    std::vector<Alone> alone;
    struct Row {
      uint32_t from = 0;
      int32_t add = 0;
    };
    std::vector<std::vector<Row>> rows; // of channels along y, by row
  };
  /// Where cores take turns, all of a line wait for one.
  struct Turning {
    bool alongX = true;
    uint32_t turn = 0, number = 0;   // of the next message
    std::vector<uint32_t> to;        // see linkCyclesTo
    int32_t adds = 0, limit = 0;     // without the links between
    uint32_t from = 0;               // whose turn it is
    std::vector<int32_t> distance{}; // from there, in cycles
    void next();
  };
  void addTurning(const ChannelShape &shape, const FabricCycles &cycles, const Exchange &exchange, uint32_t after);
  void addTerm(Terms &to, bool alongX, const std::vector<int32_t> &from, const std::vector<int32_t> &adds);

  static constexpr uint32_t padding = 64; // cores before and after the mesh, for sources along a row
  static constexpr int32_t never = -(1 << 30);
  const uint32_t width, height;
  const CoreSet &cores;
  int32_t self = 0, overlap = 0, wait = 0, after = 0;
  uint64_t hiddenCycles = 0, hiddenInLast = 0;
  Terms terms, limits;
  std::vector<Turning> turnings;
  bool tooSoon = false; // a turn may find words of the one before on its way
  uint32_t base = 0;
  std::vector<int32_t> now, before, next;
};

} // namespace weft::sim::maxplus
