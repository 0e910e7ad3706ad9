// What a graph must keep to, whatever its ops mean.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "hw-models/support/Result.h"

#include <set>
#include <string>

namespace weft::frontend::onnx {

/// Names of a graph and of those around it.
struct KnownNames {
  const KnownNames *outer = nullptr;
  std::set<std::string> names;

  bool contains(const std::string &name) const { return names.contains(name) || (outer && outer->contains(name)); }
};

/// Each name has one definition and each value that is used exists; nodes are put in an order in which values are made
/// before they are used. `outer` has the names of the graphs around; null: there are none. Subgraphs are checked too.
/// Errors name the node: a name defined twice, a value that nothing makes, a cycle.
Result<void> checkAndSort(Graph &graph, const KnownNames *outer, const std::string &path);

/// The same of a function's nodes.
Result<void> checkAndSort(Function &function, const std::string &path);

} // namespace weft::frontend::onnx
