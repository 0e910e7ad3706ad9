// A product on a rectangle: three blocks of K on each core of a row of two, two on each of a column of three.
// RUN: weft-opt %s --spmd --fabric-verify | FileCheck %s

#a = #grid.layout<@mesh, dims = [<y, sequence, 2>, <x, block, 6>], pad = [0, 0], partial = none>
#b = #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [0, 0], partial = none>
#c = #grid.layout<@mesh, dims = [<y, sequence, 2>, <x, block, 4>], pad = [0, 0], partial = none>

grid.mesh @mesh 2 x 3 interleave

// Queues with a place more than the blocks held, for the one that comes while the first is in use.
// CHECK: fabric.buffer @[[A:blocksA.*]] communication 64
// CHECK: fabric.buffer @[[B:blocksB.*]] communication 96
// CHECK: fabric.step "gemm" "kernel" all {
// CHECK: fabric.kernel_call @pack_columns_r2_n6_b3_w2
// CHECK: fabric.kernel_call @zero_r2_n4
// Row rank k rotates A by two blocks a rank, down or up, whichever is shorter; rank 0 does not.
// CHECK: fabric.step "gemm" "align" {
// CHECK: fabric.loop <2 * rank_y> {
// CHECK: fabric.put <@[[A]] + 0{{.*}} to @x_ring_down
// CHECK: fabric.loop <-2 * rank_y + 6> {
// CHECK: fabric.put <@[[A]] + 0{{.*}} to @x_ring_up
// CHECK: fabric.step "gemm" "align" {
// Six blocks: five steps that move both operands while they multiply, and one that only multiplies.
// CHECK: fabric.step "gemm" "compute_shift" all {
// CHECK: fabric.loop <5> {
// CHECK-NEXT: fabric.put <@[[A]] + 0{{.*}} to @x_ring_down
// CHECK-NEXT: fabric.get <@[[A]] + 0{{.*}} from @x_ring_down
// CHECK-NEXT: fabric.put <@[[B]] + 0{{.*}} to @y_ring_down
// CHECK-NEXT: fabric.get <@[[B]] + 0{{.*}} from @y_ring_down
// CHECK-NEXT: fabric.kernel_call @gemm_r2_k2_n4_f32
// CHECK-NEXT: fabric.wait
// CHECK-NEXT: }
// CHECK-NEXT: fabric.kernel_call @gemm_r2_k2_n4_f32
func.func @prefill() {
  %a = grid.empty : tensor<6x12xf32, #a>
  %b = grid.weight ["b"] single : tensor<12x8xf32, #b>
  %c = grid.gemm meshgemm %a, %b : tensor<6x12xf32, #a>, tensor<12x8xf32, #b> -> tensor<6x8xf32, #c>
  return
}
