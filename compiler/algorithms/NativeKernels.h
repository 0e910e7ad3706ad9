// The tile kernels of the algorithms as functions of this machine, f32, for runs with data.
#pragma once

#include "runtime/KernelLibrary.h"

#include <string_view>

namespace weft::algorithms {

/// nullptr for a name that no algorithm uses.
runtime::KernelFunction nativeKernel(std::string_view name);

} // namespace weft::algorithms
