// One launch at the granularity of transfers. Cores that run the same instructions go through them together, a strand
// at a time; when words of a message leave and arrive follows in closed form from when its ends are open. What cannot
// be said so is refused: two flows that want a link in one cycle, or more transfers on a ramp than it is wide.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/maxplus/CoreSet.h"
#include "sim/maxplus/LineSweep.h"
#include "sim/maxplus/LineWords.h"
#include "sim/maxplus/Lockstep.h"
#include "sim/maxplus/Messages.h"
#include "sim/maxplus/Partition.h"
#include "sim/maxplus/Paths.h"
#include "sim/maxplus/Repetition.h"
#include "sim/mesh/Decode.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/OpSums.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>

namespace weft::sim::maxplus {

/// A program ready to be evaluated.
struct Program {
  ProgramImage image; // without what grows with the cores
  std::vector<uint32_t> classOfTask;
  std::vector<ChannelShape> channels;
  std::vector<uint64_t> opCores;
  std::vector<Phase> phases;
  Repetition repetition;
};

struct EvaluationContext {
  const runtime::Package &package; // its classes
  const Program &program;
  const hw::Hardware &hardware;
  const MeshEngineOptions &options;
};

class Evaluation {
public:
  /// `together`: all tasks are one phase, for programs whose ops reach into each other.
  /// `mayCross`: one line may stand for all where they exchange blocks, too.
  Evaluation(const EvaluationContext &context, const runtime::Launch &launch, bool together, bool mayCross);
  Result<runtime::LaunchReport> run();
  /// Whether run() failed because an op reaches into a later one.
  bool isOpen() const { return open; }
  /// Whether one line stood for all that exchange blocks, which may be why run() failed.
  bool hasCrossed() const { return crossed; }

private:
  struct LoopState {
    int64_t counter = 0, count = 0;
  };
  enum class Stage : uint8_t { Begin, Posted }; // of a reduction
  /// A call while transfers are under way: when it begins and ends, by core.
  struct CallSpan {
    uint32_t op = 0;
    size_t opened = 0; // of the strand's pending transfers
    std::shared_ptr<uint32_t[]> begin, end;
  };
  struct Strand {
    CoreSet cores;
    std::vector<uint32_t> tasks;
    size_t task = 0;
    uint32_t pc = 0;
    bool entered = false; // `pc` is in the task
    bool ended = false;
    Stage stage = Stage::Begin;
    std::vector<LoopState> loops;
    std::vector<CallSpan> calls;       // with them under way
    std::vector<Transfer> pending;     // since the last Wait that held all
    std::vector<uint32_t> sent, asked; // messages so far, by channel
  };
  enum class Progress { None, Some };

  // Phases and strands: Evaluation.cpp
  Result<void> runPhases();
  Result<void> runPhase(const std::vector<uint32_t> &tasks);
  Result<void> runStrands(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                          const std::vector<Group> &groups);
  std::vector<uint32_t> classesOf(const std::vector<uint32_t> &tasks) const;
  std::vector<uint32_t> tasksOf(const Group &group, const std::vector<uint32_t> &tasks,
                                const std::vector<uint32_t> &classes) const;
  const std::vector<Group> &groupsOf(const std::vector<uint32_t> &classes);
  void advanceAll();
  bool advance(Strand &strand, bool parts);
  bool advanceRound(bool parts);
  void endTask(Strand &strand);
  bool drain(Strand &strand, bool parts);
  runtime::LaunchReport report() const;
  Result<void> startHost();

  // Repeating.cpp
  /// What a launch has counted so far, but for what ops took.
  struct Counts {
    std::vector<runtime::ChannelTraffic> traffic;
    runtime::Counters counters;
    uint64_t busy = 0, steps = 0;
    uint32_t hostEnd = 0;
  };
  /// A block of the program's repetition, as it began.
  struct Block {
    std::vector<uint32_t> time;
    Counts counts;
  };
  Counts countsSoFar() const { return {traffic, counters, busy, steps, messages.hostEnd()}; }
  bool forgetPast();
  void countPhase(uint32_t phase, const OpSum &before);
  bool beginsBlock(uint32_t phase) const;
  uint32_t beginBlock(uint32_t phase);
  void repeatBlock(uint32_t phase, uint64_t times);

  // Folding.cpp
  struct LineUse {
    bool alongX = false, alongY = false;  // channels
    bool byRow = false, byColumn = false; // what cores do depends on more than their class
    bool onX = false, onY = false;        // numbers depend on a core's coordinate
    bool host = false, loops = false;
    bool reducesX = false, reducesY = false;
    std::vector<uint32_t> channels;
  };
  LineUse lineUse(const std::vector<uint32_t> &tasks) const;
  bool linesAlike(const std::vector<uint32_t> &classes, const std::vector<Group> &groups, bool alongX);
  bool findShifts(bool alongX, std::vector<int32_t> &shift) const;
  bool mayFold(bool alongX, const std::vector<int32_t> &shift);
  void unfold(bool alongX);
  Result<void> runFolded(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                         const std::vector<Group> &groups, bool alongX);

