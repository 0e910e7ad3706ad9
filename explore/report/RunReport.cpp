#include "explore/report/Report.h"
#include "hw-models/Schema.h"
#include "runtime/support/Json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace weft::explore {

using nlohmann::json;

namespace {

constexpr uint64_t mostBytes = uint64_t{512} << 20;

/// Of a mesh's picture; weft bins what is larger.
constexpr uint64_t mostBins = 256;

enum class Type { Text, Number, Object, List, Numbers, NumberByName };
enum class Need { Always, IfThere };

struct Wanted {
  const char *key;
  Type type;
  Need need = Need::Always;
};

bool isOf(const json &value, Type type) {
  const auto isNumber = [](const json &each) { return each.is_number(); };
  switch (type) {
  case Type::Text:
    return value.is_string();
  case Type::Number:
    return value.is_number();
  case Type::Object:
    return value.is_object();
  case Type::List:
    return value.is_array();
  case Type::Numbers:
    return value.is_array() && std::all_of(value.begin(), value.end(), isNumber);
  case Type::NumberByName:
    return value.is_object() && std::all_of(value.begin(), value.end(), isNumber);
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
  case Type::Numbers:
    return "a list of numbers";
  case Type::NumberByName:
    return "an object of numbers";
  }
  return "";
}

Error notAsWritten(const std::string &what) { return userError(what + "; it is not as weft wrote it"); }

/// What the page cannot do without, and what it does not take otherwise. A null is as good as no key.
Result<void> checkKeys(const json &object, std::initializer_list<Wanted> keys, const std::string &where) {
  for (const Wanted &wanted : keys) {
    auto found = object.find(wanted.key);
    if (wanted.need == Need::IfThere && (found == object.end() || found->is_null()))
      continue;
    if (found == object.end())
      return notAsWritten(fmt::format("{} has no key '{}'", where, wanted.key));
    if (!isOf(*found, wanted.type))
      return notAsWritten(fmt::format("{}: '{}' is not {}", where, wanted.key, nameOf(wanted.type)));
  }
  return success();
}

Result<void> checkList(const json &list, std::initializer_list<Wanted> keys, const std::string &where) {
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string entry = fmt::format("{}[{}]", where, i);
    if (!list[i].is_object())
      return notAsWritten(entry + " is not an object");
    if (auto checked = checkKeys(list[i], keys, entry); !checked)
      return checked;
  }
  return success();
}

/// Whether "5*3 7" is `count` numbers less than `limit`.
bool isRuns(std::string_view text, uint64_t count, double limit) {
  uint64_t found = 0;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    double value = 0;
    uint64_t times = 1;
    const char *last = part.data() + part.size();
    std::from_chars_result read = std::from_chars(part.data(), last, value);
    if (read.ec != std::errc() || !(value >= 0 && value < limit))
      return false;
    if (read.ptr != last && *read.ptr == '*')
      read = std::from_chars(read.ptr + 1, last, times);
    if (read.ec != std::errc() || read.ptr != last || times > count - found)
      return false;
    found += times;
  }
  return found == count;
}

/// By bin, once or twice, and of all.
Result<void> checkPlane(const json &plane, const json &map, const std::string &where) {
  const Wanted wanted[] = {{"mean", Type::Object}, {"max", Type::Object, Need::IfThere}};
  if (auto checked = checkKeys(plane, {{"sum", Type::Number}, {"highest", Type::Number}, wanted[0], wanted[1]}, where);
      !checked)
    return checked;
  const auto columns = map["columns"].get<uint64_t>(), rows = map["rows"].get<uint64_t>();
  for (const auto &[key, type, need] : wanted) {
    if (!plane.contains(key) || plane[key].is_null())
      continue;
    const std::string place = where + ", " + key;
    const json &grid = plane[key];
    if (auto checked = checkKeys(grid, {{"lines", Type::List}, {"rows", Type::Text}}, place); !checked)
      return checked;
    for (const json &line : grid["lines"])
      if (!line.is_string() || !isRuns(line.get_ref<const std::string &>(), columns, INFINITY))
        return notAsWritten(fmt::format("{}: a line is not {} numbers", place, columns));
    if (!isRuns(grid["rows"].get_ref<const std::string &>(), rows, static_cast<double>(grid["lines"].size())))
      return notAsWritten(fmt::format("{}: 'rows' does not name {} of the lines", place, rows));
  }
  return success();
}

