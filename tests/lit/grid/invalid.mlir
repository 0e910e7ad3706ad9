// Each constraint by its label, and what is said when it is broken; then what has no label.
// RUN: weft-opt %s --split-input-file --verify-diagnostics

// G1
// expected-error @below {{G1: axis x divides two dimensions}}
func.func private @type(tensor<8x8xf32, #grid.layout<@mesh, dims = [<x, block, 4>, <x, block, 4>], pad = [0, 0], partial = none>>)

// -----

// G2
// expected-error @below {{G2: axis y divides a dimension and is partial}}
func.func private @type(tensor<8x8xf32, #grid.layout<@mesh, dims = [<x, block, 4>, <y, block, 4>], pad = [0, 0], partial = y>>)

// -----

// G3
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G3: shards of 4 on 2 cores with padding 0 do not make 7}}
  %0 = grid.empty : tensor<7x8xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// G4
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{G4: the results must have the types of outs}}
  %0 = grid.call @k ins() outs(%a : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>) order [0] scalars [] : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <y, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G5
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{G5: order must be a permutation of all operands}}
  %0 = grid.call @k ins(%a : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>) outs(%a : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>) order [1, 1] scalars [] : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G5
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{G5: order must be a permutation of all operands}}
  %0 = grid.call @k ins() outs(%a : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>) order [0, 1] scalars [] : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G6
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  %b = grid.empty : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  // expected-error @below {{G6: A, B and C must be matrices with rows on y and columns on x}}
  %0 = grid.gemm meshgemm %a, %b : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>, tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>> -> tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G6
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<8x15xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 8>], pad = [0, 1], partial = none>>
  %b = grid.empty : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  // expected-error @below {{G6: B's 4 rows a core must be 1 blocks and A's 8 columns at most 1}}
  %0 = grid.gemm meshgemm %a, %b : tensor<8x15xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 8>], pad = [0, 1], partial = none>>, tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>> -> tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G6
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>
  %b = grid.empty : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  // expected-error @below {{G6: C must have the rows of A and the columns of B}}
  %0 = grid.gemm meshgemm %a, %b : tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>, tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>> -> tensor<8x15xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 8>], pad = [0, 1], partial = none>>
  return
}

// -----

// G7
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>
  %b = grid.empty : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  // expected-error @below {{G7: cannon does not go with a mesh of rank order interleave}}
  %0 = grid.gemm cannon %a, %b : tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>, tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>> -> tensor<8x7xf32, #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G8
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  %b = grid.empty : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  // expected-error @below {{G8: x must be divided on y as the rows of W are}}
  %0 = grid.gemv %a, %b levels 1 groups 1 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>, tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G9
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{G9: the operand must be partial along y and the result not}}
  %0 = grid.all_reduce add %a along y levels 1 groups 1 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G9, and no axis at all
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{G9: the operand must be partial along none and the result not}}
  %0 = grid.all_reduce add %a along none levels 1 groups 1 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G10
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>>
  // expected-error @below {{G10: levels must be 1 to 16 and groups 1 to the 2 cores}}
  %0 = grid.all_reduce add %a along y levels 1 groups 3 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G10
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>>
  // expected-error @below {{G10: levels must be 1 to 16 and groups 1 to the 2 cores}}
  %0 = grid.all_reduce add %a along y levels 0 groups 1 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G10
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>>
  // expected-error @below {{G10: segments reach beyond the mesh}}
  %0 = grid.all_reduce add %a along y levels 1 groups 1 {segment = 2, segments = 4611686018427387905} : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G12
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>>
  // expected-error @below {{G12: routers combine one level of one group, not 2 of 1}}
  %0 = grid.all_reduce add %a along y levels 2 groups 1 in_router : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// G11
