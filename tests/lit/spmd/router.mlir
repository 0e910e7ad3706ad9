// A sum that routers make: every core sends, the middle one gets it back where it sent from and tells all others.
// RUN: weft-opt %s --spmd --fabric-verify --route --route-verify | FileCheck %s

#words = #grid.layout<@mesh, dims = [<none, whole, 5>], pad = [0], partial = none>
#whole = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>
#partial = #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = y>

grid.mesh @mesh 2 x 3 interleave

// CHECK: fabric.channel @y_router_max along y combine [0, 0] by max_f32 color #{{.*}} of [{{[0-9]}}]
// CHECK: fabric.channel @y_tree_k1_g1_cast along y tree_cast [1, 1, 0, 0]
// CHECK: fabric.step "most" "reduce" {
// CHECK-NEXT: fabric.task on @[[MIDDLE:.*]] {
// CHECK-NEXT: fabric.put <@[[V:.*]] + 0> to @y_router_max <16>
// CHECK-NEXT: fabric.get <@[[V]] + 0> from @y_router_max <16>
// CHECK-NEXT: fabric.wait
// CHECK: fabric.task on @[[OTHERS:.*]] {
// CHECK-NEXT: fabric.put <@[[V]] + 0> to @y_router_max <16>
// CHECK-NEXT: fabric.wait
// CHECK: fabric.step "most" "multicast" {
// CHECK-NEXT: fabric.task on @[[MIDDLE]] {
// CHECK-NEXT: fabric.put <@[[V]] + 0> to @y_tree_k1_g1_cast
// CHECK: fabric.task on @[[OTHERS]] {
// CHECK-NEXT: fabric.get <@[[V]] + 0> from @y_tree_k1_g1_cast
func.func @prefill() {
  %words = grid.launch : tensor<5xi32, #words>
  %v = grid.empty : tensor<1x8xf32, #partial>
  %s = grid.all_reduce max %v along y levels 1 groups 1 in_router : tensor<1x8xf32, #partial> -> tensor<1x8xf32, #whole> loc("most")
  grid.output "logits" %s : tensor<1x8xf32, #whole>
  return
}
