// Every op and attribute of the fabric level in its text form, read and written back.
// RUN: weft-opt %s --fabric-verify | weft-opt | FileCheck %s
// RUN: weft-opt %s --mlir-print-op-generic | weft-opt | FileCheck %s

#row = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 1], partial = none>
#all = affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 1 - y >= 0)>
#first = affine_set<(x, y) : (x >= 0, -x >= 0, y >= 0, 1 - y >= 0)>

grid.mesh @mesh 2 x 2 interleave
// CHECK: fabric.buffer @w weights 64 at 128
fabric.buffer @w weights 64 at 128
// CHECK: fabric.weight @w ["gate", "up"] "side_by_side" transposed heads [1, 2, 4] tensor<1x7xf32, #{{.*}}>
fabric.weight @w ["gate", "up"] "side_by_side" transposed heads [1, 2, 4] tensor<1x7xf32, #row>
fabric.buffer @t constants 64
// CHECK: fabric.rope_table @t dense<[1.000000e+00, 0.12345678901234568]> : tensor<2xf64> stride 4 rows 3 heads [1, 2, 4]
fabric.rope_table @t dense<[1.0, 0.12345678901234568]> : tensor<2xf64> stride 4 rows 3 heads [1, 2, 4] tensor<1x7xf32, #row>
func.func private @kernel(memref<4xf32>, index)

// CHECK: fabric.program @prefill 2 x 2 interleave params [{divisors = array<i64: 2>, name = "rows"}]
fabric.program @prefill 2 x 2 interleave params [{name = "rows", divisors = array<i64: 2>}] {
  // CHECK: fabric.class @all where [#{{.*}}]
  fabric.class @all where [#all]
  fabric.class @first where [#first]
  // CHECK: fabric.channel @ring along x ring [-1] color #{{.*}} of [1, 2]
  fabric.channel @ring along x ring [-1] color affine_map<(p) -> (p mod 2)> of [1, 2]
  // CHECK: fabric.channel @low along y tree_low [0, 1, 1, 0, 0]
  fabric.channel @low along y tree_low [0, 1, 1, 0, 0]
  // CHECK: fabric.channel @high along y tree_high [0, 1, 1, 0, 0]
  fabric.channel @high along y tree_high [0, 1, 1, 0, 0]
  // CHECK: fabric.channel @cast along y tree_cast [1, 1, 0, 0]
  fabric.channel @cast along y tree_cast [1, 1, 0, 0]
  // CHECK: fabric.channel @sums along y combine [2, 1] by add_f32 color #{{.*}} of [3]
  fabric.channel @sums along y combine [2, 1] by add_f32 color affine_map<(p) -> (0)> of [3]
  // CHECK: fabric.channel @diagonal along x diagonal []
  fabric.channel @diagonal along x diagonal []
  // CHECK: fabric.channel @in along y host_in []
  fabric.channel @in along y host_in []
  // CHECK: fabric.channel @out along y host_out []
  fabric.channel @out along y host_out []
  // CHECK: fabric.buffer @v activations 64
  fabric.buffer @v activations 64
  fabric.buffer @c communication 64
  fabric.buffer @k kv_cache 64
  fabric.buffer @h host_io 64
  // CHECK: fabric.input "tokens" through @in <4 * param 0 + 4>
  fabric.input "tokens" through @in <4 * param 0 + 4>
  // CHECK: fabric.output "logits" through @out tensor<1x7xf32, #{{.*}}>
  fabric.output "logits" through @out tensor<1x7xf32, #row>
  // CHECK: fabric.step "gemm" "compute_shift" all {
  fabric.step "gemm" "compute_shift" all {
    // CHECK-NEXT: fabric.task on @all {
    fabric.task on @all {
      // CHECK-NEXT: fabric.loop <3> {
      fabric.loop <3> {
        // CHECK-NEXT: fabric.put <@v + 4[<(1 * loop 0 + <2 * rank_y + -3>) mod 4 * 16>]> to @ring <16>
        fabric.put <@v + 4[<(1 * loop 0 + <2 * rank_y + -3>) mod 4 * 16>]> to @ring <16>
        // CHECK-NEXT: fabric.get <@c + 0> from @ring <4 * loop 0 + 16>
        fabric.get <@c + 0> from @ring <4 * loop 0 + 16>
        // CHECK-NEXT: fabric.kernel_call @kernel [#fabric.ref<@w + 0>] [#fabric.expr<x>] <narrow = true, macs = <1>
        fabric.kernel_call @kernel [#fabric.ref<@w + 0>] [#fabric.expr<x>]
          <narrow = true, macs = <1>, alu = <y>, special = <0>, load = <rank_x>, store = <0>, vectors = <0>, descriptors = <0>>
        // CHECK-NEXT: fabric.wait
        fabric.wait
      }
    }
  }
  // CHECK: fabric.step "sum" "reduce" {
  fabric.step "sum" "reduce" {
    fabric.task on @first {
      // CHECK: fabric.reduce_forward add <@v + 0> from @low to @low <16>
      fabric.reduce_forward add <@v + 0> from @low to @low <16>
      // CHECK: fabric.reduce_into max <@v + 0> from @high <16>
      fabric.reduce_into max <@v + 0> from @high <16>
    }
  }
}
