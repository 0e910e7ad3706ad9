// Why a launch takes as long as it does: its critical path, and where words were held up on the way.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::runtime {

/// What a stretch of the critical path is spent on.
enum class Cause : uint8_t {
  Compute,      // a kernel
  Issue,        // starting transfers and streams
  Latency,      // a word under way, through ramps, routers and links
  Bandwidth,    // words of the same flow, one after the other
  BackPressure, // a freed place in a queue, seen further up the flow
  Contention,   // words of another colour took the link or the ramp
  Wait,         // for words of a message whose own delay is not told
  Host          // the host, until it sends
};
inline constexpr size_t causeCount = 8;
std::string_view nameOf(Cause cause);

inline constexpr uint32_t noName = ~uint32_t{0};

/// A core and its router; of a host port one coordinate is -1.
struct Place {
  int32_t x = 0, y = 0;
  bool operator==(const Place &) const = default;
};

struct PathSegment {
  Cause cause = Cause::Compute;
  uint64_t begin = 0, end = 0; // cycles
  uint32_t op = noName;        // in Explanation::ops
  uint32_t what = noName;      // Compute: in kernels; words: in channels
  Place from, to;              // where it begins, and whose event ends it
  uint8_t color = 0;           // words: at `from`
  uint8_t winner = 0;          // Contention: the colour that went
};

/// Where words leave a router: by a link, or by the ramp to the core (`Down`); `Up`: from the core or the host into it.
enum class Exit : uint8_t { West, East, North, South, Down, Up };
std::string_view nameOf(Exit exit);

/// Cycles in which the first word of a colour was there and could not go on.
struct Stall {
  Place at;
  Exit exit = Exit::West;
  uint8_t color = 0, winner = 0; // winner: the colour that went most often instead
  uint32_t channel = noName;
  uint64_t receiver = 0;    // the core had not asked for the words
  uint64_t queue = 0;       // the next queue was full
  uint64_t arbitration = 0; // another colour went
  uint64_t cycles() const { return receiver + queue + arbitration; }
};

struct LinkLoad {
  Place at;
  Exit exit = Exit::West;
  uint64_t words = 0;        // of all colours
  uint8_t color = 0;         // the one with most of them
  uint32_t channel = noName; // of these
  uint64_t wordsOfColor = 0;
};

struct SlowCore {
  Place at;
  uint64_t end = 0;                                 // the cycle in which it ended
  uint64_t compute = 0, issue = 0, wait = 0;        // cycles until then; the rest it streams reductions
  std::vector<std::pair<uint32_t, uint64_t>> waits; // channel whose words came last, cycles; most first
};

struct Explanation {
  std::string program;
  uint64_t cycles = 0;
  std::vector<std::string> ops, channels, kernels; // names
  /// From cycle 0 to `cycles`, without gaps: lengths add up to the launch's cycles.
  std::vector<PathSegment> path;
  std::optional<SlowCore> slowest; // of those that ended last, one
  std::optional<LinkLoad> busiest;
  std::vector<Stall> stalls; // most cycles first
  bool stallsKnown = true;   // false: single words are not seen, but no colour waited for another
};

/// Segments that are alike, together.
struct PathRow {
  Cause cause = Cause::Compute;
  std::string op, what; // what: of a kernel or a channel
  uint64_t cycles = 0, times = 0;
  size_t places = 0; // how many different ones
  Place first;
};
/// The most cycles first. Ops that differ only in numbers (layers.0.q, layers.1.q) or repetitions count as alike.
std::vector<PathRow> rowsOf(const Explanation &why);

nlohmann::json toJson(const Explanation &why);
std::string toText(const Explanation &why);

/// layers.12.attn.q -> layers.*.attn.q; "sum #2", of a second repetition, -> sum
std::string foldedName(const std::string &name);

} // namespace weft::runtime
