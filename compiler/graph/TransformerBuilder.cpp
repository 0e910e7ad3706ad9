#include "compiler/graph/TransformerBuilder.h"

#include "compiler/graph/EncoderBuilder.h"
#include "compiler/graph/GraphModule.h"
#include "compiler/graph/TransformerLayers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace weft::graph {

using namespace frontend;

namespace {

Error badConfig(const TransformerConfig &config, const std::string &what) {
  return userError(fmt::format("config of model '{}': {}", config.name, what));
}

/// The numbers that must hold for one layer. A reader may have checked them already; the graph stands on them, so it
/// asks again.
Result<void> checkLayer(const TransformerConfig &config, const LayerConfig &layer) {
  const AttentionConfig &attention = layer.attention;
  const std::pair<const char *, uint32_t> sizes[] = {{"num_attention_heads", attention.heads},
                                                     {"num_key_value_heads", attention.kvHeads},
                                                     {"head_dim", attention.headDim}};
  for (auto [key, value] : sizes)
    if (value == 0 || value > (1U << 24))
      return badConfig(config, fmt::format("{} is {}, but it must lie between 1 and {}", key, value, 1U << 24));
  if (attention.heads % attention.kvHeads != 0)
    return badConfig(config, fmt::format("num_attention_heads ({}) is not a multiple of num_key_value_heads ({})",
                                         attention.heads, attention.kvHeads));
  const size_t turning = 2 * config.rope.inverseFrequencies.size();
  const uint32_t most = attention.latent ? attention.latent->ropeDim : attention.headDim;
  if ((attention.rotary || attention.latent) && (turning == 0 || turning > most))
    return badConfig(config,
                     fmt::format("{} values of a head turn; there must be 2 to {}, the head_dim", turning, most));
  if (!std::isfinite(attention.scale) || !std::isfinite(attention.softcap) || attention.softcap < 0)
    return badConfig(config, "scale and soft cap of attention must be finite");
  for (const NormConfig *norm :
       {&layer.attentionNorms.pre, &layer.attentionNorms.post, &layer.attentionNorms.after, &layer.mlpNorms.pre,
        &layer.mlpNorms.post, &layer.mlpNorms.after, &attention.queryNorm, &attention.keyNorm})
    if (*norm && (!std::isfinite(norm->epsilon) || norm->epsilon < 0 || !std::isfinite(norm->offset)))
      return badConfig(config,
                       fmt::format("the epsilon of a norm is {}; it must be finite and not negative", norm->epsilon));
  return success();
}

Result<void> checkConfig(const TransformerConfig &config) {
  const std::pair<const char *, uint32_t> sizes[] = {
      {"hidden_size", config.hiddenSize}, {"num_hidden_layers", static_cast<uint32_t>(config.layers.size())}};
  for (auto [key, value] : sizes)
    if (value == 0 || value > (1U << 24))
      return badConfig(config, fmt::format("{} is {}, but it must lie between 1 and {}", key, value, 1U << 24));
  if (!config.patches && (config.vocabSize == 0 || config.vocabSize > (1U << 24)))
    return badConfig(config,
                     fmt::format("vocab_size is {}, but it must lie between 1 and {}", config.vocabSize, 1U << 24));
  for (const LayerConfig &layer : config.layers)
    if (Result<void> checked = checkLayer(config, layer); !checked)
      return checked;
  return success();
}

/// Emits @forward, op by op.
class GeneratorBuilder {
public:
  GeneratorBuilder(MLIRContext &context, const TransformerConfig &config, const WeightSource &weights)
      : config(config), blocks(context, config.name, weights), builder(blocks.builder) {}

  Result<OwningOpRef<ModuleOp>> build(uint32_t maxSeq) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(blocks.named(config.name));
    setAttributes(*module, maxSeq);
    func::FuncOp function = createFunction(*module, maxSeq);
    builder.setInsertionPointToStart(function.addEntryBlock());
    ids = function.getArgument(0);
    position = function.getArgument(1);

    TransformerLayers layers(blocks, config, position);
    Value x = embedding();
    SmallVector<Value> caches;
    for (auto [i, layer] : llvm::enumerate(config.layers)) {
      Value cache = function.getArgument(2 + i);
      x = layers.layer(layer, x, &cache);
      caches.push_back(cache);
    }
    Value logits = head(x);
    SmallVector<Value> results = {logits};
    results.append(caches);
    builder.create<func::ReturnOp>(blocks.named("forward"), results);
    if (blocks.failure)
      return std::move(*blocks.failure);
    return module;
  }

private:
  /// The cache of each layer; all are alike.
  xf::KvCacheType cacheType(uint32_t maxSeq) {
    const AttentionConfig &attention = config.layers.front().attention;
    if (const auto &latent = attention.latent)
      return xf::KvCacheType::get(builder.getContext(), 1, latent->rank + latent->ropeDim, maxSeq, builder.getF32Type(),
                                  latent->rank);
    return xf::KvCacheType::get(builder.getContext(), attention.kvHeads, attention.headDim, maxSeq,
                                builder.getF32Type());
  }

