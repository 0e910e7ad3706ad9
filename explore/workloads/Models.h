// The shapes of models that workloads name.
#pragma once

#include "explore/Evaluate.h"

#include <map>
#include <mutex>

namespace weft::explore {

struct ModelShape {
  int64_t hidden = 0, intermediate = 0, layers = 0;
  int64_t heads = 0, keyValueHeads = 0, headSize = 0, vocabulary = 0;

  /// Multiply-accumulates for one token that sees `context` tokens, the head's product included; nothing is padded.
  double macsOfToken(double context) const;
};

/// Reads each config.json once. May be asked from several threads.
class Models {
public:
  /// Errors: no JSON, no Llama, a key that is missing.
  Result<ModelShape> shapeOf(const Workload &workload) const;

private:
  mutable std::mutex mutex;
  mutable std::map<std::string, ModelShape, std::less<>> known; // by the file's text
};

} // namespace weft::explore
