// The layers of a transformer in `xf`. Internal to compiler/graph.
#pragma once

#include "compiler/graph/Blocks.h"

namespace weft::graph {

/// Emits layers for one function.
class TransformerLayers {
public:
  /// `position`: of the first row's token. `batch`: sequences in the rows, without caches. `mask`: null, or what is
  /// added to all scores (tensor<batch x 1 x 1 x tokens>), without caches.
  TransformerLayers(Blocks &blocks, const frontend::TransformerConfig &config, mlir::Value position, int64_t batch = 1,
                    mlir::Value mask = {})
      : blocks(blocks), builder(blocks.builder), config(config), position(position), batch(batch), mask(mask) {}

  /// x after `layer`. `cache`: what it appends to and then holds what came of that; null: it sees its own rows alone.
  mlir::Value layer(const frontend::LayerConfig &layer, mlir::Value x, mlir::Value *cache);

private:
  mlir::Value attention(const frontend::LayerConfig &layer, mlir::Value x, mlir::Value *cache);
  mlir::Value latentAttention(const frontend::LayerConfig &layer, mlir::Value x, mlir::Value *cache);
  /// Attention itself, over the cache after an append of k and v, or over k and v.
  mlir::Value attend(const std::string &name, const frontend::AttentionConfig &attention, int64_t kvHeads,
                     mlir::Value q, mlir::Value k, mlir::Value v, mlir::Value *cache);
  mlir::Value rope(const std::string &name, mlir::Value x, uint64_t headDim);
  mlir::Value scoreBias(const std::string &name, const frontend::AttentionConfig &attention, mlir::Value rows);
  mlir::Value relativeBias(const std::string &name, const frontend::RelativeBiasConfig &bias, int64_t heads,
                           int64_t tokens);
  mlir::Value feedForward(const frontend::LayerConfig &layer, mlir::Value x);
  mlir::Value mlp(const std::string &name, const frontend::MlpConfig &mlp, mlir::Value x);
  mlir::Value moe(const std::string &name, const frontend::MoeConfig &moe, mlir::Value x);
  mlir::Value add(const std::string &name, mlir::Value a, mlir::Value b) {
    return builder.create<xf::AddOp>(blocks.named(name), a, b);
  }

  Blocks &blocks;
  mlir::OpBuilder &builder;
  const frontend::TransformerConfig &config;
  mlir::Value position;
  int64_t batch;
  mlir::Value mask;
  llvm::StringMap<mlir::Value> biases; // by the name of their table
};

} // namespace weft::graph
