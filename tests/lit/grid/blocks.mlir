// Weights in the blocks of the model's file, in text form, read and written back: a matrix, and those of experts.
// RUN: weft-opt %s | weft-opt | FileCheck %s

grid.mesh @mesh 2 x 2 interleave

// CHECK-LABEL: func.func @weights
func.func @weights() {
  // CHECK: grid.weight ["w"] single transposed : tensor<64x8x!grid.blocks<4 from 0, 32 in 32, 1, 1, 0>, {{.*}}>
  %w = grid.weight ["w"] single transposed : tensor<64x8x!grid.blocks<4 from 0, 32 in 32, 1, 1, 0>, #grid.layout<@mesh, dims = [<y, block, 32>, <x, block, 4>], pad = [0, 0], partial = none>>
  // CHECK: grid.experts ["e0", "e1"] of 2 inner 4 rows 1 expert [0, 1] : tensor<1x64x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, {{.*}}>
  %e = grid.experts ["e0", "e1"] of 2 inner 4 rows 1 expert [0, 1] : tensor<1x64x8x!grid.blocks<8 from -128, 32 in 32, 0, 0, 0>, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 32>, <y, block, 4>], pad = [0, 0, 0], partial = none>>
  // CHECK: grid.weight ["v"] single transposed : tensor<64x8x!grid.blocks<4 from 0, 32 in 32, 0, 0, 0 wide 1 zeros 1>, {{.*}}>
  %v = grid.weight ["v"] single transposed : tensor<64x8x!grid.blocks<4 from 0, 32 in 32, 0, 0, 0 wide 1 zeros 1>, #grid.layout<@mesh, dims = [<y, block, 32>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}
