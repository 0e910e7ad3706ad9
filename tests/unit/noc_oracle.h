// Packets from a list, and a second, plain network that goes through every queue of every router in every cycle.
#pragma once

#include "sim/noc/Network.h"

#include <deque>
#include <map>
#include <vector>

namespace weft::noc::test {

/// Gives each node its packets, in the order of their creation, and notes when they arrive.
struct List final : Traffic {
  explicit List(uint32_t nodes) : queues(nodes) {}
  void add(uint32_t source, const Packet &packet);
  std::optional<Packet> next(uint32_t node) override;
  void delivered(uint32_t tag, uint64_t cycle) override;

  std::vector<std::deque<Packet>> queues; // by node
  std::map<uint32_t, uint64_t> arrival;   // by tag
};

Counters run(const RouterModel &model, const MeshShape &shape, List &list, uint64_t cycles);
/// The same by the words of docs/noc.md, without a thought for speed.
void runPlain(const RouterModel &model, const MeshShape &shape, List &list, uint64_t cycles);

} // namespace weft::noc::test
