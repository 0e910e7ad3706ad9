#include "compiler/frontend/Weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <unordered_set>

namespace weft::frontend {

Result<void> checkWeights(const WeightSource &source, const std::vector<ExpectedWeight> &expected,
                          const std::function<bool(const std::string &)> &ignorable, const std::string &model) {
  std::unordered_set<std::string> known;
  for (const ExpectedWeight &weight : expected) {
    const WeightInfo *found = source.find(weight.name);
    if (!found) {
      std::string reason = source.whyNot(weight.name);
      if (!reason.empty())
        return userError(std::move(reason));
      return userError(fmt::format("{}: tensor '{}' of shape [{}] is missing from the weights", model, weight.name,
                                   fmt::join(weight.shape, ", ")));
    }
    if (found->shape != weight.shape)
      return userError(fmt::format("{}: tensor '{}' has shape [{}]; the config calls for [{}]",
                                   source.files()[found->file].path, weight.name, fmt::join(found->shape, ", "),
                                   fmt::join(weight.shape, ", ")));
    known.insert(weight.name);
  }
  for (const std::string &name : source.names())
    if (!known.contains(name) && !ignorable(name))
      return userError(fmt::format("{}: tensor '{}' is in the weights but not part of the architecture that the config "
                                   "describes; leaving it out would change the results",
                                   model, name));
  return success();
}

namespace {
class ShapesOnly : public WeightSource {
public:
  ShapesOnly(const std::vector<ExpectedWeight> &expected, WeightType type) {
    for (const ExpectedWeight &weight : expected)
      byName.emplace(weight.name, WeightInfo{weight.name, type, weight.shape, 0, 0});
  }
  const WeightInfo *find(const std::string &name) const override {
    auto found = byName.find(name);
    return found == byName.end() ? nullptr : &found->second;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto &[name, info] : byName)
      all.push_back(name);
    return all;
  }
  const std::vector<WeightFileInfo> &files() const override { return none; }

private:
  std::map<std::string, WeightInfo> byName;
  std::vector<WeightFileInfo> none;
};
} // namespace

std::unique_ptr<WeightSource> makeShapesOnly(const std::vector<ExpectedWeight> &expected, WeightType type) {
  return std::make_unique<ShapesOnly>(expected, type);
}

} // namespace weft::frontend
