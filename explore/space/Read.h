// What the readers of a space's sections share.
#pragma once

#include "explore/space/Space.h"

#include <initializer_list>

namespace weft::explore {

struct SpaceReader {
  const std::string &origin;
  const Vocabulary &vocabulary;
  const ReadFile &readFile;
  Space space{};

  Error at(int line, std::string_view key, std::string_view reason) const;
  /// An error for a key of `map` that is not among `keys`.
  Result<void> checkKeys(const hw::YamlNode &map, std::string_view what,
                         std::initializer_list<std::string_view> keys) const;
  /// A whole number or the error.
  Result<uint64_t> whole(const hw::YamlNode &node, std::string_view key, uint64_t low, uint64_t high) const;
  Result<double> real(const hw::YamlNode &node, std::string_view key) const;
  Result<Expression> expression(const hw::YamlNode &node, std::string_view key) const;
  /// `path` as seen from the space's folder.
  std::string fromHere(const std::string &path) const;

  Result<void> readWorkloads(const hw::YamlNode &node, int line);
  Result<void> readAxes(const hw::YamlNode &node, int line);
  Result<void> readMethod(const hw::YamlNode &node, int line);

private:
  Result<void> readWorkload(const hw::YamlNode &map);
  Result<void> readMesh(const hw::YamlNode &node, Workload &workload) const;
  Result<void> readPopulation(const hw::YamlNode *node, int line);
  Result<void> readModel(Workload &workload, int line) const;
  Result<void> readAxis(const hw::YamlMember &member);
  Result<void> nameAxis(const hw::YamlMember &member, Axis &axis) const;
  Result<void> readRange(const hw::YamlNode &map, Axis &axis) const;
  Result<void> fillRange(const hw::YamlNode &step, Axis &axis) const;
  Result<void> fillLog(const hw::YamlNode &points, Axis &axis) const;
  Result<void> addValue(const hw::YamlNode &node, Axis &axis) const;
};

const hw::YamlNode *findMember(const hw::YamlNode &map, std::string_view key);
/// "one, two, three"
std::string listed(std::span<const std::string> names);

} // namespace weft::explore
