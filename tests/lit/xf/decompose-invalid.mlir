// RUN: weft-opt %s --split-input-file --verify-diagnostics --xf-decompose-to-linalg

func.func @one_name_two_types() {
  %a = xf.param "a" : tensor<4x4xf32>
  // expected-error @below {{has type 'tensor<4xf32>', but "a" is used as 'tensor<4x4xf32>' before}}
  %b = xf.param "a" : tensor<4xf32>
  return
}

// -----

// expected-error @below {{has several blocks}}
func.func @blocks(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  cf.br ^next
^next:
  return %x : tensor<?x4xf32>
}
