// A phase whose words stay on their lines, evaluated position by position for many lines at once. No flow carries more
// than one message in it, and nothing that came before matters, so that when words leave and arrive follows from when
// the message's own ends open. It is given up, without a trace, if that is not so, if words of the phase could meet on
// a link, or if some of them could matter to what comes after.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/maxplus/LineRows.h"

#include <memory>
#include <vector>

namespace weft::sim::maxplus {

/// An instruction of the cores at one position, with its numbers known.
struct LineInstr {
  pkg::InstrKind kind = pkg::InstrKind::Wait;
  uint32_t channel = 0, out = 0; // `out` of a ReduceForward
  uint32_t words = 0, cycles = 0;
  uint32_t part = 0; // what it counts for
};

class LineWords;

class LineSweep {
public:
  using Work = std::vector<LineInstr>;
  /// Cycles of all cores, and when the last one ends.
  struct Sums {
    int64_t compute = 0, communicate = 0, wait = 0, end = 0;
    uint64_t calls = 0, instrs = 0;
  };
  struct Sent {
    uint32_t channel = 0, words = 0;
    const FlowShape *flow = nullptr;
  };

  LineSweep(const std::vector<ChannelShape> &shapes, const hw::Hardware &hardware, bool alongX, uint32_t length);

  /// `work`: by position, of each line. `times`: when cores begin, and then when they end: `lanes` numbers for each
  /// position. `parts`: those of instructions. If `line` is not `all`, that line; else lane l is line l or, if there is
  /// but one, all lines are alike.
  /// `firstLine`: of lanes that are lines.
  bool run(const std::vector<const Work *> &work, int32_t *times, uint32_t lanes, uint32_t line, uint32_t parts,
           uint32_t firstLine = 0);
  bool takeWords(const LineWords &words, int32_t *times, uint32_t line); // LineWords.cpp
  static constexpr uint32_t all = ~uint32_t{0};

  const std::vector<Sums> &sums() const { return counted; }  // by part
  const std::vector<Sent> &sent() const { return messages; } // on each lane

private:
  struct FlowState {
    int32_t *sent = nullptr; // the first word can go up the ramp
    uint32_t words = 0;
    uint32_t missing = 0; // ends that are not open yet
    bool settled = false;
    int32_t *left = nullptr, *leaves = nullptr; // of a multicast that is held up: the last word, the source's router
    std::vector<uint32_t> waiters;              // positions
  };
  struct StopState {
    int32_t *asked = nullptr, *head = nullptr;
    int32_t *tail = nullptr; // where it is not `words` - 1 behind the head
    uint32_t words = 0, out = 0;
    bool forwards = false;
  };
  struct ChannelState {
    const Line *line = nullptr;
    std::vector<FlowState> flows;
    std::vector<StopState> stops;
  };
  struct Pending {
    pkg::InstrKind kind;
    uint32_t channel, out;
    bool done;
  };
  struct CoreState {
    uint32_t pc = 0;
    bool posted = false, queued = false;
    std::vector<Pending> pending;
  };
  struct LinkSpan {
    iss::RowSpan span;
    const FlowShape *flow;
  };
  /// A router on a multicast's way: `link` from the one before, room and steps of the queues up to it.
  struct Reach {
    int32_t at;
    uint32_t link, room, steps;
    int32_t *head, *tail;
  };

  // LineMulticast.cpp
  uint32_t multicastSource() const;
  bool runMulticast(uint32_t source);
  void openMulticast(uint32_t position);
  void callOnLine(const LineInstr &instr, int32_t &time);
  int32_t finishMulticast(uint32_t position, int32_t ended);

  int32_t *row();
  int32_t *scratchRow(uint32_t number = 0) { return &scratch[size_t{number} * lanes]; }
  int32_t *timeOf(uint32_t position) { return times + size_t{position} * lanes; }
  void queue(uint32_t position);
  ChannelState &channel(uint32_t number);
  void openSend(uint32_t channel, uint32_t position, uint32_t words, int32_t *at);
  void openReceive(uint32_t channel, uint32_t position, uint32_t words, bool forwards, uint32_t out);
  void endOpens(uint32_t channel, uint32_t flow);
  void settle(uint32_t channel, uint32_t flow);
  void settleSingle(uint32_t channel, FlowState &state, const FlowShape &flow);
  void settleMulticast(uint32_t channel, FlowState &state, const FlowShape &flow);
  void holdUp(FlowState &state, std::vector<Reach> (&ways)[2]);
  bool advance(uint32_t position);
  bool step(uint32_t position, const LineInstr &instr);
  bool wait(uint32_t position, Sums &sums);
  bool reduce(uint32_t position, const LineInstr &instr);
  bool exceedsRamp(const CoreState &core) const;
  bool leftAt(uint32_t channel, uint32_t position, int32_t *to);
  bool awaits(FlowState &flow, uint32_t position);
  iss::RowSpan delivered(const StopState &stop) const;
  void cross(int32_t at, bool upwards, const iss::RowSpan &span, const FlowShape &flow);
  void crossSingle(const FlowShape &flow, const FlowState &state, const Stop &stop, const StopState &receiver);
  bool linksMeet() const;
  bool isPast();
  bool linksPast();
  bool comeLater();
  bool areGone(const LineWords &words, const FlowShape &flow);
  bool comesLater(const FlowShape &flow, uint32_t lane, uint32_t count);

  const std::vector<ChannelShape> &shapes;
  const hw::Hardware &hardware;
  const FabricCycles cycles;
  const bool alongX;
  const uint32_t length;
  uint32_t lanes = 0, line = all, firstLane = 0;
  int32_t *times = nullptr;
  bool failed = false;
  std::vector<Sums> counted;
  std::vector<Sent> messages;
  std::vector<ChannelState> channels;
  std::vector<uint32_t> used; // of `channels`
  std::vector<CoreState> cores;
  std::vector<uint32_t> ready;
  std::vector<std::pair<uint32_t, uint32_t>> opened; // channels and flows whose ends are all open
  std::vector<std::vector<LinkSpan>> links[2];       // downwards and upwards, by the position that they lead away from
  std::vector<int32_t *> until[2];                   // the first cycle after all words on them
  struct Block {
    std::unique_ptr<int32_t[]> numbers;
    size_t size;
  };
  std::vector<Block> blocks; // what rows are taken from
  size_t block = 0, usedOfBlock = 0;
  std::vector<int32_t> scratch, single;
  const std::vector<const Work *> *workOf = nullptr;
};

} // namespace weft::sim::maxplus
