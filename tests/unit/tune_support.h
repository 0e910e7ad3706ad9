// What tests of tuning share.
#pragma once

#include "hw-models/support/Result.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>

namespace weft::test {

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

/// A folder of this process, gone afterwards.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::filesystem::remove_all(path);
  }
  std::string file(const char *name) const { return (path / name).string(); }
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("weft-tune-" + std::to_string(::getpid()));
};

} // namespace weft::test
