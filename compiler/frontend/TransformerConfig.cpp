#include "compiler/frontend/TransformerConfig.h"

#include <set>

namespace weft::frontend {

//===----------------------------------------------------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------------------------------------------------===//

static std::vector<uint64_t> apply(const ViewStep &step, std::vector<uint64_t> shape) {
  const auto at = shape.begin() + step.dim;
  switch (step.kind) {
  case ViewStep::Kind::Slice:
    *at = step.size;
    return shape;
  case ViewStep::Kind::Expand:
    shape.insert(shape.erase(at), step.sizes.begin(), step.sizes.end());
    return shape;
  case ViewStep::Kind::Collapse: {
    uint64_t product = 1;
    for (uint64_t i = 0; i < step.size; ++i)
      product *= shape[step.dim + i];
    shape.erase(at + 1, at + static_cast<int64_t>(step.size));
    shape[step.dim] = product;
    return shape;
  }
  case ViewStep::Kind::Permute: {
    std::vector<uint64_t> result;
    for (uint64_t from : step.sizes)
      result.push_back(shape[from]);
    return result;
  }
  }
  return shape;
}

std::vector<uint64_t> WeightRef::shape() const {
  std::vector<uint64_t> result = stored;
  for (const ViewStep &step : steps)
    result = apply(step, std::move(result));
  return result;
}

static WeightRef with(WeightRef weight, ViewStep step) {
  if (weight)
    weight.steps.push_back(std::move(step));
  return weight;
}

WeightRef WeightRef::slice(uint32_t dim, uint64_t begin, uint64_t size) const {
  return with(*this, {.kind = ViewStep::Kind::Slice, .dim = dim, .begin = begin, .size = size, .sizes = {}});
}
WeightRef WeightRef::expand(uint32_t dim, std::vector<uint64_t> sizes) const {
  return with(*this, {.kind = ViewStep::Kind::Expand, .dim = dim, .sizes = std::move(sizes)});
}
WeightRef WeightRef::collapse(uint32_t dim, uint32_t count) const {
  return with(*this, {.kind = ViewStep::Kind::Collapse, .dim = dim, .size = count, .sizes = {}});
}
WeightRef WeightRef::permute(std::vector<uint64_t> order) const {
  return with(*this, {.kind = ViewStep::Kind::Permute, .sizes = std::move(order)});
}

//===----------------------------------------------------------------------------------------------------------------===//
// All weights
//===----------------------------------------------------------------------------------------------------------------===//

namespace {

/// Visits weights in the order of use.
class Collector {
public:
  void operator()(const WeightRef &weight) {
    if (weight && seen.emplace(weight.name, weight.stored).second)
      found.push_back({weight.name, weight.stored});
  }
  void operator()(const LinearConfig &linear) {
    (*this)(linear.weight);
    (*this)(linear.bias);
  }
  void operator()(const NormConfig &norm) {
    (*this)(norm.weight);
    (*this)(norm.bias);
  }
  void operator()(const MlpConfig &mlp) {
    (*this)(mlp.gate);
    (*this)(mlp.up);
    (*this)(mlp.down);
  }
  void operator()(const MoeConfig &moe) {
    (*this)(moe.router);
    (*this)(moe.choiceBias);
    for (const MlpConfig &expert : moe.experts)
      (*this)(expert);
    if (moe.shared)
      (*this)(*moe.shared);
  }
  void operator()(const LatentConfig &latent) {
    for (const LinearConfig *linear :
         {&latent.queryDown, &latent.queryPlain, &latent.queryRotary, &latent.down, &latent.rotary})
      (*this)(*linear);
    (*this)(latent.queryNorm);
    (*this)(latent.norm);
    (*this)(latent.keyUp);
    (*this)(latent.valueUp);
  }
  void operator()(const AttentionConfig &attention) {
    if (attention.latent) {
      (*this)(*attention.latent);
    } else {
      (*this)(attention.q);
      (*this)(attention.k);
      (*this)(attention.v);
      (*this)(attention.queryNorm);
      (*this)(attention.keyNorm);
    }
    (*this)(attention.output);
    (*this)(attention.relativeBias.table);
  }
  void operator()(const SublayerNorms &norms) {
    (*this)(norms.pre);
    (*this)(norms.post);
    (*this)(norms.after);
  }
  void operator()(const LayerConfig &layer) {
    (*this)(layer.attentionNorms);
    (*this)(layer.attention);
    (*this)(layer.mlpNorms);
    if (layer.moe)
      (*this)(*layer.moe);
    else
      (*this)(layer.mlp);
  }
  void operator()(const EmbeddingConfig &embedding) {
    (*this)(embedding.tokens);
    (*this)(embedding.positions);
    (*this)(embedding.types);
    (*this)(embedding.norm);
    (*this)(embedding.projection);
  }
  void operator()(const PatchConfig &patches) {
    (*this)(patches.projection);
    (*this)(patches.classToken);
    (*this)(patches.positions);
  }

  std::vector<ExpectedWeight> found;

private:
  std::set<std::pair<std::string, std::vector<uint64_t>>> seen;
};

} // namespace

std::vector<ExpectedWeight> storedWeights(const TransformerConfig &config) {
  Collector collect;
  if (config.patches)
    collect(*config.patches);
  else
    collect(config.embedding);
  for (const LayerConfig &layer : config.layers)
    collect(layer);
  collect(config.finalNorm);
  for (const HeadConfig &head : config.heads)
    for (const HeadConfig::Step &step : head.steps) {
      collect(step.linear);
      collect(step.norm);
    }
  return std::move(collect.found);
}

/// Whether `name` is `pattern`, in which each `*` stands for any characters.
static bool matches(std::string_view pattern, std::string_view name) {
  size_t star = pattern.find('*');
  if (star == std::string_view::npos)
    return pattern == name;
  if (name.substr(0, star) != pattern.substr(0, star))
    return false;
  pattern.remove_prefix(star + 1);
  for (size_t from = star; from <= name.size(); ++from)
    if (matches(pattern, name.substr(from)))
      return true;
  return false;
}

bool ignoresWeight(const TransformerConfig &config, const std::string &name) {
  for (const std::string &pattern : config.ignoredWeights)
    if (matches(pattern, name))
      return true;
  return false;
}

} // namespace weft::frontend
