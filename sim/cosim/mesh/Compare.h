// The mesh engine and the mesh of routers side by side: the same launch on both, word by word.
#pragma once

#include "sim/cosim/mesh/MeshCosim.h"
#include "sim/mesh/TraceSink.h"

#include <functional>
#include <map>
#include <optional>

namespace weft::cosim {

/// When words arrived and cores ended, in one launch.
class ArrivalLog : public sim::TraceSink {
public:
  void launchBegins(const sim::LaunchInfo &) override { *this = ArrivalLog(); }
  void wordArrived(uint32_t core, uint32_t channel, uint64_t index, uint64_t cycle) override {
    std::vector<uint64_t> &words = arrivals[{core, channel}];
    inOrder &= index == words.size();
    words.push_back(cycle);
  }
  void wordAtHost(uint32_t line, uint32_t channel, uint64_t index, uint64_t cycle) override {
    std::vector<uint64_t> &words = hostArrivals[{line, channel}];
    inOrder &= index == words.size();
    words.push_back(cycle);
  }
  void coreEnded(uint32_t core, uint64_t cycle) override { coreEnds[core] = cycle; }
  void launchEnded(uint64_t end) override { cycles = end; }
  /// Words that arrived in cores and at the host.
  uint64_t words() const;

  using Arrivals = std::map<std::pair<uint32_t, uint32_t>, std::vector<uint64_t>>;
  Arrivals arrivals;     // by core, channel
  Arrivals hostArrivals; // by line, channel
  std::map<uint32_t, uint64_t> coreEnds;
  uint64_t cycles = 0; // of the launch
  bool inOrder = true;
};

struct LaunchComparison {
  uint64_t words = 0;      // that arrived in cores
  uint64_t hostWords = 0;  // that arrived at the host
  uint64_t mismatches = 0; // words or ends of cores at another cycle, cores whose SRAM differs, outputs that differ
  uint64_t engineCycles = 0, routerCycles = 0;
  uint64_t bytesCompared = 0; // of SRAM
  std::string first;          // what differs first
};

/// Two devices with the same package.
struct ComparedDevices {
  runtime::Device *engine = nullptr, *routers = nullptr;
  const ArrivalLog *engineLog = nullptr, *routerLog = nullptr;
  uint32_t width = 0, height = 0;
  uint32_t sramBytes = 0; // compared of each core; 0 in timing mode
  const pkg::ProgramT *program = nullptr;
  std::function<void(uint64_t cycles, uint64_t words)> engineEnded{}; // before the routers start, which take longer
};

/// Errors: a launch that fails on either, unless it fails on both.
Result<LaunchComparison> compareLaunch(const ComparedDevices &devices, const runtime::Launch &launch);

} // namespace weft::cosim
