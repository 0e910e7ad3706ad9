#include "compiler/route/Topology.h"

#include <cstddef>

namespace weft::route {

std::vector<int> rankToCore(int n, Embedding embedding) {
  std::vector<int> cores;
  cores.reserve(n > 0 ? n : 0);
  if (embedding == Embedding::Identity) {
    for (int core = 0; core < n; ++core)
      cores.push_back(core);
    return cores;
  }
  for (int core = 0; core < n; core += 2)
    cores.push_back(core);
  for (int core = n - 1 - n % 2; core > 0; core -= 2)
    cores.push_back(core);
  return cores;
}

std::vector<int> coreToRank(int n, Embedding embedding) {
  std::vector<int> cores = rankToCore(n, embedding);
  std::vector<int> ranks(cores.size());
  for (std::size_t rank = 0; rank < cores.size(); ++rank)
    ranks[cores[rank]] = static_cast<int>(rank);
  return ranks;
}

} // namespace weft::route
