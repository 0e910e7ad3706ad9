// What a whole grid program needs, beyond what each op can see. The spmd pass relies on it and says the same.
// RUN: weft-opt %s --grid-verify --split-input-file --verify-diagnostics
// RUN: weft-opt %s --spmd --split-input-file --verify-diagnostics

// A kernel that is not there
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{calls @k, which is not a kernel of this module}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// A function that is no kernel
grid.mesh @mesh 2 x 2 interleave
func.func private @k(memref<1x4xf32>)
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{calls @k, which is not a kernel of this module}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// Work of another kind
grid.mesh @mesh 2 x 2 interleave
func.func @k(%b: memref<1x4xf32>, %m: index) attributes {weft.work = 1 : i64} {
  return
}
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{calls @k, which is not a kernel of this module}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// A scalar too few
grid.mesh @mesh 2 x 2 interleave
func.func @k(%b: memref<1x4xf32>, %m: index) attributes {weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} {
  return
}
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{gives @k 1 buffers and 0 scalars, but it takes 2 arguments}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// A shard of another size
grid.mesh @mesh 2 x 2 interleave
func.func @k(%b: memref<1x5xf32>, %m: index) attributes {weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} {
  return
}
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{gives @k a shard of 4 'f32' where it takes 'memref<1x5xf32>'}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [#grid.scalar<const, 1>] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// Elements of another type
grid.mesh @mesh 2 x 2 interleave
func.func @k(%b: memref<1x4xi32>, %m: index) attributes {weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} {
  return
}
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{gives @k a shard of 4 'f32' where it takes 'memref<1x4xi32>'}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [#grid.scalar<const, 1>] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// A loop that is not there
grid.mesh @mesh 2 x 2 interleave
func.func @k(%b: memref<1x4xf32>, %m: index) attributes {weft.work = array<i64: 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0>} {
  return
}
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  // expected-error @below {{uses the counter of a loop that does not enclose it}}
  %0 = grid.call @k ins() outs(%e : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) order [0] scalars [#grid.scalar<loop, 0>] : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  return
}

// -----

// What is left of the graph
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  // expected-error @below {{is left over from the graph}}
  %w = xf.param "w" : tensor<4x4xf32>
  return
}

// -----

// A program with arguments
grid.mesh @mesh 2 x 2 interleave
// expected-error @below {{must be one block without arguments and results}}
func.func @prefill(%x: index) {
  return
}

// -----

// A program without a body
grid.mesh @mesh 2 x 2 interleave
// expected-error @below {{must be one block without arguments and results}}
func.func private @prefill()

// -----

// A loop that carries a number
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{carries a value that is not on the mesh}}
  %r = scf.for %i = %c0 to %c1 step %c1 iter_args(%n = %c0) -> (index) {
    scf.yield %n : index
  }
  return
}

// -----

// Two meshes
// expected-error @below {{a grid program needs one grid.mesh, not 2}}
module {
grid.mesh @mesh 2 x 2 interleave
grid.mesh @other 2 x 2 interleave
}
