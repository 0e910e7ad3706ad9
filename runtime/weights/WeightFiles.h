// The files of a model that a package refers to.
#pragma once

#include "runtime/package/PackageFile.h"
#include "runtime/support/MappedFile.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::runtime {

/// XXH3-64 of the first `headerBytes`, or, where those are 0, of a safetensors header: its length word (u64, little
/// endian) and the JSON after it. Files that are shorter than their header are digested whole. This is
/// `WeightFile.header_digest`.
uint64_t headerDigest(std::span<const std::byte> file, uint64_t headerBytes = 0);

/// The weight files of a package, mapped read-only and proven to be those that it was compiled from.
class WeightFiles {
public:
  /// Relative paths are taken from the model's directory, or from `directory` if given, in which absolute ones are
  /// looked for by their file name too. Errors name the file that is missing or has changed.
  static Result<WeightFiles> open(const Package &package, const std::optional<std::string> &directory = {});

  /// The bytes of `package.files[file]`.
  std::span<const std::byte> bytes(uint32_t file) const { return files[file].bytes(); }

private:
  std::vector<MappedFile> files;
};

} // namespace weft::runtime
