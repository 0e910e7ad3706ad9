// The workloads of a space.
#include "explore/space/Read.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::explore {

using Kind = hw::YamlNode::Kind;

Result<void> SpaceReader::readMesh(const hw::YamlNode &node, Workload &workload) const {
  if (node.kind != Kind::List || node.items.size() != 2)
    return at(node.line, "workloads.mesh", "it wants [width, height]");
  for (size_t i = 0; i < 2; ++i) {
    auto extent = whole(node.items[i], "workloads.mesh", 1, 65535);
    if (!extent)
      return extent.takeError();
    (i == 0 ? workload.meshWidth : workload.meshHeight) = uint32_t(*extent);
  }
  return success();
}

Result<void> SpaceReader::readModel(Workload &workload, int line) const {
  workload.modelPath = fromHere(workload.modelPath);
  Result<std::string> text = readFile(workload.modelPath, maxFileBytes);
  if (!text)
    return at(line, "workloads.model", text.error().message);
  workload.modelText = *std::move(text);
  if (workload.phase != "decode" && workload.phase != "prefill" && workload.phase != "serve")
    return at(line, "workloads.phase", "it wants decode, prefill or serve");
  const bool serves = workload.phase == "serve";
  if (serves == workload.tracePath.empty() || (!serves && workload.requests))
    return at(line, "workloads.trace",
              serves ? "the key is missing; which requests?" : "only phase serve has requests");
  if (serves && (workload.context || workload.batch != 1 || workload.meshWidth))
    return at(line, "workloads", "phase serve has the context and batch of its requests, and all of the machine");
  if (serves) {
    workload.tracePath = fromHere(workload.tracePath);
    Result<std::string> trace = readFile(workload.tracePath, maxTraceBytes);
    if (!trace)
      return at(line, "workloads.trace", trace.error().message);
    workload.traceText = *std::move(trace);
  }
  if (!serves && workload.context == 0)
    return at(line, "workloads.context", "the key is missing; how many tokens?");
  if (!workload.shape.empty() || !workload.element.empty())
    return at(line, "workloads", "shape and dtype are those of a kernel, not of a model");
  return success();
}

Result<void> SpaceReader::readWorkload(const hw::YamlNode &map) {
  if (map.kind != Kind::Map)
    return at(map.line, "workloads",
              "each is a map, e.g. {name: decode-8b, model: config.json, phase: decode, context: 4096}");
  if (auto checked = checkKeys(
          map, "a workload",
          {"name", "model", "phase", "context", "batch", "kernel", "shape", "dtype", "mesh", "trace", "requests"});
      !checked)
    return checked;
  Workload workload;
  const std::pair<std::string_view, std::string *> texts[] = {
      {"name", &workload.name},       {"model", &workload.modelPath}, {"phase", &workload.phase},
      {"trace", &workload.tracePath}, {"kernel", &workload.kernel},   {"dtype", &workload.element}};
  for (const auto &[key, text] : texts)
    if (const hw::YamlNode *node = findMember(map, key)) {
      if (node->kind != Kind::Scalar || node->scalar.empty() || node->scalar.size() > 4096 ||
          (key != "model" && key != "trace" &&
           !std::all_of(node->scalar.begin(), node->scalar.end(),
                        [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; })))
        return at(node->line, fmt::format("workloads.{}", key), "it wants a word");
      *text = node->scalar;
    }
  if (const hw::YamlNode *node = findMember(map, "requests")) {
    auto value = whole(*node, "workloads.requests", 1, 1'000'000'000);
    if (!value)
      return value.takeError();
    workload.requests = *value;
  }
  const std::pair<std::string_view, uint32_t *> numbers[] = {{"context", &workload.context},
                                                             {"batch", &workload.batch}};
  for (const auto &[key, number] : numbers)
    if (const hw::YamlNode *node = findMember(map, key)) {
      auto value = whole(*node, fmt::format("workloads.{}", key), 1, 16'777'216);
      if (!value)
        return value.takeError();
      *number = uint32_t(*value);
    }
  if (const hw::YamlNode *shape = findMember(map, "shape"))
    for (const hw::YamlNode &item : shape->items) {
      auto extent = whole(item, "workloads.shape", 1, 1u << 30);
      if (!extent)
        return extent.takeError();
      workload.shape.push_back(int64_t(*extent));
    }
  if (const hw::YamlNode *mesh = findMember(map, "mesh"))
    if (auto read = readMesh(*mesh, workload); !read)
      return read;
  if (workload.name.empty() || workload.name.size() > hw::maxNameBytes)
    return at(map.line, "workloads.name", fmt::format("a name of at most {} characters is missing", hw::maxNameBytes));
  if (std::any_of(space.workloads.begin(), space.workloads.end(),
                  [&](const Workload &each) { return each.name == workload.name; }))
    return at(map.line, "workloads.name", fmt::format("'{}' is there twice", workload.name));
  if (workload.kernel.empty() == workload.modelPath.empty())
    return at(map.line, "workloads", "each has a model or a kernel");
  if (!workload.kernel.empty() && (workload.shape.empty() || !workload.phase.empty() || workload.context != 0 ||
                                   !workload.tracePath.empty() || workload.requests))
    return at(map.line, "workloads", "a kernel has a shape, no phase, no context and no trace");
  if (!workload.kernel.empty() && workload.element.empty())
    workload.element = "f16";
  if (!workload.modelPath.empty())
    if (auto read = readModel(workload, map.line); !read)
      return read;
  if (auto checked = vocabulary.checkWorkload(workload); !checked)
    return at(map.line, fmt::format("workload {}", workload.name), checked.error().message);
  space.workloads.push_back(std::move(workload));
  return success();
}

Result<void> SpaceReader::readWorkloads(const hw::YamlNode &node, int line) {
  if (node.kind != Kind::List || node.items.empty())
    return at(line, "workloads", "must be a list of at least one");
  for (const hw::YamlNode &item : node.items)
    if (auto read = readWorkload(item); !read)
      return read;
  return success();
}

} // namespace weft::explore
