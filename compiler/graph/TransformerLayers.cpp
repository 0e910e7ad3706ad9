#include "compiler/graph/TransformerLayers.h"

#include <cmath>

using namespace mlir;

namespace weft::graph {

using namespace frontend;

Value TransformerLayers::layer(const LayerConfig &layer, Value x, Value *cache) {
  const SublayerNorms &first = layer.attentionNorms, &second = layer.mlpNorms;
  const std::string attentionName = layer.name + ".self_attn", mlpName = layer.name + ".mlp";
  Value input = x, normed = blocks.norm(first.pre, x);
  Value mixed = layer.attention.latent ? latentAttention(layer, normed, cache) : attention(layer, normed, cache);
  x = blocks.norm(first.after, add(attentionName + ".residual", x, blocks.norm(first.post, mixed)));
  normed = blocks.norm(second.pre, layer.parallel ? input : x);
  Value bent = blocks.norm(second.post, feedForward(layer, normed));
  return blocks.norm(second.after, add(mlpName + ".residual", x, bent));
}

//===----------------------------------------------------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------------------------------------------------===//

Value TransformerLayers::rope(const std::string &name, Value x, uint64_t headDim) {
  const RopeConfig &rope = config.rope;
  auto table = [&](const std::vector<double> &frequencies) {
    auto type = RankedTensorType::get({static_cast<int64_t>(frequencies.size())}, builder.getF64Type());
    return DenseElementsAttr::get(type, ArrayRef<double>(frequencies));
  };
  auto op = builder.create<xf::RopeOp>(blocks.named(name), x, position, static_cast<int64_t>(headDim),
                                       table(rope.inverseFrequencies));
  if (rope.scale != 1)
    op.setScale(llvm::APFloat(rope.scale));
  op.setInterleaved(rope.interleaved);
  if (!rope.longInverseFrequencies.empty()) {
    op.setLongInverseFrequenciesAttr(table(rope.longInverseFrequencies));
    op.setLongFrom(rope.longFrom);
  }
  if (batch != 1)
    op.setBatch(batch);
  return op;
}

Value TransformerLayers::attention(const LayerConfig &layer, Value x, Value *cache) {
  const AttentionConfig &attention = layer.attention;
  const std::string name = layer.name + ".self_attn";
  // A part of a fused weight goes by the part's name.
  auto project = [&](const LinearConfig &linear, const std::string &part) {
    return blocks.linear(linear, x, linear.weight.steps.empty() ? "" : name + "." + part);
  };
  auto turned = [&](const std::string &part, Value rows) {
    return attention.rotary ? rope(name + "." + part + "_rope", rows, attention.headDim) : rows;
  };
  Value q = turned("q", blocks.norm(attention.queryNorm, project(attention.q, "q_proj")));
  Value k = turned("k", blocks.norm(attention.keyNorm, project(attention.k, "k_proj")));
  Value v = project(attention.v, "v_proj");
  return blocks.linear(attention.output, attend(name, attention, attention.kvHeads, q, k, v, cache));
}

Value TransformerLayers::attend(const std::string &name, const AttentionConfig &attention, int64_t kvHeads, Value q,
                                Value k, Value v, Value *cache) {
  auto window = attention.window ? builder.getI64IntegerAttr(attention.window) : IntegerAttr();
  auto softcap = attention.softcap != 0 ? builder.getF64FloatAttr(attention.softcap) : FloatAttr();
  auto heads = builder.getI64IntegerAttr(attention.heads);
  auto scale = builder.getF64FloatAttr(attention.scale);
  if (cache) {
    *cache = builder.create<xf::KvAppendOp>(blocks.named(name + ".kv_append"), *cache, k, v, position);
    return builder.create<xf::AttentionOp>(blocks.named(name), q, *cache, position, heads, scale, window, softcap);
  }
  Value bias = scoreBias(name, attention, q);
  auto op = builder.create<xf::AttendOp>(blocks.named(name), q, k, v, bias, heads, builder.getI64IntegerAttr(kvHeads),
                                         scale, attention.causal ? builder.getUnitAttr() : UnitAttr(), window, softcap,
                                         batch != 1 ? builder.getI64IntegerAttr(batch) : IntegerAttr());
  return op;
}

Value TransformerLayers::latentAttention(const LayerConfig &layer, Value x, Value *cache) {
  const AttentionConfig &attention = layer.attention;
  const LatentConfig &latent = *attention.latent;
  const std::string name = layer.name + ".self_attn";
  Value from = latent.queryDown ? blocks.norm(latent.queryNorm, blocks.linear(latent.queryDown, x)) : x;
  Value plain = blocks.linear(latent.queryPlain, from, name + ".q_nope");
  Value turned = rope(name + ".q_rope", blocks.linear(latent.queryRotary, from, name + ".q_pe"), latent.ropeDim);
  // A query meets latents, not keys: q · (W c) is (Wᵀ q) · c.
  Value absorbed =
      builder.create<xf::HeadLinearOp>(blocks.named(name + ".q_absorbed"), plain, blocks.weight(latent.keyUp));
  Value q = builder.create<xf::JoinHeadsOp>(blocks.named(name + ".q"), absorbed, turned, attention.heads);

  Value compressed = blocks.norm(latent.norm, blocks.linear(latent.down, x, name + ".kv_down"));
  Value shared = rope(name + ".k_rope", blocks.linear(latent.rotary, x, name + ".k_pe"), latent.ropeDim);
  Value k = builder.create<xf::JoinHeadsOp>(blocks.named(name + ".k"), compressed, shared, 1);
  Value mixed = attend(name, attention, 1, q, k, compressed, cache);
  Value values = builder.create<xf::HeadLinearOp>(blocks.named(name + ".v_up"), mixed, blocks.weight(latent.valueUp));
  return blocks.linear(attention.output, values);
}

/// T5's bucket of a key `distance` tokens after its query. Computed in f32, as the models were trained with.
static int32_t bucketOf(int64_t distance, const RelativeBiasConfig &bias) {
  const int32_t half = static_cast<int32_t>(bias.buckets) / 2, exact = half / 2;
  const int32_t side = distance > 0 ? half : 0;
  const int64_t far = std::abs(distance);
  if (far < exact)
    return side + static_cast<int32_t>(far);
  float share = std::log(static_cast<float>(far) / static_cast<float>(exact)) /
                static_cast<float>(std::log(static_cast<double>(bias.maxDistance) / exact));
  int32_t bucket = exact + static_cast<int32_t>(share * static_cast<float>(half - exact));
  return side + std::min(bucket, half - 1);
}

Value TransformerLayers::relativeBias(const std::string &name, const RelativeBiasConfig &bias, int64_t heads,
                                      int64_t tokens) {
  Location loc = blocks.named(name + ".relative_bias");
  // A row of the table for each distance, from -(tokens - 1) on.
  std::vector<int32_t> buckets;
  for (int64_t distance = 1 - tokens; distance < tokens; ++distance)
    buckets.push_back(bucketOf(distance, bias));
  auto idsType = RankedTensorType::get({2 * tokens - 1}, builder.getI32Type());
  Value ids = builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(idsType, ArrayRef<int32_t>(buckets)));
  Value rows = builder.create<xf::EmbeddingOp>(loc, ids, blocks.weight(bias.table));
  auto type = RankedTensorType::get({1, heads, tokens, tokens}, builder.getF32Type());
  Value init = builder.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
  Value last = builder.create<arith::ConstantIndexOp>(loc, tokens - 1);
  SmallVector<utils::IteratorType> loops(4, utils::IteratorType::parallel);
  auto op = builder.create<linalg::GenericOp>(
      loc, type, ValueRange(), init, builder.getMultiDimIdentityMap(4), loops, [&](OpBuilder &b, Location, ValueRange) {
        auto index = [&](int64_t dim) -> Value { return b.create<linalg::IndexOp>(loc, dim); };
        Value distance = b.create<arith::AddIOp>(loc, b.create<arith::SubIOp>(loc, index(3), index(2)), last);
        Value value = b.create<tensor::ExtractOp>(loc, rows, ValueRange{distance, index(1)});
        b.create<linalg::YieldOp>(loc, value);
      });
  return op.getResult(0);
}

