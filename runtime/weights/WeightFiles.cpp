#include "runtime/weights/WeightFiles.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace weft::runtime {
namespace {

std::string locate(const std::string &path, const std::string &modelDirectory,
                   const std::optional<std::string> &directory) {
  const std::filesystem::path file(path);
  if (directory)
    return (std::filesystem::path(*directory) / (file.is_absolute() ? file.filename() : file)).string();
  return (std::filesystem::path(modelDirectory) / file).string(); // an absolute path replaces the directory
}

} // namespace

uint64_t headerDigest(std::span<const std::byte> file, uint64_t headerBytes) {
  uint64_t length = 0;
  if (headerBytes > 0)
    return XXH3_64bits(file.data(), std::min<uint64_t>(headerBytes, file.size()));
  if (file.size() < sizeof length)
    return XXH3_64bits(file.data(), file.size());
  std::memcpy(&length, file.data(), sizeof length);
  return XXH3_64bits(file.data(), sizeof length + std::min<uint64_t>(length, file.size() - sizeof length));
}

Result<WeightFiles> WeightFiles::open(const Package &package, const std::optional<std::string> &directory) {
  WeightFiles weights;
  for (const auto &entry : package.files) {
    const std::string path = locate(entry->path, package.model->directory, directory);
    Result<MappedFile> file = MappedFile::open(path);
    if (!file)
      return userError(fmt::format("{} (a package refers to the model's weights where they lie; give their folder with "
                                   "--model-dir if they moved)",
                                   file.error().message));
    if (file->bytes().size() != entry->size)
      return userError(fmt::format("{}: {} bytes, but {} when the package was compiled: the file changed; compile the "
                                   "model again",
                                   path, file->bytes().size(), entry->size));
    if (headerDigest(file->bytes(), entry->header_bytes) != entry->header_digest)
      return userError(fmt::format("{}: its header is not the one the package was compiled from: the file changed; "
                                   "compile the model again",
                                   path));
    weights.files.push_back(std::move(*file));
  }
  return weights;
}

} // namespace weft::runtime
