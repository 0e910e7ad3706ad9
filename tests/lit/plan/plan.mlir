// Addresses: resident buffers first, then a program's own, which share bytes when their lives do not meet.
// RUN: weft-opt %s --plan="align=16" --plan-verify="align=16" | FileCheck %s

#all = affine_set<(x, y) : (x >= 0, -x >= 0, y >= 0, -y >= 0)>

// CHECK: fabric.buffer @weights weights 100 at 0
fabric.buffer @weights weights 100
// CHECK: fabric.program @prefill
fabric.program @prefill 1 x 1 params [] {
  fabric.class @all where [#all]
  fabric.channel @out along y host_out []
  // CHECK: fabric.buffer @first activations 64 at [[AT:[0-9]+]]
  fabric.buffer @first activations 64
  // CHECK: fabric.buffer @both activations 32 at
  fabric.buffer @both activations 32
  // CHECK: fabric.buffer @second activations 64 at [[AT]]
  fabric.buffer @second activations 64
  fabric.step "a" "host_output" all {
    fabric.task on @all {
      fabric.put <@first + 0> to @out <64>
      fabric.put <@both + 0> to @out <32>
      fabric.wait
    }
  }
  fabric.step "b" "host_output" all {
    fabric.task on @all {
      fabric.put <@second + 0> to @out <64>
      fabric.put <@both + 0> to @out <32>
      fabric.wait
    }
  }
}
