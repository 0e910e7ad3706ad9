// A file that is to be read.
#pragma once

#include "hw-models/support/Result.h"

#include <filesystem>

namespace weft {

/// Error: there is nothing at `path`, or a directory or the like.
inline Result<void> checkRegularFile(const std::string &path) {
  std::error_code failed;
  const std::filesystem::file_status status = std::filesystem::status(path, failed);
  if (!std::filesystem::exists(status))
    return userError(path + ": there is no such file");
  if (!std::filesystem::is_regular_file(status))
    return userError(path + (std::filesystem::is_directory(status) ? ": a directory" : ": no regular file") +
                     "; a file is wanted");
  return success();
}

} // namespace weft
