// Colours: what shares a router has different ones, and a pattern's classes follow from the position of the source.
// RUN: weft-opt %s --route --route-verify | FileCheck %s
// RUN: not weft-opt %s --route="colors=4" 2>&1 | FileCheck %s --check-prefix=FEW

// CHECK-DAG: #[[ZERO:.*]] = affine_map<(d0) -> (0)>
// FEW: error: program 'prefill': {{.*}}colours
fabric.program @prefill 4 x 4 interleave params [] {
  // CHECK: fabric.channel @ring along x ring [-1] color #{{.*}} of [0, 1, 2]
  fabric.channel @ring along x ring [-1]
  // CHECK: fabric.channel @low along y tree_low [0, 1, 1, 0, 0] color #{{.*}} of [3, 4]
  fabric.channel @low along y tree_low [0, 1, 1, 0, 0]
  // CHECK: fabric.channel @cast along y tree_cast [1, 1, 0, 0] color #[[ZERO]] of [5]
  fabric.channel @cast along y tree_cast [1, 1, 0, 0]
  // One flow, towards the core in the middle.
  // CHECK: fabric.channel @sums along y combine [0, 0] by add_f32 color #[[ZERO]] of [6]
  fabric.channel @sums along y combine [0, 0] by add_f32
}
