#include "tests/unit/random_transformer.h"

#include "runtime/weights/Shard.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>

namespace weft::test {

using namespace frontend;

namespace {

/// Makes the choices. Weights are only named; their values follow from the names they got.
class Choice {
public:
  Choice(uint32_t seed, RandomKinds kinds) : random(seed), kinds(kinds) {}

  uint32_t pick(uint32_t low, uint32_t high) { return std::uniform_int_distribution<uint32_t>(low, high)(random); }
  bool perhaps(uint32_t oneIn = 2) { return pick(1, oneIn) == 1; }

  TransformerConfig transformer() {
    TransformerConfig config;
    config.name = "random";
    config.architecture = "random";
    config.vocabSize = pick(5, 61);
    config.hiddenSize = hidden = pick(3, 40);
    config.maxPositions = 64;
    layerNorms = perhaps(3);
    offset = !layerNorms && perhaps(3) ? 1 : 0;
    chooseHeads(config);
    chooseEmbedding(config.embedding, config.vocabSize);
    const bool parallel = perhaps(4), gated = perhaps(), biased = perhaps(3);
    const auto activation = static_cast<ActivationKind>(pick(0, 6)); // sigmoid is for gates of routers
    const uint32_t inner = pick(2, 50), layers = pick(1, 2);
    for (uint32_t i = 0; i < layers; ++i) {
      LayerConfig layer;
      layer.name = "layers." + std::to_string(i);
      layer.attention = kinds.latents ? latentAttention(layer.name) : attention(layer.name);
      layer.mlp = mlp(layer.name, activation, gated, biased, inner);
      if (kinds.mixtures || perhaps(4))
        layer.moe = moe(layer.name, activation, inner);
      layer.parallel = parallel;
      chooseNorms(layer);
      config.layers.push_back(std::move(layer));
    }
    config.finalNorm = norm("final_norm", hidden);
    HeadConfig head;
    head.output = "logits";
    head.softcap = perhaps(3) ? 3.0 : 0.0;
    const bool tied = !config.embedding.projection && perhaps();
    head.steps.push_back(
        {tied ? LinearConfig{config.embedding.tokens, {}} : linear("lm_head", hidden, config.vocabSize, perhaps(4)),
         {},
         {}});
    config.heads.push_back(head);
    return config;
  }

private:
  static WeightRef whole(const std::string &name, std::vector<uint64_t> shape) { return {name, std::move(shape), {}}; }

  /// out × in, as it is, the other way round, or rows of something larger.
  WeightRef matrix(const std::string &name, uint64_t in, uint64_t out) {
    switch (pick(0, 3)) {
    case 0:
      return whole(name, {in, out}).transposed();
    case 1: {
      const uint64_t before = pick(0, 3);
      return whole(name, {before + out + pick(0, 2), in}).rows(before, out);
    }
    case 2:
      return whole(name, {2, out, in}).at(pick(0, 1)); // one of a stack
    default:
      return whole(name, {out, in});
    }
  }
  LinearConfig linear(const std::string &name, uint64_t in, uint64_t out, bool bias) {
    return {matrix(name, in, out), bias ? whole(name + ".bias", {out}) : WeightRef()};
  }

  NormConfig norm(const std::string &name, uint64_t size) {
    NormConfig norm;
    norm.kind = layerNorms ? NormKind::Layer : NormKind::Rms;
    norm.epsilon = std::pow(10.0, -double(pick(4, 6)));
    norm.offset = offset;
    norm.weight = whole(name + ".norm", {size});
    if (layerNorms && !perhaps(3))
      norm.bias = whole(name + ".norm.bias", {size});
    return norm;
  }

  void chooseHeads(TransformerConfig &config) {
    headDim = kinds.latents ? 2 * pick(1, 4) : pick(1, 12);
    kvHeads = pick(1, 5);
    group = pick(1, 3);
    if (kinds.latents) {
      nope = pick(1, 9);
      value = pick(1, 11);
      rank = pick(2, 14);
    }
    const uint32_t kind = pick(kinds.latents ? 1 : 0, 4); // 0: no rotation
    rotary = kind > 0 && headDim >= 2;
    if (!rotary)
      return;
    const uint32_t pairs = kind == 1 ? pick(1, headDim / 2) : headDim / 2;
    for (uint32_t i = 0; i < pairs; ++i)
      config.rope.inverseFrequencies.push_back(std::pow(1000.0, -double(i) / pairs));
    config.rope.interleaved = perhaps(3);
    config.rope.scale = perhaps(4) ? 1.25 : 1.0;
    if (perhaps(4)) {
      config.rope.longFrom = pick(0, 12);
      for (double frequency : config.rope.inverseFrequencies)
        config.rope.longInverseFrequencies.push_back(frequency / 3);
    }
  }

