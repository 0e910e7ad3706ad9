// A model's weights against what its architecture expects.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "hw-models/support/Result.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weft::frontend {

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
