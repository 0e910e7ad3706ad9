// What runs a package: the mesh engine today, other simulators or silicon later.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/Explanation.h"
#include "runtime/package/PackageFile.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::runtime {

/// Where the time of one op of the model went. Cycles; compute, communicate and wait are means over the cores that took
/// part.
struct OpTime {
  uint32_t op = 0;        // index in program.ops
  uint64_t cycles = 0;    // how far this op moved the end of the program: the sum over ops is the launch's cycles
  double compute = 0;     // in kernels
  double communicate = 0; // issuing transfers and streaming reductions
  double wait = 0;        // for words
  double hidden = 0;      // of compute: while a Put or Get of the core was under way
};

struct Counters {
  uint64_t events = 0;   // engine events
  uint64_t wordHops = 0; // words x links
  uint64_t wordsInjected = 0;
  uint64_t kernelCalls = 0;
  uint64_t instructions = 0; // of kernels that ran in a simulator of the core
};

/// What one channel carried in one launch.
struct ChannelTraffic {
  uint64_t messages = 0, words = 0, wordHops = 0;
  uint32_t maxHops = 0; // longest flow that carried a message
};

struct LaunchReport {
  uint64_t cycles = 0;
  std::vector<OpTime> ops;
  std::vector<ChannelTraffic> channels; // by channel of the program
  Counters counters;
  uint64_t busyCoreCycles = 0;            // sum over cores of cycles in kernels
  uint64_t phases = 0, repeated = 0;      // of a max-plus evaluation: all, and those that another one stands for
  std::shared_ptr<const Explanation> why; // if the device was asked for it
};

struct LaunchInput {
  std::string name;
  std::vector<std::byte> bytes;

  LaunchInput() = default;
  LaunchInput(std::string name, const std::vector<int32_t> &words) : name(std::move(name)) {
    const auto *first = reinterpret_cast<const std::byte *>(words.data());
    bytes.assign(first, first + words.size() * sizeof(int32_t));
  }
};

struct Launch {
  std::string program;
  uint32_t tokensInCache = 0; // after the launch; launch parameters derive from it
  std::vector<LaunchInput> inputs;
};

/// What a program gives the host: all elements in their order.
struct LaunchOutput {
  std::string name;
  pkg::ElementType element = pkg::ElementType::F32;
  std::vector<std::byte> bytes;

  /// 16-bit floats widened, 32-bit integers converted; none of other types.
  std::vector<float> floats() const;
};

struct LaunchResult {
  LaunchReport report;
  std::vector<LaunchOutput> outputs; // in the program's order; none in timing mode

  /// The values of output "logits"; empty without it.
  std::vector<float> logits() const;
};

/// Called now and then with a fraction done in [0, 1].
using Progress = std::function<void(double)>;

/// How a device runs kernels and where their costs come from: for reports.
struct KernelFacts {
  std::string engine = "native";   // or "iss": every instruction in a simulator of the core
  std::string evaluator = "event"; // of the mesh: or "maxplus", or "both" if programs differ
  std::string evaluatorWhy;        // may be empty
  double evaluatorSeconds = 0;     // of all launches, on this host, without loading
  bool measured = false;           // costs are those of the machine code; otherwise of the rates that the core declares
  uint64_t costsMeasured = 0, costsFromCache = 0; // a kernel with a number of rows
  std::string cachePath;                          // empty: none
  /// Units whose RTL ran beside the simulator, and how many of their instructions, all with the simulator's results.
  std::vector<std::pair<std::string, uint64_t>> cosimulated;
};

class Device {
public:
  virtual ~Device() = default;
  /// Brings weights and constants into SRAM and clears the KV cache.
  virtual Result<void> load(const Package &package) = 0;
  /// Clears the KV cache.
  virtual Result<void> reset() = 0;
  virtual Result<LaunchResult> run(const Launch &launch) = 0;
  /// Bytes of core (x, y)'s SRAM from `offset`; for tests and inspection.
  virtual Result<std::vector<std::byte>> readSram(uint32_t x, uint32_t y, uint32_t offset, uint32_t bytes) = 0;
  virtual KernelFacts kernelFacts() const { return {}; }
  /// Completes what the device writes beside its results, such as a trace. No launch comes after it.
  virtual Result<void> finish() { return success(); }
};

} // namespace weft::runtime
