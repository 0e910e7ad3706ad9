#include "explore/report/Report.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>

namespace weft::explore {

using nlohmann::json;

namespace {

constexpr uint64_t mostBytes = uint64_t{512} << 20;

enum class Type { Text, Number, Object, List };

struct Wanted {
  const char *key;
  Type type;
};

bool isOf(const json &value, Type type) {
  switch (type) {
  case Type::Text:
    return value.is_string();
  case Type::Number:
    return value.is_number();
  case Type::Object:
    return value.is_object();
  case Type::List:
    return value.is_array();
  }
  return false;
}

const char *nameOf(Type type) {
  switch (type) {
  case Type::Text:
    return "a text";
  case Type::Number:
    return "a number";
  case Type::Object:
    return "an object";
  case Type::List:
    return "a list";
  }
  return "";
}

/// What the page cannot do without.
Result<void> checkKeys(const json &object, std::initializer_list<Wanted> keys, const std::string &where) {
  for (const Wanted &wanted : keys) {
    auto found = object.find(wanted.key);
    if (found == object.end())
      return userError(fmt::format("{} has no key '{}'; it is not as weft wrote it", where, wanted.key));
    if (!isOf(*found, wanted.type))
      return userError(
          fmt::format("{}: '{}' is not {}; it is not as weft wrote it", where, wanted.key, nameOf(wanted.type)));
  }
  return success();
}

Result<void> checkList(const json &list, std::initializer_list<Wanted> keys, const std::string &where) {
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string entry = fmt::format("{}[{}]", where, i);
    if (!list[i].is_object())
      return userError(fmt::format("{} is not an object; it is not as weft wrote it", entry));
    if (auto checked = checkKeys(list[i], keys, entry); !checked)
      return checked;
  }
  return success();
}

Result<void> checkGrid(const json &plane, const std::string &where) {
  for (const char *which : {"mean", "max"}) {
    if (!plane.contains(which) && std::string_view(which) == "max")
      continue;
    if (auto checked = checkKeys(plane, {{which, Type::Object}}, where); !checked)
      return checked;
    if (auto checked = checkKeys(plane[which], {{"lines", Type::List}, {"rows", Type::Text}}, where + ", " + which);
        !checked)
      return checked;
  }
  return success();
}

Result<void> checkMaps(const json &maps, const std::string &path) {
  const std::string where = path + ", maps";
  if (auto checked = checkList(maps,
                               {{"program", Type::Text},
                                {"cycles", Type::Number},
                                {"bin", Type::Number},
                                {"columns", Type::Number},
                                {"rows", Type::Number},
                                {"busy", Type::Object},
                                {"link", Type::Object},
                                {"sram", Type::Object},
                                {"links", Type::Object},
                                {"ops", Type::List}},
                               where);
      !checked)
    return checked;
  for (const json &map : maps) {
    for (const char *plane : {"busy", "link", "sram"})
      if (auto checked = checkGrid(map[plane], where + ", " + plane); !checked)
        return checked;
    if (auto checked = checkList(map["ops"],
                                 {{"op", Type::Text},
                                  {"cycles", Type::Number},
                                  {"macs", Type::Number},
                                  {"busy", Type::Object},
                                  {"link", Type::Object}},
                                 where + ", ops");
        !checked)
      return checked;
    for (const json &op : map["ops"])
      for (const char *plane : {"busy", "link"})
        if (auto checked = checkGrid(op[plane], where + ", ops, " + plane); !checked)
          return checked;
  }
  return success();
}

Result<void> check(const json &run, const std::string &schema, const std::string &path) {
  const bool isModel = schema == "weft.run/1";
  if (auto checked = checkKeys(run,
                               {{"hardware", Type::Object},
                                {"mesh", Type::List},
                                {"clock_ghz", Type::Number},
                                {"per_op", Type::List},
                                {"cycles", isModel ? Type::Object : Type::Number}},
                               path);
      !checked)
    return checked;
  if (isModel)
    if (auto checked = checkKeys(run, {{"model", Type::Object}, {"seconds", Type::Object}, {"sram", Type::List}}, path);
        !checked)
      return checked;
  if (run["mesh"].size() != 2 || !run["mesh"][0].is_number_unsigned() || !run["mesh"][1].is_number_unsigned())
    return userError(fmt::format("{}: 'mesh' is not two numbers; it is not as weft wrote it", path));
  if (auto checked = checkList(run["per_op"],
                               {{"op", Type::Text},
                                {"kind", Type::Text},
                                {"cycles", Type::Number},
                                {"compute", Type::Number},
                                {"communicate", Type::Number},
                                {"wait", Type::Number}},
                               path + ", per_op");
      !checked)
    return checked;
  if (!run.contains("maps"))
    return success();
  if (auto checked = checkKeys(run, {{"maps", Type::List}, {"machine", Type::Object}}, path); !checked)
    return checked;
  return checkMaps(run["maps"], path);
}

} // namespace

Result<nlohmann::ordered_json> runData(const std::string &path) {
  auto run = runtime::readJsonFile(path, mostBytes);
  if (!run)
    return run.takeError();
  const std::string schema = run->is_object() && run->contains("schema") && (*run)["schema"].is_string()
                                 ? (*run)["schema"].get<std::string>()
                                 : "";
  if (schema.empty())
    return userError(fmt::format("{}: no report of Weft: it has no key 'schema'; weft report takes what weft run "
                                 "--json and weft kernel --json write, and results of weft explore",
                                 path));
  if (schema != "weft.run/1" && schema != "weft.kernel/1") {
    const std::string name = schema.substr(0, schema.find('/'));
    if (name == "weft.run" || name == "weft.kernel")
      return userError(fmt::format("{}: a report of another version of Weft ({}; this one reads {}/1); run it again",
                                   path, runtime::printable(schema), name));
    return userError(fmt::format("{}: holds {}; weft report takes what weft run --json and weft kernel --json write, "
                                 "and results of weft explore",
                                 path, runtime::printable(schema)));
  }
  if (auto checked = check(*run, schema, path); !checked)
    return checked.takeError();
  return nlohmann::ordered_json{{"kind", "run"}, {"run", nlohmann::ordered_json(*run)}};
}

} // namespace weft::explore
