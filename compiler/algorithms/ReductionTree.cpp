#include "compiler/algorithms/ReductionTree.h"

#include "compiler/route/Tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

namespace weft::algorithms {

static size_t at(int position) { return static_cast<size_t>(position); }

void ReductionTree::attach(int child, int to) {
  parent[at(child)] = to;
  children[at(to)].push_back(child);
}

int ReductionTree::depth() const {
  // Children may lie on both sides of their parent, so each path is followed; chains are shared through `known`.
  std::vector<int> known(parent.size(), -1);
  known[at(root)] = 0;
  int most = 0;
  for (int i = 0; i < size(); ++i) {
    std::vector<int> path;
    int node = i;
    for (; known[at(node)] < 0; node = parent[at(node)])
      path.push_back(node);
    int depth = known[at(node)];
    for (auto up = path.rbegin(); up != path.rend(); ++up)
      known[at(*up)] = ++depth;
    most = std::max(most, known[at(i)]);
  }
  return most;
}

int64_t ReductionTree::energy() const {
  int64_t links = 0;
  for (int i = 0; i < size(); ++i)
    if (i != root)
      links += std::abs(i - parent[at(i)]);
  return links;
}

int ReductionTree::contention() const {
  size_t most = 0;
  for (const std::vector<int> &each : children)
    most = std::max(most, each.size());
  return static_cast<int>(most);
}

ReductionTree chainTree(int n) {
  ReductionTree tree(n);
  for (int i = 1; i < n; ++i)
    tree.attach(i, i - 1);
  return tree;
}

ReductionTree starTree(int n) {
  ReductionTree tree(n);
  for (int i = 1; i < n; ++i)
    tree.attach(i, 0);
  return tree;
}

ReductionTree binaryTree(int n) {
  ReductionTree tree(n);
  for (int distance = 1; distance < n; distance *= 2)
    for (int i = distance; i < n; i += 2 * distance)
      tree.attach(i, i - distance);
  return tree;
}

ReductionTree twoPhaseTree(int n) {
  const int size = std::max(1, static_cast<int>(std::lround(std::sqrt(n))));
  ReductionTree tree(n);
  for (int i = 1; i < n; ++i)
    if (i % size != 0)
      tree.attach(i, i - 1);
  for (int i = size; i < n; i += size)
    tree.attach(i, i - size);
  return tree;
}

Result<ReductionTree> kTree(int n, int levels, const std::vector<int> &groups) {
  auto plan = route::planTree("k", route::Axis::X, n, {}, levels, groups);
  if (!plan)
    return plan.takeError();
  ReductionTree tree(n);
  tree.root = plan->roots.front();
  for (const route::TreeLevel &level : plan->levels)
    for (const route::ChannelSpec *side : {&level.high, &level.low}) // the high one is never the longer
      for (const route::FlowSpec &flow : side->flows)
        tree.attach(flow.source, flow.source == flow.lo ? flow.hi : flow.lo);
  return tree;
}

int mostColors(const ReductionTree &tree) {
  std::vector<int> change(at(tree.size()) + 1, 0);
  for (int i = 0; i < tree.size(); ++i)
    if (i != tree.root) {
      ++change[at(std::min(i, tree.parent[at(i)]))];
      --change[at(std::max(i, tree.parent[at(i)])) + 1];
    }
  int here = 0, most = 0;
  for (int step : change)
    most = std::max(most, here += step);
  return most;
}

namespace {

/// Which channels a core takes words from, in order, and which one it sends on; -1: none. Cores that agree in it run
/// the same code.
struct Part {
  std::vector<int> from;
  int to = -1;
  auto operator<=>(const Part &) const = default;
};

/// Messages that their receiver takes as its k-th go into channel k.
std::vector<Part> partsOf(const ReductionTree &tree) {
  std::vector<Part> parts(at(tree.size()));
  for (int i = 0; i < tree.size(); ++i)
    for (size_t k = 0; k < tree.children[at(i)].size(); ++k) {
      parts[at(i)].from.push_back(static_cast<int>(k));
      parts[at(tree.children[at(i)][k])].to = static_cast<int>(k);
    }
  return parts;
}

std::vector<route::ChannelSpec> channelsOf(const ReductionTree &tree, const ReductionTask &task) {
  std::vector<route::ChannelSpec> channels;
  for (int k = 0; k < tree.contention(); ++k)
    channels.push_back({fmt::format("{}.{}", task.name, k + 1), task.axis, {}, 0, {}});
  for (int i = 0; i < tree.size(); ++i)
    for (size_t k = 0; k < tree.children[at(i)].size(); ++k) {
      int child = tree.children[at(i)][k];
      channels[k].flows.push_back({-1, child, std::min(i, child), std::max(i, child), false, 0});
    }
  return channels;
}

void addTask(ProgramBuilder &builder, const ReductionTask &task, const Mask &along, Code code) {
  const bool alongX = task.axis == route::Axis::X;
  builder.task(task.op, alongX ? along : task.across, alongX ? task.across : along, std::move(code));
}

Code codeOf(const Part &part, uint32_t channel, const ReductionTask &task) {
  Code code;
  const pkg::Expr bytes = constant(task.bytes);
  auto index = [&](int k) { return channel + static_cast<uint32_t>(k); };
  for (size_t k = 0; k < part.from.size(); ++k)
    if (k + 1 == part.from.size() && part.to >= 0)
      code.reduceForward(index(part.from[k]), index(part.to), bytes, task.local, task.reduce);
    else
      code.reduceInto(index(part.from[k]), bytes, task.local, task.reduce);
  if (part.from.empty() && part.to >= 0)
    code.put(index(part.to), bytes, task.local).wait();
  return code;
}

} // namespace

void emitReduction(ProgramBuilder &builder, const ReductionTree &tree, const ReductionTask &task) {
  const uint32_t channel = builder.channels(channelsOf(tree, task));
  std::map<Part, Mask> members;
  std::vector<Part> parts = partsOf(tree);
  for (int i = 0; i < tree.size(); ++i) {
    Mask &mask = members.try_emplace(parts[at(i)], Mask(at(tree.size()), false)).first->second;
    mask[at(i)] = true;
  }
  for (const auto &[part, mask] : members)
    addTask(builder, task, mask, codeOf(part, channel, task));
}

void emitMulticast(ProgramBuilder &builder, int root, const ReductionTask &task) {
  const auto n = static_cast<int>(task.axis == route::Axis::X ? builder.width : builder.height);
  if (n < 2)
    return;
  uint32_t channel = builder.channel(route::broadcast(task.name, task.axis, n, root));
  Mask one(at(n), false), others(at(n), true);
  one[at(root)] = true;
  others[at(root)] = false;
  Code send, receive;
  send.put(channel, constant(task.bytes), task.local).wait();
  receive.get(channel, constant(task.bytes), task.local).wait();
  addTask(builder, task, one, std::move(send));
  addTask(builder, task, others, std::move(receive));
}

} // namespace weft::algorithms