Value TransformerLayers::scoreBias(const std::string &name, const AttentionConfig &attention, Value rows) {
  if (!attention.relativeBias)
    return mask;
  Value &bias = biases[attention.relativeBias.table.name];
  if (bias)
    return bias;
  int64_t tokens = cast<RankedTensorType>(rows.getType()).getDimSize(0) / batch;
  bias = relativeBias(name, attention.relativeBias, attention.heads, tokens);
  if (!mask)
    return bias;
  Location loc = blocks.named(name + ".masked_bias");
  auto type = RankedTensorType::get({batch, attention.heads, tokens, tokens}, builder.getF32Type());
  Value init = builder.create<tensor::EmptyOp>(loc, type.getShape(), type.getElementType());
  auto d = [&](unsigned i) { return builder.getAffineDimExpr(i); };
  // Sizes of 1 would make maps with constants; they go away first.
  auto dropped = [&](Value value, ArrayRef<int64_t> shape, ArrayRef<ReassociationIndices> groups) -> Value {
    auto result = RankedTensorType::get(shape, builder.getF32Type());
    return builder.create<tensor::CollapseShapeOp>(loc, result, value, groups);
  };
  Value byHead = dropped(bias, {attention.heads, tokens, tokens}, {{0, 1}, {2}, {3}});
  Value bySequence = dropped(mask, {batch, tokens}, {{0}, {1, 2, 3}});
  auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(4, 0, results, builder.getContext()); };
  SmallVector<utils::IteratorType> loops(4, utils::IteratorType::parallel);
  SmallVector<AffineMap> maps = {map({d(1), d(2), d(3)}), map({d(0), d(3)}), builder.getMultiDimIdentityMap(4)};
  bias = builder
             .create<linalg::GenericOp>(loc, type, ValueRange{byHead, bySequence}, init, maps, loops,
                                        [&](OpBuilder &b, Location, ValueRange in) {
                                          Value sum = b.create<arith::AddFOp>(loc, in[0], in[1]);
                                          b.create<linalg::YieldOp>(loc, sum);
                                        })
             .getResult(0);
  return bias;
}

