// One line word by word: for phases in which words of different flows want a link at once. Routers, ramps and cores'
// units are those of the event-driven engine.
#pragma once

#include "sim/maxplus/LineSweep.h"
#include "sim/mesh/Fabric.h"

#include <span>

namespace weft::sim::maxplus {

/// The flows of a program on one line, as a mesh of one line: of channels along the axis that have the same flows on
/// all lines, or of all of them if `line` is a line.
Result<RouteTables> lineRoutes(const pkg::ProgramT &program, const std::vector<ChannelShape> &shapes,
                               const hw::Hardware &hardware, bool alongX, uint32_t length, uint32_t line);

class LineWords {
public:
  /// Phases that do not matter to each other but for whose words went last.
  struct Segment {
    std::span<const LineSweep::Work *const> work; // by position
    std::span<const int32_t> begins;
  };
  struct Sent {
    uint32_t channel = 0, position = 0, words = 0;
  };

  LineWords(const RouteTables &routes, const hw::Hardware &hardware, uint32_t length);
  /// False if the words do not all arrive, or there is more than is counted here. `parts`: of the last segment.
  bool run(std::span<const Segment> segments, uint32_t parts);

  /// Whether no two colours contended of which nothing is known since the first segment.
  bool isOrderKnown() const { return !fabric.hasDecidedByNumber(); }
  /// Of the last segment.
  int32_t end(uint32_t position) const { return toTime(cores[position].since); }
  const std::vector<LineSweep::Sums> &sums() const { return counted; }
  const std::vector<Sent> &sent() const { return messages; }
  /// Calls f(queue, cycle of its last word) for each queue of the router that any word left.
  template <typename F> void forEachQueue(uint32_t position, F f) const {
    for (uint32_t i = routes.routerQueues[position]; i < routes.routerQueues[position + 1]; ++i)
      if (const Queue &queue = fabric.queueStates()[i]; queue.grantKey >= 64)
        f(queue, toTime((queue.grantKey >> 6) - 1));
  }

private:
  enum class State : uint8_t { Running, Waiting, Reducing, Done };
  struct CoreRun {
    uint32_t segment = 0, pc = 0;
    uint32_t outstanding = 0, incoming = none;
    uint32_t up = 0, down = 0; // transfers since the last Wait
    uint64_t since = 0;
    State state = State::Running;
    bool begun = false;
  };
  int32_t toTime(uint64_t cycle) const { return base + static_cast<int32_t>(cycle); }
  void runCore(uint32_t position);
  bool nextSegment(uint32_t position);
  uint64_t begin(uint32_t position, const LineInstr &instr);
  bool complete(uint32_t position, const LineInstr &instr);
  uint32_t open(TransferKind kind, uint32_t position, const LineInstr &instr);
  bool reduce(uint32_t position, const LineInstr &instr);
  void finish(uint32_t transfer);
  void resume(uint32_t position);
  void passed(uint32_t position, const LineInstr &instr);
  const LineInstr &instrOf(uint32_t position) const {
    const CoreRun &run = cores[position];
    return (*segments[run.segment].work[position])[run.pc];
  }
  bool counts(uint32_t position) const { return cores[position].segment + 1 == segments.size(); }

  const RouteTables &routes;
  const hw::Hardware &hardware;
  Calendar calendar;
  std::vector<Transfer> transfers;
  Fabric fabric;
  std::vector<CoreRun> cores;
  std::span<const Segment> segments;
  std::vector<LineSweep::Sums> counted;
  std::vector<Sent> messages;
  int32_t base = 0;
  uint32_t done = 0;
  bool failed = false;
};

} // namespace weft::sim::maxplus
