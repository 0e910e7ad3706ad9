// Which custom units the machine code of kernels uses.
#pragma once

#include "runtime/package/CoreCode.h"

#include <map>
#include <string>

namespace weft::tools {

/// Instructions in the code, which is how the compiler chose, by kernel and unit. A unit that a kernel does not use,
/// and a kernel that uses none, are absent.
std::map<std::string, std::map<std::string, uint64_t>> unitInstructions(const runtime::CoreCode &code);

/// "dot 12, exp 3"; empty if there are none.
std::string describeUnits(const std::map<std::string, uint64_t> &instructions);

} // namespace weft::tools
