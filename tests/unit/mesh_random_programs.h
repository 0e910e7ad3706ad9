// Random machines, routes and programs for the mesh: whatever simulates one must agree with the others on them.
#pragma once

#include "mesh_programs.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <random>
#include <set>

namespace weft::test {

/// Adds 1 to 8 floats, then doubles the first.
inline void mixKernel(void *const *operands, const int64_t *scalars) {
  auto *values = static_cast<float *>(operands[0]);
  for (int i = 0; i < 8; ++i)
    values[i] += 1;
  values[0] *= 2;
}

class RandomProgram {
public:
  /// `dense`: many channels on one row, so that colours contend everywhere. With `machine` its links, queues and
  /// routers are the ones; otherwise they are random.
  RandomProgram(uint32_t seed, bool dense, const hw::Hardware *machine = nullptr)
      : random(seed), dense(dense), width(dense ? 3 + pick(3) : 1 + pick(5)), height(dense ? 1 : 1 + pick(4)),
        maker(width, height, memoryBytes) {
    hw::Hardware &hw = setup.hardware;
    hw.latency = {1 + pick(3), 1 + pick(4), pick(4), pick(3), pick(3), pick(6), {}};
    if (!machine && pick(3) == 0)
      hw.latency.dieCrossing = {pick(4), pick(3), 1 + pick(7)};
    hw.memory.sramBytes = memoryBytes;
    hw.routing.queueWords = 1 + pick(5);
    hw.routing.linkBytes = pick(4) ? 4 : 8;
    hw.routing.reduceStage = pick(2) ? 0 : 1 + pick(4);
    hw.routing.rampWords = machine || pick(2) ? 1 : 1 + pick(3);
    if (machine) {
      hw.latency.hop = machine->latency.hop;
      hw.latency.ramp = machine->latency.ramp;
      hw.routing.queueWords = machine->routing.queueWords;
      hw.routing.linkBytes = machine->routing.linkBytes;
      hw.routing.colors = machine->routing.colors;
      hw.routing.reduceStage = hw.routing.reduceStage ? machine->routing.reduceStage : 0;
    }
    wordBytes = hw.routing.linkBytes;
    setup.kernels["mix"] = mixKernel;
    maker.kernel("mix", {scratchBytes});
    fillMemory();
    next.assign(width * height, 2 * scratchBytes);
  }

  runtime::Package make() {
    makeHostInput();
    for (uint32_t i = 0, count = dense ? 8 + pick(8) : 1 + pick(5); i < count; ++i)
      makeChannel(false);
    for (uint32_t i = 0, count = dense ? 12 + pick(12) : 2 + pick(14); i < count && !instances.empty(); ++i) {
      if (pick(6) == 0)
        maker.op("op" + std::to_string(i));
      message(pick(static_cast<uint32_t>(instances.size())), 1 + pick(24), 0);
    }
    makeHostOutput();
    for (uint32_t core = 0; core < width * height; ++core)
      if (pick(2))
        here(core).wait();
    return maker.take();
  }

