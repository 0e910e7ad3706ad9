#include "compiler/graph/LlamaBuilder.h"

#include "compiler/graph/GraphModule.h"
#include "dialects/xf/XfDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

using namespace mlir;

namespace weft::graph {
namespace {

Error badConfig(const frontend::LlamaConfig &config, const std::string &what) {
  return userError(fmt::format("config of model '{}': {}", config.name, what));
}

/// Whether the sizes fit together. A reader may have checked them already; the graph stands on them, so it asks again.
Result<void> checkConfig(const frontend::LlamaConfig &config, uint32_t maxSeq) {
  const std::pair<const char *, uint32_t> sizes[] = {
      {"vocab_size", config.vocabSize},
      {"hidden_size", config.hiddenSize},
      {"intermediate_size", config.intermediateSize},
      {"num_hidden_layers", config.layers},
      {"num_attention_heads", config.heads},
      {"num_key_value_heads", config.kvHeads},
      {"head_dim", config.headDim},
  };
  for (auto [key, value] : sizes)
    if (value == 0 || value > (1u << 24))
      return badConfig(config, fmt::format("{} is {}, but it must lie between 1 and {}", key, value, 1u << 24));
  if (config.heads % config.kvHeads != 0)
    return badConfig(config, fmt::format("num_attention_heads ({}) is not a multiple of num_key_value_heads ({})",
                                         config.heads, config.kvHeads));
  if (config.headDim % 2 != 0)
    return badConfig(config,
                     fmt::format("head_dim is {}; rotary positions turn pairs, so it must be even", config.headDim));
  if (config.rope.inverseFrequencies.size() != config.headDim / 2)
    return badConfig(config, fmt::format("{} inverse frequencies for a head_dim of {}; there must be {}",
                                         config.rope.inverseFrequencies.size(), config.headDim, config.headDim / 2));
  if (!std::isfinite(config.rmsNormEps) || config.rmsNormEps < 0)
    return badConfig(config, fmt::format("rms_norm_eps is {}; it must be finite and not negative", config.rmsNormEps));
  if (config.attentionBias || config.mlpBias)
    return badConfig(config, fmt::format("{} is true, but linear layers with a bias are not supported; only models "
                                         "without biases can be compiled",
                                         config.attentionBias ? "attention_bias" : "mlp_bias"));
  if (maxSeq == 0 || maxSeq > config.maxPositions)
    return userError(fmt::format("longest sequence of {} tokens asked of model '{}', which has {} positions "
                                 "(max_position_embeddings); choose --max-seq between 1 and {}",
                                 maxSeq, config.name, config.maxPositions, config.maxPositions));
  return success();
}

/// Emits @forward, op by op. The first error stays in `failure`; what is emitted after it is thrown away.
class LlamaBuilder {
public:
  LlamaBuilder(MLIRContext &context, const frontend::LlamaConfig &config, const frontend::WeightSource &weights)
      : config(config), weights(weights), builder(&context) {}

  Result<OwningOpRef<ModuleOp>> build(uint32_t maxSeq) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(named(config.name));
    setAttributes(*module, maxSeq);
    func::FuncOp function = createFunction(*module, maxSeq);
    builder.setInsertionPointToStart(function.addEntryBlock());
    ids = function.getArgument(0);
    position = function.getArgument(1);

    Value x = builder.create<xf::EmbeddingOp>(named("embed_tokens"), ids, embeddingTable());
    SmallVector<Value> caches;
    for (uint32_t i = 0; i < config.layers; ++i) {
      Value cache = function.getArgument(2 + i);
      x = layer("layers." + std::to_string(i), x, cache);
      caches.push_back(cache);
    }
    Value logits = head(x);
    SmallVector<Value> results = {logits};
    results.append(caches);
    builder.create<func::ReturnOp>(named("forward"), results);
    if (failure)
      return std::move(*failure);
    return module;
  }

private:
  Location named(const std::string &name) { return NameLoc::get(builder.getStringAttr(name)); }

  void setAttributes(ModuleOp module, uint32_t maxSeq) {
    module->setAttr(modelAttr, builder.getStringAttr(config.name));
    const std::pair<StringRef, uint32_t> numbers[] = {
        {vocabAttr, config.vocabSize}, {hiddenAttr, config.hiddenSize}, {layersAttr, config.layers},
        {headsAttr, config.heads},     {kvHeadsAttr, config.kvHeads},   {headDimAttr, config.headDim},
        {maxSeqAttr, maxSeq},
    };
    for (auto [name, value] : numbers)
      module->setAttr(name, builder.getI64IntegerAttr(value));
  }

  func::FuncOp createFunction(ModuleOp module, uint32_t maxSeq) {
    Type cache =
        xf::KvCacheType::get(builder.getContext(), config.kvHeads, config.headDim, maxSeq, builder.getF32Type());
    SmallVector<Type> caches(config.layers, cache);
    SmallVector<Type> arguments = {RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()),
                                   builder.getIndexType()};
    SmallVector<Type> results = {RankedTensorType::get({1, config.vocabSize}, builder.getF32Type())};
    arguments.append(caches);
    results.append(caches);
    builder.setInsertionPointToEnd(module.getBody());
    return builder.create<func::FuncOp>(named("forward"), forwardFunction, builder.getFunctionType(arguments, results));
  }

