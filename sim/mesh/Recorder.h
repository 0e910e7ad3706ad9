// Watches an event-driven launch to say why it takes that long: for every word that moves and every core that goes on,
// which of the things it waited for came last. It only exists where somebody asks.
#pragma once

#include "runtime/Explanation.h"
#include "sim/mesh/CausePath.h"
#include "sim/mesh/Decode.h"
#include "sim/mesh/Fabric.h"

#include <optional>

namespace weft::sim {

class Recorder {
public:
  Recorder(const ProgramImage &image, const Fabric &fabric, const std::vector<Transfer> &transfers, uint32_t width,
           uint32_t height, uint32_t hop, TraceSink *trace);

  // Cores
  void begins(uint32_t core, Cause cause, uint32_t op, uint32_t what, uint64_t now, uint64_t cycles);
  void opens(uint32_t transfer, uint64_t now);
  void hostOpens(uint32_t transfer, uint64_t cycle);
  /// The core goes on because `transfer` ended; for `waited` cycles it had nothing but words of `channel` to wait for.
  void resumes(uint32_t core, uint32_t transfer, uint32_t channel, uint64_t waited);
  void coreEnds(uint32_t core, uint64_t now);
  void transferEnds(uint32_t transfer, uint64_t now);

  // Words. Each is called before the fabric's own state changes.
  /// The first word of a queue leaves.
  void granted(uint32_t queue, uint64_t now);
  /// It is able to, but `winner` goes.
  void loses(uint32_t queue, uint32_t winner, uint8_t portsTaken, uint64_t now);
  void sent(uint32_t port, uint64_t now);
  void losesRamp(uint32_t port, uint32_t winner, uint64_t now);
  void combined(uint32_t combiner, uint64_t now);
  void losesUnit(uint32_t combiner, uint32_t winner, uint64_t now);

  /// Between cycles: forgets paths that lead nowhere, if there are many.
  void collect();
  /// Error: some event had no cause, which is a mistake of ours.
  Result<runtime::Explanation> explain(uint64_t cycles) const;

private:
  using Exit = runtime::Exit;
  /// A word in a queue, and after it has left when its place can be taken.
  struct Entry {
    uint64_t at = 0;
    uint32_t path = PathStore::nothing;
  };
  /// A router's queue, an input of a combiner, the unit of a core that reduces a stream; or, without words, a port.
  struct Line {
    std::vector<Entry> ring; // by number of the word modulo capacity
    uint64_t pushed = 0, popped = 0;
    Entry last;            // when the next word can follow the last one, and that one's path
    bool isLosing = false; // others go instead
    uint32_t lostPath = PathStore::nothing, lostExit = 0;
    uint64_t lostAt = 0;
  };
  enum class Kind : uint8_t { Own, Before, Opened, Room };
  /// What was waited for last.
  struct Bound {
    uint64_t at = 0;
    uint32_t path = PathStore::nothing;
    Kind kind = Kind::Own;
    uint32_t exit = 0;  // of Count
    uint64_t ready = 0; // from when on nothing but others held it up
    /// In the order of preference: of two that came last the first counts.
    void meet(const Entry &entry, Kind from, uint32_t by = 0) {
      if (entry.path == PathStore::nothing)
        return;
      if (from == Kind::Own || from == Kind::Before)
        ready = std::max(ready, entry.at);
      if (path == PathStore::nothing || entry.at > at) {
        at = entry.at;
        path = entry.path;
        kind = from;
        exit = by;
      }
    }
  };
  /// Cycles, by reason.
  struct Count {
    uint64_t receiver = 0, queue = 0, arbitration = 0;
    std::vector<std::pair<uint8_t, uint64_t>> winners; // colour, cycles
  };
  struct Core {
    uint32_t path = PathStore::nothing;
    uint64_t compute = 0, issue = 0, wait = 0, end = 0;
    std::vector<std::pair<uint32_t, uint64_t>> waits; // by channel
  };
  /// Where a word is when its way on is looked for.
  struct Spot {
    uint32_t where = 0, channel = 0;
    uint8_t color = 0;
    uint8_t ports = 0; // of a queue; else 0
  };
  /// What is behind an entry of Queue::next, or of SendPort::queue.
  struct Target {
    Line &line;
    uint32_t capacity, latency;
  };
  Target targetOf(uint32_t next);
  Target streamOf(uint32_t core) { return {streams[core], streamCapacity, streamLatency}; }
  static void push(const Target &target, uint64_t now, uint32_t path);
  static void pop(Line &line, uint64_t now, uint32_t path);
  static Entry room(const Target &target);
  static Entry front(const Line &line) { return line.ring[line.popped % line.ring.size()]; }
  static Exit exitOf(uint8_t ports, uint32_t exit);
  Spot spotOf(uint32_t queue) const;
  Spot spotOfPort(uint32_t port) const;

  Bound boundOf(uint32_t queue);
  Bound boundOfPort(uint32_t port);
  Bound boundOfUnit(uint32_t combiner);
  /// The path of a word that goes on at `now`; what held it up is counted in `counts`, by exit.
  uint32_t leave(Line &line, const Bound &bound, const Spot &spot, Count *counts, uint64_t now);
  void lose(Line &line, const Bound &bound, const Spot &spot, Count *counts, uint32_t exit, uint8_t winner,
            uint64_t now);
  void trace(const Spot &spot, uint32_t exit, HeldUp::Reason reason, uint64_t begin, uint64_t until);
  void countHeld(const Bound &bound, const Spot &spot, Count *counts);
  uint32_t follow(const Bound &bound, const Spot &spot);
  uint32_t travel(uint32_t path, const Spot &spot, uint64_t now);
  void happens(uint64_t cycle, uint32_t path, uint32_t where);
  std::optional<runtime::LinkLoad> busiest() const;
  std::vector<runtime::Stall> stalls() const;
  std::optional<runtime::SlowCore> slowest() const;

  const ProgramImage &image;
  const RouteTables &routes;
  const Fabric &fabric;
  const std::vector<Transfer> &transfers;
  const uint32_t width, height, hop;
  uint32_t streamCapacity = 0, streamLatency = 0;
  TraceSink *sink; // may be null
  PathStore paths;
  std::vector<Core> cores;
  std::vector<Entry> opening;                              // by transfer
  std::vector<uint32_t> ending;                            // by transfer: the path of its last word
  std::vector<Line> queues, inputs, streams, ports, units; // inputs: four a combiner
  std::vector<uint64_t> words;                             // by queue: that left it
  std::vector<Count> held;                                 // by queue, then exit: two sides of its line and down
  std::vector<Count> heldPorts;                            // by port
  Entry end;                                               // the last event so far
  uint32_t endsAt = 0;
  bool lostTrack = false;
};

} // namespace weft::sim