  // LinePhase.cpp
  using LineWorks = std::vector<const LineSweep::Work *>;
  /// What phases that were evaluated on lines took.
  struct Swept {
    std::vector<OpSum> ops;                       // by phase
    std::vector<runtime::ChannelTraffic> traffic; // by channel
    uint64_t steps = 0, calls = 0;
    uint32_t parts() const { return static_cast<uint32_t>(ops.size()); }
    void add(const LineSweep &sweep, uint64_t lanes, uint64_t times, uint64_t later);
  };
  std::optional<LineSweep::Work> lineWork(const std::vector<uint32_t> &tasks, uint32_t phase, uint32_t x, uint32_t y);
  LineWorks lineWorks(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes, uint32_t phase,
                      const LineUse &use, bool firstOnly, std::deque<LineSweep::Work> &made);
  void take(const Swept &swept, uint32_t firstPhase);
  uint32_t runOnLines(uint32_t phase);
  /// Phases that go through lines, with what their cores do.
  struct LinePart {
    uint32_t phase = 0;
    bool alongX = false, same = false; // same: on all lines, of which `works` has the first
    std::deque<LineSweep::Work> made;
    LineWorks works;
    std::vector<uint32_t> begins; // when cores began
  };
  bool sweepPhases(const std::vector<uint32_t> &tasks, const LineUse &use, uint32_t phase, uint32_t count);
  bool sweepFirst(LineSweep &sweep, const LinePart &part, const std::vector<int32_t> &shift, Swept &swept);
  bool sweepAll(LineSweep &sweep, const LinePart &part, Swept &swept);
  bool sweepEach(LineSweep &sweep, const LinePart &part, Swept &swept);

  // WordPhase.cpp
  /// The phases of an axis that were swept last, and whether there is none before them.
  struct LineHistory {
    static constexpr size_t kept = 3;
    bool sharesLinks = false, isWhole = true;
    std::deque<std::unique_ptr<LinePart>> parts;
  };
  void remember(std::unique_ptr<LinePart> part);
  void forgetHistory(bool alongX);
  void shiftHistory(uint32_t fromPhase, uint32_t later);
  bool sweepSome(LineSweep &sweep, const LinePart &part, std::vector<int32_t> &times, uint32_t from, uint32_t to,
                 Swept &swept);
  bool wordsOn(LineSweep &sweep, const LinePart &part, uint32_t line, bool forAll, int32_t *times, uint32_t parts);
  const RouteTables *routesOf(bool alongX, uint32_t line);

  // Across.cpp
  struct Crossing { // of a channel between lines of which one stands for all
    uint32_t pathMin = ~uint32_t{0}, pathMax = 0;
    std::vector<std::pair<uint32_t, uint32_t>> ways; // room and steps that occur
    uint64_t links = 0;                              // of a message of each line
    uint32_t maxHops = 0;
    std::vector<uint32_t> sent, asked, words; // by core: of the message under way
    uint64_t messages = 0, sum = 0;           // of the one line; sum: of words
  };
  struct Exchanged {
    uint32_t sent = 0, left = 0, head = 0, tail = 0, end = 0;
  };
  bool mayCross(const LineUse &use, bool alongX);
  bool isAcross(uint32_t channel) const;
  void openAcross(Strand &strand, End end, uint32_t channel, uint32_t words);
  Exchanged exchanged(const Transfer &transfer, uint32_t core);
  void closeAcross(const Strand &strand, const Transfer &transfer);
  void countAcross(uint64_t lines);

  // Instructions.cpp
  Progress step(Strand &strand, bool parts);
  void put(Strand &strand, const InstrCode &instr);
  void get(Strand &strand, const InstrCode &instr);
  void call(Strand &strand, const InstrCode &instr);
  Progress wait(Strand &strand, bool parts);
  bool isEarly(const Strand &strand);
  bool settleEnds(Strand &strand, bool parts);
  bool splitReady(Strand &strand);
  uint32_t endOf(const Transfer &transfer, uint32_t x, uint32_t y);
  uint32_t endOf(const Transfer &transfer, Slot &slot, uint32_t x, uint32_t y);
  uint32_t wordsOf(Strand &strand, const InstrCode &instr);
  Progress reduce(Strand &strand, const InstrCode &instr, bool parts);
  void postReduction(Strand &strand, const InstrCode &instr, uint32_t words);
  void sweepHeads(const Strand &strand, const Transfer &transfer);
  bool streamed(const Transfer &transfer, uint32_t core);
  void finishReduction(Strand &strand, const Transfer &transfer);
  void loopBegin(Strand &strand, const InstrCode &instr);
  void loopEnd(Strand &strand, const InstrCode &instr);
  void delay(const Strand &strand, uint32_t cycles);
  void countTurns(uint32_t channel, uint64_t lines, uint32_t number, uint32_t words, uint64_t times);
  void count(uint32_t channel, const CoreSet &cores, uint32_t words, uint64_t times = 1);
  std::shared_ptr<uint32_t[]> timesOf(const Strand &strand) const;
  void countHidden(const Strand &strand);
  void checkRamps(const Strand &strand);
  bool overlapsRamp(std::vector<std::pair<uint32_t, uint32_t>> &spans) const;
  void closeTransfers(Strand &strand);

