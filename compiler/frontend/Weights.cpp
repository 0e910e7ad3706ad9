#include "compiler/frontend/Weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unordered_set>

namespace weft::frontend {

bool ListedWeights::add(WeightInfo info, std::string unusable) {
  std::string name = info.name;
  return entries.emplace(std::move(name), Entry{std::move(info), std::move(unusable)}).second;
}

uint32_t ListedWeights::addFile(WeightFileInfo file) {
  fileList.push_back(std::move(file));
  return static_cast<uint32_t>(fileList.size() - 1);
}

std::optional<uint32_t> ListedWeights::fileOf(const std::string &name) const {
  auto found = entries.find(name);
  return found == entries.end() ? std::nullopt : std::optional(found->second.info.file);
}

const WeightInfo *ListedWeights::find(const std::string &name) const {
  auto found = entries.find(name);
  return found == entries.end() || !found->second.unusable.empty() ? nullptr : &found->second.info;
}

std::string ListedWeights::whyNot(const std::string &name) const {
  auto found = entries.find(name);
  return found == entries.end() ? std::string() : found->second.unusable;
}

std::vector<std::string> ListedWeights::names() const {
  std::vector<std::string> list;
  list.reserve(entries.size());
  for (const auto &[name, entry] : entries)
    list.push_back(name);
  return list;
}

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

std::unique_ptr<WeightSource> makeShapesOnly(const std::vector<ExpectedWeight> &expected, WeightType type) {
  auto weights = std::make_unique<ListedWeights>();
  for (const ExpectedWeight &weight : expected)
    weights->add({weight.name, type, weight.shape, 0, 0});
  return weights;
}

} // namespace weft::frontend
