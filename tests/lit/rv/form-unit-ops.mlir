// RUN: weft-opt %s --rv-form-unit-ops=dot --canonicalize | FileCheck %s
// RUN: weft-opt %s --rv-form-unit-ops --canonicalize | FileCheck %s --check-prefix=NONE

// CHECK-LABEL: @scalar
// CHECK-SAME: (%[[ACC:.*]]: vector<8xi32>, %[[A:.*]]: i32, %[[W:.*]]: vector<8xi32>)
// CHECK: rv.vqdot_vx %[[ACC]], %[[W]], %[[A]]
// NONE-LABEL: @scalar
// NONE: rv.dot4
func.func @scalar(%acc: vector<8xi32>, %a: i32, %w: vector<8xi32>) -> vector<8xi32> {
  %s = vector.broadcast %a : i32 to vector<8xi32>
  %r = rv.dot4 %acc, %s, %w : vector<8xi32>
  return %r : vector<8xi32>
}

// CHECK-LABEL: @vectors
// CHECK: rv.vqdot_vv
func.func @vectors(%acc: vector<8xi32>, %a: vector<8xi32>, %w: vector<8xi32>) -> vector<8xi32> {
  %r = rv.dot4 %acc, %a, %w : vector<8xi32>
  return %r : vector<8xi32>
}

// One lane.
// CHECK-LABEL: @words
// CHECK: rv.vqdot_vx {{.*}} : (vector<1xi32>, vector<1xi32>, i32) -> vector<1xi32>
func.func @words(%acc: i32, %a: i32, %w: i32) -> i32 {
  %r = rv.dot4 %acc, %a, %w : i32
  return %r : i32
}

// exp changes results, and is used where the kernel says so.
// CHECK-LABEL: @exp
// CHECK-SAME: (%[[X:.*]]: vector<8xf32>, %[[M:.*]]: f32)
// CHECK: rv.wf_vexpsub_vf %[[X]], %[[M]]
// CHECK: rv.wf_vexp_v
// CHECK: rv.wf_vexp_v {{.*}} : (vector<1xf32>) -> vector<1xf32>
func.func @exp(%x: vector<8xf32>, %m: f32) -> (vector<8xf32>, f32) attributes {weft.units = ["exp"]} {
  %s = vector.broadcast %m : f32 to vector<8xf32>
  %d = arith.subf %x, %s : vector<8xf32>
  %p = math.exp %d : vector<8xf32>
  %e = math.exp %p : vector<8xf32>
  %one = math.exp %m : f32
  return %e, %one : vector<8xf32>, f32
}

// CHECK-LABEL: @not_named
// CHECK: math.exp
func.func @not_named(%x: vector<8xf32>) -> vector<8xf32> {
  %e = math.exp %x : vector<8xf32>
  return %e : vector<8xf32>
}
