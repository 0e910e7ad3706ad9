#include "compiler/algorithms/Choice.h"

#include <algorithm>
#include <optional>

namespace weft::algorithms {

std::vector<std::string> candidates(Kind kind) {
  switch (kind) {
  case Kind::Gemm: // all-gather takes memory that does not shrink with the mesh; gemm-t computes something else
    return {"meshgemm", "cannon", "summa"};
  case Kind::Broadcast:
    return {"multicast", "chain"};
  case Kind::Shift:
    return {"direct", "relay"};
  default:
    return {};
  }
}

Result<std::vector<Candidate>> compareCandidates(const Request &request, const Evaluate &evaluate) {
  std::vector<Candidate> compared;
  std::optional<Error> refusal;
  bool any = false;
  for (const std::string &algorithm : candidates(request.kind)) {
    Request each = request;
    each.algorithm = algorithm;
    auto cycles = evaluate(each);
    any = any || cycles;
    compared.push_back({algorithm, cycles ? *cycles : 0, cycles ? "" : cycles.error().message});
    if (!cycles && !refusal)
      refusal = cycles.takeError();
  }
  if (!any)
    return refusal ? std::move(*refusal) : internalError("there is nothing to choose from");
  return compared;
}

const Candidate &bestOf(const std::vector<Candidate> &compared) {
  return *std::ranges::min_element(compared, {},
                                   [](const Candidate &each) { return std::pair(!each.problem.empty(), each.cycles); });
}

} // namespace weft::algorithms
