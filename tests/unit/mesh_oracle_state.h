// What the oracle of the mesh engine keeps of each router, ramp and core.
#pragma once

#include "mesh_programs.h"

#include <cstring>
#include <deque>
#include <list>

namespace weft::test {

struct Word {
  std::vector<std::byte> value;
  uint64_t ableAt;
};

struct Moving { // a transfer
  pkg::InstrKind kind = pkg::InstrKind::Put;
  bool streamsOut = false; // the sending half of a ReduceForward
  pkg::ReduceKind reduce = pkg::ReduceKind::Add;
  uint32_t bytes = 0, words = 0, done = 0;
  uint64_t openFrom = 0, endsAt = ~0ull;
  std::vector<std::byte> contents; // of a Put
  std::byte *local = nullptr;
};
using MovingPtr = std::shared_ptr<Moving>;

struct Store {
  std::deque<Word> words;
  uint32_t capacity = 0;
  bool full() const { return words.size() >= capacity; }
  bool able(uint64_t now) const { return !words.empty() && words.front().ableAt <= now; }
};

struct ColourState {
  uint32_t channel = 0;
  Store queue;
  pkg::Combine combine = pkg::Combine::None;
  std::map<char, Store> inputs; // of a flow that combines: 'a' from the low side, 'b' from the core, 'c' the high side
  std::vector<std::pair<uint32_t, char>> nexts; // router; which of its stores, 'q' for the queue
  bool toHost = false, toCore = false;
  uint32_t line = 0;
  std::string ports;
};

/// Colours in the order of their last grant.
struct Turns {
  std::list<uint32_t> order;
  void know(uint32_t colour) {
    order.push_back(colour);
    order.sort();
  }
  void granted(const std::vector<uint32_t> &colours) {
    for (uint32_t colour : colours) {
      order.remove(colour);
      order.push_back(colour);
    }
  }
};

struct Router {
  std::map<uint32_t, ColourState> colours;
  Turns turns;
  Turns unitTurns; // of colours whose words are combined
};

struct Sender { // a core's way up the ramp, or a host port
  std::map<uint32_t, std::deque<MovingPtr>> byColour;
  std::map<uint32_t, uint32_t> colourOfChannel;
  Turns turns;
  uint32_t router = 0;
  uint64_t latency = 1;
};

/// What lies between cores: routers, and who sends into them.
struct OracleFabric {
  OracleFabric(const hw::Hardware &hardware, uint32_t width, uint32_t height)
      : hardware(hardware), width(width), height(height), routers(width * height),
        senders(width * height + width + height) {}

  /// Cycles of the link between two neighbouring routers.
  uint64_t linkLatency(uint32_t from, uint32_t to) const;
  uint32_t at(bool alongX, uint32_t line, int32_t position) const;
  void layRoutes(const pkg::ProgramT &program);
  void layCombining(uint32_t channel, bool alongX, uint32_t line, const pkg::Flow &flow);

  const hw::Hardware &hardware;
  uint32_t width, height;
  std::vector<Router> routers;
  std::vector<Sender> senders; // of cores, then of the host: rows, columns
};

struct CoreState {
  std::vector<const pkg::TaskT *> tasks;
  size_t task = 0, pc = 0;
  std::vector<std::pair<int64_t, int64_t>> loops; // counter, count
  std::vector<size_t> loopStarts;
  uint64_t busyUntil = 0;
  bool led = false; // lead-in of the instruction is over
  bool done = false;
  std::vector<MovingPtr> outstanding;
  MovingPtr blocking;
  std::map<uint32_t, std::deque<MovingPtr>> receiving; // by channel
  std::deque<Word> stream;
  std::vector<std::byte> memory;
};

/// first op second over a word, as routers and as cores do it.
std::vector<std::byte> oracleCombine(pkg::Combine kind, const std::vector<std::byte> &first,
                                     const std::vector<std::byte> &second);
std::vector<std::byte> oracleReduce(pkg::ReduceKind kind, const std::byte *a, const std::byte *b, size_t bytes);

} // namespace weft::test