Result<void> checkPlanes(const json &object, std::initializer_list<const char *> names, const json &map,
                         const std::string &where) {
  for (const char *name : names) {
    if (auto checked = checkKeys(object, {{name, Type::Object}}, where); !checked)
      return checked;
    if (auto checked = checkPlane(object[name], map, where + ", " + name); !checked)
      return checked;
  }
  return success();
}

/// Of a map: how many bins, and cores a side of one.
Result<void> checkBins(const json &map, const std::string &where) {
  for (const char *key : {"bin", "columns", "rows"}) {
    const uint64_t most = std::string_view(key) == "bin" ? UINT32_MAX : mostBins;
    if (!map[key].is_number_unsigned() || map[key] == 0 || map[key].get<uint64_t>() > most)
      return notAsWritten(fmt::format("{}: '{}' is not a whole number from 1 to {}", where, key, most));
  }
  return success();
}

Result<void> checkMap(const json &map, const std::string &where) {
  if (auto checked = checkBins(map, where); !checked)
    return checked;
  if (auto checked = checkPlanes(map, {"busy", "link", "sram"}, map, where); !checked)
    return checked;
  if (auto checked = checkPlanes(map["links"], {"west", "east", "north", "south"}, map, where + ", links"); !checked)
    return checked;
  if (auto checked = checkList(map["ops"],
                               {{"op", Type::Text},
                                {"cycles", Type::Number},
                                {"macs", Type::Number},
                                {"narrow_macs", Type::Number},
                                {"load_bytes", Type::Number},
                                {"word_hops", Type::Number}},
                               where + ", ops");
      !checked)
    return checked;
  for (size_t i = 0; i < map["ops"].size(); ++i)
    if (auto checked = checkPlanes(map["ops"][i], {"busy", "link"}, map, fmt::format("{}, ops[{}]", where, i));
        !checked)
      return checked;
  return success();
}

Result<void> checkMaps(const json &run, const std::string &path) {
  if (!run.contains("maps"))
    return success();
  if (auto checked = checkKeys(run, {{"maps", Type::List}, {"machine", Type::Object}}, path); !checked)
    return checked;
  if (auto checked = checkKeys(run["machine"],
                               {{"macs_f32", Type::Number},
                                {"macs_f16", Type::Number},
                                {"load_bytes", Type::Number},
                                {"link_bytes", Type::Number},
                                {"sram_bytes", Type::Number}},
                               path + ", machine");
      !checked)
    return checked;
  const json &maps = run["maps"];
  if (auto checked = checkList(maps,
                               {{"program", Type::Text},
                                {"cycles", Type::Number},
                                {"bin", Type::Number},
                                {"columns", Type::Number},
                                {"rows", Type::Number},
                                {"links", Type::Object},
                                {"ops", Type::List}},
                               path + ", maps");
      !checked)
    return checked;
  for (size_t i = 0; i < maps.size(); ++i)
    if (auto checked = checkMap(maps[i], fmt::format("{}, maps[{}]", path, i)); !checked)
      return checked;
  return success();
}

