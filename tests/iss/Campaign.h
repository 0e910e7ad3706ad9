// Many streams in batches: what the tests and the long-running program share.
#pragma once

#include "hw-models/core/rvv/Timing.h"
#include "tests/iss/Generator.h"
#include "tests/iss/Shrink.h"

#include <array>

namespace weft::isstest {

/// Instructions in the streams (not how often loops ran them).
struct Tally {
  std::array<uint64_t, hw::rvv::opClassCount> byClass{};
  uint64_t compressed = 0, total = 0;
  std::array<uint64_t, static_cast<size_t>(iss::Opcode::Count)> byOpcode{};
  void add(const Stream &stream);
};

struct Campaign {
  Executor qemu, simulator;
  Selection selection = select();
  uint64_t firstSeed = 1;
  uint64_t streams = 1000;                      // dealt round-robin to the VLENs
  unsigned length = 24;                         // units a stream
  size_t largestReport = 3;                     // differing streams that are shrunk and reported
  uint64_t enough = 64;                         // differing streams after which no further batch is run
  std::function<bool(uint64_t done)> goOn = {}; // asked after each batch
};

struct CampaignResult {
  uint64_t streams = 0;
  uint64_t differing = 0;
  std::vector<std::string> reports;
  Tally tally;
};

inline constexpr std::array<unsigned, 4> vlens = {128, 256, 512, 1024};

CampaignResult run(const Campaign &campaign);

} // namespace weft::isstest
