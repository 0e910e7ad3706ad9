// Caches become pairs of tensors, weights arguments in the order of first use, ops linalg.
// RUN: weft-opt %s --xf-decompose-to-linalg | FileCheck %s
// RUN: weft-opt %s --xf-decompose-to-linalg | FileCheck %s --check-prefix=GONE
// GONE-NOT: xf.{{param "|linear|kv_cache}}
// GONE-NOT: unrealized_conversion_cast

// CHECK-LABEL: func.func @append(
// CHECK-SAME: %[[K:.*]]: tensor<16x2x4xf32>, %[[V:.*]]: tensor<16x2x4xf32>, %[[X:.*]]: tensor<?x8xf32>, %[[P:.*]]: index
// CHECK-SAME: -> (tensor<16x2x4xf32>, tensor<16x2x4xf32>)
// CHECK: %[[NEWK:.*]] = tensor.insert_slice %{{.*}} into %[[K]][%[[P]], 0, 0] [%{{.*}}, 2, 4] [1, 1, 1]
// CHECK: %[[NEWV:.*]] = tensor.insert_slice %{{.*}} into %[[V]][%[[P]], 0, 0] [%{{.*}}, 2, 4] [1, 1, 1]
// CHECK: return %[[NEWK]], %[[NEWV]]
func.func @append(%cache: !xf.kv_cache<2x4x16xf32>, %x: tensor<?x8xf32>, %position: index) -> !xf.kv_cache<2x4x16xf32> {
  %c = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  return %c : !xf.kv_cache<2x4x16xf32>
}

// One argument for the weight that is used twice.
// CHECK-LABEL: func.func @weights(
// CHECK-SAME: %[[X:.*]]: tensor<3x4xf32>, %[[B:.*]]: tensor<4x4xbf16> {xf.param = "b"}, %[[A:.*]]: tensor<2x4xf32> {xf.param = "a"}) -> tensor<3x2xf32>
// CHECK: linalg.matmul_transpose_b ins(%[[X]], %[[B]] : tensor<3x4xf32>, tensor<4x4xbf16>)
// CHECK: linalg.matmul_transpose_b ins(%{{.*}}, %[[B]]
// CHECK: linalg.matmul_transpose_b ins(%{{.*}}, %[[A]]
func.func @weights(%x: tensor<3x4xf32>) -> tensor<3x2xf32> {
  %b0 = xf.param "b" : tensor<4x4xbf16>
  %y0 = xf.linear %x, %b0 : (tensor<3x4xf32>, tensor<4x4xbf16>) -> tensor<3x4xf32>
  %b1 = xf.param "b" : tensor<4x4xbf16>
  %y1 = xf.linear %y0, %b1 : (tensor<3x4xf32>, tensor<4x4xbf16>) -> tensor<3x4xf32>
  %a = xf.param "a" : tensor<2x4xf32>
  %y2 = xf.linear %y1, %a : (tensor<3x4xf32>, tensor<2x4xf32>) -> tensor<3x2xf32>
  return %y2 : tensor<3x2xf32>
}