  void chooseEmbedding(EmbeddingConfig &embedding, uint64_t vocab) {
    const uint64_t width = perhaps(5) ? pick(2, 20) : hidden;
    embedding.tokens = whole("tokens", {vocab, width});
    embedding.scale = perhaps(3) ? std::sqrt(double(hidden)) : 1.0;
    if (width != hidden)
      embedding.projection = linear("project_in", width, hidden, false);
    if (perhaps(3)) {
      embedding.positionOffset = pick(0, 2);
      embedding.positions = whole("positions", {64 + embedding.positionOffset, hidden});
    }
    if (perhaps(4))
      embedding.norm = norm("embedding", hidden);
  }

  /// Queries, keys and values: a tensor each, one after the other in one, or interleaved head by head in one.
  void chooseProjections(AttentionConfig &attention, const std::string &name) {
    const uint64_t queries = uint64_t(kvHeads) * group * headDim, keys = uint64_t(kvHeads) * headDim;
    auto bias = [&](const char *part, uint64_t out) {
      return perhaps() ? whole(name + part + std::string(".bias"), {out}) : WeightRef();
    };
    switch (pick(0, 2)) {
    case 0: {
      WeightRef fused = whole(name + ".qkv", {queries + 2 * keys, hidden});
      attention.q.weight = fused.rows(0, queries);
      attention.k.weight = fused.rows(queries, keys);
      attention.v.weight = fused.rows(queries + keys, keys);
      if (perhaps()) {
        WeightRef fusedBias = whole(name + ".qkv.bias", {queries + 2 * keys});
        attention.q.bias = fusedBias.rows(0, queries);
        attention.k.bias = fusedBias.rows(queries, keys);
        attention.v.bias = fusedBias.rows(queries + keys, keys);
      }
      return;
    }
    case 1:
      if (group == 1) {
        // [heads, 3, head dimension] rows, as GPT-NeoX has them.
        auto part = [&](WeightRef fused, uint64_t index) {
          fused = fused.expand(0, {kvHeads, 3, headDim}).slice(1, index, 1);
          return fused.collapse(0, 3);
        };
        WeightRef fused = whole(name + ".qkv", {3 * keys, hidden}), fusedBias = whole(name + ".qkv.bias", {3 * keys});
        LinearConfig *parts[] = {&attention.q, &attention.k, &attention.v};
        for (uint64_t i = 0; i < 3; ++i)
          *parts[i] = {part(fused, i), part(fusedBias, i)};
        return;
      }
      [[fallthrough]];
    default:
      attention.q = {matrix(name + ".q", hidden, queries), bias(".q", queries)};
      attention.k = {matrix(name + ".k", hidden, keys), bias(".k", keys)};
      attention.v = {matrix(name + ".v", hidden, keys), bias(".v", keys)};
    }
  }

  AttentionConfig attention(const std::string &layer) {
    const std::string name = layer + ".attention";
    AttentionConfig attention;
    attention.heads = kvHeads * group;
    attention.kvHeads = kvHeads;
    attention.headDim = headDim;
    attention.rotary = rotary;
    attention.scale = 1 / std::sqrt(double(headDim));
    attention.window = perhaps(3) ? pick(1, 9) : 0;
    attention.softcap = perhaps(3) ? 2.0 : 0.0;
    chooseProjections(attention, name);
    attention.output = linear(name + ".o", uint64_t(attention.heads) * headDim, hidden, perhaps(3));
    if (const uint32_t kind = pick(0, 3); kind < 2) { // of heads, or of all of them together
      const bool saved = std::exchange(layerNorms, false);
      attention.queryNorm = norm(name + ".q", kind == 0 ? headDim : uint64_t(attention.heads) * headDim);
      attention.keyNorm = norm(name + ".k", kind == 0 ? headDim : uint64_t(kvHeads) * headDim);
      layerNorms = saved;
    }
    return attention;
  }

