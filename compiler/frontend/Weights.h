// A model's weights against what its architecture expects.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weft::frontend {

/// Weights whose places are known from the beginning. Formats fill it.
class ListedWeights : public WeightSource {
public:
  /// `unusable` says why find() gives null for it; empty: it does not. False: there is one of that name.
  bool add(WeightInfo info, std::string unusable = {});
  /// Returns its index.
  uint32_t addFile(WeightFileInfo file);
  /// The file that has a weight, usable or not.
  std::optional<uint32_t> fileOf(const std::string &name) const;

  const WeightInfo *find(const std::string &name) const override;
  std::string whyNot(const std::string &name) const override;
  std::vector<std::string> names() const override;
  const std::vector<WeightFileInfo> &files() const override { return fileList; }

private:
  struct Entry {
    WeightInfo info;
    std::string unusable;
  };
  std::map<std::string, Entry> entries;
  std::vector<WeightFileInfo> fileList;
};

struct ExpectedWeight {
  std::string name;
  std::vector<uint64_t> shape; // row-major
};

/// Every expected weight is there, usable and of the expected shape, and nothing else is there except what `ignorable`
/// accepts: a weight that nobody asks for would change the model's results unseen. Errors name the weight, what was
/// expected and what was found; `model` names the model in them.
Result<void> checkWeights(const WeightSource &source, const std::vector<ExpectedWeight> &expected,
                          const std::function<bool(const std::string &)> &ignorable, const std::string &model);

/// Weights of the expected names and shapes that lie in no file.
std::unique_ptr<WeightSource> makeShapesOnly(const std::vector<ExpectedWeight> &expected, WeightType type);

} // namespace weft::frontend
