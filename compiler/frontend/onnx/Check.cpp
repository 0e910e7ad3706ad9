#include "compiler/frontend/onnx/Check.h"

#include <fmt/format.h>
#include <functional>
#include <queue>

namespace weft::frontend::onnx {
namespace {

/// Names that a node needs from outside itself: its inputs, and what its subgraphs take from around them.
void collectNeeds(const Node &node, std::set<std::string> &needs);

void collectNeeds(const Graph &graph, std::set<std::string> &needs) {
  std::set<std::string> inner, own;
  for (const Node &node : graph.nodes) {
    collectNeeds(node, inner);
    own.insert(node.outputs.begin(), node.outputs.end());
  }
  for (const ValueInfo &output : graph.outputs)
    inner.insert(output.name);
  for (const ValueInfo &input : graph.inputs)
    own.insert(input.name);
  for (const TensorData &initializer : graph.initializers)
    own.insert(initializer.name);
  for (const std::string &name : inner)
    if (!own.contains(name))
      needs.insert(name);
}

void collectNeeds(const Node &node, std::set<std::string> &needs) {
  for (const std::string &input : node.inputs)
    if (!input.empty())
      needs.insert(input);
  for (const auto &[name, attribute] : node.attributes)
    if (attribute.graph)
      collectNeeds(*attribute.graph, needs);
}

/// The nodes of one body; `known` holds what exists before the first of them, and in the end all names.
Result<void> sortNodes(std::vector<Node> &nodes, KnownNames &known, const std::string &path) {
  std::map<std::string, size_t> maker;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].outputs)
      if (!output.empty() && (known.contains(output) || !maker.emplace(output, i).second))
        return userError(fmt::format("{}: node '{}' makes '{}', but that name has a definition already", path,
                                     nodes[i].name, output));
  std::vector<size_t> waitsFor(nodes.size(), 0);
  std::vector<std::vector<size_t>> users(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::set<std::string> needs;
    collectNeeds(nodes[i], needs);
    for (const std::string &need : needs) {
      if (known.contains(need))
        continue;
      auto found = maker.find(need);
      if (found == maker.end())
        return userError(fmt::format("{}: node '{}' uses '{}', which no input, initializer or node gives", path,
                                     nodes[i].name, need));
      users[found->second].push_back(i);
      ++waitsFor[i];
    }
  }
  // The first of the nodes that are ready, so that an order that fits stays as it is.
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < nodes.size(); ++i)
    if (waitsFor[i] == 0)
      ready.push(i);
  std::vector<Node> sorted;
  sorted.reserve(nodes.size());
  while (!ready.empty()) {
    size_t next = ready.top();
    ready.pop();
    for (size_t user : users[next])
      if (--waitsFor[user] == 0)
        ready.push(user);
    known.names.insert(nodes[next].outputs.begin(), nodes[next].outputs.end());
    sorted.push_back(std::move(nodes[next]));
  }
  if (sorted.size() != nodes.size())
    for (size_t i = 0; i < nodes.size(); ++i)
      if (waitsFor[i] != 0)
        return userError(fmt::format("{}: node '{}' needs its own result: the graph has a cycle", path, nodes[i].name));
  nodes = std::move(sorted);
  return success();
}

/// Subgraphs are shared with the attribute, so a sorted copy takes their place. `known` holds what exists before the
/// first node: a subgraph may well define a name that its own node, or a later one, makes.
Result<void> checkSubgraphs(std::vector<Node> &nodes, KnownNames known, const std::string &path) {
  for (Node &node : nodes) {
    for (auto &[name, attribute] : node.attributes)
      if (attribute.graph) {
        auto copy = std::make_shared<Graph>(*attribute.graph);
        if (Result<void> checked = checkAndSort(*copy, &known, path); !checked)
          return checked.takeError();
        attribute.graph = std::move(copy);
      }
    known.names.insert(node.outputs.begin(), node.outputs.end());
  }
  return success();
}

} // namespace

Result<void> checkAndSort(Graph &graph, const KnownNames *outer, const std::string &path) {
  KnownNames known{outer, {}};
  std::set<std::string> inputs;
  for (const ValueInfo &input : graph.inputs)
    if (input.name.empty() || !inputs.insert(input.name).second)
      return userError(fmt::format("{}: graph '{}' has the input '{}' twice, or an input without a name", path,
                                   graph.name, input.name));
  std::set<std::string> initializers;
  for (const TensorData &initializer : graph.initializers)
    if (initializer.name.empty() || !initializers.insert(initializer.name).second)
      return userError(fmt::format("{}: graph '{}' has the initializer '{}' twice, or one without a name", path,
                                   graph.name, initializer.name));
  known.names.insert(inputs.begin(), inputs.end());
  known.names.insert(initializers.begin(), initializers.end());
  const KnownNames before = known;
  if (Result<void> sorted = sortNodes(graph.nodes, known, path); !sorted)
    return sorted;
  std::set<std::string> outputs;
  for (const ValueInfo &output : graph.outputs) {
    if (!known.contains(output.name))
      return userError(
          fmt::format("{}: graph '{}' has the output '{}', which no node makes", path, graph.name, output.name));
    if (!outer && !outputs.insert(output.name).second)
      return userError(fmt::format("{}: graph '{}' has the output '{}' twice", path, graph.name, output.name));
  }
  return checkSubgraphs(graph.nodes, before, path);
}

Result<void> checkAndSort(Function &function, const std::string &path) {
  const KnownNames before{nullptr, {function.inputs.begin(), function.inputs.end()}};
  KnownNames known = before;
  if (Result<void> sorted = sortNodes(function.nodes, known, path); !sorted)
    return sorted;
  for (const std::string &output : function.outputs)
    if (!known.contains(output))
      return userError(
          fmt::format("{}: function '{}' has the output '{}', which no node makes", path, function.name, output));
  return checkSubgraphs(function.nodes, before, path);
}

} // namespace weft::frontend::onnx
