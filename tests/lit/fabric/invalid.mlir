// What each op of the fabric level refuses by itself; tests/lit/spmd has what takes a whole program to see.
// RUN: weft-opt %s --split-input-file --verify-diagnostics

// F1
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{F1: colours must be distinct and from 0 to 255}}
  fabric.channel @c along x ring [1] color affine_map<(p) -> (p mod 2)> of [3, 3]
}

// -----

// F1
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{F1: colours must be distinct and from 0 to 255}}
  fabric.channel @c along x ring [1] color affine_map<(p) -> (0)> of [-1]
}

// -----

// F1, the last colour a package can name is 255
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{F1: colours must be distinct and from 0 to 255}}
  fabric.channel @c along x ring [1] color affine_map<(p) -> (0)> of [256]
}

// -----

// A pattern with the arguments of another
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has arguments that its pattern does not take}}
  fabric.channel @c along x ring []
}

// -----

// A ring that goes nowhere
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has arguments that its pattern does not take}}
  fabric.channel @c along x ring [0]
}

// -----

// A level that the tree does not have
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has arguments that its pattern does not take}}
  fabric.channel @c along x tree_low [2, 2, 1, 0, 0]
}

// -----

// More levels than any mesh needs
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has arguments that its pattern does not take}}
  fabric.channel @c along x tree_cast [9223372036854775807, 1, 0, 0]
}

// -----

// Segments whose product overflows
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has arguments that its pattern does not take}}
  fabric.channel @c along x tree_cast [1, 1, 4611686018427387904, 4]
}

// -----

// No axis
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{needs an axis}}
  fabric.channel @c along none host_in []
}

// -----

// A diagonal of a rectangle
fabric.program @p 2 x 3 params [] {
  // expected-error @below {{needs a square mesh}}
  fabric.channel @c along x diagonal []
}

// -----

// A channel outside a program
// expected-error @below {{expects parent op 'fabric.program'}}
fabric.channel @c along x ring [1]

// -----

// An instruction outside a task
// expected-error @below {{expects parent op to be one of 'fabric.task, fabric.loop'}}
fabric.wait

// -----

// No cores
// expected-error @below {{needs at least one core on each axis and at most 2^24 in all}}
fabric.program @p 0 x 2 params [] {
}

// -----

// Parameters of another kind
// expected-error @below {{params must be {name, divisors}}}
fabric.program @p 2 x 2 params [1] {
}

// -----

// Parameters without a name
// expected-error @below {{params must be {name, divisors}}}
fabric.program @p 2 x 2 params [{divisors = array<i64: 2>}] {
}

// -----

// A zero divisor
// expected-error @below {{divides a launch parameter by less than 1}}
fabric.program @p 2 x 2 params [{name = "rows", divisors = array<i64: 0>}] {
}

// -----

// No affine set
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{sets must be affine sets of (x, y)}}
  fabric.class @c where [1]
}

// -----

// A set of one dimension
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{sets must be affine sets of (x, y)}}
  fabric.class @c where [affine_set<(x) : (x >= 0)>]
}

// -----

// A buffer of nothing
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{needs at least one byte and at most 2^32}}
  fabric.buffer @b activations 0
}

// -----

// A buffer before the beginning
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has a negative offset}}
  fabric.buffer @b activations 16 at -16
}

// -----

// Operands of another kind
fabric.program @p 2 x 2 params [] {
  fabric.step "a" "b" {
    fabric.task on @c {
      // expected-error @below {{operands must be #fabric.ref}}
      fabric.kernel_call @k [1] [] <narrow = false, macs = <0>, alu = <0>, special = <0>, load = <0>, store = <0>, vectors = <0>, descriptors = <0>>
    }
  }
}

// -----

// Scalars of another kind
fabric.program @p 2 x 2 params [] {
  fabric.step "a" "b" {
    fabric.task on @c {
      // expected-error @below {{scalars must be #fabric.expr}}
      fabric.kernel_call @k [] [#fabric.ref<@b + 0>] <narrow = false, macs = <0>, alu = <0>, special = <0>, load = <0>, store = <0>, vectors = <0>, descriptors = <0>>
    }
  }
}

// -----

// A zero modulus
fabric.program @p 2 x 2 params [] {
  fabric.step "a" "b" {
    fabric.task on @c {
      // expected-error @+2 {{failed to parse Fabric_RefAttr parameter}}
      // expected-error @below {{a term's modulus must be positive}}
      fabric.put <@b + 0[<(1 * loop 0 + <0>) mod 0 * 16>]> to @c <16>
    }
  }
}

// -----

// F6
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{F6: what words are combined by goes with the pattern combine}}
  fabric.channel @c along x combine [0, 0]
}

// -----

// F6
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{F6: what words are combined by goes with the pattern combine}}
  fabric.channel @c along x host_in [] by add_f32
}

// -----

// A run of cores without a length
fabric.program @p 2 x 2 params [] {
  // expected-error @below {{has arguments that its pattern does not take}}
  fabric.channel @c along x combine [-1, 0] by max_f32
}
