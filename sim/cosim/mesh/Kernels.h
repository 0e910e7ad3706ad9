// Small programs of collectives, made for a mesh of any size: what `weft cosim mesh --kernel` runs.
#pragma once

#include "hw-models/Hardware.h"
#include "runtime/package/PackageFile.h"

#include <string>
#include <vector>

namespace weft::cosim {

/// Names of the kernels, for messages and --help.
std::vector<std::string> meshKernels();

/// The collective `kernel` on `words` f32 of each core, a package of one program "p". Core SRAM starts with the values
/// to work on, see fillMeshKernel.
/// Errors: an unknown name, a mesh that is too small for it, a machine whose routers cannot combine where they have to.
Result<runtime::Package> makeMeshKernel(const std::string &kernel, uint32_t width, uint32_t height, uint32_t words,
                                        const hw::Hardware &hardware);

/// f32 values that depend on core and seed, some of them special.
void fillMeshKernel(uint32_t core, uint64_t seed, std::span<std::byte> sram);

} // namespace weft::cosim
