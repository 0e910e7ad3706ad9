#include "compiler/frontend/onnx/graph/Registry.h"

namespace weft::frontend::onnx {

void Registry::add(const std::string &op, Lowering lowering, int64_t since, const std::string &domain) {
  lowerings[{domain, op}][since] = lowering;
}

Lowering Registry::find(const std::string &domain, const std::string &op, int64_t opset) const {
  auto versions = lowerings.find({domain, op});
  if (versions == lowerings.end())
    return nullptr;
  auto after = versions->second.upper_bound(opset);
  return after == versions->second.begin() ? nullptr : std::prev(after)->second;
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  for (const auto &[key, versions] : lowerings)
    names.push_back(key.first.empty() ? key.second : key.first + "." + key.second);
  return names;
}

const Registry &allOps() {
  static const Registry registry = [] {
    Registry all;
    addElementwise(all);
    addReduce(all);
    addMovement(all);
    addWindow(all);
    addIndex(all);
    addControl(all);
    addSequence(all);
    addLinear(all);
    addConvolution(all);
    addNormalise(all);
    addAttention(all);
    addQuantise(all);
    addPool(all);
    addChannelNorm(all);
    addResize(all);
    addRecurrent(all);
    addSampling(all);
    addSignal(all);
    addSelect(all);
    addLoss(all);
    addContribAttention(all);
    addContrib(all);
    addContribQuantised(all);
    addFewBits(all);
    return all;
  }();
  return registry;
}

} // namespace weft::frontend::onnx
