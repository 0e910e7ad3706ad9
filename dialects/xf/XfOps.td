// The ops of the dialect `xf`.
#ifndef WEFT_DIALECTS_XF_XFOPS_TD
#define WEFT_DIALECTS_XF_XFOPS_TD

include "XfDialect.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class XfOp<string mnemonic, list<Trait> traits = []> : Op<XfDialect, mnemonic, !listconcat([Pure], traits)>;

// An op that computes: it says what it means in linalg, and its result type follows from its operands.
class XfComputeOp<string mnemonic, list<Trait> traits = []> : XfOp<mnemonic, !listconcat(traits, [
    DeclareOpInterfaceMethods<AggregatedOpInterface, ["decomposeOperation"]>])>;

def Xf_ParamOp : XfOp<"param"> {
  let summary = "A weight, by the model's own name";
  let description = [{
    The values lie in the model's files and never in the IR. What a model uses of a stored tensor (rows of a fused
    projection, an expert of a stack, the transpose) is a chain of `tensor.extract_slice`, `tensor.expand_shape`,
    `tensor.collapse_shape` and `linalg.transpose` on it, of known shapes.

    ```mlir
    %w = xf.param "model.layers.0.self_attn.q_proj.weight" : tensor<64x64xbf16>
    ```

    `stored` names the format of blocks that share scales in which the file has it (runtime/weights/BlockFormat.h). What
    the values are is f32.

    * X3: the name is not empty.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<StrAttr>:$stored);
  let results = (outs AnyStaticShapeTensor:$result);
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::llvm::StringRef":$name), [{
    build($_builder, $_state, type, $_builder.getStringAttr(name), ::mlir::StringAttr());
  }]>];
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Xf_EmbeddingOp : XfComputeOp<"embedding", [InferTypeOpAdaptor]> {
  let summary = "Row i is the table's row of id i, as f32";
  let description = [{
    ```mlir
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<256x64xbf16>) -> tensor<?x64xf32>
    ```
    An id that is not below the table's height is not defined; whoever brings ids checks them.
  }];
  let arguments = (ins XfIds:$ids, XfMatrix:$table);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
}

def Xf_AddPositionsOp : XfComputeOp<"add_positions", [AllTypesMatch<["x", "result"]>]> {
  let summary = "x plus, in each row, the table's row of the token's position + offset";
  let description = [{
    Positions that were learned. `batch` sequences lie one after the other in the rows, each from `position` on.

    ```mlir
    %y = xf.add_positions %x, %table, %position {offset = 2 : i64} : tensor<?x64xf32>, tensor<130x64xf32>
    ```

    * X15: the table has the columns of x.
    * X16: offset is not negative; batch is positive and divides a known number of rows.
  }];
  let arguments = (ins XfRows:$x, XfMatrix:$table, Index:$position, DefaultValuedOptionalAttr<I64Attr, "0">:$offset,
                       DefaultValuedOptionalAttr<I64Attr, "1">:$batch);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x `,` $table `,` $position attr-dict `:` type($x) `,` type($table)";
  let hasVerifier = 1;
}

