// How much memory a FlatBuffer package asks for when it is unpacked.
#pragma once

#include "runtime/package/package_generated.h"

#include <cstdint>

namespace weft::runtime {

/// Bytes of all strings, vectors and tables of `package`, each counted as often as it is referred to. A file that
/// Weft wrote refers to everything once, so the sum is below its size; a crafted file may refer to one large vector a
/// million times. Stops counting above `limit`. The buffer must have passed the FlatBuffer verifier.
uint64_t unpackedBytes(const pkg::Package &package, uint64_t limit);

} // namespace weft::runtime
