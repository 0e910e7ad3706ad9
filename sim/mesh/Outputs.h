// What the host got, put in the order of the whole output.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/Device.h"
#include "sim/mesh/Decode.h"

#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace weft::sim {

/// What came to the host on one line of a channel.
struct Delivered {
  uint64_t words = 0;
  std::span<const std::byte> bytes; // of the words; empty without data
};
/// Nothing if the channel has no flow to the host on that line.
using FindSink = std::function<std::optional<Delivered>(uint32_t channel, uint32_t line)>;

/// Checks that every line delivered what the program declares. The outputs, if there is data.
Result<std::vector<runtime::LaunchOutput>> collectOutputs(const ProgramImage &image, uint32_t wordBytes, bool withData,
                                                          const FindSink &find);

} // namespace weft::sim
