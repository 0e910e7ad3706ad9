// Routers, ramps and host ports in motion: who sends which word in which cycle.
//
// All units decide in a cycle on the state at its start, and what they do takes effect in a later cycle; so the order
// in which the units of one cycle are handled does not matter.
#pragma once

#include "sim/mesh/Calendar.h"
#include "sim/mesh/Routes.h"
#include "sim/mesh/TraceSink.h"

#include <cstddef>

namespace weft::sim {

/// Put and HostPut send, Get and ReduceInto receive; a ReduceForward is a StreamIn and a StreamOut.
enum class TransferKind : uint8_t { Put, HostPut, Get, ReduceInto, StreamIn, StreamOut };

/// An open transfer of one core (or of a host port) on one channel.
struct Transfer {
  TransferKind kind = TransferKind::Put;
  pkg::ReduceKind reduce = pkg::ReduceKind::Add;
  uint32_t owner = 0; // sender (a core or a host port)
  uint32_t words = 0, done = 0;
  uint32_t bytes = 0;           // of the last word, those beyond are not its own
  uint32_t next = none;         // in its port or endpoint
  uint32_t task = 0, instr = 0; // who asked for it
  uint32_t channel = 0;
  uint64_t firstWord = 0;      // cycle of its arrival
  std::byte *data = nullptr;   // what it sends, or where it writes, or (StreamIn) the local operand; data mode
  std::byte *stream = nullptr; // StreamIn: where combined words go
};

struct FabricTiming {
  uint32_t hop = 1, ramp = 2, streamStage = 1; // reduce_stage is the way into queues of combined words, in RouteTables
  uint32_t queueWords = 4, wordBytes = 4, rampWords = 1;
  bool withData = false;
};

class Recorder;

class Fabric {
public:
  Fabric(const RouteTables &routes, uint32_t cores, const FabricTiming &timing, Calendar &calendar,
         std::vector<Transfer> &transfers, TraceSink *trace);

  /// The transfer takes its turn on the port (endpoint); its words may move from `cycle` (this cycle) on.
  void openSend(uint32_t port, uint32_t transfer, uint64_t cycle);
  void openReceive(uint32_t endpoint, uint32_t transfer);
  /// Whether the core is to send its next message, of so many words: not where cores take turns and it is another's.
  bool takesTurn(uint32_t port, uint32_t words);
  /// A unit decides what moves in this cycle.
  void step(uint32_t unit);
  /// Whether to call step(unit): not if the calendar's entry is one that an earlier decision has overtaken.
  bool due(uint32_t unit) const { return pending[unit] == calendar.now(); }

  /// Who wants to know what moves, from now on.
  void watch(Recorder *watcher) { recorder = watcher; }

  const std::vector<Queue> &queueStates() const { return queues; }
  const std::vector<Combiner> &combinerStates() const { return combiners; }
  const std::vector<SendPort> &portStates() const { return ports; }
  const std::vector<Endpoint> &endpointStates() const { return endpoints; }
  const std::vector<HostSink> &sinkStates() const { return sinks; }
  /// The unit of a core that reduces a stream.
  const Fifo &streamShape() const { return streams.front(); }
  /// Bytes that a sink has received.
  const std::vector<std::byte> &sinkBytes(uint32_t sink) const { return sinkData[sink]; }
  /// Cycle at which the last word reached the host, 0 if none did.
  uint64_t lastHostWord() const { return hostEnd; }
  uint64_t decisions() const { return decided; }
  /// Whether some colour, or port, had to wait for another one before either had gone in this launch, so that their
  /// numbers decided.
  bool hasDecidedByNumber() const { return decidedByNumber; }

private:
  // `combines`: some flow's words are combined. All other programs do not even look.
  template <bool combines> void stepRouter(uint32_t router);
  template <bool combines> void stepSender(uint32_t sender);
  template <bool combines> bool roomAhead(const Queue &queue, uint64_t &again);
  bool roomIn(Fifo &fifo, uint64_t &again) const;
  uint64_t stepUnit(uint32_t router);
  bool wordsReady(Combiner &combiner, uint64_t &again) const;
  void combine(Combiner &combiner);
  bool receiverReady(uint32_t endpoint, uint64_t &again);
  void lose(const uint32_t *ready, uint32_t count, uint32_t loser, uint8_t taken);
  void loseUnits(uint32_t router, const Combiner &winner);
  bool hasTurn(uint32_t queue) const;
  void passTurn(Queue &queue);
  const std::byte *wordInTurn(const Turns &turn) const;
  template <bool combines> void grant(Queue &queue, uint32_t place);
  template <bool combines> void fill(uint32_t target);
  void fillInput(uint32_t target);
  Combiner &combinerAt(uint32_t target) { return combiners[(target & ~inputBit) >> 2]; }
  template <bool combines> Fifo &fifoAt(uint32_t target) {
    if (!combines || target < inputBit)
      return queues[target].fifo;
    return combinerAt(target).inputs[target & 3];
  }
  void deliver(const Queue &queue);
  void deliverToHost(uint32_t sink);
  void takeWord(Transfer &transfer, const std::byte *word);
  template <bool combines> void sendWord(uint32_t port, uint32_t place);
  void schedule(uint32_t unit, uint64_t cycle) {
    uint64_t &at = pending[unit];
    if (at <= cycle)
      return; // it looks then, and finds out itself when to look again
    at = cycle;
    calendar.addUnit(cycle, unit);
  }
  const std::byte *wordOf(uint32_t flow, uint64_t index) const {
    const FlowData &data = flowData[flow];
    return data.ring.data() + (index & data.mask) * timing.wordBytes;
  }

  struct FlowData {
    std::vector<std::byte> ring;
    uint64_t mask = 0, written = 0;
  };

  const RouteTables &routes;
  const uint32_t cores;
  const FabricTiming timing;
  Calendar &calendar;
  std::vector<Transfer> &transfers;
  TraceSink *trace;
  Recorder *recorder = nullptr;
  uint64_t now = 0;
  uint64_t decided = 0, hostEnd = 0;
  bool decidedByNumber = false;

  std::vector<Queue> queues;
  std::vector<uint64_t> occupied; // by router: bit i, its i-th queue has words
  std::vector<Combiner> combiners;
  std::vector<SendPort> ports;
  std::vector<uint64_t> sending; // by sender: bit i, its i-th port has a transfer
  std::vector<Endpoint> endpoints;
  std::vector<HostSink> sinks;
  std::vector<Fifo> streams;     // by core: the unit that reduces a stream
  std::vector<uint64_t> pending; // by unit: the cycle of its next decision
  std::vector<FlowData> flowData;
  std::vector<Turns> turns; // by router and flow
  struct Message {
    uint32_t words = 0; // 0: not known yet
    uint64_t first = 0; // of its sender's words
  };
  std::vector<std::vector<Message>> turnMessages; // by line
  std::vector<uint64_t> turnWords;                // by port: words of its turns so far
  std::vector<std::vector<std::byte>> sinkData;
};

} // namespace weft::sim
