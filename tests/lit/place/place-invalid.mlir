// RUN: weft-opt %s --place="width=2 height=2 max-seq=8" --split-input-file --verify-diagnostics

// expected-error @below {{place expects the phases prefill and decode, not 'forward'}}
func.func @forward() {
  return
}

// -----

func.func @prefill(%ids: tensor<?xi32>, %table: tensor<9x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{needs its weight to be a parameter of the model}}
  %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

func.func @prefill(%x: tensor<?x8xf32>) -> tensor<1x8xf32> {
  // expected-error @below {{reads a value that has no place on the mesh}}
  %l = xf.last_row %x : (tensor<?x8xf32>) -> tensor<1x8xf32>
  return %l : tensor<1x8xf32>
}

// -----

// expected-error @below {{place expects 'prefill' to be one block that returns the logits first}}
func.func private @prefill(tensor<?xi32>) -> tensor<1x8xf32>

// -----

// expected-error @below {{place expects 'decode' to be one block that returns the logits first}}
func.func @decode() {
  return
}

// -----

func.func @prefill(%ids: tensor<?xi32>) -> tensor<1x8xf32> {
  %table = xf.param "table" : tensor<9x8xf32>
  %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
  // expected-error @below {{has no gamma for each of its columns}}
  %y = xf.layer_norm %x {epsilon = 1.0e-5 : f64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %last = xf.last_row %y : (tensor<?x8xf32>) -> tensor<1x8xf32>
  return %last : tensor<1x8xf32>
}

// -----

func.func @prefill(%ids: tensor<?xi32>) -> tensor<1x8xf32> {
  %table = xf.param "table" : tensor<9x8xf32>
  %position = arith.constant 0 : index
  %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
  %few = xf.param "few" : tensor<9x8xf32>
  // expected-error @below {{needs 8 positions from 2 on, but its table has 9}}
  %y = xf.add_positions %x, %few, %position {offset = 2 : i64} : tensor<?x8xf32>, tensor<9x8xf32>
  %last = xf.last_row %y : (tensor<?x8xf32>) -> tensor<1x8xf32>
  return %last : tensor<1x8xf32>
}
