// RUN: weft-opt %s | weft-opt | FileCheck %s
// RUN: weft-opt %s --rv-lower | FileCheck %s --check-prefix=HOST

// CHECK-LABEL: @bf16
// CHECK: rv.widening_fma %{{.*}}, %{{.*}}, %{{.*}} : vector<8xf32>, f32, vector<8xbf16>
// HOST-LABEL: @bf16
// HOST: %[[BITS:.*]] = arith.bitcast %{{.*}} : vector<8xbf16> to vector<8xi16>
// HOST: %[[WORD:.*]] = arith.extui %[[BITS]] : vector<8xi16> to vector<8xi32>
// HOST: %[[SHIFT:.*]] = arith.shli %[[WORD]]
// HOST: %[[WIDE:.*]] = arith.bitcast %[[SHIFT]] : vector<8xi32> to vector<8xf32>
// HOST: math.fma %{{.*}}, %[[WIDE]], %{{.*}} : vector<8xf32>
// HOST-NOT: rv.
func.func @bf16(%acc: vector<8xf32>, %a: f32, %w: vector<8xbf16>) -> vector<8xf32> {
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f32, vector<8xbf16>
  return %r : vector<8xf32>
}

// CHECK-LABEL: @f16_scalable
// CHECK: rv.widening_fma %{{.*}}, %{{.*}}, %{{.*}} : vector<[4]xf32>, f32, vector<[4]xf16>
// HOST-LABEL: @f16_scalable
// HOST: arith.extf %{{.*}} : vector<[4]xf16> to vector<[4]xf32>
func.func @f16_scalable(%acc: vector<[4]xf32>, %a: f32, %w: vector<[4]xf16>) -> vector<[4]xf32> {
  %r = rv.widening_fma %acc, %a, %w : vector<[4]xf32>, f32, vector<[4]xf16>
  return %r : vector<[4]xf32>
}

// A narrow scalar is widened as the vector is.
// CHECK-LABEL: @narrow_scalar
// CHECK: rv.widening_fma %{{.*}}, %{{.*}}, %{{.*}} : vector<8xf32>, f16, vector<8xf16>
// HOST-LABEL: @narrow_scalar
// HOST-DAG: arith.extf %{{.*}} : f16 to f32
// HOST-DAG: arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// HOST: math.fma
func.func @narrow_scalar(%acc: vector<8xf32>, %a: f16, %w: vector<8xf16>) -> vector<8xf32> {
  %r = rv.widening_fma %acc, %a, %w : vector<8xf32>, f16, vector<8xf16>
  return %r : vector<8xf32>
}
