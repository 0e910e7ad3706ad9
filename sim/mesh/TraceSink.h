// Who wants to watch a launch. The engine calls it with times in cycles from the start of the launch.
#pragma once

#include "runtime/Explanation.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::sim {

enum class SpanKind : uint8_t { Kernel, Wait, Reduce };

struct LaunchInfo {
  std::string program;
  uint32_t tokensInCache = 0;
  uint32_t meshWidth = 0, meshHeight = 0;
  const std::vector<std::string> *ops = nullptr; // names, by op
};

/// Something a core did from cycle `begin` up to `end`. `core` is y * width + x.
struct Span {
  uint32_t core = 0;
  SpanKind kind = SpanKind::Kernel;
  uint32_t op = 0;
  std::string_view name; // of the kernel or the channel; empty for a wait
  uint64_t begin = 0, end = 0;
};

/// The first word of a colour was in a router, or ready to go into it, and could not go on from `begin` to `end`.
struct HeldUp {
  enum class Reason : uint8_t { Receiver, Queue, Arbitration };
  uint32_t where = 0; // a core, or beyond them a host port
  runtime::Exit exit = runtime::Exit::Down;
  uint8_t color = 0;
  Reason reason = Reason::Receiver;
  std::string_view channel;
  uint64_t begin = 0, end = 0;
};

class TraceSink {
public:
  virtual ~TraceSink() = default;
  virtual void launchBegins(const LaunchInfo &info) {}
  virtual void span(const Span &span) {}
  /// Word `index` of what the core received of the channel in this launch is in the core at `cycle`.
  virtual void wordArrived(uint32_t core, uint32_t channel, uint64_t index, uint64_t cycle) {}
  /// Word `index` of what the host received of the channel on this line is there at `cycle`.
  virtual void wordAtHost(uint32_t line, uint32_t channel, uint64_t index, uint64_t cycle) {}
  /// The core has ended its last instruction.
  virtual void coreEnded(uint32_t core, uint64_t cycle) {}
  /// Known when the word goes on.
  virtual void heldUp(const HeldUp &held) {}
  virtual void launchEnded(uint64_t cycles) {}
};

} // namespace weft::sim
