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

/// Of attention in a launch: its bias is ALiBi. For a message.
inline constexpr llvm::StringLiteral alibiAttr = "xf.alibi";

class Raiser {
public:
  Raiser(Importer &importer, Scope &scope) : launch(importer.launch()), p(importer, scope) {}

  /// After the lowering of `n`'s node, in the order of the graph.
  void visit(NodeBuilder &n);

  /// What `name` is made of, in float32; null: it was not raised.
  mlir::Value rowsBehind(const std::string &name);
  /// Of a launch: the first node that is a layer's op by itself, but in a form that no op of xf has, and why; empty:
  /// there is none. What comes after such a node may look wrong only because of it.
  const std::string &firstUnknown() const { return unknown; }
  /// Of a launch: what is wrong with a cache that no attention reads and appends to as its name says; empty: there is
  /// none.
  std::string strayCache();

private:
  struct Linear {
    std::string x;
    mlir::Value rows, weight, bias; // out x in; bias may be null
    double factor = 1;              // on x
  };
  struct Activated {
    xf::Activation kind;
    std::string x, bias = {}; // no bias: an empty name
    double factor = 1;        // on the result
  };
  /// What an attention reads: rows of heads, and a factor that was on them.
  struct Heads {
    Tensor rows;
    double factor = 1;
    bool cached = false; // of a launch: after those that a cache holds
  };
  /// A cache, and the value that it has afterwards.
  struct CacheUse {
    std::string before, after;
    bool turned = false; // `after` has tokens before heads, the cache's output is its transpose
  };

  // ---- each returns whether it has raised the node
  bool raiseMoves(NodeBuilder &n);
  bool raiseFused(NodeBuilder &n);
  bool raiseEmbedding(NodeBuilder &n);
  bool raisePositions(NodeBuilder &n, Tensor table, const Node &gather);
  bool raiseLast(NodeBuilder &n);
  bool raiseScale(NodeBuilder &n);
  bool raiseRotary(NodeBuilder &n);
  bool raiseTurnedRows(NodeBuilder &n);
  bool raiseNorm(NodeBuilder &n);
  bool raiseLinear(NodeBuilder &n);
  bool raiseGatedMlp(NodeBuilder &n);
  bool raiseActivation(NodeBuilder &n);
  bool raiseSum(NodeBuilder &n);
  bool raiseAttention(NodeBuilder &n);
  bool raiseGroupQuery(NodeBuilder &n);
  bool raiseFusedAttention(NodeBuilder &n);

  /// Of a launch, what a node has as its weight; null: that cannot stay in codes, of which firstUnknown() will tell.
  Tensor inCodes(const Node &node, Result<Tensor> weight);
  void noteUnknown(NodeBuilder &n);
  void noteUnstored(const Node &matMulInteger);

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
  std::optional<Linear> gemmOf(NodeBuilder &n, const Node &node);
  std::optional<Linear> packedLinearOf(NodeBuilder &n, const Node &node);
  std::optional<Linear> dynamicLinearOf(NodeBuilder &n, const Node &node);
  mlir::Value scaledRows(NodeBuilder &n, mlir::Value rows, double factor);
  std::optional<DynamicProduct> dynamicProductOf(const Node &node);
  Tensor codedMatrix(NodeBuilder &n, const std::string &name, bool stored);
  static ElementType typeOf(mlir::Value weight);
  void splitLinear(NodeBuilder &n);
  void splitHeads(NodeBuilder &n);
  bool raiseSomeHeads(NodeBuilder &n);
  Tensor columnsOf(NodeBuilder &n, const std::string &name, int64_t offset, int64_t size);

  // ---- attention
  struct Bias {
    std::string name; // empty: computed here
    Tensor value;
    double scale = 1;    // what `value` was multiplied by after it was added
    double replaced = 0; // not 0: scores were not added to this, but this took their place
  };
  struct Scores {
    std::string q, k; // k transposed
    double scale = 1, softcap = 0;
    bool floored = false; // what is no score stays at the floor, so that nothing may scale it
    std::vector<Bias> biases = {};
    bool keysByRow = false; // k is not transposed
  };
  /// Whether it is FusedMatMul of its first input as it is, and of its second or, transB, that one's transpose.
  static bool isPlainFused(const Node &node);
  /// Whether the one has [batch, heads, ..] where the other has [batch * heads, ..].
  bool mergesHeads(const std::string &merged, const std::string &apart);
  /// A value of [batch * heads, tokens, size] before its first dimensions were merged; others as they are.
  std::string apart(const std::string &name);
  std::optional<Scores> scoresOf(NodeBuilder &n, const std::string &name);
  std::optional<Scores> chosenScores(NodeBuilder &n, const Node &where);
  std::optional<Heads> headsOf(NodeBuilder &n, const std::string &name);
  std::optional<Heads> onlyHead(NodeBuilder &n, const std::string &name);
  std::optional<Heads> keysOf(NodeBuilder &n, const std::string &transposed);
  std::optional<Heads> turnedHeads(NodeBuilder &n, const std::string &name, int64_t columns);
  std::optional<Heads> afterCache(NodeBuilder &n, const std::string &cache, Tensor fresh, const std::string &after,
                                  bool turned = false);
  std::string unrepeated(const std::string &name);
  struct Mask {
    bool causal = false;
    int64_t window = 0;
    Tensor bias;
  };
  std::optional<Mask> maskOf(NodeBuilder &n, const std::vector<Bias> &biases, llvm::ArrayRef<int64_t> scores);
  bool isAlibi(Tensor bias);
  std::optional<Mask> knownMask(const Bias &bias, int64_t rows, int64_t keys);

