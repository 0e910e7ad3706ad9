// The routes of a program as tables of routers: what a loader writes through the routers' configuration ports.
#pragma once

#include "hw-models/support/Result.h"
#include "runtime/package/package_generated.h"

#include <array>
#include <cstdint>
#include <vector>

namespace weft::cosim {

inline constexpr uint8_t noColor = 0xff;
inline constexpr uint32_t fromHost = 0xfff;

/// A core's end of a channel.
struct ChannelEnd {
  uint8_t sendColor = noColor, receiveColor = noColor;
  uint32_t source = 0;   // of what is received: a core, or fromHost
  bool combined = false; // what is received is a sum
};

/// A line's end of a channel at the host.
struct HostEnd {
  bool alongX = false;
  uint32_t line = 0, channel = 0;
  uint8_t color = 0;
  uint32_t source = 0; // of what the host receives
};

struct RoutePlan {
  std::vector<std::array<uint16_t, 64>> tables; // by router, then colour: its route word, 0 if it has none
  std::vector<std::vector<ChannelEnd>> ends;    // by core, then channel
  std::vector<HostEnd> sources, sinks;
};

RoutePlan planRoutes(const pkg::ProgramT &program, uint32_t width, uint32_t height);

} // namespace weft::cosim
