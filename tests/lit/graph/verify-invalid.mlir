// Each constraint of --graph-verify by its label, broken once; first, a module that keeps them all.
// RUN: weft-opt %s --split-input-file --verify-diagnostics --graph-verify

module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P1
// expected-error @below {{has a string attribute 'xf.model'}}
module attributes {xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P1
// expected-error @below {{has a positive i64 attribute 'xf.layers'}}
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 0 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P2
// expected-error @below {{has a function @prefill or @decode of one block}}
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
}

// -----

// P2
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  // expected-error @below {{does not belong in a graph module}}
  func.func @other() {
    return
  }
}

// -----

// P3
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 17 : i64} {
  // expected-error @below {{but the module's attributes ask for}}
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P4
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    // expected-error @below {{does not belong in a graph}}
    %f = arith.constant 1.0 : f32
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P5: two appends
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  // expected-error @below {{must use cache 0 once, to append to it}}
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %again = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P5: appended again
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    // expected-error @below {{takes cache 0 after its append}}
    %again = xf.kv_append %after, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P5: returned as it came
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  // expected-error @below {{must use cache 0 once, to append to it}}
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %cache : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P5: another cache returned
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 2 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  // expected-error @below {{must return cache 0 as result 1, after its append}}
  func.func @prefill(%ids: tensor<?xi32>, %c0: !xf.kv_cache<2x4x16xf32>, %c1: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>, !xf.kv_cache<2x4x16xf32>) {
    %zero = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %a0 = xf.kv_append %c0, %x, %x, %zero : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a1 = xf.kv_append %c1, %x, %x, %zero : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %l = xf.last_row %x : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %a1, %a0 : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode() {
    return
  }
}

// -----

// P6
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %one = arith.constant 1 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    // expected-error @below {{must be at position 0 in @prefill}}
    %after = xf.kv_append %cache, %x, %x, %one : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P6
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %zero = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    // expected-error @below {{must be at position %arg1 of @decode}}
    %after = xf.kv_append %cache, %x, %x, %zero : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P7: other weights
// expected-error @below {{must use the same weights with the same types}}
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "another" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P7: other types
// expected-error @below {{must use the same weights with the same types}}
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xbf16>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xbf16>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xbf16>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}

// -----

// P7: one name, two types
module attributes {xf.model = "m", xf.vocab = 9 : i64, xf.hidden = 8 : i64, xf.layers = 1 : i64,
    xf.heads = 2 : i64, xf.kv_heads = 2 : i64, xf.head_dim = 4 : i64, xf.max_seq = 16 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %position = arith.constant 0 : index
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<?xi32>, tensor<9x8xf32>) -> tensor<?x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<?x8xf32>, !xf.kv_cache<2x4x16xf32>
    // expected-error @below {{gives "table" the type}}
    %t = xf.param "table" : tensor<9x8xf16>
    %l = xf.last_row %a : (tensor<?x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
  func.func @decode(%ids: tensor<1xi32>, %position: index, %cache: !xf.kv_cache<2x4x16xf32>) -> (tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>) {
    %table = xf.param "table" : tensor<9x8xf32>
    %x = xf.embedding %ids, %table : (tensor<1xi32>, tensor<9x8xf32>) -> tensor<1x8xf32>
    %after = xf.kv_append %cache, %x, %x, %position : !xf.kv_cache<2x4x16xf32>, tensor<1x8xf32>, tensor<1x8xf32>
    %a = xf.attention %x, %after, %position {heads = 2 : i64, scale = 0.5 : f64} : tensor<1x8xf32>, !xf.kv_cache<2x4x16xf32>
    %l = xf.last_row %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %logits = xf.linear %l, %table : (tensor<1x8xf32>, tensor<9x8xf32>) -> tensor<1x9xf32>
    return %logits, %after : tensor<1x9xf32>, !xf.kv_cache<2x4x16xf32>
  }
}
