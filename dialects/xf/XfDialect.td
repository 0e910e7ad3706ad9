// The dialect `xf`: what is computed. Its types and attributes; the ops are in XfOps.td.
#ifndef WEFT_DIALECTS_XF_XFDIALECT_TD
#define WEFT_DIALECTS_XF_XFDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def XfDialect : Dialect {
  let name = "xf";
  let cppNamespace = "::weft::xf";
  let summary = "What a transformer computes: tensors and nothing of where, how or with what";
  let description = [{
    A value is a tensor. The rows of an activation are the tokens of one launch, as many as the launch brings (`?`) or a
    known number; its columns are features. No op has an effect. The meaning of an op is its decomposition to `linalg`
    (`linalg::AggregatedOpInterface`), and `--xf-decompose-to-linalg` applies it. An op's location carries the model's own
    name for it, which reports use.

    A `position` is the number of tokens in the cache before this launch: row i of an activation is the token at position
    + i of the sequence.

    Each constraint has a label (X1, X2, …) in the description of the type or op, in the verifier, and in
    `tests/lit/xf/invalid.mlir`.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def XfKvCacheType : TypeDef<XfDialect, "KvCache"> {
  let mnemonic = "kv_cache";
  let summary = "The keys and values of one layer";
  let description = [{
    Keys and values of up to `maxSeq` tokens, each `kvHeads` × `headDim` values.

    ```mlir
    !xf.kv_cache<2x16x128xf32>              // 2 kv heads, head dimension 16, room for 128 tokens
    !xf.kv_cache<1x40x128xf32, values = 32> // keys of 40 values, values of 32: latent attention
    ```

    It converts to a pair of `tensor<maxSeq x kvHeads x headDim>`, the keys first; the values' last size is `valueDim`,
    which is `headDim` unless it is said. What lies beyond the tokens appended so far has no meaning.

    * X1: the sizes are positive.
    * X2: the element type is f32.
  }];
  let parameters = (ins "int64_t":$kvHeads, "int64_t":$headDim, "int64_t":$maxSeq, "::mlir::Type":$elementType,
                        "int64_t":$valueDim);
  let builders = [TypeBuilder<(ins "int64_t":$kvHeads, "int64_t":$headDim, "int64_t":$maxSeq,
                                   "::mlir::Type":$elementType), [{
    return $_get($_ctxt, kvHeads, headDim, maxSeq, elementType, headDim);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Values that a token adds to the keys: kvHeads * headDim.
    int64_t getRowSize() const { return getKvHeads() * getHeadDim(); }
    /// Values that a token adds to the values: kvHeads * valueDim.
    int64_t getValueRowSize() const { return getKvHeads() * getValueDim(); }
    /// tensor<maxSeq x kvHeads x headDim>: what the keys convert to.
    ::mlir::RankedTensorType getTensorType() const;
    /// tensor<maxSeq x kvHeads x valueDim>: what the values convert to.
    ::mlir::RankedTensorType getValueTensorType() const;
  }];
}

def XfActivation : I32EnumAttr<"Activation", "a function of one number", [
    I32EnumAttrCase<"Silu", 0, "silu">,               // a / (1 + exp(-a))
    I32EnumAttrCase<"Gelu", 1, "gelu">,               // a / 2 · (1 + erf(a / √2))
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,      // a / 2 · (1 + tanh(√(2/π) · (a + 0.044715 a³)))
    I32EnumAttrCase<"QuickGelu", 3, "quick_gelu">,    // a / (1 + exp(-1.702 a))
    I32EnumAttrCase<"Relu", 4, "relu">,               // max(a, 0)
    I32EnumAttrCase<"ReluSquared", 5, "relu_squared">,
    I32EnumAttrCase<"Tanh", 6, "tanh">,
    I32EnumAttrCase<"Sigmoid", 7, "sigmoid">          // 1 / (1 + exp(-a))
  ]> {
  let cppNamespace = "::weft::xf";
  let genSpecializedAttr = 0;
}
def XfActivationAttr : EnumAttr<XfDialect, XfActivation, "activation">;

def XfScoring : I32EnumAttr<"Scoring", "how a router's logits become scores", [
    I32EnumAttrCase<"Softmax", 0, "softmax">, I32EnumAttrCase<"Sigmoid", 1, "sigmoid">
  ]> {
  let cppNamespace = "::weft::xf";
  let genSpecializedAttr = 0;
}
def XfScoringAttr : EnumAttr<XfDialect, XfScoring, "scoring">;

def XfGroupScore : I32EnumAttr<"GroupScore", "what a group of experts is ranked by", [
    I32EnumAttrCase<"Max", 0, "max">,     // its best expert's score
    I32EnumAttrCase<"TopTwo", 1, "top_two"> // the sum of its two best experts' scores
  ]> {
  let cppNamespace = "::weft::xf";
  let genSpecializedAttr = 0;
}
def XfGroupScoreAttr : EnumAttr<XfDialect, XfGroupScore, "group_score">;

// Rank-2 f32, rows of any number, a known number of columns.
def XfRows : Type<
    And<[TensorRankOf<[F32], [2]>.predicate,
         CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).isDynamicDim(1)">]>,
    "rows x columns of f32 with a known number of columns", "::mlir::RankedTensorType">;

// A weight as stored: out x in.
def XfMatrix : Type<
    And<[TensorRankOf<[F32, F16, BF16], [2]>.predicate, HasStaticShapePred]>,
    "a weight matrix (out x in) of f32, f16 or bf16 with a known shape", "::mlir::RankedTensorType">;

def XfVector : Type<
    And<[TensorRankOf<[F32, F16, BF16], [1]>.predicate, HasStaticShapePred]>,
    "a weight vector of f32, f16 or bf16 with a known shape", "::mlir::RankedTensorType">;

def XfStack : Type<
    And<[TensorRankOf<[F32, F16, BF16], [3]>.predicate, HasStaticShapePred]>,
    "a stack of weight matrices (heads x out x in) of f32, f16 or bf16 with a known shape", "::mlir::RankedTensorType">;

def XfIds : Type<TensorRankOf<[I32, I64], [1]>.predicate, "a list of i32 or i64 ids", "::mlir::RankedTensorType">;

// What is added to scores: batch or 1, heads or 1, rows or 1, tokens.
def XfScoreBias : Type<
    And<[TensorRankOf<[F32], [4]>.predicate, HasStaticShapePred]>,
    "f32 of rank 4 and a known shape: batch, heads, rows, tokens", "::mlir::RankedTensorType">;

#endif
