// One launch of one program on the mesh: the cores' side of the engine, and the main loop.
#pragma once

#include "sim/mesh/Claims.h"
#include "sim/mesh/Decode.h"
#include "sim/mesh/Fabric.h"
#include "sim/mesh/MeshEngine.h"
#include "sim/mesh/OpSums.h"
#include "sim/mesh/Recorder.h"
#include "sim/mesh/Sram.h"

#include <optional>

namespace weft::sim {

/// What an Execution needs; everything outlives it.
struct ExecutionContext {
  const ProgramImage &image;
  const hw::Hardware &hardware;
  const MeshEngineOptions &options;
  const SramArray *sram; // nullptr in timing mode
  const std::vector<KernelFunction> &kernels;
  uint32_t width, height;
};

class Execution {
public:
  Execution(const ExecutionContext &context, const runtime::Launch &launch);
  /// Runs the launch to its end. Errors name core, task, op and instruction.
  Result<runtime::LaunchResult> run();

private:
  enum class State : uint8_t { Running, Waiting, Reducing, Done };
  struct CoreRun {
    uint32_t list = 0, listEnd = 0; // in image.taskLists
    uint32_t task = none, pc = 0, end = 0;
    uint32_t outstanding = 0; // transfers
    uint32_t incoming = none; // the transfer that a reduction receives by
    uint64_t since = 0;       // of the state, unless Running
    uint64_t kernelEnd = 0;   // of one that began with transfers under way
    uint32_t depth = 0;       // loops
    State state = State::Running;
    bool begun = false; // the instruction's lead-in has passed
  };
  struct LoopRun {
    int64_t counter = 0, count = 0;
  };
  static constexpr uint32_t maxArguments = 32; // operands, and scalars, of a kernel

  // Launch
  Result<void> startHost();
  Result<void> startInput(const HostInputCode &input);
  void loop();
  runtime::LaunchReport report() const;
  Result<std::vector<runtime::LaunchOutput>> collectOutputs() const;

  // Instructions
  void runCore(uint32_t core);
  bool nextTask(uint32_t core);
  uint64_t begin(uint32_t core, const InstrCode &instr);
  bool complete(uint32_t core, const InstrCode &instr);
  uint64_t call(uint32_t core, const InstrCode &instr);
  void callKernel(uint32_t core, const InstrCode &instr);
  /// False after a failure.
  bool callNative(uint32_t core, uint32_t kernel, std::span<std::byte> memory, std::span<const uint32_t> operands,
                  std::span<const int64_t> scalars);
  bool checkOperand(uint32_t core, const OperandCode &operand, int64_t address, uint64_t bytes);
  void put(uint32_t core, const InstrCode &instr);
  void get(uint32_t core, const InstrCode &instr);
  bool reduce(uint32_t core, const InstrCode &instr);
  bool waitAll(uint32_t core);
  bool loopBegin(uint32_t core, const InstrCode &instr);
  void loopEnd(uint32_t core, const InstrCode &instr);
  void finish(uint32_t transfer);
  /// A core that waited, or reduced, goes on because the transfer ended.
  void resume(uint32_t core, uint32_t transfer);

  // Operands
  int64_t evaluate(const pkg::Expr &expr, uint32_t core) const;
  int64_t addressOf(const OperandCode &operand, uint32_t core) const;
  /// m of a call: what its operand holds if it counts, else what the scalar says.
  int64_t rowsOf(uint32_t core, const InstrCode &instr) const;
  uint64_t kernelCycles(uint32_t core, const InstrCode &instr);
  /// Bytes of SRAM that a transfer moves.
  struct Extent {
    uint32_t begin = 0, bytes = 0, words = 0;
    uint32_t end() const { return begin + bytes; }
  };
  /// False after a failure.
  bool transferExtent(uint32_t core, const InstrCode &instr, Extent &extent);
  uint32_t portOf(uint32_t core, uint32_t channel);
  uint32_t endpointOf(uint32_t core, uint32_t channel);
  bool claimFree(uint32_t core, uint32_t begin, uint32_t end, bool readOnly);
  uint32_t newTransfer(TransferKind kind, uint32_t owner, const Extent &extent, uint32_t channel);
  void countMessage(uint32_t port, uint32_t words);

  // Diagnosis.cpp
  std::string where(uint32_t core) const;
  std::string describe(uint32_t task, uint32_t instr) const;
  std::string blockedOn(uint32_t core) const;
  std::string progressOf(const Transfer &transfer) const;
  Error deadlock() const;
  std::optional<Error> leftovers() const;
  void fail(uint32_t core, const std::string &what);

  const ProgramImage &image;
  const hw::Hardware &hardware;
  const MeshEngineOptions &options;
  const SramArray *sram;
  const std::vector<KernelFunction> &kernels;
  const uint32_t width, height, coreCount, wordBytes;
  const runtime::Launch &launch;

  std::vector<int64_t> params;
  Calendar calendar;
  std::vector<Transfer> transfers;
  std::vector<uint32_t> freeTransfers;
  Fabric fabric;
  std::unique_ptr<Recorder> recorder; // if somebody wants to know why
  uint64_t now = 0;
  std::vector<CoreRun> cores;
  std::vector<LoopRun> loops; // image.loopDepth for each core
  std::vector<OpSum> ops;
  std::vector<runtime::ChannelTraffic> traffic;
  runtime::Counters counters;
  uint64_t busy = 0, lastEnd = 0, tasksDone = 0, tasksTotal = 0;
  uint32_t coresDone = 0;
  std::optional<Error> failure;
  // Data mode
  std::vector<Claims> claims;                    // by core
  std::vector<std::vector<std::byte>> combined;  // by core: words of a ReduceForward between its two ends
  std::vector<uint64_t> wordsSent, wordsAsked;   // by port and endpoint: of all transfers opened so far
  std::vector<std::vector<std::byte>> hostWords; // by input
};

} // namespace weft::sim
