// Running a package whose program takes tensors and gives tensors.
#pragma once

#include "runtime/Device.h"
#include "runtime/Npz.h"

namespace weft::runtime {

/// The arrays that a tensor program wants, each as the launch takes it. 16-bit formats that NumPy lacks (bfloat16) are
/// given as their bits, in uint16 or plain bytes, and those of a byte (float8e4m3fn, int4, …) as one uint8 each.
/// Errors: an array that is missing, that the program does not have, or whose shape or type is another; each by name.
Result<std::vector<LaunchInput>> tensorInputs(const pkg::ProgramT &program, const NamedArrays &given);

/// What the launch gave, with names, shapes and types.
Result<NamedArrays> tensorOutputs(const pkg::ProgramT &program, const LaunchResult &result);

/// "float32 [2, 3]"
std::string describe(const pkg::HostTensorT &tensor);

} // namespace weft::runtime
