// What a kernel asks of the control of an engine that streams whole operands: vector instructions, and set-ups of the
// descriptors that they stream by. Counted from the kernel's body, the same for every kernel.
#pragma once

#include "kernels/TileKernels.h"

namespace weft::kernels {

struct VectorControl {
  RowLinear vectors, descriptors;
};

/// Of a call of `kernel` with m rows. An elementwise operation is one vector instruction over all its elements, with
/// descriptors of its own; divisions, roots and exponentials are no vector instructions (Work::special). A
/// multiply-accumulate takes one of its factors as a scalar, so that it is a loop of vectors over the dimensions that
/// this factor does not have; a sum along a row is a loop as well. The innermost loop of such vectors moves descriptors
/// that are set up once. Branches count as the longer one, loops that depend on data as their rows in use.
VectorControl vectorControl(mlir::func::FuncOp kernel);

} // namespace weft::kernels
