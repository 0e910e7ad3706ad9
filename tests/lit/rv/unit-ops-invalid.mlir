// RUN: weft-opt %s -split-input-file -verify-diagnostics

func.func @U1_element(%acc: vector<8xi32>, %a: vector<8xf32>) {
  // expected-error @+1 {{U1: operands must hold vd i32, vs2 s8x4, vs1 s8x4}}
  %0 = rv.vqdot_vv %acc, %a, %a : (vector<8xi32>, vector<8xf32>, vector<8xf32>) -> vector<8xi32>
  return
}

// -----

func.func @U1_mixed(%x: vector<8xf32>, %m: bf16) {
  // expected-error @+1 {{U1: operands must hold vd f32, vs2 f32, fs1 f32; or vd bf16, vs2 bf16, fs1 bf16}}
  %0 = rv.wf_vexpsub_vf %x, %m : (vector<8xf32>, bf16) -> vector<8xf32>
  return
}

// -----

func.func @U2_length(%x: vector<8xf32>) {
  // expected-error @+1 {{U2: vectors must have rank 1 and the same length}}
  %0 = rv.wf_vexp_v %x : (vector<8xf32>) -> vector<4xf32>
  return
}

// -----

func.func @U2_scalable(%x: vector<[8]xf32>) {
  // expected-error @+1 {{U2: vectors must have rank 1 and the same length}}
  %0 = rv.wf_vexp_v %x : (vector<[8]xf32>) -> vector<8xf32>
  return
}

// -----

func.func @U2_batched(%acc: vector<8xf32>, %b: vector<8x16xbf16>, %a: vector<8xbf16>) {
  // expected-error @+1 {{U2: wants vs1 of n elements, vs2 of 8 x n, and 8 results, or a power of two times 8}}
  %0 = rv.vfwbdota_vv %acc, %b, %a : (vector<8xf32>, vector<8x16xbf16>, vector<8xbf16>) -> vector<8xf32>
  return
}

// -----

func.func @U3_ci(%acc: vector<8xf32>, %b: vector<8x16xbf16>, %a: vector<16xbf16>) {
  // expected-error @+1 {{U3: ci is 8; allowed: 0 to 7}}
  %0 = rv.vfwbdota_vv %acc, %b, %a {ci = 8 : i64} : (vector<8xf32>, vector<8x16xbf16>, vector<16xbf16>) -> vector<8xf32>
  return
}

// -----

func.func @U3_ci_beyond_the_result(%acc: vector<8xf32>, %b: vector<8x16xbf16>, %a: vector<16xbf16>) {
  // expected-error @+1 {{U3: ci is 1; allowed: 0 to 0}}
  %0 = rv.vfwbdota_vv %acc, %b, %a {ci = 1 : i64} : (vector<8xf32>, vector<8x16xbf16>, vector<16xbf16>) -> vector<8xf32>
  return
}

// -----

func.func @U4_route(%x: i32) {
  // expected-error @+1 {{U4: route is 4096; allowed: 0 to 4095}}
  rv.mesh_put %x {route = 4096 : i64} : (i32) -> ()
  return
}
