// What each class of cores does for a sum along y and a shift, on three rows of cores.
// RUN: weft-opt %s --spmd --fabric-verify | FileCheck %s

#words = #grid.layout<@mesh, dims = [<none, whole, 5>], pad = [0], partial = none>
#whole = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>
#partial = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = y>
#weight = #grid.layout<@mesh, dims = [<y, block, 1>, <x, block, 4>], pad = [0, 0], partial = none>

grid.mesh @mesh 2 x 3 interleave

// CHECK: fabric.program @prefill 2 x 3 interleave
// CHECK-SAME: {divisors = array<i64>, name = "tokens"}
// CHECK: fabric.channel @host_in along y host_in []
// CHECK: fabric.input "tokens" through @host_in <4 * param {{[0-9]}} + 4>
// CHECK: fabric.channel @y_tree_k1_g1_low1 along y tree_low [0, 1, 1, 0, 0]
// CHECK: fabric.channel @y_tree_k1_g1_high1 along y tree_high [0, 1, 1, 0, 0]
// CHECK: fabric.channel @y_tree_k1_g1_cast along y tree_cast [1, 1, 0, 0]
// The middle core of three adds what comes from both sides.
// CHECK: fabric.step "sum" "reduce" {
// CHECK-NEXT: fabric.task on @[[LOW:.*]] {
// CHECK-NEXT: fabric.put <@[[V:.*]] + 0> to @y_tree_k1_g1_low1 <16>
// CHECK-NEXT: fabric.wait
// CHECK: fabric.task on @[[MIDDLE:.*]] {
// CHECK-NEXT: fabric.reduce_into add <@[[V]] + 0> from @y_tree_k1_g1_low1 <16>
// CHECK-NEXT: fabric.reduce_into add <@[[V]] + 0> from @y_tree_k1_g1_high1 <16>
// CHECK: fabric.step "sum" "multicast" {
// CHECK-NEXT: fabric.task on @[[MIDDLE]] {
// CHECK-NEXT: fabric.put <@[[V]] + 0> to @y_tree_k1_g1_cast
// Everybody hands its shard on along the ring of x.
// CHECK: fabric.step "move" "shift" all {
// CHECK-NEXT: fabric.task on @all {
// CHECK-NEXT: fabric.put <@[[V]] + 0> to @x_ring_down
// CHECK-NEXT: fabric.get <@[[MOVED:.*]] + 0> from @x_ring_down
// CHECK-NEXT: fabric.wait
// The first row of cores tells the host.
// CHECK: fabric.step "output" "host_output" {
// CHECK: fabric.put <@[[MOVED]] + 0> to @host_out
func.func @prefill() {
  %words = grid.launch : tensor<5xi32, #words>
  %w = grid.weight ["w"] single : tensor<3x8xf32, #weight>
  %e = grid.empty : tensor<1x8xf32, #partial>
  %v = grid.call @copy ins(%w : tensor<3x8xf32, #weight>) outs(%e : tensor<1x8xf32, #partial>) order [0, 1]
    scalars [#grid.scalar<const, 1>] : tensor<1x8xf32, #partial>
  %s = grid.all_reduce add %v along y levels 1 groups 1 : tensor<1x8xf32, #partial> -> tensor<1x8xf32, #whole> loc("sum")
  %m = grid.shift %s along x wrap true : tensor<1x8xf32, #whole> loc("move")
  grid.output "logits" %m : tensor<1x8xf32, #whole>
  return
}


// One buffer for both programs: what they say of the weight is alike. In another layout it is another buffer.
// CHECK: fabric.buffer @weight.w.single weights 16
// CHECK-NEXT: fabric.weight @weight.w.single ["w"] "single" tensor<3x8xf32
// CHECK: fabric.program @decode
// CHECK: fabric.buffer @weight.w.single.2 weights 48
// CHECK-NEXT: fabric.weight @weight.w.single.2 ["w"] "single" transposed
// CHECK-NOT: fabric.weight
func.func @decode() {
  %words = grid.launch : tensor<5xi32, #words>
  %w = grid.weight ["w"] single : tensor<3x8xf32, #weight>
  %t = grid.weight ["w"] single transposed : tensor<8x3xf32, #grid.layout<@mesh, dims = [<y, block, 3>, <x, block, 4>], pad = [1, 5], partial = none>>
  return
}

func.func @copy(%from: memref<1x4xf32>, %to: memref<1x4xf32>, %m: index)
    attributes {weft.kernel, weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 16, 0, 0, 0, 0>} {
  memref.copy %from, %to : memref<1x4xf32> to memref<1x4xf32>
  return
}
