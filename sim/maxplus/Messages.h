// Messages between cores: when their words leave and arrive.
#pragma once

#include "sim/maxplus/Channels.h"
#include "sim/maxplus/CoreSet.h"
#include "sim/maxplus/LinkUses.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::sim::maxplus {

inline constexpr uint32_t unknown = ~uint32_t{0};
inline constexpr uint32_t latest = 1u << 31; // cycles; beyond, numbers might overflow

enum class End : uint8_t { Put, Get, Into, Forward };

/// One end of message `number` of a channel, for each core of a strand. A Forward is two: `channel` in, `out` out.
struct Transfer {
  End end = End::Put;
  uint32_t op = 0;
  uint32_t channel = 0, number = 0, words = 0;
  uint32_t out = 0, outNumber = 0; // of a Forward
  bool done = false;               // a reduction that has ended
  bool across = false;             // see Across.cpp
};

/// Message `number` of all flows of a channel. Arrays are by core, the last entry of `sent` is the host.
struct Slot {
  uint32_t number = 0;
  struct Words { // of each end
    uint32_t all = 0;
    std::vector<uint32_t> of; // by core, where they differ; else empty
    bool any = false;
    uint32_t at(uint32_t core) const { return of.empty() ? all : of[core]; }
    void set(uint32_t core, uint32_t words, size_t cores);
  };
  Words sentWords, askedWords;
  std::vector<uint32_t> sent;  // the first word can go up the ramp
  std::vector<uint32_t> asked; // the receiver is open
  std::vector<uint32_t> head,
      tail;                     // the first and last word go down the ramp; `tail` of a Forward may be later than true
  std::vector<uint32_t> left;   // the last word goes up, where that is not told by `sent` alone; else empty
  std::vector<uint32_t> onward; // by receiver that forwards: index into `forwards`, from 1
  std::vector<std::pair<uint32_t, uint32_t>> forwards; // channel and number
  std::vector<uint32_t> sentAt;                        // cores that have sent, by position
  std::vector<CoreSet> touched;                        // cores whose entries are no longer `unknown`
  uint64_t opened = 0, closed = 0;                     // ends
  uint64_t expected = 0, met = 0;                      // receives: those of what was sent, those open
};

class Messages {
public:
  /// `names`: of channels.
  Messages(const std::vector<ChannelShape> &shapes, const std::vector<std::string> &names, const FabricCycles &cycles,
           uint32_t width, uint32_t height);

  Slot &slot(uint32_t channel, uint32_t number);
  /// Null once nobody has anything to do with the message any more.
  Slot *known(uint32_t channel, uint32_t number) { return find(channel, number); }
  /// Ends of messages open. `at` is when, by core.
  void openSends(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t words,
                 const std::vector<uint32_t> &at);
  void openReceives(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t words,
                    const std::vector<uint32_t> &at);
  void hostSends(uint32_t channel, uint32_t words, uint32_t at);
  /// The words of a reduction come up the core's ramp from `at` on.
  void streamOut(uint32_t channel, uint32_t number, uint32_t x, uint32_t y, uint32_t at);
  void forwardTo(uint32_t channel, uint32_t number, const CoreSet &cores, uint32_t out, uint32_t outNumber,
                 uint32_t words);
  /// An upper bound of when the last word went down to a core that forwards.
  void setTail(uint32_t channel, uint32_t number, uint32_t x, uint32_t y, uint32_t at);

  /// When the message's first word leaves the router towards the core, unknown if its ends are not open yet.
  uint32_t head(uint32_t channel, Slot &slot, uint32_t x, uint32_t y);
  uint32_t tail(Slot &slot, uint32_t core) const { return slot.tail[core]; }
  /// When the last word of a core's message goes up its ramp, or unknown.
  uint32_t left(uint32_t channel, Slot &slot, uint32_t x, uint32_t y, uint32_t words);
  uint32_t sentAt(const Slot &slot, uint32_t core) const { return slot.sent[core]; }
  /// Those of `cores` that message `number` of the channel starts at: all, or those whose turn it is.
  CoreSet sendersOf(uint32_t channel, uint32_t number, const CoreSet &cores) const;
  bool sends(uint32_t channel, uint32_t number, uint32_t x, uint32_t y) const;
  /// Whether all that was sent to the core by the channel has gone down its ramp before cycle `at`.
  bool isOver(uint32_t channel, uint32_t core, uint32_t at) const {
    return channels[channel].lastTail.empty() || channels[channel].lastTail[core] < at;
  }
  /// So many turns of all lines have passed; they end as record() says.
  void passTurns(uint32_t channel, uint32_t turns);
  /// Turns that have passed; the most of any line.
  uint32_t turnsOf(uint32_t channel) const {
    const std::vector<uint32_t> &turns = channels[channel].turns;
    return turns.empty() ? 0 : *std::max_element(turns.begin(), turns.end());
  }
  /// Whether no message of the channel is under way.
  bool isIdle(uint32_t channel) const { return channels[channel].slots.empty(); }
  /// Messages of `words` words to a core that ended elsewhere, none held up by the one before: the first and the last
  /// were sent at these cycles, the last one's first word went down the ramp at `head`.
  void record(uint32_t channel, uint32_t x, uint32_t y, uint32_t sent, uint32_t lastSent, uint32_t head,
              uint32_t words);
  /// Whether words of earlier messages to the core can hold up one of `words` words that is sent at `sent`.
  bool mayHold(uint32_t channel, uint32_t x, uint32_t y, uint32_t sent, uint32_t words) const;
  /// Whether anything at all was sent to this position.
  bool mayArrive(uint32_t channel, const Slot &slot, uint32_t x, uint32_t y) const;

