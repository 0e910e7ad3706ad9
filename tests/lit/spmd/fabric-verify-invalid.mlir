// F2 to F5, by their labels: what takes a whole program to see.
// RUN: weft-opt %s --fabric-verify --split-input-file --verify-diagnostics

// F2
fabric.program @p 2 x 3 params [] {
  fabric.class @even where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0, -(y mod 2) >= 0)>]
  fabric.class @diagonal where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0, x - y == 0)>]
  fabric.step "op" "kind" {
    fabric.task on @even {
    }
    // expected-error @below {{F2: class diagonal shares cores with another class of this step}}
    fabric.task on @diagonal {
    }
  }
}

// -----

// F3: the diagonal and one side of it leave the other side
fabric.program @p 2 x 3 params [] {
  fabric.class @low where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0, y - x - 1 >= 0)>]
  fabric.class @diagonal where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0, x - y == 0)>]
  // expected-error @below {{F3: no class of this step holds some cores of the mesh}}
  fabric.step "op" "kind" all {
    fabric.task on @low {
    }
    fabric.task on @diagonal {
    }
  }
}

// -----

// F3: every second row leaves a hole
fabric.program @p 2 x 3 params [] {
  fabric.class @even where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0, -(y mod 2) >= 0)>]
  // expected-error @below {{F3: no class of this step holds some cores of the mesh}}
  fabric.step "op" "kind" all {
    fabric.task on @even {
    }
  }
}

// -----

// F3: beyond the mesh
fabric.program @p 2 x 3 params [] {
  fabric.class @beyond where [affine_set<(x, y) : (x >= 0, 2 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.step "op" "kind" {
    // expected-error @below {{F3: class beyond reaches beyond the mesh}}
    fabric.task on @beyond {
    }
  }
}

// -----

// F3: without end
fabric.program @p 2 x 3 params [] {
  fabric.class @endless where [affine_set<(x, y) : (x >= 0)>]
  fabric.step "op" "kind" {
    // expected-error @below {{F3: class endless reaches beyond the mesh}}
    fabric.task on @endless {
    }
  }
}

// -----

// A class that is not there
fabric.program @p 2 x 3 params [] {
  fabric.step "op" "kind" {
    // expected-error @below {{runs on the class missing, which does not exist}}
    fabric.task on @missing {
    }
  }
}

// -----

// F4
fabric.program @p 2 x 3 params [] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      // expected-error @below {{F4: uses the counter of a loop that does not enclose it}}
      fabric.put <@b + 0> to @c <4 * loop 0>
    }
  }
}

// -----

// F4: two loops up where there is one
fabric.program @p 2 x 3 params [] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      fabric.loop <2> {
        // expected-error @below {{F4: uses the counter of a loop that does not enclose it}}
        fabric.put <@b + 0[<(1 * loop 1 + <0>) mod 2 * 16>]> to @c <4>
      }
    }
  }
}

// -----

// F4: a parameter that the program does not have
fabric.program @p 2 x 3 params [{name = "rows", divisors = array<i64: 2>}] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      // expected-error @below {{F4: uses a launch parameter that its program does not have}}
      fabric.put <@b + 0> to @c <4 * param 1>
    }
  }
}

// -----

// F5
fabric.program @p 2 x 3 params [] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      // expected-error @below {{F5: names @missing, which does not exist}}
      fabric.put <@missing + 0> to @c <4>
    }
  }
}

// -----

// F5: a buffer for a channel
fabric.program @p 2 x 3 params [] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      // expected-error @below {{F5: names @b, which is a fabric.buffer}}
      fabric.put <@b + 0> to @b <4>
    }
  }
}

// -----

// F5: a channel for a buffer
fabric.program @p 2 x 3 params [] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      // expected-error @below {{F5: names @c, which is a fabric.channel}}
      fabric.get <@c + 0> from @c <4>
    }
  }
}

// -----

// F5: a class for a kernel
fabric.program @p 2 x 3 params [] {
  fabric.class @all where [affine_set<(x, y) : (x >= 0, 1 - x >= 0, y >= 0, 2 - y >= 0)>]
  fabric.buffer @b activations 64
  fabric.channel @c along x ring [1]
  fabric.step "op" "kind" all {
    fabric.task on @all {
      // expected-error @below {{F5: names @all, which is a fabric.class}}
      fabric.kernel_call @all [#fabric.ref<@b + 0>] [] <narrow = false, macs = <0>, alu = <0>, special = <0>, load = <0>, store = <0>, vectors = <0>, descriptors = <0>>
    }
  }
}
