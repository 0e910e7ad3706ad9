// What the kernels of a package take on a core, as compiler and reports hand it on; whoever can run them fills it in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::runtime {

struct KernelCosts {
  /// Of one call with the most rows that the programs ask for; 1 for a kernel without rows.
  struct Kernel {
    int64_t rows = 1;
    uint64_t cycles = 0, instructions = 0;
  };
  std::vector<Kernel> kernels;          // in the order of the package's
  uint64_t measured = 0, fromCache = 0; // how many of them
  std::string cachePath;                // empty: none
};

} // namespace weft::runtime
