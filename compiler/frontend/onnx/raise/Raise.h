// Finds the ops of transformers in an exported graph and makes them ops of xf.
//
// It works on ONNX nodes, while they are lowered. Exporters write a norm or an attention as a dozen nodes; the last of
// them, once it has its generic lowering, is looked at backwards. What it and the ones before it mean together replaces
// its value, and the generic ops that nothing else reads are dropped in the end. So a pattern needs no list of the
// nodes that it covers, values in between may have other uses, and where no pattern fits everything is as it was. On
// nodes, because there a softmax is still one thing; while they are lowered, because then shapes are numbers.
#pragma once

#include "compiler/frontend/onnx/raise/Pattern.h"
#include "dialects/xf/XfDialect.h"

#include <map>
#include <string>

namespace weft::frontend::onnx {

class Raiser {
public:
  Raiser(Importer &importer, Scope &scope) : p(importer, scope) {}

  /// After the lowering of `n`'s node, in the order of the graph.
  void visit(NodeBuilder &n);

private:
  struct Linear {
    std::string x;
    mlir::Value rows, weight, bias; // out x in; bias may be null
  };
  struct Activated {
    xf::Activation kind;
    std::string x;
  };
  /// What an attention reads: rows of heads, and a factor that was on them.
  struct Heads {
    Tensor rows;
    double factor = 1;
  };

  // ---- each returns whether it has raised the node
  bool raiseMoves(NodeBuilder &n);
  bool raiseFused(NodeBuilder &n);
  bool raiseEmbedding(NodeBuilder &n);
  bool raiseNorm(NodeBuilder &n);
  bool raiseLinear(NodeBuilder &n);
  bool raiseGatedMlp(NodeBuilder &n);
  bool raiseActivation(NodeBuilder &n);
  bool raiseSum(NodeBuilder &n);
  bool raiseAttention(NodeBuilder &n);
  bool raiseFusedAttention(NodeBuilder &n);

  // ---- norms
  struct Norm {
    std::string x, gamma, beta;
    double epsilon = 0, offset = 0;
    bool centred = false;
  };
  std::optional<Norm> normOf(const std::string &name);
  std::optional<Norm> rmsOf(const std::string &name);
  std::optional<Norm> layerOf(const std::string &name);
  std::optional<std::string> unscaledRms(const std::string &name, double &epsilon);
  Tensor emitNorm(NodeBuilder &n, const Norm &norm, Tensor rows);

  // ---- activations
  std::optional<Activated> activationOf(const std::string &name);
  std::optional<Activated> geluOf(const std::string &name);
  std::optional<std::string> cubicOf(const std::string &name);

  // ---- linear
  mlir::Value weightMatrix(NodeBuilder &n, const std::string &name, bool transposed);
  mlir::Value weightVector(NodeBuilder &n, const std::string &name, int64_t size);
  std::optional<Linear> linearOf(NodeBuilder &n, const std::string &name);
  void splitLinear(NodeBuilder &n);

  // ---- attention
  struct Bias {
    std::string name; // empty: computed here
    Tensor value;
  };
  struct Scores {
    std::string q, k; // k transposed
    double scale = 1, softcap = 0;
    std::vector<Bias> biases;
  };
  std::optional<Scores> scoresOf(NodeBuilder &n, const std::string &name);
  std::optional<Scores> chosenScores(NodeBuilder &n, const Node &where);
  std::optional<Heads> headsOf(NodeBuilder &n, const std::string &name);
  std::optional<Heads> keysOf(NodeBuilder &n, const std::string &transposed);
  std::string unrepeated(const std::string &name);
  struct Mask {
    bool causal = false;
    int64_t window = 0;
    Tensor bias;
  };
  std::optional<Mask> maskOf(NodeBuilder &n, const std::vector<Bias> &biases, llvm::ArrayRef<int64_t> scores);
  std::optional<Mask> knownMask(const std::string &name, int64_t rows, int64_t keys);

  /// An attention that is one node.
  struct FusedAttention {
    Tensor q, k, v; // rows
    int64_t kvHeads = 0;
    double scale = 0, softcap = 0; // a scale of 0: one over the root of a head's size
    bool causal = false;
    std::vector<Tensor> biases; // some may be null
  };
  bool raiseStandardAttention(NodeBuilder &n);
  bool leavesAKey(const std::string &name, bool causal);
  bool raiseMultiHead(NodeBuilder &n);
  bool raiseRuntimeAttention(NodeBuilder &n);
  bool emitAttend(NodeBuilder &n, const FusedAttention &attention, llvm::ArrayRef<int64_t> scores);
  Tensor withBias(NodeBuilder &n, const std::string &name, Tensor bias, int64_t offset);

  // ---- rope
  struct Rope {
    std::string x;
    std::vector<double> frequencies;
    double scale = 1;
    int64_t position = 0;
  };
  std::optional<Rope> ropeOf(const std::string &name);
  std::optional<std::string> halfTurned(const std::string &name);
  bool readAngles(const std::string &cosines, const std::string &sines, int64_t rows, int64_t columns, Rope &rope);
  Tensor emitRope(NodeBuilder &n, const Rope &rope, Tensor rows, int64_t headDim, int64_t batch);

  // ---- rows of features, as ops of xf have them
  bool hasRows(const std::string &name) { return plain.contains(p.source(name)); }
  /// Rows of `columns`: the same elements in the same order as the tensor's.
  Tensor rowsOf(NodeBuilder &n, const std::string &name, int64_t columns);
  /// From now on `name` is made of `rows`.
  void setRows(NodeBuilder &n, const std::string &name, Tensor rows);
  /// The same for [batch, heads, tokens, size], whose heads lie side by side in a row.
  void setHeads(NodeBuilder &n, const std::string &name, Tensor rows);
  void replace(const std::string &name, Tensor tensor);

  Pattern p;
  std::map<std::string, Tensor> plain, heads;
  std::map<std::string, Linear> linears;
};

} // namespace weft::frontend::onnx
