// RUN: weft-opt %s --spmd --split-input-file --verify-diagnostics

// A loop that does not begin at 0
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %p = grid.param "parts" [2]
  // expected-error @below {{must count from 0 by 1}}
  %r = scf.for %i = %c1 to %c2 step %c1 iter_args(%v = %e) -> (tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) {
    scf.yield %v : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  }
  return
}

// -----

// A loop that counts by 2
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %p = grid.param "parts" [2]
  // expected-error @below {{must count from 0 by 1}}
  %r = scf.for %i = %c0 to %c2 step %c2 iter_args(%v = %e) -> (tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) {
    scf.yield %v : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  }
  return
}

// -----

// An op that no core knows
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  %x = arith.constant 3 : i32
  // expected-error @below {{has no meaning on the fabric}}
  %i = arith.index_cast %x : i32 to index
  return
}

// -----

// A ring of unknown length
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %p = grid.param "parts" [2]
  // expected-error @below {{moves shards round a ring and needs a constant bound}}
  %r = scf.for %i = %c0 to %p step %c1 iter_args(%v = %e) -> (tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) {
    %s = grid.shift %v along x wrap true : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
    scf.yield %s : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  }
  return
}

// -----

// A value that is made elsewhere
grid.mesh @mesh 2 x 2 interleave
func.func @prefill() {
  %e = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %p = grid.param "parts" [2]
  // expected-error @below {{yields a value that is not made in place of its argument}}
  %r = scf.for %i = %c0 to %c2 step %c1 iter_args(%v = %e) -> (tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>) {
    %n = grid.empty : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
    scf.yield %n : tensor<1x8xf32, #grid.layout<@mesh, dims = [<none, whole, 1>, <x, block, 4>], pad = [0, 0], partial = none>>
  }
  return
}
