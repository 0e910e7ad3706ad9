// Blocks are what is multiplied by, and nothing else.
// RUN: weft-opt %s --split-input-file --verify-diagnostics

grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  // expected-error @below {{has elements of '!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>'; a core holds f32}}
  %a = grid.empty : tensor<1x64x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 32>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  return
}

// -----

// A matrix goes to the product, whose lowering knows how it is cut; kernels of calls take those of experts.
grid.mesh @mesh 2 x 2 interleave
func.func @f() {
  %w = grid.weight ["w"] single transposed : tensor<64x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<y, block, 32>, <x, block, 4>], pad = [0, 0], partial = none>>
  %y = grid.empty : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>
  // expected-error @below {{has elements of '!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>'; a core holds f32}}
  %z = grid.call @k ins(%w : tensor<64x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<y, block, 32>, <x, block, 4>], pad = [0, 0], partial = none>>) outs(%y : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>) order [0, 1] scalars [] : tensor<8xf32, #grid.layout<@mesh, dims = [<none, whole, 8>], pad = [0], partial = none>>
  return
}
