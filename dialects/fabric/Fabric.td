// The fabric dialect: how data moves. docs/program-model.md says what a program means.
#ifndef WEFT_DIALECTS_FABRIC
#define WEFT_DIALECTS_FABRIC

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"

def Fabric_Dialect : Dialect {
  let name = "fabric";
  let cppNamespace = "::weft::fabric";
  let summary = "How: core classes, coloured routes, SRAM buffers and what each class of cores does, step by step";
  let description = [{
    The IR has the size of the number of classes, never of the number of cores: who runs a task is an affine set of
    (x, y), where a channel goes is a pattern along an axis, and what differs from core to core inside a class is an
    expression of the core's coordinates and ranks.
  }];
  let useDefaultAttributePrinterParser = 1;
}

// ---- attributes -----------------------------------------------------------------------------------------------

class Fabric_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::weft::fabric";
  let genSpecializedAttr = 0;
}
// The cases of these enums have the values of the package schema.
def Fabric_Axis : Fabric_Enum<"Axis", "a mesh axis", [
  I32EnumAttrCase<"None", 0, "none">, I32EnumAttrCase<"X", 1, "x">, I32EnumAttrCase<"Y", 2, "y">]>;
def Fabric_Source : Fabric_Enum<"Source", "what an expression scales", [
  I32EnumAttrCase<"Constant", 0, "const">, I32EnumAttrCase<"Param", 1, "param">, I32EnumAttrCase<"Loop", 2, "loop">,
  I32EnumAttrCase<"CoordX", 3, "x">, I32EnumAttrCase<"CoordY", 4, "y">, I32EnumAttrCase<"RankX", 5, "rank_x">,
  I32EnumAttrCase<"RankY", 6, "rank_y">]>;
def Fabric_ReduceKind : Fabric_Enum<"ReduceKind", "a reduction", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Max", 1, "max">]>;
def Fabric_BufferKind : Fabric_Enum<"BufferKind", "what a buffer is for", [
  I32EnumAttrCase<"Weights", 0, "weights">, I32EnumAttrCase<"Constants", 1, "constants">,
  I32EnumAttrCase<"KvCache", 2, "kv_cache">, I32EnumAttrCase<"Activations", 3, "activations">,
  I32EnumAttrCase<"Communication", 4, "communication">, I32EnumAttrCase<"HostIo", 5, "host_io">]>;
def Fabric_PatternKind : Fabric_Enum<"PatternKind", "a family of flows along an axis", [
  I32EnumAttrCase<"Ring", 0, "ring">,             // [direction]: every core to the next in the logical ring
  I32EnumAttrCase<"TreeLow", 1, "tree_low">,      // [level, levels, groups, segment, segments]: chains from the low side
  I32EnumAttrCase<"TreeHigh", 2, "tree_high">,    // the same: chains from the high side
  I32EnumAttrCase<"TreeCast", 3, "tree_cast">,    // [levels, groups, segment, segments]: from the root to all
  I32EnumAttrCase<"Diagonal", 4, "diagonal">,     // from x = y to the whole row
  I32EnumAttrCase<"HostIn", 5, "host_in">, I32EnumAttrCase<"HostOut", 6, "host_out">,
  I32EnumAttrCase<"Combine", 7, "combine">]>;     // [segment, segments]: from all to the middle, combined in routers
def Fabric_CombineKind : Fabric_Enum<"CombineKind", "what routers make of words", [
  I32EnumAttrCase<"AddF32", 1, "add_f32">, I32EnumAttrCase<"MaxF32", 2, "max_f32">,
  I32EnumAttrCase<"AddBF16", 3, "add_bf16">, I32EnumAttrCase<"MaxBF16", 4, "max_bf16">,
  I32EnumAttrCase<"AddI32", 5, "add_i32">, I32EnumAttrCase<"MaxI32", 6, "max_i32">]>;
def Fabric_AxisAttr : EnumAttr<Fabric_Dialect, Fabric_Axis, "axis">;
def Fabric_ReduceKindAttr : EnumAttr<Fabric_Dialect, Fabric_ReduceKind, "reduce">;
def Fabric_BufferKindAttr : EnumAttr<Fabric_Dialect, Fabric_BufferKind, "kind">;
def Fabric_PatternKindAttr : EnumAttr<Fabric_Dialect, Fabric_PatternKind, "pattern">;
def Fabric_CombineKindAttr : EnumAttr<Fabric_Dialect, Fabric_CombineKind, "combine">;

