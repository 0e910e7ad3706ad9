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
    !xf.kv_cache<2x16x128xf32>   // 2 kv heads, head dimension 16, room for 128 tokens
    ```

    It converts to a pair of `tensor<maxSeq x kvHeads x headDim>`, the keys first. What lies beyond the tokens appended so
    far has no meaning.

    * X1: the three sizes are positive.
    * X2: the element type is f32.
  }];
  let parameters = (ins "int64_t":$kvHeads, "int64_t":$headDim, "int64_t":$maxSeq, "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Values a token adds to the keys, and as many to the values: kvHeads * headDim.
    int64_t getRowSize() const { return getKvHeads() * getHeadDim(); }
    /// tensor<maxSeq x kvHeads x headDim>: what the keys convert to, and what the values convert to.
    ::mlir::RankedTensorType getTensorType() const;
  }];
}

def XfActivation : I32EnumAttr<"Activation", "how a gated MLP bends its gate", [
    I32EnumAttrCase<"Silu", 0, "silu">
  ]> {
  let cppNamespace = "::weft::xf";
  let genSpecializedAttr = 0;
}
def XfActivationAttr : EnumAttr<XfDialect, XfActivation, "activation">;

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

def XfIds : Type<TensorRankOf<[I32], [1]>.predicate, "a list of i32 token ids", "::mlir::RankedTensorType">;

#endif
