// An instruction of a unit goes through LLVM by its name, with the number of the form and the immediate; bf16 goes as bits.
// RUN: weft-opt %s --codegen-core='isa=rv64gcv_zvl256b_xweftdot_xweftexp_xweftmesh' | FileCheck %s

// CHECK-LABEL: llvm.func @batched
// CHECK: llvm.inline_asm "weft unit vqwbdotau.vv 1 1", "=r,r,r,r,r,r,r,r,r,r,r"
// CHECK-SAME: (vector<16xi32>, vector<32xi8>, {{.*}}, vector<32xi8>) -> vector<16xi32>
func.func @batched(%acc: vector<16xi32>, %b: vector<8x32xi8>, %a: vector<32xi8>) -> vector<16xi32> {
  %r = rv.vqwbdotau_vv %acc, %b, %a {altfmt, ci = 1 : i64} : (vector<16xi32>, vector<8x32xi8>, vector<32xi8>) -> vector<16xi32>
  return %r : vector<16xi32>
}

// CHECK-LABEL: llvm.func @bf16
// CHECK: llvm.inline_asm "weft unit wf.vexpsub.vf 1 0", "=r,r,r" %{{.*}}, %{{.*}} : (vector<9xi16>, i16) -> vector<9xi16>
func.func @bf16(%x: vector<9xbf16>, %f: bf16) -> vector<9xbf16> {
  %r = rv.wf_vexpsub_vf %x, %f : (vector<9xbf16>, bf16) -> vector<9xbf16>
  return %r : vector<9xbf16>
}

// CHECK-LABEL: llvm.func @mesh
// CHECK: llvm.inline_asm has_side_effects "weft unit mesh.get 0 3", "=r" : () -> i32
// CHECK: llvm.inline_asm has_side_effects "weft unit mesh.put 0 4095", "r" %{{.*}} : (i32) -> ()
func.func @mesh() {
  %v = rv.mesh_get {route = 3 : i64} : () -> i32
  rv.mesh_put %v {route = 4095 : i64} : (i32) -> ()
  return
}
