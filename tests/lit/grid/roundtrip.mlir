// Every op and attribute of the grid level in its text form, read and written back.
// RUN: weft-opt %s | weft-opt | FileCheck %s
// RUN: weft-opt %s --mlir-print-op-generic | weft-opt | FileCheck %s

#words = #grid.layout<@mesh, dims = [<none, whole, 9>], pad = [0], partial = none>
#rows = #grid.layout<@mesh, dims = [<y, sequence, 4>, <x, block, 4>], pad = [0, 1], partial = none>
#square = #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [1, 1], partial = none>
#packed = #grid.layout<@mesh, dims = [<y, packed, 4>, <x, block, 4>], pad = [0, 1], partial = none>
#heads = #grid.layout<@mesh, dims = [<y, block, 4>, <x, heads, 8>], pad = [1, 0], partial = none>
#pair = #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 8>], pad = [1, 2], partial = none>
#table = #grid.layout<@mesh, dims = [<none, whole, 3>, <x, heads, 4>], pad = [0, 4], partial = none>
#rowx = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>
#rowy = #grid.layout<@mesh, dims = [<none, whole, 1>, <y, block, 4>], pad = [0, 1], partial = none>
#partial = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = y>

// CHECK: grid.mesh @mesh 2 x 2 interleave
grid.mesh @mesh 2 x 2 interleave

