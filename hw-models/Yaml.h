// YAML as far as a hardware description needs it: maps, lists and scalars with line numbers. Anchors, aliases, tags,
// duplicate keys, deep nesting and further documents are refused, so that no text can make the reader do much work.
#pragma once

#include "hw-models/support/Result.h"

#include <string>
#include <string_view>
#include <vector>

namespace weft::hw {

struct YamlMember;

struct YamlNode {
  enum class Kind { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  bool isQuoted = false; // a quoted or block scalar: text even where it looks like a number
  int line = 0;          // from 1
  std::string scalar;
  std::vector<YamlNode> items;     // of a list
  std::vector<YamlMember> members; // of a map, in the order of the text
};

struct YamlMember {
  std::string key;
  int line = 0; // of the key
  YamlNode value;
};

/// Bytes that the reader accepts; a description is a few thousand.
inline constexpr size_t maxYamlBytes = 64 * 1024;

/// Reads one document. Errors name `origin` and the line. An empty document is a Null node.
Result<YamlNode> readYaml(const std::string &text, const std::string &origin);

/// True for well-formed UTF-8 (RFC 3629).
bool isUtf8(std::string_view text);

/// `text` between quotes for a message: control characters escaped, long text cut.
std::string inQuotes(std::string_view text);

} // namespace weft::hw