  Type elementType(frontend::WeightType type) {
    switch (type) {
    case frontend::WeightType::F32:
      return builder.getF32Type();
    case frontend::WeightType::F16:
      return builder.getF16Type();
    case frontend::WeightType::BF16:
      return builder.getBF16Type();
    default:
      break;
    }
    llvm_unreachable("a weight type of ModelConfig.h");
  }

  /// The weight `name`, which the config wants of `shape`.
  Value param(const std::string &name, std::vector<uint64_t> shape) {
    const frontend::WeightInfo *info = weights.find(name);
    if (!failure && !info)
      failure = userError(fmt::format("model '{}' has no tensor '{}' (expected shape [{}]); the weight files do not "
                                      "belong to this config or are incomplete",
                                      config.name, name, fmt::join(shape, ", ")));
    if (!failure && info->shape != shape)
      failure = userError(fmt::format("tensor '{}' of model '{}' has shape [{}], but its config asks for [{}]", name,
                                      config.name, fmt::join(info->shape, ", "), fmt::join(shape, ", ")));
    Type element = elementType(info ? info->type : frontend::WeightType::F32);
    SmallVector<int64_t> sizes(shape.begin(), shape.end());
    return builder.create<xf::ParamOp>(named(name), RankedTensorType::get(sizes, element), name);
  }

  Value embeddingTable() {
    if (!table)
      table = param("model.embed_tokens.weight", {config.vocabSize, config.hiddenSize});
    return table;
  }

  Value linear(const std::string &name, Value x, uint64_t in, uint64_t out) {
    return builder.create<xf::LinearOp>(named(name), x, param("model." + name + ".weight", {out, in}));
  }

  Value norm(const std::string &name, Value x) {
    Value gamma = param("model." + name + ".weight", {config.hiddenSize});
    return builder.create<xf::RmsNormOp>(named(name), x, gamma, llvm::APFloat(config.rmsNormEps));
  }

  Value rope(const std::string &name, Value x) {
    const std::vector<double> &frequencies = config.rope.inverseFrequencies;
    auto type = RankedTensorType::get({static_cast<int64_t>(frequencies.size())}, builder.getF64Type());
    return builder.create<xf::RopeOp>(named(name), x, position, config.headDim,
                                      DenseElementsAttr::get(type, llvm::ArrayRef(frequencies)));
  }

  /// x after decoder layer `name`; `cache` becomes the cache after it.
  Value layer(const std::string &name, Value x, Value &cache) {
    std::string attention = name + ".self_attn", mlp = name + ".mlp";
    uint64_t hidden = config.hiddenSize, queries = uint64_t(config.heads) * config.headDim;
    uint64_t keys = uint64_t(config.kvHeads) * config.headDim;

    Value normed = norm(name + ".input_layernorm", x);
    Value q = rope(attention + ".q_rope", linear(attention + ".q_proj", normed, hidden, queries));
    Value k = rope(attention + ".k_rope", linear(attention + ".k_proj", normed, hidden, keys));
    Value v = linear(attention + ".v_proj", normed, hidden, keys);
    cache = builder.create<xf::KvAppendOp>(named(attention + ".kv_append"), cache, k, v, position);
    Value mixed = builder.create<xf::AttentionOp>(named(attention), q, cache, position, config.heads,
                                                  llvm::APFloat(1.0 / std::sqrt(double(config.headDim))));
    x = builder.create<xf::AddOp>(named(attention + ".residual"), x,
                                  linear(attention + ".o_proj", mixed, queries, hidden));

    normed = norm(name + ".post_attention_layernorm", x);
    uint64_t inner = config.intermediateSize;
    Value gate = param("model." + mlp + ".gate_proj.weight", {inner, hidden});
    Value up = param("model." + mlp + ".up_proj.weight", {inner, hidden});
    Value down = param("model." + mlp + ".down_proj.weight", {hidden, inner});
    Value bent = builder.create<xf::GatedMlpOp>(named(mlp), normed, gate, up, down, xf::Activation::Silu);
    return builder.create<xf::AddOp>(named(mlp + ".residual"), x, bent);
  }

  /// The newest token's logits. Only its row goes through the final norm and the head.
  Value head(Value x) {
    Value last = norm("norm", builder.create<xf::LastRowOp>(named("last_row"), x));
    Value weight =
        config.tiedEmbeddings ? embeddingTable() : param("lm_head.weight", {config.vocabSize, config.hiddenSize});
    return builder.create<xf::LinearOp>(named("lm_head"), last, weight);
  }

  const frontend::LlamaConfig &config;
  const frontend::WeightSource &weights;
  OpBuilder builder;
  Value ids, position, table;
  std::optional<Error> failure;
};

} // namespace

Result<OwningOpRef<ModuleOp>> buildLlama(MLIRContext &context, const frontend::LlamaConfig &config, uint32_t maxSeq,
                                         const frontend::WeightSource &weights) {
  if (Result<void> checked = checkConfig(config, maxSeq); !checked)
    return checked.takeError();
  context.loadDialect<func::FuncDialect, arith::ArithDialect, xf::XfDialect>();
  LlamaBuilder builder(context, config, weights);
  return builder.build(maxSeq);
}

} // namespace weft::graph
