// A quantised product: the same steps as gemm.mlir with other blocks, of bytes with their scales.
// RUN: weft-opt %s --spmd --fabric-verify | FileCheck %s --check-prefixes=CHECK,ROWS
// RUN: weft-opt %s --spmd=words=true --fabric-verify | FileCheck %s --check-prefixes=CHECK,WORDS

#a = #grid.layout<@mesh, dims = [<y, sequence, 2>, <x, block, 6>], pad = [0, 0], partial = none>
#b = #grid.layout<@mesh, dims = [<y, block, 4>, <x, block, 4>], pad = [0, 0], partial = none>
#c = #grid.layout<@mesh, dims = [<y, sequence, 2>, <x, block, 4>], pad = [0, 0], partial = none>
#x = #grid.layout<@mesh, dims = [<none, whole, 1>, <y, block, 4>], pad = [0, 0], partial = none>
#y = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>

grid.mesh @mesh 2 x 3 interleave

// A row of A has a scale and four bytes.
// CHECK-LABEL: fabric.program @prefill
// CHECK: fabric.buffer @[[A:blocksA.*]] communication 64
// CHECK: fabric.buffer @[[B:blocksB.*]] communication 96
// CHECK: fabric.buffer @[[SUMS:sums.*]] activations 32
// CHECK: fabric.kernel_call @pack_i8_r2_n6_b3_w2
// CHECK: fabric.loop <5> {
// CHECK: fabric.put <@[[A]] + 0{{.*}} to @x_ring_down <8 * param 0>
// ROWS: fabric.kernel_call @gemm_r2_k2_n4_q8_f32 [{{.*}}<@[[A]] + 0{{.*}}<@[[B]] + 0{{.*}}<@[[B]] + 16{{.*}}<@[[SUMS]] + 0
// WORDS: fabric.kernel_call @gemm_r2_k2_n4_q8_dot [{{.*}}<@[[A]] + 0{{.*}}<@[[B]] + 0{{.*}}<@[[B]] + 16{{.*}}<@[[SUMS]] + 0
func.func @prefill() {
  %a = grid.empty : tensor<6x12xf32, #a>
  %b = grid.weight ["b"] single : tensor<12x8xi8, #b>
  %c = grid.gemm meshgemm %a, %b : tensor<6x12xf32, #a>, tensor<12x8xi8, #b> -> tensor<6x8xf32, #c>
  return
}

// Two blocks a core: four scales and four columns of four bytes each.
// CHECK: fabric.buffer @weight.b.single weights 64
// ROWS: fabric.weight @weight.b.single ["b"] "single" quantised [2, 0]
// WORDS: fabric.weight @weight.b.single ["b"] "single" quantised [2, 1]

// The row of a GEMV is quantised in the core's two blocks, which are multiplied in turn.
// CHECK-LABEL: fabric.program @decode
// CHECK: fabric.kernel_call @zero_r1_n4
// CHECK-NEXT: fabric.kernel_call @pack_i8_r1_n4_b2_w2
// CHECK-NEXT: fabric.loop <2> {
// CHECK-NEXT: fabric.kernel_call @gemm_r1_k2_n4_q8
// CHECK-NEXT: }
func.func @decode() {
  %x = grid.empty : tensor<1x12xf32, #x>
  %b = grid.weight ["b"] single : tensor<12x8xi8, #b>
  %y = grid.gemv %x, %b levels 1 groups 1 : tensor<1x12xf32, #x>, tensor<12x8xi8, #b> -> tensor<1x8xf32, #y>
  return
}
