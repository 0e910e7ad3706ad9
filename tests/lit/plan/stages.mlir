// Layers that do not fit lie on several meshes: their resident buffers share bytes, those that all layers read do not.
// RUN: weft-opt %s --plan="align=16 stage-bytes=448" --plan-verify="align=16" | FileCheck %s
// RUN: weft-opt %s --plan="align=16 stage-bytes=4096" --plan-verify="align=16" | FileCheck %s --check-prefix=ONE
// RUN: weft-opt %s --plan="align=16" --plan-verify="align=16" | FileCheck %s --check-prefix=ONE

#all = affine_set<(x, y) : (x >= 0, -x >= 0, y >= 0, -y >= 0)>

// ONE-NOT: weft.stage
// CHECK: fabric.buffer @angles constants 64 at 0{{$}}
fabric.buffer @angles constants 64
// CHECK: fabric.buffer @first weights 256 at 64 {weft.stage = 0 : i64}
fabric.buffer @first weights 256
// CHECK: fabric.buffer @second weights 256 at 64 {weft.stage = 1 : i64}
fabric.buffer @second weights 256
fabric.program @decode 1 x 1 params [] {
  fabric.class @all where [#all]
  fabric.channel @out along y host_out []
  // CHECK: fabric.buffer @a activations 64 at 320
  fabric.buffer @a activations 64
  fabric.step "layers.0.mlp" "host_output" all {
    fabric.task on @all {
      fabric.put <@angles + 0> to @out <64>
      fabric.put <@first + 0> to @out <64>
      fabric.put <@a + 0> to @out <64>
      fabric.wait
    }
  }
  fabric.step "layers.1.mlp" "host_output" all {
    fabric.task on @all {
      fabric.put <@angles + 0> to @out <64>
      fabric.put <@second + 0> to @out <64>
      fabric.put <@a + 0> to @out <64>
      fabric.wait
    }
  }
}
