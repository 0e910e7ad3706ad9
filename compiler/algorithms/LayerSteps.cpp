// A layer of a LLaMA-like model as WaferLLM (OSDI 2025) runs it: one token on a square of cores whose vectors lie
// alternately along x and along y, or a prompt as nine GEMMs.
//
// The measured programs have one head and no grouped keys and values (their model_config: n_heads 1), so q, k and v are
// all as wide as the model.
//
// Local work is counted in what a vector engine is asked for: vector instructions, loops over vectors whose descriptors
// are set up, elements, and scalars that need a division, a root or an exponential.
#include "compiler/algorithms/LayerSteps.h"

#include "compiler/algorithms/Algorithm.h"

#include <tuple>

namespace weft::algorithms {
namespace {

/// `count` vector instructions on n elements each, each with descriptors of its own.
Cost vectors(int64_t count, int64_t n) { return {.alu = count * n, .vectors = count, .descriptors = count}; }

Cost scalars(int64_t divisions, int64_t others) { return {.alu = others, .special = divisions}; }

/// A row vector times a matrix of a core: zeros, then a loop of multiply-accumulates.
Cost vectorMatrix(int64_t rows, int64_t cols) {
  return {.macs = rows * cols, .alu = cols, .vectors = rows + 1, .descriptors = 2};
}

Cost operator+(const Cost &a, const Cost &b) {
  return {.macs = a.macs + b.macs,
          .alu = a.alu + b.alu,
          .special = a.special + b.special,
          .loadBytes = a.loadBytes + b.loadBytes,
          .storeBytes = a.storeBytes + b.storeBytes,
          .vectors = a.vectors + b.vectors,
          .descriptors = a.descriptors + b.descriptors,
          .activations = a.activations + b.activations};
}

/// The same for each of `count` sequences.
Cost times(const Cost &cost, int64_t count) {
  return {.macs = cost.macs * count,
          .alu = cost.alu * count,
          .special = cost.special * count,
          .loadBytes = cost.loadBytes * count,
          .storeBytes = cost.storeBytes * count,
          .vectors = cost.vectors * count,
          .descriptors = cost.descriptors * count,
          .activations = cost.activations * count};
}

/// An exponential as the measured kernels approximate it: the square of a square, an addition, a multiplication.
constexpr int64_t exponentialSteps = 4;

using Kind = LayerStep::Kind;

class Steps {
public:
  explicit Steps(const LayerExtents &on) : on(on), dim(on.dim), ffn(on.ffn), seq(on.seq) { steps.reserve(40); }
  std::vector<LayerStep> decode();
  std::vector<LayerStep> prefill();

private:
  void local(std::string_view part, std::string_view name, const Cost &cost) {
    steps.push_back({.kind = Kind::Local, .part = part, .name = name, .cost = times(cost, on.batch)});
  }
  void sum(std::string_view part, std::string_view name, char axis, int64_t elements,
           pkg::ReduceKind reduce = pkg::ReduceKind::Add) {
    steps.push_back({.kind = Kind::Sum,
                     .part = part,
                     .name = name,
                     .axis = axis,
                     .elements = elements * on.batch,
                     .reduce = reduce});
  }
  void gemm(std::string_view part, int64_t m, int64_t k, int64_t n, Kind kind = Kind::Gemm) {
    steps.push_back({.kind = kind, .part = part, .m = m, .k = k, .n = n});
  }
  void norm(std::string_view name);
  void softmax();
  void feedForward();
  void normRows(std::string_view name);

