// What a transformer is and where each of its weights lies: one description for decoders and encoders, whatever file
// they came from. Readers fill it; compiler/graph builds `xf` ops of it. Nothing here knows a format or an
// architecture.
#pragma once

#include "compiler/frontend/Weights.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::frontend {

//===----------------------------------------------------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------------------------------------------------===//

/// One step from a stored tensor to the matrix that the model multiplies by. Only what an index map can say.
struct ViewStep {
  enum class Kind {
    Slice,    // entries [begin, begin + size) of dimension `dim`
    Expand,   // dimension `dim` becomes dimensions of `sizes`, whose product it is
    Collapse, // dimensions `dim` to `dim` + `size` - 1 become one
    Permute,  // dimension i of the result is dimension sizes[i]
  };
  Kind kind = Kind::Slice;
  uint32_t dim = 0;
  uint64_t begin = 0, size = 0;
  std::vector<uint64_t> sizes;
};

/// A weight: a stored tensor by name, its shape there, and what the model uses of it. An empty name: there is none.
struct WeightRef {
  std::string name;
  std::vector<uint64_t> stored; // row-major
  std::vector<ViewStep> steps;  // none: the whole tensor as it is

  explicit operator bool() const { return !name.empty(); }
  /// The shape after all steps.
  std::vector<uint64_t> shape() const;

  // Each adds a step.
  WeightRef slice(uint32_t dim, uint64_t begin, uint64_t size) const;
  WeightRef expand(uint32_t dim, std::vector<uint64_t> sizes) const;
  WeightRef collapse(uint32_t dim, uint32_t count) const;
  WeightRef permute(std::vector<uint64_t> order) const;
  /// A matrix stored in × out.
  WeightRef transposed() const { return permute({1, 0}); }
  /// Entry `index` of the first dimension, which goes away.
  WeightRef at(uint64_t index) const { return slice(0, index, 1).collapse(0, 2); }
  /// Rows [begin, begin + size) of a fused matrix or vector.
  WeightRef rows(uint64_t begin, uint64_t size) const { return slice(0, begin, size); }
};

/// x · weightᵀ + bias; weight is out × in after its steps.
struct LinearConfig {
  WeightRef weight, bias;

  explicit operator bool() const { return bool(weight); }
};

//===----------------------------------------------------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------------------------------------------------===//

enum class NormKind { None, Rms, Layer };

struct NormConfig {
  NormKind kind = NormKind::None;
  double epsilon = 1e-5;
  double offset = 0;      // added to the weight: 1 for Gemma
  WeightRef weight, bias; // a layer norm may have none; fewer entries than columns: each head for itself

  explicit operator bool() const { return kind != NormKind::None; }
};

enum class ActivationKind { Silu, Gelu, GeluTanh, QuickGelu, Relu, ReluSquared, Tanh, Sigmoid };

/// Rotary position embedding: the first 2 · inverseFrequencies.size() values of a head turn. Any scaling is applied.
struct RopeConfig {
  double theta = 10000.0;
  std::vector<double> inverseFrequencies;
  double scale = 1;                           // of sine and cosine
  bool interleaved = false;                   // neighbours turn together, not halves
  std::vector<double> longInverseFrequencies; // for sequences of more than `longFrom` tokens; empty: never
  uint64_t longFrom = 0;
};

/// DeepSeek's latent attention. The cache holds a token's latent and its rotated key, one for all heads; queries and
/// values go through the latent's projections instead.
struct LatentConfig {
  LinearConfig queryDown; // to the queries' latent; none: q is projected from the input
  NormConfig queryNorm;
  LinearConfig queryPlain, queryRotary; // heads × nopeDim and heads × ropeDim rows
  LinearConfig down;                    // to the latent
  NormConfig norm;
  LinearConfig rotary; // to the key's rotary part
  WeightRef keyUp,
      valueUp; // heads × latent × nopeDim (its transpose is what the checkpoint has), heads × valueDim × latent
  uint32_t rank = 0, nopeDim = 0, ropeDim = 0, valueDim = 0;
};

/// T5's bias on scores: by the distance between key and query, in buckets, a column a head.
struct RelativeBiasConfig {
  WeightRef table; // buckets × heads
  uint32_t buckets = 0, maxDistance = 0;

  explicit operator bool() const { return bool(table); }
};

