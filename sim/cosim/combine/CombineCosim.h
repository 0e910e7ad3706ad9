// The router's combine operations in RTL beside their golden model, over classes of operands.
#pragma once

#include "hw-models/support/Result.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace weft::cosim {

struct CombineCosimOptions {
  uint64_t tests = 100000; // of each operation
  uint64_t seed = 1;
  std::string coveragePath{}, togglePath{}; // lines and branches, toggles; empty: none
};

struct CombineCosimReport {
  uint64_t operations = 0;
  uint64_t signature = 0;               // of all results
  std::map<std::string, uint64_t> bins; // operation, class of the lower operand, class of the higher
  std::vector<std::string> missing() const;
};

/// Errors: a result that differs, with operands, both results and seed.
Result<CombineCosimReport> runCombineCosim(const CombineCosimOptions &options);

} // namespace weft::cosim
