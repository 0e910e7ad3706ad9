// The shapes of models that workloads name.
#pragma once

#include "explore/Evaluate.h"
#include "explore/serve/Trace.h"

#include <map>
#include <memory>
#include <mutex>

namespace weft::explore {

struct ModelShape {
  int64_t hidden = 0, intermediate = 0, layers = 0;
  int64_t heads = 0, keyValueHeads = 0, headSize = 0, vocabulary = 0;

  /// Multiply-accumulates for one token that sees `context` tokens, the head's product included; nothing is padded.
  double macsOfToken(double context) const;
};

/// Reads each config.json and each trace once. May be asked from several threads.
class Models {
public:
  /// Errors: no JSON, no Llama, a key that is missing.
  Result<ModelShape> shapeOf(const Workload &workload) const;

  /// Of phase serve, as many as the workload asks for.
  Result<std::shared_ptr<const std::vector<Request>>> requestsOf(const Workload &workload) const;

private:
  mutable std::mutex mutex;
  mutable std::map<std::pair<uint64_t, uint64_t>, std::shared_ptr<const std::vector<Request>>>
      traces;                                                   // by digest, count
  mutable std::map<std::string, ModelShape, std::less<>> known; // by the file's text
};

} // namespace weft::explore