grid.mesh @mesh 1 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 8>], pad = [0, 1], partial = none>>
  // expected-error @below {{G11: diagonal needs a square mesh, not 1x2}}
  %0 = grid.to_layout diagonal %a levels 1 groups 1 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 8>], pad = [0, 1], partial = none>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <y, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// A layout on a mesh that is not there
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{layout names the mesh @other, which does not exist}}
  %0 = grid.empty : tensor<1x7xf32, #grid.layout<@other, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// Fewer shards than dimensions
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{layout has 1 dimensions, the tensor 2}}
  %0 = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>], pad = [0], partial = none>>
  return
}

// -----

// Elements that no core holds
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{has elements of 'index'; a core holds f32, f64, f16, bf16, i1, i8, i16, i32 or i64}}
  %0 = grid.empty : tensor<1x7xindex, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// Sizes whose product overflows
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{has a shard of 2^31 elements or more}}
  %0 = grid.empty : tensor<2147483648x2147483648xf32, #grid.layout<@mesh, dims = [<none, whole, 2147483648>, <none, whole, 2147483648>], pad = [0, 0], partial = none>>
  return
}

// -----

// Sizes that are not known
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G3: shards of 4 on 2 cores}}
  %0 = grid.empty : tensor<1x?xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// Scalars of another kind
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{scalars must be #grid.scalar}}
  %0 = grid.call @k ins() outs(%a : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>) order [0] scalars [1] : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// A view that reaches beyond, with an offset that overflows
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{reaches beyond its operand's shard}}
  %0 = grid.view %a at 9223372036854775807 : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>> -> tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// A zero divisor
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{divides by less than 1}}
  %0 = grid.param "rows" [2, 0]
  return
}

// -----

// No part
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{is a vector or a matrix of at least one part}}
  %0 = grid.weight [] single : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// Heads that are not said
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{is divided by heads but does not say which}}
  %0 = grid.weight ["q", "k", "v"] qkv : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// More pairs that turn than a head has
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{or those of any dimension with [pairs that turn, 0 or 1]}}
  %0 = grid.weight ["w"] single heads [1, 1, 5, 3, 0] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// A view of a matrix with digits for one dimension
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{has views that are not one [base, digits, …] a part}}
  %0 = grid.weight ["w"] single views [[array<i64: 0>, array<i64: 7, 7>]] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// A matrix in the order of heads' entries
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{is a vector of one part in the order of heads}}
  %0 = grid.weight ["w"] query heads [1, 1, 4] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// Heads of no dimension
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{heads are [kv heads, query heads a kv head, an even head dimension]}}
  %0 = grid.weight ["w"] single heads [1, 1, 0] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// A rotary part beyond the head
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{heads are [kv heads, query heads a kv head, an even head dimension]}}
  %0 = grid.weight ["w"] single heads [1, 1, 4, 2, 0, 3, 6] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// More pairs that turn than the rotary part has
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{heads are [kv heads, query heads a kv head, an even head dimension]}}
  %0 = grid.weight ["w"] single heads [1, 1, 6, 2, 0, 3, 2] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// Pieces in another order's weight
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{has pieces but is not in their order}}
  %0 = grid.weight ["w"] single heads [1, 1, 6, 1, 0, 3, 2] pieces ["value"] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// A piece that there is not
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{needs a piece for each part, and heads with a rotary part and a rest}}
  %0 = grid.weight ["w"] pieces heads [1, 1, 6, 1, 0, 3, 2] pieces ["query"] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, heads, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// Pieces of heads without a rotary part
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{needs a piece for each part, and heads with a rotary part and a rest}}
  %0 = grid.weight ["w"] pieces heads [1, 1, 6] pieces ["value"] : tensor<7x7xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, heads, 4>], pad = [1, 1], partial = none>>
  return
}

// -----

// G18: pieces of other columns than the shard's
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G18: its pieces have 4 columns on a core, its shard 8}}
  %0 = grid.weight ["q", "k"] pieces heads [2, 1, 5, 1, 0, 3, 2] pieces ["query_rotary", "key_rotary"] : tensor<7x8xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, heads, 8>], pad = [1, 8], partial = none>>
  return
}

// -----

