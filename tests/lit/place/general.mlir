// Ops one by one on six cores: blocks that overlap, the file's own order of a weight, a ring of blocks.
// RUN: weft-opt %s --place-general="width=2 height=3" --grid-verify --mlir-print-local-scope | FileCheck %s

// CHECK: grid.mesh @mesh 2 x 3 interleave
// CHECK-LABEL: func.func @main()
// CHECK: grid.input "a" "float32" : tensor<32x64xf32, #grid.layout<@mesh, dims = [<none, whole, 32>, <none, whole, 64>]
// A transposed view of the stored weight: only the columns of a core's row of the mesh, the last of which overlap.
// CHECK: grid.stored "w" at 0 [array<i64: 64, 1>, array<i64: 50, 64>] : tensor<64x50xf32, #grid.layout<@mesh, dims = [<none, whole, 64>, <y, overlap, 17>], pad = [0, 1]
// CHECK: grid.call @generic_{{.*}} scalars [#grid.scalar<rank_x, 0>, #grid.scalar<rank_y, 0>] : tensor<32x50xf32, #grid.layout<@mesh, dims = [<x, overlap, 16>, <y, overlap, 17>]
// The host is in the north, so that blocks on y are gathered; those on x leave as they are.
// CHECK: grid.call @place_block_f32_o16_b17_e50_i1_n3 {{.*}} scalars [#grid.scalar<rank_y, 0>, #grid.scalar<const, 0>, #grid.scalar<const, 0>]
// CHECK: grid.shift %{{.*}} along y wrap true
// CHECK: scf.for
// CHECK: grid.shift
// CHECK: grid.call @place_block_f32_o16_b17_e50_i1_n3 {{.*}} scalars [#grid.scalar<rank_y, 0>, #grid.scalar<const, 1>, #grid.scalar<loop, 0>]
// CHECK: grid.output "y" %{{.*}} "float32" [32, 50]
func.func @main(%a: tensor<32x64xf32> {xf.name = "a", xf.dtype = "float32"}) -> (tensor<32x50xf32> {xf.name = "y", xf.dtype = "float32"}) {
  %w = xf.param "w" : tensor<50x64xf32>
  %e = tensor.empty() : tensor<64x50xf32>
  %t = linalg.transpose ins(%w : tensor<50x64xf32>) outs(%e : tensor<64x50xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %f = tensor.empty() : tensor<32x50xf32>
  %i = linalg.fill ins(%zero : f32) outs(%f : tensor<32x50xf32>) -> tensor<32x50xf32>
  %y = linalg.matmul ins(%a, %t : tensor<32x64xf32>, tensor<64x50xf32>) outs(%i : tensor<32x50xf32>) -> tensor<32x50xf32>
  return %y : tensor<32x50xf32>
}
