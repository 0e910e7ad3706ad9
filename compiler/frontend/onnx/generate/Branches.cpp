#include "compiler/frontend/onnx/generate/Branches.h"

#include "compiler/frontend/onnx/generate/Launch.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace weft::frontend::onnx {
namespace {

bool isPlain(const Node &node, std::initializer_list<std::string_view> ops) {
  return node.domain.empty() && std::find(ops.begin(), ops.end(), node.op) != ops.end();
}

/// The names that `input` has behind nodes which leave a truth as it is.
std::set<std::string> sameTruth(const Graph &graph, const std::string &input) {
  std::set<std::string> names = {input};
  for (const Node &node : graph.nodes)
    if (isPlain(node, {"Identity", "Squeeze", "Unsqueeze", "Reshape", "Cast"}) && !node.inputs.empty() &&
        names.contains(node.inputs[0]))
      names.insert(node.outputs.begin(), node.outputs.end());
  return names;
}

bool chooses(const Node &node, const std::set<std::string> &truth) {
  return isPlain(node, {"If"}) && node.inputs.size() == 1 && truth.contains(node.inputs[0]);
}

/// All names that nodes of the graph read, those in their branches and bodies too.
void addRead(const Graph &graph, std::set<std::string> &names) {
  for (const Node &node : graph.nodes) {
    names.insert(node.inputs.begin(), node.inputs.end());
    for (const auto &[name, attribute] : node.attributes)
      if (attribute.graph)
        addRead(*attribute.graph, names);
  }
  for (const ValueInfo &output : graph.outputs)
    names.insert(output.name);
}

std::set<std::string> definedIn(const Graph &graph) {
  std::set<std::string> names;
  for (const ValueInfo &input : graph.inputs)
    names.insert(input.name);
  for (const TensorData &initializer : graph.initializers)
    names.insert(initializer.name);
  for (const Node &node : graph.nodes)
    names.insert(node.outputs.begin(), node.outputs.end());
  names.erase("");
  return names;
}

/// Puts the branch's nodes at the end of `graph`. Its results get the names that `chosen`, the If, gives them.
/// `around`: all names that there are besides, to which those of the branch are added.
Result<void> append(const Model &model, const Graph &branch, const Node &chosen, Graph &graph,
                    std::set<std::string> &around) {
  auto isResult = [&](const std::string &name) {
    for (size_t i = 0; i < branch.outputs.size() && i < chosen.outputs.size(); ++i)
      if (branch.outputs[i].name == name && chosen.outputs[i] == name)
        return true;
    return false;
  };
  for (const std::string &name : definedIn(branch))
    if (!around.insert(name).second && !isResult(name))
      return userError(fmt::format("{}: node '{}': '{}' in its branch is a name of the graph around it, too",
                                   model.path, chosen.name, name));
  graph.initializers.insert(graph.initializers.end(), branch.initializers.begin(), branch.initializers.end());
  graph.nodes.insert(graph.nodes.end(), branch.nodes.begin(), branch.nodes.end());
  graph.values.insert(branch.values.begin(), branch.values.end());
  for (size_t i = 0; i < branch.outputs.size() && i < chosen.outputs.size(); ++i) {
    const std::string &inside = branch.outputs[i].name, &outside = chosen.outputs[i];
    if (outside.empty() || inside == outside)
      continue;
    Node copy;
    copy.name = chosen.name + "." + outside;
    copy.op = "Identity";
    copy.inputs = {inside};
    copy.outputs = {outside};
    graph.nodes.push_back(std::move(copy));
  }
  return success();
}

} // namespace

std::string branchInput(const Model &model) {
  for (const ValueInfo &input : model.graph.inputs) {
    if (!choosesCaches(input))
      continue;
    const std::set<std::string> truth = sameTruth(model.graph, input.name);
    if (std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(),
                    [&](const Node &node) { return chooses(node, truth); }))
      return input.name;
  }
  return "";
}

Result<Model> takeBranch(const Model &model, const std::string &input, bool value) {
  Model result = model;
  Graph &graph = result.graph;
  const std::set<std::string> truth = sameTruth(graph, input);
  std::set<std::string> around = definedIn(graph);
  std::vector<Node> nodes;
  nodes.swap(graph.nodes);
  for (Node &node : nodes) {
    const auto branch = node.attributes.find(value ? "then_branch" : "else_branch");
    if (!chooses(node, truth) || branch == node.attributes.end() || !branch->second.graph)
      graph.nodes.push_back(std::move(node));
    else if (Result<void> appended = append(model, *branch->second.graph, node, graph, around); !appended)
      return appended.takeError();
  }
  std::set<std::string> read;
  addRead(graph, read);
  // What else reads the input finds the number.
  if (read.contains(input)) {
    TensorData known;
    known.name = input;
    known.type = ElementType::Bool;
    for (const ValueInfo &each : graph.inputs)
      if (each.name == input && each.type.shape)
        known.shape.assign(each.type.shape->size(), 1);
    known.bytes = {std::byte{value}};
    graph.initializers.push_back(std::move(known));
  }
  std::erase_if(graph.inputs, [&](const ValueInfo &each) { return each.name == input || !read.contains(each.name); });
  return result;
}

} // namespace weft::frontend::onnx
