// Logical rings on a line of cores: which core plays which rank.
#pragma once

#include <vector>

namespace weft::route {

/// How a ring of ranks lies on a line of cores.
/// Identity: rank = core; neighbours are one hop apart, but the wrap-around crosses the whole line.
/// Interleave: even cores ascending, then odd cores descending; every neighbour, the wrap-around too, is at most two
/// hops away (the neighbour pattern of MeshGEMM in WaferLLM, OSDI 2025).
enum class Embedding { Identity, Interleave };

/// The core at each rank of a ring of `n` ranks. Empty for n <= 0.
std::vector<int> rankToCore(int n, Embedding embedding);
/// The rank of each core: the inverse of rankToCore.
std::vector<int> coreToRank(int n, Embedding embedding);

} // namespace weft::route
