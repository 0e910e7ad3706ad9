// RUN: weft-opt %s --plan-verify="align=16" --split-input-file --verify-diagnostics

#all = affine_set<(x, y) : (x >= 0, -x >= 0, y >= 0, -y >= 0)>

// Both are live in the one step.
// expected-error @below {{program 'overlap'}}
fabric.program @overlap 1 x 1 params [] {
  fabric.class @all where [#all]
  fabric.channel @out along y host_out []
  fabric.buffer @a activations 64 at 0
  fabric.buffer @b activations 64 at 48
  fabric.step "a" "host_output" all {
    fabric.task on @all {
      fabric.put <@a + 0> to @out <64>
      fabric.put <@b + 0> to @out <64>
      fabric.wait
    }
  }
}

// -----

// What stays between launches is live in every step.
fabric.buffer @weights weights 64 at 0
// expected-error @below {{program 'resident'}}
fabric.program @resident 1 x 1 params [] {
  fabric.buffer @a activations 64 at 32
}

// -----

// expected-error @below {{program 'crooked'}}
fabric.program @crooked 1 x 1 params [] {
  fabric.buffer @a activations 64 at 8
}