class Fabric_Attr<string name, string mnemonicName> : AttrDef<Fabric_Dialect, name> { let mnemonic = mnemonicName; }

def Fabric_ExprAttr : Fabric_Attr<"Expr", "expr"> {
  let summary = "add + scale * source; `index` picks the parameter or the loop (0 = innermost)";
  let description = [{
    Printed as `<8>`, `<rank_y>`, `<32 * param 1 + 4>`, `<-1 * rank_x + 16>`.
  }];
  let parameters = (ins EnumParameter<Fabric_Source>:$source, "int64_t":$index, "int64_t":$scale, "int64_t":$add);
  let hasCustomAssemblyFormat = 1;
}
def Fabric_TermAttr : Fabric_Attr<"Term", "term"> {
  let summary = "((scale * counter of loop + phase) mod modulus) * stride bytes; the phase may depend on the core's rank";
  let parameters = (ins "int64_t":$loop, "int64_t":$scale, "ExprAttr":$phase, "int64_t":$modulus, "int64_t":$stride);
  let assemblyFormat = "`<` `(` $scale `*` `loop` $loop `+` $phase `)` `mod` $modulus `*` $stride `>`";
  let genVerifyDecl = 1;
}
def Fabric_RefAttr : Fabric_Attr<"Ref", "ref"> {
  let summary = "an address in a buffer of the core";
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$buffer, "int64_t":$offset, OptionalArrayRefParameter<"TermAttr">:$terms);
  let assemblyFormat = "`<` $buffer `+` $offset (`[` $terms^ `]`)? `>`";
}
def Fabric_WorkAttr : Fabric_Attr<"Work", "work"> {
  let summary = "what a call asks of the core";
  let parameters = (ins "bool":$narrow, "ExprAttr":$macs, "ExprAttr":$alu, "ExprAttr":$special, "ExprAttr":$load,
                        "ExprAttr":$store, "ExprAttr":$vectors, "ExprAttr":$descriptors);
  let assemblyFormat = "`<` struct(params) `>`";
}

// ---- structure ------------------------------------------------------------------------------------------------

class Fabric_Op<string mnemonic, list<Trait> traits = []> : Op<Fabric_Dialect, mnemonic, traits>;
class Fabric_RegionOp<string mnemonic, list<Trait> traits = []>
    : Fabric_Op<mnemonic, traits # [NoTerminator, SingleBlock, NoRegionArguments]> {
  let regions = (region SizedRegion<1>:$body);
}

