// Channels as lines of positions: who receives from whom, how far away, and how much room is between.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/package_generated.h"

#include <cstdint>
#include <vector>

namespace weft::sim::maxplus {

inline constexpr uint32_t noFlow = ~uint32_t{0};
inline constexpr int32_t nobody = -2, host = -1;

/// A flow on a line. Queues between `from` and `to` are those that a word passes after it left `from`'s ramp (or host
/// port) until it leaves `to`'s router.
struct FlowShape {
  int32_t source = 0, lo = 0, hi = 0;
  bool deliverAll = false;
  uint8_t color = 0;
  uint32_t links = 0, maxHops = 0;
  int32_t single = nobody;  // the one core that receives; nobody: several do, or none
  uint32_t receivers = 0;   // cores
  uint32_t fits = 0;        // words that find room before the first receiver, whatever it does
  bool sharesLinks = false; // with another flow
  uint32_t turn = 0;        // not 0: cores take turns, so many messages each, see pkg::Channel
  bool delivers(int32_t at) const {
    return at >= 0 && (turn || (at != source && (deliverAll || at == lo || at == hi)));
  }
  /// Where message `number` starts.
  int32_t sourceOf(uint32_t number) const {
    return turn ? lo + static_cast<int32_t>(number / turn % static_cast<uint32_t>(hi - lo + 1)) : source;
  }
};

/// What a position of a line is to a channel.
struct Stop {
  int32_t source = nobody; // whose words it receives
  uint32_t flow = noFlow;  // by which flow
  uint32_t sends = noFlow; // the flow that it is the source of
  uint32_t path = 0;       // cycles from a word's leaving of the source's ramp to its leaving of this router, at least
  uint32_t room = 0;       // words that the queues on the way hold
  uint32_t steps = 0;      // queues on the way: a place freed at the end is seen at the source so many cycles later
};

/// The flows of a channel on a line.
struct Line {
  std::vector<FlowShape> flows;
  std::vector<Stop> stops; // by position
  uint32_t hostFlow = noFlow;
};

struct ChannelShape {
  bool alongX = true;
  uint32_t turn = 0;            // of its flows
  std::vector<Line> lines;      // those that differ
  std::vector<uint32_t> lineOf; // in `lines`, by row or column

  uint32_t positionOf(uint32_t x, uint32_t y) const { return alongX ? x : y; }
  const Line &lineAt(uint32_t x, uint32_t y) const { return lines[lines.size() == 1 ? 0 : lineOf[alongX ? y : x]]; }
};

/// Timing of the fabric along an axis.
struct FabricCycles {
  uint32_t hop, ramp, streamStage, queueWords;
  hw::DieCrossing crossing;
  /// Of the link between positions low and low + 1.
  uint32_t link(bool alongX, int32_t low) const {
    return hop + crossing.extra(static_cast<uint32_t>(low), alongX ? crossing.columns : crossing.rows);
  }
};
FabricCycles fabricCycles(const hw::Hardware &hardware);
/// Cycles over the links from the first position of a line to each.
std::vector<uint32_t> linkCyclesTo(const FabricCycles &cycles, bool alongX, size_t length);

/// Errors: flows off the mesh, colours that the hardware lacks or that meet in a router, a core that is twice source or
/// receiver of a channel, flows whose words routers combine.
Result<std::vector<ChannelShape>> buildChannels(const pkg::ProgramT &program, uint32_t width, uint32_t height,
                                                const hw::Hardware &hardware);

} // namespace weft::sim::maxplus