  /// `ends` ends of the message are done with; when all are, its memory is free.
  void close(uint32_t channel, uint32_t number, uint64_t ends);
  /// Settles what nobody waits for, such as words to the host. False: messages are left whose ends are not all open.
  bool finishAll();
  /// Whether no message is under way, but for those of the host that nobody has asked for.
  bool allClosed() const;
  uint32_t hostEnd() const { return lastAtHost; }
  void hostEndsLater(uint32_t cycles) { lastAtHost += cycles; }
  const std::optional<std::string> &failure() const { return why; }
  size_t bytes() const;

  // What is known of messages that have ended (Past.cpp).
  /// Forgets what happened on lines of an axis, if none of it matters to cores that begin at `time`. Where `fold` is
  /// not empty, line 0 stands for all: line l is known as that line is, `fold[l]` cycles later. False: some does, or
  /// words are under way.
  bool forgetPast(bool alongX, const std::vector<uint32_t> &time, const std::vector<int32_t> &fold);
  /// What is known of line 0 of this axis is so for all, shifted.
  void spread(bool alongX, const std::vector<int32_t> &shift);

private:
  struct Channel {
    std::vector<std::unique_ptr<Slot>> slots; // by number
    std::vector<uint32_t> lastHead, lastTail; // by receiver, of messages so far; 0: none
    struct Past {
      uint32_t head = 0, tail = 0; // 0: there was none; `unknown`: it is not kept
    };
    std::vector<std::array<Past, 2>> earlier; // before the last one, latest first
    void keep(uint32_t core, uint32_t head, uint32_t tail, bool isForward);
    std::vector<bool> forwards;      // by receiver: of the last message
    std::vector<uint32_t> lastLeave; // by source of a multicast: when the last word left its router
    uint32_t hostMessages = 0;
    std::vector<uint32_t> turns; // by row or column: messages that have passed, where cores take turns
    uint32_t maxTail = 0;        // of all
  };
  struct Span {
    uint32_t first = 0, last = 0;
  };
  uint32_t coreAt(const ChannelShape &shape, uint32_t x, uint32_t y, int32_t position) const {
    return position == host ? width * height
           : shape.alongX   ? y * width + static_cast<uint32_t>(position)
                            : static_cast<uint32_t>(position) * width + x;
  }
  Slot *find(uint32_t channel, uint32_t number);
  void sentKnown(uint32_t channel, Slot &slot, uint32_t x, uint32_t y);
  void clear(Slot &slot);
  void setLeft(Slot &slot, uint32_t core, uint32_t at);
  void settle(uint32_t channel, Slot &slot, uint32_t core, uint32_t tail);
  uint32_t afterEarlier(uint32_t channel, const Slot &slot, uint32_t source, uint32_t x, uint32_t y, bool &ready);
  uint32_t headOfOne(uint32_t channel, Slot &slot, const Line &line, const Stop &stop, uint32_t x, uint32_t y);
  bool settleTurns(uint32_t channel, const Slot &slot, const Line &line, const FlowShape &flow, uint32_t x, uint32_t y);
  bool settleFlow(uint32_t channel, Slot &slot, const Line &line, const FlowShape &flow, uint32_t x, uint32_t y);
  uint32_t behindOwnWords(uint32_t channel, Slot &slot, uint32_t x, uint32_t y, uint32_t words, uint32_t last);
  uint32_t behindOthers(uint32_t channel, Slot &slot, const FlowShape &flow, uint32_t x, uint32_t y, uint32_t words,
                        uint32_t last);
  uint32_t behindHistory(const Channel &channel, const Stop &stop, uint32_t core, uint32_t spare, uint32_t last);
  void occupy(const ChannelShape &shape, uint32_t channel, uint32_t flow, uint32_t x, uint32_t y, int32_t at,
              bool upwards, Span span);
  /// How the words of a message, or of several, came from a source to its only receiver.
  struct Passage {
    uint32_t sent = 0, head = 0, tail = 0, words = 0;
    uint32_t before = 0;   // the last word of an earlier message went down the ramp, at the latest; 0: none
    uint32_t lastSent = 0; // if not 0: of several messages, all like the last one
  };
  void occupySingle(uint32_t channel, uint32_t x, uint32_t y, const Passage &passage);
  std::vector<uint32_t> earliestBegins(bool alongX, const std::vector<uint32_t> &time,
                                       const std::vector<int32_t> &fold) const;
  template <typename Begins>
  bool isPast(const Channel &channel, const ChannelShape &shape, uint32_t at, Begins begins) const;
  template <typename Begins> bool linksPast(bool alongX, uint32_t at, Begins begins) const;
  void forget(bool alongX, uint32_t lines);
  uint32_t link(const ChannelShape &shape, int32_t low) const { return cycles.link(shape.alongX, low); }
  void refuse(std::string reason) {
    if (!why)
      why = std::move(reason);
  }

  const std::vector<ChannelShape> &shapes;
  const std::vector<std::string> &names;
  const FabricCycles cycles;
  const uint32_t width, height;
  std::vector<Channel> channels;
  LinkUses uses[4];             // of links that flows share, by router: north, south, west, east
  uint32_t lastUse[2] = {0, 0}; // of links along y and x
  std::vector<std::unique_ptr<Slot>> spare;
  uint32_t lastAtHost = 0;
  std::optional<std::string> why;
};

} // namespace weft::sim::maxplus
