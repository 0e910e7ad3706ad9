// A graph on six cores: rows of the sequence on y, columns on x, weights where their products want them.
// RUN: weft-opt %s --place="width=2 height=3 max-seq=16" --grid-verify --mlir-print-local-scope | FileCheck %s
// RUN: weft-opt %s --place="width=2 height=2 max-seq=16 algorithm=cannon" --grid-verify | FileCheck %s --check-prefix=CANNON

// CHECK: grid.mesh @mesh 2 x 3 interleave
// CHECK-LABEL: func.func @prefill()
// CHECK: %[[LAUNCH:.*]] = grid.launch : tensor<17xi32
// Nine vocabulary entries on three rows of cores, eight columns in six blocks of two on two columns of cores.
// CHECK: %[[TABLE:.*]] = grid.weight ["table"] single : tensor<9x8xf32, #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 6>], pad = [3, 4], partial = none>>
// CHECK: grid.call @zero_r6_n6 ins() outs(%{{.*}} : tensor<16x8xf32, #grid.layout<@mesh, dims = [<y, sequence, 6>, <x, block, 6>], pad = [2, 4], partial = none>>)
// The embedding: every rank adds the rows of its entries to the blocks that come round the ring.
// CHECK: scf.for
// CHECK: grid.call @embed_block_{{.*}} scalars [#grid.scalar<rows, 1>, #grid.scalar<rank_y, 0>, #grid.scalar<loop, 0>]
// CHECK: grid.shift %{{.*}} along y wrap true
// CHECK: %[[X:.*]] = grid.call @add_r6_n6
// CHECK: grid.gemm meshgemm %{{.*}}, %{{.*}} : {{.*}} -> tensor<16x10xf32
// CHECK: grid.call @last_row
// CHECK: grid.all_reduce add %{{.*}} along y
// CHECK: %[[HEAD:.*]] = grid.weight ["head"] single transposed : tensor<10x9xf32
// One row goes from x to y and is multiplied there; the mesh is no square.
// CHECK: %[[ROW:.*]] = grid.to_layout masked_sum
// CHECK: %[[LOGITS:.*]] = grid.gemv %[[ROW]], %[[HEAD]]
// CHECK: grid.output "logits" %[[LOGITS]] : tensor<1x9xf32
// CHECK-NOT: xf.

// CANNON: grid.mesh @mesh 2 x 2 identity
// CANNON: grid.gemm cannon
// CANNON: grid.to_layout diagonal
func.func @prefill(%ids: tensor<?xi32>) -> tensor<1x9xf32> {
  %table = xf.param "table" : tensor<9x8xf32>
  %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
  %twice = xf.add %x, %x : tensor<?x8xf32>
  %wide = xf.param "wide" : tensor<10x8xf32>
  %y = xf.linear %twice, %wide : (tensor<?x8xf32>, tensor<10x8xf32>) -> tensor<?x10xf32>
  %last = xf.last_row %y : (tensor<?x10xf32>) -> tensor<1x10xf32>
  %head = xf.param "head" : tensor<9x10xf32>
  %logits = xf.linear %last, %head : (tensor<1x10xf32>, tensor<9x10xf32>) -> tensor<1x9xf32>
  return %logits : tensor<1x9xf32>
}
