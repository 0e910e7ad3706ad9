#include "hw-models/Presets.h"

#include "hw-models/Hardware.h"
#include "hw-models/Yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

using namespace weft;
using namespace weft::hw;

namespace {

/// The file's bytes; reads no more of it than the loader would take.
Result<std::string> readFile(const std::string &path) {
  std::error_code code;
  auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) {
    std::string names;
    for (const std::string &name : presetNames())
      names += (names.empty() ? "" : ", ") + name;
    return userError(fmt::format("hardware {}: no such preset and no such file; presets: {}", inQuotes(path), names));
  }
  if (std::filesystem::is_directory(status))
    return userError(fmt::format("hardware {}: a directory; give a YAML file or a preset's name", inQuotes(path)));
  std::ifstream stream(path, std::ios::binary);
  std::string text(maxYamlBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad() || (!stream && !stream.eof()))
    return userError(fmt::format("hardware {}: the file cannot be read; check its permissions", inQuotes(path)));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > maxYamlBytes)
    return userError(fmt::format("{}: more than {} bytes; that is no hardware description", path, maxYamlBytes));
  return text;
}

} // namespace

std::vector<std::string> hw::presetNames() {
  std::vector<std::string> names;
  for (const Preset &preset : presets())
    names.emplace_back(preset.name);
  return names;
}

bool hw::isPreset(const std::string &name, uint64_t digest) {
  static std::mutex mutex;
  static std::map<std::string, uint64_t> digests; // of those asked for so far: reading one takes a while
  if (std::ranges::find(presets(), std::string_view(name), &Preset::name) == presets().end())
    return false;
  const std::scoped_lock lock(mutex);
  auto known = digests.find(name);
  if (known == digests.end()) {
    auto preset = load(name);
    if (!preset)
      return false;
    known = digests.emplace(name, preset->digest).first;
  }
  return known->second == digest;
}

Result<Hardware> hw::load(const std::string &nameOrPath, const std::vector<Override> &overrides) {
  for (const Preset &preset : presets())
    if (preset.name == nameOrPath)
      return parse(std::string(preset.text), "preset " + nameOrPath, overrides);
  Result<std::string> text = readFile(nameOrPath);
  if (!text)
    return text.error();
  return parse(*text, nameOrPath, overrides);
}