  const LayerExtents &on;
  int64_t dim, ffn, seq;
  std::vector<LayerStep> steps;
};

/// Squares, their sum along y, then the scaled vector.
void Steps::norm(std::string_view name) {
  local(name, ".squares", vectors(2, dim));
  sum(name, ".sum", 'y', 1);
  local(name, ".scale", vectors(2, dim) + scalars(3, 1)); // mean, root, reciprocal
}

void Steps::softmax() {
  local("softmax", ".local_max", vectors(1, seq));
  sum("softmax", ".max", 'y', 1, pkg::ReduceKind::Max);
  local("softmax", ".exp",
        vectors(1, seq) + Cost{.alu = exponentialSteps * seq, .vectors = 1, .descriptors = 1} + vectors(1, seq));
  sum("softmax", ".sum", 'y', 1);
  local("softmax", ".scale", vectors(1, seq) + scalars(1, 0));
}

void Steps::feedForward() {
  local("up_gate", ".product", vectorMatrix(dim, ffn) + vectorMatrix(dim, ffn));
  sum("up_gate", ".sum", 'y', 2 * ffn);
  // The measured program activates as many elements as the model's features lie on a core, not all `ffn`
  // (WaferLLM at 2cd13b5, Decode/WSE-2/src/decode.csl, z2_silu).
  local("silu", "", scalars(dim, (exponentialSteps + 2) * dim) + vectors(1, ffn));
  local("down", ".product", vectorMatrix(ffn, dim));
  sum("down", ".sum", 'x', dim);
  local("residual", "", vectors(1, dim));
}

std::vector<LayerStep> Steps::decode() {
  norm("norm");
  local("qkv", ".product", vectorMatrix(dim, dim) + vectorMatrix(dim, dim) + vectorMatrix(dim, dim));
  sum("qkv", ".sum", 'y', 3 * dim);
  local("rope", "", vectors(12, dim / 2)); // of query and key: four products, a difference, a sum
  local("score", ".product", vectorMatrix(dim, seq));
  sum("score", ".sum", 'x', seq);
  local("score", ".scale", vectors(1, seq));
  softmax();
  local("attention", ".product", vectorMatrix(seq, dim));
  sum("attention", ".sum", 'y', dim);
  local("o", ".product", vectorMatrix(dim, dim));
  sum("o", ".sum", 'x', dim);
  local("attention", ".residual", vectors(1, dim));
  norm("ffn_norm");
  feedForward();
  return std::move(steps);
}

/// Of each of the core's rows: a loop of `dim` vectors of a value a row.
void Steps::normRows(std::string_view name) {
  const Cost loop = {.alu = dim * seq, .vectors = dim, .descriptors = 1};
  local(name, ".squares", vectors(1, dim * seq) + loop);
  sum(name, ".sum", 'x', seq);
  local(name, ".scale", loop + loop + scalars(3 * seq, seq));
}

std::vector<LayerStep> Steps::prefill() {
  const auto [features, between, tokens] = std::tuple(on.features, on.between, on.tokens);
  normRows("norm");
  for (const char *name : {"q", "k", "v"})
    gemm(name, tokens, features, features);
  local("rope", "", vectors(12 * (dim / 2), seq));
  gemm("score", tokens, features, tokens, Kind::GemmTransposed);
  const Cost column = {.alu = seq * seq, .vectors = seq, .descriptors = 1};
  local("softmax", ".local_max", column);
  sum("softmax", ".max", 'x', seq, pkg::ReduceKind::Max);
  local("softmax", ".exp", column + column + Cost{.alu = exponentialSteps * seq * seq, .vectors = 1, .descriptors = 1});
  sum("softmax", ".sum", 'x', seq);
  local("softmax", ".scale", column + scalars(seq, 0));
  gemm("attention", tokens, tokens, features);
  gemm("o", tokens, features, features);
  local("attention", ".residual", vectors(1, dim * seq));
  normRows("ffn_norm");
  gemm("up", tokens, features, between);
  gemm("gate", tokens, features, between);
  local("silu", "", scalars(ffn * seq, (exponentialSteps + 2) * ffn * seq) + vectors(1, ffn * seq));
  gemm("down", tokens, between, features);
  local("residual", "", vectors(1, dim * seq));
  return std::move(steps);
}

} // namespace

LayerExtents layerExtents(const std::vector<int64_t> &shape, uint32_t cores, int64_t batch) {
  const int64_t n = cores;
  return {n, shape[0], shape[1], shape[2], ceilDiv(shape[0], n), ceilDiv(shape[1], n), ceilDiv(shape[2], n), batch};
}

std::vector<LayerStep> decodeSteps(const LayerExtents &on) { return Steps(on).decode(); }
std::vector<LayerStep> prefillSteps(const LayerExtents &on) { return Steps(on).prefill(); }

} // namespace weft::algorithms