  Setup setup;
  std::array<uint32_t, 7> sums{}; // messages that routers combine, by pkg::Combine

private:
  static constexpr uint32_t scratchBytes = 64, memoryBytes = 16384;
  struct Instance {
    uint32_t channel, source;
    std::vector<uint32_t> receivers;
    pkg::Combine combine = pkg::Combine::None;
    std::vector<uint32_t> senders = {}; // where words are combined; `source` is none
  };

  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random() % below); }
  uint32_t colors() const { return setup.hardware.routing.colors; }
  Maker &here(uint32_t core) { return maker.at(core % width, core / width); }

  void fillMemory() {
    for (uint32_t core = 0; core < width * height; ++core) {
      std::vector<std::byte> memory(setup.hardware.memory.sramBytes);
      for (size_t i = 0; i < memory.size(); i += 4) {
        float value = static_cast<float>(pick(2000)) / 16 - 60;
        std::memcpy(&memory[i], &value, 4);
      }
      setup.initialMemory.push_back(std::move(memory));
    }
  }

  uint32_t allocate(uint32_t core, uint32_t words) {
    uint32_t offset = next[core];
    next[core] += words * wordBytes;
    return next[core] <= memoryBytes ? offset : none;
  }

  /// A channel with some random flows that collide with no other. Its instances are added unless it carries host input.
  uint32_t makeChannel(bool fromHost) {
    pkg::Axis axis = dense || pick(2) ? pkg::Axis::X : pkg::Axis::Y;
    auto length = static_cast<int32_t>(axis == pkg::Axis::X ? width : height);
    auto lines = static_cast<int32_t>(axis == pkg::Axis::X ? height : width);
    auto channel = static_cast<uint32_t>(maker.program->channels.size());
    std::vector<pkg::Flow> flows;
    std::set<std::pair<char, uint32_t>> ends; // sources and receivers of the channel
    for (uint32_t tries = 1 + pick(4); tries; --tries) {
      int32_t lo = fromHost ? -1 : static_cast<int32_t>(pick(static_cast<uint32_t>(length + 1))) - 1;
      int32_t hi = lo + static_cast<int32_t>(pick(static_cast<uint32_t>(length - lo)));
      int32_t source = fromHost ? -1 : std::max(0, lo + static_cast<int32_t>(pick(static_cast<uint32_t>(hi - lo + 1))));
      int32_t line = pick(2) ? -1 : static_cast<int32_t>(pick(static_cast<uint32_t>(lines)));
      if (hi <= lo || source > hi)
        continue;
      bool combines = setup.hardware.routing.reduceStage && lo >= 0 && pick(2);
      pkg::Flow flow(line, source, lo, hi, !combines && pick(2),
                     static_cast<uint8_t>(pick(std::min(dense ? 20u : 7u, colors()))),
                     combines ? pkg::Combine(1 + pick(6)) : pkg::Combine::None);
      if (addFlow(channel, axis, flow, lines, ends, fromHost))
        flows.push_back(flow);
    }
    return maker.channel("c" + std::to_string(channel), axis, flows);
  }

  bool addFlow(uint32_t channel, pkg::Axis axis, const pkg::Flow &flow, int32_t lines,
               std::set<std::pair<char, uint32_t>> &ends, bool fromHost) {
    std::vector<Instance> added;
    auto usedNow = used;
    auto endsNow = ends;
    for (int32_t line = 0; line < lines; ++line) {
      if (flow.line() >= 0 && flow.line() != line)
        continue;
      auto core = [&](int32_t p) {
        return static_cast<uint32_t>(axis == pkg::Axis::X ? line * static_cast<int32_t>(width) + p
                                                          : p * static_cast<int32_t>(width) + line);
      };
      Instance instance{channel, none, {}, flow.combine()};
      bool combines = flow.combine() != pkg::Combine::None;
      for (int32_t p = std::max(0, flow.lo()); p <= flow.hi(); ++p) {
        if (!usedNow.insert({core(p), flow.color()}).second)
          return false;
        if (combines) {
          instance.senders.push_back(core(p));
          if (p == flow.source())
            instance.receivers.push_back(core(p));
          if (!endsNow.insert({'s', core(p)}).second || (p == flow.source() && !endsNow.insert({'r', core(p)}).second))
            return false;
        } else if (p == flow.source()) {
          instance.source = core(p);
          if (!endsNow.insert({'s', core(p)}).second)
            return false;
        } else if (flow.deliver_all() || p == flow.lo() || p == flow.hi()) {
          instance.receivers.push_back(core(p));
          if (!endsNow.insert({'r', core(p)}).second)
            return false;
        }
      }
      if (flow.source() < 0 && !endsNow.insert({'h', line}).second)
        return false;
      if (flow.source() >= 0 && flow.lo() < 0 && !endsNow.insert({'o', line}).second)
        return false;
      added.push_back(instance);
    }
    used = usedNow;
    ends = endsNow;
    auto &into = fromHost ? hostInstances : instances;
    into.insert(into.end(), added.begin(), added.end());
    return true;
  }

  void makeHostInput() {
    if (pick(2))
      return;
    uint32_t channel = makeChannel(true);
    if (hostInstances.empty())
      return;
    uint32_t words = pick(12);
    for (uint32_t i = 0; i < words * wordBytes / 4; ++i)
      setup.inputWords.push_back(static_cast<int32_t>(pick(1000)));
    maker.input(channel, static_cast<int32_t>(words * wordBytes));
    for (const Instance &instance : hostInstances)
      for (uint32_t core : instance.receivers)
        receive(core, channel, words);
  }

  void makeHostOutput() {
    for (uint32_t tries = 0; tries < 3; ++tries) {
      pkg::Flow flow(-1, static_cast<int32_t>(pick(width)), -1, 0, false, static_cast<uint8_t>(colors() - 2 + pick(2)),
                     pkg::Combine::None);
      flow = pkg::Flow(-1, flow.source(), -1, flow.source(), false, flow.color(), pkg::Combine::None);
      std::set<std::pair<char, uint32_t>> ends;
      auto channel = static_cast<uint32_t>(maker.program->channels.size());
      size_t before = instances.size();
      if (!addFlow(channel, pkg::Axis::X, flow, static_cast<int32_t>(height), ends, false))
        continue;
      maker.channel("out", pkg::Axis::X, {flow});
      uint32_t words = 1 + pick(6), perLine = words * wordBytes / 4;
      std::vector<int32_t> index;
      for (uint32_t i = 0; i < perLine * height; ++i)
        index.push_back(static_cast<int32_t>(i));
      for (size_t i = before; i < instances.size(); ++i)
        here(instances[i].source).put(channel, scratchBytes, static_cast<int32_t>(words * wordBytes));
      maker.output(channel, perLine * height, index);
      return;
    }
  }

  void receive(uint32_t core, uint32_t channel, uint32_t words) {
    uint32_t first = words > 1 && pick(3) == 0 ? 1 + pick(words - 1) : words;
    for (uint32_t part : {first, words - first}) {
      uint32_t offset = allocate(core, part);
      REQUIRE(offset != none);
      auto bytes = static_cast<int32_t>(part * wordBytes);
      if (pick(4) == 0)
        here(core).into(channel, offset, part && pick(2) ? bytes - (static_cast<int32_t>(wordBytes) - 4) : bytes,
                        pick(2) ? pkg::ReduceKind::Add : pkg::ReduceKind::Max);
      else
        here(core).get(channel, offset, bytes - (part ? static_cast<int32_t>(pick(wordBytes)) : 0));
      if (words == first)
        break;
    }
    idle(core);
  }

  void idle(uint32_t core) {
    if (pick(4) == 0)
      here(core).call(0, static_cast<int32_t>(pick(80)), {0});
    if (pick(3) == 0)
      here(core).wait();
  }

  void message(uint32_t index, uint32_t words, uint32_t depth) {
    const Instance instance = instances[index];
    if (instance.combine != pkg::Combine::None)
      return combined(instance, words, depth, none);
    if (pick(4) == 0)
      return looped(instance, words);
    auto bytes = static_cast<int32_t>(words * wordBytes);
    if (pick(3) == 0)
      idle(instance.source);
    bytes -= static_cast<int32_t>(pick(wordBytes)); // not all of the last word
    uint32_t offset = allocate(instance.source, words);
    if (offset == none)
      return;
    here(instance.source).put(instance.channel, offset, bytes);
    idle(instance.source);
    deliver(instance, words, depth);
  }

  /// Every core of the flow sends, unless it is the `passer`; its root receives. Now and then one sends too little.
  void combined(const Instance &instance, uint32_t words, uint32_t depth, uint32_t passer) {
    ++sums[static_cast<size_t>(instance.combine)];
    uint32_t root = instance.receivers[0];
    bool floats = instance.combine == pkg::Combine::AddF32 || instance.combine == pkg::Combine::MaxF32;
    bool plain = !floats || pick(2); // received as it is, so that it may be anything
    bool rounds = plain && passer == none && pick(3) == 0;
    for (uint32_t core : instance.senders) {
      if (core == passer)
        continue;
      uint32_t sent = words > 1 && pick(60) == 0 ? words - 1 : words;
      uint32_t offset = allocate(core, words), to = core == root && plain ? allocate(core, words) : 0;
      REQUIRE((offset != none && to != none));
      if (plain && passer == none)
        makeSpecial(core, offset, words * wordBytes);
      if (rounds)
        here(core).begin(constant(3));
      here(core).put(instance.channel, offset, static_cast<int32_t>(sent * wordBytes - (plain ? pick(wordBytes) : 0)));
      if (core == root && plain)
        here(core).get(instance.channel, to, static_cast<int32_t>(words * wordBytes - pick(wordBytes)));
      if (rounds)
        here(core).wait().end();
      if (core != root)
        idle(core);
    }
    if (!plain)
      deliver(instance, words, depth);
  }

  /// Infinities, subnormals, NaNs, large and small numbers of either width.
  void makeSpecial(uint32_t core, uint32_t offset, uint32_t bytes) {
    static constexpr uint16_t halves[] = {0,      0x8000, 0x7f80, 0xff80, 0x7fc1, 0xff81, 1,      0x8001, 0x7f,
                                          0x0080, 0x7f7f, 0xff7f, 0x3f80, 0x3f81, 0xbf80, 0x4b80, 0xffff, 0x7fff};
    for (uint32_t at = 0; at < bytes; at += 2) {
      uint16_t half = pick(3) ? halves[pick(std::size(halves))] : static_cast<uint16_t>(random());
      std::memcpy(&setup.initialMemory[core][offset + at], &half, 2);
    }
  }

  /// Whether the core may pass words on into this. The root of a flow that combines cannot: it would wait for itself.
  static bool sends(const Instance &instance, uint32_t core) {
    if (instance.combine == pkg::Combine::None)
      return instance.source == core;
    return instance.receivers[0] != core &&
           std::find(instance.senders.begin(), instance.senders.end(), core) != instance.senders.end();
  }

  /// Every receiver takes the words; one of them may pass them on, combined, into another flow.
  void deliver(const Instance &instance, uint32_t words, uint32_t depth) {
    uint32_t passer = none, onward = none;
    for (uint32_t core : instance.receivers)
      for (uint32_t i = 0; i < instances.size(); ++i)
        if (depth < 3 && sends(instances[i], core) && instances[i].channel != instance.channel && pick(3) == 0) {
          passer = core;
          onward = i;
        }
    for (uint32_t core : instance.receivers) {
      if (core != passer) {
        receive(core, instance.channel, words);
        continue;
      }
      uint32_t offset = allocate(core, words);
      REQUIRE(offset != none);
      here(core).forward(instance.channel, instances[onward].channel, offset, static_cast<int32_t>(words * wordBytes),
                         pick(2) ? pkg::ReduceKind::Add : pkg::ReduceKind::Max);
      idle(core);
    }
    if (passer == none)
      return;
    const Instance next = instances[onward];
    if (next.combine == pkg::Combine::None)
      deliver(next, words, depth + 1);
    else
      combined(next, words, depth + 1, passer);
  }

  /// The message some times over, from and into a ring of two places.
  void looped(const Instance &instance, uint32_t words) {
    auto bytes = static_cast<int32_t>(words * wordBytes);
    int32_t rounds = 1 + static_cast<int32_t>(pick(4));
    const pkg::Source sources[] = {pkg::Source::Constant, pkg::Source::CoordX, pkg::Source::RankY};
    pkg::Expr phase(sources[pick(3)], 0, -1, static_cast<int32_t>(pick(3)));
    int32_t scale = pick(2) ? 1 : -1;
    bool calls = pick(2);
    auto each = [&](uint32_t core, bool sends) {
      uint32_t offset = allocate(core, 2 * words);
      REQUIRE(offset != none);
      here(core).begin(constant(rounds));
      if (sends)
        maker.put(instance.channel, offset, bytes).ring(phase, 2, bytes, scale);
      else
        maker.get(instance.channel, offset, bytes).ring(phase, 2, bytes, scale);
      if (calls)
        maker.call(0, static_cast<int32_t>(pick(20)), {0});
      maker.wait().end();
    };
    each(instance.source, true);
    for (uint32_t core : instance.receivers)
      each(core, false);
  }

  static constexpr uint32_t none = ~0u;
  std::mt19937 random;
  const bool dense;
  uint32_t width, height, wordBytes = 4;
  Maker maker;
  std::vector<Instance> instances, hostInstances;
  std::set<std::pair<uint32_t, uint32_t>> used; // router, colour
  std::vector<uint32_t> next;                   // free memory, by core
};

} // namespace weft::test
