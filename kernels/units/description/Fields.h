// Members of a YAML map, each looked at by name and none ignored. Private to kernels/units/description.
#pragma once

#include "hw-models/Yaml.h"
#include "hw-models/support/Result.h"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::units {

/// Leaves the reader; caught at the library's border.
struct Refusal {
  std::string message;
};

class Fields {
public:
  /// `path` is that of the map, empty at the top. Refuses a node that is no map, and a member that is none of
  /// `allowed`.
  Fields(const hw::YamlNode &map, std::string path, const std::string &origin,
         std::initializer_list<std::string_view> allowed);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The member as it is; `wanted` says in the message what it should be.
  const hw::YamlNode &need(std::string_view name, std::string_view wanted) const;
  int lineOf(std::string_view name) const;
  std::string pathOf(std::string_view name) const;
  /// One line of plain text that is not empty.
  std::string text(std::string_view name) const;
  /// Text of several lines.
  std::string prose(std::string_view name) const;
  /// Letters, digits, and the characters of `also`; begins with a letter.
  std::string name(std::string_view name, std::string_view also) const;
  /// Decimal, or hexadecimal after 0x, which is how messages show the range of a code.
  uint32_t whole(std::string_view name, uint32_t low, uint32_t high, bool isCode = false) const;
  double real(std::string_view name, double low, double high) const;
  bool flag(std::string_view name) const;
  /// One of `choices`, by its place among them.
  size_t choice(std::string_view name, std::span<const std::string_view> choices) const;
  std::vector<std::string> texts(std::string_view name) const;
  const std::vector<hw::YamlNode> &list(std::string_view name) const;
  /// The members of a map; none if it is not there. Their names are unique.
  std::span<const hw::YamlMember> map(std::string_view name) const;

  [[noreturn]] void refuse(std::string_view name, std::string_view reason) const;

private:
  const hw::YamlNode *find(std::string_view name) const;
  const hw::YamlNode &scalar(std::string_view name, std::string_view wanted) const;

  const hw::YamlNode &node;
  std::string path;
  const std::string &origin;
};

bool isWord(std::string_view text, std::string_view also);
std::string joined(std::span<const std::string_view> texts);

} // namespace weft::units
