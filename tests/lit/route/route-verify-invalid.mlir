// RUN: weft-opt %s --route-verify --split-input-file --verify-diagnostics

fabric.program @uncoloured 4 x 4 interleave params [] {
  // expected-error @below {{has no colours}}
  fabric.channel @ring along x ring [-1]
}

// -----

fabric.program @too_few 4 x 4 interleave params [] {
  // expected-error @below {{colours for}}
  fabric.channel @ring along x ring [-1] color affine_map<(p) -> (0)> of [0]
}

// -----

// Two channels with one colour meet in the routers of column 0.
// expected-error @below {{program 'collision'}}
fabric.program @collision 4 x 4 interleave params [] {
  fabric.channel @a along y tree_cast [1, 1, 0, 0] color affine_map<(p) -> (0)> of [3]
  fabric.channel @b along y host_in [] color affine_map<(p) -> (0)> of [3]
}

// -----

// A colour that programs may not use.
// expected-error @below {{program 'reserved'}}
fabric.program @reserved 4 x 4 interleave params [] {
  fabric.channel @a along y host_in [] color affine_map<(p) -> (0)> of [24]
}
