// What a core widens itself is left to LLVM; the rest is done with integers.
// RUN: weft-opt %s --codegen-core='isa=rv64gcv_zvl256b' | FileCheck %s --check-prefixes=BOTH,BASE
// RUN: weft-opt %s --codegen-core='isa=rv64gcv_zvl256b_zfhmin_zvfhmin_zvfbfwma' | FileCheck %s --check-prefixes=BOTH,NARROW
// RUN: not weft-opt %s --codegen-core='isa=rv64gc' 2>&1 | FileCheck %s --check-prefix=NOVECTOR

// NOVECTOR: 'v' is missing; cores have the vector extension

// BOTH-LABEL: llvm.func @bf16
// BASE: llvm.zext %{{.*}} : vector<8xi16> to vector<8xi32>
// BASE: llvm.shl
// BASE-NOT: llvm.fpext
// NARROW: llvm.fpext %{{.*}} : vector<8xbf16> to vector<8xf32>
// BOTH: llvm.intr.fma
func.func @bf16(%acc: vector<8xf32>, %a: f32, %w: vector<8xbf16>) -> vector<8xf32> {
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f32, vector<8xbf16>
  return %r : vector<8xf32>
}

// BOTH-LABEL: llvm.func @f16
// BASE: llvm.zext %{{.*}} : vector<8xi16> to vector<8xi32>
// BASE-NOT: llvm.fpext
// NARROW: llvm.fpext %{{.*}} : vector<8xf16> to vector<8xf32>
// BOTH: llvm.intr.fma
func.func @f16(%acc: vector<8xf32>, %a: f32, %w: vector<8xf16>) -> vector<8xf32> {
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f32, vector<8xf16>
  return %r : vector<8xf32>
}

// BOTH-LABEL: llvm.func @scalar
// BASE-NOT: llvm.fpext
// NARROW: llvm.fpext %{{.*}} : bf16 to f32
func.func @scalar(%w: bf16) -> f32 {
  %r = arith.extf %w : bf16 to f32
  return %r : f32
}
