// What a layer does, step by step, before it is a program: read by those who write the program and by those who
// estimate it.
#pragma once

#include "compiler/algorithms/ProgramBuilder.h"

#include <string_view>
#include <vector>

namespace weft::algorithms {

/// Extents of a layer on a square of `cores` x `cores`: of features, of those between the feed-forward products, of
/// tokens (in the cache or of the prompt); whole, and what a core has of them.
struct LayerExtents {
  int64_t cores = 0;
  int64_t features = 0, between = 0, tokens = 0;
  int64_t dim = 0, ffn = 0, seq = 0;
  int64_t batch = 1; // of decode: sequences whose tokens take each step together
};
LayerExtents layerExtents(const std::vector<int64_t> &shape, uint32_t cores, int64_t batch = 1);

struct LayerStep {
  enum class Kind {
    Local, // `cost` on every core
    Sum,   // an all-reduce of `elements` of each core along `axis`
    Gemm,  // MeshGEMM of m x k x n
    GemmTransposed
  };
  Kind kind = Kind::Local;
  std::string_view part = {}, name = {}; // "ffn_norm", ".sum"
  Cost cost = {};
  char axis = 'y';
  int64_t elements = 0;
  pkg::ReduceKind reduce = pkg::ReduceKind::Add;
  int64_t m = 0, k = 0, n = 0;
};

std::vector<LayerStep> decodeSteps(const LayerExtents &on);
std::vector<LayerStep> prefillSteps(const LayerExtents &on);

} // namespace weft::algorithms
