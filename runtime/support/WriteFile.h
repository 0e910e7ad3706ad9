// Files that are there whole or not at all.
#pragma once

#include "hw-models/support/Result.h"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft::runtime {

/// Writes `bytes` beside `path` and renames: a reader never sees half a file, a failure leaves what was there. What is
/// not a regular file (/dev/stdout, a pipe) is written in place. Errors name `path`.
Result<void> writeFile(const std::string &path, std::span<const std::byte> bytes);
Result<void> writeFile(const std::string &path, std::string_view text);

/// Whether writeFile could write `path` as things stand, asked before long work whose result goes there.
Result<void> checkWritable(const std::string &path);

} // namespace weft::runtime