struct AttentionConfig {
  uint32_t heads = 0, kvHeads = 0, headDim = 0;
  LinearConfig q, k, v, output;
  NormConfig queryNorm, keyNorm; // before the rotation
  bool rotary = true;            // turns by TransformerConfig::rope
  double scale = 1;
  uint32_t window = 0; // 0: none
  double softcap = 0;  // 0: none
  bool causal = true;
  std::optional<LatentConfig> latent; // q, k, v and the norms are then not used
  RelativeBiasConfig relativeBias;
};

/// A dense MLP: down(activation(gate(x)) ∘ up(x)), without a gate down(activation(up(x))).
struct MlpConfig {
  ActivationKind activation = ActivationKind::Silu;
  LinearConfig gate, up, down;
};

struct MoeConfig {
  LinearConfig router;
  WeightRef choiceBias; // added to scores to choose by, not to weigh with
  std::vector<MlpConfig> experts;
  uint32_t topK = 0, groups = 1, topGroups = 1;
  bool sigmoid = false;   // scores; else softmax
  bool normalize = false; // chosen weights are divided by their sum
  double normalizeEpsilon = 0;
  double scale = 1;
  bool groupByTopTwo = false; // groups are ranked by the sum of their two best scores; else by the best
  std::optional<MlpConfig> shared;
};

/// A part of a layer beside the residual: after(x + post(part(pre(x)))).
struct SublayerNorms {
  NormConfig pre, post, after;
};

struct LayerConfig {
  std::string name; // for people and reports: "layers.0"
  SublayerNorms attentionNorms, mlpNorms;
  AttentionConfig attention;
  MlpConfig mlp;
  std::optional<MoeConfig> moe; // instead of the dense MLP
  bool parallel = false;        // x + attention(pre(x)) + mlp(pre(x))
};

//===----------------------------------------------------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------------------------------------------------===//

struct EmbeddingConfig {
  WeightRef tokens;
  double scale = 1;
  WeightRef positions; // learned; empty: none
  uint32_t positionOffset = 0;
  /// RoBERTa's: a token's position counts the tokens before it that are not this one, which has position
  /// `paddingToken`.
  std::optional<uint32_t> paddingToken;
  WeightRef types;         // token types; empty: none
  NormConfig norm;         // after the sum
  LinearConfig projection; // to the layers' width, after the norm
};

/// ViT's: the image in square patches, a row each, after a class token.
struct PatchConfig {
  uint32_t channels = 0, height = 0, width = 0, patchHeight = 0, patchWidth = 0;
  LinearConfig projection; // hidden × (channels · patchHeight · patchWidth)
  WeightRef classToken, positions;

  uint64_t patches() const { return uint64_t{height / patchHeight} * (width / patchWidth); }
};

/// What is made of the last hidden state, one after the other.
struct HeadConfig {
  bool firstTokenOnly = false; // of each sequence
  bool dropColumn = false;     // the result has one column and is batch × tokens
  struct Step {
    LinearConfig linear;
    std::optional<ActivationKind> activation;
    NormConfig norm; // after the activation
  };
  std::vector<Step> steps;
  double softcap = 0; // of the result; 0: none
  std::string output; // the result's name: "logits"
};

enum class ModelKind {
  Generator, // token by token, with caches: @forward
  Encoder,   // all of a sequence at once: @main, tokens or pixels in, tensors out
};

struct TransformerConfig {
  std::string name, architecture; // for people
  ModelKind kind = ModelKind::Generator;
  uint32_t vocabSize = 0, hiddenSize = 0, maxPositions = 0;
  EmbeddingConfig embedding;
  std::optional<PatchConfig> patches; // instead of tokens
  RopeConfig rope;
  std::vector<LayerConfig> layers;
  NormConfig finalNorm;
  std::vector<HeadConfig> heads; // a generator has one, for logits
  /// Encoders: whether the last hidden state is a result itself, before those of heads.
  bool returnsHidden = false;
  /// Encoders: inputs beside the ids. A mask hides tokens from all others.
  bool takesMask = false, takesTypes = false;
  uint32_t typeCount = 0;
  int32_t bosToken = -1; // -1: none
  std::vector<int32_t> eosTokens;
  /// Names of stored tensors that the model does not read; a `*` stands for anything.
  std::vector<std::string> ignoredWeights;
};

/// Every stored tensor that the model reads, once, with its shape, in the order of use. A name that is used with two
/// shapes is there twice.
std::vector<ExpectedWeight> storedWeights(const TransformerConfig &config);

/// Whether the model does without the stored tensor `name`.
bool ignoresWeight(const TransformerConfig &config, const std::string &name);

} // namespace weft::frontend
