// One phase alone is a graph, too.
// RUN: weft-opt %s --graph-split-phases="only=decode" --graph-verify | FileCheck %s
// RUN: weft-opt %s --graph-split-phases="only=prefill" --graph-verify | FileCheck %s --check-prefix=PREFILL
// RUN: not weft-opt %s --graph-split-phases="only=training" 2>&1 | FileCheck %s --check-prefix=OTHER

// CHECK-NOT: @prefill
// CHECK: func.func @decode(
// CHECK-NOT: @prefill
// PREFILL-NOT: @decode
// PREFILL: func.func @prefill(
// PREFILL-NOT: @decode
// OTHER: graph-split-phases makes @prefill and @decode, not @training
module attributes {xf.model = "tiny", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64, xf.heads = 2 : i64,
                   xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @forward(%ids: tensor<?xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>)
      -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64}
        : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}