// CHECK-LABEL: func.func @ops
func.func @ops() {
  // CHECK: grid.launch : tensor<9xi32, #{{.*}}>
  %words = grid.launch : tensor<9xi32, #words>
  // CHECK: grid.param "key_parts" [2, 16]
  %parts = grid.param "key_parts" [2, 16]
  // CHECK: grid.weight ["w"] single transposed : tensor<7x7xbf16, #{{.*}}>
  %w = grid.weight ["w"] single transposed : tensor<7x7xbf16, #square>
  // CHECK: grid.weight ["gate", "up"] side_by_side transposed : tensor<7x14xf32, #{{.*}}>
  %both = grid.weight ["gate", "up"] side_by_side transposed : tensor<7x14xf32, #pair>
  // CHECK: grid.weight ["q", "k", "v"] qkv transposed heads [2, 2, 2] : tensor<7x16xf16, #{{.*}}>
  %qkv = grid.weight ["q", "k", "v"] qkv transposed heads [2, 2, 2] : tensor<7x16xf16, #heads>
  // CHECK: grid.weight ["q", "q", "k"] pieces transposed heads [2, 1, 5, 1, 0, 3, 2] pieces ["query_rotary", "query_rest", "key_rotary"] : tensor<7x16xf16, #{{.*}}>
  %pieces = grid.weight ["q", "q", "k"] pieces transposed heads [2, 1, 5, 1, 0, 3, 2] pieces ["query_rotary", "query_rest", "key_rotary"] : tensor<7x16xf16, #heads>
  // CHECK: grid.weight ["o"] single heads [1, 2, 4] : tensor<8x7xf32, #{{.*}}>
  %o = grid.weight ["o"] single heads [1, 2, 4] : tensor<8x7xf32, #packed>
  // Frequencies keep every digit.
  // CHECK: grid.rope_table dense<[1.000000e+00, 0.12345678901234568]> : tensor<2xf64> stride 4 rows 3 heads [1, 2, 4] : tensor<3x4xf32, #{{.*}}>
  %table = grid.rope_table dense<[1.0, 0.12345678901234568]> : tensor<2xf64> stride 4 rows 3 heads [1, 2, 4] : tensor<3x4xf32, #table>
  // CHECK: grid.cache "cache0.keys" : tensor<8x7xf32, #{{.*}}>
  %cache = grid.cache "cache0.keys" : tensor<8x7xf32, #rows>
  // CHECK: %[[EMPTY:.*]] = grid.empty : tensor<8x7xf32, #{{.*}}>
  %empty = grid.empty : tensor<8x7xf32, #rows>
  // CHECK: grid.call @kernel ins(%{{.*}} : tensor<9xi32, #{{.*}}>) outs(%[[EMPTY]] : tensor<8x7xf32, #{{.*}}>) order [1, 0]
  // CHECK-SAME: scalars [#grid.scalar<const, 3>, #grid.scalar<rows, 0>, #grid.scalar<rank_x, 0>, #grid.scalar<rank_y, 0>, #grid.scalar<loop, 1>]
  %x = grid.call @kernel ins(%words : tensor<9xi32, #words>) outs(%empty : tensor<8x7xf32, #rows>) order [1, 0]
    scalars [#grid.scalar<const, 3>, #grid.scalar<rows, 0>, #grid.scalar<rank_x, 0>, #grid.scalar<rank_y, 0>, #grid.scalar<loop, 1>]
    : tensor<8x7xf32, #rows>
  // CHECK: grid.gemm meshgemm %{{.*}}, %{{.*}} : tensor<8x7xf32, #{{.*}}>, tensor<7x7xbf16, #{{.*}}> -> tensor<8x7xf32, #{{.*}}>
  %c = grid.gemm meshgemm %x, %w : tensor<8x7xf32, #rows>, tensor<7x7xbf16, #square> -> tensor<8x7xf32, #rows>
  // CHECK: grid.shift %{{.*}} along x wrap true : tensor<8x7xf32, #{{.*}}>
  %s = grid.shift %c along x wrap true : tensor<8x7xf32, #rows>
  // CHECK: grid.view %{{.*}} at 4 : tensor<8x7xf32, #{{.*}}> -> tensor<1x7xf32, #{{.*}}>
  %v = grid.view %s at 4 : tensor<8x7xf32, #rows> -> tensor<1x7xf32, #partial>
  // CHECK: grid.all_reduce max %{{.*}} along y levels 2 groups 2 : tensor<1x7xf32, #{{.*}}> -> tensor<1x7xf32, #{{.*}}>
  %m = grid.all_reduce max %v along y levels 2 groups 2 : tensor<1x7xf32, #partial> -> tensor<1x7xf32, #rowx>
  // CHECK: grid.all_reduce add %{{.*}} along y levels 1 groups 1 in_router : tensor
  %r = grid.all_reduce add %v along y levels 1 groups 1 in_router : tensor<1x7xf32, #partial> -> tensor<1x7xf32, #rowx>
  // CHECK: grid.all_reduce add %{{.*}} along y levels 1 groups 1 {segment = 1 : i64, segments = 2 : i64}
  %p = grid.all_reduce add %v along y levels 1 groups 1 {segment = 1, segments = 2}
    : tensor<1x7xf32, #partial> -> tensor<1x7xf32, #rowx>
  // CHECK: grid.to_layout diagonal %{{.*}} levels 1 groups 1
  %d = grid.to_layout diagonal %m levels 1 groups 1 : tensor<1x7xf32, #rowx> -> tensor<1x7xf32, #rowy>
  // CHECK: grid.to_layout masked_sum %{{.*}} levels 2 groups 1
  %t = grid.to_layout masked_sum %p levels 2 groups 1 : tensor<1x7xf32, #rowx> -> tensor<1x7xf32, #rowy>
  // CHECK: grid.gemv %{{.*}}, %{{.*}} levels 1 groups 2 : tensor<1x7xf32, #{{.*}}>, tensor<7x7xbf16, #{{.*}}> -> tensor<1x7xf32, #{{.*}}>
  %y = grid.gemv %t, %w levels 1 groups 2 : tensor<1x7xf32, #rowy>, tensor<7x7xbf16, #square> -> tensor<1x7xf32, #rowx>
  // CHECK: grid.output "logits" %{{.*}} : tensor<1x7xf32, #{{.*}}>
  grid.output "logits" %y : tensor<1x7xf32, #rowx>
  return
}

// Tensor programs
// CHECK-LABEL: func.func @tensors
func.func @tensors() {
  // CHECK: grid.input "x" "int64" : tensor<7xi64
  %x = grid.input "x" "int64" : tensor<7xi64, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>>
  // CHECK: grid.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf64>
  %c = grid.constant dense<[1.0, 2.0]> : tensor<2xf64> : tensor<2xf64, #grid.layout<@mesh, dims = [<none, whole, 2>], pad = [0], partial = none>>
  // CHECK: grid.stored "w" at 3 [array<i64: 2, 12, 2, 4>, array<i64: 4, 1>] : tensor<4x4xbf16
  %w = grid.stored "w" at 3 [array<i64: 2, 12, 2, 4>, array<i64: 4, 1>] : tensor<4x4xbf16, #grid.layout<@mesh, dims = [<x, overlap, 2>, <none, whole, 4>], pad = [0, 0], partial = none>>
  // CHECK: grid.own_block
  %b = grid.own_block %x : tensor<7xi64, #grid.layout<@mesh, dims = [<none, whole, 7>], pad = [0], partial = none>> -> tensor<7xi64, #grid.layout<@mesh, dims = [<x, block, 4>], pad = [1], partial = none>>
  // CHECK: grid.output "y" %{{.*}} "uint64" [7, 1]
  grid.output "y" %b "uint64" [7, 1] : tensor<7xi64, #grid.layout<@mesh, dims = [<x, block, 4>], pad = [1], partial = none>>
  return
}
