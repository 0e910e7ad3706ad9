// The grid dialect: where each value of the graph is computed.
#ifndef WEFT_DIALECTS_GRID
#define WEFT_DIALECTS_GRID

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Grid_Dialect : Dialect {
  let name = "grid";
  let cppNamespace = "::weft::grid";
  let summary = "Where: tensors laid out over a rectangle of cores, and the algorithms that compute on them";
  let description = [{
    A value is a tensor whose encoding, `#grid.layout`, says which part of it each core holds. Everything a core computes
    alone is a `grid.call` of a tile kernel; everything that moves data is an op of this dialect. The interpreter
    (compiler/place/Interpreter.h) defines what the ops mean by running them on every core of a mesh.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

// ---- attributes -----------------------------------------------------------------------------------------------

class Grid_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::weft::grid";
  let genSpecializedAttr = 0;
}
def Grid_Axis : Grid_Enum<"Axis", "a mesh axis", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"X", 1, "x">, I32EnumAttrCase<"Y", 2, "y">]>;
def Grid_ShardKind : Grid_Enum<"ShardKind", "how a dimension is divided", [
  I32EnumAttrCase<"Whole", 0, "whole">,       // every core has all of it
  I32EnumAttrCase<"Block", 1, "block">,       // rank r has [r*local, (r+1)*local)
  I32EnumAttrCase<"Sequence", 2, "sequence">, // balanced runs of the tokens in use, docs/program-model.md
  I32EnumAttrCase<"Heads", 3, "heads">,       // attention heads by position, compiler/place/Geometry.h
  I32EnumAttrCase<"Packed", 4, "packed">,     // the contraction order of a `heads` dimension, padded to whole blocks
  I32EnumAttrCase<"Overlap", 5, "overlap">]>; // rank r has `local` from min(r*local, extent - local) on: no padding, the
                                              // last ranks share some
def Grid_RankOrder : Grid_Enum<"RankOrder", "how logical ring ranks map to cores", [
  I32EnumAttrCase<"Identity", 0, "identity">, I32EnumAttrCase<"Interleave", 1, "interleave">]>;
def Grid_ReduceKind : Grid_Enum<"ReduceKind", "what an all-reduce computes", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Max", 1, "max">]>;
def Grid_GemmAlgo : Grid_Enum<"GemmAlgo", "GEMM algorithm", [
  I32EnumAttrCase<"MeshGemm", 0, "meshgemm">, I32EnumAttrCase<"Cannon", 1, "cannon">]>;
def Grid_RelayoutAlgo : Grid_Enum<"RelayoutAlgo", "re-layout algorithm", [
  I32EnumAttrCase<"Diagonal", 0, "diagonal">, I32EnumAttrCase<"MaskedSum", 1, "masked_sum">]>;
def Grid_WeightOrder : Grid_Enum<"WeightOrder", "how parts share a weight's columns", [
  I32EnumAttrCase<"Single", 0, "single">,
  I32EnumAttrCase<"SideBySide", 1, "side_by_side">, // each core: its columns of part 0, then of part 1, …
  I32EnumAttrCase<"Qkv", 2, "qkv">,                 // each core: q heads, k heads, v heads of its kv heads
  I32EnumAttrCase<"Query", 3, "query">,             // a vector; each core: the entries of its q heads
  I32EnumAttrCase<"Key", 4, "key">,                 // the same for its k heads
  I32EnumAttrCase<"HeadDim", 5, "head_dim">,        // a vector of one head; each core: the dimensions of heads on it
  I32EnumAttrCase<"Pieces", 6, "pieces">]>;         // each core: its columns of each piece of heads, as `pieces` has them
def Grid_ScalarKind : Grid_Enum<"ScalarKind", "what a kernel is told about where and when it runs", [
  I32EnumAttrCase<"Constant", 0, "const">, I32EnumAttrCase<"Rows", 1, "rows">, I32EnumAttrCase<"RankX", 2, "rank_x">,
  I32EnumAttrCase<"RankY", 3, "rank_y">, I32EnumAttrCase<"Loop", 4, "loop">]>;

def Grid_RankOrderAttr : EnumAttr<Grid_Dialect, Grid_RankOrder, "order">;
def Grid_ReduceKindAttr : EnumAttr<Grid_Dialect, Grid_ReduceKind, "reduce">;
def Grid_GemmAlgoAttr : EnumAttr<Grid_Dialect, Grid_GemmAlgo, "algo">;
def Grid_RelayoutAlgoAttr : EnumAttr<Grid_Dialect, Grid_RelayoutAlgo, "relayout">;
def Grid_WeightOrderAttr : EnumAttr<Grid_Dialect, Grid_WeightOrder, "weight_order">;
def Grid_AxisAttr : EnumAttr<Grid_Dialect, Grid_Axis, "axis">;

// ---- types ----------------------------------------------------------------------------------------------------

def Grid_BlocksType : TypeDef<Grid_Dialect, "Blocks"> {
  let mnemonic = "blocks";
  let summary = "a weight that stays as the model's file has it: a small number, and scales that a core's rows share";
  let description = [{
    The element of matrices that are multiplied by, of weights and of experts; what it stands for is an f32. A matrix of
    an expert is one block on a core. Codes have `bits` bits and begin at
    `least`; `group` rows on a core share a scale, `superGroup` rows what that is multiplied with. The flags, each 0 or
    1, say whether groups have scales and minimums, and whether codes stand for those of a codebook; `wide` that what is
    shared is f32, not f16, `zeros` that groups have zero points instead of minimums.
    runtime/package/BlockShape.h has the layout.
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$least, "int64_t":$group, "int64_t":$superGroup, "int64_t":$scales,
                        "int64_t":$minimums, "int64_t":$codebook, DefaultValuedParameter<"int64_t", "0">:$wide,
                        DefaultValuedParameter<"int64_t", "0">:$zeros);
  let assemblyFormat = [{
    `<` $bits `from` $least `,` $group `in` $superGroup `,` $scales `,` $minimums `,` $codebook
    (`wide` $wide^)? (`zeros` $zeros^)? `>`
  }];
  let genVerifyDecl = 1;
}

class Grid_Attr<string name, string mnemonicName> : AttrDef<Grid_Dialect, name> { let mnemonic = mnemonicName; }

def Grid_ShardAttr : Grid_Attr<"Shard", "shard"> {
  let summary = "how one dimension of a tensor is divided, and its extent on a core with padding";
  let parameters = (ins EnumParameter<Grid_Axis>:$axis, EnumParameter<Grid_ShardKind>:$kind, "int64_t":$local);
  let assemblyFormat = "`<` $axis `,` $kind `,` $local `>`";
}

def Grid_LayoutAttr : Grid_Attr<"Layout", "layout"> {
  let summary = "which part of a tensor each core of a mesh holds";
  let description = [{
    One shard for each dimension. An axis that divides no dimension replicates the tensor; an axis in `partial` means that
    the tensor is the sum (or maximum) over that axis of what the cores hold. `pad` is what the shards add beyond the
    tensor's extent, dimension by dimension.

    - G1: an axis divides at most one dimension.
    - G2: an axis that divides a dimension is not partial.
    - G3: the shards cover the dimension: local extent times cores on the axis, less the padding, is the extent.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$mesh, ArrayRefParameter<"ShardAttr">:$dims,
                        ArrayRefParameter<"int64_t">:$pad, EnumParameter<Grid_Axis>:$partial);
  let assemblyFormat = "`<` $mesh `,` `dims` `=` `[` $dims `]` `,` `pad` `=` `[` $pad `]` `,` `partial` `=` $partial `>`";
  let genVerifyDecl = 1;
}

def Grid_ScalarAttr : Grid_Attr<"Scalar", "scalar"> {
  let summary = "a scalar argument of a tile kernel; `value` is the constant, the loop's depth (0 = innermost), or how "
                "many of what the kernel counts a row has";
  let parameters = (ins EnumParameter<Grid_ScalarKind>:$kind, "int64_t":$value);
  let assemblyFormat = "`<` $kind `,` $value `>`";
}

// ---- ops ------------------------------------------------------------------------------------------------------

class Grid_Op<string mnemonic, list<Trait> traits = []> : Op<Grid_Dialect, mnemonic, traits>;
def Grid_Tensor : Type<CPred<"::weft::grid::layoutOf($_self) != nullptr">, "tensor with a #grid.layout",
                       "::mlir::RankedTensorType">;

def Grid_MeshOp : Grid_Op<"mesh", [Symbol]> {
  let summary = "a rectangle of cores and the order of its logical rings";
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$width, I64Attr:$height,
                       Grid_RankOrderAttr:$rank_to_core);
  let assemblyFormat = "$sym_name $width `x` $height `` $rank_to_core attr-dict";
  let hasVerifier = 1;
}

def Grid_LaunchOp : Grid_Op<"launch"> {
  let summary = "the launch words [n, token…], brought by the host to every core";
  let results = (outs Grid_Tensor:$words);
  let assemblyFormat = "attr-dict `:` type($words)";
  let hasVerifier = 1;
}

def Grid_InputOp : Grid_Op<"input"> {
  let summary = "a tensor that the host brings to every core; `dtype` is what the host calls its elements";
  let description = [{ With `fallback` it may be left out, and all its elements are that number then. }];
  let arguments = (ins StrAttr:$name, StrAttr:$dtype, OptionalAttr<I64Attr>:$fallback);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$name $dtype (`else` $fallback^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Grid_ConstantOp : Grid_Op<"constant", [Pure]> {
  let summary = "values that every core has in SRAM";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Grid_StoredOp : Grid_Op<"stored", [Pure]> {
  let summary = "a weight of any rank, resident in SRAM: a view of what the model's files have";
  let description = [{
    Element (i, j, …) is the stored element at `base` + offset(i) + offset(j) + …. The offset of an index is the sum over
    the digits of a mixed radix: `digits` has for each dimension [size, stride, size, stride, …], the outermost digit
    first, strides in elements.

    - G13: the sizes of a dimension's digits multiply to its extent.
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$base, ArrayAttr:$digits);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$name `at` $base $digits attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Grid_ParamOp : Grid_Op<"param", [Pure]> {
  let summary = "a launch parameter: tokens in the cache, divided rounding up by each divisor in turn";
  let arguments = (ins StrAttr:$name, DenseI64ArrayAttr:$divisors);
  let results = (outs Index:$value);
  let assemblyFormat = "$name $divisors attr-dict";
  let hasVerifier = 1;
}

def Grid_WeightOp : Grid_Op<"weight", [Pure]> {
  let summary = "weights resident in SRAM, by their names in the model's files";
  let description = [{
    `transposed`: stored out x in, as linear layers are. `heads` = [kv heads, query heads a kv head, head dimension] where a
    dimension is divided by heads, with [pairs of dimensions that turn, whether they are neighbours] behind where these
    are not all pairs (i, i + half), and [a value's dimension or 0, dimensions of the rotary part] behind these for heads
    that have such a part. A part without a name is zero.

    `pieces` says what each part makes: `query_rotary`, `query_rest`, `key_rotary` (one for all heads), `key_rest` or
    `value`.

    `views` has an entry a part: empty if the part is a stored tensor as it is, else [base, digits, digits]: element (i, j)
    of the part (of a vector i alone) is stored element base + offset(i) + offset(j). Digits are [size, stride, size,
    stride, …], the outermost first; the offset of an index is the sum of its digits times their strides.

    - G18: the pieces that lie side by side on a core have as many columns as its shard.
  }];
  let arguments = (ins StrArrayAttr:$parts, Grid_WeightOrderAttr:$order, UnitAttr:$transposed,
                       OptionalAttr<DenseI64ArrayAttr>:$heads, OptionalAttr<ArrayAttr>:$views,
                       OptionalAttr<StrArrayAttr>:$pieces);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = [{
    $parts `` $order (`transposed` $transposed^)? (`heads` $heads^)? (`pieces` $pieces^)? (`views` $views^)? attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
}

def Grid_ExpertsOp : Grid_Op<"experts", [Pure]> {
  let summary = "matrices of experts, resident in SRAM, each in the regions of the mesh that have it";
  let description = [{
    A region is `rows_per_region` neighbouring ranks of y; ranks behind the last one hold zeros. It has a slot for each
    entry of the result's first dimension, and `expert` says, region by region, which expert is in each, -1 for none.
    The other two dimensions are the matrix, one divided on x as any weight is, the other, an expert's inner one of
    extent `inner`, over the ranks of its region: its extent in the type is what all ranks of the mesh hold together.

    `parts` has as many names for each expert, in the experts' order, whose columns lie side by side on a core as those
    of `grid.weight` do. `views` are as there; all matrices are stored out x in.

    - G14: the layout is [slots, whole], then one dimension in blocks on x and one on y, the latter without padding.
    - G15: `expert` has an entry for each slot of whole regions that the mesh has room for, and names no expert twice
      in a region and none that `parts` has not.
    - G16: the ranks of a region together hold an expert's inner dimension.
  }];
  let arguments = (ins StrArrayAttr:$parts, I64Attr:$experts, I64Attr:$inner, I64Attr:$rows_per_region,
                       DenseI64ArrayAttr:$expert, OptionalAttr<ArrayAttr>:$views);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = [{
    $parts `of` $experts `inner` $inner `rows` $rows_per_region `expert` $expert (`views` $views^)? attr-dict
    `:` type($result)
  }];
  let hasVerifier = 1;
}

def Grid_RopeTableOp : Grid_Op<"rope_table", [Pure]> {
  let summary = "cos and sin of position*frequency for positions 0, stride, 2*stride…; rows x columns of (cos, sin)";
  let description = [{
    One frequency a pair that turns; both numbers times `scale`. Pairs that do not turn have (1, 0). With
    `long_inverse_frequencies`, as many rows again with these follow.
  }];
  let arguments = (ins F64ElementsAttr:$inverse_frequencies, I64Attr:$stride, I64Attr:$rows, DenseI64ArrayAttr:$heads,
                       OptionalAttr<F64Attr>:$scale, OptionalAttr<F64ElementsAttr>:$long_inverse_frequencies);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$inverse_frequencies `stride` $stride `rows` $rows `heads` $heads attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Grid_CacheOp : Grid_Op<"cache"> {
  let summary = "one half (keys or values) of a layer's KV cache, resident between launches";
  let arguments = (ins StrAttr:$name);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Grid_EmptyOp : Grid_Op<"empty", [Pure]> {
  let summary = "a value without contents, for a kernel to write";
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Grid_ViewOp : Grid_Op<"view", [Pure]> {
  let summary = "a contiguous part of every core's shard, from element `offset` on";
  let arguments = (ins Grid_Tensor:$input, I64Attr:$offset);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$input `at` $offset attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Grid_CallOp : Grid_Op<"call", [AttrSizedOperandSegments]> {
  let summary = "every core runs a tile kernel on its own shards";
  let description = [{
    The kernel's buffers are `ins` and `outs` in the order that `order` gives: entry i is the index, among ins followed by
    outs, of the kernel's i-th buffer. `outs` are updated in place; the results are their new values.

    - G4: results have the types of outs.
    - G5: `order` is a permutation of all operands.

    `counted` = [buffer, numerator, denominator]: the kernel's first scalar, m, is the first word of its buffer of this number, at
    least 1 and at most what the scalar says otherwise. Where nothing is computed, m is taken to be numerator / denominator
    for each row of the sequence on a core.

    - G17: a counted call's buffer has i32 words, and its first scalar counts rows or is a constant.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<Grid_Tensor>:$ins, Variadic<Grid_Tensor>:$outs,
                       DenseI64ArrayAttr:$order, ArrayAttr:$scalars, OptionalAttr<DenseI64ArrayAttr>:$counted);
  let results = (outs Variadic<Grid_Tensor>:$results);
  let assemblyFormat = [{
    $kernel `ins` `(` ($ins^ `:` type($ins))? `)` `outs` `(` $outs `:` type($outs) `)` `order` $order `scalars` $scalars
    (`counted` $counted^)? attr-dict `:` type($results)
  }];
  let hasVerifier = 1;
}

def Grid_GemmOp : Grid_Op<"gemm", [Pure]> {
  let summary = "C = A * B, A[sequence on y, K on x], B[K on y, N on x], C[sequence on y, N on x]";
  let description = [{
    A's and B's shards of K move along logical rings, one block a step, so that each core meets every block of K once
    (Cannon). `meshgemm` orders the rings by the two-hop interleave of the mesh; `cannon` uses cores in their natural order,
    so that the wrap-around crosses the whole row. Meshes that are not square divide K into lcm(width, height) blocks.

    - G6: A's rows are divided as sequence on y, its columns on x; B's rows on y, its columns on x.
    - G7: `algo` agrees with the mesh's rank order.
  }];
  let arguments = (ins Grid_Tensor:$a, Grid_Tensor:$b, Grid_GemmAlgoAttr:$algo);
  let results = (outs Grid_Tensor:$c);
  let assemblyFormat = "`` $algo $a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($c)";
  let hasVerifier = 1;
}

def Grid_GemvOp : Grid_Op<"gemv", [Pure]> {
  let summary = "y = x * W, x[1, K on y], W[K on y, N on x]: local products, then an all-reduce along y";
  let description = [{
    `levels` is K of the K-tree and `groups` the number of groups of its first level (WaferLLM, MeshGEMV). `in_router` is
    as in `all_reduce`.

    - G8: x is divided on y and replicated along x as W's rows are.
  }];
  let arguments = (ins Grid_Tensor:$x, Grid_Tensor:$w, I64Attr:$levels, I64Attr:$groups, UnitAttr:$in_router);
  let results = (outs Grid_Tensor:$y);
  let assemblyFormat = "$x `,` $w `levels` $levels `groups` $groups (`in_router` $in_router^)? attr-dict `:` type($x) `,` type($w) `->` type($y)";
  let hasVerifier = 1;
}

def Grid_AllReduceOp : Grid_Op<"all_reduce", [Pure]> {
  let summary = "combines a partial value along an axis; every core of the line gets the whole";
  let description = [{
    A K-tree: `levels` levels of chains towards the middle of each group, then a multicast. With `segment` > 0 the line is
    divided into runs of that many cores, reduced separately; cores beyond `segments` runs take no part.

    `in_router`: routers combine the words in passing, from both ends of the line or segment to its middle core. There
    the order is (low op own) op high, where low was made upwards, each core's value the second operand, and high
    downwards, each core's value the first; sums that are no number are the canonical one.

    - G9: the operand is partial along `axis`, the result is not.
    - G10: levels and groups are at least 1 and groups at most the cores of the line or segment.
    - G12: `in_router` goes with one level of one group.
  }];
  let arguments = (ins Grid_Tensor:$input, Grid_AxisAttr:$axis,
                       Grid_ReduceKindAttr:$kind, I64Attr:$levels, I64Attr:$groups,
                       DefaultValuedAttr<I64Attr, "0">:$segment, DefaultValuedAttr<I64Attr, "0">:$segments,
                       UnitAttr:$in_router);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "`` $kind $input `along` `` $axis `levels` $levels `groups` $groups (`in_router` $in_router^)? attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Grid_ShiftOp : Grid_Op<"shift", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "every core gives its shard to the core one rank below on the axis's logical ring";
  let description = [{
    With `wrap` rank 0 gives to the last rank; without it rank 0 gives nothing and the last rank's shard is unspecified.
  }];
  let arguments = (ins Grid_Tensor:$input, Grid_AxisAttr:$axis, BoolAttr:$wrap);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$input `along` `` $axis `wrap` $wrap attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Grid_ToLayoutOp : Grid_Op<"to_layout", [Pure]> {
  let summary = "a vector divided on x and replicated along y becomes divided on y and replicated along x";
  let description = [{
    `diagonal`: on a square mesh the core with equal ranks multicasts its shard along its row. `masked_sum`: every core
    selects the blocks of its row's share that it holds and an all-reduce along x, as `all_reduce` does it, adds them
    up; any rectangle.

    - G11: `diagonal` needs a square mesh.
  }];
  let arguments = (ins Grid_Tensor:$input, Grid_RelayoutAlgoAttr:$algo, I64Attr:$levels, I64Attr:$groups,
                       UnitAttr:$in_router);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "`` $algo $input `levels` $levels `groups` $groups (`in_router` $in_router^)? attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Grid_OwnBlockOp : Grid_Op<"own_block", [Pure]> {
  let summary = "of a vector that every core has whole the block that is the core's, divided on an axis";
  let arguments = (ins Grid_Tensor:$input);
  let results = (outs Grid_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def Grid_OutputOp : Grid_Op<"output"> {
  let summary = "the first row of cores gives a tensor that is not divided on y to the host";
  let description = [{
    A tensor program's has the `dtype` that the host calls its elements, and their `shape`.
  }];
  let arguments = (ins Grid_Tensor:$input, StrAttr:$name, OptionalAttr<StrAttr>:$dtype,
                       OptionalAttr<DenseI64ArrayAttr>:$shape);
  let assemblyFormat = "$name $input ($dtype^ $shape)? attr-dict `:` type($input)";
  let hasVerifier = 1;
}

#endif // WEFT_DIALECTS_GRID