  /// Heads of `headDim` dimensions that turn and others that do not. Weights are tensors of their own, or head by head
  /// parts of one.
  AttentionConfig latentAttention(const std::string &layer) {
    const std::string name = layer + ".attention";
    const uint64_t heads = kvHeads;
    AttentionConfig attention;
    attention.heads = attention.kvHeads = kvHeads;
    attention.headDim = headDim + static_cast<uint32_t>(nope);
    attention.scale = 1 / std::sqrt(double(attention.headDim));
    attention.window = perhaps(3) ? pick(1, 9) : 0;
    attention.softcap = perhaps(4) ? 2.0 : 0.0;
    attention.output = linear(name + ".o", heads * value, hidden, perhaps(3));
    const bool saved = std::exchange(layerNorms, false);
    LatentConfig latent;
    latent.rank = static_cast<uint32_t>(rank);
    latent.nopeDim = static_cast<uint32_t>(nope);
    latent.ropeDim = headDim;
    latent.valueDim = static_cast<uint32_t>(value);
    uint64_t from = hidden;
    if (perhaps()) {
      from = pick(2, 12);
      latent.queryDown = linear(name + ".q_down", hidden, from, perhaps(3));
      latent.queryNorm = norm(name + ".q_down", from);
    }
    if (perhaps()) {
      const WeightRef query =
          whole(name + ".q", {heads * attention.headDim, from}).expand(0, {heads, attention.headDim});
      latent.queryPlain.weight = query.slice(1, 0, nope).collapse(0, 2);
      latent.queryRotary.weight = query.slice(1, nope, headDim).collapse(0, 2);
    } else {
      latent.queryPlain = linear(name + ".q_plain", from, heads * nope, perhaps());
      latent.queryRotary = linear(name + ".q_rotary", from, heads * headDim, perhaps());
    }
    latent.down = linear(name + ".down", hidden, rank, perhaps(3));
    latent.rotary = linear(name + ".rotary", hidden, headDim, perhaps(3));
    latent.norm = norm(name + ".down", rank);
    if (perhaps()) {
      const WeightRef up = whole(name + ".up", {heads * (nope + value), rank}).expand(0, {heads, nope + value});
      latent.keyUp = up.slice(1, 0, nope).permute({0, 2, 1});
      latent.valueUp = up.slice(1, nope, value);
    } else {
      latent.keyUp = whole(name + ".key_up", {heads, rank, nope});
      latent.valueUp = whole(name + ".value_up", {heads, value, rank});
    }
    layerNorms = saved;
    attention.latent = std::move(latent);
    return attention;
  }

  MlpConfig mlp(const std::string &layer, ActivationKind activation, bool gated, bool biased, uint64_t inner) {
    const std::string name = layer + ".mlp";
    MlpConfig mlp;
    mlp.activation = activation;
    if (gated && perhaps(3)) { // gate and up in one
      WeightRef fused = whole(name + ".gate_up", {2 * inner, hidden});
      mlp.gate.weight = fused.rows(0, inner);
      mlp.up.weight = fused.rows(inner, inner);
    } else {
      if (gated)
        mlp.gate = linear(name + ".gate", hidden, inner, biased);
      mlp.up = linear(name + ".up", hidden, inner, biased);
    }
    mlp.down = linear(name + ".down", inner, hidden, biased);
    return mlp;
  }

  MoeConfig moe(const std::string &layer, ActivationKind activation, uint64_t inner) {
    MoeConfig moe;
    const uint64_t experts = pick(1, kinds.mixtures ? 17 : 6);
    moe.router.weight = matrix(layer + ".router", hidden, experts);
    if (perhaps(3))
      moe.choiceBias = whole(layer + ".router.bias", {experts});
    WeightRef stacked = whole(layer + ".experts.gate_up", {experts, 2 * inner, hidden});
    for (uint64_t i = 0; i < experts; ++i) {
      const std::string name = layer + ".experts." + std::to_string(i);
      moe.experts.push_back({activation,
                             {stacked.at(i).rows(0, inner), {}},
                             {stacked.at(i).rows(inner, inner), {}},
                             linear(name + ".down", inner, hidden, false)});
    }
    moe.topK = pick(1, static_cast<uint32_t>(kinds.mixtures ? std::min<uint64_t>(experts, 4) : experts));
    if (kinds.mixtures && perhaps())
      chooseGroups(moe);
    moe.sigmoid = perhaps(3);
    moe.normalize = perhaps();
    moe.normalizeEpsilon = moe.normalize && perhaps(3) ? 1e-3 : 0;
    moe.scale = perhaps(3) ? 1.5 : 1;
    if (perhaps(3))
      moe.shared = mlp(layer + ".shared", activation, true, false, inner);
    return moe;
  }