//===----------------------------------------------------------------------------------------------------------------===//
// MLPs
//===----------------------------------------------------------------------------------------------------------------===//

Value TransformerLayers::feedForward(const LayerConfig &layer, Value x) {
  const std::string name = layer.name + ".mlp";
  return layer.moe ? moe(name, *layer.moe, x) : mlp(name, layer.mlp, x);
}

Value TransformerLayers::mlp(const std::string &name, const MlpConfig &mlp, Value x) {
  if (!mlp.gate) {
    Value inner = blocks.activation(name + ".activation", mlp.activation, blocks.linear(mlp.up, x));
    return blocks.linear(mlp.down, inner);
  }
  if (mlp.gate.bias || mlp.up.bias || mlp.down.bias) {
    Value gate = blocks.activation(name + ".activation", mlp.activation, blocks.linear(mlp.gate, x));
    Value product = builder.create<xf::MulOp>(blocks.named(name + ".product"), gate, blocks.linear(mlp.up, x));
    return blocks.linear(mlp.down, product);
  }
  Value gate = blocks.weight(mlp.gate.weight), up = blocks.weight(mlp.up.weight);
  Value down = blocks.weight(mlp.down.weight);
  return builder.create<xf::GatedMlpOp>(blocks.named(name), x, gate, up, down, activationOf(mlp.activation));
}

Value TransformerLayers::moe(const std::string &name, const MoeConfig &moe, Value x) {
  auto optional = [&](double value, double absent) {
    return value == absent ? FloatAttr() : builder.getF64FloatAttr(value);
  };
  Value router = blocks.weight(moe.router.weight), bias = blocks.weightOrNull(moe.choiceBias);
  SmallVector<Value> gates, ups, downs;
  for (const MlpConfig &expert : moe.experts) {
    gates.push_back(blocks.weight(expert.gate.weight));
    ups.push_back(blocks.weight(expert.up.weight));
    downs.push_back(blocks.weight(expert.down.weight));
  }
  const ActivationKind kind = moe.experts.empty() ? ActivationKind::Silu : moe.experts.front().activation;
  Value routed =
      builder.create<xf::MoeOp>(blocks.named(name), x.getType(), x, router, bias, gates, ups, downs, activationOf(kind),
                                moe.sigmoid ? xf::Scoring::Sigmoid : xf::Scoring::Softmax, moe.topK, moe.normalize,
                                optional(moe.normalizeEpsilon, 0), optional(moe.scale, 1), moe.groups, moe.topGroups,
                                moe.groupByTopTwo ? xf::GroupScore::TopTwo : xf::GroupScore::Max);
  if (!moe.shared)
    return routed;
  return add(name + ".sum", routed, mlp(name + ".shared_experts", *moe.shared, x));
}

} // namespace weft::graph