def Xf_LinearOp : XfComputeOp<"linear", [InferTypeOpAdaptor]> {
  let summary = "x · wᵀ, in f32, plus the bias in each row if there is one";
  let description = [{
    ```mlir
    %y = xf.linear %x, %w : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
    %z = xf.linear %x, %w, %b : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<128xbf16>) -> tensor<?x128xf32>
    ```

    * X4: the columns of x are the columns of w.
    * X17: the bias has an entry a row of w.
  }];
  let arguments = (ins XfRows:$x, XfMatrix:$w, Optional<XfVector>:$bias);
  let results = (outs XfRows:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::mlir::Value":$w), [{
    build($_builder, $_state, x, w, ::mlir::Value());
  }]>];
  let assemblyFormat = "$x `,` $w (`,` $bias^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Xf_HeadLinearOp : XfComputeOp<"head_linear", [InferTypeOpAdaptor]> {
  let summary = "Each head's columns of x times that head's matrix, in f32";
  let description = [{
    The columns of x are as many heads as w has matrices (out × in each); those of the result are the heads again.

    ```mlir
    %y = xf.head_linear %x, %w : (tensor<?x64xf32>, tensor<4x32x16xbf16>) -> tensor<?x128xf32>
    ```

    * X18: the columns of x are heads · in.
  }];
  let arguments = (ins XfRows:$x, XfStack:$w);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x `,` $w attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Xf_JoinHeadsOp : XfComputeOp<"join_heads", [InferTypeOpAdaptor]> {
  let summary = "Each head's columns of a, then that head's columns of b";
  let description = [{
    ```mlir
    %y = xf.join_heads %a, %b {heads = 4 : i64} : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x96xf32>
    ```

    * X19: heads is positive and divides the columns of both.
  }];
  let arguments = (ins XfRows:$a, XfRows:$b, I64Attr:$heads);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Xf_RmsNormOp : XfComputeOp<"rms_norm", [AllTypesMatch<["x", "result"]>]> {
  let summary = "x / sqrt(mean(x²) + epsilon) · (gamma + offset), each row for itself";
  let description = [{
    Where gamma has fewer entries than x has columns, each group of so many columns is normed for itself, with the same
    gamma: a norm of heads.

    ```mlir
    %y = xf.rms_norm %x, %gamma {epsilon = 1.0e-5 : f64} : tensor<?x64xf32>, tensor<64xf32>
    %q = xf.rms_norm %x, %gamma {epsilon = 1.0e-5 : f64} : tensor<?x64xf32>, tensor<16xf32>
    ```

    * X5: the entries of gamma divide the columns.
    * X6: epsilon is finite and not negative, offset is finite.
  }];
  let arguments = (ins XfRows:$x, XfVector:$gamma, F64Attr:$epsilon, OptionalAttr<F64Attr>:$offset);
  let results = (outs XfRows:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::mlir::Value":$gamma, "::llvm::APFloat":$epsilon), [{
    build($_builder, $_state, x.getType(), x, gamma, $_builder.getF64FloatAttr(epsilon.convertToDouble()), {});
  }]>];
  let assemblyFormat = "$x `,` $gamma attr-dict `:` type($x) `,` type($gamma)";
  let hasVerifier = 1;
}

