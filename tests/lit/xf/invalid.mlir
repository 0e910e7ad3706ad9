// Each constraint by its label, and what is said when it is broken.
// RUN: weft-opt %s --split-input-file --verify-diagnostics

// X1
// expected-error @below {{the sizes of a kv_cache are positive, but these are 2, 0, 16}}
func.func private @x1(!xf.kv_cache<2x0x16xf32>)

// -----

// X2
// expected-error @below {{a kv_cache holds f32, not 'bf16'}}
func.func private @x2(!xf.kv_cache<2x4x16xbf16>)

// -----

// expected-error @below {{a kv_cache has three sizes}}
func.func private @two_sizes(!xf.kv_cache<2x4xf32>)

// -----

func.func @x3() {
  // X3
  // expected-error @below {{has no name}}
  %w = xf.param "" : tensor<4x4xf32>
  return
}

// -----

func.func @x4(%x: tensor<?x4xf32>, %w: tensor<8x5xf32>) {
  // X4
  // expected-error @below {{multiplies 4 columns by a weight of 5 columns}}
  %y = xf.linear %x, %w : (tensor<?x4xf32>, tensor<8x5xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @x5(%x: tensor<?x4xf32>, %gamma: tensor<3xf32>) {
  // X5
  // expected-error @below {{scales 4 columns by 3 entries of gamma}}
  %y = xf.rms_norm %x, %gamma {epsilon = 1.0e-5 : f64} : tensor<?x4xf32>, tensor<3xf32>
  return
}

// -----

func.func @x6_negative(%x: tensor<?x4xf32>, %gamma: tensor<4xf32>) {
  // X6
  // expected-error @below {{needs a finite epsilon of at least 0}}
  %y = xf.rms_norm %x, %gamma {epsilon = -1.0e-5 : f64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @x6_nan(%x: tensor<?x4xf32>, %gamma: tensor<4xf32>) {
  // X6
  // expected-error @below {{needs a finite epsilon of at least 0}}
  %y = xf.rms_norm %x, %gamma {epsilon = 0x7FF8000000000000 : f64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @x7_positive(%x: tensor<?x6xf32>, %position: index) {
  // X7
  // expected-error @below {{needs a positive head_dim that divides its 6 columns, not -3}}
  %y = xf.rope %x, %position {head_dim = -3 : i64, inverse_frequencies = dense<1.0> : tensor<1xf64>} : tensor<?x6xf32>
  return
}

// -----

func.func @x7_divides(%x: tensor<?x6xf32>, %position: index) {
  // X7
  // expected-error @below {{needs a positive head_dim that divides its 6 columns, not 4}}
  %y = xf.rope %x, %position {head_dim = 4 : i64, inverse_frequencies = dense<1.0> : tensor<2xf64>} : tensor<?x6xf32>
  return
}

// -----

func.func @x8_entries(%x: tensor<?x8xf32>, %position: index) {
  // X8
  // expected-error @below {{needs inverse_frequencies of type f64, 1 to 2 of them}}
  %y = xf.rope %x, %position {head_dim = 4 : i64, inverse_frequencies = dense<1.0> : tensor<4xf64>} : tensor<?x8xf32>
  return
}

// -----

func.func @x8_type(%x: tensor<?x8xf32>, %position: index) {
  // X8
  // expected-error @below {{needs inverse_frequencies of type f64, 1 to 2 of them}}
  %y = xf.rope %x, %position {head_dim = 4 : i64, inverse_frequencies = dense<1.0> : tensor<2xf32>} : tensor<?x8xf32>
  return
}

// -----

func.func @x9(%cache: !xf.kv_cache<2x4x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x6xf32>, %position: index) {
  // X9
  // expected-error @below {{appends keys of 8 columns and values of 6 to a cache whose rows have 8}}
  %c = xf.kv_append %cache, %k, %v, %position : !xf.kv_cache<2x4x16xf32>, tensor<?x8xf32>, tensor<?x6xf32>
  return
}

// -----

func.func @x10(%cache: !xf.kv_cache<2x4x16xf32>, %k: tensor<17x8xf32>, %v: tensor<?x8xf32>, %position: index) {
  // X10
  // expected-error @below {{appends 17 tokens to a cache with room for 16}}
  %c = xf.kv_append %cache, %k, %v, %position : !xf.kv_cache<2x4x16xf32>, tensor<17x8xf32>, tensor<?x8xf32>
  return
}

// -----

func.func @x11(%q: tensor<?x12xf32>, %cache: !xf.kv_cache<2x4x16xf32>, %position: index) {
  // X11
  // expected-error @below {{has 3 heads, not a positive multiple of the cache's 2}}
  %a = xf.attention %q, %cache, %position {heads = 3 : i64, scale = 0.5 : f64}
      : tensor<?x12xf32>, !xf.kv_cache<2x4x16xf32>
  return
}

// -----

func.func @x12(%q: tensor<?x12xf32>, %cache: !xf.kv_cache<2x4x16xf32>, %position: index) {
  // X12
  // expected-error @below {{has queries of 12 columns; 4 heads of 4 have 16}}
  %a = xf.attention %q, %cache, %position {heads = 4 : i64, scale = 0.5 : f64}
      : tensor<?x12xf32>, !xf.kv_cache<2x4x16xf32>
  return
}

// -----

func.func @x13(%q: tensor<?x16xf32>, %cache: !xf.kv_cache<2x4x16xf32>, %position: index) {
  // X13
  // expected-error @below {{needs a finite scale}}
  %a = xf.attention %q, %cache, %position {heads = 4 : i64, scale = 0x7FF0000000000000 : f64}
      : tensor<?x16xf32>, !xf.kv_cache<2x4x16xf32>
  return
}

// -----

func.func @x14(%x: tensor<?x4xf32>, %gate: tensor<7x4xf32>, %up: tensor<6x4xf32>, %down: tensor<4x7xf32>) {
  // X14
  // expected-error @below {{needs gate and up of I x 4 and down of 4 x I for one I}}
  %y = xf.gated_mlp silu %x, %gate, %up, %down
      : tensor<?x4xf32>, tensor<7x4xf32>, tensor<6x4xf32>, tensor<4x7xf32>
  return
}

// -----

func.func @unknown_columns(%x: tensor<?x?xf32>) {
  // expected-error @below {{with a known number of columns}}
  %y = xf.add %x, %x : tensor<?x?xf32>
  return
}

// -----

func.func @result_type(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @below {{incompatible with return type(s)}}
  // expected-error @below {{failed to infer returned types}}
  %y = "xf.linear"(%x, %w) : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  return
}
