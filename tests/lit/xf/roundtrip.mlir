// Every op and type in its text form, read and written back.
// RUN: weft-opt %s | weft-opt | FileCheck %s
// RUN: weft-opt %s --mlir-print-op-generic | weft-opt | FileCheck %s

// CHECK-LABEL: func.func @ops
// CHECK-SAME: !xf.kv_cache<2x4x16xf32>
func.func @ops(%ids: tensor<?xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>)
    -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
  // CHECK: %[[TABLE:.*]] = xf.param "model.embed_tokens.weight" : tensor<9x16xbf16>
  %table = xf.param "model.embed_tokens.weight" : tensor<9x16xbf16>
  // CHECK: %[[X:.*]] = xf.embedding %{{.*}}, %[[TABLE]] : (tensor<?xi32>, tensor<9x16xbf16>) -> tensor<?x16xf32>
  %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x16xbf16>) -> tensor<?x16xf32>
  %gamma = xf.param "gamma" : tensor<16xf32>
  // CHECK: xf.rms_norm %[[X]], %{{.*}} {epsilon = {{.*}} : f64} : tensor<?x16xf32>, tensor<16xf32>
  %n = xf.rms_norm %x, %gamma {epsilon = 1.0e-5 : f64} : tensor<?x16xf32>, tensor<16xf32>
  %wk = xf.param "k" : tensor<8x16xf16>
  // CHECK: xf.linear %{{.*}}, %{{.*}} : (tensor<?x16xf32>, tensor<8x16xf16>) -> tensor<?x8xf32>
  %k = xf.linear %n, %wk : (tensor<?x16xf32>, tensor<8x16xf16>) -> tensor<?x8xf32>
  // CHECK: xf.rope %{{.*}}, %{{.*}} {head_dim = 4 : i64, inverse_frequencies = dense<{{.*}}> : tensor<2xf64>} : tensor<?x8xf32>
  %turned = xf.rope %k, %position {head_dim = 4 : i64, inverse_frequencies = dense<[1.0, 0.01]> : tensor<2xf64>}
      : tensor<?x8xf32>
  // CHECK: xf.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  %after = xf.kv_append %cache, %turned, %k, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
  // CHECK: xf.attention %{{.*}}, %{{.*}}, %{{.*}} {heads = 4 : i64, scale = 5.000000e-01 : f64} : tensor<?x16xf32>, !xf.kv_cache<2x4x16xf32>
  %a = xf.attention %n, %after, %position {heads = 4 : i64, scale = 0.5 : f64}
      : tensor<?x16xf32>, !xf.kv_cache<2x4x16xf32>
  // CHECK: xf.add %{{.*}}, %{{.*}} : tensor<?x16xf32>
  %s = xf.add %x, %a : tensor<?x16xf32>
  %up = xf.param "up" : tensor<7x16xf32>
  %down = xf.param "down" : tensor<16x7xf32>
  // CHECK: xf.gated_mlp silu %{{.*}}, %[[UP:.*]], %[[UP]], %{{.*}} : tensor<?x16xf32>, tensor<7x16xf32>, tensor<7x16xf32>, tensor<16x7xf32>
  %m = xf.gated_mlp silu %s, %up, %up, %down : tensor<?x16xf32>, tensor<7x16xf32>, tensor<7x16xf32>, tensor<16x7xf32>
  // CHECK: xf.last_row %{{.*}} : (tensor<?x16xf32>) -> tensor<1x16xf32>
  %l = xf.last_row %m : (tensor<?x16xf32>) -> tensor<1x16xf32>
  %logits = xf.linear %l, %table : (tensor<1x16xf32>, tensor<9x16xbf16>) -> tensor<1x9xf32>
  return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
}
