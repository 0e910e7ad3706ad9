// The flows of a program as counters of words, for the untimed run of Deadlock.h. Private to compiler/route.
#pragma once

#include "runtime/package/package_generated.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weft::route::detail {

inline constexpr int64_t unlimited = int64_t{1} << 60;
inline constexpr int hostCore = -1;
inline constexpr int none = -1;

/// One place that a flow delivers to. Words are counted from the start of the launch.
struct Receiver {
  int core = hostCore;
  int flow = none;
  int distance = 0;  // hops from the source
  int64_t open = 0;  // words that the core's Gets and reductions may take so far
  int64_t taken = 0; // words that have come into SRAM or the reduction
};

/// One flow on one line, and one sender of it; a reducing flow has many. Its receivers are consecutive: those below the
/// source outwards, then those above outwards.
struct FlowState {
  int channel = 0;
  int core = hostCore; // the source
  int firstReceiver = 0, lowReceivers = 0, receivers = 0;
  int64_t issued = 0; // words that Puts and reductions have handed over
  int64_t sent = 0;   // words that have left SRAM
  int64_t room = 0;   // how far `sent` could come, were all words issued
  bool dirty = false;
  int first = none, senders = 1; // of a reducing flow: the states of its senders, consecutive, see advanceCombined
};

/// The flows and who is joined to them.
class Network {
public:
  /// Fails (returns a message) if a core sends or receives two flows of one channel.
  std::string build(int width, int height, const pkg::ProgramT &program, int64_t queueWords);

  int sendFlow(int channel, int core) const { return lookup(sendFlows, channel, core); }
  int receiver(int channel, int core) const { return lookup(receiverSlots, channel, core); }
  /// Moves as many words as the room allows. Returns whether a count has changed; appends the receivers that took
  /// words.
  bool advance(int flow, std::vector<int> &progressed);

  std::vector<FlowState> flows;
  std::vector<Receiver> receivers;

private:
  int lookup(const std::vector<std::vector<int>> &table, int channel, int core) const {
    if (channel < 0 || channel >= static_cast<int>(table.size()) || table[channel].empty())
      return none;
    return table[channel][core];
  }
  bool advanceCombined(const FlowState &flow, std::vector<int> &progressed);
  std::string addSender(const pkg::ChannelT &spec, const FlowState &state);
  std::string addReceiver(const pkg::ChannelT &spec, int channel, const Receiver &receiver);
  std::string addFlow(const pkg::ChannelT &spec, int channel, const pkg::Flow &flow, int line);
  std::vector<std::vector<int>> sendFlows, receiverSlots; // [channel][core]
  std::vector<int64_t> bounds;                            // scratch of advance
  int64_t queueWords = 0;
  int width = 0, height = 0;
};

} // namespace weft::route::detail
