// JSON from files nobody vouches for.
#pragma once

#include "hw-models/support/Result.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace weft::runtime {

/// `text` for a message: control bytes as \xNN, long text cut in the middle.
std::string printable(std::string_view text);

/// Parses strict JSON. Errors name `origin`: syntax and invalid UTF-8 (with line and column), a key twice in one
/// object, containers nested more than `maxDepth` deep.
Result<nlohmann::json> parseJson(std::string_view text, const std::string &origin, int maxDepth = 64);

/// parseJson of a file, at most `maxBytes` long.
Result<nlohmann::json> readJsonFile(const std::string &path, uint64_t maxBytes, int maxDepth = 64);

} // namespace weft::runtime
