// The descriptions of hw-models/presets/, copied into the program when it is built, so that it needs no files.
#pragma once

#include <span>
#include <string_view>

namespace weft::hw {

struct Preset {
  std::string_view name; // the file's name without .yaml
  std::string_view text;
};

/// Sorted by name.
std::span<const Preset> presets();

} // namespace weft::hw
