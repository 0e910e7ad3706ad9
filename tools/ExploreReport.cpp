#include "tools/ExploreReport.h"

#include "explore/run/Shard.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>
#include <set>

namespace weft::tools {

using namespace explore;
using nlohmann::ordered_json;

namespace {

constexpr size_t shownPoints = 20, shownInputs = 6;

std::string shortNumber(double value) { return fmt::format("{:.4g}", value); }

std::string textOf(const ordered_json &value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// Columns to the right, each as wide as it must be.
std::string table(const std::vector<std::vector<std::string>> &rows) {
  std::vector<size_t> widths;
  for (const auto &row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string out;
  for (const auto &row : rows) {
    out += ' ';
    for (size_t i = 0; i < row.size(); ++i)
      out += fmt::format(" {:>{}}", row[i], widths[i]);
    out += '\n';
  }
  return out;
}

std::string frontText(const Space &space, const std::string &workload, const std::vector<FrontPoint> &front) {
  std::string out = fmt::format("front of {}: {} points, {}\n", workload, front.size(), front.front().row.fidelity);
  std::vector<std::vector<std::string>> rows{{"point"}};
  for (const Objective &objective : space.objectives)
    rows[0].push_back(objective.metric);
  std::vector<std::string> inputs;
  const auto first = ordered_json::parse(front.front().row.inputs, nullptr, false);
  for (const auto &[name, value] : first.items())
    if (name != "workload" && inputs.size() < shownInputs)
      inputs.push_back(name);
  rows[0].insert(rows[0].end(), inputs.begin(), inputs.end());
  for (const FrontPoint &point : front) {
    if (rows.size() > shownPoints)
      break;
    rows.push_back({fmt::format("{}", point.row.ordinal)});
    for (const Objective &objective : space.objectives)
      rows.back().push_back(shortNumber(point.metrics.at(objective.metric)));
    const auto values = ordered_json::parse(point.row.inputs, nullptr, false);
    for (const std::string &name : inputs)
      rows.back().push_back(values.contains(name) ? textOf(values[name]) : "");
  }
  out += table(rows);
  if (front.size() > shownPoints)
    out += fmt::format("  and {} more; --export csv has all\n", front.size() - shownPoints);
  return out;
}

std::string csvField(const std::string &text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos)
    return text;
  std::string out = "\"";
  for (char c : text)
    out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

struct Columns {
  std::vector<std::string> inputs, results;
};

Result<Columns> columnsOf(Store &store) {
  std::vector<std::string> inputs;
  std::set<std::string> results;
  auto read = store.forEach([&](const Row &row) -> Result<void> {
    const auto in = ordered_json::parse(row.inputs, nullptr, false),
               out = ordered_json::parse(row.results, nullptr, false);
    if (!in.is_object() || !out.is_object())
      return userError(fmt::format("{}: point {} is no JSON; the file is damaged", store.path(), row.ordinal));
    for (const auto &[name, value] : in.items())
      if (std::find(inputs.begin(), inputs.end(), name) == inputs.end())
        inputs.push_back(name);
    for (const auto &[name, value] : out.items())
      results.insert(name);
    return success();
  });
  if (!read)
    return read.takeError();
  return Columns{std::move(inputs), {results.begin(), results.end()}};
}

Result<void> exportCsv(Store &store, std::ostream &out) {
  auto columns = columnsOf(store);
  if (!columns)
    return columns.takeError();
  out << "ordinal,fidelity,status,reason_kind,reason";
  for (const auto *names : {&columns->inputs, &columns->results})
    for (const std::string &name : *names)
      out << ',' << csvField(name);
  out << ",digest\n";
  return store.forEach([&](const Row &row) -> Result<void> {
    const auto inputs = ordered_json::parse(row.inputs, nullptr, false),
               results = ordered_json::parse(row.results, nullptr, false);
    out << fmt::format("{},{},{},{},{}", row.ordinal, row.fidelity, row.status, csvField(row.reasonKind),
                       csvField(row.reason));
    for (const auto &[names, values] : {std::pair{&columns->inputs, &inputs}, {&columns->results, &results}})
      for (const std::string &name : *names)
        out << ',' << (values->contains(name) ? csvField(textOf((*values)[name])) : "");
    out << ',' << row.digest << '\n';
    return success();
  });
}

Result<void> exportJsonLines(Store &store, std::ostream &out) {
  return store.forEach([&](const Row &row) -> Result<void> {
    ordered_json line;
    line["ordinal"] = row.ordinal;
    line["fidelity"] = row.fidelity;
    line["status"] = row.status;
    if (row.status != "ok") {
      line["reason_kind"] = row.reasonKind;
      line["reason"] = row.reason;
    }
    line["inputs"] = ordered_json::parse(row.inputs, nullptr, false);
    line["results"] = ordered_json::parse(row.results, nullptr, false);
    line["digest"] = row.digest;
    out << line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
    return success();
  });
}

/// As one word of a shell.
std::string shellWord(const std::string &text) {
  std::string out = "'";
  for (char c : text)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

} // namespace

/// How sure the front is: what the filter may be wrong by, and how far it was.
static std::string certaintyText(const Space &space, const Findings &findings, double bound) {
  std::string out;
  if (space.front) {
    uint64_t refused = 0;
    std::string why;
    for (const auto &[reason, points] : findings.finerReasons) {
      refused += points;
      why += fmt::format("{}{} {}", why.empty() ? "" : ", ", reason, points);
    }
    const auto run = findings.rows.find(std::string(nameOf(*space.front)));
    out += fmt::format(
        "{} is taken to be within {:.3g} %: {} points that may so be on the front, or were checked, run at "
        "{}",
        nameOf(space.filter), bound * 100, run == findings.rows.end() ? 0 : run->second, nameOf(*space.front));
    out += refused ? fmt::format("; {} refused there: {}\n", refused, why) : "\n";
  }
  for (const Difference &difference : findings.differences)
    out += fmt::format(
        "{} against {}, {} of {} points: mean difference {:.2f} %, worst {:.2f} %{}\n", difference.rough,
        difference.fine, difference.metric, difference.points, difference.mean * 100, difference.worst * 100,
        bound > 0 && difference.worst > bound ? "; more than is taken for granted: the front may lack points" : "");
  return out;
}

std::string findingsText(const Space &space, const Findings &findings, double bound) {
  std::string out;
  for (const auto &[reason, points] : findings.reasons)
    out += fmt::format("  refused, {}: {}\n", reason, points);
  for (const auto &[workload, front] : findings.fronts)
    if (!front.empty())
      out += frontText(space, workload, front);
  out += certaintyText(space, findings, bound);
  return out;
}

Result<void> exportRows(Store &store, const std::string &format, std::ostream &out) {
  auto done = format == "csv" ? exportCsv(store, out) : exportJsonLines(store, out);
  out.flush();
  if (done && !out)
    return userError("the rows cannot be written");
  return done;
}

std::string slurmScript(const std::string &spacePath, const std::string &results, uint64_t tasks) {
  Shard shard{Shard::Origin::JobArray, 0, tasks};
  std::string merge = "weft explore -o " + shellWord(results) + " --merge";
  for (shard.index = 0; shard.index < tasks; ++shard.index)
    merge += " " + shellWord(shard.pathOf(results));
  return fmt::format("#!/bin/bash\n"
                     "# A task a shard; each goes on where it was when it is started again. When all have ended:\n"
                     "#   bash THIS_FILE merge\n"
                     "#SBATCH --job-name=weft-explore\n"
                     "#SBATCH --array=1-{}\n"
                     "#SBATCH --cpus-per-task=1\n"
                     "set -euo pipefail\n"
                     "if [[ ${{1:-}} == merge ]]; then\n"
                     "  {}\n"
                     "  exec weft explore {} -o {} --resume\n"
                     "fi\n"
                     "exec weft explore {} -o {} --resume --jobs \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
                     tasks, merge, shellWord(spacePath), shellWord(results), shellWord(spacePath), shellWord(results));
}

} // namespace weft::tools
