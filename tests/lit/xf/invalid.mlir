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

func.func @x9_values(%cache: !xf.kv_cache<1x4x16xf32, values = 3>, %k: tensor<?x4xf32>, %p: index) {
  // X9
  // expected-error @below {{whose rows have 4 and 3}}
  %c = xf.kv_append %cache, %k, %k, %p : !xf.kv_cache<1x4x16xf32, values = 3>, tensor<?x4xf32>, tensor<?x4xf32>
  return
}

// -----

func.func @x13_window(%q: tensor<?x4xf32>, %cache: !xf.kv_cache<1x4x16xf32>, %p: index) {
  // X13
  // expected-error @below {{needs a positive window}}
  %y = xf.attention %q, %cache, %p {heads = 1 : i64, scale = 0.5 : f64, window = 0 : i64} : tensor<?x4xf32>, !xf.kv_cache<1x4x16xf32>
  return
}

// -----

func.func @x15(%x: tensor<?x4xf32>, %t: tensor<9x5xf32>, %p: index) {
  // X15
  // expected-error @below {{adds rows of 5 columns to 4}}
  %y = xf.add_positions %x, %t, %p : tensor<?x4xf32>, tensor<9x5xf32>
  return
}

// -----

func.func @x16(%x: tensor<3x4xf32>, %t: tensor<9x4xf32>, %p: index) {
  // X16
  // expected-error @below {{a batch that divides the rows}}
  %y = xf.add_positions %x, %t, %p {batch = 2 : i64} : tensor<3x4xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @x17(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %b: tensor<7xf32>) {
  // X17
  // expected-error @below {{adds a bias of 7 entries to 8 columns}}
  %y = xf.linear %x, %w, %b : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<7xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @x18(%x: tensor<?x4xf32>, %w: tensor<2x5x3xf32>) {
  // X18
  // expected-error @below {{multiplies 4 columns by 2 matrices of 3 columns}}
  %y = xf.head_linear %x, %w : (tensor<?x4xf32>, tensor<2x5x3xf32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @x19(%x: tensor<?x4xf32>, %z: tensor<?x6xf32>) {
  // X19
  // expected-error @below {{divides 4 and 6 columns, not 4}}
  %y = xf.join_heads %x, %z {heads = 4 : i64} : (tensor<?x4xf32>, tensor<?x6xf32>) -> tensor<?x10xf32>
  return
}

// -----

func.func @x6_offset(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // X6
  // expected-error @below {{needs a finite offset}}
  %y = xf.rms_norm %x, %g {epsilon = 1.0e-5 : f64, offset = 0x7FF0000000000000 : f64} : tensor<?x4xf32>, tensor<4xf32>
  return
}

// -----

func.func @x20_gamma(%x: tensor<?x4xf32>, %g: tensor<3xf32>) {
  // X20
  // expected-error @below {{scales 4 columns by 3 entries of gamma}}
  %y = xf.layer_norm %x gamma(%g) {epsilon = 1.0e-5 : f64} : (tensor<?x4xf32>, tensor<3xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @x20_beta(%x: tensor<?x4xf32>, %b: tensor<4xf32>) {
  // X20
  // expected-error @below {{needs a gamma of as many entries as beta}}
  %y = xf.layer_norm %x beta(%b) {epsilon = 1.0e-5 : f64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @x21(%x: tensor<?x4xf32>) {
  // X21
  // expected-error @below {{needs a finite epsilon of at least 0}}
  %y = xf.layer_norm %x {epsilon = -1.0 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @x8_long(%x: tensor<?x4xf32>, %p: index) {
  // X8
  // expected-error @below {{needs both long_from and long_inverse_frequencies}}
  %y = xf.rope %x, %p {head_dim = 4 : i64, inverse_frequencies = dense<1.0> : tensor<2xf64>, long_from = 4 : i64} : tensor<?x4xf32>
  return
}

// -----

func.func @x22(%x: tensor<?x4xf32>, %p: index) {
  // X22
  // expected-error @below {{needs a finite scale}}
  %y = xf.rope %x, %p {head_dim = 4 : i64, inverse_frequencies = dense<1.0> : tensor<2xf64>, scale = 0x7FF0000000000000 : f64} : tensor<?x4xf32>
  return
}

// -----

func.func @x23(%x: tensor<3x4xf32>) {
  // X23
  // expected-error @below {{has 3 heads, not a positive multiple of 2 kv_heads}}
  %y = xf.attend %x, %x, %x {heads = 3 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @x24(%x: tensor<3x4xf32>, %v: tensor<3x3xf32>) {
  // X24
  // expected-error @below {{has queries of 4 columns, keys of 4 and values of 3}}
  %y = xf.attend %x, %x, %v {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @x25(%x: tensor<?x4xf32>) {
  // X25
  // expected-error @below {{needs known numbers of rows}}
  %y = xf.attend %x, %x, %x {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @x25_causal(%x: tensor<3x4xf32>, %k: tensor<2x4xf32>) {
  // X25
  // expected-error @below {{a key for each causal row}}
  %y = xf.attend %x, %k, %k {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64, causal} : (tensor<3x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @x26(%x: tensor<3x4xf32>) {
  // X26
  // expected-error @below {{a positive window only if causal}}
  %y = xf.attend %x, %x, %x {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64, window = 2 : i64} : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @x27_rows(%x: tensor<3x4xf32>, %b: tensor<1x1x2x3xf32>) {
  // X27
  // expected-error @below {{has a bias of type}}
  %y = xf.attend %x, %x, %x bias(%b) {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<1x1x2x3xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @x27_tokens(%x: tensor<3x4xf32>, %b: tensor<1x1x1x4xf32>) {
  // X27
  // expected-error @below {{has a bias for 4 tokens, but sequences of 3}}
  %y = xf.attend %x, %x, %x bias(%b) {heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f64} : (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<1x1x1x4xf32>) -> tensor<3x4xf32>
  return
}

// -----

func.func @x28(%x: tensor<?x4xf32>, %r: tensor<3x4xf32>, %g: tensor<3x4xf32>, %d: tensor<4x3xf32>) {
  // X28
  // expected-error @below {{has 2 experts and a router of type}}
  %y = xf.moe silu softmax %x, %r gate(%g, %g) up(%g, %g) down(%d, %d) {top_k = 1 : i64} : tensor<?x4xf32>, tensor<3x4xf32>, (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<4x3xf32>, tensor<4x3xf32>)
  return
}

// -----

func.func @x29(%x: tensor<?x4xf32>, %r: tensor<2x4xf32>, %g: tensor<3x4xf32>, %h: tensor<2x4xf32>, %d: tensor<4x3xf32>) {
  // X29
  // expected-error @below {{needs gates and ups of I x 4}}
  %y = xf.moe silu softmax %x, %r gate(%g, %h) up(%g, %g) down(%d, %d) {top_k = 1 : i64} : tensor<?x4xf32>, tensor<2x4xf32>, (tensor<3x4xf32>, tensor<2x4xf32>), (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<4x3xf32>, tensor<4x3xf32>)
  return
}

// -----

func.func @x30(%x: tensor<?x4xf32>, %r: tensor<2x4xf32>, %g: tensor<3x4xf32>, %d: tensor<4x3xf32>) {
  // X30
  // expected-error @below {{cannot choose 3 of 2 experts}}
  %y = xf.moe silu softmax %x, %r gate(%g, %g) up(%g, %g) down(%d, %d) {top_k = 3 : i64} : tensor<?x4xf32>, tensor<2x4xf32>, (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<4x3xf32>, tensor<4x3xf32>)
  return
}

// -----

func.func @x30_groups(%x: tensor<?x4xf32>, %r: tensor<2x4xf32>, %g: tensor<3x4xf32>, %d: tensor<4x3xf32>) {
  // X30
  // expected-error @below {{cannot choose 1 of 2 experts from 2 of 1 groups}}
  %y = xf.moe silu softmax %x, %r gate(%g, %g) up(%g, %g) down(%d, %d) {top_k = 1 : i64, top_groups = 2 : i64} : tensor<?x4xf32>, tensor<2x4xf32>, (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<4x3xf32>, tensor<4x3xf32>)
  return
}

// -----

func.func @x31(%x: tensor<?x4xf32>, %r: tensor<2x4xf32>, %g: tensor<3x4xf32>, %d: tensor<4x3xf32>, %b: tensor<3xf32>) {
  // X31
  // expected-error @below {{has a bias of 3 entries for 2 experts}}
  %y = xf.moe silu softmax %x, %r bias(%b : tensor<3xf32>) gate(%g, %g) up(%g, %g) down(%d, %d) {top_k = 1 : i64} : tensor<?x4xf32>, tensor<2x4xf32>, (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<3x4xf32>, tensor<3x4xf32>), (tensor<4x3xf32>, tensor<4x3xf32>)
  return
}

// -----

func.func @x32(%x: tensor<?x4xf32>) {
  // X32
  // expected-error @below {{needs a finite factor}}
  %y = xf.scale %x {factor = 0x7FF0000000000000 : f64} : tensor<?x4xf32>
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
