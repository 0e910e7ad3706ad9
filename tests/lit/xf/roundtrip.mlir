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

// What other transformers than Llama have.
// CHECK-LABEL: func.func @more
func.func @more(%x: tensor<?x16xf32>, %rows: tensor<6x16xf32>, %position: index, %bias: tensor<1x4x1x3xf32>,
                %cache: !xf.kv_cache<1x16x8xf32, values = 12>) -> !xf.kv_cache<1x16x8xf32, values = 12> {
  %w = xf.param "w" : tensor<16x16xf32>
  %b = xf.param "b" : tensor<16xf32>
  %head = xf.param "head" : tensor<4xf32>
  %stack = xf.param "stack" : tensor<4x3x4xf16>
  // CHECK: xf.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %0 = xf.linear %x, %w, %b : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  // CHECK: xf.head_linear %{{.*}}, %{{.*}} : (tensor<?x16xf32>, tensor<4x3x4xf16>) -> tensor<?x12xf32>
  %1 = xf.head_linear %0, %stack : (tensor<?x16xf32>, tensor<4x3x4xf16>) -> tensor<?x12xf32>
  // CHECK: xf.join_heads %{{.*}}, %{{.*}} {heads = 4 : i64} : (tensor<?x12xf32>, tensor<?x16xf32>) -> tensor<?x28xf32>
  %2 = xf.join_heads %1, %0 {heads = 4 : i64} : (tensor<?x12xf32>, tensor<?x16xf32>) -> tensor<?x28xf32>
  // CHECK: xf.rms_norm %{{.*}}, %{{.*}} {epsilon = {{.*}} : f64, offset = 1.000000e+00 : f64} : tensor<?x16xf32>, tensor<4xf32>
  %3 = xf.rms_norm %0, %head {epsilon = 1.0e-5 : f64, offset = 1.0 : f64} : tensor<?x16xf32>, tensor<4xf32>
  // CHECK: xf.layer_norm %{{.*}} gamma(%{{.*}}) beta(%{{.*}}) {epsilon = {{.*}} : f64} : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %4 = xf.layer_norm %3 gamma(%b) beta(%b) {epsilon = 1.0e-5 : f64}
      : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  // CHECK: xf.rope %{{.*}}, %{{.*}} {head_dim = 8 : i64, interleaved, inverse_frequencies = dense<{{.*}}> : tensor<2xf64>, long_from = 4 : i64, long_inverse_frequencies = dense<{{.*}}> : tensor<2xf64>, scale = 1.500000e+00 : f64}
  %5 = xf.rope %4, %position {head_dim = 8 : i64, inverse_frequencies = dense<[1.0, 0.01]> : tensor<2xf64>, interleaved,
      long_from = 4 : i64, long_inverse_frequencies = dense<[0.5, 0.01]> : tensor<2xf64>, scale = 1.5 : f64}
      : tensor<?x16xf32>
  // CHECK: xf.add_positions %{{.*}}, %{{.*}}, %{{.*}} {offset = 2 : i64} : tensor<?x16xf32>, tensor<16x16xf32>
  %6 = xf.add_positions %5, %w, %position {offset = 2 : i64} : tensor<?x16xf32>, tensor<16x16xf32>
  // CHECK: xf.activation gelu_tanh %{{.*}} : tensor<?x16xf32>
  %7 = xf.activation gelu_tanh %6 : tensor<?x16xf32>
  // CHECK: xf.mul %{{.*}}, %{{.*}} : tensor<?x16xf32>
  %8 = xf.mul %7, %6 : tensor<?x16xf32>
  // CHECK: xf.scale %{{.*}} {factor = 2.500000e+00 : f64} : tensor<?x16xf32>
  %9 = xf.scale %8 {factor = 2.5 : f64} : tensor<?x16xf32>
  // CHECK: xf.moe silu sigmoid %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<16xf32>) gate(%{{.*}}, %{{.*}}) up({{.*}}) down({{.*}}) {group_score = #xf<group_score top_two>, groups = 4 : i64, normalize, top_groups = 2 : i64, top_k = 3 : i64}
  %10 = xf.moe silu sigmoid %9, %w bias(%b : tensor<16xf32>)
      gate(%w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w)
      up(%w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w)
      down(%w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w, %w)
      {group_score = #xf<group_score top_two>, groups = 4 : i64, normalize, top_groups = 2 : i64, top_k = 3 : i64}
      : tensor<?x16xf32>, tensor<16x16xf32>,
      (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>), (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>), (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>)
  // CHECK: xf.kv_append %{{.*}} : !xf.kv_cache<1x16x8xf32, values = 12>, tensor<?x16xf32>, tensor<?x12xf32>
  %after = xf.kv_append %cache, %10, %1, %position : !xf.kv_cache<1x16x8xf32, values = 12>, tensor<?x16xf32>, tensor<?x12xf32>
  // CHECK: xf.attention %{{.*}} {heads = 1 : i64, scale = 1.000000e+00 : f64, softcap = 5.000000e+01 : f64, window = 4 : i64} : tensor<?x16xf32>, !xf.kv_cache<1x16x8xf32, values = 12>
  %a = xf.attention %10, %after, %position {heads = 1 : i64, scale = 1.0 : f64, softcap = 50.0 : f64, window = 4 : i64}
      : tensor<?x16xf32>, !xf.kv_cache<1x16x8xf32, values = 12>
  // CHECK: xf.attend %{{.*}}, %{{.*}}, %{{.*}} bias(%{{.*}}) {batch = 2 : i64, causal, heads = 4 : i64, kv_heads = 2 : i64, scale = 1.000000e+00 : f64, window = 2 : i64} : (tensor<6x16xf32>, tensor<6x8xf32>, tensor<6x8xf32>, tensor<1x4x1x3xf32>) -> tensor<6x16xf32>
  %wk = xf.param "k" : tensor<8x16xf32>
  %k = xf.linear %rows, %wk : (tensor<6x16xf32>, tensor<8x16xf32>) -> tensor<6x8xf32>
  %m = xf.attend %rows, %k, %k bias(%bias) {batch = 2 : i64, causal, heads = 4 : i64, kv_heads = 2 : i64, scale = 1.0 : f64,
      window = 2 : i64} : (tensor<6x16xf32>, tensor<6x8xf32>, tensor<6x8xf32>, tensor<1x4x1x3xf32>) -> tensor<6x16xf32>
  return %after : !xf.kv_cache<1x16x8xf32, values = 12>
}