  /// An attention that is one node.
  struct FusedAttention {
    Tensor q, k, v; // rows
    int64_t kvHeads = 0;
    double scale = 0, softcap = 0; // a scale of 0: one over the root of a head's size
    bool causal = false;
    int64_t past = 0, window = 0;
    std::vector<Tensor> biases; // some may be null
  };
  bool raiseStandardAttention(NodeBuilder &n);
  bool leavesAKey(const std::string &name, bool causal);
  bool raiseMultiHead(NodeBuilder &n);
  bool raiseRuntimeAttention(NodeBuilder &n);
  bool addStackedCache(NodeBuilder &n, FusedAttention &attention, size_t input);
  bool addCache(NodeBuilder &n, FusedAttention &attention, size_t input, size_t output);
  bool emitAttend(NodeBuilder &n, const FusedAttention &attention, llvm::ArrayRef<int64_t> scores);
  Tensor withBias(NodeBuilder &n, const std::string &name, const std::string &bias, int64_t offset);

  // ---- rope
  struct Rope {
    std::string x;
    std::vector<double> frequencies;
    double scale = 1;
    int64_t position = 0;
    bool interleaved = false;
  };
  /// What turns, and how: all of each head of `whole`, or its first part.
  struct Turn {
    Rope rope;
    std::string whole;
  };
  /// Which entries of a head turn together, and which dimension of [batch, .., .., size] counts tokens.
  struct TurnForm {
    bool interleaved = false;
    int64_t tokenDim = 2;
  };
  /// Cosines and sines of angles: rows of `half` entries, those of neighbouring positions.
  struct Angles {
    std::vector<double> cosines, sines;
    int64_t rows = 0, half = 0;
    double precision = 0; // of an entry
  };
  std::optional<Angles> anglesOf(const std::string &cosines, const std::string &sines, llvm::ArrayRef<int64_t> shape,
                                 TurnForm form);
  std::optional<Rope> tableRope(const std::string &cosines, const std::string &sines, int64_t position, int64_t rows);
  std::optional<int64_t> firstPosition(const std::string &name, int64_t batch, int64_t rows);
  double precisionOf(const std::string &name);
  std::optional<Rope> ropeOf(const std::string &name, int64_t tokenDim);
  std::optional<Turn> turnOf(const std::string &name, int64_t tokenDim);
  std::optional<std::string> halfTurned(const std::string &name);
  std::optional<std::string> pairsTurned(const std::string &name);
  bool readAngles(const Angles &angles, std::optional<int64_t> position, Rope &rope);
  Tensor emitRope(NodeBuilder &n, const Rope &rope, Tensor rows, int64_t headDim, int64_t batch);

  // ---- rows of features, as ops of xf have them
  bool hasRows(const std::string &name) { return plain.contains(p.source(name)); }
  /// Rows of `columns`: the same elements in the same order as the tensor's.
  Tensor rowsOf(NodeBuilder &n, const std::string &name, int64_t columns);
  /// From now on `name` is made of `rows`.
  void setRows(NodeBuilder &n, const std::string &name, Tensor rows);
  /// The same for [batch, heads, tokens, size] or [batch * heads, tokens, size], whose heads lie side by side in a row.
  /// False, and nothing is done: `name` has another shape.
  bool setHeads(NodeBuilder &n, const std::string &name, Tensor rows);
  void replace(const std::string &name, Tensor tensor);

  const GeneratorLaunch *launch; // null: a tensor program
  Pattern p;
  std::vector<CacheUse> cacheUses;
  std::string unknown;          // firstUnknown
  std::string unknownAttention; // the first node that mixes values by a softmax and was not raised
  std::map<std::string, std::pair<mlir::Value, int64_t>> positionRows; // of a launch: a table, and its row of token 0
  std::map<std::string, Tensor> plain, heads;
  std::map<std::string, Linear> linears;
  std::map<std::string, std::string> embedded; // of a launch: which value has its tokens' rows of a table
};

} // namespace weft::frontend::onnx
