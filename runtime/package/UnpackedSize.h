// How much memory a FlatBuffer package asks for when it is unpacked, and whether it can be.
#pragma once

#include "runtime/package/package_generated.h"

#include <cstdint>

namespace weft::runtime {

struct UnpackedSize {
  /// Of all strings, vectors and tables, each counted as often as it is referred to. A file that Weft wrote refers to
  /// everything once, so the sum is below its size; a crafted file may refer to one large vector a million times.
  uint64_t bytes = 0;
  /// Whether the elements of all vectors lie where their type wants them: the verifier of FlatBuffers 2.0 looks only at
  /// where a vector begins, not where its 8-byte elements lie.
  bool aligned = true;
};

/// Stops counting above `limit` bytes. The buffer must have passed the FlatBuffer verifier.
UnpackedSize unpackedSize(const pkg::Package &package, uint64_t limit);

} // namespace weft::runtime
