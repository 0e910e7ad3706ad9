#include "compiler/algorithms/TreeTiming.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace weft::algorithms {
namespace {

static size_t at(int position) { return static_cast<size_t>(position); }

/// Words in a router's queue for one flow and on the way in, or in the unit of a core that reduces in passing.
class Queue {
public:
  Queue(uint32_t queueWords, uint32_t latency) : latency(latency), ready(queueWords + latency) {}

  /// A place that is freed in a cycle can be taken in the next one.
  bool hasRoom(int64_t now) const { return count + (left == now) < ready.size(); }
  bool hasWord(int64_t now) const { return count > 0 && ready[head] <= now; }
  void push(int64_t now) { ready[(head + count++) % ready.size()] = now + latency; }
  void pop(int64_t now) {
    head = (head + 1) % ready.size();
    --count;
    left = now;
  }

private:
  uint32_t latency;
  std::vector<int64_t> ready; // when each word can leave, a ring
  size_t head = 0, count = 0;
  int64_t left = -1; // when the last word left
};

/// A child's message: a queue in each router from its own to its parent's.
struct Flow {
  int source = 0, target = 0;
  std::vector<Queue> queues;
  std::vector<int64_t> granted; // the last time, in each router; -1: never
  int step() const { return target > source ? 1 : -1; }
};

/// A core takes its children one after the other; then, or with the last one's words, it sends.
struct Core {
  size_t child = 0;      // that it takes
  int64_t open = 0;      // from when on words come and go
  int64_t taken = 0;     // words of this child
  int64_t sent = 0;      // words
  bool forwards = false; // each word that comes goes on
};

class Line {
public:
  Line(const ReductionTree &tree, int64_t words, const hw::Hardware &hardware)
      : tree(tree), words(words), latency(hardware.latency), cores(at(tree.size())), flows(at(tree.size())),
        passing(at(tree.size())), units(at(tree.size()), Queue(hardware.routing.queueWords,
                                                               hardware.latency.ramp + hardware.latency.streamStage)) {
    for (int i = 0; i < tree.size(); ++i) {
      cores[at(i)].open = tree.children[at(i)].empty() ? latency.transferIssue : latency.streamStartup;
      cores[at(i)].forwards = tree.children[at(i)].size() == 1 && i != tree.root;
      if (i != tree.root)
        addFlow(i, hardware.routing.queueWords);
    }
  }

  int64_t run() {
    if (tree.children[at(tree.root)].empty())
      return 0;
    for (int64_t now = 0; end < 0; ++now) {
      for (int i = 0; i < tree.size(); ++i)
        send(i, now);
      for (int i = 0; i < tree.size(); ++i)
        route(i, now);
    }
    return end;
  }

private:
  void addFlow(int source, uint32_t queueWords) {
    Flow &flow = flows[at(source)];
    flow.source = source;
    flow.target = tree.parent[at(source)];
    for (int router = source;; router += flow.step()) {
      flow.queues.emplace_back(queueWords, router == source ? latency.ramp : latency.hop);
      flow.granted.push_back(-1);
      passing[at(router)].push_back(source);
      if (router == flow.target)
        break;
    }
  }

  /// A word goes up the ramp of core i.
  void send(int i, int64_t now) {
    Core &core = cores[at(i)];
    const bool leaf = tree.children[at(i)].empty();
    if (i == tree.root || !(leaf || core.forwards) || core.open > now || core.sent == words)
      return;
    Queue &way = flows[at(i)].queues.front(), &unit = units[at(i)];
    if (!way.hasRoom(now) || (!leaf && !unit.hasWord(now)))
      return;
    if (!leaf)
      unit.pop(now);
    way.push(now);
    ++core.sent;
  }

  /// The first word of a flow can leave router i in this cycle.
  bool mayLeave(const Flow &flow, int i, int64_t now) const {
    const auto place = at(std::abs(i - flow.source));
    if (!flow.queues[place].hasWord(now))
      return false;
    if (i != flow.target)
      return flow.queues[place + 1].hasRoom(now);
    const Core &core = cores[at(i)];
    return core.open <= now && core.child < tree.children[at(i)].size() &&
           tree.children[at(i)][core.child] == flow.source && (!core.forwards || units[at(i)].hasRoom(now));
  }

  /// One word leaves router i on each of its links and down its ramp, of the flow whose last one is longest ago.
  void route(int i, int64_t now) {
    Flow *best[3] = {}; // towards lower positions, down the ramp, towards higher ones
    for (int source : passing[at(i)]) {
      Flow &flow = flows[at(source)];
      if (!mayLeave(flow, i, now))
        continue;
      Flow *&chosen = best[i == flow.target ? 1 : 1 + flow.step()];
      const auto last = [&](const Flow &each) { return each.granted[at(std::abs(i - each.source))]; };
      if (!chosen || last(flow) < last(*chosen))
        chosen = &flow;
    }
    for (Flow *flow : best)
      if (flow) {
        const auto place = at(std::abs(i - flow->source));
        flow->granted[place] = now;
        flow->queues[place].pop(now);
        if (i == flow->target)
          take(i, now);
        else
          flow->queues[place + 1].push(now);
      }
  }

  /// A word comes down the ramp of core i.
  void take(int i, int64_t now) {
    Core &core = cores[at(i)];
    if (core.forwards)
      units[at(i)].push(now);
    if (++core.taken < words || core.forwards)
      return;
    const int64_t done = now + latency.ramp + latency.streamStage;
    core.taken = 0;
    if (++core.child == tree.children[at(i)].size()) {
      end = done; // only the root takes its last child so
      return;
    }
    core.forwards = i != tree.root && core.child + 1 == tree.children[at(i)].size();
    core.open = done + latency.streamStartup;
  }

  const ReductionTree &tree;
  int64_t words;
  const hw::Latency &latency;
  std::vector<Core> cores;
  std::vector<Flow> flows;               // by source
  std::vector<std::vector<int>> passing; // sources of the flows in each router
  std::vector<Queue> units;              // of the cores
  int64_t end = -1;
};

} // namespace

int64_t timeTree(const ReductionTree &tree, int64_t words, const hw::Hardware &hardware) {
  return Line(tree, words, hardware).run();
}

} // namespace weft::algorithms
