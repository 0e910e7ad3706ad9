// One launch at the granularity of transfers. Cores that run the same instructions go through them together, a strand
// at a time; when words of a message leave and arrive follows in closed form from when its ends are open. What cannot
// be said so is refused: two flows that want a link in one cycle, or more transfers on a ramp than it is wide.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/maxplus/CoreSet.h"
#include "sim/maxplus/Lockstep.h"
#include "sim/maxplus/Messages.h"
#include "sim/maxplus/Partition.h"
#include "sim/maxplus/Paths.h"
#include "sim/maxplus/Repetition.h"
#include "sim/mesh/Decode.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/OpSums.h"

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
  Evaluation(const EvaluationContext &context, const runtime::Launch &launch, bool together);
  Result<runtime::LaunchReport> run();
  /// Whether run() failed because an op reaches into a later one.
  bool isOpen() const { return open; }

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
  uint32_t beginBlock(uint32_t phase);
  void repeatBlock(uint32_t phase, uint64_t times);

  // Folding.cpp
  struct LineUse {
    bool alongX = false, alongY = false;  // channels
    bool byRow = false, byColumn = false; // what cores do depends on more than their class
    bool host = false;
  };
  LineUse lineUse(const std::vector<uint32_t> &tasks) const;
  bool linesAlike(const std::vector<uint32_t> &classes, const std::vector<Group> &groups, bool alongX);
  bool findShifts(bool alongX, std::vector<int32_t> &shift) const;
  bool mayFold(bool alongX, const std::vector<int32_t> &shift);
  void unfold(bool alongX);
  Result<void> runFolded(const std::vector<uint32_t> &tasks, const std::vector<uint32_t> &classes,
                         const std::vector<Group> &groups, bool alongX);

  // Instructions.cpp
  Progress step(Strand &strand, bool parts);
  void put(Strand &strand, const InstrCode &instr);
  void get(Strand &strand, const InstrCode &instr);
  void call(Strand &strand, const InstrCode &instr);
  Progress wait(Strand &strand, bool parts);
  bool isEarly(const Strand &strand);
  bool settleEnds(Strand &strand, bool parts);
  bool splitReady(Strand &strand);
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
  OpSum &opOf(const Strand &strand) { return ops[opNumber(strand)]; }

  const runtime::Package &package;
  const Program &program;
  const hw::Hardware &hardware;
  const MeshEngineOptions &options;
  const runtime::Launch &launch;
  const uint32_t width, height;
  const bool together;
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
  std::optional<Block> lastBlock;
  std::vector<OpSum> phaseSums; // of the phases of the last block: what each added, and when it ended
  uint64_t repeated = 0;        // phases that were not evaluated
};

} // namespace weft::sim::maxplus
