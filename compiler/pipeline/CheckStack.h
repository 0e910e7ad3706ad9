// Whether a package's kernels have the stack that they take.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/PackageFile.h"

namespace weft::compiler {

/// Errors: a kernel for the mesh's cores that takes more than memory.reserve_kib.stack, with the op that calls it.
Result<void> checkStack(const runtime::Package &package, const hw::Hardware &hardware);

} // namespace weft::compiler
