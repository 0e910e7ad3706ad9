#include "explore/tune/Record.h"

#include "explore/tune/Trials.h"
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

/// An object whose members are all texts.
static std::optional<Choices> textsOf(const nlohmann::json &json) {
  if (!json.is_object())
    return std::nullopt;
  Choices texts;
  for (const auto &[name, value] : json.items()) {
    if (!value.is_string())
      return std::nullopt;
    texts[name] = value.get<std::string>();
  }
  return texts;
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
    if (!json.contains(name) || !json[name].is_number() || !(json[name].get<double>() >= 0) ||
        json[name].get<double>() > mostCycles)
      return bad(fmt::format("the record has no number '{}' from 0 to {}", name, mostCycles));
    *place = json[name].get<double>();
  }
  auto choices = json.contains("choices") ? textsOf(json["choices"]) : std::nullopt;
  if (!choices)
    return bad("the record has no object 'choices' of texts");
  record.choices = std::move(*choices);
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

/// What a row says beside its fidelity, the default's cycles aside; nothing if it is damaged.
static std::optional<TuneRecord> trialOf(const Row &row) {
  const std::optional<double> cycles = cyclesIn(row.results);
  const auto inputs = nlohmann::json::parse(row.inputs, nullptr, false);
  if (!cycles || *cycles == 0 || !inputs.is_object() || !inputs.contains("subject"))
    return std::nullopt;
  auto subject = textsOf(inputs["subject"]);
  auto choices = inputs.contains("choices") ? textsOf(inputs["choices"]) : Choices();
  const bool hasMachine = inputs.contains("machine");
  if (!subject || !choices || (hasMachine && !inputs["machine"].is_string()))
    return std::nullopt;
  Choices &of = *subject;
  return TuneRecord{of["kernel"],        of["shape"], of["core"],
                    of["source"],        of["tool"],  hasMachine ? inputs["machine"].get<std::string>() : "",
                    std::move(*choices), *cycles,     0};
}

Result<std::vector<TuneRecord>> recordsOf(Store &store) {
  struct Found {
    TuneRecord record;
    double best = 0, base = 0;
  };
  std::map<std::string, Found> all;
  auto visited = store.forEach([&](const Row &row) -> Result<void> {
    if (row.status != "ok")
      return success();
    auto trial = trialOf(row);
    if (!trial)
      return userError(fmt::format("{}: row {} is damaged; name another file", store.path(), row.digest));
    Found &found = all[trial->key()];
    if (row.fidelity == "full" && trial->choices.empty())
      found.base = trial->cycles;
    if (row.fidelity == "verified" && (found.best == 0 || trial->cycles < found.best)) {
      found.best = trial->cycles;
      found.record = std::move(*trial);
    }
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
