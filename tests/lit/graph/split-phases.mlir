// @prefill keeps the number of ids open and stands at position 0; @decode takes one id, and its rows become one.
// RUN: weft-opt %s --graph-split-phases --graph-verify --mlir-print-local-scope | FileCheck %s
// RUN: weft-opt %s --graph-split-phases --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAMES

module attributes {xf.model = "tiny", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64, xf.heads = 2 : i64,
                   xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  // CHECK-NOT: @forward
  // CHECK-LABEL: func.func @prefill(
  // CHECK-SAME: %[[IDS:.*]]: tensor<?xi32>, %[[CACHE:.*]]: !xf.kv_cache<2x4x16xf32>)
  // CHECK-SAME: -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>)
  // CHECK: %[[ZERO:.*]] = arith.constant 0 : index
  // CHECK: xf.embedding %[[IDS]], %{{.*}} -> tensor<?x8xf32>
  // CHECK: xf.rope %{{.*}}, %[[ZERO]]
  // CHECK: xf.kv_append %[[CACHE]], %{{.*}}, %{{.*}}, %[[ZERO]]
  // CHECK: xf.attention %{{.*}}, %{{.*}}, %[[ZERO]]

  // CHECK-LABEL: func.func @decode(
  // CHECK-SAME: %[[IDS:.*]]: tensor<1xi32>, %[[POSITION:.*]]: index, %[[CACHE:.*]]: !xf.kv_cache<2x4x16xf32>)
  // CHECK-NOT: tensor<?x
  // CHECK: xf.embedding %[[IDS]], %{{.*}} -> tensor<1x8xf32>
  // CHECK: xf.rope %{{.*}}, %[[POSITION]] {{.*}} : tensor<1x8xf32>
  // CHECK: xf.attention %{{.*}}, %{{.*}}, %[[POSITION]] {{.*}} : tensor<1x8xf32>
  // CHECK: return
  // CHECK-NOT: @forward

  // The model's names stay with the ops of both phases.
  // NAMES: func.func @prefill
  // NAMES: xf.attention {{.*}} loc("layers.0.self_attn")
  // NAMES: func.func @decode
  // NAMES: xf.attention {{.*}} loc("layers.0.self_attn")
  func.func @forward(%ids: tensor<?xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>)
      -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %q = xf.rope %x, %position {head_dim = 4 : i64, inverse_frequencies = dense<[1.0, 0.01]> : tensor<2xf64>}
        : tensor<?x8xf32>
    %after = xf.kv_append %cache, %q, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %q, %after, %position {heads = 2 : i64, scale = 0.5 : f64}
        : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32> loc("layers.0.self_attn")
    %s = xf.add %x, %a : tensor<?x8xf32>
    %l = xf.last_row %s : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}
