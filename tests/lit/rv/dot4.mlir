// RUN: weft-opt %s -split-input-file -verify-diagnostics --rv-lower --canonicalize | FileCheck %s

// Bytes by shifts; those of a scalar before it becomes a vector.
// CHECK-LABEL: @lowers
// CHECK-NOT: rv.dot4
// CHECK: arith.shrsi {{.*}} : i32
// CHECK: vector.broadcast
// CHECK: arith.muli {{.*}} : vector<8xi32>
func.func @lowers(%acc: vector<8xi32>, %a: i32, %w: vector<8xi32>) -> vector<8xi32> {
  %s = vector.broadcast %a : i32 to vector<8xi32>
  %r = rv.dot4 %acc, %s, %w : vector<8xi32>
  return %r : vector<8xi32>
}

// -----

func.func @R5(%a: vector<8xi16>) {
  // expected-error @+1 {{R5: works on words}}
  %r = rv.dot4 %a, %a, %a : vector<8xi16>
  return
}
