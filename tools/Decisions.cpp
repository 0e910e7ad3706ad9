#include "tools/Decisions.h"

#include "runtime/Table.h"

#include <fmt/format.h>

#include <fstream>

namespace weft::tools {
namespace {

std::vector<std::string> rowOf(const nlohmann::json &decision) {
  std::string alternatives;
  for (const nlohmann::json &each : decision.at("alternatives"))
    alternatives += fmt::format("{}{} {}", alternatives.empty() ? "" : ", ", each.at("name").get<std::string>(),
                                runtime::grouped(static_cast<uint64_t>(each.at("predicted_cycles").get<double>())));
  return {decision.at("op"), decision.at("choice"), decision.at("reason"), alternatives};
}

} // namespace

Result<Decisions> readDecisions(const std::string &path, const runtime::Package &package) {
  std::ifstream file(path);
  if (!file)
    return userError(fmt::format("{}: cannot read it", path));
  Decisions decisions;
  try {
    const nlohmann::json report = nlohmann::json::parse(file);
    if (report.at("schema") != "weft.compile/1" || !report.contains("kernels"))
      return userError(fmt::format("{}: not a report of weft compile about a package", path));
    if (report.at("hardware") != package.hardware_name || report.at("kernels") != package.kernels.size() ||
        report.at("mesh") != nlohmann::json{package.mesh_width, package.mesh_height})
      return userError(fmt::format("{}: a report about another package; compile again with --json", path));
    decisions.json = report.at("decisions");
    for (const nlohmann::json &each : decisions.json)
      decisions.rows.push_back(rowOf(each));
  } catch (const nlohmann::json::exception &) {
    return userError(fmt::format("{}: not a report of weft compile about a package", path));
  }
  return decisions;
}

std::string decisionTable(const Decisions &decisions) {
  runtime::Table table({{"what for"}, {"choice"}, {"reason"}, {"cycles of each"}});
  for (const std::vector<std::string> &row : decisions.rows)
    table.row(std::vector<std::string>(row));
  return "\nDecisions of the compiler\n" + table.text();
}

} // namespace weft::tools