  void setAttributes(ModuleOp module, uint32_t maxSeq) {
    module->setAttr(modelAttr, builder.getStringAttr(config.name));
    xf::KvCacheType cache = cacheType(maxSeq);
    const std::pair<StringRef, int64_t> numbers[] = {
        {vocabAttr, config.vocabSize},
        {hiddenAttr, config.hiddenSize},
        {layersAttr, static_cast<int64_t>(config.layers.size())},
        {headsAttr, config.layers.front().attention.heads},
        {kvHeadsAttr, cache.getKvHeads()},
        {headDimAttr, cache.getHeadDim()},
        {maxSeqAttr, maxSeq},
    };
    for (auto [name, value] : numbers)
      module->setAttr(name, builder.getI64IntegerAttr(value));
    if (cache.getValueDim() != cache.getHeadDim())
      module->setAttr(valueDimAttr, builder.getI64IntegerAttr(cache.getValueDim()));
  }

  func::FuncOp createFunction(ModuleOp module, uint32_t maxSeq) {
    SmallVector<Type> caches(config.layers.size(), cacheType(maxSeq));
    SmallVector<Type> arguments = {RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type()),
                                   builder.getIndexType()};
    SmallVector<Type> results = {RankedTensorType::get({1, config.vocabSize}, builder.getF32Type())};
    arguments.append(caches);
    results.append(caches);
    builder.setInsertionPointToEnd(module.getBody());
    return builder.create<func::FuncOp>(blocks.named("forward"), forwardFunction,
                                        builder.getFunctionType(arguments, results));
  }

  Value embedding() {
    const EmbeddingConfig &embedding = config.embedding;
    Value x =
        builder.create<xf::EmbeddingOp>(blocks.named(opName(embedding.tokens)), ids, blocks.weight(embedding.tokens));
    x = blocks.scale("embed_scale", x, embedding.scale);
    if (embedding.projection)
      x = blocks.linear(embedding.projection, x);
    if (embedding.positions)
      x = builder.create<xf::AddPositionsOp>(blocks.named(opName(embedding.positions)), x.getType(), x,
                                             blocks.weight(embedding.positions), position, embedding.positionOffset);
    return blocks.norm(embedding.norm, x);
  }

  /// The newest token's logits. Only its row goes through the final norm and the head.
  Value head(Value x) {
    x = blocks.norm(config.finalNorm, builder.create<xf::LastRowOp>(blocks.named("last_row"), x));
    const HeadConfig &head = config.heads.front();
    for (const HeadConfig::Step &step : head.steps)
      x = blocks.linear(step.linear, x, &step == &head.steps.back() ? "lm_head" : "");
    return blocks.softcap("logits_softcap", x, head.softcap);
  }

  const TransformerConfig &config;
  Blocks blocks;
  OpBuilder &builder;
  Value ids, position;
};

} // namespace

Result<OwningOpRef<ModuleOp>> buildTransformer(MLIRContext &context, const TransformerConfig &config, uint32_t maxSeq,
                                               const WeightSource &weights,
                                               const std::map<std::string, int64_t> &dims) {
  if (Result<void> checked = checkConfig(config); !checked)
    return checked.takeError();
  context.loadDialect<func::FuncDialect, arith::ArithDialect, linalg::LinalgDialect, tensor::TensorDialect,
                      xf::XfDialect>();
  if (config.kind == ModelKind::Encoder)
    return buildEncoder(context, config, weights, dims);
  if (!dims.empty())
    return userError(fmt::format("--dim {}: {} has no symbolic dimensions; a text generator's longest sequence is "
                                 "--max-seq",
                                 dims.begin()->first, config.name));
  if (maxSeq == 0 || maxSeq > config.maxPositions)
    return userError(fmt::format("longest sequence of {} tokens asked of model '{}', which has {} positions "
                                 "(max_position_embeddings); choose --max-seq between 1 and {}",
                                 maxSeq, config.name, config.maxPositions, config.maxPositions));
  if (config.heads.size() != 1)
    return internalError("a generator has one head, not " + std::to_string(config.heads.size()));
  GeneratorBuilder builder(context, config, weights);
  return builder.build(maxSeq);
}

} // namespace weft::graph
