// RUN: weft-opt %s --split-input-file --verify-diagnostics --graph-split-phases

// expected-error @below {{needs a function @forward(ids, position, caches...)}}
module {
  func.func @forward(%ids: tensor<?xi32>) {
    return
  }
}

// -----

module {
  func.func @forward(%ids: tensor<?xi32>, %position: index) {
    return
  }
  // expected-error @below {{exists already}}
  func.func @decode() {
    return
  }
}