// G18: a head's pairs over more cores, and values of a size that no number has
grid.mesh @mesh 4 x 1 identity
func.func @f() {
  // expected-error @below {{G18: its pieces have 1073741826 columns on a core, its shard 8}}
  %0 = grid.weight ["v", "k"] pieces heads [1, 2, 6, 1, 0, 2147483646, 2] pieces ["value", "key_rest"] : tensor<8xf32, #grid.layout<@mesh, dims = [<x, heads, 8>], pad = [24], partial = none>>
  return
}

// -----

// Frequencies for another head dimension
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{needs heads and a frequency for each pair of a head's dimensions}}
  %0 = grid.rope_table dense<1.0> : tensor<3xf64> stride 1 rows 1 heads [1, 1, 4] : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// A shift along nothing
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{needs an axis}}
  %0 = grid.shift %a along none wrap true : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

// Divided on y, so that the first row has a part only
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<7xf32, #grid.layout<@mesh, dims = [<y, block, 4>], pad = [1], partial = none>>
  // expected-error @below {{gives the host a tensor that the first row of cores has whole}}
  grid.output "logits" %a : tensor<7xf32, #grid.layout<@mesh, dims = [<y, block, 4>], pad = [1], partial = none>>
  return
}

// -----

// A tensor program's ops
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{has a name and brings every core all of its tensor}}
  %a = grid.input "x" "float32" : tensor<7xf32, #grid.layout<@mesh, dims = [<y, block, 4>], pad = [1], partial = none>>
  return
}

// -----

grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G13: the digits of a dimension must multiply to its extent}}
  %a = grid.stored "w" at 0 [array<i64: 3, 1>] : tensor<7xf32, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>>
  return
}

// -----

// G14
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G14: one dimension of a matrix is divided on x, the other on y without padding}}
  %a = grid.experts ["e0", "e1"] of 2 inner 3 rows 1 expert [0, 1] : tensor<1x8x5xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>, <y, block, 4>], pad = [0, 0, 3], partial = none>>
  return
}

// -----

// G14
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G14: slots are whole, and each has a matrix of numbers}}
  %a = grid.experts ["e0", "e1"] of 2 inner 3 rows 1 expert [0, 1] : tensor<8x8xf32, #grid.layout<@mesh, dims = [<x, block, 4>, <y, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// G15: twice in a region
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G15: the experts of its slots are not those of whole regions on 2 rows of cores}}
  %a = grid.experts ["e0", "e1"] of 2 inner 3 rows 2 expert [1, 1] : tensor<2x8x8xf32, #grid.layout<@mesh, dims = [<none, whole, 2>, <x, block, 4>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  return
}

// -----

// G15: more regions than rows
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G15}}
  %a = grid.experts ["e0", "e1"] of 2 inner 3 rows 2 expert [0, 1] : tensor<1x8x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  return
}

// -----

// G16
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{G16: 1 ranks with 4 each do not hold 1 parts of 5}}
  %a = grid.experts ["e0", "e1"] of 2 inner 5 rows 1 expert [0, 1] : tensor<1x8x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  return
}

// -----

// G17
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  // expected-error @below {{G17: a counted call needs a buffer of words, a positive ratio and a first scalar that counts}}
  %0 = grid.call @k ins() outs(%a : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>) order [0] scalars [#grid.scalar<const, 1>] counted [0, 1, 1] : tensor<1x7xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>>
  return
}

// -----

grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{gives every core all of its values}}
  %a = grid.constant dense<1.0> : tensor<3xf32> : tensor<7xf32, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>>
  return
}

// -----

grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %a = grid.empty : tensor<7xf32, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>>
  // expected-error @below {{takes a vector that every core has whole to its blocks}}
  %b = grid.own_block %a : tensor<7xf32, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>> -> tensor<7xf32, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>>
  return
}

// -----

// No cores
// expected-error @below {{needs at least one core on each axis and at most 2^24 in all}}
grid.mesh @mesh 0 x 4 identity

// -----

// expected-error @below {{needs at least one core on each axis and at most 2^24 in all}}
grid.mesh @mesh 9223372036854775807 x 9223372036854775807 identity
