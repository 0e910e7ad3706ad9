// The Verilated mesh port beside its golden model, cycle by cycle, under random instructions and random stalls.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weft::cosim {

struct PortCosimOptions {
  std::string variant = "mesh16"; // or small: 5 routes, queues of a word
  uint64_t tests = 20000;         // instructions
  uint64_t seed = 1;
  uint64_t initialState = 1;  // of registers before the reset
  std::string wavePath{};     // FST; empty: none
  std::string coveragePath{}; // lines and branches, of variant small; empty: none
  std::string togglePath{};   // of any variant; empty: none
};

struct PortCosimReport {
  uint64_t instructions = 0, cycles = 0, puts = 0, gets = 0, kills = 0, refused = 0;
  uint64_t latency = 0, interval = 0;   // cycles, measured: the least from issue to result, and between two results
  uint64_t signature = 0;               // of all outputs
  std::map<std::string, uint64_t> bins; // functional coverage: how often each was met
  std::vector<std::string> missing() const;
};

std::vector<std::string> portVariants();

/// Errors: an output that differs from the model's, with cycle, both values and how to see it again.
Result<PortCosimReport> runPortCosim(const PortCosimOptions &options);

} // namespace weft::cosim
