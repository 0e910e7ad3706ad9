#include "explore/tune/Record.h"

#include "hw-models/support/RegularFile.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace weft::explore {

std::string choicesText(const Choices &choices) {
  std::string text;
  for (const auto &[name, value] : choices)
    if (name != "schedule")
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  if (auto schedule = choices.find("schedule"); schedule != choices.end())
    text += text.empty() ? "reordered" : ", reordered";
  return text.empty() ? "default" : text;
}

std::string TuneRecord::key() const { return fmt::format("{}|{}|{}|{}|{}", kernel, shape, core, source, tool); }

// ---- lines ------------------------------------------------------------------------------------------------------

static const std::string schemaName = fmt::format("weft.tune/{}", tuneVersion);

static nlohmann::json toJson(const TuneRecord &record) {
  return {{"schema", schemaName},      {"kernel", record.kernel},
          {"shape", record.shape},     {"core", record.core},
          {"source", record.source},   {"tool", record.tool},
          {"machine", record.machine}, {"choices", record.choices},
          {"cycles", record.cycles},   {"default_cycles", record.defaultCycles}};
}

static Result<TuneRecord> recordOf(const nlohmann::json &json, const std::string &where) {
  const auto bad = [&](const std::string &what) { return userError(fmt::format("{}: {}", where, what)); };
  if (!json.is_object() || !json.contains("schema") || !json["schema"].is_string())
    return bad("this is no record of tuning; `weft tune --export` writes them");
  if (json["schema"] != schemaName)
    return bad(fmt::format("the record is of version '{}', this Weft reads {}", json["schema"].get<std::string>(),
                           schemaName));
  TuneRecord record;
  for (const auto &[name, place] : {std::pair<const char *, std::string *>{"kernel", &record.kernel},
                                    {"shape", &record.shape},
                                    {"core", &record.core},
                                    {"source", &record.source},
                                    {"tool", &record.tool},
                                    {"machine", &record.machine}}) {
    if (!json.contains(name) || !json[name].is_string())
      return bad(fmt::format("the record has no text '{}'", name));
    *place = json[name].get<std::string>();
  }
  for (const auto &[name, place] :
       {std::pair<const char *, double *>{"cycles", &record.cycles}, {"default_cycles", &record.defaultCycles}}) {
    if (!json.contains(name) || !json[name].is_number() || !(json[name].get<double>() >= 0))
      return bad(fmt::format("the record has no number '{}' of at least 0", name));
    *place = json[name].get<double>();
  }
  if (!json.contains("choices") || !json["choices"].is_object())
    return bad("the record has no object 'choices'");
  for (const auto &[name, value] : json["choices"].items()) {
    if (!value.is_string())
      return bad(fmt::format("the choice '{}' is no text", name));
    record.choices[name] = value.get<std::string>();
  }
  return record;
}

Result<std::vector<TuneRecord>> parseRecords(std::string_view text, const std::string &origin) {
  std::vector<TuneRecord> records;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    auto record = recordOf(nlohmann::json::parse(one, nullptr, false), fmt::format("{}:{}", origin, line));
    if (!record)
      return record.takeError();
    records.push_back(std::move(*record));
  }
  return records;
}

std::string toText(std::span<const TuneRecord> records) {
  std::string text;
  for (const TuneRecord &record : records)
    text += toJson(record).dump() + "\n";
  return text;
}

// ---- files of trials --------------------------------------------------------------------------------------------

static const char *const trialsName = "tune";

Result<std::vector<TuneRecord>> recordsOf(Store &store) {
  struct Found {
    TuneRecord record;
    double best = 0, base = 0;
  };
  std::map<std::string, Found> all;
  auto visited = store.forEach([&](const Row &row) -> Result<void> {
    if (row.status != "ok")
      return success();
    const auto inputs = nlohmann::json::parse(row.inputs, nullptr, false);
    const auto results = nlohmann::json::parse(row.results, nullptr, false);
    if (!inputs.is_object() || !results.is_object() || !results.contains("cycles") || !inputs.contains("subject"))
      return userError(fmt::format("{}: row {} is damaged; name another file", store.path(), row.digest));
    const double cycles = results["cycles"].get<double>();
    Found &found = all[inputs["subject"].dump()];
    const Choices choices = inputs.value("choices", Choices());
    if (row.fidelity == "full" && choices.empty())
      found.base = cycles;
    if (row.fidelity != "verified" || (found.best > 0 && cycles >= found.best))
      return success();
    found.best = cycles;
    const auto &subject = inputs["subject"];
    found.record = {subject.value("kernel", ""),
                    subject.value("shape", ""),
                    subject.value("core", ""),
                    subject.value("source", ""),
                    subject.value("tool", ""),
                    inputs.value("machine", ""),
                    choices,
                    cycles,
                    0};
    return success();
  });
  if (!visited)
    return visited.takeError();
  std::vector<TuneRecord> records;
  for (auto &[subject, found] : all)
    if (found.best > 0) {
      found.record.defaultCycles = found.base;
      records.push_back(std::move(found.record));
    }
  return records;
}

/// How a file in SQLite's format begins.
static bool isDatabase(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic(15, '\0');
  file.read(magic.data(), 15);
  return file.gcount() == 15 && magic == "SQLite format 3";
}

Result<std::vector<TuneRecord>> readRecords(const std::string &path) {
  if (auto regular = checkRegularFile(path); !regular)
    return regular.takeError();
  if (isDatabase(path)) {
    auto store = Store::openForReading(path);
    if (!store)
      return store.takeError();
    if (store->meta().name != trialsName)
      return userError(fmt::format("{} holds results of weft explore, not of weft tune", path));
    return recordsOf(*store);
  }
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    return userError(fmt::format("{} cannot be read", path));
  return parseRecords(text.str(), path);
}

Result<Store> openTrials(const std::string &path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) {
    auto made = Store::create(path, {trialsName, "", schemaName, WEFT_VERSION, "", ""});
    if (made || !std::filesystem::exists(path, failed))
      return made;
    // Another process was first.
  }
  auto store = Store::open(path);
  if (!store) { // what it advises is an option of weft explore
    Error error = store.takeError();
    if (const size_t at = error.message.find("with -o"); at != std::string::npos)
      error.message.replace(at, 7, "with --db");
    return error;
  }
  if (store->meta().name != trialsName)
    return userError(
        fmt::format("{} holds results of weft explore, not of weft tune; name another file with --db", path));
  if (store->meta().spaceDigest != schemaName)
    return userError(fmt::format("{} is of version '{}', this Weft writes {}; name another file with --db", path,
                                 store->meta().spaceDigest, schemaName));
  return store;
}

} // namespace weft::explore
