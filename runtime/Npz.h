// NumPy's .npz archives: a zip file with a .npy file for each name.
#pragma once

#include "runtime/Npy.h"

#include <utility>

namespace weft::runtime {

using NamedArrays = std::vector<std::pair<std::string, NpyArray>>;

/// Reads all arrays, in the order of the archive. Members are stored or deflated; errors name the file and the member.
Result<NamedArrays> readNpz(const std::string &path);
Result<NamedArrays> parseNpz(std::span<const std::byte> bytes, const std::string &origin);

/// Writes the arrays as they are, not compressed. The same arrays give the same bytes. Error: more than 4 GiB.
Result<void> writeNpz(const std::string &path, const NamedArrays &arrays);

} // namespace weft::runtime
