// A decoder layer with everything that Llama does not have: learned positions, layer norms, biases, a fused projection,
// norms of heads, heads that turn in part, a window, a soft cap, an MLP without a gate.
// RUN: weft-opt %s --place="width=4 height=3 max-seq=16" --grid-verify --mlir-print-local-scope | FileCheck %s

// Positions are added on the way round the ring that picks up tokens; the table is the stored one from row 2 on.
// CHECK-LABEL: func.func @prefill()
// CHECK: %[[TABLE:.*]] = grid.weight ["wpe"] single views {{\[\[}}array<i64: 16>, array<i64: 16, 8>, array<i64: 8, 1>]] : tensor<16x8xf32
// CHECK: scf.for
// CHECK: grid.call @embed_block
// CHECK: grid.call @position_block{{.*}} ins(%{{.*}}, %[[TABLE]]
// CHECK: grid.call @row_sum
// CHECK: grid.all_reduce add %{{.*}} along x
// CHECK: grid.call @centered_squares{{.*}}#grid.scalar<rank_x, 0>
// CHECK: grid.all_reduce add %{{.*}} along x
// CHECK: grid.call @layer_scale
// Rows 0 to 7 of the stored tensor are queries, 8 to 11 keys, 12 to 15 values; the transpose is stored.
// CHECK: grid.weight ["qkv", "qkv", "qkv"] qkv transposed heads [2, 2, 2, 0, 0] views {{\[\[}}array<i64: 0>, array<i64: 8, 1>, array<i64: 8, 16>], [array<i64: 8>, array<i64: 4, 1>, array<i64: 8, 16>], [array<i64: 12>
// CHECK: grid.gemm
// A bias for queries alone.
// CHECK: grid.weight ["q_bias", "", ""] qkv heads [2, 2, 2, 0, 0]
// CHECK: grid.call @add_bias
// CHECK: grid.weight ["q_norm"] head_dim heads
// CHECK: grid.call @group_squares
// CHECK: grid.call @group_scale
// CHECK-NOT: rope
// CHECK: grid.call @flash_scores
// CHECK: grid.call @softcap
// CHECK: grid.call @flash_update{{.*}}window5
// CHECK: grid.weight ["o"] single transposed
// CHECK: grid.weight ["o_bias"] single :
// CHECK: grid.call @add_bias
// CHECK: grid.call @gelu_tanh
// The host's copy of the logits has the least padding, whatever is done to them on the way.
// CHECK: grid.weight ["wte"] single transposed : tensor<8x9xf32, #grid.layout<@mesh, dims = [<y, block, {{[0-9]+}}>, <x, block, 4>]
// CHECK: grid.call @scale
// CHECK: grid.output
func.func @prefill(%ids: tensor<?xi32>, %c0: !xf.kv_cache<2x2x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x2x16xf32>) {
  %position = arith.constant 0 : index
  %table = xf.param "wte" : tensor<9x8xf32>
  %positions = xf.param "wpe" : tensor<20x8xf32>
  %e = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
  %x = xf.add_positions %e, %positions, %position {offset = 2 : i64} : tensor<?x8xf32>, tensor<20x8xf32>
  %gamma = xf.param "gamma" : tensor<8xf32>
  %beta = xf.param "beta" : tensor<8xf32>
  %n = xf.layer_norm %x gamma(%gamma) beta(%beta) {epsilon = 1.0e-5 : f64} : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %stored = xf.param "qkv" : tensor<8x16xf32>
  %init = tensor.empty() : tensor<16x8xf32>
  %qkv = linalg.transpose ins(%stored : tensor<8x16xf32>) outs(%init : tensor<16x8xf32>) permutation = [1, 0]
  %wq = tensor.extract_slice %qkv[0, 0] [8, 8] [1, 1] : tensor<16x8xf32> to tensor<8x8xf32>
  %wk = tensor.extract_slice %qkv[8, 0] [4, 8] [1, 1] : tensor<16x8xf32> to tensor<4x8xf32>
  %wv = tensor.extract_slice %qkv[12, 0] [4, 8] [1, 1] : tensor<16x8xf32> to tensor<4x8xf32>
  %qb = xf.param "q_bias" : tensor<8xf32>
  %q0 = xf.linear %n, %wq, %qb : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %k = xf.linear %n, %wk : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %v = xf.linear %n, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %qn = xf.param "q_norm" : tensor<2xf32>
  %q = xf.rms_norm %q0, %qn {epsilon = 1.0e-5 : f64} : tensor<?x8xf32>, tensor<2xf32>
  %c1 = xf.kv_append %c0, %k, %v, %position : !xf.kv_cache<2x2x16xf32>, tensor<?x4xf32>, tensor<?x4xf32>
  %a = xf.attention %q, %c1, %position {heads = 4 : i64, scale = 0.5 : f64, softcap = 20.0 : f64, window = 5 : i64} : tensor<?x8xf32>, !xf.kv_cache<2x2x16xf32>
  %wo = xf.param "o" : tensor<8x8xf32>
  %ob = xf.param "o_bias" : tensor<8xf32>
  %o = xf.linear %a, %wo, %ob : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %up = xf.param "up" : tensor<8x8xf32>
  %u = xf.linear %o, %up : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %h = xf.activation gelu_tanh %u : tensor<?x8xf32>
  %last = xf.last_row %h : (tensor<?x8xf32>) -> tensor<1x8xf32>
  %l = xf.linear %last, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
  %s = xf.scale %l {factor = 2.0 : f64} : tensor<1x9xf32>
  return %s, %c1 : tensor<1x9xf32>, !xf.kv_cache<2x2x16xf32>
}
