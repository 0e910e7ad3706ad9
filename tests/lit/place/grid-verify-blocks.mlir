// A kernel takes the bytes of blocks: of each slot 16 rows of 4 bytes, and 4 scales of 2.
// RUN: weft-opt %s --grid-verify --split-input-file --verify-diagnostics

grid.mesh @mesh 2 x 2 interleave
func.func @k(%w: memref<144xi8>, %y: memref<8xf32>) attributes {weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} {
  return
}
func.func @prefill() {
  %w = grid.experts ["e0", "e1"] of 2 inner 4 rows 2 expert [0, 1] : tensor<2x32x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<none, whole, 2>, <x, block, 16>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  %y = grid.empty : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>
  %z = grid.call @k ins(%w : tensor<2x32x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<none, whole, 2>, <x, block, 16>, <y, block, 4>], pad = [0, 0, 0], partial = none>>) outs(%y : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>) order [0, 1] scalars [] : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>
  return
}

// -----

grid.mesh @mesh 2 x 2 interleave
func.func @k(%w: memref<128xi8>, %y: memref<8xf32>) attributes {weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} {
  return
}
func.func @prefill() {
  %w = grid.experts ["e0", "e1"] of 2 inner 4 rows 2 expert [0, 1] : tensor<2x32x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<none, whole, 2>, <x, block, 16>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  %y = grid.empty : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>
  // expected-error @below {{gives @k a shard of 144 '!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>' where it takes 'memref<128xi8>'}}
  %z = grid.call @k ins(%w : tensor<2x32x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<none, whole, 2>, <x, block, 16>, <y, block, 4>], pad = [0, 0, 0], partial = none>>) outs(%y : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>) order [0, 1] scalars [] : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>
  return
}
