// A layer of a LLaMA-like model as WaferLLM (OSDI 2025) runs it: one token on a square of cores whose vectors lie
// alternately along x and along y, or a prompt as nine GEMMs. Timing: what a layer computes is tested part by part.
//
// The measured programs have one head and no grouped keys and values (their model_config: n_heads 1), so q, k and v are
// all as wide as the model.
//
// Local work is counted in what a vector engine is asked for: vector instructions, loops over vectors whose descriptors
// are set up, elements, and scalars that need a division, a root or an exponential.
#include "compiler/algorithms/Collectives.h"
#include "compiler/algorithms/Gemms.h"

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

/// An exponential as the measured kernels approximate it: the square of a square, an addition, a multiplication.
constexpr int64_t exponentialSteps = 4;

class Layer {
public:
  explicit Layer(Emission &out)
      : out(out), builder(out.builder), cores(out.width()), dim(ceilDiv(out.request.shape[0], cores)),
        ffn(ceilDiv(out.request.shape[1], cores)), seq(ceilDiv(out.request.shape[2], cores)) {}

  Result<void> decode();
  Result<void> prefill();

private:
  void local(const std::string &name, const Cost &cost) {
    Code code;
    code.call(builder.kernel("local"), out.narrow(), cost);
    builder.task(builder.op(name, "local"), everywhere(builder.width), everywhere(builder.height), std::move(code));
    out.facts.macs += static_cast<uint64_t>(cost.macs) * static_cast<uint64_t>(cores * cores);
  }
  Result<void> sum(const std::string &name, const std::string &axis, int64_t elements,
                   pkg::ReduceKind reduce = pkg::ReduceKind::Add) {
    SumRequest request{.algorithm = "ktree", .axis = axis, .elements = elements, .reduce = reduce};
    request.levels = levels;
    request.op = builder.op(name, "all_reduce");
    request.local = {vector, 0, {}};
    return emitSum(out, request);
  }
  Result<void> norm(const std::string &name);
  Result<void> softmax();
  Result<void> feedForward();
  void gemm(const std::string &name, int64_t m, int64_t k, int64_t n) {
    emitRingGemm(out, {name + ".", m, k, n, true, out.narrow()}, route::Embedding::Interleave);
  }
  Result<void> normRows(const std::string &name);

  Emission &out;
  ProgramBuilder &builder;
  int64_t cores, dim, ffn, seq; // of features, of those between, of tokens on a core
  uint32_t vector = 0;          // where sums are made
  int levels = 0;               // of their trees; 0: as set
};

/// Squares, their sum along y, then the scaled vector.
Result<void> Layer::norm(const std::string &name) {
  local(name + ".squares", vectors(2, dim));
  if (auto done = sum(name + ".sum", "y", 1); !done)
    return done;
  local(name + ".scale", vectors(2, dim) + scalars(3, 1)); // mean, root, reciprocal
  return success();
}

Result<void> Layer::softmax() {
  local("softmax.local_max", vectors(1, seq));
  if (auto done = sum("softmax.max", "y", 1, pkg::ReduceKind::Max); !done)
    return done;
  local("softmax.exp",
        vectors(1, seq) + Cost{.alu = exponentialSteps * seq, .vectors = 1, .descriptors = 1} + vectors(1, seq));
  if (auto done = sum("softmax.sum", "y", 1); !done)
    return done;
  local("softmax.scale", vectors(1, seq) + scalars(1, 0));
  return success();
}

Result<void> Layer::feedForward() {
  local("up_gate.product", vectorMatrix(dim, ffn) + vectorMatrix(dim, ffn));
  if (auto done = sum("up_gate.sum", "y", 2 * ffn); !done)
    return done;
  // The measured program activates as many elements as the model's features lie on a core, not all `ffn`
  // (WaferLLM at 2cd13b5, Decode/WSE-2/src/decode.csl, z2_silu).
  local("silu", scalars(dim, (exponentialSteps + 2) * dim) + vectors(1, ffn));
  local("down.product", vectorMatrix(ffn, dim));
  if (auto done = sum("down.sum", "x", dim); !done)
    return done;
  local("residual", vectors(1, dim));
  return success();
}

