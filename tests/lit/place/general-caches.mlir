// A cache is stored once nothing looks at what it was: neither a scalar, which kernels read where they use it, nor
// another cache that it becomes.
// RUN: weft-opt %s --place-general="width=2 height=1" --grid-verify --mlir-print-local-scope | FileCheck %s

// CHECK-LABEL: func.func @prefill()
// CHECK: %[[OLD:.*]] = grid.cache "cache0.keys"
// CHECK: %[[OTHER_OLD:.*]] = grid.cache "cache0.values"
// CHECK: %[[NEXT:.*]] = grid.call @generic_{{.*}} ins(%[[OLD]], %{{.*}}
// CHECK: %[[OTHER:.*]] = grid.call @generic_{{.*}} ins(%[[OTHER_OLD]], %{{.*}}
// CHECK: grid.call @extract_slice_{{.*}} ins(%[[OTHER]] : {{.*}}) outs(%[[OTHER_OLD]] :
// CHECK: grid.shift %[[OLD]] along x
// CHECK: %[[LOGITS:.*]] = grid.call @generic_
// CHECK: grid.call @extract_slice_{{.*}} ins(%[[NEXT]] : {{.*}}) outs(%[[OLD]] :
// CHECK: grid.output "logits" %[[LOGITS]]
func.func @prefill(%words: tensor<2xi32>, %c0: tensor<16x2x4xf32>, %c1: tensor<16x2x4xf32>) -> (tensor<1x9xf32>, tensor<16x2x4xf32>, tensor<16x2x4xf32>) {
  %zero = arith.constant 0 : index
  %three = arith.constant 3 : index
  %n = tensor.extract %words[%zero] : tensor<2xi32>
  %f = arith.sitofp %n : i32 to f32
  %old = tensor.extract %c0[%three, %zero, %three] : tensor<16x2x4xf32>
  %e = tensor.empty() : tensor<16x2x4xf32>
  %new = linalg.fill ins(%f : f32) outs(%e : tensor<16x2x4xf32>) -> tensor<16x2x4xf32>
  %next = arith.addf %c0, %new : tensor<16x2x4xf32>
  %other = arith.subf %c1, %new : tensor<16x2x4xf32>
  %l = tensor.empty() : tensor<1x9xf32>
  %logits = linalg.fill ins(%old : f32) outs(%l : tensor<1x9xf32>) -> tensor<1x9xf32>
  %all = math.exp %logits : tensor<1x9xf32>
  return %all, %next, %other : tensor<1x9xf32>, tensor<16x2x4xf32>, tensor<16x2x4xf32>
}

// CHECK-LABEL: func.func @decode()
// CHECK: %[[OLD:.*]] = grid.cache "cache0.keys"
// CHECK: %[[LAST:.*]] = grid.cache "cache0.values"
// CHECK: %[[NEXT:.*]] = grid.call @generic_{{.*}} ins(%[[OLD]], %{{.*}}
// CHECK: %[[COPY:.*]] = grid.call @extract_slice_{{.*}} ins(%[[OLD]] :
// CHECK: grid.call @extract_slice_{{.*}} ins(%[[NEXT]] : {{.*}}) outs(%[[OLD]] :
// CHECK: grid.call @extract_slice_{{.*}} ins(%[[COPY]] : {{.*}}) outs(%[[LAST]] :
func.func @decode(%words: tensor<2xi32>, %c0: tensor<16x2x4xf32>, %c1: tensor<16x2x4xf32>) -> (tensor<1x9xf32>, tensor<16x2x4xf32>, tensor<16x2x4xf32>) {
  %zero = arith.constant 0 : index
  %n = tensor.extract %words[%zero] : tensor<2xi32>
  %f = arith.sitofp %n : i32 to f32
  %e = tensor.empty() : tensor<16x2x4xf32>
  %new = linalg.fill ins(%f : f32) outs(%e : tensor<16x2x4xf32>) -> tensor<16x2x4xf32>
  %next = arith.addf %c0, %new : tensor<16x2x4xf32>
  %l = tensor.empty() : tensor<1x9xf32>
  %logits = linalg.fill ins(%f : f32) outs(%l : tensor<1x9xf32>) -> tensor<1x9xf32>
  %all = math.exp %logits : tensor<1x9xf32>
  return %all, %next, %c0 : tensor<1x9xf32>, tensor<16x2x4xf32>, tensor<16x2x4xf32>
}