  // LockstepLoop.cpp
  std::optional<LockstepBody> lockstepBody(const Strand &strand, uint32_t begin);
  bool isClosed(const Strand &strand, const LockstepBody &body) const;
  uint32_t sourceOf(uint32_t channel, uint32_t number, uint32_t x, uint32_t y) const;
  uint64_t sumOfTimes(const CoreSet &cores) const;
  void runLockstep(Strand &strand, uint32_t begin);
  LockstepRun watchLockstep(const Strand &strand, uint32_t begin, const LockstepBody &body);

  // Expressions.cpp
  struct Needs {
    bool x = false, y = false;
  };
  Needs needsOf(const pkg::Expr &expr) const;
  /// Whether it has one value in a launch.
  static bool isFixed(const pkg::Expr &expr) {
    return expr.source() == pkg::Source::Constant || expr.source() == pkg::Source::Param || !expr.scale();
  }
  /// What a call's time depends on.
  std::vector<const pkg::Expr *> costExprs(const InstrCode &instr) const;
  int64_t evaluate(const pkg::Expr &expr, const Strand &strand, uint32_t x, uint32_t y) const;
  /// The value for the strand's cores; those of other values become strands of their own.
  int64_t settle(const pkg::Expr &expr, Strand &strand);
  uint32_t kernelCycles(const InstrCode &instr, const Strand &strand, uint32_t x, uint32_t y);
  void refuse(const std::string &why) {
    if (!failure)
      failure = userError(why);
  }
  uint32_t opNumber(const Strand &strand) const { return program.image.tasks[strand.tasks[strand.task]].op; }
  OpSum &opOfPhase(uint32_t phase) { return ops[program.image.tasks[program.phases[phase].begin].op]; }
  OpSum &opOf(const Strand &strand) { return ops[opNumber(strand)]; }

  const runtime::Package &package;
  const Program &program;
  const hw::Hardware &hardware;
  const MeshEngineOptions &options;
  const runtime::Launch &launch;
  const uint32_t width, height;
  const bool together, crossAllowed;
  bool crossing = false, crossAlongX = false, crossed = false; // now, and at all
  std::map<uint32_t, Crossing> crossings;                      // by channel
  bool backwards = false;                                      // the next round goes through strands so
  bool open = false;
  bool lastPhase = false;
  std::optional<Error> failure;
  std::vector<int64_t> params;
  std::vector<uint32_t> time; // by core: when it begins its next instruction
  std::vector<uint32_t> ends; // by core: scratch of wait() and reduce()
  std::vector<Strand> strands, born;
  std::map<std::vector<uint32_t>, std::vector<Group>> partitions;
  Messages messages;
  std::unique_ptr<Paths> paths; // if somebody wants to know why
  std::vector<OpSum> ops;
  std::vector<runtime::ChannelTraffic> traffic;
  runtime::Counters counters;
  uint64_t busy = 0, steps = 0, lastEnd = 0;
  std::vector<int32_t> folds[2]; // of lines along y and x: their shifts, where line 0 stands for all; else empty
  std::map<std::pair<std::vector<uint32_t>, bool>, bool> alike;
  LineHistory histories[2]; // of lines along y and x
  struct LineRoutes {
    uint32_t line = 0;
    RouteTables tables;
  };
  std::optional<LineRoutes> lineRoutesOf[2], commonRoutes[2];
  uint32_t blockBegin = 0;                    // the phase at which the present block begins
  bool reachedBack = false, wasAlike = false; // into the block before; that one began like the one before it
  std::optional<LineSweep> sweeps[2];         // of lines along y and x
  std::map<uint32_t, uint32_t> sweptTogether; // by kind of phase: how many from it on, 0 if it cannot be
  Repetition repetition;
  std::optional<Block> lastBlock;
  std::vector<OpSum> phaseSums; // of the phases of the last block: what each added, and when it ended
  uint64_t repeated = 0;        // phases that were not evaluated
};

} // namespace weft::sim::maxplus