def Fabric_ProgramOp : Fabric_RegionOp<"program", [Symbol, SymbolTable]> {
  let summary = "what every core of the mesh runs for one launch";
  let description = [{
    `params` are the launch parameters, each an array of divisors of the number of tokens in the cache. `interleave` says
    whether logical ranks follow the two-hop interleave.

    - F4: an expression uses only counters of loops around it and parameters of its program.
    - F5: every name is that of an op of the right kind, in the program or in the module.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$width, I64Attr:$height, UnitAttr:$interleave,
                       ArrayAttr:$params);
  let assemblyFormat = "$sym_name $width `x` $height (`interleave` $interleave^)? `params` $params attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Fabric_ClassOp : Fabric_Op<"class", [Symbol]> {
  let summary = "a set of cores: the union of affine sets of (x, y), inside the rectangle";
  let arguments = (ins SymbolNameAttr:$sym_name, ArrayAttr:$sets);
  let assemblyFormat = "$sym_name `where` $sets attr-dict";
  let hasVerifier = 1;
}

def Fabric_ChannelOp : Fabric_Op<"channel", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "a family of flows along an axis";
  let description = [{
    After the route phase `color_class` maps a flow's source position to an entry of `colors`.
    - F1: colours are distinct and from 0 to 255.
    - F6: a channel says what its words are combined by if, and only if, its pattern combines them.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Fabric_AxisAttr:$axis, Fabric_PatternKindAttr:$pattern,
                       DenseI64ArrayAttr:$args, OptionalAttr<Fabric_CombineKindAttr>:$by,
                       OptionalAttr<AffineMapAttr>:$color_class, OptionalAttr<DenseI64ArrayAttr>:$colors);
  let assemblyFormat = [{
    $sym_name `along` `` $axis `` $pattern $args (`by` `` $by^)? (`color` $color_class^ `of` $colors)? attr-dict
  }];
  let hasVerifier = 1;
}

def Fabric_BufferOp : Fabric_Op<"buffer", [Symbol]> {
  let summary = "bytes of every core's SRAM; the plan phase gives the offset";
  let arguments = (ins SymbolNameAttr:$sym_name, Fabric_BufferKindAttr:$kind, I64Attr:$bytes, OptionalAttr<I64Attr>:$offset);
  let assemblyFormat = "$sym_name `` $kind $bytes (`at` $offset^)? attr-dict";
  let hasVerifier = 1;
}

def Fabric_WeightOp : Fabric_Op<"weight"> {
  let summary = "what the loader brings into a resident buffer; the layout of `type` says which core gets what";
  let description = [{
    `quantised` = [rows of a block, order of its bytes] where elements are i8: runtime/package/QuantisedLayout.h. `views`
    and `pieces` are those of `grid.weight`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$buffer, StrArrayAttr:$parts, StrAttr:$order, UnitAttr:$transposed,
                       OptionalAttr<DenseI64ArrayAttr>:$heads, OptionalAttr<DenseI64ArrayAttr>:$quantised,
                       OptionalAttr<ArrayAttr>:$views, OptionalAttr<StrArrayAttr>:$pieces, TypeAttr:$type);
  let assemblyFormat = [{
    $buffer $parts $order (`transposed` $transposed^)? (`heads` $heads^)? (`pieces` $pieces^)? (`quantised` $quantised^)?
    (`views` $views^)? $type attr-dict
  }];
}

def Fabric_ExpertsOp : Fabric_Op<"experts"> {
  let summary = "matrices of experts that the loader brings into a resident buffer, each where its regions are";
  let description = [{ All attributes are those of `grid.experts`. }];
  let arguments = (ins FlatSymbolRefAttr:$buffer, StrArrayAttr:$parts, I64Attr:$experts, I64Attr:$inner,
                       I64Attr:$rows_per_region, DenseI64ArrayAttr:$expert, OptionalAttr<ArrayAttr>:$views,
                       TypeAttr:$type);
  let assemblyFormat = [{
    $buffer $parts `of` $experts `inner` $inner `rows` $rows_per_region `expert` $expert (`views` $views^)? $type
    attr-dict
  }];
}

def Fabric_RopeTableOp : Fabric_Op<"rope_table"> {
  let summary = "cos and sin of position * frequency in a resident buffer";
  let arguments = (ins FlatSymbolRefAttr:$buffer, F64ElementsAttr:$inverse_frequencies, I64Attr:$stride, I64Attr:$rows,
                       DenseI64ArrayAttr:$heads, OptionalAttr<F64Attr>:$scale,
                       OptionalAttr<F64ElementsAttr>:$long_inverse_frequencies, TypeAttr:$type);
  let assemblyFormat = "$buffer $inverse_frequencies `stride` $stride `rows` $rows `heads` $heads $type attr-dict";
}

def Fabric_StoredOp : Fabric_Op<"stored"> {
  let summary = "elements of a tensor in the model's files that the loader brings into a resident buffer";
  let description = [{ `base` and `digits` are those of grid.stored. }];
  let arguments = (ins FlatSymbolRefAttr:$buffer, StrAttr:$name, I64Attr:$base, ArrayAttr:$digits, TypeAttr:$type);
  let assemblyFormat = "$buffer $name `at` $base $digits $type attr-dict";
}

def Fabric_ConstantOp : Fabric_Op<"constant"> {
  let summary = "values in a resident buffer, the same on every core";
  let arguments = (ins FlatSymbolRefAttr:$buffer, ElementsAttr:$value);
  let assemblyFormat = "$buffer $value attr-dict";
}

def Fabric_InputOp : Fabric_Op<"input"> {
  let summary = "words that the host brings through a channel";
  let arguments = (ins StrAttr:$name, FlatSymbolRefAttr:$channel, Fabric_ExprAttr:$bytes, OptionalAttr<StrAttr>:$dtype,
                       OptionalAttr<TypeAttr>:$type, OptionalAttr<I64Attr>:$fallback);
  let assemblyFormat = "$name `through` $channel $bytes ($dtype^ $type)? (`else` $fallback^)? attr-dict";
}

def Fabric_OutputOp : Fabric_Op<"output"> {
  let summary = "words that the host takes from a channel; the layout of `type` says where they go in the whole";
  let arguments = (ins StrAttr:$name, FlatSymbolRefAttr:$channel, TypeAttr:$type, OptionalAttr<StrAttr>:$dtype,
                       OptionalAttr<DenseI64ArrayAttr>:$shape);
  let assemblyFormat = "$name `through` $channel $type ($dtype^ $shape)? attr-dict";
}

def Fabric_StepOp : Fabric_RegionOp<"step", [HasParent<"ProgramOp">]> {
  let summary = "one step of the program: each class that takes part has one task";
  let description = [{
    - F2: the classes of a step's tasks are pairwise disjoint.
    - F3: a step marked `all` has a task for every core of the rectangle.
    Both are proven, with the Presburger library where a look at each axis is not enough.
  }];
  let arguments = (ins StrAttr:$op, StrAttr:$kind, UnitAttr:$all);
  let assemblyFormat = "$op $kind (`all` $all^)? attr-dict-with-keyword $body";
}

def Fabric_TaskOp : Fabric_RegionOp<"task", [HasParent<"StepOp">]> {
  let summary = "what the cores of a class do in a step";
  let arguments = (ins FlatSymbolRefAttr:$on);
  let assemblyFormat = "`on` $on attr-dict-with-keyword $body";
}

// ---- instructions ---------------------------------------------------------------------------------------------

defvar Fabric_InTask = ParentOneOf<["TaskOp", "LoopOp"]>;

def Fabric_LoopOp : Fabric_RegionOp<"loop", [Fabric_InTask]> {
  let summary = "runs its body `count` times";
  let arguments = (ins Fabric_ExprAttr:$count);
  let assemblyFormat = "$count attr-dict-with-keyword $body";
}
def Fabric_PutOp : Fabric_Op<"put", [Fabric_InTask]> {
  let summary = "sends bytes into a channel; asynchronous";
  let arguments = (ins Fabric_RefAttr:$from, FlatSymbolRefAttr:$channel, Fabric_ExprAttr:$bytes);
  let assemblyFormat = "$from `to` $channel $bytes attr-dict";
}
def Fabric_GetOp : Fabric_Op<"get", [Fabric_InTask]> {
  let summary = "receives bytes from a channel; asynchronous";
  let arguments = (ins Fabric_RefAttr:$to, FlatSymbolRefAttr:$channel, Fabric_ExprAttr:$bytes);
  let assemblyFormat = "$to `from` $channel $bytes attr-dict";
}
def Fabric_ReduceForwardOp : Fabric_Op<"reduce_forward", [Fabric_InTask]> {
  let summary = "combines passing f32 words with local ones and sends them on";
  let arguments = (ins Fabric_ReduceKindAttr:$reduce, Fabric_RefAttr:$with, FlatSymbolRefAttr:$in, FlatSymbolRefAttr:$out,
                       Fabric_ExprAttr:$bytes);
  let assemblyFormat = "`` $reduce $with `from` $in `to` $out $bytes attr-dict";
}
def Fabric_ReduceIntoOp : Fabric_Op<"reduce_into", [Fabric_InTask]> {
  let summary = "combines arriving f32 words into a buffer";
  let arguments = (ins Fabric_ReduceKindAttr:$reduce, Fabric_RefAttr:$into, FlatSymbolRefAttr:$in, Fabric_ExprAttr:$bytes);
  let assemblyFormat = "`` $reduce $into `from` $in $bytes attr-dict";
}
def Fabric_KernelCallOp : Fabric_Op<"kernel_call", [Fabric_InTask]> {
  let summary = "runs a tile kernel on buffers of the core";
  let description = [{
    `counted` is an operand whose first word, at least 1 and at most `most`, takes the first scalar's place where the program
    computes; the work is `each` for each that it is more.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, ArrayAttr:$operands, ArrayAttr:$scalars, Fabric_WorkAttr:$work,
                       OptionalAttr<I64Attr>:$counted, OptionalAttr<Fabric_ExprAttr>:$most,
                       OptionalAttr<Fabric_WorkAttr>:$each);
  let assemblyFormat = "$kernel $operands $scalars $work (`counted` $counted^ `most` $most `each` $each)? attr-dict";
  let hasVerifier = 1;
}
def Fabric_WaitOp : Fabric_Op<"wait", [Fabric_InTask]> {
  let summary = "until every transfer of the core is done";
  let assemblyFormat = "attr-dict";
}

#endif // WEFT_DIALECTS_FABRIC