/// Of a model there is a list of launches, of a kernel one.
Result<void> checkExplanations(const json &run, const std::string &path) {
  if (!run.contains("explain") || run["explain"].is_null())
    return success();
  const json all = run["explain"].is_array() ? run["explain"] : json::array({run["explain"]});
  const std::string where = path + ", explain";
  if (auto checked = checkList(all,
                               {{"program", Type::Text},
                                {"cycles", Type::Number},
                                {"segments", Type::Number},
                                {"by_cause", Type::NumberByName},
                                {"path", Type::List},
                                {"busiest_link", Type::Object, Need::IfThere}},
                               where);
      !checked)
    return checked;
  for (const json &why : all) {
    if (auto checked = checkList(why["path"], {{"cause", Type::Text}, {"begin", Type::Number}, {"end", Type::Number}},
                                 where + ", path");
        !checked)
      return checked;
    if (why.contains("busiest_link") && !why["busiest_link"].is_null())
      if (auto checked =
              checkKeys(why["busiest_link"], {{"at", Type::Numbers}, {"to", Type::Text}, {"words", Type::Number}},
                        where + ", busiest_link");
          !checked)
        return checked;
  }
  return success();
}

Result<void> checkModel(const json &run, const std::string &path) {
  if (auto checked = checkKeys(run,
                               {{"model", Type::Object},
                                {"cycles", Type::Object},
                                {"seconds", Type::Object},
                                {"sram", Type::List},
                                {"prompt_tokens", Type::Numbers, Need::IfThere}},
                               path);
      !checked)
    return checked;
  if (auto checked =
          checkKeys(run["cycles"], {{"prefill", Type::Number, Need::IfThere}, {"decode", Type::Numbers, Need::IfThere}},
                    path + ", cycles");
      !checked)
    return checked;
  return checkList(run["sram"],
                   {{"class", Type::Text},
                    {"cores", Type::Number},
                    {"peak_bytes", Type::Number},
                    {"budget_bytes", Type::Number},
                    {"by_kind", Type::NumberByName}},
                   path + ", sram");
}

Result<void> checkKernel(const json &run, const std::string &path) {
  if (auto checked = checkKeys(run,
                               {{"cycles", Type::Number},
                                {"shape", Type::Numbers, Need::IfThere},
                                {"alternatives", Type::List, Need::IfThere}},
                               path);
      !checked)
    return checked;
  return checkList(run.value("alternatives", json()),
                   {{"algorithm", Type::Text}, {"cycles", Type::Number, Need::IfThere}}, path + ", alternatives");
}

Result<void> checkMesh(const json &mesh, const std::string &path) {
  const hw::Key &key = *hw::findKey("parallelism.mesh");
  const auto isSide = [&](const json &side) {
    return side.is_number_unsigned() && side.get<double>() >= key.low && side.get<double>() <= key.high;
  };
  if (mesh.size() != 2 || !std::all_of(mesh.begin(), mesh.end(), isSide))
    return notAsWritten(fmt::format("{}: 'mesh' is not two whole numbers from {} to {}", path, key.low, key.high));
  return success();
}

Result<void> check(const json &run, const std::string &schema, const std::string &path) {
  if (auto checked = checkKeys(
          run, {{"hardware", Type::Object}, {"mesh", Type::List}, {"clock_ghz", Type::Number}, {"per_op", Type::List}},
          path);
      !checked)
    return checked;
  for (const char *about : {"evaluator", "kernel_costs", "error_bar"})
    if (auto checked = checkKeys(run, {{about, Type::Object, Need::IfThere}}, path); !checked)
      return checked;
  if (run.contains("evaluator") && !run["evaluator"].is_null())
    if (auto checked = checkKeys(run["evaluator"], {{"name", Type::Text}}, path + ", evaluator"); !checked)
      return checked;
  if (auto checked = checkMesh(run["mesh"], path); !checked)
    return checked;
  if (auto checked = schema == "weft.run/1" ? checkModel(run, path) : checkKernel(run, path); !checked)
    return checked;
  if (auto checked = checkList(run["per_op"],
                               {{"op", Type::Text},
                                {"kind", Type::Text},
                                {"phase", Type::Text, Need::IfThere},
                                {"cycles", Type::Number},
                                {"compute", Type::Number},
                                {"communicate", Type::Number},
                                {"wait", Type::Number},
                                {"hidden", Type::Number, Need::IfThere}},
                               path + ", per_op");
      !checked)
    return checked;
  if (auto checked = checkExplanations(run, path); !checked)
    return checked;
  return checkMaps(run, path);
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
