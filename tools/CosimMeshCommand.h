// `weft cosim mesh`: a program on a mesh of Verilated routers, beside the mesh engine.
#pragma once

#include "tools/CosimOptions.h"
#include "tools/Tool.h"

#include <iosfwd>

namespace weft::tools {

/// --seed is of registers before their reset, and of a kernel's data.
struct CosimMeshOptions : CosimOptions {
  std::string program{};  // a .weft file
  std::string kernel{};   // or one of cosim::meshKernels()
  std::string size{};     // WxH routers
  std::string hardware{}; // of a kernel's machine; empty: the default one
  std::vector<std::string> settings{};
  uint32_t words = 16;                    // f32 of each core; kernels
  std::string tokens = "1,2,3,4,5,6,7,8"; // the prompt; programs
  uint32_t decode = 1;                    // launches after the prompt's; programs
  bool timingOnly = false;
  std::vector<std::string> waveRouters{}; // "X,Y"; none: all
  std::string costCache{};
  std::optional<std::string> modelDirectory{};
};

/// Prints what was compared. Errors: also a word in another cycle, or other data.
Result<void> cosimMesh(const CosimMeshOptions &options, std::ostream &out);

/// Adds `mesh` to `cosim`. While `cosim` parses its arguments, the subcommand runs and sets `exitCode`.
void addCosimMeshCommand(CLI::App &cosim, int &exitCode);

} // namespace weft::tools
