// RUN: weft-opt %s | weft-opt | FileCheck %s

// CHECK-LABEL: @dot
func.func @dot(%acc: vector<8xi32>, %a: vector<8xi32>, %b: vector<8xi32>, %s: i32) -> vector<8xi32> {
  // CHECK: rv.vqdot_vv %{{.*}}, %{{.*}}, %{{.*}} : (vector<8xi32>, vector<8xi32>, vector<8xi32>) -> vector<8xi32>
  %0 = rv.vqdot_vv %acc, %a, %b : (vector<8xi32>, vector<8xi32>, vector<8xi32>) -> vector<8xi32>
  // CHECK: rv.vqdotus_vx
  %1 = rv.vqdotus_vx %0, %a, %s : (vector<8xi32>, vector<8xi32>, i32) -> vector<8xi32>
  return %1 : vector<8xi32>
}

// CHECK-LABEL: @batched
func.func @batched(%acc: vector<8xf32>, %b: vector<8x16xbf16>, %a: vector<16xbf16>) -> vector<8xf32> {
  // CHECK: rv.vfwbdota_vv %{{.*}}, %{{.*}}, %{{.*}} :
  %0 = rv.vfwbdota_vv %acc, %b, %a : (vector<8xf32>, vector<8x16xbf16>, vector<16xbf16>) -> vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: @signs
func.func @signs(%acc: vector<16xi32>, %b: vector<8x32xi8>, %a: vector<32xi8>) -> vector<16xi32> {
  // CHECK: rv.vqwbdotau_vv %{{.*}}, %{{.*}}, %{{.*}} {altfmt, ci = 1 : i64} :
  %0 = rv.vqwbdotau_vv %acc, %b, %a {altfmt, ci = 1 : i64} : (vector<16xi32>, vector<8x32xi8>, vector<32xi8>) -> vector<16xi32>
  return %0 : vector<16xi32>
}

// CHECK-LABEL: @exp
func.func @exp(%x: vector<[4]xf32>, %y: vector<[4]xbf16>, %m: bf16) -> vector<[4]xbf16> {
  // CHECK: rv.wf_vexp_v
  %0 = rv.wf_vexp_v %x : (vector<[4]xf32>) -> vector<[4]xf32>
  // CHECK: rv.wf_vexpsub_vf
  %1 = rv.wf_vexpsub_vf %y, %m : (vector<[4]xbf16>, bf16) -> vector<[4]xbf16>
  return %1 : vector<[4]xbf16>
}

// CHECK-LABEL: @mesh
func.func @mesh() {
  // CHECK: rv.mesh_get {route = 3 : i64}
  %0 = rv.mesh_get {route = 3 : i64} : () -> i32
  // CHECK: rv.mesh_put %{{.*}} {route = 4 : i64}
  rv.mesh_put %0 {route = 4 : i64} : (i32) -> ()
  return
}