  void chooseGroups(MoeConfig &moe) {
    const auto experts = static_cast<uint32_t>(moe.experts.size());
    std::vector<uint32_t> divisors;
    for (uint32_t i = 1; i <= experts; ++i)
      if (experts % i == 0)
        divisors.push_back(i);
    moe.groups = divisors[pick(0, static_cast<uint32_t>(divisors.size()) - 1)];
    const uint32_t members = experts / moe.groups;
    moe.topGroups = pick((moe.topK + members - 1) / members, moe.groups);
    moe.groupByTopTwo = members > 1 && perhaps();
  }

  void chooseNorms(LayerConfig &layer) {
    const uint32_t kind = pick(0, 5); // before is most common
    auto both = [&](NormConfig SublayerNorms::*place, const char *name) {
      layer.attentionNorms.*place = norm(layer.name + ".attention." + name, hidden);
      layer.mlpNorms.*place = norm(layer.name + ".mlp." + name, hidden);
    };
    if (kind != 1 && kind != 2)
      both(&SublayerNorms::pre, "pre");
    if (kind == 1 || kind == 3)
      both(&SublayerNorms::post, "post");
    if (kind == 2)
      both(&SublayerNorms::after, "after");
  }

  std::mt19937 random;
  RandomKinds kinds;
  uint32_t hidden = 1, headDim = 2, kvHeads = 1, group = 1;
  uint64_t nope = 0, value = 0, rank = 0; // of latents
  bool layerNorms = false, rotary = true;
  double offset = 0;
};

std::vector<std::byte> randomBytes(const ExpectedWeight &weight, WeightType type, std::mt19937 &random) {
  uint64_t count = 1;
  for (uint64_t size : weight.shape)
    count *= size;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<std::byte> bytes;
  for (uint64_t i = 0; i < count; ++i) {
    float value = uniform(random);
    if (weight.shape.size() > 1)
      value *= 1.7F / std::sqrt(float(weight.shape.back()));
    else
      value = weight.name.ends_with("norm") ? 1 + 0.3F * value : 0.3F * value;
    uint16_t half = type == WeightType::F16 ? runtime::narrowF16(value) : runtime::narrowBf16(value);
    const auto *from = type == WeightType::F32 ? reinterpret_cast<const std::byte *>(&value)
                                               : reinterpret_cast<const std::byte *>(&half);
    bytes.insert(bytes.end(), from, from + (type == WeightType::F32 ? 4 : 2));
  }
  return bytes;
}

} // namespace

RandomTransformer::RandomTransformer(uint32_t seed, RandomKinds kinds) : config(Choice(seed, kinds).transformer()) {
  std::mt19937 random(seed + 1);
  for (const ExpectedWeight &weight : storedWeights(config)) {
    const auto type = static_cast<WeightType>(random() % 3);
    infos[weight.name] = {weight.name, type, weight.shape, 0, 0};
    contents[weight.name] = randomBytes(weight, type, random);
  }
}

std::vector<std::string> RandomTransformer::names() const {
  std::vector<std::string> result;
  for (const auto &[name, info] : infos)
    result.push_back(name);
  return result;
}

std::string RandomTransformer::text() const {
  const LayerConfig &layer = config.layers.front();
  const AttentionConfig &attention = layer.attention;
  return fmt::format(
      "hidden {} vocab {} layers {} heads {}/{} of {} turning {}{} scale {} q/k norm {} window {} softcap {} norms "
      "{}{}{} kind {} offset {} parallel {} mlp {} gated {} biased {} experts {} in {} groups positions {} embedding "
      "{} x{}",
      config.hiddenSize, config.vocabSize, config.layers.size(), attention.heads, attention.kvHeads, attention.headDim,
      attention.rotary ? config.rope.inverseFrequencies.size() : 0, config.rope.interleaved ? " neighbours" : "",
      config.rope.scale, attention.queryNorm ? attention.queryNorm.weight.stored[0] : 0, attention.window,
      attention.softcap, bool(layer.attentionNorms.pre), bool(layer.attentionNorms.post),
      bool(layer.attentionNorms.after), int(config.finalNorm.kind), config.finalNorm.offset, layer.parallel,
      int(layer.mlp.activation), bool(layer.mlp.gate), bool(layer.mlp.down.bias),
      layer.moe ? layer.moe->experts.size() : 0, layer.moe ? layer.moe->groups : 0, bool(config.embedding.positions),
      config.embedding.tokens.stored[1], config.embedding.scale);
}

} // namespace weft::test