def Xf_LayerNormOp : XfComputeOp<"layer_norm", [AllTypesMatch<["x", "result"]>, AttrSizedOperandSegments]> {
  let summary = "(x - mean(x)) / sqrt(variance(x) + epsilon) · gamma + beta, each row for itself";
  let description = [{
    Groups of columns as in `xf.rms_norm`. Without gamma and beta a row is normed as a whole.

    ```mlir
    %y = xf.layer_norm %x gamma(%gamma) beta(%beta) {epsilon = 1.0e-5 : f64}
        : (tensor<?x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    ```

    * X20: the entries of gamma divide the columns, and beta, which needs gamma, has as many.
    * X21: epsilon is finite and not negative.
  }];
  let arguments = (ins XfRows:$x, Optional<XfVector>:$gamma, Optional<XfVector>:$beta, F64Attr:$epsilon);
  let results = (outs XfRows:$result);
  let assemblyFormat = [{
    $x (`gamma` `(` $gamma^ `)`)? (`beta` `(` $beta^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Xf_RopeOp : XfComputeOp<"rope", [AllTypesMatch<["x", "result"]>]> {
  let summary = "Rotary position embedding";
  let description = [{
    The columns are heads of `head_dim` values. Of each head the first 2n values turn, n being the number of inverse
    frequencies, and the rest stays as it is. Values j and j + n turn together (with `interleaved`, 2j and 2j + 1) by the
    angle (position + row) · inverse_frequencies[j]; sine and cosine are multiplied by `scale`. Angle, sine and cosine
    are computed in f64, the rotation in f32.

    A launch whose last token is `long_from` or more tokens into the sequence turns by `long_inverse_frequencies`. Where
    the last rows are padding, `used` is the sequence's length after the launch.
    `batch` sequences lie one after the other in the rows, each from `position` on.

    ```mlir
    %y = xf.rope %x, %position {head_dim = 4 : i64, inverse_frequencies = dense<[1.0, 0.01]> : tensor<2xf64>}
        : tensor<?x64xf32>
    ```

    * X7: head_dim is positive and divides the columns.
    * X8: inverse_frequencies is f64 and has 1 to head_dim / 2 entries; so has long_inverse_frequencies, if it and
      long_from are there.
    * X22: scale is finite; batch is positive and divides a known number of rows.
  }];
  let arguments = (ins XfRows:$x, Index:$position, Optional<Index>:$used, I64Attr:$head_dim,
                       ElementsAttr:$inverse_frequencies,
                       OptionalAttr<F64Attr>:$scale, UnitAttr:$interleaved,
                       OptionalAttr<ElementsAttr>:$long_inverse_frequencies, OptionalAttr<I64Attr>:$long_from,
                       DefaultValuedOptionalAttr<I64Attr, "1">:$batch);
  let results = (outs XfRows:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$x, "::mlir::Value":$position, "int64_t":$headDim,
                                 "::mlir::ElementsAttr":$inverseFrequencies), [{
    build($_builder, $_state, x.getType(), x, position, /*used=*/{}, $_builder.getI64IntegerAttr(headDim), inverseFrequencies,
          /*scale=*/{}, /*interleaved=*/{}, /*long_inverse_frequencies=*/{}, /*long_from=*/{}, /*batch=*/{});
  }]>];
  let assemblyFormat = "$x `,` $position (`used` $used^)? attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Xf_KvAppendOp : XfComputeOp<"kv_append", [AllTypesMatch<["cache", "result"]>]> {
  let summary = "The cache with the rows of k and v as tokens position, position + 1, …";
  let description = [{
    ```mlir
    %c1 = xf.kv_append %c0, %k, %v, %position : !xf.kv_cache<2x16x128xf32>, tensor<?x32xf32>
    ```
    Room for position + rows tokens is the launcher's duty.

    * X9: k has kvHeads · headDim columns, v kvHeads · valueDim.
    * X10: a known number of rows is at most the cache's maxSeq.
  }];
  let arguments = (ins XfKvCacheType:$cache, XfRows:$k, XfRows:$v, Index:$position);
  let results = (outs XfKvCacheType:$result);
  let assemblyFormat = "$cache `,` $k `,` $v `,` $position attr-dict `:` qualified(type($cache)) `,` type($k) `,` type($v)";
  let hasVerifier = 1;
}

def Xf_AttentionOp : XfComputeOp<"attention", [InferTypeOpAdaptor]> {
  let summary = "Causal grouped-query attention over the cache";
  let description = [{
    The columns of q are `heads` heads. Query head h reads kv head h / (heads / kvHeads). Row i sees the cache's tokens 0 to
    position + i, with a `window` only the last so many of these: softmax over them of scale · q·k, with a `softcap` c of
    c · tanh(scale · q·k / c); then the mean of their values with those weights. The cache already holds this launch's
    tokens.

    ```mlir
    %y = xf.attention %q, %c1, %position {heads = 4 : i64, scale = 0.25 : f64}
        : tensor<?x64xf32>, !xf.kv_cache<2x16x128xf32>
    ```

    * X11: heads is a positive multiple of the cache's kvHeads.
    * X12: the columns of q are heads · headDim.
    * X13: scale is finite, a window is positive, a softcap finite and positive.
  }];
  let arguments = (ins XfRows:$q, XfKvCacheType:$cache, Index:$position, I64Attr:$heads, F64Attr:$scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let results = (outs XfRows:$result);
  let builders = [OpBuilder<(ins "::mlir::Value":$q, "::mlir::Value":$cache, "::mlir::Value":$position,
                                 "int64_t":$heads, "::llvm::APFloat":$scale), [{
    build($_builder, $_state, q, cache, position, $_builder.getI64IntegerAttr(heads),
          $_builder.getF64FloatAttr(scale.convertToDouble()), /*window=*/{}, /*softcap=*/{});
  }]>];
  let assemblyFormat = "$q `,` $cache `,` $position attr-dict `:` type($q) `,` qualified(type($cache))";
  let hasVerifier = 1;
}

def Xf_AttendOp : XfComputeOp<"attend", [InferTypeOpAdaptor]> {
  let summary = "Attention over keys and values that are all there";
  let description = [{
    For encoders and whole sequences; no cache is read. `batch` sequences lie one after the other in the rows of q, and in
    those of k and v. The columns of q are `heads` heads and those of k and v `kv_heads`, grouped as in `xf.attention`, as
    are scale and softcap. `bias` is added to the scores then; each of its first three sizes (batch, heads, rows of a
    sequence) may be 1, for all. With `causal`, the last row sees all tokens of its sequence, the one before it all but
    the last, and so on; a `window` w hides tokens w or more before the row's own.

    ```mlir
    %y = xf.attend %q, %k, %v bias(%m) {heads = 4 : i64, kv_heads = 4 : i64, scale = 0.25 : f64}
        : (tensor<12x64xf32>, tensor<12x64xf32>, tensor<12x64xf32>, tensor<1x1x1x12xf32>) -> tensor<12x64xf32>
    ```

    * X23: heads is a positive multiple of kv_heads, which is positive.
    * X24: the columns of q and k are heads of one size, those of v divide by kv_heads.
    * X25: all numbers of rows are known; batch is positive and divides them, and k and v have as many; a causal row has
      its own token among the keys.
    * X26: scale is finite, a window is positive and goes with causal, a softcap is finite and positive.
    * X27: the bias has sizes as said, and as many tokens as a sequence of keys.
  }];
  let arguments = (ins XfRows:$q, XfRows:$k, XfRows:$v, Optional<XfScoreBias>:$bias, I64Attr:$heads, I64Attr:$kv_heads,
                       F64Attr:$scale, UnitAttr:$causal, OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap,
                       DefaultValuedOptionalAttr<I64Attr, "1">:$batch);
  let results = (outs XfRows:$result);
  let assemblyFormat = [{
    $q `,` $k `,` $v (`bias` `(` $bias^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Xf_GatedMlpOp : XfComputeOp<"gated_mlp", [AllTypesMatch<["x", "result"]>]> {
  let summary = "(activation(x · gateᵀ) ∘ (x · upᵀ)) · downᵀ";
  let description = [{
    ```mlir
    %y = xf.gated_mlp silu %x, %gate, %up, %down
        : tensor<?x64xf32>, tensor<128x64xf32>, tensor<128x64xf32>, tensor<64x128xf32>
    ```
    silu(a) = a / (1 + exp(-a)); the others are in XfDialect.td.

    * X14: gate and up are I × columns and down is columns × I, for one I.
  }];
  let arguments = (ins XfRows:$x, XfMatrix:$gate, XfMatrix:$up, XfMatrix:$down, XfActivationAttr:$activation);
  let results = (outs XfRows:$result);
  let assemblyFormat = [{
    `` $activation $x `,` $gate `,` $up `,` $down attr-dict
    `:` type($x) `,` type($gate) `,` type($up) `,` type($down)
  }];
  let hasVerifier = 1;
}

def Xf_MoeOp : XfComputeOp<"moe", [AllTypesMatch<["x", "result"]>, AttrSizedOperandSegments]> {
  let summary = "A gated MLP for each row, mixed from those of `top_k` experts";
  let description = [{
    The router's logits are x · routerᵀ. `scoring` makes scores of them. Experts are chosen by score plus `bias`: with
    `groups` n and `top_groups` m, first the m of n equal groups of neighbours that are best by `group_score`, then the
    `top_k` best experts, of equal ones the earlier. A chosen expert's weight is its score without the bias; with
    `normalize`, divided by the sum of those chosen, plus `normalize_epsilon`; and multiplied by `scale`. The result is
    the sum of the chosen experts' gated MLPs (`xf.gated_mlp`) with these weights.

    ```mlir
    %y = xf.moe silu softmax %x, %router gate(%g0, %g1) up(%u0, %u1) down(%d0, %d1) {top_k = 1 : i64, normalize}
        : tensor<?x64xf32>, tensor<2x64xf32>, (tensor<128x64xf32>, …), (…), (…)
    ```

    * X28: there is an expert a row of the router, and the router has the columns of x.
    * X29: gates and ups are I × columns and downs columns × I, for one I for all experts.
    * X30: top_k is positive; groups divide the experts, and the chosen groups hold at least top_k of them; a group
      ranked by its two best has two.
    * X31: the bias has an entry an expert; scale and normalize_epsilon are finite.
  }];
  let arguments = (ins XfRows:$x, XfMatrix:$router, Optional<XfVector>:$bias, Variadic<XfMatrix>:$gates,
                       Variadic<XfMatrix>:$ups, Variadic<XfMatrix>:$downs, XfActivationAttr:$activation,
                       XfScoringAttr:$scoring, I64Attr:$top_k, UnitAttr:$normalize,
                       OptionalAttr<F64Attr>:$normalize_epsilon, OptionalAttr<F64Attr>:$scale,
                       DefaultValuedOptionalAttr<I64Attr, "1">:$groups,
                       DefaultValuedOptionalAttr<I64Attr, "1">:$top_groups,
                       DefaultValuedOptionalAttr<XfGroupScoreAttr, "::weft::xf::GroupScore::Max">:$group_score);
  let results = (outs XfRows:$result);
  let assemblyFormat = [{
    `` $activation $scoring $x `,` $router (`bias` `(` $bias^ `:` type($bias) `)`)? `gate` `(` $gates `)` `up` `(` $ups `)`
    `down` `(` $downs `)` attr-dict `:` type($x) `,` type($router) `,` `(` type($gates) `)` `,` `(` type($ups) `)` `,`
    `(` type($downs) `)`
  }];
  let hasVerifier = 1;
}

def Xf_AddOp : XfComputeOp<"add", [SameOperandsAndResultType]> {
  let summary = "The sum, element by element";
  let description = [{
    ```mlir
    %c = xf.add %a, %b : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins XfRows:$a, XfRows:$b);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($result)";
}

def Xf_MulOp : XfComputeOp<"mul", [SameOperandsAndResultType]> {
  let summary = "The product, element by element";
  let description = [{
    ```mlir
    %c = xf.mul %a, %b : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins XfRows:$a, XfRows:$b);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($result)";
}

def Xf_ScaleOp : XfComputeOp<"scale", [SameOperandsAndResultType]> {
  let summary = "Each element times a number";
  let description = [{
    ```mlir
    %y = xf.scale %x {factor = 8.0 : f64} : tensor<?x64xf32>
    ```

    * X32: the factor is finite.
  }];
  let arguments = (ins XfRows:$x, F64Attr:$factor);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Xf_ActivationOp : XfComputeOp<"activation", [SameOperandsAndResultType]> {
  let summary = "A function of each element";
  let description = [{
    ```mlir
    %y = xf.activation gelu %x : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins XfRows:$x, XfActivationAttr:$activation);
  let results = (outs XfRows:$result);
  let assemblyFormat = "`` $activation $x attr-dict `:` type($result)";
}

def Xf_LastRowOp : XfComputeOp<"last_row", [InferTypeOpAdaptor]> {
  let summary = "The last row alone: the newest token's";
  let description = [{
    ```mlir
    %y = xf.last_row %x : (tensor<?x64xf32>) -> tensor<1x64xf32>
    ```
  }];
  let arguments = (ins XfRows:$x);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
}

#endif
