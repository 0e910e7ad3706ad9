// One untimed run of a program for one set of launch parameters. Private to compiler/route; see Deadlock.h.
#pragma once

#include "compiler/route/Deadlock.h"
#include "compiler/route/DeadlockNetwork.h"

#include <deque>

namespace weft::route::detail {

/// An instruction that moves words, or a loop around some.
struct Step {
  pkg::InstrKind kind = pkg::InstrKind::Wait;
  int channel = 0, channelOut = 0;
  int64_t amount = 0;              // bytes, or the count of a loop, unless `expr`
  const pkg::Expr *expr = nullptr; // depends on the core or on a loop
  int task = 0;
  int match = 0; // LoopBegin: the index of its LoopEnd, and the other way round
};

struct LoopFrame {
  int begin = 0;
  int64_t counter = 0, count = 0;
};

enum class Mode : uint8_t { Runs, Waits, Forwards, ReducesInto, Ended };

struct CoreState {
  int list = 0; // index into Run::lists
  int pc = 0;
  Mode mode = Mode::Runs;
  bool queued = false;
  int in = none, out = none; // receiver and flow of a reduction
  int64_t words = 0, baseIn = 0, baseOut = 0;
  std::vector<LoopFrame> loops;
  std::vector<int> sends, receives; // flows and receivers with asynchronous transfers since the last Wait
};

class Run {
public:
  Run(const pkg::PackageT &package, const pkg::ProgramT &program, const DeadlockOptions &options,
      std::vector<int64_t> params);
  /// Runs to the end or until nothing moves; `instructions` counts on over runs.
  Result<void> execute(uint64_t &instructions);

private:
  // DeadlockRun.cpp
  Result<void> prepare();
  Result<void> groupCores();
  Result<int> buildList(const std::vector<bool> &memberOf);
  Result<void> injectHostInputs();
  bool isConstant(const pkg::Expr &expr) const;
  int64_t evaluate(const pkg::Expr &expr, int core, const CoreState &state) const;
  Result<int64_t> amountOf(const Step &step, int core, const CoreState &state) const;
  int64_t wordsOf(int64_t bytes) const { return bytes / linkBytes + (bytes % linkBytes != 0); }
  Result<void> runCore(int core, uint64_t &instructions);
  Result<bool> startTransfer(const Step &step, int core, CoreState &state, int64_t words);
  Result<void> startForward(const Step &step, int core, CoreState &state, int64_t words);
  void updateForward(CoreState &state);
  bool isStraight(int core, const CoreState &state) const;
  bool closesCircle(int core, const CoreState &state) const;
  bool isDone(const CoreState &state) const;
  void wake(int core);
  void markDirty(int flow);
  void advanceFlow(int flow);
  void sourceMoved(int flow, int64_t roomBefore, int64_t sentBefore);
  // DeadlockReport.cpp
  Error stuck() const;
  Result<void> checkCounts() const;
  std::string where(int core, int task) const;
  std::string describe(int core) const;
  std::string lackOf(int core, int &waitsFor) const;
  int blockerOfSend(int flow, std::string &why) const;
  int blockerOfCombined(const FlowState &flow, std::string &why) const;
  int blockerOfReceive(int receiver, std::string &why) const;
  std::string nameCore(int core) const;

  const pkg::PackageT &package;
  const pkg::ProgramT &program;
  const DeadlockOptions &options;
  std::vector<int64_t> params;
  int width, height;
  int64_t linkBytes;
  bool anyBent = false; // a ReduceForward has turned a corner
  Network network;
  std::vector<std::vector<Step>> lists; // one for each set of classes that a core is a member of
  std::vector<CoreState> cores;
  std::vector<int> ready;
  std::deque<int> dirtyFlows;
  std::vector<int> progressed;                     // scratch of advanceFlow
  std::vector<std::pair<int64_t, int64_t>> before; // the same: room and sent
};

} // namespace weft::route::detail
