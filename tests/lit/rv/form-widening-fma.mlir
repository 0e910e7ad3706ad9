// RUN: weft-opt %s --rv-form-widening-fma --canonicalize | FileCheck %s

// CHECK-LABEL: @forms
// CHECK-SAME: (%[[ACC:.*]]: vector<8xf32>, %[[A:.*]]: f32, %[[W:.*]]: vector<8xbf16>)
// CHECK: rv.widening_fma %[[ACC]], %[[A]], %[[W]] : vector<8xf32>, f32, vector<8xbf16>
func.func @forms(%acc: vector<8xf32>, %a: f32, %w: vector<8xbf16>) -> vector<8xf32> {
  %s = vector.broadcast %a : f32 to vector<8xf32>
  %x = arith.extf %w : vector<8xbf16> to vector<8xf32>
  %r = math.fma %s, %x, %acc : vector<8xf32>
  return %r : vector<8xf32>
}

// The factors may be in either order.
// CHECK-LABEL: @commuted
// CHECK: rv.widening_fma
func.func @commuted(%acc: vector<8xf32>, %a: f32, %w: vector<8xf16>) -> vector<8xf32> {
  %s = vector.broadcast %a : f32 to vector<8xf32>
  %x = arith.extf %w : vector<8xf16> to vector<8xf32>
  %r = vector.fma %x, %s, %acc : vector<8xf32>
  return %r : vector<8xf32>
}

// A scalar of the same narrow type stays narrow; one of another does not.
// CHECK-LABEL: @narrow_scalar
// CHECK-SAME: (%[[ACC:.*]]: vector<8xf32>, %[[A:.*]]: bf16, %[[H:.*]]: f16, %[[W:.*]]: vector<8xbf16>)
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[H]]
// CHECK-NEXT: %[[R:.*]] = rv.widening_fma %[[ACC]], %[[A]], %[[W]] : vector<8xf32>, bf16, vector<8xbf16>
// CHECK-NEXT: rv.widening_fma %[[R]], %[[WIDE]], %[[W]] : vector<8xf32>, f32, vector<8xbf16>
func.func @narrow_scalar(%acc: vector<8xf32>, %a: bf16, %h: f16, %w: vector<8xbf16>) -> vector<8xf32> {
  %wide = arith.extf %a : bf16 to f32
  %s = vector.broadcast %wide : f32 to vector<8xf32>
  %other = arith.extf %h : f16 to f32
  %t = vector.broadcast %other : f32 to vector<8xf32>
  %x = arith.extf %w : vector<8xbf16> to vector<8xf32>
  %r = math.fma %s, %x, %acc : vector<8xf32>
  %q = math.fma %t, %x, %r : vector<8xf32>
  return %q : vector<8xf32>
}

// A vector times a vector is no such operation.
// CHECK-LABEL: @not_scalar
// CHECK-NOT: rv.widening_fma
func.func @not_scalar(%acc: vector<8xf32>, %s: vector<8xf32>, %w: vector<8xbf16>) -> vector<8xf32> {
  %x = arith.extf %w : vector<8xbf16> to vector<8xf32>
  %r = math.fma %s, %x, %acc : vector<8xf32>
  return %r : vector<8xf32>
}
