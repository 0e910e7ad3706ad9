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
    The values lie in the model's files and never in the IR.

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

def Xf_LinearOp : XfComputeOp<"linear", [InferTypeOpAdaptor]> {
  let summary = "x · wᵀ, in f32";
  let description = [{
    ```mlir
    %y = xf.linear %x, %w : (tensor<?x64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
    ```

    * X4: the columns of x are the columns of w.
  }];
  let arguments = (ins XfRows:$x, XfMatrix:$w);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x `,` $w attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Xf_RmsNormOp : XfComputeOp<"rms_norm", [AllTypesMatch<["x", "result"]>]> {
  let summary = "x / sqrt(mean(x²) + epsilon) · gamma, each row for itself";
  let description = [{
    ```mlir
    %y = xf.rms_norm %x, %gamma {epsilon = 1.0e-5 : f64} : tensor<?x64xf32>, tensor<64xf32>
    ```

    * X5: gamma has one entry a column.
    * X6: epsilon is finite and not negative.
  }];
  let arguments = (ins XfRows:$x, XfVector:$gamma, F64Attr:$epsilon);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x `,` $gamma attr-dict `:` type($x) `,` type($gamma)";
  let hasVerifier = 1;
}

def Xf_RopeOp : XfComputeOp<"rope", [AllTypesMatch<["x", "result"]>]> {
  let summary = "Rotary position embedding, halves of a head as the pair";
  let description = [{
    The columns are heads of `head_dim` values. In each head, value j and value j + head_dim/2 turn together by the angle
    (position + row) · inverse_frequencies[j]. Angle, sine and cosine are computed in f64, the rotation in f32.

    ```mlir
    %y = xf.rope %x, %position {head_dim = 4 : i64, inverse_frequencies = dense<[1.0, 0.01]> : tensor<2xf64>}
        : tensor<?x64xf32>
    ```

    * X7: head_dim is even, positive, and divides the columns.
    * X8: inverse_frequencies is f64 and has head_dim / 2 entries.
  }];
  let arguments = (ins XfRows:$x, Index:$position, I64Attr:$head_dim, ElementsAttr:$inverse_frequencies);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$x `,` $position attr-dict `:` type($x)";
  let hasVerifier = 1;
}

def Xf_KvAppendOp : XfComputeOp<"kv_append", [AllTypesMatch<["cache", "result"]>]> {
  let summary = "The cache with the rows of k and v as tokens position, position + 1, …";
  let description = [{
    ```mlir
    %c1 = xf.kv_append %c0, %k, %v, %position : !xf.kv_cache<2x16x128xf32>, tensor<?x32xf32>
    ```
    Room for position + rows tokens is the launcher's duty.

    * X9: k and v have kvHeads · headDim columns.
    * X10: a known number of rows is at most the cache's maxSeq.
  }];
  let arguments = (ins XfKvCacheType:$cache, XfRows:$k, XfRows:$v, Index:$position);
  let results = (outs XfKvCacheType:$result);
  let assemblyFormat = "$cache `,` $k `,` $v `,` $position attr-dict `:` qualified(type($cache)) `,` type($k) `,` type($v)";
  let hasVerifier = 1;
}

def Xf_AttentionOp : XfComputeOp<"attention", [AllTypesMatch<["q", "result"]>]> {
  let summary = "Causal grouped-query attention over the cache";
  let description = [{
    The columns of q are `heads` heads. Query head h reads kv head h / (heads / kvHeads). Row i sees the cache's tokens 0 to
    position + i: softmax over them of scale · q·k, then the mean of their values with those weights. The cache already
    holds this launch's tokens.

    ```mlir
    %y = xf.attention %q, %c1, %position {heads = 4 : i64, scale = 0.25 : f64}
        : tensor<?x64xf32>, !xf.kv_cache<2x16x128xf32>
    ```

    * X11: heads is a positive multiple of the cache's kvHeads.
    * X12: the columns of q are heads · headDim.
    * X13: scale is finite.
  }];
  let arguments = (ins XfRows:$q, XfKvCacheType:$cache, Index:$position, I64Attr:$heads, F64Attr:$scale);
  let results = (outs XfRows:$result);
  let assemblyFormat = "$q `,` $cache `,` $position attr-dict `:` type($q) `,` qualified(type($cache))";
  let hasVerifier = 1;
}

def Xf_GatedMlpOp : XfComputeOp<"gated_mlp", [AllTypesMatch<["x", "result"]>]> {
  let summary = "(activation(x · gateᵀ) ∘ (x · upᵀ)) · downᵀ";
  let description = [{
    ```mlir
    %y = xf.gated_mlp silu %x, %gate, %up, %down
        : tensor<?x64xf32>, tensor<128x64xf32>, tensor<128x64xf32>, tensor<64x128xf32>
    ```
    silu(a) = a / (1 + exp(-a)).

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