Result<void> Layer::decode() {
  const int64_t longest = std::max({3 * dim, 2 * ffn, seq});
  vector = builder.buffer("vector", sumBytes(out, "ktree", "xy", longest));
  const auto size = static_cast<uint64_t>(out.elementSize());
  builder.buffer("weights", static_cast<uint64_t>(4 * dim * dim + 3 * dim * ffn) * size,
                 pkg::BufferKind::Communication);
  builder.buffer("cache", static_cast<uint64_t>(2 * dim * seq) * size, pkg::BufferKind::Communication);
  if (auto done = norm("norm"); !done)
    return done;
  local("qkv.product", vectorMatrix(dim, dim) + vectorMatrix(dim, dim) + vectorMatrix(dim, dim));
  if (auto done = sum("qkv.sum", "y", 3 * dim); !done)
    return done;
  local("rope", vectors(12, dim / 2)); // of query and key: four products, a difference, a sum
  local("score.product", vectorMatrix(dim, seq));
  if (auto done = sum("score.sum", "x", seq); !done)
    return done;
  local("score.scale", vectors(1, seq));
  if (auto done = softmax(); !done)
    return done;
  local("attention.product", vectorMatrix(seq, dim));
  if (auto done = sum("attention.sum", "y", dim); !done)
    return done;
  local("o.product", vectorMatrix(dim, dim));
  if (auto done = sum("o.sum", "x", dim); !done)
    return done;
  local("attention.residual", vectors(1, dim));
  if (auto done = norm("ffn_norm"); !done)
    return done;
  return feedForward();
}

/// Of each of the core's rows: a loop of `dim` vectors of a value a row.
Result<void> Layer::normRows(const std::string &name) {
  const Cost loop = {.alu = dim * seq, .vectors = dim, .descriptors = 1};
  local(name + ".squares", vectors(1, dim * seq) + loop);
  if (auto done = sum(name + ".sum", "x", seq); !done)
    return done;
  local(name + ".scale", loop + loop + scalars(3 * seq, seq));
  return success();
}

Result<void> Layer::prefill() {
  const std::vector<int64_t> &shape = out.request.shape;
  levels = 1; // rows of cores chain from both ends to their middle
  const int64_t features = shape[0], between = shape[1], tokens = shape[2];
  vector = builder.buffer("vector", sumBytes(out, "ktree", "xy", seq));
  if (auto done = normRows("norm"); !done)
    return done;
  for (const char *name : {"q", "k", "v"})
    gemm(name, tokens, features, features);
  local("rope", vectors(12 * (dim / 2), seq));
  emitTransposedGemm(out, {"score.", tokens, features, tokens});
  const Cost column = {.alu = seq * seq, .vectors = seq, .descriptors = 1};
  local("softmax.local_max", column);
  if (auto done = sum("softmax.max", "x", seq, pkg::ReduceKind::Max); !done)
    return done;
  local("softmax.exp", column + column + Cost{.alu = exponentialSteps * seq * seq, .vectors = 1, .descriptors = 1});
  if (auto done = sum("softmax.sum", "x", seq); !done)
    return done;
  local("softmax.scale", column + scalars(seq, 0));
  gemm("attention", tokens, tokens, features);
  gemm("o", tokens, features, features);
  local("attention.residual", vectors(1, dim * seq));
  if (auto done = normRows("ffn_norm"); !done)
    return done;
  gemm("up", tokens, features, between);
  gemm("gate", tokens, features, between);
  local("silu", scalars(ffn * seq, (exponentialSteps + 2) * ffn * seq) + vectors(1, ffn * seq));
  gemm("down", tokens, between, features);
  local("residual", vectors(1, dim * seq));
  return success();
}

Result<void> checkSquare(const Emission &out) {
  if (out.width() == out.height())
    return success();
  return userError("a layer needs a square of cores, since its vectors lie along x and along y in turn");
}

void setFacts(Emission &out) {
  const std::vector<int64_t> &shape = out.request.shape;
  out.facts.tile = out.facts.padded = {};
  for (int64_t extent : shape) {
    out.facts.tile.push_back(ceilDiv(extent, out.width()));
    out.facts.padded.push_back(ceilDiv(extent, out.width()) * out.width());
  }
}

} // namespace

Result<void> emitDecodeLayer(Emission &out) {
  if (auto square = checkSquare(out); !square)
    return square;
  auto done = Layer(out).decode();
  setFacts(out);
  return done;
}

Result<void> emitPrefillLayer(Emission &out) {
  if (auto square = checkSquare(out); !square)
    return square;
  auto done = Layer(out).prefill();
  setFacts(out);
  return done;
}

} // namespace weft::algorithms
